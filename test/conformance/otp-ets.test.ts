/**
 * Tables behave as Erlang's ETS: facts 100 to 109 of its semantics, for `set` and `ordered_set`.
 *
 * What the facts say of `bag` and `duplicate_bag` does not apply: there are none. Patterns are
 * predicates, `'$end_of_table'` is `ets.END_OF_TABLE`, positions in a tuple count from 0.
 */
import { BadArgument, DeadProcess, ets, Reference } from '../../src/otp';
import { type Member, walk, withMembers } from '../support/ets-members';
import { World } from '../support/runtime';

interface Row {
  readonly id: string;
  readonly n: number;
}
type Options = Partial<ets.TableOptions<'id'>>;

const TYPES = ['set', 'ordered_set'] as const;
const ROWS: readonly Row[] = [
  { id: 'a', n: 1 },
  { id: 'b', n: 2 },
  { id: 'c', n: 3 },
];

const newTable = (owner: Member, options: Options = {}) =>
  owner.run(() => ets.newTable<Row, 'id'>('rows', { key: 'id', ...options }));

/** A table that holds {@link ROWS}. */
function filledTable(owner: Member, options: Options = {}) {
  const table = newTable(owner, options);
  owner.run(() => ets.insertList(table, ROWS));
  return table;
}

const sorted = (rows: readonly Row[]) => rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
const badarg = (action: () => unknown) => expect(action).toThrow(BadArgument);

/** Whether a table of {@link Row}s takes this: checked by the compiler alone. */
type Takes<Given> = Given extends Parameters<typeof ets.insert<Row, 'id'>>[1] ? true : false;

describe('making a table', () => {
  it('fact 100: a row, a key field or a counter of the wrong type does not compile', () => {
    const rows: [Takes<Row>, Takes<{ id: number; n: number }>, Takes<{ id: string }>] = [true, false, false];
    const fields: ['id' | 'n', 0 | 1] = ['id', 1] satisfies [ets.FieldOf<Row>, ets.FieldOf<[number, string]>];
    const counter: Parameters<typeof ets.updateCounter<Row, 'id'>>[2][number] extends string | number ? false : true =
      true;
    expect([rows, fields, counter]).toHaveLength(3);
  });

  it(
    'fact 100: a table is a protected, nameless set without an heir, unless it is told otherwise',
    withMembers((owner) => {
      expect(ets.info(newTable(owner))).toEqual({
        id: expect.any(Number),
        name: 'rows',
        named: false,
        type: 'set',
        protection: 'protected',
        isolation: 'copy',
        key: 'id',
        owner: owner.pid,
        heir: undefined,
        size: 0,
        fixed: false,
      });
    }),
  );

  it(
    'fact 100: a named table whose name is in use is a bad argument, until that table is gone',
    withMembers((owner, other) => {
      const table = newTable(owner, { named: true });
      badarg(() => newTable(other, { named: true }));
      expect(ets.info(newTable(other))?.name).toBe('rows');
      owner.run(() => ets.deleteTable(table));
      const successor = newTable(other, { named: true });
      const name = ets.tableName<Row, 'id'>('rows');
      other.run(() => ets.insert(name, { id: 'a', n: 1 }));
      expect(owner.run(() => ets.lookup(name, 'a'))).toEqual([{ id: 'a', n: 1 }]);
      expect(owner.run(() => ets.whereis(name))).toBe(successor);
    }),
  );

  it(
    'fact 100: names belong to one runtime',
    withMembers((owner) => {
      const world = new World(1);
      const elsewhere = world.runtime.run(() => ets.whereis(ets.tableName<Row, 'id'>('rows')));
      newTable(owner, { named: true });
      expect(elsewhere).toBeUndefined();
      expect(ets.tablesOf(world.runtime)).toEqual([]);
      world.runtime.stop();
    }),
  );

  it(
    'fact 100: rows may be tuples, and any position may be the key',
    withMembers((owner) => {
      const table = owner.run(() => ets.newTable<[number, string], 1>('tuples', { key: 1 }));
      owner.run(() => ets.insert(table, [7, 'seven']));
      expect(ets.lookup(table, 'seven')).toEqual([[7, 'seven']]);
    }),
  );

  it(
    'fact 100: options that make no sense are bad arguments, and so is a table that nobody owns',
    withMembers((owner, _other, _third, world) => {
      badarg(() => newTable(owner, { type: 'bag' as 'set' }));
      badarg(() => newTable(owner, { protection: 'secret' as 'public' }));
      badarg(() => newTable(owner, { isolation: 'none' as 'copy' }));
      badarg(() => owner.run(() => ets.newTable<[string], 0>('tuples', { key: -1 as 0 })));
      badarg(() => world.runtime.run(() => ets.newTable<Row, 'id'>('rows', { key: 'id' })));
      expect(ets.tablesOf(world.runtime)).toEqual([]);
    }),
  );

  it(
    'find() gives a row of a named table, and undefined where there is no such row or nobody has the table',
    withMembers((owner, other, third) => {
      const name = ets.tableName<Row, 'id'>('rows');
      expect(other.run(() => ets.find(name, 'a'))).toBeUndefined();
      const table = filledTable(owner, { named: true });
      const found = other.run(() => ets.find(name, 'a'));
      expect(found).toEqual({ id: 'a', n: 1 });
      // A copy, as the table's isolation says.
      expect(other.run(() => ets.find(name, 'a'))).not.toBe(found);
      expect(other.run(() => ets.find(name, 'x'))).toBeUndefined();
      owner.run(() => ets.deleteTable(table));
      expect(other.run(() => ets.find(name, 'a'))).toBeUndefined();
      filledTable(third, { named: true, protection: 'private' });
      badarg(() => other.run(() => ets.find(name, 'a')));
    }),
  );

  it(
    'tablesOf() lists every table for operators, oldest first',
    withMembers((owner, other, _third, world) => {
      filledTable(owner, { protection: 'private' });
      newTable(other, { type: 'ordered_set' });
      expect(ets.tablesOf(world.runtime)).toMatchObject([
        { type: 'set', owner: owner.pid, protection: 'private', size: 3 },
        { type: 'ordered_set', owner: other.pid, protection: 'protected', size: 0 },
      ]);
    }),
  );
});

/** Every access to a table of {@link Row}s, by the name of the function. */
type Accesses = Readonly<Record<string, (table: ets.Table<Row, 'id'>, to: Member) => unknown>>;
const READS: Accesses = {
  lookup: (table) => ets.lookup(table, 'a'),
  lookupElement: (table) => ets.lookupElement(table, 'a', 'n'),
  member: (table) => ets.member(table, 'a'),
  first: (table) => ets.first(table),
  last: (table) => ets.last(table),
  next: (table) => ets.next(table, 'a'),
  prev: (table) => ets.prev(table, 'a'),
  fold: (table) => ets.fold(table, (sum, row) => sum + row.n, 0),
  toArray: (table) => ets.toArray(table),
  select: (table) => ets.select(table, () => true),
  selectLimit: (table) => ets.selectLimit(table, () => true, 1),
  selectCount: (table) => ets.selectCount(table, () => true),
};
const WRITES: Accesses = {
  insert: (table) => ets.insert(table, { id: 'd', n: 4 }),
  insertList: (table) => ets.insertList(table, ROWS),
  insertNew: (table) => ets.insertNew(table, { id: 'd', n: 4 }),
  insertNewList: (table) => ets.insertNewList(table, ROWS),
  deleteKey: (table) => ets.deleteKey(table, 'z'),
  take: (table) => ets.take(table, 'z'),
  selectDelete: (table) => ets.selectDelete(table, () => false),
  updateCounter: (table) => ets.updateCounter(table, 'a', ['n', 1]),
  updateElement: (table) => ets.updateElement(table, 'a', ['n', 1]),
  deleteTable: (table) => ets.deleteTable(table),
};
const OTHERS: Accesses = {
  giveAway: (table, to) => ets.giveAway(table, to.pid, undefined),
  setHeir: (table) => ets.setHeir(table, undefined),
  safeFixtable: (table) => ets.safeFixtable(table, true),
};
const ALL: Accesses = { ...READS, ...WRITES, ...OTHERS };
const names = (accesses: object) => Object.keys(accesses);

describe('owners and heirs', () => {
  it.each(names(ALL))('fact 101: %s() on the table of a dead owner is a bad argument', (name) =>
    withMembers((owner, other, third, world) => {
      const table = filledTable(owner, { protection: 'public' });
      world.kill(owner.pid);
      badarg(() => other.run(() => ALL[name]?.(table, third)));
    })(),
  );

  it(
    'fact 101: the table of a dead owner is gone before its DOWN can be seen, and has no info and no name',
    withMembers(async (owner, other, _third, world) => {
      const table = filledTable(owner, { named: true });
      const name = ets.tableName<Row, 'id'>('rows');
      other.self.monitor(owner.pid);
      world.kill(owner.pid);
      await world.idle();
      expect(other.messages).toMatchObject([{ type: 'DOWN', reason: 'killed' }]);
      expect(ets.info(table)).toBeUndefined();
      expect(other.run(() => ets.info(name))).toBeUndefined();
      expect(other.run(() => ets.whereis(name))).toBeUndefined();
      badarg(() => other.run(() => ets.lookup(name, 'a')));
      expect(ets.tablesOf(world.runtime)).toEqual([]);
    }),
  );

  it(
    'fact 101: deleting a table ends every access to it, while its owner lives on',
    withMembers((owner) => {
      const table = filledTable(owner);
      expect(owner.run(() => ets.deleteTable(table))).toBe(true);
      badarg(() => owner.run(() => ets.lookup(table, 'a')));
      badarg(() => owner.run(() => ets.deleteTable(table)));
      expect(ets.info(table)).toBeUndefined();
    }),
  );

  it(
    'fact 102: a living heir gets the table as it is, with a message, and keeps its name',
    withMembers(async (owner, heir, third, world) => {
      const table = filledTable(owner, { named: true, heir: { pid: heir.pid, data: 'yours' } });
      world.kill(owner.pid);
      await world.idle();
      expect(heir.messages).toEqual([{ type: 'ETS-TRANSFER', table, from: owner.pid, heirData: 'yours' }]);
      expect(ets.info(table)).toMatchObject({ owner: heir.pid, size: 3 });
      expect(third.run(() => ets.lookup(ets.tableName<Row, 'id'>('rows'), 'a'))).toEqual([{ id: 'a', n: 1 }]);
      heir.run(() => ets.insert(table, { id: 'd', n: 4 }));
      badarg(() => third.run(() => ets.insert(table, { id: 'e', n: 5 })));
      world.kill(heir.pid);
      expect(ets.info(table)).toBeUndefined();
    }),
  );

  it(
    'fact 102: a dead heir means that the table dies',
    withMembers((owner, heir, _third, world) => {
      const table = filledTable(owner, { heir: { pid: heir.pid, data: undefined } });
      world.kill(heir.pid);
      world.kill(owner.pid);
      expect(ets.info(table)).toBeUndefined();
    }),
  );

  it(
    'fact 102: when owner and heir fall together the table dies, whoever falls first',
    withMembers((owner, heir, _third, world) => {
      const tables = [
        newTable(owner, { heir: { pid: heir.pid, data: 1 } }),
        newTable(heir, { heir: { pid: owner.pid, data: 2 } }),
      ];
      owner.self.link(heir.pid);
      world.kill(owner.pid);
      expect(tables.map(ets.info)).toEqual([undefined, undefined]);
    }),
  );

  it(
    'fact 102: giveAway() passes the table on with a message; only the owner can, to another living process',
    withMembers(async (owner, other, third, world) => {
      const table = filledTable(owner, { protection: 'public' });
      badarg(() => other.run(() => ets.giveAway(table, third.pid, 'x')));
      badarg(() => owner.run(() => ets.giveAway(table, owner.pid, 'x')));
      expect(owner.run(() => ets.giveAway(table, other.pid, 'gift'))).toBe(true);
      badarg(() => owner.run(() => ets.giveAway(table, third.pid, 'x')));
      world.kill(third.pid);
      badarg(() => other.run(() => ets.giveAway(table, third.pid, 'x')));
      await world.idle();
      expect(other.messages).toEqual([{ type: 'ETS-TRANSFER', table, from: owner.pid, heirData: 'gift' }]);
      world.kill(owner.pid);
      expect(ets.info(table)).toMatchObject({ owner: other.pid, size: 3 });
    }),
  );

  it(
    'fact 102: setHeir() changes the heir, and only the owner can',
    withMembers((owner, heir, third, world) => {
      const table = filledTable(owner, { protection: 'public', heir: { pid: third.pid, data: 1 } });
      badarg(() => heir.run(() => ets.setHeir(table, { pid: heir.pid, data: 2 })));
      owner.run(() => ets.setHeir(table, { pid: heir.pid, data: 2 }));
      expect(ets.info(table)?.heir).toBe(heir.pid);
      world.kill(owner.pid);
      expect(ets.info(table)?.owner).toBe(heir.pid);
      heir.run(() => ets.setHeir(table, undefined));
      world.kill(heir.pid);
      expect(ets.info(table)).toBeUndefined();
    }),
  );

  it(
    'fact 102: a table cannot leave its runtime',
    withMembers((owner) => {
      const world = new World(1);
      const stranger = world.spawn((self) => self.serve(() => {}));
      const table = newTable(owner);
      badarg(() => owner.run(() => ets.giveAway(table, stranger, 'x')));
      badarg(() => owner.run(() => ets.setHeir(table, { pid: stranger, data: 'x' })));
      badarg(() => newTable(owner, { heir: { pid: stranger, data: 'x' } }));
      world.runtime.stop();
    }),
  );
});

describe('protection', () => {
  it.each(names(READS))(
    'fact 103: %s() is open to all on protected and public tables, to the owner on private ones',
    (name) =>
      withMembers((owner, other, _third, world) => {
        for (const protection of ['protected', 'public', 'private'] as const) {
          const table = filledTable(owner, { protection });
          expect(() => owner.run(() => READS[name]?.(table, other))).not.toThrow();
          const strange = () => other.run(() => READS[name]?.(table, other));
          const nobody = () => world.runtime.run(() => READS[name]?.(table, other));
          for (const access of [strange, nobody]) {
            if (protection === 'private') badarg(access);
            else expect(access).not.toThrow();
          }
        }
      })(),
  );

  it.each(names(WRITES))('fact 103: %s() is open to all on public tables, to the owner on all others', (name) =>
    withMembers((owner, other, _third, world) => {
      for (const protection of ['protected', 'public', 'private'] as const) {
        const strange = (table: ets.Table<Row, 'id'>) => other.run(() => WRITES[name]?.(table, other));
        const nobody = (table: ets.Table<Row, 'id'>) => world.runtime.run(() => WRITES[name]?.(table, other));
        for (const access of [strange, nobody]) {
          const table = filledTable(owner, { protection });
          if (protection === 'public') expect(() => access(table)).not.toThrow();
          else badarg(() => access(table));
        }
        const table = filledTable(owner, { protection });
        expect(() => owner.run(() => WRITES[name]?.(table, other))).not.toThrow();
      }
    })(),
  );

  it(
    'fact 103: info() works even on private tables of others',
    withMembers((owner, other) => {
      const table = filledTable(owner, { protection: 'private' });
      expect(other.run(() => ets.info(table))).toMatchObject({ owner: owner.pid, size: 3 });
    }),
  );

  it(
    'fact 103: a process that has just ended writes nothing any more, not even into public tables',
    withMembers((owner, other, _third, world) => {
      const table = filledTable(owner, { protection: 'public' });
      const write = () =>
        other.run(() => {
          world.runtime.exit(other.pid, 'kill');
          ets.insert(table, { id: 'd', n: 4 });
        });
      expect(write).toThrow(DeadProcess);
      expect(ets.info(table)?.size).toBe(3);
    }),
  );
});

describe.each(TYPES)('rows of a table of type %s', (type) => {
  it(
    'fact 104: insert() replaces the row with the same key',
    withMembers((owner) => {
      const table = filledTable(owner, { type });
      expect(owner.run(() => ets.insert(table, { id: 'b', n: 20 }))).toBe(true);
      expect(ets.lookup(table, 'b')).toEqual([{ id: 'b', n: 20 }]);
      expect(ets.info(table)?.size).toBe(3);
    }),
  );

  it(
    'fact 104: insertList() inserts all or, with one bad row, nothing; of equal keys the last wins',
    withMembers((owner) => {
      const table = newTable(owner, { type });
      const bad: readonly unknown[] = [{ n: 1 }, { id: Number.NaN }, { id: () => {} }, 'x', null, ['x', 1]];
      for (const row of bad) badarg(() => owner.run(() => ets.insertList(table, [...ROWS, row as Row])));
      expect(ets.toArray(table)).toEqual([]);
      owner.run(() => ets.insertList(table, [...ROWS, { id: 'a', n: 10 }, { id: 'a', n: 100 }]));
      expect(sorted(ets.toArray(table))).toEqual([{ id: 'a', n: 100 }, ROWS[1], ROWS[2]]);
    }),
  );

  it(
    'fact 104: insertNew() inserts unless the key is there; with a list, all or none',
    withMembers((owner) => {
      const table = filledTable(owner, { type });
      owner.run(() => {
        expect(ets.insertNew(table, { id: 'a', n: 10 })).toBe(false);
        expect(ets.insertNew(table, { id: 'd', n: 4 })).toBe(true);
        expect(
          ets.insertNewList(table, [
            { id: 'e', n: 5 },
            { id: 'a', n: 10 },
          ]),
        ).toBe(false);
        badarg(() => ets.insertNewList(table, [{ id: 'e', n: 5 }, {} as Row]));
        expect(
          ets.insertNewList(table, [
            { id: 'e', n: 5 },
            { id: 'f', n: 6 },
          ]),
        ).toBe(true);
      });
      expect(sorted(ets.toArray(table)).map((row) => row.id)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
      expect(ets.lookup(table, 'a')).toEqual([ROWS[0]]);
    }),
  );

  it(
    'fact 104: lookup() gives a list, empty for an absent key; so does take(), which removes',
    withMembers((owner) => {
      const table = filledTable(owner, { type });
      owner.run(() => {
        expect(ets.lookup(table, 'a')).toEqual([ROWS[0]]);
        expect(ets.lookup(table, 'z')).toEqual([]);
        expect(ets.take(table, 'a')).toEqual([ROWS[0]]);
        expect(ets.take(table, 'a')).toEqual([]);
        expect(ets.member(table, 'a')).toBe(false);
        expect(ets.member(table, 'b')).toBe(true);
        expect(ets.info(table)?.size).toBe(2);
      });
    }),
  );

  it(
    'fact 104: deleting a key is true whether or not it was there',
    withMembers((owner) => {
      const table = filledTable(owner, { type });
      owner.run(() => {
        expect([ets.deleteKey(table, 'a'), ets.deleteKey(table, 'a')]).toEqual([true, true]);
        expect(ets.toArray(table)).toHaveLength(2);
      });
    }),
  );

  it(
    'fact 104: lookupElement() gives one field, and is a bad argument for an absent key',
    withMembers((owner) => {
      const table = filledTable(owner, { type });
      expect(ets.lookupElement(table, 'b', 'n')).toBe(2);
      badarg(() => ets.lookupElement(table, 'z', 'n'));
    }),
  );

  it(
    'fact 106: fold() may delete on its way, and sees nothing twice',
    withMembers((owner) => {
      const table = filledTable(owner, { type });
      owner.run(() => {
        const seen = ets.fold(
          table,
          (ids: string[], row) => {
            for (const { id } of ROWS) if (id !== row.id) ets.deleteKey(table, id);
            return [...ids, row.id];
          },
          [],
        );
        expect(seen).toHaveLength(1);
        expect(ets.toArray(table).map((row) => row.id)).toEqual(seen);
      });
    }),
  );

  it(
    'fact 106: fold() that puts rows back and inserts others ends, having seen the first ones once',
    withMembers((owner) => {
      const table = filledTable(owner, { type });
      const seen = owner.run(() =>
        ets.fold(
          table,
          (ids: string[], row) => {
            ets.deleteKey(table, row.id);
            ets.insertList(table, [row, { id: `${'!'.repeat(ids.length + 1)}${row.id}`, n: 0 }]);
            return [...ids, row.id];
          },
          [],
        ),
      );
      expect(seen.toSorted()).toEqual(['a', 'b', 'c']);
      expect(ets.info(table)?.size).toBe(6);
    }),
  );

  it(
    'fact 106: a selection sees one moment, whatever its predicate does to the table',
    withMembers((owner) => {
      const table = filledTable(owner, { type });
      owner.run(() => {
        const selected = ets.select(table, (row) => {
          ets.deleteKey(table, 'a');
          ets.deleteKey(table, 'c');
          ets.insert(table, { id: `${row.id}+`, n: 0 });
          return true;
        });
        expect(sorted(selected)).toEqual(ROWS);
      });
    }),
  );

  it(
    'fact 106: a traversal in steps, or a selection in pages, of a table that dies on the way is a bad argument',
    withMembers((owner, other, _third, world) => {
      const table = filledTable(owner, { type });
      const page = other.run(() => ets.selectLimit(table, () => true, 1));
      const key = other.run(() => ets.first(table));
      const fold = () => {
        let steps = 0;
        badarg(() =>
          ets.fold(
            table,
            () => {
              steps += 1;
              world.runtime.exit(owner.pid, 'kill');
            },
            undefined,
          ),
        );
        return steps;
      };
      expect(other.run(fold)).toBe(1);
      if (page === ets.END_OF_TABLE || key === ets.END_OF_TABLE) throw new Error('Expected rows');
      badarg(() => other.run(() => ets.selectNext(page.continuation)));
      badarg(() => other.run(() => ets.next(table, key)));
    }),
  );

  it(
    'fact 107: a walk of a fixed table visits what is there throughout once, and what is deleted vanishes at once',
    withMembers((owner) => {
      const table = filledTable(owner, { type });
      owner.run(() => {
        ets.safeFixtable(table, true);
        const visited = walk(table, (key) => {
          ets.deleteKey(table, key);
          expect(ets.lookup(table, key)).toEqual([]);
        });
        expect(visited.toSorted()).toEqual(['a', 'b', 'c']);
        expect(ets.info(table)).toMatchObject({ size: 0, fixed: true });
        expect(ets.first(table)).toBe(ets.END_OF_TABLE);
        ets.safeFixtable(table, false);
        expect(ets.info(table)?.fixed).toBe(false);
      });
    }),
  );

  it(
    'fact 107: a row that is deleted and inserted again in a fixed table is not visited twice',
    withMembers((owner) => {
      const table = filledTable(owner, { type });
      owner.run(() => {
        ets.safeFixtable(table, true);
        const visited = walk(table, (key) => {
          const [row] = ets.take(table, key);
          if (row) ets.insert(table, row);
        });
        expect(visited.toSorted()).toEqual(['a', 'b', 'c']);
        ets.safeFixtable(table, false);
        expect(sorted(ets.toArray(table))).toEqual(ROWS);
      });
    }),
  );

  it(
    'fact 107: fixing nests per process, anybody who reads may fix, and it ends with the process',
    withMembers((owner, other, third, world) => {
      const table = filledTable(owner, { type });
      const fixed = () => ets.info(table)?.fixed;
      other.run(() => [ets.safeFixtable(table, true), ets.safeFixtable(table, true)]);
      third.run(() => [ets.safeFixtable(table, true), ets.safeFixtable(table, false)]);
      owner.run(() => ets.safeFixtable(table, false));
      other.run(() => ets.safeFixtable(table, false));
      expect(fixed()).toBe(true);
      world.kill(other.pid);
      expect(fixed()).toBe(false);
      third.run(() => ets.safeFixtable(table, true));
      owner.run(() => ets.deleteTable(table));
      expect(third.self.process.owned.size).toBe(0);
    }),
  );

  it(
    'fact 107: only a process can fix a table, and a private one only its owner',
    withMembers((owner, other, _third, world) => {
      const table = filledTable(owner, { type, protection: 'private' });
      badarg(() => other.run(() => ets.safeFixtable(table, true)));
      badarg(() => world.runtime.run(() => ets.safeFixtable(table, true)));
    }),
  );

  it(
    'fact 108: select() gives the rows that a predicate wants, selectCount() counts them',
    withMembers((owner) => {
      const table = filledTable(owner, { type });
      expect(sorted(ets.select(table, (row) => row.n > 1))).toEqual([ROWS[1], ROWS[2]]);
      expect(ets.selectCount(table, (row) => row.n > 1)).toBe(2);
      expect(ets.select(table, () => false)).toEqual([]);
    }),
  );

  it(
    'fact 108: selectLimit() gives pages, each with a continuation, and ends with END_OF_TABLE',
    withMembers((owner) => {
      const table = filledTable(owner, { type });
      const collected: Row[][] = [];
      let page = ets.selectLimit(table, () => true, 2);
      while (page !== ets.END_OF_TABLE) {
        collected.push(page.rows);
        page = ets.selectNext(page.continuation);
      }
      expect(collected.map((rows) => rows.length)).toEqual([2, 1]);
      expect(sorted(collected.flat())).toEqual(ROWS);
      expect(ets.selectLimit(table, () => false, 2)).toBe(ets.END_OF_TABLE);
      for (const limit of [0, -1, 1.5]) badarg(() => ets.selectLimit(table, () => true, limit));
    }),
  );

  it(
    'fact 108: a selection in pages goes on after what it stands on was deleted',
    withMembers((owner) => {
      const table = filledTable(owner, { type });
      owner.run(() => {
        const page = ets.selectLimit(table, () => true, 1);
        if (page === ets.END_OF_TABLE) throw new Error('Expected rows');
        const [seen] = page.rows;
        const rest = ROWS.filter((row) => row.id !== seen?.id);
        ets.deleteKey(table, seen?.id ?? '');
        ets.deleteKey(table, rest[0]?.id ?? '');
        expect(ets.selectNext(page.continuation)).toMatchObject({ rows: [rest[1]] });
      });
    }),
  );

  it(
    'fact 108: selectDelete() deletes what a predicate wants and says how many',
    withMembers((owner) => {
      const table = filledTable(owner, { type });
      owner.run(() => {
        expect(ets.selectDelete(table, (row) => row.n !== 2)).toBe(2);
        expect(ets.toArray(table)).toEqual([ROWS[1]]);
        expect(ets.selectDelete(table, () => false)).toBe(0);
      });
    }),
  );

  it(
    'fact 108: updateCounter() counts one field or several, with a threshold, and gives the results',
    withMembers((owner) => {
      const table = filledTable(owner, { type });
      owner.run(() => {
        expect(ets.updateCounter(table, 'a', ['n', 4])).toBe(5);
        expect(
          ets.updateCounter(table, 'a', [
            ['n', 1],
            ['n', -3],
            ['n', 0],
          ]),
        ).toEqual([6, 3, 3]);
        expect(ets.updateCounter(table, 'a', [])).toEqual([]);
        expect(ets.updateCounter(table, 'a', ['n', 1, 4, 0])).toBe(4);
        expect(ets.updateCounter(table, 'a', ['n', 1, 4, 0])).toBe(0);
        expect(ets.updateCounter(table, 'a', ['n', -1, 0, 9])).toBe(9);
        expect(ets.lookup(table, 'a')).toEqual([{ id: 'a', n: 9 }]);
      });
    }),
  );

  it(
    'fact 108: updateCounter() inserts a default row for an absent key, under that key',
    withMembers((owner) => {
      const table = newTable(owner, { type });
      owner.run(() => {
        expect(ets.updateCounter(table, 'x', ['n', 1], { id: 'ignored', n: 10 })).toBe(11);
        expect(ets.updateCounter(table, 'x', ['n', 1], { id: 'ignored', n: 10 })).toBe(12);
        expect(ets.toArray(table)).toEqual([{ id: 'x', n: 12 }]);
      });
    }),
  );

  it(
    'fact 108: updateCounter() is a bad argument for an absent key, the key itself, and anything but integers',
    withMembers((owner) => {
      const table = filledTable(owner, { type });
      owner.run(() => {
        ets.insert(table, { id: 'half', n: 0.5 });
        ets.insert(table, { id: 'most', n: Number.MAX_SAFE_INTEGER });
        badarg(() => ets.updateCounter(table, 'z', ['n', 1]));
        badarg(() => ets.updateCounter(table, 'half', ['n', 1]));
        badarg(() => ets.updateCounter(table, 'most', ['n', 1]));
        badarg(() => ets.updateCounter(table, 'a', ['n', 0.5]));
        badarg(() => ets.updateCounter(table, 'a', ['n', 1, 0.5, 0]));
        badarg(() => ets.updateCounter(table, 'a', ['id' as 'n', 1]));
        badarg(() => ets.updateCounter(table, 'a', 1 as never));
        badarg(() =>
          ets.updateCounter(table, 'a', [
            ['n', 1],
            ['n', 0.5],
          ]),
        );
        expect(ets.lookup(table, 'a')).toEqual([ROWS[0]]);
      });
    }),
  );

  it(
    'fact 108: in a table of tuples a bare number counts the field after the key',
    withMembers((owner) => {
      const table = owner.run(() => ets.newTable<[string, number, number], 0>('tuples', { key: 0, type }));
      owner.run(() => {
        ets.insert(table, ['a', 1, 2]);
        expect(ets.updateCounter(table, 'a', 5)).toBe(6);
        expect(ets.updateCounter(table, 'a', [2, 5])).toBe(7);
        expect(
          ets.updateElement(table, 'a', [
            [1, 0],
            [2, 0],
          ]),
        ).toBe(true);
        badarg(() => ets.updateElement(table, 'a', [3 as 2, 0]));
        expect(ets.lookup(table, 'a')).toEqual([['a', 0, 0]]);
      });
    }),
  );

  it(
    'fact 108: updateElement() sets fields and says whether there was a row; the key is a bad argument',
    withMembers((owner) => {
      const table = filledTable(owner, { type });
      owner.run(() => {
        expect(ets.updateElement(table, 'a', ['n', 10])).toBe(true);
        expect(ets.updateElement(table, 'z', ['n', 10])).toBe(false);
        badarg(() =>
          ets.updateElement(table, 'a', [
            ['n', 11],
            ['id' as 'n', 0],
          ]),
        );
        expect(ets.lookup(table, 'a')).toEqual([{ id: 'a', n: 10 }]);
      });
    }),
  );

  it(
    'fact 109: changing what was inserted or looked up does not change the table',
    withMembers((owner) => {
      const table = owner.run(() => ets.newTable<{ id: string; tags: string[] }, 'id'>('copies', { key: 'id', type }));
      owner.run(() => {
        const mine = { id: 'a', tags: ['x'] };
        ets.insert(table, mine);
        const spoil = (row: { id: string; tags: string[] }) => void row.tags.push('spoilt');
        spoil(mine);
        ets.lookup(table, 'a').forEach(spoil);
        ets.toArray(table).forEach(spoil);
        ets.select(table, () => true).forEach(spoil);
        ets.selectCount(table, (row) => row.tags.push('spoilt') > 0);
        ets.selectDelete(table, (row) => row.tags.push('spoilt') < 0);
        ets.fold(table, (_, row) => spoil(row), undefined);
        ets.lookupElement(table, 'a', 'tags').push('spoilt');
        const tags = ['y'];
        expect(ets.lookup(table, 'a')).toEqual([{ id: 'a', tags: ['x'] }]);
        ets.updateElement(table, 'a', ['tags', tags]);
        tags.push('spoilt');
        expect(ets.lookup(table, 'a')).toEqual([{ id: 'a', tags: ['y'] }]);
      });
    }),
  );

  it(
    'fact 109: keys are copies too',
    withMembers((owner) => {
      const table = owner.run(() => ets.newTable<[string[], number], 0>('keys', { key: 0, type }));
      owner.run(() => {
        const key = ['a', 'b'];
        ets.insert(table, [key, 1]);
        key.push('c');
        const found = ets.first(table);
        if (found === ets.END_OF_TABLE) throw new Error('Expected a key');
        found.push('d');
        expect(ets.lookup(table, ['a', 'b'])).toEqual([[['a', 'b'], 1]]);
        expect(ets.first(table)).toEqual(['a', 'b']);
      });
    }),
  );
});

describe('copies', () => {
  it(
    'fact 109: copies are deep; what has an identity stays itself, and other classes are refused',
    withMembers((owner, other) => {
      type Anything = { readonly id: string; readonly value: unknown };
      const table = owner.run(() => ets.newTable<Anything, 'id'>('anything', { key: 'id' }));
      const store = (value: unknown) => {
        ets.insert(table, { id: 'a', value });
        return ets.lookupElement(table, 'a', 'value');
      };
      owner.run(() => {
        const bytes = Buffer.from('abc');
        const copied = [bytes, new Uint16Array([1]), new Map([['k', [1]]]), new Set([1]), new Date(5), { deep: [1] }];
        for (const value of copied) {
          expect(store(value)).toEqual(value);
          expect(store(value)).not.toBe(value);
        }
        const kept = [other.pid, new Reference(), table, new Error('oops'), () => {}, Symbol('s')];
        for (const value of kept) expect(store({ value })).toEqual({ value });
        for (const value of kept) expect(store(value)).toBe(value);
        store(bytes);
        bytes.write('xyz');
        expect(ets.lookupElement(table, 'a', 'value')).toEqual(Buffer.from('abc'));
        badarg(() =>
          store(
            new (class Custom {
              readonly field = 1;
            })(),
          ),
        );
        badarg(() => store(new WeakMap()));
      });
    }),
  );

  it(
    'fact 109: a field named __proto__ is a field like any other, and inherits nothing',
    withMembers((owner) => {
      const row = JSON.parse('{"id":"a","n":1,"deep":{"__proto__":{"admin":true}},"__proto__":{"n":2}}') as Row;
      const table = newTable(owner);
      owner.run(() => ets.insert(table, row));
      const [found] = owner.run(() => ets.lookup(table, 'a'));
      expect(JSON.stringify(found)).toBe(JSON.stringify(row));
      expect(Object.getPrototypeOf(found)).toBe(Object.prototype);
      const { deep } = found as Row & { deep: object };
      expect('admin' in deep).toBe(false);
      expect(owner.run(() => ets.updateCounter(table, 'a', ['n', 1]))).toBe(2);
      expect(owner.run(() => ets.toArray(table))).toHaveLength(1);
    }),
  );

  it(
    'fact 109: a row or a key that contains itself is a bad argument',
    withMembers((owner) => {
      interface Knot {
        readonly id: unknown;
        self?: unknown;
      }
      const knot: Knot = { id: 'a' };
      knot.self = { list: [knot, knot], map: new Map([['knot', knot]]) };
      const loop: unknown[] = [];
      loop.push({ loop });
      for (const type of TYPES) {
        const table = owner.run(() => ets.newTable<Knot, 'id'>('knots', { key: 'id', type }));
        owner.run(() => ets.insert(table, { id: 'b' }));
        badarg(() => owner.run(() => ets.insert(table, knot)));
        badarg(() => owner.run(() => ets.insert(table, { id: loop })));
        expect(owner.run(() => ets.toArray(table))).toEqual([{ id: 'b' }]);
      }
      const set = owner.run(() => ets.newTable<Knot, 'id'>('knots', { key: 'id' }));
      badarg(() => owner.run(() => ets.lookup(set, loop)));
    }),
  );

  it(
    'fact 109: with isolation "share" the row itself is stored, and updates still replace it',
    withMembers((owner) => {
      const table = newTable(owner, { isolation: 'share' });
      owner.run(() => {
        const row = { id: 'a', n: 1 };
        ets.insert(table, row);
        expect(ets.lookup(table, 'a')[0]).toBe(row);
        ets.updateCounter(table, 'a', ['n', 1]);
        ets.updateElement(table, 'a', ['n', 3]);
        expect(row.n).toBe(1);
        expect(ets.lookup(table, 'a')).toEqual([{ id: 'a', n: 3 }]);
      });
    }),
  );
});

describe('keys and their order', () => {
  const tuples = (owner: Member, type: ets.TableType) =>
    owner.run(() => ets.newTable<[ets.Key, string], 0>('keys', { key: 0, type }));

  it(
    'fact 105: a set tells 1 from 1n, an ordered set does not',
    withMembers((owner) => {
      for (const [type, expected] of [
        ['set', 2],
        ['ordered_set', 1],
      ] as const) {
        const table = tuples(owner, type);
        owner.run(() =>
          ets.insertList(table, [
            [1, 'number'],
            [1n, 'bigint'],
          ]),
        );
        expect(ets.info(table)?.size).toBe(expected);
        expect(ets.lookup(table, 1n)).toEqual([[1n, 'bigint']]);
        const nested = tuples(owner, type);
        owner.run(() =>
          ets.insertList(nested, [
            [[1], 'number'],
            [[1n], 'bigint'],
          ]),
        );
        expect(ets.info(nested)?.size).toBe(expected);
      }
    }),
  );

  it(
    'fact 105: keys are compared by structure, never by how they are written down',
    withMembers((owner) => {
      const distinct: readonly ets.Key[] = [
        1,
        '1',
        true,
        'true',
        null,
        'null',
        [],
        {},
        [[]],
        ['a', 'b'],
        ['a,b'],
        [['a'], 'b'],
        { a: 1 },
        { a: '1' },
        { a: 1, b: 2 },
        '\0',
        '\0s',
        '\0ta0:',
        ['\0'],
        new Uint8Array([97]),
        'a',
        new Reference(),
        new Reference(),
        owner.pid,
        [owner.pid],
        owner.pid.toString(),
      ];
      for (const type of TYPES) {
        const table = tuples(owner, type);
        owner.run(() =>
          ets.insertList(
            table,
            distinct.map((key, index) => [key, String(index)]),
          ),
        );
        expect(ets.info(table)?.size).toBe(distinct.length);
        distinct.forEach((key, index) => expect(ets.lookupElement(table, key, 1)).toBe(String(index)));
        expect(ets.member(table, { b: 2, a: 1 })).toBe(true);
        expect(ets.member(table, Buffer.from('a'))).toBe(true);
      }
    }),
  );

  it(
    'fact 105: an ordered set is traversed in term order, both ways',
    withMembers((owner) => {
      const [reference, later] = [new Reference(), new Reference()];
      const order: readonly ets.Key[] = [
        Number.NEGATIVE_INFINITY,
        -1,
        0,
        1n,
        1.5,
        2,
        10,
        10n ** 20n,
        Number.POSITIVE_INFINITY,
        false,
        true,
        null,
        '',
        'B',
        'a',
        'aa',
        'b',
        reference,
        later,
        owner.pid,
        [],
        [1, 'z'],
        [2],
        [2, 1],
        ['a'],
        {},
        { b: 1 },
        { a: 0, b: 0 },
        { a: 1, b: 0 },
        { a: 0, c: 0 },
        new Uint8Array([0]),
        new Uint8Array([0, 1]),
        new Uint8Array([1]),
      ];
      const table = tuples(owner, 'ordered_set');
      owner.run(() => {
        for (const key of order.toReversed()) ets.insert(table, [key, 'x']);
        expect(walk(table)).toEqual(order);
        expect(ets.toArray(table).map(([key]) => key)).toEqual(order);
        const backwards: ets.Key[] = [];
        for (let key = ets.last(table); key !== ets.END_OF_TABLE; key = ets.prev(table, key)) backwards.push(key);
        expect(backwards).toEqual(order.toReversed());
      });
    }),
  );

  it(
    'fact 105: first(), last(), next() and prev() of an ordered set accept absent keys',
    withMembers((owner) => {
      const table = filledTable(owner, { type: 'ordered_set' });
      expect([ets.first(table), ets.last(table)]).toEqual(['a', 'c']);
      expect([ets.next(table, 'aa'), ets.prev(table, 'aa')]).toEqual(['b', 'a']);
      expect([ets.next(table, ''), ets.prev(table, 'z')]).toEqual(['a', 'c']);
      expect([ets.next(table, 'c'), ets.prev(table, 'a')]).toEqual([ets.END_OF_TABLE, ets.END_OF_TABLE]);
      const empty = newTable(owner, { type: 'ordered_set' });
      expect([ets.first(empty), ets.last(empty), ets.next(empty, 'a'), ets.prev(empty, 'a')]).toEqual(
        Array.from({ length: 4 }, () => ets.END_OF_TABLE),
      );
    }),
  );

  it(
    'fact 105: next() of an absent key of a set is a bad argument, unless it was deleted from a fixed table',
    withMembers((owner) => {
      const table = filledTable(owner);
      owner.run(() => {
        const [, second, third] = walk(table);
        if (second === undefined || third === undefined) throw new Error('Expected three keys');
        badarg(() => ets.next(table, 'z'));
        ets.safeFixtable(table, true);
        ets.deleteKey(table, second);
        expect(ets.next(table, second)).toBe(third);
        ets.safeFixtable(table, false);
        badarg(() => ets.next(table, second));
        expect(ets.next(newTableWith(owner, 'only'), 'only')).toBe(ets.END_OF_TABLE);
      });
    }),
  );

  it(
    'fact 105: a set has one direction: last() is first() and prev() is next()',
    withMembers((owner) => {
      const table = filledTable(owner);
      expect(ets.last(table)).toBe(ets.first(table));
      expect(ets.prev(table, 'b')).toBe(ets.next(table, 'b'));
    }),
  );

  it(
    'fact 106: fold() over an ordered set sees rows that are inserted ahead of it',
    withMembers((owner) => {
      const table = filledTable(owner, { type: 'ordered_set' });
      const seen = owner.run(() =>
        ets.fold(
          table,
          (ids: string[], { id }) => {
            if (id === 'a')
              ets.insertList(table, [
                { id: '0', n: 0 },
                { id: 'bb', n: 0 },
              ]);
            return [...ids, id];
          },
          [],
        ),
      );
      expect(seen).toEqual(['a', 'b', 'bb', 'c']);
    }),
  );
});

function newTableWith(owner: Member, id: string) {
  const table = newTable(owner);
  owner.run(() => ets.insert(table, { id, n: 0 }));
  return table;
}
