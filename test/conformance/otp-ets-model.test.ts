/**
 * Both types of table do what a plain array does, for any sequence of operations (facts 104 to 108).
 *
 * The model knows a key as its position in {@link KEYS}, which stands in term order, so it shares
 * no comparison with the tables. Replay a failure with `FC_SEED=<seed>` as the suite's title has it.
 */
import * as fc from 'fast-check';
import { ets, Reference } from '../../src/otp';
import { Member, walk } from '../support/ets-members';
import { World } from '../support/runtime';

const SEED = Number(process.env['FC_SEED'] ?? 20_240_601);
const TYPES: readonly ets.TableType[] = ['set', 'ordered_set'];

/** In term order. The second is the first again in an ordered set, and another key in a set. */
const KEYS: readonly ets.Key[] = [
  1,
  1n,
  2.5,
  false,
  true,
  null,
  '',
  '\0',
  'a',
  'ab',
  'b',
  new Reference(),
  [],
  ['a'],
  ['a', 1],
  {},
  { x: 1 },
];

interface Row {
  readonly key: ets.Key;
  /** Where the key stands in {@link KEYS}. */
  readonly at: number;
  readonly n: number;
}
type Table = ets.Table<Row, 'key'>;

const keyOf = (at: number) => KEYS[at] as ets.Key;
const rowOf = (at: number, n: number): Row => ({ key: keyOf(at), at, n });
const isOdd = ({ n }: Row) => n % 2 === 1;
const byPosition = (rows: readonly Row[]) => rows.toSorted((a, b) => a.at - b.at);

/** The dumbest table: an array, scanned from the start. */
class Model {
  rows: readonly Row[] = [];

  constructor(readonly type: ets.TableType) {}

  find(at: number): Row[] {
    return this.rows.filter((row) => this.group(row.at) === this.group(at));
  }

  put(rows: readonly Row[]): void {
    for (const row of rows) {
      this.delete(row.at);
      this.rows = byPosition([...this.rows, row]);
    }
  }

  delete(at: number): void {
    this.rows = this.rows.filter((row) => this.group(row.at) !== this.group(at));
  }

  /** The keys before and after this one, in an ordered set. */
  neighbours(at: number): (ets.Key | ets.EndOfTable)[] {
    const before = this.rows.filter((row) => this.group(row.at) < this.group(at)).at(-1);
    const after = this.rows.find((row) => this.group(row.at) > this.group(at));
    return [before, after].map((row) => row?.key ?? (row ? null : ets.END_OF_TABLE));
  }

  private group(at: number): number {
    return this.type === 'ordered_set' ? Math.max(at, 1) : at;
  }
}

/** One operation, on the table and on the model: their answers must be equal. */
type Operation = (table: Table, model: Model) => void;

const at = fc.nat(KEYS.length - 1);
const row = fc.tuple(at, fc.nat(9)).map(([position, n]) => rowOf(position, n));
const rows = fc.array(row, { maxLength: 4 });

const operations: readonly fc.Arbitrary<Operation>[] = [
  rows.map((given) => (table, model) => {
    expect(ets.insertList(table, given)).toBe(true);
    model.put(given);
  }),
  rows.map((given) => (table, model) => {
    const isNew = given.every((one) => model.find(one.at).length === 0);
    expect(ets.insertNewList(table, given)).toBe(isNew);
    if (isNew) model.put(given);
  }),
  at.map((position) => (table, model) => {
    expect(ets.take(table, keyOf(position))).toEqual(model.find(position));
    model.delete(position);
  }),
  at.map((position) => (table, model) => {
    expect(ets.lookup(table, keyOf(position))).toEqual(model.find(position));
    expect(ets.member(table, keyOf(position))).toBe(model.find(position).length === 1);
  }),
  row.map((given) => (table, model) => {
    const before = model.find(given.at)[0] ?? { ...given, at: given.at };
    expect(ets.updateCounter(table, given.key, ['n', given.n, 20, 0], given)).toBe(counted(before, given));
    model.put([{ ...before, n: counted(before, given) }]);
  }),
  row.map((given) => (table, model) => {
    const [before] = model.find(given.at);
    expect(ets.updateElement(table, given.key, ['n', given.n])).toBe(before !== undefined);
    if (before) model.put([{ ...before, n: given.n }]);
  }),
  fc.constant<Operation>((table, model) => {
    const doomed = model.rows.filter(isOdd);
    expect(ets.selectCount(table, isOdd)).toBe(doomed.length);
    expect(ets.selectDelete(table, isOdd)).toBe(doomed.length);
    for (const { at: position } of doomed) model.delete(position);
  }),
  fc.boolean().map((fix) => (table) => expect(ets.safeFixtable(table, fix)).toBe(true)),
  at.map((position) => (table, model) => {
    if (model.type === 'set') return;
    const key = keyOf(position);
    expect([ets.prev(table, key), ets.next(table, key)]).toEqual(model.neighbours(position));
  }),
];

const counted = (before: Row, by: Row) => (before.n + by.n > 20 ? 0 : before.n + by.n);

/** All the ways to see every row must agree with the model. */
function check(table: Table, { rows: expected, type }: Model): void {
  const seen = (found: readonly Row[]) => expect(type === 'set' ? byPosition(found) : found).toEqual(expected);
  expect(ets.info(table)?.size).toBe(expected.length);
  seen(ets.toArray(table));
  seen(ets.fold(table, (all: Row[], one) => [...all, one], []));
  seen(walk(table).flatMap((key) => ets.lookup(table, key)));
  seen(pages(table, 2).flat());
}

function pages(table: Table, limit: number): Row[][] {
  const collected: Row[][] = [];
  let page = ets.selectLimit(table, () => true, limit);
  while (page !== ets.END_OF_TABLE) {
    collected.push(page.rows);
    page = ets.selectNext(page.continuation);
  }
  return collected;
}

/** Runs `body` as a process that owns a new table. */
function withTable<Rows extends object, Key extends ets.FieldOf<Rows>>(
  options: ets.TableOptions<Key>,
  body: (table: ets.Table<Rows, Key>) => void,
): void {
  const world = new World(1);
  const owner = new Member(world);
  owner.run(() => body(ets.newTable<Rows, Key>('rows', options)));
  world.runtime.stop();
}

describe.each(TYPES)(`a table of type %s and its model (FC_SEED=${SEED})`, (type) => {
  it('facts 104 to 108: answer every sequence of operations alike', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...operations), { maxLength: 40 }), (sequence) =>
        withTable<Row, 'key'>({ key: 'key', type }, (table) => {
          const model = new Model(type);
          for (const operation of sequence) operation(table, model);
          check(table, model);
        }),
      ),
      { seed: SEED, numRuns: 400 },
    );
  });

  it('fact 107: a walk of a fixed table visits what is there throughout once, and nothing twice', () => {
    const step = fc.record({ deleted: fc.array(fc.nat(20)), inserted: fc.array(fc.nat(30)) });
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(20)), fc.array(step), (first, steps) =>
        withTable<[number], 0>({ key: 0, type }, (table) => {
          ets.insertList(
            table,
            first.map((key) => [key]),
          );
          ets.safeFixtable(table, true);
          const deleted = new Set<number>();
          let taken = 0;
          const visited = walk(table, () => {
            const { deleted: gone = [], inserted = [] } = steps[taken] ?? {};
            taken += 1;
            for (const key of gone) {
              ets.deleteKey(table, key);
              deleted.add(key);
            }
            ets.insertList(
              table,
              inserted.map((key) => [key]),
            );
          });
          expect(new Set(visited).size).toBe(visited.length);
          expect(visited).toEqual(expect.arrayContaining(first.filter((key) => !deleted.has(key))));
        }),
      ),
      { seed: SEED, numRuns: 400 },
    );
  });
});

describe(`a large ordered set (FC_SEED=${SEED})`, () => {
  it('fact 105: stays in order while thousands of keys come and go', () => {
    const spans = fc.array(fc.tuple(fc.boolean(), fc.nat(3_000), fc.nat(2_000)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(spans, (given) =>
        withTable<[number], 0>({ key: 0, type: 'ordered_set', isolation: 'share' }, (table) => {
          const model = new Set<number>();
          for (const [inserts, from, length] of given) {
            for (let step = 0; step < length; step += 1) {
              const key = from + ((step * 7) % length);
              if (inserts) ets.insert(table, [key]);
              else ets.deleteKey(table, key);
              if (inserts) model.add(key);
              else model.delete(key);
            }
          }
          const expected = [...model].toSorted((a, b) => a - b);
          expect(ets.toArray(table).flat()).toEqual(expected);
          expect(walk(table)).toEqual(expected);
          expect([ets.first(table), ets.last(table)]).toEqual([
            expected[0] ?? ets.END_OF_TABLE,
            expected.at(-1) ?? ets.END_OF_TABLE,
          ]);
        }),
      ),
      { seed: SEED, numRuns: 30 },
    );
  });
});
