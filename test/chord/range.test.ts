/** Arcs that overlap, and what is left of one without another, against a circle of which every point is tried. */
import * as fc from 'fast-check';
import type { Id } from '../../src/chord/id';
import { inRange, type Range, rangesOverlap, splitRange, withoutRange } from '../../src/chord/range';

fc.configureGlobal({ seed: Number(process.env['FC_SEED'] ?? 1) });

/** Few points, next to zero on both sides, so that ends meet often. */
const POINTS = Array.from({ length: 12 }, (_none, n) => {
  const point = (BigInt(n) - 6n + (1n << 160n)) % (1n << 160n);
  return point.toString(16).padStart(40, '0') as Id;
});

const anyPoint = fc.constantFrom(...POINTS);
const anyArc = fc.record({ lo: anyPoint, hi: anyPoint });

const pointsIn = (range: Range) => POINTS.filter((point) => inRange(point, range));

describe('rangesOverlap()', () => {
  it('tells whether two arcs have a point in common', () => {
    fc.assert(
      fc.property(anyArc, anyArc, (a, b) => {
        expect(rangesOverlap(a, b)).toBe(pointsIn(a).some((point) => inRange(point, b)));
      }),
    );
  });
});

describe('withoutRange()', () => {
  it('leaves every point but those that are taken, each in one piece only', () => {
    fc.assert(
      fc.property(anyArc, anyArc, (arc, taken) => {
        const pieces = withoutRange(arc, taken);
        const left = pointsIn(arc).filter((point) => !inRange(point, taken));
        expect(pieces.flatMap(pointsIn).toSorted()).toEqual(left.toSorted());
        expect(pieces.length).toBeLessThanOrEqual(2);
      }),
    );
  });

  it('leaves nothing of an arc without itself, and all of it without another', () => {
    fc.assert(
      fc.property(anyArc, (arc) => {
        expect(withoutRange(arc, arc)).toEqual([]);
        const [first, ...rest] = splitRange(arc, 3);
        if (first && rest.length > 0) expect(rest.every((part) => withoutRange(first, part).length === 1)).toBe(true);
      }),
    );
  });
});
