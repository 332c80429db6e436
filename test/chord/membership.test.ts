/** Walks over whole rings: everybody is listed, in order, with few questions, and what is missing is admitted. */
import * as fc from 'fast-check';
import { startWalk, stepWalk, type Walk, type WalkEffect } from '../../src/chord/membership';
import type { Peer } from '../../src/chord/peer';
import { isWholeRing, type Neighbourhood } from '../../src/chord/ring-size';
import { inOrder, peerAt, pointersOf } from './ideal-ring';

const SEED = Number(process.env['FC_SEED'] ?? 20260101);

type Done = Extract<WalkEffect, { type: 'done' }>;

/** Walks from `start`. Whoever is in `ring` answers; others are silent. */
function walk(start: Neighbourhood, ring: readonly Neighbourhood[], membersMax?: number) {
  let asks = 0;
  let [at, effect]: [Walk, WalkEffect | undefined] = startWalk(
    start.self,
    start.successors,
    isWholeRing(start),
    membersMax,
  );
  while (effect?.type === 'ask') {
    asks += 1;
    const { peer } = effect;
    const pointers = ring.find(({ self }) => self.id === peer.id);
    const event = pointers
      ? ({ type: 'answered', from: pointers.self, successors: pointers.successors } as const)
      : ({ type: 'silent', peer } as const);
    [at, effect] = stepWalk(at, event);
  }
  return { asks, ...(effect as Done) };
}

/** In ring order, beginning with `first`. */
function from(first: Peer, members: readonly Peer[]): readonly Peer[] {
  const sorted = inOrder(members);
  const place = sorted.findIndex(({ id }) => id === first.id);
  return [...sorted.slice(place), ...sorted.slice(0, place)];
}

const peers = (size: number) => Array.from({ length: size }, (_none, n) => peerAt(n + 1));

describe('a walk', () => {
  it.each([1, 2, 5, 9, 10, 60, 300])('lists all %d members in order, the walker first, with N/r questions', (size) => {
    const members = peers(size);
    const ring = pointersOf(members, 8);
    for (const start of ring.slice(0, 20)) {
      const { asks, isComplete, members: listed } = walk(start, ring);
      expect(listed).toEqual(from(start.self, members));
      expect(isComplete).toBe(true);
      expect(asks).toBeLessThanOrEqual(Math.ceil(size / 8));
    }
  });

  it(`lists all who live and answer when some are dead, and says that it may be incomplete (seed ${SEED})`, () => {
    const share = fc.integer({ min: 2, max: 5 });
    fc.assert(
      fc.property(fc.integer({ min: 12, max: 80 }), share, fc.nat(), (size, every, turn) => {
        const members = peers(size);
        const ring = pointersOf(members, 8);
        // Not so many in a row that a list is dead.
        const alive = ring.filter((_pointers, index) => (index + turn) % every > 0);
        const [start] = alive as [Neighbourhood];
        const { isComplete, members: listed, asks } = walk(start, alive);
        const missing = alive.filter(({ self }) => !listed.some(({ id }) => id === self.id));
        expect(missing).toEqual([]);
        expect(listed).toEqual(from(start.self, listed));
        const silent = members.filter(({ id }) => !listed.some((other) => other.id === id));
        expect(isComplete).toBe(silent.length === 0);
        expect(asks).toBeLessThanOrEqual(size);
      }),
      { seed: SEED, numRuns: 200 },
    );
  });

  it('ends when the way on is lost', () => {
    const ring = pointersOf(peers(40), 4);
    const [start, ...others] = ring as [Neighbourhood, ...Neighbourhood[]];
    const { isComplete, members } = walk(start, [start, ...others.slice(0, 4)]);
    expect(isComplete).toBe(false);
    expect(members.map(({ id }) => id)).toEqual(ring.slice(0, 5).map(({ self }) => self.id));
  });

  it('stops at so many members', () => {
    const ring = pointersOf(peers(40), 4);
    const { isComplete, members, asks } = walk(ring[0] as Neighbourhood, ring, 10);
    expect([isComplete, members.length]).toEqual([false, 10]);
    expect(asks).toBeLessThanOrEqual(3);
  });

  it('comes round although the last before the walker does not know it yet', () => {
    const members = peers(20);
    const ring = pointersOf(members, 4);
    const newcomer = peerAt(99);
    const [start] = pointersOf([...members, newcomer], 4).filter(({ self }) => self.id === newcomer.id);
    const { isComplete, members: listed } = walk(start as Neighbourhood, ring);
    expect([isComplete, listed]).toEqual([true, from(newcomer, [...members, newcomer])]);
  });

  it('takes over what a member is now, if it was restarted', () => {
    const members = peers(20);
    const ring = pointersOf(members, 4).map((pointers) => ({
      ...pointers,
      self: { ...pointers.self, inc: 2n },
    }));
    const { members: listed } = walk(ring[0] as Neighbourhood, ring);
    expect(listed.filter(({ inc }) => inc === 2n).length).toBe(5);
  });

  it('takes no notice of whom it has not asked, nor of anybody when it has ended', () => {
    const ring = pointersOf(peers(20), 4);
    const [start, second] = ring as [Neighbourhood, Neighbourhood];
    const [at] = startWalk(start.self, start.successors, false);
    expect(stepWalk(at, { type: 'answered', from: second.self, successors: [] })).toEqual([at, undefined]);
    expect(stepWalk(at, { type: 'silent', peer: second.self })).toEqual([at, undefined]);
    const [ended] = startWalk(start.self, [start.self], true);
    expect(stepWalk(ended, { type: 'silent', peer: second.self })).toEqual([ended, undefined]);
  });
});
