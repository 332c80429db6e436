/** What keeps copies in a simulated node finds around it, besides the node itself. */
import type { Peer } from '../../chord/peer';
import type { Range } from '../../chord/range';
import type { Writers } from '../../replication/version';
import type { ViewsReport } from '../../replication/views-protocol';

/** How copies are kept: see src/config.ts. */
export interface CopySettings {
  readonly replicas: number;
  readonly maxDriftMs: number;
  readonly antiEntropyIntervalMs: number;
  readonly tombstoneGraceMs: number;
  /** Whether deletions are forgotten by their age alone: to see what comes of that. */
  readonly forgetsBlindly: boolean;
}

/** What a real node does, but for times that are too long to be waited for. */
export const COPY_SETTINGS: CopySettings = {
  replicas: 3,
  maxDriftMs: 1000,
  antiEntropyIntervalMs: 3000,
  tombstoneGraceMs: 4000,
  forgetsBlindly: false,
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
