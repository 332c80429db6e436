/** Memory table: against a naive Map, and the single promises of the interface. */
import * as fc from 'fast-check';
import type { Id, KeyId } from '../../src/chord/id';
import { inRange, type Range } from '../../src/chord/range';
import { type BinaryString, fromUtf8 } from '../../src/octets';
import { digestOf, EMPTY_DIGEST, union } from '../../src/store/digest';
import { MemoryTable } from '../../src/store/memory-table';
import { compareVersions } from '../../src/replication/version';
import { compareRecords, deadSinceMs, newer, Record } from '../../src/store/record';
import type { StoredRecord } from '../../src/store/stored-record';
import { ROOT, type TrieNodes } from '../../src/store/trie-nodes';
import { anyRange, anyRecord, recordOf, WHOLE } from './arbitraries';

const all = () => true;

const KEYS = 150;
const TIMES = 20;

/** The same promises, kept in the most obvious way. */
class NaiveTable {
  readonly records = new Map<BinaryString, Record>();

  merge(record: Record): void {
    const current = this.records.get(record.key);
    this.records.set(record.key, current === undefined ? record : newer(current, record));
  }

  /** Clockwise from `lo`. */
  inOrder(range: Range): Record[] {
    const fromLo = (record: Record) => (record.keyId > range.lo ? 0 : 1);
    return [...this.records.values()]
      .filter((record) => inRange(record.keyId, range))
      .sort((a, b) => fromLo(a) - fromLo(b) || (a.keyId < b.keyId ? -1 : 1));
  }

  purge(olderThanMs: number): number {
    const due = [...this.records.values()].filter((record) => (deadSinceMs(record) ?? Infinity) < olderThanMs);
    for (const record of due) this.records.delete(record.key);
    return due.length;
  }

  forget({ key, version }: Record): boolean {
    const held = this.records.get(key);
    return held !== undefined && compareVersions(held, version) === 0 && this.records.delete(key);
  }

  drop(range: Range): number {
    const held = this.inOrder(range);
    for (const record of held) this.records.delete(record.key);
    return held.length;
  }
}

type Step =
  | { readonly type: 'merge'; readonly records: readonly Record[] }
  | { readonly type: 'purge'; readonly olderThanMs: number }
  | { readonly type: 'drop'; readonly range: Range }
  | { readonly type: 'forget'; readonly records: readonly Record[] };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('merge' as const),
      records: fc.array(anyRecord(KEYS, TIMES), { minLength: 20, maxLength: 60 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('purge' as const),
      olderThanMs: fc.integer({ min: 0, max: TIMES * 700 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('drop' as const), range: anyRange(KEYS) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('forget' as const),
      records: fc.array(anyRecord(KEYS, TIMES), { minLength: 20, maxLength: 60 }),
    }),
  },
);

function perform(step: Step, table: MemoryTable, naive: NaiveTable): void {
  switch (step.type) {
    case 'merge':
      for (const record of step.records) {
        table.merge(record);
        naive.merge(record);
      }
      return;
    case 'purge':
      expect(purgeAll(table, step.olderThanMs, 3)).toBe(naive.purge(step.olderThanMs));
      return;
    case 'drop':
      expect(inSlices((countMax) => table.dropRange(step.range, countMax))).toBe(naive.drop(step.range));
      return;
    case 'forget':
      // Of every other key the version that is there; of the rest any, which seldom is.
      for (const [n, record] of step.records.entries()) {
        const named = (n % 2 === 0 && table.get(record.key)) || record;
        expect(table.forget(record.key, named.version)).toBe(
          naive.forget(new Record(record.keyId, record.key, named, undefined, undefined, false)),
        );
      }
  }
}

/** Purges slice by slice until all are looked at; gives how many have gone. */
function purgeAll(
  table: MemoryTable,
  olderThanMs: number,
  looksMax: number,
  mayGo: (record: StoredRecord) => boolean = () => true,
): number {
  let total = 0;
  let from: number | undefined;
  do {
    const { count, next } = table.purgeTombstones({ olderThanMs, mayGo, looksMax, from });
    total += count;
    from = next;
  } while (from !== undefined);
  return total;
}

/** Calls until a slice comes back short; gives the sum. */
function inSlices(slice: (countMax: number) => number): number {
  const countMax = 3;
  let total = 0;
  let done: number;
  do {
    done = slice(countMax);
    total += done;
  } while (done === countMax);
  return total;
}

function walkAll(table: MemoryTable, range: Range, recordsMax: number): Record[] {
  const all: Record[] = [];
  let after: Id | undefined;
  do {
    const slice = table.walk(range, after, { recordsMax, bytesMax: 1e9 });
    expect(slice.records.length).toBeLessThanOrEqual(recordsMax);
    all.push(...slice.records);
    after = slice.after;
  } while (after !== undefined);
  return all;
}

function expectSame(table: MemoryTable, naive: NaiveTable): void {
  const all = [...naive.records.values()];
  const values = all.filter((record) => record.kind === 'value');
  const bytes = values.reduce((sum, record) => sum + record.key.length + (record.value?.length ?? 0), 0);
  const { keys, tombstones, bytes: counted } = table.stats();
  expect({ keys, tombstones, counted }).toEqual({
    keys: values.length,
    tombstones: all.length - values.length,
    counted: bytes,
  });
  for (const record of all) expect(compareRecords(table.get(record.key) ?? recordOf(-1, { ms: 0 }), record)).toBe(0);
}

describe('MemoryTable', () => {
  test('MemoryTable does what a naive table does, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.array(anyStep, { maxLength: 12 }),
        anyRange(KEYS),
        fc.integer({ min: 1, max: 40 }),
        (steps, range, recordsMax) => {
          const [table, naive] = [new MemoryTable(), new NaiveTable()];
          for (const step of steps) {
            perform(step, table, naive);
            expectSame(table, naive);
          }
          const expected = naive.inOrder(range);
          expect(table.digest(range)).toEqual(expected.map(digestOf).reduce(union, EMPTY_DIGEST));
          expect(walkAll(table, range, recordsMax).map(({ key }) => key)).toEqual(expected.map(({ key }) => key));
          for (const record of expected) expect(table.recordsAt(record.keyId)).toEqual([table.get(record.key)]);
          expect(table.recordsAt(WHOLE.hi as KeyId)).toEqual([]);
          expect(table.scrub(undefined, Infinity)).toEqual({ mismatches: 0, after: undefined });
        },
      ),
      { numRuns: 60 },
    );
  });

  test('MemoryTable ends in the same state in whatever order, and however often, records arrive', () => {
    const anyRecords = fc.array(anyRecord(40, 3), { maxLength: 120 });
    const orders = anyRecords.chain((records) =>
      fc.tuple(fc.constant(records), fc.shuffledSubarray(records, { minLength: records.length }), anyRange(40)),
    );
    fc.assert(
      fc.property(orders, ([records, shuffled, range]) => {
        const [a, b] = [new MemoryTable(), new MemoryTable()];
        for (const record of records) a.merge(record);
        for (const record of [...shuffled, ...shuffled]) b.merge(record);
        const { collisions: _a, ...statsOfA } = a.stats();
        const { collisions: _b, ...statsOfB } = b.stats();
        expect(statsOfA).toEqual(statsOfB);
        expect(a.digest(range)).toEqual(b.digest(range));
        for (const record of records) {
          expect(compareRecords(a.get(record.key) ?? record, b.get(record.key) ?? recordOf(-1))).toBe(0);
        }
      }),
    );
  });
});

describe('merge()', () => {
  test('merge() says what it did', () => {
    const table = new MemoryTable();
    const done = [2, 2, 1, 3].map((ms) => table.merge(recordOf(1, { ms, value: `v${ms}` })));
    expect(done).toEqual(['inserted', 'kept', 'kept', 'replaced']);
    expect(table.stats()).toMatchObject({ keys: 1, bytes: 4, tombstones: 0, collisions: 0 });
  });

  test('merge() leaves the records that it is given alone, and overwrites its own in place', () => {
    const table = new MemoryTable();
    const given = recordOf(1, { ms: 1, value: 'v' });
    table.merge(given);
    const held = table.get(given.key);
    table.merge(recordOf(1, { ms: 2, value: 'w' }), held);
    expect([given.value, given.version.ms]).toEqual(['v', 1]);
    expect(table.get(given.key)).toBe(held);
    expect([held?.value, held?.version.ms]).toEqual(['w', 2]);
  });

  test('merge() counts two different records of one version', () => {
    const table = new MemoryTable();
    table.merge(recordOf(1, { value: 'v' }));
    expect([table.merge(recordOf(1)), table.merge(recordOf(1, { value: 'v' }))]).toEqual(['replaced', 'kept']);
    expect(table.stats().collisions).toBe(2);
  });

  test('merge() refuses a record whose identifier is not that of its key', () => {
    const table = new MemoryTable();
    table.merge(recordOf(1));
    const later = recordOf(1, { ms: 2000 });
    const wrong = new Record('0'.repeat(40) as KeyId, later.key, later, undefined, undefined, false);
    expect(() => table.merge(wrong)).toThrow('Cannot merge');
  });
});

describe('read()', () => {
  test('read() sees values, but neither tombstones nor what has expired; get() sees all', () => {
    const table = new MemoryTable();
    const [deleted, expiring, lasting] = [
      recordOf(1),
      recordOf(2, { value: 'v', expireAtMs: 50 }),
      recordOf(3, { value: '' }),
    ];
    for (const record of [deleted, expiring, lasting]) table.merge(record);
    const readAt = (nowMs: number) => [deleted, expiring, lasting].map(({ key }) => table.read(key, nowMs)?.key);
    expect(readAt(49)).toEqual([undefined, expiring.key, lasting.key]);
    expect(readAt(50)).toEqual([undefined, undefined, lasting.key]);
    for (const record of [deleted, expiring]) {
      expect(compareRecords(table.get(record.key) ?? lasting, record)).toBe(0);
    }
    expect(table.read(fromUtf8('other'), 0)).toBeUndefined();
  });

  test('read() of an expired value leaves digests as they were', () => {
    const table = new MemoryTable();
    table.merge(recordOf(1, { value: 'v', expireAtMs: 50 }));
    const before = table.digest(WHOLE);
    expect(table.read(fromUtf8('k1'), 60)).toBeUndefined();
    expect(table.digest(WHOLE)).toEqual(before);
  });
});

describe('hasRoomFor()', () => {
  test('hasRoomFor() refuses a new key beyond recordsMax, never the overwriting of an old one', () => {
    const table = new MemoryTable({ recordsMax: 1 });
    expect(table.hasRoomFor(fromUtf8('k1'), fromUtf8('v'))).toBe(true);
    table.merge(recordOf(1, { value: 'v' }));
    expect(table.hasRoomFor(fromUtf8('k2'), undefined)).toBe(false);
    expect(table.hasRoomFor(fromUtf8('k1'), fromUtf8('longer'))).toBe(true);
    expect(table.merge(recordOf(2))).toBe('inserted');
  });

  test('hasRoomFor() refuses growth beyond memoryBytesMax, never what frees memory', () => {
    const table = new MemoryTable({ memoryBytesMax: 1000 });
    table.merge(recordOf(1, { value: 'v'.repeat(2000) }));
    expect(table.stats().memoryBytes).toBeGreaterThan(1000);
    expect(table.hasRoomFor(fromUtf8('k1'), fromUtf8('v'.repeat(2001)))).toBe(false);
    expect(table.hasRoomFor(fromUtf8('k1'), fromUtf8('v'))).toBe(true);
    expect(table.hasRoomFor(fromUtf8('k1'), undefined)).toBe(true);
    expect(table.hasRoomFor(fromUtf8('k2'), undefined)).toBe(false);
  });
});

describe('walk()', () => {
  const table = new MemoryTable();
  for (let n = 0; n < 200; n += 1) table.merge(recordOf(n, { value: 'x'.repeat(10) }));

  test('walk() ends a slice before it exceeds bytesMax, but always takes one record', () => {
    const slice = table.walk(WHOLE, undefined, { recordsMax: 100, bytesMax: 30 });
    expect(slice.records).toHaveLength(2);
    expect(table.walk(WHOLE, slice.after, { recordsMax: 100, bytesMax: 1 }).records).toHaveLength(1);
  });

  test('walk() begins at the start of the range for a cursor outside it', () => {
    const range = { lo: '4'.repeat(40) as Id, hi: '8'.repeat(40) as Id };
    const limits = { recordsMax: 5, bytesMax: 1e6 };
    expect(table.walk(range, '9'.repeat(40) as Id, limits)).toEqual(table.walk(range, undefined, limits));
  });

  test('walk() is at its end behind the last point of the range', () => {
    const slice = table.walk(WHOLE, WHOLE.hi, { recordsMax: 5, bytesMax: 1e6 });
    expect(slice).toEqual({ records: [], after: undefined });
  });

  test('walk() keeps keys of one identifier together', () => {
    const twins = new MemoryTable();
    for (let n = 0; n < 3; n += 1) {
      const record = recordOf(n);
      twins.merge(new Record('1'.repeat(40) as KeyId, record.key, record, undefined, undefined, false));
    }
    expect(twins.walk(WHOLE, undefined, { recordsMax: 1, bytesMax: 1 }).records).toHaveLength(3);
  });
});

describe('purgeTombstones()', () => {
  test('purgeTombstones() forgets what is older than the horizon, in slices, and nothing else', () => {
    const table = new MemoryTable();
    for (let n = 0; n < 10; n += 1) table.merge(recordOf(n, { ms: 5000 * n + 1 }));
    table.merge(recordOf(10, { ms: 1, value: 'v' }));
    const slice = (from?: number) => table.purgeTombstones({ olderThanMs: 25_001, mayGo: all, looksMax: 2, from });
    const first = slice();
    const second = slice(first.next);
    const third = slice(second.next);
    expect([first.count, second.count, third.count, third.next]).toEqual([2, 2, 1, undefined]);
    expect(table.stats()).toMatchObject({ keys: 1, tombstones: 5 });
  });

  test('purgeTombstones() keeps what may not go yet, and is not held up by it', () => {
    const table = new MemoryTable();
    for (let n = 0; n < 20; n += 1) table.merge(recordOf(n, { ms: 5000 * n + 1 }));
    const isOdd = ({ key }: StoredRecord) => Number(key.slice(1)) % 2 === 1;
    expect(purgeAll(table, 50_001, 3, isOdd)).toBe(5);
    expect(purgeAll(table, 50_001, 3, isOdd)).toBe(0);
    expect(purgeAll(table, 50_001, 3)).toBe(5);
    expect(table.stats()).toMatchObject({ tombstones: 10 });
  });

  test('purgeTombstones() is not held up by a tombstone from the future', () => {
    const table = new MemoryTable();
    table.merge(recordOf(1, { ms: 9e12 }));
    table.merge(recordOf(2, { ms: 10 }));
    expect(purgeAll(table, 11, 10)).toBe(1);
    expect(table.get(fromUtf8('k1'))?.kind).toBe('tombstone');
  });

  test('purgeTombstones() leaves a key that was written again', () => {
    const table = new MemoryTable();
    table.merge(recordOf(1, { ms: 10 }));
    table.merge(recordOf(1, { ms: 20, value: 'v' }));
    expect(purgeAll(table, 1e12, 10)).toBe(0);
    expect(table.stats()).toMatchObject({ keys: 1, tombstones: 0 });
  });

  test('purgeTombstones() takes expired values too, by the time at which they expired', () => {
    const table = new MemoryTable();
    table.merge(recordOf(1, { ms: 10, value: 'v', expireAtMs: 500 }));
    expect([purgeAll(table, 500, 10), purgeAll(table, 501, 10)]).toEqual([0, 1]);
    expect(table.stats()).toMatchObject({ keys: 0, bytes: 0, memoryBytes: 0 });
  });
});

describe('scrub()', () => {
  test('scrub() counts what it puts right', () => {
    const table = new MemoryTable();
    table.merge(recordOf(1));
    const { nodes } = (table as unknown as { trie: { nodes: TrieNodes } }).trie;
    nodes.setDigest(ROOT, EMPTY_DIGEST);
    expect(table.scrub(undefined, 100).mismatches).toBe(1);
    expect(table.stats().mismatches).toBe(1);
    expect(table.digest(WHOLE)).toEqual(digestOf(recordOf(1)));
  });
});
