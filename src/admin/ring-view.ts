/**
 * The ring as one node can see it: the pointers of its own, and what others answer when they are asked.
 *
 * How a question reaches another node belongs to whoever implements {@link RingView}; what is asked
 * and what follows from the answers stands in ring-walk.ts and key-lookup.ts.
 */
import type { FingerTable } from '../chord/finger-table';
import type { Id, NodeId } from '../chord/id';
import type { NextHop } from '../chord/lookup';
import type { Peer } from '../chord/peer';
import type { Range } from '../chord/range';
import type { CopyCounts } from '../protocol/rpc-description';
import type { NodeState, PeerInfo } from './answers';

/** What a node says of itself. */
export interface Description {
  readonly self: Peer;
  readonly state: NodeState;
  readonly predecessor: Peer | null;
  /** Head first; a lone member's list holds itself. */
  readonly successors: readonly Peer[];
  /** What it leads: whose quorum operations it serves. */
  readonly arcs: readonly Range[];
  /** Values that it leads. */
  readonly keys: number;
  /** Of everything that it holds. */
  readonly bytes: number;
  readonly tombstones: number;
  readonly copies: CopyCounts;
}

/** Whether a node is in a ring at all: it has yet to join one, or has left it. */
export const isInRing = ({ state, successors }: Description): boolean => state === 'active' || successors.length > 0;

/** The node's window on the ring. What is answered with undefined did not come, or not in time. */
export interface RingView {
  /** What this node says of itself; undefined while its ring actors are being restarted. */
  describeSelf(): Description | undefined;
  describe(peer: Peer): Promise<Description | undefined>;
  /** Where a node, which may be this one, sends someone who looks for a key. */
  findNext(peer: Peer, key: Id, excluded: ReadonlySet<NodeId>): Promise<NextHop | undefined>;
  /** This node's fingers, and everybody whom it knows of in ring order. */
  fingers(): { readonly fingers: FingerTable; readonly members: readonly Peer[] } | undefined;
  /** Monotonic milliseconds. */
  nowMs(): number;
}

/** A peer as the documents name it. */
export const peerInfo = ({ id, addr }: PeerInfo): PeerInfo => ({ id, addr });
