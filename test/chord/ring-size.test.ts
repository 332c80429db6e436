/** Ring size: exact for small rings, near enough for large ones. */
import { asksMaxFor, estimateRingSize, isWholeRing } from '../../src/chord/ring-size';
import { peerAt, pointersOf } from './ideal-ring';

const ring = (size: number, successorsMax: number) =>
  pointersOf(
    Array.from({ length: size }, (_none, n) => peerAt(n + 1)),
    successorsMax,
  );

describe('estimateRingSize()', () => {
  it.each([1, 2, 3, 7, 8, 9])('is exact for each of %d members whose lists of 8 go round', (size) => {
    expect(ring(size, 8).map(estimateRingSize)).toEqual(Array.from({ length: size }, () => size));
    expect(ring(size, 8).every(isWholeRing)).toBe(true);
  });

  it.each([10, 64, 512, 3000])(
    'is right within a half for most of %d members, and never below what they see',
    (size) => {
      const members = ring(size, 8);
      const estimates = members.map(estimateRingSize).sort((a, b) => a - b);
      expect(estimates[0]).toBeGreaterThanOrEqual(9);
      const near = estimates.filter((estimate) => estimate > size / 1.6 && estimate < size * 1.6);
      expect(near.length / size).toBeGreaterThan(0.75);
      expect(estimates[Math.floor(size / 2)]).toBeGreaterThan(size * 0.8);
      expect(estimates[Math.floor(size / 2)]).toBeLessThan(size * 1.25);
      expect(members.some(isWholeRing)).toBe(false);
    },
  );
});

describe('isWholeRing()', () => {
  it('is not misled by a list that is short because some of it has died, or all of it', () => {
    const [member] = ring(100, 8);
    if (member === undefined) throw new Error('the ring has no members');
    expect(isWholeRing({ ...member, successors: member.successors.slice(0, 3) })).toBe(false);
    expect(isWholeRing({ ...member, successors: [member.self] })).toBe(false);
  });
});

describe('asksMaxFor()', () => {
  it('grows with the logarithm of the size', () => {
    expect([1, 2, 64, 10_000].map((size) => asksMaxFor(size, 8))).toEqual([18, 18, 28, 44]);
  });
});
