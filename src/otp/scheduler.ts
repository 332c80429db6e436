/**
 * Scheduler: who decides which runnable process runs next.
 *
 * The runtime only says "this one has something to do". In service nact decides
 * (nact-scheduler.ts); under test a seed does (test-scheduler.ts), and a race becomes a case
 * that the seed replays.
 */

/** What a process holds to be woken by. */
export interface Wakeup {
  /** Makes the process run once, later, never inside this call. Not called again before it has run. */
  wake(): void;
  /** The process has ended and will not be woken again. */
  release(): void;
}

/** What a runtime asks of its scheduler. It may choose any order, but must come to everyone it was asked to wake. */
export interface Scheduler {
  /** Takes a new process in. `run` never throws. */
  add(id: number, run: () => void): Wakeup;
  /** Lets go of everything. */
  stop(): void;
}
