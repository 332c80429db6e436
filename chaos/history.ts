/**
 * History: what clients asked of a ring under chaos, when, and what came of it.
 *
 * All times are of one clock, that of the process that asks, so whatever really happened to an
 * operation lies between its two times. Values are unique: a value that is read names the put that wrote it.
 */

import type { Operation } from '../src/simulation/operation';

export type { Operation, Outcome } from '../src/simulation/operation';

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
