/** Records: which of two is kept. */
import * as fc from 'fast-check';
import { hashOf } from '../../src/chord/id';
import { fromUtf8 } from '../../src/octets';
import { compareRecords, deadSinceMs, isLive, newer } from '../../src/store/record';
import { anyRecord, recordOf } from './arbitraries';

const ofOneKey = anyRecord(1, 2);

describe('newer()', () => {
  test('newer() is commutative, up to records that do not differ', () => {
    fc.assert(fc.property(ofOneKey, ofOneKey, (a, b) => expect(compareRecords(newer(a, b), newer(b, a))).toBe(0)));
  });

  test('newer() is associative', () => {
    fc.assert(
      fc.property(ofOneKey, ofOneKey, ofOneKey, (a, b, c) => {
        expect(compareRecords(newer(newer(a, b), c), newer(a, newer(b, c)))).toBe(0);
      }),
    );
  });

  test('newer() is idempotent', () => {
    fc.assert(fc.property(ofOneKey, (a) => expect(newer(a, a)).toBe(a)));
  });

  test('newer() keeps the larger version, whatever the contents', () => {
    const [older, later] = [recordOf(1, { ms: 1 }), recordOf(1, { ms: 2, value: 'v' })];
    expect(newer(older, later)).toBe(later);
    expect(newer(later, recordOf(1, { ms: 2, ctr: 1 })).kind).toBe('tombstone');
    expect(newer(later, recordOf(1, { ms: 2, writer: 2, value: 'w' })).value).toBe('w');
  });

  test('newer() prefers the tombstone of two records of one version', () => {
    const [value, tombstone] = [recordOf(1, { value: 'v' }), recordOf(1)];
    expect(newer(value, tombstone)).toBe(tombstone);
    expect(newer(tombstone, value)).toBe(tombstone);
  });

  test('newer() prefers the larger SHA-1 of two values of one version', () => {
    const winner = hashOf(fromUtf8('v')) > hashOf(fromUtf8('w')) ? 'v' : 'w';
    expect(newer(recordOf(1, { value: 'v' }), recordOf(1, { value: 'w' })).value).toBe(winner);
  });

  test('newer() sees no difference between the two forms of a value', () => {
    expect(compareRecords(recordOf(1, { value: 'v' }), recordOf(1, { value: Buffer.from('v') }))).toBe(0);
  });
});

describe('isLive()', () => {
  test('isLive() is false for a tombstone, and for a value from the millisecond of its expiry on', () => {
    const expiring = recordOf(1, { value: '', expireAtMs: 2000 });
    expect([isLive(recordOf(1), 0), isLive(expiring, 1999), isLive(expiring, 2000)]).toEqual([false, true, false]);
  });
});

describe('deadSinceMs()', () => {
  test('deadSinceMs() is the time of the delete or the expiry, and undefined for a lasting value', () => {
    expect(deadSinceMs(recordOf(1, { ms: 7 }))).toBe(7);
    expect(deadSinceMs(recordOf(1, { value: 'v', ms: 7, expireAtMs: 9 }))).toBe(9);
    expect(deadSinceMs(recordOf(1, { value: 'v', ms: 7, expireAtMs: 5 }))).toBe(7);
    expect(deadSinceMs(recordOf(1, { value: 'v', ms: 7 }))).toBeUndefined();
  });
});
