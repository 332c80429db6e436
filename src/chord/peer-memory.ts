/**
 * Peer memory: whom a member has ever heard of, the dead included.
 *
 * A successor list survives as many failures as it is long. When all of it has died, or the network
 * was cut in two and both halves have mended themselves, the pointers know of nobody on the other
 * side; only a memory that keeps those who seemed dead can find them again. So nothing is
 * forgotten because it is suspected, only because it is the one heard of longest ago, or because it
 * has said that it is leaving. The seeds that an operator has configured are never forgotten.
 */
import { distanceOf } from './finger-table';
import type { NodeId } from './id';
import type { Peer } from './peer';

/** What a member remembers. Never changed: every change gives another memory. */
export class PeerMemory {
  private constructor(
    /** Oldest first. */
    private readonly heard: ReadonlyMap<NodeId, Peer>,
    private readonly seeds: ReadonlySet<NodeId>,
    private readonly peersMax: number,
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
    return [...this.heard.values()];
  }

  /** The memory after a peer was heard of: of two incarnations it keeps the later. */
  hear(peer: Peer): PeerMemory {
    const known = this.heard.get(peer.id);
    const heard = new Map(this.heard);
    heard.delete(peer.id);
    heard.set(peer.id, known && known.inc > peer.inc ? known : peer);
    const surplus = heard.size - this.seeds.size > this.peersMax ? this.oldest(heard) : undefined;
    if (surplus !== undefined) heard.delete(surplus);
    return new PeerMemory(heard, this.seeds, this.peersMax);
  }

  /** The memory after this incarnation of a peer has left for good. A seed stays: it may come again. */
  forget(peer: Peer): PeerMemory {
    const known = this.heard.get(peer.id);
    if (known === undefined || known.inc > peer.inc || this.seeds.has(peer.id)) return this;
    const heard = new Map(this.heard);
    heard.delete(peer.id);
    return new PeerMemory(heard, this.seeds, this.peersMax);
  }

  /** Everybody but `self`, clockwise from it: in this order a member that has lost its list tries them. */
  clockwiseFrom(self: NodeId): readonly Peer[] {
    const distance = (peer: Peer) => distanceOf(self, peer.id);
    return this.peers.filter(({ id }) => id !== self).sort((a, b) => (distance(a) < distance(b) ? -1 : 1));
  }

  private oldest(heard: ReadonlyMap<NodeId, Peer>): NodeId | undefined {
    for (const id of heard.keys()) if (!this.seeds.has(id)) return id;
    return undefined;
  }
}

const byId = (peers: readonly Peer[]): ReadonlyMap<NodeId, Peer> => new Map(peers.map((peer) => [peer.id, peer]));
