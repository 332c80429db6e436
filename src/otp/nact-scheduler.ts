/**
 * nact as the scheduler: one nact actor per process, spawned flat below the system's root.
 *
 * nact is asked for one thing, to call a function in a later turn of the event loop, one turn per
 * wake-up. All else that it offers (children, stop, query, crash policies, names) cannot carry
 * OTP's meaning: a parent pays for every child at every message, a stop does not cascade, names
 * come back to life. So actors are flat, named from a counter that never repeats, and only ever
 * receive wake-ups. This is the only file that knows nact.
 */
import { type ActorSystemRef, dispatch, Nobody, spawn, start, stop } from 'nact';
import type { Scheduler, Wakeup } from './scheduler';

/** nact's typings leave out the system's name and the sender of a message. */
const startNamed = start as unknown as (options: { name: string }) => ActorSystemRef;
const dispatchFrom = dispatch as unknown as (actor: unknown, message: unknown, sender: unknown) => void;

let systems = 0;

/** One nact system for one runtime. */
export function nactScheduler(): Scheduler {
  systems += 1;
  const system = startNamed({ name: `runtime-${systems}` });
  const sender = new Nobody();
  return {
    add(id, run): Wakeup {
      const actor = spawn(system, () => run(), `p${id}`, { onCrash: (_message, _error, context) => context.stop });
      return {
        // A shared sender saves nact three allocations per wake-up.
        wake: () => dispatchFrom(actor, null, sender),
        release: () => stop(actor),
      };
    },
    stop: () => stop(system),
  };
}
