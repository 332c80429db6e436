/**
 * Rows on their way into a table and out of it: what may go in, what is copied, where the key is.
 */
import { BadArgument } from './errors';
import { copyTerm } from './ets-copy';
import { checkKey } from './ets-key';
import type { Table } from './ets-table';
import { formatTerm } from './term';

/** What a walk gives when there is nothing further: Erlang's `'$end_of_table'`. */
export const END_OF_TABLE: unique symbol = Symbol('$end_of_table');

/** The type of {@link END_OF_TABLE}, which can be no key. */
export type EndOfTable = typeof END_OF_TABLE;

/** A row as the table keeps it. @throws BadArgument unless it has a good key */
export function rowIn({ traits: { key, isolation } }: Table, row: object): object {
  if (typeof row !== 'object' || row === null || Array.isArray(row) !== (typeof key === 'number'))
    throw new BadArgument(
      `Cannot insert "${formatTerm(row)}": rows are ${typeof key === 'number' ? 'tuples' : 'objects'}`,
    );
  checkKey(fieldOf(row, key));
  return isolation === 'copy' ? (copyTerm(row) as object) : row;
}

/** A row as a caller gets it. */
export const rowOut = ({ traits }: Table, row: object): object =>
  traits.isolation === 'copy' ? (copyTerm(row) as object) : row;

/** A key as a caller gets it, and the end of a walk for `undefined`. */
export const keyOut = ({ traits }: Table, key: unknown): unknown => {
  if (key === undefined) return END_OF_TABLE;
  return traits.isolation === 'copy' ? copyTerm(key) : key;
};

/** A field by name or position. */
export const fieldOf = (row: object, name: string | number): unknown => (row as Record<string | number, unknown>)[name];
/** The key of a row. */
export const keyIn = ({ traits }: Table, row: object): unknown => fieldOf(row, traits.key);
/** Inserts a row that {@link rowIn} has passed. */
export const put = (table: Table, row: object): void => table.store.put(keyIn(table, row), row);
