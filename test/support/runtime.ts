/**
 * A runtime for one test: the seed decides who runs, the test decides what time it is, and when the
 * test is over nothing may be left of it.
 *
 * A test says how many processes it leaves alive, none by default. They are killed, and then the
 * process table, the timers and the names must be empty, and so must be the links and monitors of
 * every process that ever lived.
 */
import {
  type Pid,
  type ProcessBody,
  type Reason,
  type Report,
  Runtime,
  type RuntimeOptions,
  type Self,
} from '../../src/otp';
import { spawn, TestScheduler } from '../../src/otp';
import type { Process } from '../../src/otp/process';
import { watch } from '../../src/otp/signals';

/** What a process ended with; undefined while it lives. */
export interface Ending {
  ended: boolean;
  reason: Reason;
}

export class World {
  readonly scheduler: TestScheduler;
  readonly runtime: Runtime;
  readonly reports: Report[] = [];
  private readonly everyProcess: Process[] = [];

  constructor(
    readonly seed: number,
    options: RuntimeOptions = {},
  ) {
    this.scheduler = new TestScheduler(seed);
    this.runtime = new Runtime({ scheduler: this.scheduler, clock: this.scheduler.clock, ...options });
    this.runtime.logger.addHandler('test', (_level, report) => void this.reports.push(report));
    const spawnProcess = this.runtime.spawnProcess.bind(this.runtime);
    this.runtime.spawnProcess = (body, origin) => {
      const process = spawnProcess(body, origin);
      this.everyProcess.push(process);
      return process;
    };
  }

  spawn<M>(body: ProcessBody<M>): Pid<M> {
    return this.runtime.run(() => spawn(this.runtime, body));
  }

  /** Runs `body` as a process of its own until it is done, and gives what it gave. */
  async run<T>(body: (self: Self<unknown>) => T | Promise<T>, { advanceMs = 0 } = {}): Promise<T> {
    let outcome: { readonly value: T } | { readonly error: unknown } | undefined;
    const pid = this.spawn<unknown>(async (self) => {
      try {
        outcome = { value: await body(self) };
      } catch (error) {
        outcome = { error };
      }
    });
    const ending = this.watch(pid);
    await this.idle();
    if (advanceMs > 0) await this.advance(advanceMs);
    if (outcome === undefined) throw new Error(ending.ended ? `ended with ${String(ending.reason)}` : 'still waiting');
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }

  /** Does `action` in the runtime but outside of any process, and lets everything run. */
  async outside<T>(action: () => Promise<T>): Promise<T> {
    const pending = this.runtime.run(action);
    pending.catch(() => {});
    await this.idle();
    return pending;
  }

  idle(): Promise<void> {
    return this.scheduler.runUntilIdle();
  }

  advance(ms: number): Promise<void> {
    return this.scheduler.advance(ms);
  }

  /** How a process ends, as seen by nobody in particular. */
  watch(pid: Pid): Ending {
    const ending: Ending = { ended: false, reason: undefined };
    const process = pid.process;
    if (process === undefined) throw new Error(`Cannot watch: ${String(pid)} is dead`);
    watch(undefined, process, (reason) => {
      ending.ended = true;
      ending.reason = reason;
    });
    return ending;
  }

  kill(pid: Pid, reason: Reason = 'kill'): true {
    return this.runtime.run(() => this.runtime.exit(pid, reason));
  }

  reportsOf<T extends Report['type']>(type: T): Extract<Report, { readonly type: T }>[] {
    return this.reports.filter((report): report is Extract<Report, { readonly type: T }> => report.type === type);
  }

  /** Ends what is left and checks that nothing of it remains. */
  async end(leaves: number): Promise<void> {
    await this.idle();
    expect({ processesLeft: this.runtime.processCount }).toEqual({ processesLeft: leaves });
    for (const pid of this.runtime.processes()) this.kill(pid);
    await this.idle();
    expect(this.left()).toEqual(NOTHING_LEFT);
    this.runtime.stop();
  }

  private left(): typeof NOTHING_LEFT {
    const total = (size: (process: Process) => number) =>
      this.everyProcess.reduce((sum, process) => sum + size(process), 0);
    return {
      processes: this.runtime.processCount,
      timers: this.runtime.timerCount,
      names: this.runtime.registry.registered(),
      links: total((process) => process.links.size),
      monitors: total((process) => process.monitors.size),
      monitoredBy: total((process) => process.monitoredBy.size),
      messages: total((process) => process.mailbox.length),
    };
  }
}

const NOTHING_LEFT = {
  processes: 0,
  timers: 0,
  names: [] as readonly string[],
  links: 0,
  monitors: 0,
  monitoredBy: 0,
  messages: 0,
};

export interface WorldOptions extends RuntimeOptions {
  /** Run the test with the seeds 1 to this. @default 3 */
  readonly seeds?: number;
  /** Processes that the test leaves alive. @default 0 */
  readonly leaves?: number;
}

/** The body of a test in a {@link World}, once for each seed; a failure names its seed. */
export function inWorld(
  body: (world: World) => void | Promise<void>,
  { seeds = 3, leaves = 0, ...options }: WorldOptions = {},
): () => Promise<void> {
  return async () => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      const world = new World(seed, options);
      try {
        await body(world);
        await world.end(leaves);
      } catch (error) {
        if (error instanceof Error) error.message = `with seed ${seed}: ${error.message}`;
        throw error;
      }
    }
  };
}

/** What `action` throws or rejects with. */
export async function failureOf(action: () => unknown): Promise<unknown> {
  try {
    await action();
  } catch (error) {
    return error;
  }
  throw new Error('Expected a failure, but there was none');
}

/** A body that takes messages and keeps them, for ever. */
export function collectInto(messages: unknown[], { trap = false } = {}): ProcessBody<unknown> {
  return (self) => {
    self.trapExit(trap);
    self.serve((message) => void messages.push(message));
  };
}

/** A body that waits for ever. */
export const idler: ProcessBody<unknown> = (self) => self.serve(() => {});

/** A body that traps exits and waits for ever. */
export const trapper: ProcessBody<unknown> = (self) => {
  self.trapExit(true);
  self.serve(() => {});
};

/** Throws, where only an expression may stand. */
export function raise(value: unknown): never {
  throw value;
}

/** `{error, Reason}`: what a call gives that is told why it was not done. */
export const failed = (error: Reason) => ({ ok: false, error });
