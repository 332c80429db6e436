/** Finger tables: against the definition, for members at random places who are heard of in random order. */
import * as fc from 'fast-check';
import { distanceOf, FINGERS, FingerTable, fingerTarget } from '../../src/chord/finger-table';
import { betweenRightClosed, type NodeId, nodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';

const SEED = Number(process.env['FC_SEED'] ?? 20260101);

const peer = (n: number, inc = 1n): Peer => ({ id: nodeId('127.0.0.1', n), addr: `127.0.0.1:${n}`, inc });

const inOrder = (peers: readonly Peer[]) => [...peers].sort((a, b) => (a.id < b.id ? -1 : 1));

/** The definition: the first member at or behind a point. */
function successorOf(point: string, members: readonly Peer[]): Peer | undefined {
  const sorted = inOrder(members);
  return sorted.find(({ id }) => id >= point) ?? sorted[0];
}

const knowing = (self: Peer, others: readonly Peer[]) =>
  others.reduce((table, other) => table.learn(other), FingerTable.of(self.id));

const ports = fc.uniqueArray(fc.integer({ min: 1, max: 60_000 }), { minLength: 2, maxLength: 40 });

describe(`FingerTable (seed ${SEED})`, () => {
  it('finger() is the successor of its target, for someone who has heard of everybody', () => {
    fc.assert(
      fc.property(ports, (all) => {
        const [self, ...others] = all.map((port) => peer(port)) as [Peer, ...Peer[]];
        const table = knowing(self, others);
        for (let index = 0; index < FINGERS; index += 1) {
          const expected = successorOf(fingerTarget(self.id, index), [self, ...others]);
          expect(table.finger(index)).toEqual(expected?.id === self.id ? undefined : expected);
        }
      }),
      { seed: SEED, numRuns: 50 },
    );
  });

  it('learn() comes to the same table in any order, and keeps about log2 N peers', () => {
    fc.assert(
      fc.property(ports, fc.nat(), (all, turn) => {
        const [self, ...others] = all.map((port) => peer(port)) as [Peer, ...Peer[]];
        const rotated = [...others.slice(turn % others.length), ...others.slice(0, turn % others.length)].toReversed();
        expect(knowing(self, rotated)).toEqual(knowing(self, others));
        expect(knowing(self, others).peers.length).toBeLessThanOrEqual(Math.log2(all.length) * 2 + 4);
      }),
      { seed: SEED, numRuns: 100 },
    );
  });

  it('fix() with what lookups find makes a table of dead and misplaced peers exact, in about log2 N lookups', () => {
    fc.assert(
      fc.property(ports, fc.nat(), (all, share) => {
        const [self, ...others] = all.map((port) => peer(port)) as [Peer, ...Peer[]];
        const alive = others.filter((_other, index) => (index + share) % 3 > 0);
        let table = knowing(self, others);
        let lookups = 0;
        for (let index = 0; index < FINGERS; index = table.after(index)) {
          lookups += 1;
          table = table.fix(index, successorOf(fingerTarget(self.id, index), [self, ...alive]) ?? self);
        }
        expect(table).toEqual(knowing(self, alive));
        expect(lookups).toBeLessThanOrEqual(table.peers.length + 1);
      }),
      { seed: SEED, numRuns: 100 },
    );
  });

  it('preceding() gives the peers strictly before a key, nearest to it first', () => {
    fc.assert(
      fc.property(ports, fc.integer({ min: 60_001, max: 65_000 }), (all, port) => {
        const [self, ...others] = all.map((member) => peer(member)) as [Peer, ...Peer[]];
        const key = nodeId('127.0.0.1', port);
        const table = knowing(self, others);
        const found = table.preceding(key);
        const expected = table.peers.filter(({ id }) => distanceOf(self.id, id) < distanceOf(self.id, key));
        expect(new Set(found)).toEqual(new Set(expected));
        const distances = found.map(({ id }) => distanceOf(id, key));
        expect(distances).toEqual([...distances].sort((a, b) => (a < b ? -1 : 1)));
      }),
      { seed: SEED, numRuns: 100 },
    );
  });

  it('learn() takes a restarted peer for what it was, and no older one for the newer', () => {
    const self = peer(1);
    const table = FingerTable.of(self.id).learn(peer(2, 5n));
    expect(table.learn(peer(2, 6n)).peers).toEqual([peer(2, 6n)]);
    expect(table.learn(peer(2, 4n))).toBe(table);
    expect(table.learn(self)).toBe(table);
  });

  it('forget() leaves a hole that the next peer fills', () => {
    const self = peer(1);
    const others = [2, 3, 4, 5, 6].map((port) => peer(port));
    const table = knowing(self, others);
    const [first] = table.peers as [Peer];
    expect(table.forget(first.id).peers).not.toContainEqual(first);
    expect(table.forget(peer(99).id)).toBe(table);
  });
});

it('fingerTarget() goes round the circle, and finger 159 to the other side of it', () => {
  const self = 'f'.repeat(40) as NodeId;
  expect(fingerTarget(self, 0)).toBe('0'.repeat(40));
  expect(fingerTarget(self, 159)).toBe(`7${'f'.repeat(39)}`);
  expect(betweenRightClosed(fingerTarget(self, 3), self, self)).toBe(true);
});
