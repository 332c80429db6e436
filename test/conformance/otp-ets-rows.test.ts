/** Rows are read and changed as in Erlang's ETS: facts 104 to 109 of its semantics, for `set` and `ordered_set`. */
import { ets, Reference } from '../../src/otp';
import { walk, withMembers } from '../support/ets-members';
import { badarg, filledTable, newTable, type Row, ROWS, sorted, TYPES } from '../support/ets-tables';

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
