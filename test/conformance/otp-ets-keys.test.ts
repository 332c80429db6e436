/** Keys are compared and ordered as in Erlang's ETS: facts 105 and 106 of its semantics. */
import { ets, Reference } from '../../src/otp';
import { type Member, walk, withMembers } from '../support/ets-members';
import { badarg, filledTable, newTable, TYPES } from '../support/ets-tables';

function newTableWith(owner: Member, id: string) {
  const table = newTable(owner);
  owner.run(() => ets.insert(table, { id, n: 0 }));
  return table;
}

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
