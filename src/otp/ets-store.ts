/**
 * Store: where the rows of a table stand, by key. It knows nothing of owners, protection or copies.
 *
 * Two kinds exist, ets-set.ts and ets-ordered-set.ts. `bag` and `duplicate_bag` do not: nothing in
 * this project needs several rows under one key.
 */
export interface Store {
  readonly size: number;
  get(key: unknown): object | undefined;
  /** Inserts the row, or replaces the one that has this key. */
  put(key: unknown, row: object): void;
  /** Whether there was something to delete. */
  delete(key: unknown): boolean;
  /** The key where a walk begins, or undefined when there is no row. */
  first(): unknown;
  last(): unknown;
  /** The key after this one, or undefined. @throws BadArgument as fact 105 says */
  next(key: unknown): unknown;
  previous(key: unknown): unknown;
  /** A walk over the rows that stays sound whatever is inserted or deleted meanwhile. */
  cursor(): Cursor;
  /** Whether keys that are deleted from now on must stay good for `next` (fact 107). */
  fix(fixed: boolean): void;
  /** Lets go of all rows: somebody may hold the table for long after its end. */
  clear(): void;
}

/** A place in a walk: every row that is there throughout is given once, and none twice (fact 106). */
export interface Cursor {
  /** The next row, or undefined at the end. */
  next(): object | undefined;
}
