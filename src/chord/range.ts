/**
 * Ranges: arcs of the identifier circle, the unit in which data is owned, compared and moved.
 *
 * They live with the identifiers, not with the store, because views and transfers speak of ranges
 * on nodes that hold none of the data. There is no empty range: `(n, n]` is the whole circle, as
 * for the only node of a ring, so "nothing" is the absence of a range, never a range.
 */
import { betweenRightClosed, type Id } from './id';

/** The arc `(lo, hi]`, clockwise: without `lo`, with `hi`. With lo = hi: the whole circle. */
export type Range = { readonly lo: Id; readonly hi: Id };

const CIRCLE = 1n << 160n;

/** Whether `id` lies in the range. */
export function inRange(id: Id, range: Range): boolean {
  return betweenRightClosed(id, range.lo, range.hi);
}

/**
 * Cuts a range into `parts` ranges of nearly equal length, in ring order. The cuts follow from
 * the range alone, so two nodes that compare it cut alike. A range with fewer points than
 * `parts` falls into single points, for a part without a point would read as the whole circle.
 */
export function splitRange({ lo, hi }: Range, parts: number): readonly Range[] {
  const from = BigInt(`0x${lo}`);
  const length = ((BigInt(`0x${hi}`) - from + CIRCLE - 1n) % CIRCLE) + 1n;
  const cuts = BigInt(parts) < length ? BigInt(parts) : length;
  const ranges: Range[] = [];
  for (let i = 1n, start = lo; i <= cuts; i += 1n) {
    const end = i === cuts ? hi : toId((from + (length * i) / cuts) % CIRCLE);
    ranges.push({ lo: start, hi: end });
    start = end;
  }
  return ranges;
}

function toId(point: bigint): Id {
  return point.toString(16).padStart(40, '0') as Id;
}
