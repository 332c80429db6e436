/**
 * nact as the scheduler: one nact actor per process, spawned flat below the system's root.
 *
 * nact is asked for one thing: to call a function in a later turn of the event loop. All else
 * that it offers (children, stop, query, crash policies, names) cannot carry OTP's meaning: a
 * parent pays for every child at every message, a stop does not cascade, names come back to life.
 * So actors are flat, named from a counter that never repeats, and only ever receive wake-ups.
 * This is the only file that knows nact.
 *
 * A wake-up costs nact a context, a promise and a turn. Processes that become runnable in the same
 * turn therefore share one: nact wakes the first of them, and it takes the others along, in the
 * order in which they became runnable. Who becomes runnable meanwhile waits for the next turn,
 * so that sockets and timers have theirs in between.
 */
import { type ActorSystemRef, dispatch, Nobody, spawn, start, stop } from 'nact';
import type { Scheduler, Wakeup } from './scheduler';

/** nact's typings leave out the system's name and the sender of a message, and say nothing of what a reference is. */
const startNamed = start as unknown as (options: { name: string }) => ActorSystemRef;
const dispatchFrom = dispatch as unknown as (actor: unknown, message: unknown, sender: unknown) => void;
const stopActor = stop as unknown as (actor: unknown) => void;

/** A shared sender saves nact three allocations per wake-up. */
const SENDER = new Nobody();

let systems = 0;

/**
 * One nact system for one runtime.
 *
 * @param failed is told what a run threw, which none should: the others of its turn run all the same
 */
export function nactScheduler(failed: (thrown: unknown) => void = () => {}): Scheduler {
  return new NactScheduler(failed);
}

class NactScheduler implements Scheduler {
  private readonly system: ActorSystemRef;
  private runnable: Sleeper[] = [];
  /** Whom nact was asked to wake; the others that are runnable go along. */
  private first: Sleeper | undefined;
  /** The runnable ones before this position have been released. */
  private released = 0;

  constructor(private readonly failed: (thrown: unknown) => void) {
    systems += 1;
    this.system = startNamed({ name: `runtime-${systems}` });
  }

  add(id: number, run: () => void): Wakeup {
    const actor = spawn(this.system, () => this.turn(), `p${id}`, {
      onCrash: (_message, _error, context) => context.stop,
    });
    const sleeper: Sleeper = { actor, run, released: false };
    return { wake: () => this.wake(sleeper), release: () => this.release(sleeper) };
  }

  stop(): void {
    this.runnable = [];
    stop(this.system);
  }

  private wake(sleeper: Sleeper): void {
    this.runnable.push(sleeper);
    if (this.first === undefined) this.ask(sleeper);
  }

  private ask(sleeper: Sleeper): void {
    this.first = sleeper;
    dispatchFrom(sleeper.actor, null, SENDER);
  }

  private turn(): void {
    const batch = this.runnable;
    this.runnable = [];
    this.released = 0;
    this.first = undefined;
    for (const sleeper of batch) if (!sleeper.released) this.run(sleeper);
  }

  /** What is thrown must reach neither the rest of the batch nor nact, which would stop the actor whose turn this is. */
  private run(sleeper: Sleeper): void {
    try {
      sleeper.run();
    } catch (thrown) {
      this.failed(thrown);
    }
  }

  /** nact forgets the wake-up of an actor that is stopped: somebody else must take the others along. */
  private release(sleeper: Sleeper): void {
    sleeper.released = true;
    stopActor(sleeper.actor);
    if (sleeper !== this.first) return;
    this.first = undefined;
    while (this.runnable[this.released]?.released) this.released += 1;
    const next = this.runnable[this.released];
    if (next) this.ask(next);
  }
}

/** A process, as the scheduler sees it. */
interface Sleeper {
  readonly actor: unknown;
  readonly run: () => void;
  released: boolean;
}
