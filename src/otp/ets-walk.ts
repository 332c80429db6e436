/**
 * Walks over a table: key by key, as a fold, or as a selection, whole or in pages.
 *
 * A selection is one step that nothing can come between; a walk by key, a fold and the pages of a
 * selection are many, and the table may change in between (fact 106).
 */
import { BadArgument } from './errors';
import { END_OF_TABLE, type EndOfTable, keyIn, keyOut, rowOut } from './ets-rows';
import type { Cursor } from './ets-store';
import { type FieldOf, readable, type Table, type TableRef, writable } from './ets-table';

/** The key where a walk begins: the smallest one of an ordered set (fact 105). */
export function first<Row extends object, KeyField extends FieldOf<Row>>(
  table: TableRef<Row, KeyField>,
): Row[KeyField] | EndOfTable {
  const source = readable(table);
  return keyOut(source, source.store.first()) as Row[KeyField] | EndOfTable;
}

/** The largest key of an ordered set. A set has no order: there it is {@link first}. */
export function last<Row extends object, KeyField extends FieldOf<Row>>(
  table: TableRef<Row, KeyField>,
): Row[KeyField] | EndOfTable {
  const source = readable(table);
  return keyOut(source, source.store.last()) as Row[KeyField] | EndOfTable;
}

/**
 * The key after this one. An ordered set takes absent keys too; a set only keys that it has, or
 * had when somebody fixed it (facts 105, 107).
 *
 * @throws BadArgument for an absent key of a set
 */
export function next<Row extends object, KeyField extends FieldOf<Row>>(
  table: TableRef<Row, KeyField>,
  key: NoInfer<Row[KeyField]>,
): Row[KeyField] | EndOfTable {
  const source = readable(table);
  return keyOut(source, source.store.next(key)) as Row[KeyField] | EndOfTable;
}

/** The key before this one. A set has one direction only: there it is {@link next}. */
export function prev<Row extends object, KeyField extends FieldOf<Row>>(
  table: TableRef<Row, KeyField>,
  key: NoInfer<Row[KeyField]>,
): Row[KeyField] | EndOfTable {
  const source = readable(table);
  return keyOut(source, source.store.previous(key)) as Row[KeyField] | EndOfTable;
}

/**
 * Visits every row that is there throughout once, in key order in an ordered set. Deleting on the
 * way is safe; rows inserted on the way are seen by an ordered set if their key comes later, and
 * never by a set (fact 106).
 *
 * @throws BadArgument when the table goes, or is no longer readable, on the way
 */
export function fold<Row extends object, KeyField, Result>(
  table: TableRef<Row, KeyField>,
  step: (result: Result, row: Row) => Result,
  initial: Result,
): Result {
  const source = readable(table);
  const cursor = source.store.cursor();
  let result = initial;
  for (let row = cursor.next(); row; row = cursor.next()) {
    result = step(result, rowOut(source, row) as Row);
    readable(source); // The step may have cost us the table.
  }
  return result;
}

/** All rows, in key order in an ordered set: Erlang's `tab2list`. */
export function toArray<Row extends object, KeyField>(table: TableRef<Row, KeyField>): Row[] {
  const source = readable(table);
  return allRows(source).map((row) => rowOut(source, row) as Row);
}

/** Whether a row is wanted. It must not change the row that it is shown. */
export type Predicate<Row> = (row: Row) => boolean;

/** The rows that the predicate wants, seen at one moment: what the predicate does to the table has no effect on it. */
export function select<Row extends object, KeyField>(table: TableRef<Row, KeyField>, wanted: Predicate<Row>): Row[] {
  return toArray(table).filter(wanted);
}

/** The first rows of a {@link selectLimit}, and how to go on. */
export interface Page<Row> {
  readonly rows: Row[];
  readonly continuation: Continuation<Row>;
}

/** Where {@link selectNext} goes on. It may be used once. */
export class Continuation<Row> {
  constructor(
    /** The next page. */
    readonly resume: () => Page<Row> | EndOfTable,
  ) {}
}

/**
 * The first `limit` rows that the predicate wants, with a continuation for the rest, which gives
 * {@link END_OF_TABLE} when there are none. Between two pages the table may change, as in a walk
 * (fact 106); a page ends full or at the end of the table.
 *
 * @throws BadArgument unless `limit` is a whole number above 0
 */
export function selectLimit<Row extends object, KeyField>(
  table: TableRef<Row, KeyField>,
  wanted: Predicate<Row>,
  limit: number,
): Page<Row> | EndOfTable {
  if (!Number.isSafeInteger(limit) || limit < 1) throw new BadArgument(`Cannot select: "${limit}" is no limit`);
  const source = readable(table);
  return page<Row>(source, source.store.cursor(), wanted, limit);
}

/** The next page of a {@link selectLimit}. @throws BadArgument when the table is gone or no longer readable */
export const selectNext = <Row>(continuation: Continuation<Row>): Page<Row> | EndOfTable => continuation.resume();

/** How many rows the predicate wants (fact 108). */
export function selectCount<Row extends object, KeyField>(
  table: TableRef<Row, KeyField>,
  wanted: Predicate<Row>,
): number {
  return select(table, wanted).length;
}

/** Deletes the rows that the predicate wants; the answer is how many they were (fact 108). */
export function selectDelete<Row extends object, KeyField>(
  table: TableRef<Row, KeyField>,
  wanted: Predicate<Row>,
): number {
  const target = writable(table);
  const doomed = allRows(target).filter((row) => wanted(rowOut(target, row) as Row));
  writable(table);
  for (const row of doomed) target.store.delete(keyIn(target, row));
  return doomed.length;
}

// Internal

function allRows({ store }: Table): object[] {
  const rows: object[] = [];
  const cursor = store.cursor();
  for (let row = cursor.next(); row; row = cursor.next()) rows.push(row);
  return rows;
}

function page<Row>(table: Table, cursor: Cursor, wanted: Predicate<Row>, limit: number): Page<Row> | EndOfTable {
  const rows: Row[] = [];
  for (let stored = cursor.next(); stored; stored = cursor.next()) {
    const row = rowOut(table, stored) as Row;
    if (wanted(row)) rows.push(row);
    if (rows.length === limit) break;
  }
  if (rows.length === 0) return END_OF_TABLE;
  return { rows, continuation: new Continuation(() => page(readable(table), cursor, wanted, limit)) };
}
