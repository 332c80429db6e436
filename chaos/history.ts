/**
 * History: what clients asked of a ring under chaos, when, and what came of it.
 *
 * All times are of one clock, that of the process that asks, so whatever really happened to an
 * operation lies between its two times. Values are unique: a value that is read names the put that wrote it.
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

/** The operations on each key, in the order of their beginning. */
export class History {
  readonly operations: Operation[] = [];

  add(operation: Operation): void {
    this.operations.push(operation);
  }

  byKey(): ReadonlyMap<string, readonly Operation[]> {
    const keys = new Map<string, Operation[]>();
    for (const operation of this.operations) {
      const known = keys.get(operation.key);
      if (known === undefined) keys.set(operation.key, [operation]);
      else known.push(operation);
    }
    for (const operations of keys.values()) operations.sort((a, b) => a.invokedMs - b.invokedMs);
    return keys;
  }
}

/** An operation as one line for people; times are in milliseconds with microseconds. */
export function lineOf({ op, value, outcome, invokedMs, returnedMs, node, said, isFinal }: Operation): string {
  const times = `${invokedMs.toFixed(3).padStart(10)} ${returnedMs.toFixed(3).padStart(10)}`;
  const what = op === 'put' ? `put ${value ?? ''}` : op;
  const end = op === 'get' && outcome === 'ok' ? `found ${value ?? ''}` : outcome.replace('_', ' ');
  const rest = [isFinal === true ? '(final)' : '', said === undefined ? '' : `(${said})`].filter((part) => part !== '');
  return [`${times}  ${node.padEnd(4)} ${what}: ${end}`, ...rest].join(' ');
}
