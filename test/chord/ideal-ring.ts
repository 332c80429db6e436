/** Ideal rings: members at the places that their addresses give them, everybody's pointers as they should be. */
import { nodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import type { Neighbourhood } from '../../src/chord/ring-size';

/** The peer of a port. */
export const peerAt = (port: number, inc = 1n): Peer => ({
  id: nodeId('127.0.0.1', port),
  addr: `127.0.0.1:${port}`,
  inc,
});

export const inOrder = (peers: readonly Peer[]): readonly Peer[] => [...peers].sort((a, b) => (a.id < b.id ? -1 : 1));

/** The pointers of all these, in ring order. */
export function pointersOf(members: readonly Peer[], successorsMax: number): readonly Neighbourhood[] {
  const peers = inOrder(members);
  return peers.map((self, index) => {
    const next = (places: number) => peers[(index + places + peers.length) % peers.length] ?? self;
    const length = Math.max(1, Math.min(successorsMax, peers.length - 1));
    const successors = Array.from({ length }, (_none, place) => next(place + 1));
    return { self, predecessor: next(-1), successors, successorsMax };
  });
}

/** The first member at or behind a point. */
export function ownerOf(point: string, members: readonly Peer[]): Peer | undefined {
  const sorted = inOrder(members);
  return sorted.find(({ id }) => id >= point) ?? sorted[0];
}
