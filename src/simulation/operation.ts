/**
 * Operations: what clients asked of a ring, when, and what came of it.
 *
 * All times are of one clock, that of whoever asks, so what really happened to an operation lies between its
 * two times. Values are unique: a value that is read names the put that wrote it.
 */

/**
 * How an operation ended.
 *
 * - `ok`: done; a get has found its value.
 * - `not_found`: a get found nothing.
 * - `refused`: a definite error: no effect, now or later.
 * - `unknown`: nobody can tell, so it may have its effect at any later time, or never.
 */
export type Outcome = 'ok' | 'not_found' | 'refused' | 'unknown';

/** One operation of one client. */
export interface Operation {
  readonly op: 'get' | 'put' | 'delete';
  readonly key: string;
  /** What was put, or what a get found. */
  readonly value: string | undefined;
  /** Any one copy was enough for the client: what it is told need not be the latest. */
  readonly isEventual?: boolean;
  readonly outcome: Outcome;
  readonly invokedMs: number;
  readonly returnedMs: number;
  /** The node that was asked, by its name. */
  readonly node: string;
  /** What was said of a failure. */
  readonly said?: string;
  /** Read after everything was over: what it does not find is lost for good. */
  readonly isFinal?: boolean;
}
