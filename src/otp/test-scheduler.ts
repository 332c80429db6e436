/**
 * A scheduler and a clock for tests: the seed decides who runs next, the test decides what time it is.
 *
 * Every runnable process waits in one list; each step draws one of them and lets it run for one
 * wake-up, with everything that its promises bring in the same step. Two runs with one seed are
 * the same run, so a race that one seed shows is replayed by it.
 */
import { ManualClock } from './clock';
import type { Scheduler, Wakeup } from './scheduler';

/** Give a runtime both it and its clock: `new Runtime({ scheduler, clock: scheduler.clock })`. Nothing runs before a step. */
export class TestScheduler implements Scheduler {
  readonly clock = new ManualClock();
  private readonly runnable: { readonly id: number; readonly run: () => void }[] = [];
  private readonly random: () => number;

  constructor(readonly seed: number) {
    this.random = randomFrom(seed);
  }

  add(id: number, run: () => void): Wakeup {
    return {
      wake: () => void this.runnable.push({ id, run }),
      release: () => {},
    };
  }

  stop(): void {
    this.runnable.length = 0;
  }

  /** Lets one process run, and says which: its number, or undefined when none is runnable. */
  async step(): Promise<number | undefined> {
    const next = this.draw();
    next?.run();
    await promisesToSettle();
    return next?.id;
  }

  /** Takes one out in constant time: the last one gets its place. */
  private draw(): { readonly id: number; readonly run: () => void } | undefined {
    const position = Math.floor(this.random() * this.runnable.length);
    const last = this.runnable.pop();
    const drawn = this.runnable[position];
    if (last === undefined || drawn === undefined) return last;
    this.runnable[position] = last;
    return drawn;
  }

  /**
   * Steps until nothing is runnable.
   *
   * @throws Error after `stepsMax` steps: two processes that keep each other busy for ever
   */
  async runUntilIdle(stepsMax = 1_000_000): Promise<void> {
    await promisesToSettle();
    for (let steps = 0; this.runnable.length > 0; steps += 1) {
      if (steps === stepsMax)
        throw new Error(`Cannot become idle: still busy after ${stepsMax} steps (seed ${this.seed})`);
      await this.step();
    }
  }

  /**
   * Moves time on by `ms`, alarm by alarm, running everything that becomes runnable on the way.
   *
   * @throws Error after `alarmsMax` alarms: somebody waits for 0 ms again and again
   */
  async advance(ms: number, alarmsMax = 1_000_000): Promise<void> {
    const endMs = this.clock.nowMs() + ms;
    let alarms = 0;
    await this.runUntilIdle();
    for (
      let alarmMs = this.clock.nextAlarmMs;
      alarmMs !== undefined && alarmMs <= endMs;
      alarmMs = this.clock.nextAlarmMs
    ) {
      alarms += 1;
      if (alarms > alarmsMax)
        throw new Error(
          `Cannot advance: time stands still at ${alarmMs} ms after ${alarmsMax} alarms (seed ${this.seed})`,
        );
      this.clock.advanceTo(alarmMs);
      await this.runUntilIdle();
    }
    this.clock.advanceTo(endMs);
  }
}

/** Numbers in [0, 1) that depend on the seed alone (the generator known as mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** An immediate runs after every promise that can settle now has settled. */
const promisesToSettle = () => new Promise<void>((resolve) => void setImmediate(resolve));
