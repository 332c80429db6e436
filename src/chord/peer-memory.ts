/**
 * Peer memory: which members of its ring a member has ever heard of, the dead included.
 *
 * A successor list survives as many failures as it is long. When all of it has died, or the network
 * was cut in two and both halves have mended themselves, the pointers know of nobody on the other
 * side; only a memory that keeps those who seemed dead can find them again. So nothing is
 * forgotten because it is suspected, only because it is the one heard of longest ago, or because it
 * has said that it is leaving. The seeds that an operator has configured are never forgotten.
 */
import type { NodeId } from './id';
import type { Peer } from './peer';

/** Somebody who was heard of again, after those who are `before`. */
interface Again {
  readonly peer: Peer;
  readonly before: Again | undefined;
  readonly count: number;
}

/** So many are noted as heard of again before the order is put right, which takes a copy of everything. */
const AGAIN_MAX = 64;

/** What a member remembers. Never changed: every change gives another memory. */
export class PeerMemory {
  private constructor(
    /** Oldest first, but for those who were heard of again. */
    private readonly heard: ReadonlyMap<NodeId, Peer>,
    private readonly seeds: ReadonlySet<NodeId>,
    private readonly peersMax: number,
    /** The last of those who were known when they were heard of: mostly nobody new is, so this is what must be cheap. */
    private readonly again?: Again,
  ) {}

  /**
   * A memory of the seeds alone.
   *
   * @param peersMax how many it keeps besides the seeds, 64 to 256 for good
   */
  static of(seeds: readonly Peer[], peersMax: number): PeerMemory {
    return new PeerMemory(byId(seeds), new Set(seeds.map(({ id }) => id)), peersMax);
  }

  get size(): number {
    return this.heard.size;
  }

  /** Everybody, the one heard of last at the end. */
  get peers(): readonly Peer[] {
    return [...this.inOrder().values()];
  }

  /** Whether it remembers this node, in whatever incarnation. */
  knows({ id }: Peer): boolean {
    return this.heard.has(id);
  }

  /** The memory after a peer was heard of: of two incarnations it keeps the later. */
  hear(peer: Peer): PeerMemory {
    const { again, seeds, peersMax } = this;
    const known = this.heard.get(peer.id);
    if (known && known.inc >= peer.inc) {
      if (again?.peer === known) return this;
      const count = (again?.count ?? 0) + 1;
      const heard = count > AGAIN_MAX ? this.inOrder() : this.heard;
      const before = count > AGAIN_MAX ? undefined : again;
      return new PeerMemory(heard, seeds, peersMax, { peer: known, before, count: before ? count : 1 });
    }
    const heard = this.inOrder();
    heard.delete(peer.id);
    heard.set(peer.id, peer);
    const surplus = heard.size - seeds.size > peersMax ? this.oldest(heard) : undefined;
    if (surplus !== undefined) heard.delete(surplus);
    return new PeerMemory(heard, seeds, peersMax);
  }

  /** The memory after this incarnation of a peer has left for good. A seed stays: it may come again. */
  forget(peer: Peer): PeerMemory {
    const known = this.heard.get(peer.id);
    if (known === undefined || known.inc > peer.inc || this.seeds.has(peer.id)) return this;
    const heard = this.inOrder();
    heard.delete(peer.id);
    return new PeerMemory(heard, this.seeds, this.peersMax);
  }

  /** Everybody but `self`, clockwise from it: in this order a member that has lost its list tries them. */
  clockwiseFrom(self: NodeId): readonly Peer[] {
    const all = [...this.heard.values()].filter(({ id }) => id !== self).sort((a, b) => (a.id < b.id ? -1 : 1));
    const first = all.findIndex(({ id }) => id > self);
    return first <= 0 ? all : [...all.slice(first), ...all.slice(0, first)];
  }

  /** A copy in which everybody stands where he was last heard of. */
  private inOrder(): Map<NodeId, Peer> {
    const heard = new Map(this.heard);
    const noted: Peer[] = [];
    for (let again = this.again; again; again = again.before) noted.push(again.peer);
    for (const peer of noted.toReversed()) {
      heard.delete(peer.id);
      heard.set(peer.id, peer);
    }
    return heard;
  }

  private oldest(heard: ReadonlyMap<NodeId, Peer>): NodeId | undefined {
    for (const id of heard.keys()) if (!this.seeds.has(id)) return id;
    return undefined;
  }
}

const byId = (peers: readonly Peer[]): ReadonlyMap<NodeId, Peer> => new Map(peers.map((peer) => [peer.id, peer]));
