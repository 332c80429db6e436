/**
 * Clock: the only place where the runtime learns what time it is.
 *
 * Two readings are kept apart, as in Erlang: monotonic time never runs backwards and measures
 * intervals; system time is what a calendar shows. Tests put a clock in that moves by hand.
 */
import { performance } from 'node:perf_hooks';

/** Two readings and one alarm: all that the runtime asks of time. The scheduler of a test brings its own. */
export interface Clock {
  /** Monotonic milliseconds; only differences mean anything. */
  nowMs(): number;
  /** Unix milliseconds, for people and for versions that cross nodes. */
  systemMs(): number;
  /** Calls `fire` once, not before `atMs`. A second call replaces the first; `undefined` disarms. */
  wakeAt(atMs: number | undefined, fire: () => void): void;
}

/** setTimeout fires at once above this; longer waits are made of several. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** How the machine's clock is to be read. */
export interface SystemClockOptions {
  /** Whether a pending timer keeps Node from exiting, as its own timers do. @default true */
  readonly keepAlive?: boolean;
  /** By how many milliseconds its system time is wrong, for tests of what comes of that. @default 0 */
  readonly offsetMs?: number;
}

/** The machine's clock. */
export function systemClock({ keepAlive = true, offsetMs = 0 }: SystemClockOptions = {}): Clock {
  let timer: NodeJS.Timeout | undefined;
  return {
    nowMs: () => performance.now(),
    systemMs: () => Date.now() + offsetMs,
    wakeAt(atMs, fire) {
      clearTimeout(timer);
      if (atMs === undefined) return;
      const delayMs = Math.min(Math.max(Math.ceil(atMs - performance.now()), 1), LONGEST_TIMEOUT_MS);
      timer = setTimeout(fire, delayMs);
      if (!keepAlive) timer.unref();
    },
  };
}

/** A clock for tests: time passes only when {@link ManualClock.advanceTo} says so. */
export class ManualClock implements Clock {
  private atMs: number | undefined;
  private fire: () => void = () => {};

  constructor(
    private elapsedMs = 0,
    private readonly epochMs = Date.UTC(2020, 0, 1),
  ) {}

  nowMs(): number {
    return this.elapsedMs;
  }

  systemMs(): number {
    return this.epochMs + this.elapsedMs;
  }

  wakeAt(atMs: number | undefined, fire: () => void): void {
    this.atMs = atMs;
    this.fire = fire;
  }

  /** When the next alarm is due, if one is set. */
  get nextAlarmMs(): number | undefined {
    return this.atMs;
  }

  /** Moves time forward to `ms`, ringing the alarm if it is due by then. */
  advanceTo(ms: number): void {
    this.elapsedMs = Math.max(this.elapsedMs, ms);
    if (this.atMs === undefined || this.atMs > this.elapsedMs) return;
    this.atMs = undefined;
    this.fire();
  }
}
