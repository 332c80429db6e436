/** Local writes: a version above what is stored, merged in the same step. */
import { keyId } from '../../src/chord/id';
import { type BinaryString, fromUtf8 } from '../../src/octets';
import { HybridClock } from '../../src/replication/hybrid-clock';
import { Writers } from '../../src/replication/version';
import { deleteLocally, putLocally } from '../../src/store/local-write';
import { MemoryTable } from '../../src/store/memory-table';
import { compareRecords } from '../../src/store/record';
import { recordOf } from './arbitraries';

const NOW = 1_760_000_000_000;
const key = fromUtf8('k1');

function newTarget() {
  return { table: new MemoryTable(), clock: new HybridClock(new Writers().intern('self----' as BinaryString)) };
}

const put = (value: string, ev = false) => ({ key, value: fromUtf8(value), expireAtMs: undefined, ev });

describe('putLocally()', () => {
  test('putLocally() stores the value and hands back the record that others need', () => {
    const target = newTarget();
    const stored = putLocally(target, put('v', true), NOW);
    expect(stored).toMatchObject({ ok: true, value: { key, keyId: keyId(key), value: 'v', ev: true, kind: 'value' } });
    const held = target.table.get(key);
    expect(stored.ok && held && compareRecords(held, stored.value)).toBe(0);
  });

  test('putLocally() hands back a record that later writes leave alone', () => {
    const target = newTarget();
    const [first] = ['v', 'w'].map((value) => putLocally(target, put(value), NOW));
    expect(first).toMatchObject({ value: { value: 'v' } });
  });

  test('putLocally() does the same with the record that the caller has looked up', () => {
    const target = newTarget();
    for (const value of ['v', 'w']) putLocally(target, put(value), NOW, target.table.get(key));
    expect(target.table.read(key, NOW)?.value).toBe('w');
    expect(target.table.stats()).toMatchObject({ keys: 1, bytes: 3, collisions: 0 });
  });

  test('putLocally() wins over what is stored, even over a record from the future', () => {
    const target = newTarget();
    target.table.merge(recordOf(1, { ms: NOW + 1e9, value: 'future' }));
    putLocally(target, put('v'), NOW);
    putLocally(target, put('w'), NOW);
    expect(target.table.read(key, NOW)?.value).toBe('w');
    expect(target.table.stats().collisions).toBe(0);
  });

  test('putLocally() changes nothing when the clock refuses', () => {
    const target = newTarget();
    putLocally(target, put('v'), NOW);
    expect(putLocally(target, put('w'), NOW - 5000)).toMatchObject({ ok: false, error: { code: 'CLOCK_SKEW' } });
    expect(target.table.read(key, NOW)?.value).toBe('v');
  });

  test('putLocally() keeps the expiry', () => {
    const target = newTarget();
    putLocally(target, { ...put('v'), expireAtMs: NOW + 10 }, NOW);
    expect([NOW + 9, NOW + 10].map((nowMs) => target.table.read(key, nowMs)?.value)).toEqual(['v', undefined]);
  });
});

describe('deleteLocally()', () => {
  test('deleteLocally() leaves a tombstone that is newer than the value', () => {
    const target = newTarget();
    putLocally(target, put('v'), NOW);
    expect(deleteLocally(target, { key, ev: false, isSoleHolder: true }, NOW)).toMatchObject({
      value: { kind: 'tombstone' },
    });
    expect(target.table.read(key, NOW)).toBeUndefined();
    expect(target.table.stats()).toMatchObject({ keys: 0, bytes: 0, tombstones: 1 });
  });

  test('deleteLocally() of an absent key leaves nothing at a sole holder, a tombstone elsewhere', () => {
    const target = newTarget();
    expect(deleteLocally(target, { key, ev: false, isSoleHolder: true }, NOW)).toEqual({ ok: true, value: undefined });
    expect(target.table.stats().tombstones).toBe(0);
    expect(deleteLocally(target, { key, ev: false, isSoleHolder: false }, NOW)).toMatchObject({
      value: { kind: 'tombstone' },
    });
    expect(target.table.stats().tombstones).toBe(1);
  });
});
