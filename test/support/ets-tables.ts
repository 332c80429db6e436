/** Tables of tests: a few rows, and what every table of them has. */
import { BadArgument, ets } from '../../src/otp';
import type { Member } from './ets-members';

export interface Row {
  readonly id: string;
  readonly n: number;
}

export type Options = Partial<ets.TableOptions<'id'>>;
export const TYPES = ['set', 'ordered_set'] as const;

export const ROWS: readonly Row[] = [
  { id: 'a', n: 1 },
  { id: 'b', n: 2 },
  { id: 'c', n: 3 },
];

export const newTable = (owner: Member, options: Options = {}) =>
  owner.run(() => ets.newTable<Row, 'id'>('rows', { key: 'id', ...options }));

/** A table that holds {@link ROWS}. */
export function filledTable(owner: Member, options: Options = {}) {
  const table = newTable(owner, options);
  owner.run(() => ets.insertList(table, ROWS));
  return table;
}

export const sorted = (rows: readonly Row[]) => rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));

/** Expects a bad argument. */
export const badarg = (action: () => unknown) => expect(action).toThrow(BadArgument);
