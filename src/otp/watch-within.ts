/**
 * Waiting for the end of a process, but not for ever: what calls, starts and stops have in common.
 */
import type { Process } from './process';
import { watch } from './signals';
import type { Reason } from './term';

/** What is done at the first of the two; the caller then withdraws the other. */
export interface Outcomes {
  readonly ended: (reason: Reason) => void;
  readonly late: () => void;
}

/**
 * Watches a process past every mailbox, with a limit. The answer withdraws both.
 *
 * @param timeoutMs `Infinity` waits for ever
 */
export function watchWithin(
  watcher: Process | undefined,
  target: Process,
  timeoutMs: number,
  { ended, late }: Outcomes,
): () => void {
  const unwatch = watch(watcher, target, ended);
  if (timeoutMs === Number.POSITIVE_INFINITY) return unwatch;
  const timer = target.kernel.startTimer(timeoutMs, late);
  return () => {
    unwatch();
    target.kernel.cancelTimer(timer);
  };
}
