/** Signals as a mailbox has them, and whatever else is in it. */
import type { Self } from '../../src/otp';
import { type Pid, type Reason, type Reference, TIMEOUT } from '../../src/otp';

/** Seeds of a test in which much depends on who runs first. */
export const MANY_SEEDS = 20;
export const exitMessage = (from: Pid, reason: Reason) => ({ type: 'EXIT', from, reason });
export const downMessage = (ref: Reference, from: Pid | string, reason: Reason) => ({
  type: 'DOWN',
  ref,
  from,
  reason,
});

/** Everything that is in the mailbox now. */
export async function drain(self: Self<unknown>): Promise<unknown[]> {
  const messages: unknown[] = [];
  for (;;) {
    const message = await self.receive<unknown>({ timeoutMs: 0 });
    if (message === TIMEOUT) return messages;
    messages.push(message);
  }
}
