/** Versions: 16 bytes whose byte order is the order of history. */
import * as fc from 'fast-check';
import { nodeId } from '../../src/chord/id';
import type { BinaryString } from '../../src/octets';
import {
  ABSENT,
  compareVersions,
  decodeVersion,
  encodeVersion,
  VERSION_BYTES,
  VERSION_CTR_MAX,
  VERSION_MS_MAX,
  versionBytes,
  versionOf,
  WRITERS_MAX,
  Writers,
  writerId,
} from '../../src/replication/version';

fc.configureGlobal({ seed: Number(process.env['FC_SEED'] ?? 1) });

const writers = new Writers();
const anyWriter = fc
  .oneof(fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.constantFrom(new Uint8Array(8), new Uint8Array(8).fill(255)))
  .map((bytes) => writers.intern(Buffer.from(bytes).toString('latin1') as BinaryString));
const anyMs = fc.oneof(
  fc.integer({ min: 0, max: VERSION_MS_MAX }),
  fc.constantFrom(0, 65_535, 65_536, 2 ** 47, VERSION_MS_MAX),
);
const anyCtr = fc.oneof(fc.integer({ min: 0, max: VERSION_CTR_MAX }), fc.constantFrom(0, VERSION_CTR_MAX));
const anyVersion = fc.tuple(anyMs, anyCtr, anyWriter).map(([ms, ctr, writer]) => versionOf(ms, ctr, writer));

describe('compareVersions()', () => {
  test('compareVersions() is the unsigned order of the bytes', () => {
    fc.assert(
      fc.property(anyVersion, anyVersion, (a, b) => {
        expect(compareVersions(a, b)).toBe(Buffer.compare(versionBytes(a), versionBytes(b)));
      }),
    );
  });

  test('compareVersions() is the order of the encoded strings, so these can be compared instead', () => {
    fc.assert(
      fc.property(anyVersion, anyVersion, (a, b) => {
        expect(compareVersions(a, b) < 0).toBe(encodeVersion(a) < encodeVersion(b));
      }),
    );
  });

  test('compareVersions() puts nothing before ABSENT', () => {
    fc.assert(fc.property(anyVersion, (version) => expect(compareVersions(version, ABSENT)).toBeGreaterThanOrEqual(0)));
  });

  test('compareVersions() does not care which table a writer was interned in', () => {
    const id = writerId(nodeId('127.0.0.1', 9001), 1);
    const [a, b] = [new Writers().intern(id), new Writers().intern(id)];
    expect(a).not.toBe(b);
    expect(compareVersions(versionOf(1, 2, a), versionOf(1, 2, b))).toBe(0);
  });
});

describe('decodeVersion()', () => {
  test('decodeVersion() undoes encodeVersion() and versionBytes()', () => {
    fc.assert(
      fc.property(anyVersion, (version) => {
        expect(decodeVersion(encodeVersion(version), writers)).toEqual(version);
        expect(decodeVersion(versionBytes(version), writers)).toEqual(version);
      }),
    );
  });

  test('decodeVersion() keeps milliseconds, counter and writer apart', () => {
    const bytes = Buffer.from('0123456789abcdef0011223344556677', 'hex');
    const version = decodeVersion(bytes, writers);
    expect([version?.ms, version?.ctr]).toEqual([0x0123456789ab, 0xcdef]);
    expect(version?.writer.id).toBe('\x00\x11\x22\x33\x44\x55\x66\x77');
    expect(Buffer.from(versionBytes(ABSENT)).toString('hex')).toBe('00'.repeat(VERSION_BYTES));
  });

  test('decodeVersion() gives undefined for any other length', () => {
    expect(decodeVersion(new Uint8Array(15), writers)).toBeUndefined();
    expect(decodeVersion('\0'.repeat(17) as BinaryString, writers)).toBeUndefined();
  });
});

describe('Writers', () => {
  test('Writers gives one object per id until it is full, then begins anew', () => {
    const table = new Writers();
    const idOf = (n: number) => String(n).padStart(8, '0') as BinaryString;
    const first = table.intern(idOf(0));
    for (let n = 1; n < WRITERS_MAX; n += 1) table.intern(idOf(n));
    expect(table.intern(idOf(0))).toBe(first);
    table.intern(idOf(WRITERS_MAX));
    expect(table.intern(idOf(0))).not.toBe(first);
    expect(table.intern(idOf(0))).toEqual(first);
  });
});

describe('writerId()', () => {
  test('writerId() differs between nodes and between incarnations of a node', () => {
    const [a, b] = [nodeId('127.0.0.1', 9001), nodeId('127.0.0.1', 9002)];
    const ids = [writerId(a, 1n), writerId(a, 2n), writerId(b, 1n), writerId(a, 2n ** 60n)];
    expect(new Set(ids).size).toBe(4);
    for (const id of ids) expect(id).toHaveLength(8);
    expect(writerId(a, 1)).toBe(writerId(a, 1n));
  });
});
