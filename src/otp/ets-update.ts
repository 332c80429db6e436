/**
 * Updates of single fields: Erlang's `update_counter` and `update_element` (fact 108).
 *
 * A row is replaced by one with other fields, never changed: what a `share` table gave out before
 * stays as it was.
 */
import { BadArgument } from './errors';
import { fieldOf, put, rowIn } from './ets-rows';
import { type FieldOf, type Table, type TableRef, writable } from './ets-table';
import { formatTerm } from './term';

type FieldsOf<Row, Wanted> = { [Field in FieldOf<Row>]: Row[Field] extends Wanted ? Field : never }[FieldOf<Row>];

/**
 * What happens to a counter: `[field, by]`, or `[field, by, threshold, setTo]`, which becomes
 * `setTo` when counting passes the threshold. A bare number counts the field after the key, in
 * tables of tuples.
 */
export type Increment<Row> =
  | (Row extends readonly unknown[] ? number : never)
  | readonly [field: FieldsOf<Row, number>, by: number]
  | readonly [field: FieldsOf<Row, number>, by: number, threshold: number, setTo: number];

/** A new value for one field other than the key. */
export type Change<Row, KeyField> = {
  [Field in Exclude<FieldOf<Row>, KeyField>]: readonly [field: Field, value: Row[Field]];
}[Exclude<FieldOf<Row>, KeyField>];

/**
 * Counts one or several fields of the row with this key, in one step, and gives what they are now.
 *
 * @param initial inserted under `key` first when there is no such row
 * @throws BadArgument when there is no row and no `initial`, and when a field, an increment or a
 *   result is not a safe integer; then nothing is changed
 */
export function updateCounter<Row extends object, KeyField extends FieldOf<Row>>(
  table: TableRef<Row, KeyField>,
  key: NoInfer<Row[KeyField]>,
  increment: Increment<NoInfer<Row>>,
  initial?: NoInfer<Row>,
): number;
/** Several increments, carried out from left to right; the answers stand in that order. */
export function updateCounter<Row extends object, KeyField extends FieldOf<Row>>(
  table: TableRef<Row, KeyField>,
  key: NoInfer<Row[KeyField]>,
  increments: readonly Extract<Increment<NoInfer<Row>>, readonly unknown[]>[],
  initial?: NoInfer<Row>,
): number[];
/** Both at once: which of them is meant shows in the first element, a field or an increment. */
export function updateCounter<Row extends object, KeyField extends FieldOf<Row>>(
  table: TableRef<Row, KeyField>,
  key: NoInfer<Row[KeyField]>,
  increments: unknown,
  initial?: Row,
): number | number[] {
  const target = writable(table);
  const several = isList(increments);
  let row = target.store.get(key) ?? initialRow(target, key, initial);
  const results: number[] = [];
  for (const increment of several ? increments : [increments]) {
    const { field, ...counting } = counterOf(target, increment);
    const result = count(fieldOf(row, field), counting);
    row = withField(row, field, result);
    results.push(result);
  }
  put(target, row);
  return several ? results : Number(results[0]);
}

/**
 * Sets one or several fields of the row with this key, in one step. False when there is none.
 *
 * @throws BadArgument for the key itself, and for a position outside of the tuple; then nothing is changed
 */
export function updateElement<Row extends object, KeyField extends FieldOf<Row>>(
  table: TableRef<Row, KeyField>,
  key: NoInfer<Row[KeyField]>,
  changes: Change<NoInfer<Row>, KeyField> | readonly Change<NoInfer<Row>, KeyField>[],
): boolean {
  const target = writable(table);
  let row = target.store.get(key);
  if (row === undefined) return false;
  for (const [field, value] of (isList(changes) ? changes : [changes]) as readonly [string | number, unknown][]) {
    checkField(target, row, field);
    row = withField(row, field, value);
  }
  put(target, rowIn(target, row));
  return true;
}

// Internal

interface Counting {
  readonly by: unknown;
  readonly threshold?: unknown;
  readonly setTo?: unknown;
}

/** A list of operations holds lists, a single one begins with a field. */
const isList = (operations: unknown): operations is readonly unknown[] =>
  Array.isArray(operations) && !isField(operations[0]);

const isField = (value: unknown) => typeof value === 'string' || typeof value === 'number';

function initialRow(table: Table, key: unknown, initial: object | undefined): object {
  if (initial === undefined) throw new BadArgument(`Cannot count "${formatTerm(key)}": no row has this key`);
  return rowIn(table, withField(initial, table.traits.key, key));
}

function counterOf({ traits }: Table, increment: unknown): Counting & { readonly field: string | number } {
  if (typeof increment === 'number' && typeof traits.key === 'number') return { field: traits.key + 1, by: increment };
  if (!Array.isArray(increment)) throw new BadArgument(`Cannot count by "${formatTerm(increment)}"`);
  const [field, by, ...limit] = increment as [string | number, ...unknown[]];
  if (field === traits.key) throw new BadArgument(`Cannot count the key "${field}"`);
  return limit.length === 0 ? { field, by } : { field, by, threshold: limit[0], setTo: limit[1] };
}

function count(value: unknown, { by, ...limit }: Counting): number {
  const result = integer(value) + integer(by);
  if ('threshold' in limit) {
    const [threshold, setTo] = [integer(limit.threshold), integer(limit.setTo)];
    if (integer(by) >= 0 ? result > threshold : result < threshold) return setTo;
  }
  return integer(result);
}

function integer(value: unknown): number {
  if (Number.isSafeInteger(value)) return value as number;
  throw new BadArgument(`Cannot count: "${formatTerm(value)}" is no safe integer`);
}

function checkField({ traits }: Table, row: object, field: string | number): void {
  if (field === traits.key) throw new BadArgument(`Cannot change the key "${field}"`);
  if (Array.isArray(row) && !(field in row)) throw new BadArgument(`Cannot change "${field}": there is no such field`);
}

function withField(row: object, field: string | number, value: unknown): object {
  if (!Array.isArray(row)) return { ...row, [field]: value };
  const copy = [...(row as unknown[])];
  copy[Number(field)] = value;
  return copy;
}
