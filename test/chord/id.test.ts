/** Identifiers and intervals, checked against arithmetic on big integers and against known digests. */
import * as fc from 'fast-check';
import { betweenLeftClosed, betweenOpen, betweenRightClosed, hashOf, type Id, keyId, nodeId } from '../../src/chord/id';
import { inRange, splitRange } from '../../src/chord/range';
import { type BinaryString, fromUtf8, toBuffer } from '../../src/octets';

fc.configureGlobal({ seed: Number(process.env['FC_SEED'] ?? 1) });

const CIRCLE = 1n << 160n;
const idOf = (point: bigint) => (((point % CIRCLE) + CIRCLE) % CIRCLE).toString(16).padStart(40, '0') as Id;
const pointOf = (id: Id) => BigInt(`0x${id}`);
const distance = (a: Id, b: Id) => (pointOf(b) - pointOf(a) + CIRCLE) % CIRCLE;

/** Anywhere, or so near to zero (on either side) that points coincide and arcs cross it. */
const anyId = fc.oneof(fc.bigInt(0n, CIRCLE - 1n), fc.bigInt(-8n, 8n)).map(idOf);

describe('nodeId()', () => {
  test.each([
    [9001, '2c927f3d9c0e1fea287055d88c0d5b369564e67a'],
    [9002, 'cb8063d6dfdc692f779d42b36bc102f9a0c9a4a9'],
    [9003, '247717708f78928d233b3743c832f80b994772f3'],
    [9004, '462fd85358b31506e4663846a6b4e3ee8fe539e1'],
  ])('nodeId() of 127.0.0.1:%i is the SHA-1 of that text', (port, id) => {
    expect(nodeId('127.0.0.1', port)).toBe(id);
  });

  test('nodeId() of an IPv6 address is the SHA-1 of the text with brackets, however it was given', () => {
    expect(nodeId('::1', 9001)).toBe(hashOf(fromUtf8('[::1]:9001')));
    expect(nodeId('[::1]', 9001)).toBe(nodeId('::1', 9001));
  });
});

describe('keyId()', () => {
  test.each([
    ['key1', '1073ab6cda4b991cd29f9e83a307f34004ae9327'],
    ['user:alice', '49a5e271b2b9ce448fe543f6c84989c1bbe71e99'],
    ['', 'da39a3ee5e6b4b0d3255bfef95601890afd80709'],
  ])('keyId() of "%s" is the SHA-1 of its bytes', (key, id) => {
    expect(keyId(fromUtf8(key))).toBe(id);
  });

  test('keyId() hashes bytes, whatever they would be as text', () => {
    const key = fromUtf8('Zürich');
    expect(keyId(key)).toBe(hashOf(toBuffer(key)));
    expect(key).toHaveLength(7);
  });

  test('keyId() places three keys on the right ones of four nodes', () => {
    const nodes = [9003, 9001, 9004, 9002].map((port) => nodeId('127.0.0.1', port));
    const ownerOf = (key: string) =>
      nodes.findIndex((node, i) => betweenRightClosed(keyId(fromUtf8(key)), nodes.at(i - 1) ?? node, node));
    expect(['key1', 'user:alice', ''].map(ownerOf)).toEqual([0, 3, 0]);
  });
});

describe('hashOf()', () => {
  test('hashOf() gives the same for the two forms of the same bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(hashOf(bytes)).toBe(hashOf(Buffer.from(bytes).toString('latin1') as BinaryString));
      }),
    );
  });
});

describe('intervals', () => {
  const [open, right] = [betweenOpen, betweenRightClosed];

  test.each([
    ['betweenOpen', open, 5, 250, 10, true],
    ['betweenOpen', open, 250, 250, 10, false],
    ['betweenOpen', open, 10, 250, 10, false],
    ['betweenRightClosed', right, 10, 250, 10, true],
    ['betweenRightClosed', right, 250, 250, 10, false],
    ['betweenOpen', open, 0, 255, 1, true],
    ['betweenOpen', open, 7, 7, 7, false],
    ['betweenOpen', open, 8, 7, 7, true],
    ['betweenRightClosed', right, 7, 7, 7, true],
    ['betweenRightClosed', right, 0, 255, 0, true],
  ])('%s() of %#: x=%i, a=%i, b=%i on a circle of 256', (_name, test, x, a, b, expected) => {
    const scaled = (point: number) => idOf(BigInt(point) << 152n);
    expect(test(scaled(x), scaled(a), scaled(b))).toBe(expected);
  });

  test('betweenOpen() holds for no point between neighbours, betweenRightClosed() only for the second', () => {
    fc.assert(
      fc.property(anyId, anyId, (a, x) => {
        const b = idOf(pointOf(a) + 1n);
        expect(betweenOpen(x, a, b)).toBe(false);
        expect(betweenRightClosed(x, a, b)).toBe(x === b);
      }),
    );
  });

  test('betweenOpen() agrees with distances on the circle', () => {
    fc.assert(
      fc.property(anyId, anyId, anyId, (x, a, b) => {
        const expected = a === b ? x !== a : distance(a, x) > 0n && distance(a, x) < distance(a, b);
        expect(betweenOpen(x, a, b)).toBe(expected);
      }),
    );
  });

  test('betweenRightClosed() agrees with distances on the circle', () => {
    fc.assert(
      fc.property(anyId, anyId, anyId, (x, a, b) => {
        const expected = a === b || (distance(a, x) > 0n && distance(a, x) <= distance(a, b));
        expect(betweenRightClosed(x, a, b)).toBe(expected);
      }),
    );
  });

  test('betweenLeftClosed() agrees with distances on the circle', () => {
    fc.assert(
      fc.property(anyId, anyId, anyId, (x, a, b) => {
        expect(betweenLeftClosed(x, a, b)).toBe(a === b || distance(a, x) < distance(a, b));
      }),
    );
  });

  test('betweenOpen() is the complement of the closed arc back', () => {
    fc.assert(
      fc.property(anyId, anyId, anyId, (x, a, b) => {
        fc.pre(a !== b);
        expect(betweenOpen(x, a, b)).toBe(!(betweenLeftClosed(x, b, a) || x === a));
      }),
    );
  });
});

describe('splitRange()', () => {
  test('splitRange() cuts into ranges that hold each point of the range exactly once', () => {
    fc.assert(
      fc.property(anyId, anyId, anyId, fc.integer({ min: 1, max: 40 }), (lo, hi, x, parts) => {
        const holders = splitRange({ lo, hi }, parts).filter((part) => inRange(x, part));
        expect(holders).toHaveLength(inRange(x, { lo, hi }) ? 1 : 0);
      }),
    );
  });

  test('splitRange() cuts into parts of the same length, but for rounding', () => {
    fc.assert(
      fc.property(anyId, anyId, (lo, hi) => {
        const lengths = splitRange({ lo, hi }, 16).map((part) => distance(part.lo, part.hi));
        const [first = 0n] = lengths;
        for (const length of lengths) expect(length - first >= -1n && length - first <= 1n).toBe(true);
      }),
    );
  });

  test('splitRange() cuts the whole circle into sixteenths', () => {
    const lo = idOf(0n);
    expect(
      splitRange({ lo, hi: lo }, 16)
        .map((part) => part.hi[0])
        .join(''),
    ).toBe('123456789abcdef0');
  });

  test('splitRange() cuts a range of three points into three, never into an empty part', () => {
    const parts = splitRange({ lo: idOf(-2n), hi: idOf(1n) }, 16);
    expect(parts.map((part) => part.hi)).toEqual([idOf(-1n), idOf(0n), idOf(1n)]);
  });
});
