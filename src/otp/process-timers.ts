/**
 * Timers that send messages: `send_after`, `start_timer` and `send_interval`.
 *
 * A timer aimed at a pid dies with that process; one aimed at a name looks the name up when it
 * expires. Either way it survives whoever started it (fact 98).
 */
import { BadArgument } from './errors';
import { Pid, type Process } from './process';
import { Reference } from './reference';
import type { Name } from './registry';
import type { Runtime } from './runtime';
import { checkDelay, type Timer } from './timers';

/** What {@link startTimer} sends. */
export interface TimeoutMessage<M = unknown> {
  readonly type: 'timeout';
  readonly ref: TimerRef;
  readonly message: M;
}

/** A running timer, until it has fired or was cancelled. */
export class TimerRef extends Reference {
  timer: Timer | undefined;
  target: Process | undefined;
}

type Target<M> = Pid<M> | Name<M>;

/** Sends `message` once, after `ms`: 0 is asynchronous too (fact 9). */
export function sendAfter<M>(runtime: Runtime, ms: number, to: Target<M>, message: M): TimerRef {
  const ref = new TimerRef();
  arm(runtime, ref, checkDelay(ms), to, () => deliver(runtime, to, message));
  return ref;
}

/** Sends `{ type: 'timeout', ref, message }` once, after `ms`. */
export function startTimer<M>(runtime: Runtime, ms: number, to: Target<TimeoutMessage<M>>, message: M): TimerRef {
  const ref = new TimerRef();
  arm(runtime, ref, checkDelay(ms), to, () => deliver(runtime, to, { type: 'timeout', ref, message }));
  return ref;
}

/**
 * Sends `message` every `ms`, 1 or more, until cancelled or its process is gone (fact 99). One aimed
 * at a name goes on until cancelled: what it sends while nobody has the name, as between a crash and
 * the restart, is dropped.
 */
export function sendInterval<M>(runtime: Runtime, ms: number, to: Target<M>, message: M): TimerRef {
  if (checkDelay(ms) === 0) throw new BadArgument('Cannot start an interval: it must be 1 ms or more');
  const ref = new TimerRef();
  const tick = () => {
    deliver(runtime, to, message);
    arm(runtime, ref, ms, to, tick);
  };
  arm(runtime, ref, ms, to, tick);
  return ref;
}

/**
 * Milliseconds that were left, and the message will certainly not come; or false: it has fired,
 * was cancelled, or its receiver is gone (fact 97).
 */
export function cancelTimer(runtime: Runtime, ref: TimerRef): number | false {
  if (ref.timer === undefined) return false;
  ref.target?.timers.delete(ref.timer);
  return runtime.cancelTimer(ref.timer);
}

/** Milliseconds left, or false. */
export function readTimer(runtime: Runtime, ref: TimerRef): number | false {
  return ref.timer === undefined ? false : runtime.readTimer(ref.timer);
}

function arm(runtime: Runtime, ref: TimerRef, ms: number, to: Target<never>, fire: () => void): void {
  const target = to instanceof Pid ? to.process : undefined;
  if (to instanceof Pid && target === undefined) return;
  const timer = runtime.startTimer(ms, () => {
    target?.timers.delete(timer);
    fire();
  });
  target?.timers.add(timer);
  ref.timer = timer;
  ref.target = target;
}

/** Does nothing when there is nobody to get it. */
function deliver<M>(runtime: Runtime, to: Target<M>, message: M): void {
  const receiver = to instanceof Pid ? to : (runtime.whereis(to) as Pid<M> | undefined);
  if (receiver) runtime.send(receiver, message);
}
