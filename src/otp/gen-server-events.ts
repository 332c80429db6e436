/**
 * What a gen_server's loop handles, and the results that a callback may give for it.
 */
import type { From } from './call';
import type { Answered } from './gen-server-callbacks';
import type { Process } from './process';
import type { Timer } from './timers';

/** What a callback gives back. */
export type CallbackResult = Answered<unknown, unknown, unknown>;

/** A call in the mailbox: what was asked, and who waits for the answer. */
export class CallMessage {
  constructor(
    readonly from: From,
    readonly request: unknown,
  ) {}
}

/** A cast in the mailbox; the class tells it from a plain message that looks the same. */
export class CastMessage {
  constructor(readonly message: unknown) {}
}

/** What a callback asked to be done next. */
export class ContinueEvent {
  constructor(readonly message: unknown) {}
}

/** The end of one idle wait, and the message that says so. One that belongs to an earlier wait is stale. */
export class IdleTimeout {
  private timer: Timer | undefined;

  /** Makes this a message to `process` after a while. The timer is the process's, and ends with it (fact 98). */
  start(process: Process, timeoutMs: number): void {
    const timer = process.kernel.startTimer(timeoutMs, () => {
      process.timers.delete(timer);
      process.deliver(this);
    });
    process.timers.add(timer);
    this.timer = timer;
  }

  /** What is in the mailbox already stays there. */
  stop(process: Process): void {
    if (this.timer === undefined) return;
    process.timers.delete(this.timer);
    process.kernel.cancelTimer(this.timer);
  }
}

/** The result, when it is one that this event allows; undefined for anything else (fact 37). */
export function resultOf(value: unknown, event: unknown): CallbackResult | undefined {
  if (!isTagged(value)) return undefined;
  const { type } = value;
  const isResult =
    type === 'noreply' ||
    type === 'stop' ||
    ((type === 'reply' || type === 'stop_reply') && event instanceof CallMessage);
  return isResult && hasNext(value) ? (value as CallbackResult) : undefined;
}

/** Whether what a result asks for next, if anything, makes sense. */
export function hasNext(result: object): boolean {
  const next = 'next' in result ? result.next : undefined;
  if (next === undefined || next === 'hibernate') return true;
  if (typeof next !== 'object' || next === null) return false;
  return 'continue' in next || ('timeoutMs' in next && isTimeout(next.timeoutMs));
}

/** A message as its sender wrote it. */
export function visible(message: unknown): unknown {
  if (message instanceof CallMessage) return message.request;
  if (message instanceof IdleTimeout) return { type: 'timeout' };
  return message instanceof CastMessage || message instanceof ContinueEvent ? message.message : message;
}

/** Whether something is a result at all, good or bad. */
export const isTagged = (value: unknown): value is { readonly type: unknown } =>
  typeof value === 'object' && value !== null && 'type' in value;

const isTimeout = (ms: unknown) => ms === Number.POSITIVE_INFINITY || (Number.isSafeInteger(ms) && Number(ms) >= 0);
