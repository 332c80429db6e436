/** Peer memory: who is kept, who is forgotten, and in which order they are tried. */
import * as fc from 'fast-check';
import { nodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import { PeerMemory } from '../../src/chord/peer-memory';

const SEED = Number(process.env['FC_SEED'] ?? 20260101);

const peer = (n: number, inc = 1n): Peer => ({ id: nodeId('127.0.0.1', n), addr: `127.0.0.1:${n}`, inc });

describe(`PeerMemory (seed ${SEED})`, () => {
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

  it('is what a list in which everybody heard of goes to the end would be', () => {
    const word = fc.record({ n: fc.integer({ min: 1, max: 9 }), inc: fc.bigInt(1n, 3n), leaves: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(word, { maxLength: 300 }), (words) => {
        const seed = peer(1);
        let memory = PeerMemory.of([seed], 5);
        let list = [seed];
        for (const { n, inc, leaves } of words) {
          const known = list.find(({ id }) => id === peer(n).id);
          const others = list.filter((other) => other !== known);
          if (leaves === 0) {
            memory = memory.forget(peer(n, inc));
            if (known && known.inc <= inc && known.id !== seed.id) list = others;
          } else {
            memory = memory.hear(peer(n, inc));
            list = [...others, known && known.inc > inc ? known : peer(n, inc)];
            if (list.length > 6) list = list.filter((other) => other !== list.find(({ id }) => id !== seed.id));
          }
        }
        expect(memory.peers).toEqual(list);
        expect(memory.size).toBe(list.length);
      }),
      { seed: SEED, numRuns: 200 },
    );
  });

  it('is the same one when the one heard of last is heard of again, however often others take turns', () => {
    const all = Array.from({ length: 128 }, (_none, n) => peer(n));
    const full = all.reduce((memory, other) => memory.hear(other), PeerMemory.of([], 128));
    const [first = peer(0), second = peer(1)] = all;
    const again = full.hear(first);
    expect(again.hear({ ...first })).toBe(again);
    let memory = full;
    for (let n = 0; n < 1000; n += 1) memory = memory.hear(n % 2 === 0 ? first : second);
    expect(memory.peers.slice(-2)).toEqual([first, second]);
  });
});
