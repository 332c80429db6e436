/** Back-off: how long to wait before dialling again. */

/** The bounds of a back-off. */
export interface BackoffOptions {
  /**
   * Longest wait after the first failure; it doubles with each further one.
   * @default 50
   */
  readonly backoffMinMs: number;
  /**
   * Longest wait of all. At least `backoffMinMs`.
   * @default 1_000
   */
  readonly backoffMaxMs: number;
}

/**
 * How long to wait after so many failures in a row: the upper half of an interval that doubles with each.
 *
 * The half that is left to chance keeps clients that lost the same node from coming back all at once; the half
 * that is not keeps one client from dialling in a tight loop.
 *
 * @param random a number from 0 up to but not including 1
 */
export function backoffMs(failures: number, { backoffMinMs, backoffMaxMs }: BackoffOptions, random: number): number {
  const ceilingMs = Math.min(backoffMaxMs, backoffMinMs * 2 ** Math.max(0, failures - 1));
  return (ceilingMs / 2) * (1 + random);
}
