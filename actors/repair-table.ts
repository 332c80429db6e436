/**
 * Repair table: the row in which the replica syncer publishes what it fetches, compares and repairs, for
 * people. No process, only its hands.
 */
import type { Range } from '../src/chord/range';
import { ets } from '../src/otp';
import type { Epoch } from '../src/replication/epoch';
import type { SyncJob } from '../src/replication/views-protocol';

// API

/** An arc that is being fetched. */
export interface JobProgress {
  readonly id: number;
  readonly arc: Range;
  /** `host:port` of where it comes from. */
  readonly source: string;
  readonly purpose: SyncJob['purpose'];
  /** How many records have come. */
  readonly fetched: number;
  /** How many the source had when it was begun; 0 until it has said. */
  readonly total: number;
}

/** How a member of an arc that this node leads compares with it. */
export interface MemberRepairs {
  /** `host:port`. */
  readonly addr: string;
  readonly arc: Range;
  readonly epoch: Epoch;
  /** When the last comparison began that ended in agreement (monotonic); undefined: none has yet. */
  readonly agreedAtMs: number | undefined;
  /** Records in which they were found to differ, and records that were mended, since the view began. */
  readonly differences: number;
  readonly repaired: number;
}

/** What a led arc may forget: see {@link RepairsRow.horizons}. */
export interface Horizon {
  readonly arc: Range;
  readonly epoch: Epoch;
  /** Unix milliseconds. */
  readonly horizonMs: number;
}

/** What the replica syncer does. */
export interface RepairsRow {
  readonly id: 'repairs';
  readonly jobs: readonly JobProgress[];
  readonly members: readonly MemberRepairs[];
  /** Up to which time every member of a led arc, all of them voting, has been found to have what this node has. */
  readonly horizons: readonly Horizon[];
  readonly hintsPending: number;
  readonly hintsReplayed: number;
  readonly hintsDropped: number;
  /** Records of nodes that were away which were not kept, because their deletion may have been forgotten. */
  readonly forgottenDropped: number;
  /** About how many bytes it has sent. */
  readonly bytesSent: number;
  /** How many comparisons have ended. */
  readonly rounds: number;
}

export const TABLE = ets.tableName<RepairsRow, 'id'>('repairs');
