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
  const length = lengthOf({ lo, hi });
  const cuts = BigInt(parts) < length ? BigInt(parts) : length;
  const ranges: Range[] = [];
  for (let i = 1n, start = lo; i <= cuts; i += 1n) {
    const end = i === cuts ? hi : toId((from + (length * i) / cuts) % CIRCLE);
    ranges.push({ lo: start, hi: end });
    start = end;
  }
  return ranges;
}

/** Whether two ranges have a point in common. */
export function rangesOverlap(a: Range, b: Range): boolean {
  return inRange(a.hi, b) || inRange(b.hi, a);
}

/** What is left of a range without another: nothing, one piece, or two, in ring order from its start. */
export function withoutRange({ lo, hi }: Range, taken: Range): readonly Range[] {
  const from = BigInt(`0x${lo}`);
  const length = lengthOf({ lo, hi });
  const takenFrom = (BigInt(`0x${taken.lo}`) - from + CIRCLE) % CIRCLE;
  const takenTo = takenFrom + lengthOf(taken);
  const cut = (start: bigint, end: bigint): readonly Range[] =>
    start < end ? [{ lo: toId((from + start) % CIRCLE), hi: toId((from + end) % CIRCLE) }] : [];
  // What is taken may reach over the start of the range from behind.
  const start = takenTo > CIRCLE ? takenTo - CIRCLE : 0n;
  return [...cut(start, takenFrom < length ? takenFrom : length), ...cut(takenTo, length)];
}

function lengthOf({ lo, hi }: Range): bigint {
  return ((BigInt(`0x${hi}`) - BigInt(`0x${lo}`) + CIRCLE - 1n) % CIRCLE) + 1n;
}

function toId(point: bigint): Id {
  return point.toString(16).padStart(40, '0') as Id;
}
