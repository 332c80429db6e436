/**
 * Finger table: shortcuts round the ring, a hint that correctness never depends on.
 *
 * Finger i of a member n is the first member at or behind the point n + 2^i (SIGCOMM 2001, section
 * 4.3; there counted from 1). Of the 160 fingers only about log2 N differ: all whose targets lie
 * before the same member are that member. So the table keeps one peer for each *octave*, the
 * stretch of distances from 2^i up to 2^(i+1), namely the nearest one known in it; finger i is then
 * the nearest peer in the octaves from i on. Any member that is heard of can be learnt, in any
 * order, and the table of someone who has heard of everybody is exact.
 */
import { betweenOpen, type Id, type NodeId } from './id';
import type { Peer } from './peer';

/** How many fingers a member has: one for each bit of an identifier. */
export const FINGERS = 160;

const CIRCLE = 1n << BigInt(FINGERS);

/** One octave's nearest peer. */
interface Finger {
  readonly octave: number;
  readonly distance: bigint;
  readonly peer: Peer;
}

/** A member's fingers. Never changed: every change gives another table. */
export class FingerTable {
  private constructor(
    private readonly self: NodeId,
    /** Nearest first; at most one for each octave. */
    private readonly fingers: readonly Finger[],
  ) {}

  /** A table that knows nobody. */
  static of(self: NodeId): FingerTable {
    return new FingerTable(self, []);
  }

  /** The distinct peers in the table, nearest first. */
  get peers(): readonly Peer[] {
    return this.fingers.map(({ peer }) => peer);
  }

  /** Finger `index`, 0 to 159: the nearest peer known at or behind its target; undefined where that is the member itself. */
  finger(index: number): Peer | undefined {
    return this.fingers.find(({ octave }) => octave >= index)?.peer;
  }

  /** The table that also knows `peer`: the same one, if it is nobody's finger. A restarted peer replaces what it was. */
  learn(peer: Peer): FingerTable {
    // Mostly somebody is heard of who is known: that is found out without big numbers.
    if (this.fingers.some((finger) => finger.peer.id === peer.id && finger.peer.inc >= peer.inc)) return this;
    const distance = distanceOf(this.self, peer.id);
    if (distance === 0n) return this;
    const finger = { octave: octaveOf(distance), distance, peer };
    const known = this.fingers.find(({ octave }) => octave === finger.octave);
    if (known && known.distance < distance) return this;
    return this.with(finger);
  }

  /**
   * The table after a lookup has found that `peer` is the first at or behind the target of finger
   * `index`: what was thought to lie between the two is not there.
   */
  fix(index: number, peer: Peer): FingerTable {
    const distance = distanceOf(this.self, peer.id);
    const end = distance === 0n ? CIRCLE : distance;
    const target = 1n << BigInt(index);
    const rest = this.fingers.filter((finger) => finger.distance < target || finger.distance >= end);
    const table = new FingerTable(this.self, rest);
    return distance < target ? table : table.with({ octave: octaveOf(distance), distance, peer });
  }

  /** The table without a peer that has died or left. Its octave is to be looked up again. */
  forget(id: NodeId): FingerTable {
    const rest = this.fingers.filter(({ peer }) => peer.id !== id);
    return rest.length === this.fingers.length ? this : new FingerTable(this.self, rest);
  }

  /** The peers strictly between the member and `key`, the one nearest to the key first: where a lookup goes next. */
  preceding(key: Id): readonly Peer[] {
    return this.peers.filter((peer) => betweenOpen(peer.id, this.self, key)).toReversed();
  }

  /** The next finger to be looked up after `index`: the first whose target lies behind the peer that finger `index` is. */
  after(index: number): number {
    const known = this.fingers.find(({ octave }) => octave >= index);
    return known === undefined ? FINGERS : known.octave + 1;
  }

  /** The fingers that `id` is, by first and last index; undefined if it is none. */
  stretchOf(id: NodeId): { readonly first: number; readonly last: number } | undefined {
    const place = this.fingers.findIndex(({ peer }) => peer.id === id);
    const finger = this.fingers[place];
    return finger && { first: (this.fingers[place - 1]?.octave ?? -1) + 1, last: finger.octave };
  }

  private with(finger: Finger): FingerTable {
    const others = this.fingers.filter(({ octave }) => octave !== finger.octave);
    const fingers = [...others, finger].sort((a, b) => a.octave - b.octave);
    return new FingerTable(this.self, fingers);
  }
}

/** The point that finger `index` of a member aims at: `self` + 2^`index`, round the circle. */
export function fingerTarget(self: NodeId, index: number): Id {
  const target = (BigInt(`0x${self}`) + (1n << BigInt(index))) % CIRCLE;
  return target.toString(16).padStart(self.length, '0') as Id;
}

/** How far it is from `a` to `b`, clockwise: 0 to 2^160 - 1. */
export function distanceOf(a: Id, b: Id): bigint {
  const distance = BigInt(`0x${b}`) - BigInt(`0x${a}`);
  return distance < 0n ? distance + CIRCLE : distance;
}

/** The octave of a distance above 0: the highest of its bits. */
export function octaveOf(distance: bigint): number {
  const digits = distance.toString(16);
  return 4 * digits.length - (Math.clz32(Number.parseInt(digits.slice(0, 1), 16)) - 28) - 1;
}
