/**
 * Views table: the row in which handoff publishes what this node keeps copies of, and what it does with the records
 * of an arc. No process, only its hands.
 */
import type { Peer } from '../src/chord/peer';
import type { Range } from '../src/chord/range';
import type { BinaryString } from '../src/octets';
import { ets } from '../src/otp';
import type { SyncOpen, SyncOpened } from '../src/protocol/rpc-sync';
import { compareVersions, type Version, type Writer } from '../src/replication/version';
import type { Views } from '../src/replication/views';
import { DROP_SLICE, type ViewsAnswer } from '../src/replication/views-protocol';
import type { KvTable } from '../src/store/kv-table';
import type { Target } from '../src/store/local-write';
import { Record } from '../src/store/record';

// API

/** What this node keeps copies of, and when the owner of that knowledge last looked at the clock (monotonic). */
export interface ArcsRow {
  readonly id: 'arcs';
  readonly views: Views;
  readonly beatMs: number;
  /** Who has written what the key-value table had when it was last looked at: another one begins with nothing. */
  readonly writer: Writer | undefined;
}

export const TABLE = ets.tableName<ArcsRow, 'id'>('arcs');

/** Most records written in eventual mode that are on their way at a time. */
export const STRAYS_MAX = 64;

/** Records of an arc that somebody else has been given, by key, in the version that he has. */
export type Given = ReadonlyMap<BinaryString, Version>;

/** What has become of an order to drop. */
export type Dropped =
  | { readonly type: 'dropped'; readonly isAll: boolean }
  /** These must be given to somebody first. */
  | { readonly type: 'held'; readonly records: readonly Record[] };

/** The answer to whoever begins to fetch an arc. */
export function opened(
  { table, clock }: Target,
  { arc }: SyncOpen,
  answer: Extract<ViewsAnswer, { type: 'opened' }>,
): SyncOpened {
  const digest = table.digest(arc);
  return { ...answer, floor: clock.stamp, digest, bytes: bytesOf(table, digest.count) };
}

/**
 * Drops a slice of an arc, unless there is something in it that was written in eventual mode and may be nowhere else: a
 * quorum has everything besides. `to`: who takes such records; undefined: nobody need have them.
 */
export function drop(table: KvTable, arc: Range, to: Peer | undefined, given: Given): Dropped {
  if (to !== undefined) {
    const { records } = table.walk(arc, undefined, { recordsMax: DROP_SLICE, bytesMax: Number.POSITIVE_INFINITY });
    const held = records.filter((record) => record.ev && !isGiven(record, given));
    if (held.length > 0) return { type: 'held', records: held.slice(0, STRAYS_MAX).map(copyOf) };
  }
  return { type: 'dropped', isAll: table.dropRange(arc, DROP_SLICE) < DROP_SLICE };
}

// Internal

function isGiven(record: Record, given: Given): boolean {
  const version = given.get(record.key);
  return version !== undefined && compareVersions(version, record) === 0;
}

/** It leaves in a later turn, when the table's own may say something else. */
function copyOf(record: Record): Record {
  return new Record(record.keyId, record.key, record, record.value, record.expireAtMs, record.ev);
}

/** About how many bytes so many records have, as records of this table go. For whoever watches the progress. */
function bytesOf(table: KvTable, count: number): number {
  const { keys, tombstones, bytes } = table.stats();
  return keys + tombstones === 0 ? 0 : Math.round((bytes * count) / (keys + tombstones));
}
