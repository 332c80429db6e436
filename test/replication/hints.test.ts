/** What is kept in mind for members that could not be reached, and when it is given up. */
import type { KeyId } from '../../src/chord/id';
import { Hints, HINTS_MAX, TARGETS_MAX } from '../../src/replication/hints';
import { peer } from './replicas';

const TTL_MS = 1000;
const A = peer(1);
const idOf = (n: number) => n.toString(16).padStart(40, '0') as KeyId;

describe('hints', () => {
  it('are each key once, the oldest first, and stay until they are done', () => {
    const hints = new Hints(TTL_MS);
    for (const n of [3, 1, 2, 3, 1]) expect(hints.add(A, idOf(n), 0)).toBe(true);
    expect([hints.pending, hints.targets]).toEqual([3, [A]]);
    expect(hints.next(A, 2)).toEqual([idOf(3), idOf(1)]);
    expect(hints.next(A, 2)).toEqual([idOf(3), idOf(1)]);
    hints.done(A, [idOf(3), idOf(1)]);
    expect(hints.next(A, 2)).toEqual([idOf(2)]);
    hints.done(A, [idOf(2)]);
    expect([hints.pending, hints.targets, hints.droppedCount]).toEqual([0, [], 0]);
  });

  it('are all given up when there is one too many', () => {
    const hints = new Hints(TTL_MS);
    for (let n = 0; n < HINTS_MAX; n += 1) hints.add(A, idOf(n), 0);
    hints.add(A, idOf(0), 0);
    expect(hints.pending).toBe(HINTS_MAX);
    expect(hints.add(A, idOf(HINTS_MAX), 0)).toBe(false);
    expect([hints.pending, hints.targets, hints.droppedCount]).toEqual([0, [], HINTS_MAX + 1]);
  });

  it('are given up when the oldest is too old', () => {
    const hints = new Hints(TTL_MS);
    hints.add(A, idOf(1), 0);
    hints.add(A, idOf(2), TTL_MS - 1);
    hints.add(peer(2), idOf(2), TTL_MS - 1);
    expect(hints.expire(TTL_MS - 1)).toEqual([]);
    expect(hints.expire(TTL_MS)).toEqual([A]);
    expect([hints.pending, hints.droppedCount]).toEqual([1, 2]);
  });

  it('are for one incarnation: the next one has nothing, and the last one is gone', () => {
    const hints = new Hints(TTL_MS);
    const later = { ...A, inc: A.inc + 1n };
    hints.add(A, idOf(1), 0);
    hints.replaced(A);
    expect(hints.next(A, 9)).toHaveLength(1);
    expect(hints.next(later, 9)).toEqual([]);
    hints.done(later, [idOf(1)]);
    expect(hints.pending).toBe(1);
    hints.replaced(later);
    expect([hints.pending, hints.droppedCount]).toEqual([0, 1]);
    hints.add(later, idOf(2), 0);
    expect(hints.add(A, idOf(3), 0)).toBe(true);
    expect(hints.next(later, 9)).toEqual([idOf(2)]);
    const latest = { ...A, inc: A.inc + 2n };
    hints.add(latest, idOf(4), 0);
    expect([hints.next(later, 9), hints.next(latest, 9)]).toEqual([[], [idOf(4)]]);
  });

  it('are kept for so many members and no more', () => {
    const hints = new Hints(TTL_MS);
    for (let n = 0; n < TARGETS_MAX; n += 1) expect(hints.add(peer(n + 1), idOf(1), 0)).toBe(true);
    expect(hints.add(peer(TARGETS_MAX + 1), idOf(1), 0)).toBe(false);
    expect(hints.add(peer(1), idOf(2), 0)).toBe(true);
  });
});
