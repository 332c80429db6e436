/** Successor lists: what is taken from a member's answer, and what a member can check of its own. */
import * as fc from 'fast-check';
import { betweenOpen, type NodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import { localFault, normalise } from '../../src/chord/successor-list';

const SEED = Number(process.env['FC_SEED'] ?? 20260101);

const id = (n: number) => n.toString(16).padStart(40, '0') as NodeId;
const peer = (n: number): Peer => ({ id: id(n), addr: `127.0.0.1:${n}`, inc: 1n });
const places = (list: readonly Peer[]) => list.map((entry) => Number.parseInt(entry.id, 16));

const normalised = (self: number, head: number, tail: readonly number[], max: number) => {
  const { list, isAnomalous } = normalise(id(self), peer(head), tail.map(peer), max);
  return { list: places(list), isAnomalous };
};

describe('normalise()', () => {
  it('puts the head before what it has told, and keeps no more than the longest list', () => {
    expect(normalised(5, 9, [14, 20, 30], 3)).toEqual({ list: [9, 14, 20], isAnomalous: false });
  });

  it('goes on across zero', () => {
    expect(normalised(200, 250, [3, 90, 180], 4)).toEqual({ list: [250, 3, 90, 180], isAnomalous: false });
  });

  it('stops where the tail has come round to the member itself: in a small ring that is everybody', () => {
    expect(normalised(5, 9, [14, 5, 9], 3)).toEqual({ list: [9, 14], isAnomalous: false });
  });

  it('keeps the last entry of a short tail, which is a real successor', () => {
    expect(normalised(5, 9, [14], 3)).toEqual({ list: [9, 14], isAnomalous: false });
  });

  it.each([
    ['goes backwards', [20, 14]],
    ['repeats the head', [9]],
    ['repeats an entry', [14, 14]],
    ['passes the member itself', [14, 6, 30]],
  ])('cuts a tail that %s, and says so', (_fault, tail) => {
    const { list, isAnomalous } = normalised(5, 9, tail, 5);
    expect(isAnomalous).toBe(true);
    expect(localFault(id(5), list.map(id), 5)).toBeUndefined();
  });

  it(`gives a list that a member can hold, whatever it is told (seed ${SEED})`, () => {
    const place = fc.integer({ min: 0, max: 40 });
    fc.assert(
      fc.property(
        place,
        place,
        fc.array(place, { maxLength: 8 }),
        fc.integer({ min: 1, max: 6 }),
        (self, head, tail, max) => {
          fc.pre(self !== head);
          const { list } = normalise(id(self), peer(head), tail.map(peer), max);
          expect(list[0]).toEqual(peer(head));
          expect(
            localFault(
              id(self),
              list.map((entry) => entry.id),
              max,
            ),
          ).toBeUndefined();
        },
      ),
      { seed: SEED, numRuns: 500 },
    );
  });
});

describe('localFault()', () => {
  it('finds nothing wrong with a lone member, or with a list in order', () => {
    expect(localFault(id(5), [id(5)], 3)).toBeUndefined();
    expect(localFault(id(250), [id(3), id(60)], 3)).toBeUndefined();
  });

  it.each([
    ['empty_list', []],
    ['too_long', [9, 14, 20, 30]],
    ['names_itself', [9, 5]],
    ['repeats', [9, 14, 9]],
    ['not_ordered', [14, 9]],
  ] as const)('calls it %s', (fault, successors) => {
    expect(localFault(id(5), successors.map(id), 3)).toBe(fault);
  });

  it(`agrees with the definition: every three of the extended list are in order (seed ${SEED})`, () => {
    const place = fc.integer({ min: 0, max: 20 });
    fc.assert(
      fc.property(place, fc.uniqueArray(place, { minLength: 1, maxLength: 5 }), (self, successors) => {
        fc.pre(!successors.includes(self));
        const extended = [self, ...successors].map(id);
        const inOrder = extended.every((a, i) =>
          extended.slice(i + 1).every((b, j) => extended.slice(i + j + 2).every((c) => betweenOpen(b, a, c))),
        );
        const fault = localFault(id(self), successors.map(id), 5);
        expect(fault).toBe(inOrder ? undefined : 'not_ordered');
      }),
      { seed: SEED, numRuns: 500 },
    );
  });
});
