/** Peer memory: who is kept, who is forgotten, and in which order they are tried. */
import { nodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import { PeerMemory } from '../../src/chord/peer-memory';

const peer = (n: number, inc = 1n): Peer => ({ id: nodeId('127.0.0.1', n), addr: `127.0.0.1:${n}`, inc });

describe('PeerMemory', () => {
  it('forgets whoever was heard of longest ago when it is full, and seeds never', () => {
    let memory = PeerMemory.of([peer(1)], 2);
    for (const n of [2, 3, 2, 4]) memory = memory.hear(peer(n));
    expect(memory.peers).toEqual([peer(1), peer(2), peer(4)]);
    expect(memory.size).toBe(3);
  });

  it('keeps the later of two incarnations, whichever it hears of last', () => {
    const memory = PeerMemory.of([], 8).hear(peer(2, 5n)).hear(peer(2, 4n));
    expect(memory.peers).toEqual([peer(2, 5n)]);
    expect(memory.hear(peer(2, 6n)).peers).toEqual([peer(2, 6n)]);
  });

  it('forgets who has left, but neither a later incarnation of it nor a seed', () => {
    const memory = PeerMemory.of([peer(1)], 8).hear(peer(2, 5n));
    expect(memory.forget(peer(2, 5n)).peers).toEqual([peer(1)]);
    expect(memory.forget(peer(2, 4n))).toBe(memory);
    expect(memory.forget(peer(1))).toBe(memory);
    expect(memory.forget(peer(9))).toBe(memory);
  });

  it('gives everybody but the member itself, clockwise from it', () => {
    const all = [1, 2, 3, 4, 5].map((n) => peer(n)).sort((a, b) => (a.id < b.id ? -1 : 1));
    const memory = all.reduce((known, other) => known.hear(other), PeerMemory.of([], 8));
    const [first, second, third, fourth, fifth] = all as [Peer, Peer, Peer, Peer, Peer];
    expect(memory.clockwiseFrom(third.id)).toEqual([fourth, fifth, first, second]);
  });
});
