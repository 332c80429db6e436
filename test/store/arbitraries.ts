/** Records for the tests of this folder: few keys and few versions, so that they meet often. */
import * as fc from 'fast-check';
import { type Id, keyId } from '../../src/chord/id';
import type { Range } from '../../src/chord/range';
import { type BinaryString, fromUtf8 } from '../../src/octets';
import { versionOf, Writers } from '../../src/replication/version';
import { Record } from '../../src/store/record';

fc.configureGlobal({ seed: Number(process.env['FC_SEED'] ?? 1) });

const writers = new Writers();
const writerIds = ['writer-a', 'writer-b', '\xffriter-c'] as BinaryString[];

export type Content = {
  readonly value?: string | Uint8Array | undefined;
  readonly ms?: number;
  readonly ctr?: number;
  readonly writer?: number;
  readonly expireAtMs?: number | undefined;
  readonly ev?: boolean;
};

/** A record of the key `k<n>`; without a value: a tombstone. */
export function recordOf(
  n: number,
  { value, ms = 1000, ctr = 0, writer = 0, expireAtMs, ev = false }: Content = {},
): Record {
  const key = fromUtf8(`k${n}`);
  const version = versionOf(ms, ctr, writers.intern(writerIds[writer] ?? fromUtf8('writer--')));
  return new Record(keyId(key), key, version, typeof value === 'string' ? fromUtf8(value) : value, expireAtMs, ev);
}

export function anyRecord(keys: number, times: number): fc.Arbitrary<Record> {
  const content = fc.record({
    value: fc.constantFrom(undefined, '', 'a', 'bb', 'cccc', Buffer.from('a')),
    ms: fc.integer({ min: 1, max: times }).map((step) => step * 700),
    ctr: fc.integer({ min: 0, max: 1 }),
    writer: fc.integer({ min: 0, max: 2 }),
    expireAtMs: fc.option(
      fc.integer({ min: 1, max: times }).map((step) => step * 700),
      { nil: undefined, freq: 8 },
    ),
    ev: fc.boolean(),
  });
  return fc
    .tuple(fc.integer({ min: 0, max: keys - 1 }), content)
    .map(([n, given]) => recordOf(n, given.value === undefined ? { ...given, expireAtMs: undefined } : given));
}

/** Ends anywhere, at a key, next to zero, or both the same. */
export function anyRange(keys: number): fc.Arbitrary<Range> {
  const anywhere = fc.bigInt(0n, (1n << 160n) - 1n).map((point) => point.toString(16).padStart(40, '0') as Id);
  const atKey = fc.integer({ min: 0, max: keys - 1 }).map((n): Id => keyId(fromUtf8(`k${n}`)));
  const atZero = fc.constantFrom('0'.repeat(40) as Id, 'f'.repeat(40) as Id);
  const end = fc.oneof(anywhere, atKey, atZero);
  return fc.oneof(
    fc.record({ lo: end, hi: end }),
    end.map((id) => ({ lo: id, hi: id })),
  );
}

export const WHOLE: Range = { lo: 'f'.repeat(40) as Id, hi: 'f'.repeat(40) as Id };
