/**
 * Node view: what the admin server's routes need of a node, and what they say of it.
 *
 * Sockets, processes and clocks belong to whoever implements {@link NodeView}.
 */
import type { Peer } from '../chord/peer';
import type { TreeNode } from '../otp/tree';
import type { GetReplica, Replica } from '../protocol/rpc-data';
import type { KnownViews, Stale, ViewGet } from '../protocol/rpc-views';
import type { Views } from '../replication/views';
import type { KvTable } from '../store/kv-table';
import type { ArcInfo, OwnState, PeerInfo } from './answers';
import type { RepairsInfo, RepairsSeen, StopVerdict } from './replica-answers';
import type { RingView } from './ring-view';

/** One thing that must hold for a node to be ready. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly reason?: string;
}

/** The answer to `GET /api/node`. */
export interface NodeInfo {
  readonly nodeId: number;
  readonly id: string;
  readonly addr: string;
  /** This life of the node: another one keeps nothing of what it kept. A u64, so a text. */
  readonly inc: string;
  readonly state: OwnState;
  readonly ring: RingPlace;
  readonly keys: KeyCounts;
  /** How many arcs it leads, is another voter of, and has yet to learn; and how many nodes are to become members of those it leads. */
  readonly views: {
    readonly led: number;
    readonly member: number;
    readonly learner: number;
    readonly newcomers: number;
    readonly unsettled: number;
  };
  /** On how many nodes the keys are kept that it leads; null where it leads none. */
  readonly copies: { readonly min: number; readonly max: number } | null;
  /** Whether some of them are kept on fewer nodes than they should be. */
  readonly degraded: boolean;
  readonly repairs: RepairsInfo;
  readonly safeToStop: StopVerdict;
  readonly clock: ClockInfo;
  /** What it has said to other nodes since it was started: questions, answers and tales. */
  readonly rpc: { readonly messagesSent: number; readonly bytesSent: number };
  readonly uptimeMs: number;
  readonly version: string;
}

/** What a node has, by what it is good for. */
export interface KeyCounts {
  /** Values that it leads. */
  readonly primary: number;
  /** Values of which it is another member. */
  readonly replica: number;
  /** Values that nobody counts on: of views that it is no member of any more, or not yet. */
  readonly surplus: number;
  /** Of all of these together. */
  readonly tombstones: number;
  readonly bytes: number;
}

/** How a node's clock stands. */
export interface ClockInfo {
  /** How far the neighbours' clocks are ahead of its own; null where that is not known. */
  readonly offsetMs: number | null;
  /** How far the clock that orders its writes is ahead of the machine's. */
  readonly driftMs: number | null;
}

/** Where a node stands in the ring. */
export interface RingPlace {
  readonly predecessor: PeerInfo | null;
  readonly successor: PeerInfo | null;
  readonly successorList: readonly PeerInfo[];
  /** The distinct ones, nearest first. */
  readonly fingers: readonly PeerInfo[];
  /** What it leads, each with the number of its view: every change of hands raises it. */
  readonly arcs: readonly (ArcInfo & { readonly epoch: number })[];
  /** How many nodes it believes there are; null while it cannot tell. */
  readonly size: number | null;
  /** Whether so many nodes follow it that the ring holds when all but one of its list fail at once. */
  readonly safe: boolean;
}

/** What a question to another node about a view, or about its copy of a key, is answered with. */
export type ReplicaSaid = KnownViews | Replica | Stale;

/** The node's window on what is kept where. */
export interface ReplicaView {
  /** Undefined while that is being restarted. */
  views(): Views | undefined;
  table(): KvTable | undefined;
  repairs(): RepairsSeen | undefined;
  /** Asks another node; undefined: no answer came. */
  ask(peer: Peer, question: ViewGet | GetReplica): Promise<ReplicaSaid | undefined>;
  /** Compares all copies of what this node leads, and mends what differs; undefined: it is not done in time. */
  repair(): Promise<RepairCounts | undefined>;
  /** Monotonic milliseconds. */
  nowMs(): number;
}

/** What a repair has come to. */
export interface RepairCounts {
  /** Other members of arcs that this node leads, counted for each arc, whose copies were compared with its own. */
  readonly compared: number;
  readonly differences: number;
  readonly repaired: number;
  /** Those that could not be compared, or not to the end. */
  readonly failed: number;
}

/** What the routes need of a node. */
export interface NodeView {
  readonly allowChaos: boolean;
  isAlive(): boolean;
  readyChecks(): readonly Check[];
  node(): NodeInfo;
  readonly ring: RingView;
  readonly replicas: ReplicaView;
  /** Undefined while there is no tree. */
  tree(): Promise<TreeNode | undefined>;
  /** Kills the process at a path as `exit(Pid, kill)` would; false when there is none. */
  kill(path: string): Promise<boolean>;
}
