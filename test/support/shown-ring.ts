/** A ring for tests of what shows one: its members are data, and what they say can be bent. */
import type { Description, RingView } from '../../src/admin/ring-view';
import { FingerTable } from '../../src/chord/finger-table';
import { addressId } from '../../src/chord/id';
import { nextHop } from '../../src/chord/lookup';
import type { Peer } from '../../src/chord/peer';
import { type CopyCounts, NO_COPIES } from '../../src/protocol/rpc-description';

const SUCCESSORS_MAX = 4;

export class ShownRing {
  /** In ring order. */
  readonly peers: readonly Peer[];
  readonly descriptions = new Map<string, Description>();
  /** Who does not answer. */
  readonly silent = new Set<string>();
  /** Who was asked to describe itself, in this order. */
  readonly asked: string[] = [];

  /** A ring that is well, of so many members. */
  constructor(size: number) {
    const addresses = Array.from({ length: size }, (_none, index) => `127.0.0.1:${9001 + index}`);
    this.peers = addresses
      .map((addr) => ({ id: addressId(addr), addr, inc: 1n }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const [index, self] of this.peers.entries()) {
      const predecessor = this.at(index - 1);
      const successors = Array.from({ length: Math.max(1, Math.min(SUCCESSORS_MAX, size - 1)) }, (_none, place) =>
        this.at(index + 1 + place),
      );
      const counts = { keys: index, bytes: 10 * index, tombstones: 0, copies: countsIn(size, index) };
      const arcs = [{ lo: predecessor.id, hi: self.id }];
      this.set({ self, state: 'active', predecessor, successors, arcs, ...counts });
    }
  }

  /** The member so many places round the ring. */
  at(index: number): Peer {
    const { length } = this.peers;
    return this.peers[((index % length) + length) % length] as Peer;
  }

  /** What this member says, and with these changes from now on. */
  bend(index: number, changes: Partial<Description>): void {
    this.set({ ...this.describe(this.at(index)), ...changes });
  }

  /** The first member at or behind a point: what every lookup should come to. */
  ownerOf(id: string): Peer {
    return this.peers.find((peer) => peer.id >= id) ?? this.at(0);
  }

  /** The ring as this member sees it. Every question takes a millisecond. */
  viewFrom(index: number): RingView {
    const self = this.at(index);
    let nowMs = 0;
    const table = (peer: Peer) => this.peers.reduce((known, other) => known.learn(other), FingerTable.of(peer.id));
    const reach = async <T>(peer: Peer, answer: () => T): Promise<T | undefined> => {
      nowMs += 1;
      return this.silent.has(peer.addr) ? undefined : answer();
    };
    return {
      describeSelf: () => this.describe(self),
      describe: (peer) => {
        this.asked.push(peer.addr);
        return reach(peer, () => this.describe(peer));
      },
      findNext: (peer, key, excluded) =>
        reach(peer, () => {
          const { successors } = this.describe(peer);
          return nextHop(key, { self: peer, successors, others: table(peer).peers }, excluded);
        }),
      fingers: () => ({ fingers: table(self), members: this.peers }),
      nowMs: () => nowMs,
    };
  }

  private describe(peer: Peer): Description {
    const description = this.descriptions.get(peer.id);
    if (description === undefined) throw new Error(`Nobody is at ${peer.addr}`);
    return description;
  }

  private set(description: Description): void {
    this.descriptions.set(description.self.id, description);
  }
}

/** What a member of a ring that is well says of its copies. */
export function countsIn(size: number, keys: number): CopyCounts {
  const copies = Math.min(3, size);
  return { ...NO_COPIES, records: copies * keys, led: 1, member: copies - 1, least: copies, most: copies };
}
