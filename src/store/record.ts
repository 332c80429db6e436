/**
 * Records: what the store keeps for a key, a value or the memory of a deletion.
 *
 * A record never changes once built, so that it may wait in a queue to a peer while a newer one
 * takes its place; only a table's own copies do (stored-record.ts). Of two records of a key the
 * newer wins, on every node and in whatever order they arrive ("last writer wins", Dynamo section
 * 4.4; a deletion is a write like any other).
 * One class with the same fields in the same order, because millions of them are alive.
 */
import { hashOf, type KeyId } from '../chord/id';
import type { BinaryString, Octets } from '../octets';
import { compareVersions, msOf, Version, type VersionWords, type Writer } from '../replication/version';

/** A value or a tombstone of one key in one version. Immutable. */
export class Record implements VersionWords {
  /** The version's words, held here: a version object of its own would cost every record half as much again. */
  readonly word0: number;
  readonly word1: number;
  readonly writer: Writer;

  constructor(
    /** SHA-1 of `key`, kept because every structure but the table's own is ordered by it. */
    readonly keyId: KeyId,
    readonly key: BinaryString,
    version: VersionWords,
    /** Undefined in a tombstone. The empty value is a value. */
    readonly value: Octets | undefined,
    /** Unix milliseconds from which on the value reads as absent; undefined: never. */
    readonly expireAtMs: number | undefined,
    /** Whether it was written in eventual mode, without waiting for a quorum. */
    readonly ev: boolean,
  ) {
    this.word0 = version.word0;
    this.word1 = version.word1;
    this.writer = version.writer;
  }

  /** What orders the records of a key; built anew at each call. */
  get version(): Version {
    return new Version(this.word0, this.word1, this.writer);
  }

  get kind(): 'value' | 'tombstone' {
    return this.value === undefined ? 'tombstone' : 'value';
  }
}

/** Whether a client sees a value here: it is no tombstone and has not expired. */
export function isLive(record: Record, nowMs: number): boolean {
  return record.value !== undefined && (record.expireAtMs === undefined || nowMs < record.expireAtMs);
}

/**
 * Since when, in Unix milliseconds, the record has read (or will read) as absent: when it was
 * deleted, or when it expires, but never before it was written; undefined for a value that stays.
 * It depends on the record alone, so that all its holders purge by the same rule.
 */
export function deadSinceMs(record: Record): number | undefined {
  if (record.value === undefined) return msOf(record);
  return record.expireAtMs === undefined ? undefined : Math.max(record.expireAtMs, msOf(record));
}

/** The bytes that a client stored: key and value; a tombstone counts its key. */
export function dataBytes(record: Record): number {
  return record.key.length + (record.value?.length ?? 0);
}

/** Of two records of one key the one to keep. Commutative, associative, idempotent. */
export function newer(a: Record, b: Record): Record {
  return compareRecords(a, b) >= 0 ? a : b;
}

/**
 * The order behind {@link newer}: by version. Two records of one version but with different
 * contents should not exist; where they do, the tombstone is the larger, then the value with the
 * larger SHA-1, then the one that lives longer, then the one a quorum wrote. 0: no difference.
 */
export function compareRecords(a: Record, b: Record): number {
  return compareVersions(a, b) || compareContents(a, b);
}

function compareContents(a: Record, b: Record): number {
  return (
    compareValues(a.value, b.value) ||
    compare(a.expireAtMs ?? Infinity, b.expireAtMs ?? Infinity) ||
    compare(Number(b.ev), Number(a.ev))
  );
}

function compareValues(a: Octets | undefined, b: Octets | undefined): number {
  if (a === b) return 0;
  if (a === undefined || b === undefined) return a === undefined ? 1 : -1;
  return compare(hashOf(a), hashOf(b));
}

function compare<T extends string | number>(a: T, b: T): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
