/**
 * Restart policy: whether a child that has ended is restarted, and when a supervisor gives up.
 *
 * Plain functions of what they are given, the time included, so that every case is a line in a
 * table of tests (facts 71 and 76).
 */
import { type Flags, MS_PER_SECOND, type Restart } from './child-spec';
import { isExpectedExit, type Reason } from './term';

/** Permanent: for every reason. Transient: unless the end was expected. Temporary: never. */
export function shouldRestart(restart: Restart, reason: Reason): boolean {
  return restart === 'permanent' || (restart === 'transient' && !isExpectedExit(reason));
}

/** Whether the end of a child is worth a report: a permanent child must never end (fact 119). */
export function isReportable(restart: Restart, reason: Reason): boolean {
  return restart === 'permanent' || !isExpectedExit(reason);
}

/**
 * The restarts that still count: for each whole second of monotonic time how many, oldest first.
 * So a list has at most one entry more than the period has seconds, however many children die.
 */
export type Restarts = readonly { readonly second: number; readonly count: number }[];

/**
 * Adds a restart at `nowMs`.
 *
 * Times are whole seconds and the edge still counts, so the true window lies between the period
 * and one second more. Exceeding the intensity, not reaching it, is the end.
 *
 * @returns the restarts that still count, and whether there are too many
 */
export function addRestart(
  restarts: Restarts,
  nowMs: number,
  { intensity, periodMs }: Pick<Flags, 'intensity' | 'periodMs'>,
): { readonly restarts: Restarts; readonly exceeded: boolean } {
  const second = Math.floor(nowMs / MS_PER_SECOND);
  const oldest = second - periodMs / MS_PER_SECOND;
  const earlier = restarts.filter((restart) => restart.second >= oldest && restart.second !== second);
  const count = 1 + (restarts.find((restart) => restart.second === second)?.count ?? 0);
  const counting = [...earlier, { second, count }];
  const total = counting.reduce((sum, restart) => sum + restart.count, 0);
  return { restarts: counting, exceeded: total > intensity };
}
