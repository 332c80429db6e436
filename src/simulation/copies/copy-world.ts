/** What keeps copies in a simulated node finds around it, besides the node itself. */
import type { Peer } from '../../chord/peer';
import type { Range } from '../../chord/range';
import type { Horizons } from '../../replication/horizons';
import type { Memory } from '../../replication/sync-job';
import type { Writers } from '../../replication/version';
import type { Views } from '../../replication/views';
import type { ViewsEvent, ViewsReport } from '../../replication/views-protocol';
import type { Target } from '../../store/local-write';
import type { KeeperHost } from '../surroundings';

/** How copies are kept: see src/config.ts. */
export interface CopySettings {
  readonly replicas: number;
  readonly maxDriftMs: number;
  readonly antiEntropyIntervalMs: number;
  readonly tombstoneGraceMs: number;
  /** Whether deletions are forgotten by their age alone: to see what comes of that. */
  readonly forgetsBlindly: boolean;
  /** Whether values count as written in eventual mode, though they are written by quorum: whoever has them keeps them. */
  readonly marksEventual: boolean;
  /** Whether whatever is so marked is kept, and taken in from anybody, however old it is: to see what comes of that. */
  readonly admitsForgotten: boolean;
}

/** What a real node does, but for times that are too long to be waited for. */
export const COPY_SETTINGS: CopySettings = {
  replicas: 3,
  maxDriftMs: 1000,
  antiEntropyIntervalMs: 3000,
  tombstoneGraceMs: 4000,
  forgetsBlindly: false,
  marksEventual: false,
  admitsForgotten: false,
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
  /** Something has happened that matters to its views. */
  happened(event: ViewsEvent): void;
  /** The replicas of an arc agree up to then. */
  raiseHorizon(arc: Range, horizonMs: number): void;
}
