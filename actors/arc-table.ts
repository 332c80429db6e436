/**
 * Arc table: the row in which handoff publishes what a node owns, and what it does with an arc of the
 * key-value table. No process, only its hands.
 */
import type { Id } from '../src/chord/id';
import type { Range } from '../src/chord/range';
import { ets } from '../src/otp';
import type { SyncAnswer } from '../src/protocol/rpc-sync';
import type { ArcDigest, Ownership } from '../src/replication/ownership';
import { DROP_SLICE, type OwnershipEffect } from '../src/replication/ownership-protocol';
import { digestsEqual } from '../src/store/digest';
import type { KvTable } from '../src/store/kv-table';
import type { Target } from '../src/store/local-write';
import { Record } from '../src/store/record';
import { unreachable } from '../src/unreachable';

// API

/** What this node owns, and when the owner of that knowledge last looked at the clock (monotonic). */
export interface ArcsRow {
  readonly id: 'arcs';
  readonly ownership: Ownership;
  readonly beatMs: number;
}

export const TABLE = ets.tableName<ArcsRow, 'id'>('arcs');

/** Most records that travel together. */
export const CHUNK_RECORDS_MAX = 256;

/** Most stray records that are on their way at a time. */
export const STRAYS_MAX = 64;

/** A part of an arc, and behind which key it goes on; undefined: that was all. */
export interface Slice {
  readonly records: readonly Record[];
  readonly after: Id | undefined;
}

type TableAnswer = Extract<
  OwnershipEffect,
  { type: 'answer_opened' | 'answer_chunk' | 'answer_sealed' | 'answer_granted' }
>;

/** Copies of the next records of an arc: they leave in a later turn, when the table's own may say something else. */
export function sliceOf(
  table: KvTable,
  arc: Range,
  after: Id | undefined,
  recordsMax = CHUNK_RECORDS_MAX,
  bytesMax = CHUNK_BYTES,
): Slice {
  const slice = table.walk(arc, after, { recordsMax, bytesMax });
  const copy = (each: Record) => new Record(each.keyId, each.key, each, each.value, each.expireAtMs, each.ev);
  return { records: slice.records.map(copy), after: slice.after };
}

/** Whether the table has in the arc what a digest stands for. */
export function isEqual(table: KvTable, arc: Range, digest: ArcDigest): boolean {
  return digestsEqual(table.digest(arc), digest);
}

/** Drops a slice of an arc, and says whether that was all. */
export function drop(table: KvTable, arc: Range): boolean {
  return table.dropRange(arc, DROP_SLICE) < DROP_SLICE;
}

/** The answers that the table and the clock are needed for. */
export function answerFrom({ table, clock }: Target, effect: TableAnswer): SyncAnswer {
  switch (effect.type) {
    case 'answer_opened': {
      const { session, arc, epoch } = effect;
      const { count } = table.digest(arc);
      return { type: 'opened', session, arc, epoch, count, bytes: bytesOf(table, count) };
    }
    case 'answer_chunk': {
      const bytesMax = Math.min(effect.bytesMax, CHUNK_BYTES);
      return { type: 'chunk', ...sliceOf(table, effect.arc, effect.after, CHUNK_RECORDS_MAX, bytesMax) };
    }
    case 'answer_sealed':
      return { type: 'sealed', digest: table.digest(effect.arc) };
    case 'answer_granted': {
      const { session, arc, epoch } = effect;
      return { type: 'granted', session, arc, epoch, clock: clock.latest };
    }
    default:
      return unreachable(effect);
  }
}

// Internal

const CHUNK_BYTES = 256 * 1024;

/** About how many bytes so many records have, as records of this table go. For whoever watches the progress. */
function bytesOf(table: KvTable, count: number): number {
  const { keys, tombstones, bytes } = table.stats();
  return keys + tombstones === 0 ? 0 : Math.round((bytes * count) / (keys + tombstones));
}
