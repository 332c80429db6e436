/** What keeps copies in a simulated node finds around it, besides the node itself. */
import type { KeyId } from '../../chord/id';
import type { Peer } from '../../chord/peer';
import type { Range } from '../../chord/range';
import { HINTS_MAX } from '../../replication/hints';
import type { Horizons } from '../../replication/horizons';
import type { Memory } from '../../replication/sync-job';
import type { Writers } from '../../replication/version';
import type { Views } from '../../replication/views';
import type { ViewsEvent, ViewsReport } from '../../replication/views-protocol';
import type { Target } from '../../store/local-write';
import type { Record } from '../../store/record';
import type { KeeperHost } from '../surroundings';

/** What a node can be made to do without, to see what comes of that. */
export type LeftOut =
  /** Whoever missed a write is not reminded of it. */
  | 'hints'
  /** Replicas of an arc are never compared. */
  | 'comparing'
  /** Records travel as fast as they can. */
  | 'throttle'
  /** A node orders writes by whatever its clock shows. */
  | 'clock_watch'
  /** Deletions are forgotten by their age alone. */
  | 'horizons'
  /** What is marked as eventual is kept, and taken in from anybody, however old it is. */
  | 'keeping_out'
  /** Whoever has passed a write on says that it is done, and does not keep what the primary has made of it. */
  | 'keeping_minted';

/** How copies are kept: see src/config.ts. */
export interface CopySettings {
  readonly replicas: number;
  readonly maxDriftMs: number;
  readonly antiEntropyIntervalMs: number;
  readonly tombstoneGraceMs: number;
  readonly hintTtlMs: number;
  /** Most hints for one member. */
  readonly hintsMax: number;
  readonly cleanUpDelayMs: number;
  /** How fast a node fetches arcs, mends what differs, and tells others what they have missed. */
  readonly bytesPerSecond: { readonly [what in Carried]: number };
  /** Whether values count as written in eventual mode, though they are written by quorum: whoever has them keeps them. */
  readonly marksEventual: boolean;
  readonly leftOut: readonly LeftOut[];
}

/** For what records travel behind the requests of clients. */
export type Carried = 'sync' | 'repair' | 'hints';

/** What a real node does, but for times that are too long to be waited for. */
export const COPY_SETTINGS: CopySettings = {
  replicas: 3,
  maxDriftMs: 1000,
  antiEntropyIntervalMs: 3000,
  tombstoneGraceMs: 20_000,
  hintTtlMs: 60_000,
  hintsMax: HINTS_MAX,
  cleanUpDelayMs: 1000,
  bytesPerSecond: { sync: 20_000_000, repair: 4_000_000, hints: 4_000_000 },
  marksEventual: false,
  leftOut: [],
};

/** A world in which nodes keep copies. */
export interface CopyWorld {
  readonly settings: CopySettings;
  readonly writers: Writers;
  /** Virtual time, the same for all. */
  nowMs(): number;
  /** What the clock of this node shows, in Unix milliseconds. */
  systemMs(self: Peer): number;
  /** From 0 up to 1. */
  random(): number;
  /** A node has put a write into its own table, in a version that it has just minted. */
  written(record: Record, self: Peer): void;
  /** So many bytes of records have been sent or have come. */
  carried(what: Carried, bytes: number, self: Peer): void;
  /** A node has found out that its clock is wrong, or right again. */
  clockJudged(isSkewed: boolean, self: Peer): void;
  /** Something that an operator would want to know. */
  report(event: ViewsReport, self: Peer, arc: Range): void;
}

/** The first moment of virtual time. */
export const EPOCH_MS = Date.UTC(2020, 0, 1);

/** What keeps copies in one node, as its parts see it. */
export interface KeptNode {
  readonly host: KeeperHost;
  readonly world: CopyWorld;
  readonly target: Target;
  readonly views: Views;
  readonly horizons: Horizons;
  /** What may have been forgotten, by what is known here. */
  readonly memory: Memory;
  /** Virtual time. */
  readonly nowMs: number;
  /** What its clock shows. */
  readonly systemMs: number;
  /** How long a write that is read now may have waited already. */
  readonly waitedMs: number;
  /** Whether it knows that its clock is too far from the others' to order writes by. */
  readonly isSkewed: boolean;
  /** A member has missed a write of this key. */
  hint(to: Peer, key: KeyId): void;
  /** Something has happened that matters to its views. */
  happened(event: ViewsEvent): void;
  /** The replicas of an arc agree up to then. */
  raiseHorizon(arc: Range, horizonMs: number): void;
  takeHorizons(arc: Range, ofSource: Horizons): void;
}
