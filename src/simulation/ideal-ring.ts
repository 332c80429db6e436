/**
 * Ideal rings: members at random places, each with the pointers that it should have. The experiments
 * of the papers begin with one; that the protocol gets there by itself is shown elsewhere.
 */
import { FingerTable, fingerTarget, FINGERS } from '../chord/finger-table';
import { addressId, type Id } from '../chord/id';
import type { Peer } from '../chord/peer';
import type { Random } from './random';

/** The members of a ring in ring order, and what their pointers should be. */
export class IdealRing {
  /** Clockwise from zero. */
  readonly peers: readonly Peer[];

  constructor(peers: readonly Peer[]) {
    this.peers = [...peers].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** A ring of `size` members at random addresses, hence at random places. */
  static ofSize(size: number, random: Random): IdealRing {
    const addresses = new Set<string>();
    while (addresses.size < size) addresses.add(randomAddress(random));
    return new IdealRing([...addresses].map(peerAt));
  }

  get size(): number {
    return this.peers.length;
  }

  /** The peer at this place, counted round the ring. */
  at(place: number): Peer {
    const { peers } = this;
    return peers[((place % peers.length) + peers.length) % peers.length] as Peer;
  }

  /** The place of the member that owns `id`: the first at or behind it. */
  placeOf(id: Id): number {
    let [low, high] = [0, this.peers.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at(middle).id < id) low = middle + 1;
      else high = middle;
    }
    return low % this.peers.length;
  }

  /** The member that owns `id`. */
  ownerOf(id: Id): Peer {
    return this.at(this.placeOf(id));
  }

  /** The next `count` members after the one at `place`, itself not among them unless it is alone. */
  successorsOf(place: number, count: number): Peer[] {
    const length = Math.max(1, Math.min(count, this.size - 1));
    return Array.from({ length }, (_none, distance) => this.at(place + distance + 1));
  }

  /** The exact finger table of the member at `place`. */
  fingersOf(place: number): FingerTable {
    const self = this.at(place).id;
    let table = FingerTable.of(self);
    for (let index = 0; index < FINGERS; index = table.after(index)) {
      const owner = this.ownerOf(fingerTarget(self, index));
      // Behind the last member there is none before this one: the rest of its fingers are itself.
      if (owner.id === self) break;
      table = table.learn(owner);
    }
    return table;
  }
}

/** The first incarnation of the node that advertises this address. */
export function peerAt(addr: string): Peer {
  return { id: addressId(addr), addr, inc: 1n };
}

/** An address that nobody listens at: of the network set aside for private use. */
export function randomAddress(random: Random): string {
  return `10.${random.below(256)}.${random.below(256)}.${random.below(256)}:${1024 + random.below(60_000)}`;
}

/** An identifier drawn evenly from the whole circle. */
export function randomId(random: Random): Id {
  let digits = '';
  for (let word = 0; word < 5; word += 1) digits += (random.bits() >>> 0).toString(16).padStart(8, '0');
  return digits as Id;
}
