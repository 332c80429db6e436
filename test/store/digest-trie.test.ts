/** Digest trie: its shape at the thresholds, its digests against a sum over all records, its scrub. */
import * as fc from 'fast-check';
import { hashOf, type Id, type KeyId } from '../../src/chord/id';
import { inRange, type Range } from '../../src/chord/range';
import { fromUtf8 } from '../../src/octets';
import { digestOf, digestsEqual, EMPTY_DIGEST, union } from '../../src/store/digest';
import { DigestTrie, INNER_RECORDS_MIN, LEAF_RECORDS_MAX } from '../../src/store/digest-trie';
import { Record } from '../../src/store/record';
import { StoredRecord } from '../../src/store/stored-record';
import { FANOUT, ROOT, type TrieNodes } from '../../src/store/trie-nodes';
import { anyRange, recordOf, WHOLE } from './arbitraries';

const nodesOf = (trie: DigestTrie) => (trie as unknown as { nodes: TrieNodes }).nodes;
const leavesOf = (trie: DigestTrie, node = ROOT): number[] => {
  const nodes = nodesOf(trie);
  if (nodes.isLeaf(node)) return [node];
  return Array.from({ length: FANOUT }, (_, i) => leavesOf(trie, nodes.child(node, i))).flat();
};

/** A record hangs in one trie only, so each test has its own. */
const stored = (records: readonly Record[]) => records.map((record) => new StoredRecord(record));
const many = Array.from({ length: 3000 }, (_, n) => recordOf(n, { value: 'v', ms: n }));
const trieWith = (records: readonly StoredRecord[]) => {
  const trie = new DigestTrie();
  for (const record of records) trie.insert(record);
  return trie;
};
const trieOf = (records: readonly Record[]) => trieWith(stored(records));
const sumOf = (records: readonly Record[]) => records.map(digestOf).reduce(union, EMPTY_DIGEST);
const within = (range: Range) => many.filter((record) => inRange(record.keyId, range));
const withId = (record: Record, id: string) =>
  new Record(id as KeyId, record.key, record, record.value, undefined, false);

describe('DigestTrie', () => {
  test('DigestTrie splits a leaf when it holds more than 64 records, not before', () => {
    const trie = trieOf(many.slice(0, LEAF_RECORDS_MAX));
    expect(leavesOf(trie)).toHaveLength(1);
    trie.insert(new StoredRecord(recordOf(5000)));
    expect(leavesOf(trie)).toHaveLength(16);
  });

  test('DigestTrie merges leaves when they hold fewer than 16 records, not before', () => {
    const records = stored(many.slice(0, LEAF_RECORDS_MAX + 1));
    const trie = trieWith(records);
    for (const record of records.slice(INNER_RECORDS_MIN)) trie.remove(record);
    expect(leavesOf(trie)).toHaveLength(16);
    for (const record of records.slice(0, 1)) trie.remove(record);
    expect(leavesOf(trie)).toHaveLength(1);
    expect(digestsEqual(trie.digest(WHOLE), sumOf(records.slice(1, INNER_RECORDS_MIN)))).toBe(true);
  });

  test('DigestTrie splits as deep as identifiers agree, and merges all of it again', () => {
    const records = stored(
      many.slice(0, 65).map((record, i) => withId(record, `${'7'.repeat(38)}${i.toString(16).padStart(2, '0')}`)),
    );
    const trie = trieWith(records);
    expect(Math.max(...leavesOf(trie).map((leaf) => nodesOf(trie).count(leaf)))).toBe(16);
    for (const record of records.slice(15)) trie.remove(record);
    expect(leavesOf(trie)).toHaveLength(1);
  });

  test('DigestTrie uses the room of merged leaves again', () => {
    const trie = new DigestTrie();
    const records = stored(many);
    for (let round = 0; round < 3; round += 1) {
      for (const record of records) trie.insert(record);
      for (const record of records.slice(5)) trie.remove(record);
      expect(leavesOf(trie)).toEqual([ROOT]);
      for (const record of records.slice(0, 5)) trie.remove(record);
    }
    for (const record of records) trie.insert(record);
    expect(Math.max(...leavesOf(trie))).toBeLessThan(leavesOf(trie).length * 1.1);
    expect(trie.digest(WHOLE)).toEqual(sumOf(many));
  });

  test('DigestTrie holds any number of keys with one and the same identifier', () => {
    const records = stored(many.slice(0, 100).map((record) => withId(record, hashOf(fromUtf8('shattered')))));
    const trie = trieWith(records);
    expect(trie.count).toBe(100);
    for (const record of records) trie.remove(record);
    expect(trie.digest(WHOLE)).toEqual(EMPTY_DIGEST);
  });

  test('DigestTrie refuses to remove or overwrite what it does not hold, and stays as it was', () => {
    const records = stored(many.slice(0, 10));
    const trie = trieWith(records);
    const before = trie.digest(WHOLE);
    const never = new StoredRecord(recordOf(0, { ms: 99 }));
    const removed = new StoredRecord(recordOf(11));
    trie.insert(removed);
    trie.remove(removed);
    for (const record of [never, removed]) {
      expect(() => trie.remove(record)).toThrow('Cannot find the record');
      expect(() => trie.overwrite(record, recordOf(0))).toThrow('Cannot find the record');
    }
    expect(trie.digest(WHOLE)).toEqual(before);
  });
});

describe('digest()', () => {
  const trie = trieOf(many);

  test('digest() of any range is the sum over the records in it', () => {
    fc.assert(fc.property(anyRange(3000), (range) => expect(trie.digest(range)).toEqual(sumOf(within(range)))));
  });

  test('digest() does not depend on the order of arrival', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(many.slice(0, 200), { minLength: 150 }), anyRange(200), (records, range) => {
        const sorted = [...records].sort((a, b) => (a.keyId < b.keyId ? -1 : 1));
        expect(trieOf(records).digest(range)).toEqual(trieOf(sorted).digest(range));
      }),
      { numRuns: 30 },
    );
  });

  test('digest() follows what is overwritten, wherever splits and merges have taken it', () => {
    const records = stored(many);
    const changed = trieWith(records);
    const overwriteAll = (ms: number) => {
      for (const record of records) changed.overwrite(record, recordOf(0, { ms }));
      expect(changed.digest(WHOLE)).toEqual(sumOf(records));
      expect(changed.scrub(undefined, Infinity).mismatches).toBe(0);
    };
    overwriteAll(9998);
    for (const record of records.splice(20)) changed.remove(record);
    overwriteAll(9999);
  });

  test('digest() of a record is the same on every node and in every release', () => {
    const record = recordOf(1, { value: 'v', ms: 1_760_000_000_000, ctr: 5 });
    expect(digestOf(record)).toEqual({ count: 1, fp0: 1_271_339_173, fp1: 229_365_978 });
  });

  test('digest() of records that differ in one counter or one key differs in both lanes', () => {
    const digests = many
      .flatMap((_, n) => [recordOf(n), recordOf(n, { ctr: 1 }), recordOf(n, { writer: 1 })])
      .map(digestOf);
    expect(new Set(digests.map(({ fp0 }) => fp0)).size).toBeGreaterThan(digests.length - 3);
    expect(new Set(digests.map(({ fp1 }) => fp1)).size).toBeGreaterThan(digests.length - 3);
  });
});

describe('split()', () => {
  test('split() gives sixteen parts whose digests are those of their ranges and add up to the whole', () => {
    const trie = trieOf(many);
    fc.assert(
      fc.property(anyRange(3000), (range) => {
        const parts = trie.split(range);
        for (const part of parts) expect(part.digest).toEqual(sumOf(within(part.range)));
        expect(parts.map((part) => part.digest).reduce(union, EMPTY_DIGEST)).toEqual(trie.digest(range));
      }),
      { numRuns: 30 },
    );
  });
});

describe('walk()', () => {
  test('walk() shows no record more once the visitor has had enough', () => {
    let shown = 0;
    const finished = trieOf(many).walk(WHOLE, undefined, () => ++shown < 10);
    expect([finished, shown]).toEqual([false, 10]);
  });
});

describe('scrub()', () => {
  const scrubAll = (trie: DigestTrie, recordsMax: number) => {
    let [mismatches, slices] = [0, 0];
    let after: Id | undefined;
    do {
      const slice = trie.scrub(after, recordsMax);
      mismatches += slice.mismatches;
      slices += 1;
      after = slice.after;
    } while (after !== undefined);
    return { mismatches, slices };
  };

  test('scrub() finds nothing wrong after any history', () => {
    const records = stored(many);
    const trie = trieWith(records);
    for (const record of records.slice(0, 2500)) trie.remove(record);
    expect(scrubAll(trie, 64)).toEqual({ mismatches: 0, slices: expect.any(Number) });
  });

  test('scrub() reads a bounded number of records in each slice', () => {
    expect(scrubAll(trieOf(many), 200).slices).toBeGreaterThan(12);
    expect(scrubAll(trieOf(many), 1e9).slices).toBe(1);
  });

  test.each([1, 100, 1e9])(
    'scrub() puts right a damaged leaf and a damaged inner node, %i records at a time',
    (max) => {
      const trie = trieOf(many);
      const before = trie.digest(WHOLE);
      const nodes = nodesOf(trie);
      for (const node of [ROOT, nodes.child(ROOT, 0), leavesOf(trie).at(-1) ?? ROOT]) {
        nodes.setDigest(node, { ...nodes.digest(node), fp0: ~nodes.digest(node).fp0 });
      }
      expect(scrubAll(trie, max).mismatches).toBe(3);
      expect(scrubAll(trie, max).mismatches).toBe(0);
      expect(trie.digest(WHOLE)).toEqual(before);
    },
  );
});
