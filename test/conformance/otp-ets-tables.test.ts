/**
 * Tables are made, owned and protected as Erlang's ETS does it: facts 100 to 103 of its semantics.
 *
 * What the facts say of `bag` and `duplicate_bag` does not apply: there are none. Patterns are
 * predicates, `'$end_of_table'` is `ets.END_OF_TABLE`, positions in a tuple count from 0.
 */
import { DeadProcess, ets } from '../../src/otp';
import { type Member, withMembers } from '../support/ets-members';
import { badarg, filledTable, newTable, type Row, ROWS } from '../support/ets-tables';
import { World } from '../support/runtime';

/** Whether a table of {@link Row}s takes this: checked by the compiler alone. */
type Takes<Given> = Given extends Parameters<typeof ets.insert<Row, 'id'>>[1] ? true : false;

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
