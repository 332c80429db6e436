/**
 * The key-value table: what a node stores, as everyone else in it sees it.
 *
 * Merging is the only way in. It keeps the newer record, so that any order and any repetition of
 * writes, transfers and repairs ends in the same table, and it refuses nothing: what arrives may
 * be acknowledged data. Limits are asked about before a write is minted ({@link KvTable.hasRoomFor}),
 * where a refusal is still definite. The interface is synchronous, because a coordinator must mint
 * and merge without anyone in between.
 */
import type { Id, KeyId } from '../chord/id';
import type { Range } from '../chord/range';
import type { BinaryString, Octets } from '../octets';
import type { VersionWords } from '../replication/version';
import type { Digest } from './digest';
import type { RangeDigest, ScrubSlice } from './digest-trie';
import type { Record } from './record';
import type { StoredRecord } from './stored-record';

/** What a merge did: the key was new, its record was the older one, or it was at least as new. */
export type Merged = 'inserted' | 'replaced' | 'kept';

/** What is in a table. */
export type TableStats = {
  /** Values, expired ones included until they are purged. */
  readonly keys: number;
  /** The bytes of these values and of their keys. */
  readonly bytes: number;
  readonly tombstones: number;
  /** An estimate of the memory that values, tombstones and their index take. */
  readonly memoryBytes: number;
  /** How often a merge met two different records of one version. More than 0 is a fault somewhere. */
  readonly collisions: number;
  /** How many wrong digests scrubbing has put right. More than 0 is a fault here. */
  readonly mismatches: number;
};

/** How large a slice of a walk may be. The first record is always taken, however large. */
export type WalkLimits = { readonly recordsMax: number; readonly bytesMax: number };

/** A slice of a range in ring order, and where the next begins; `after` undefined: this was the last. */
export type WalkSlice = { readonly records: readonly StoredRecord[]; readonly after: Id | undefined };

/** Which of the dead to forget. */
export type Purge = {
  readonly olderThanMs: number;
  readonly mayGo: (record: StoredRecord) => boolean;
  /** About how many of the dead to look at before the slice ends. */
  readonly looksMax: number;
  /** Where the last slice ended; undefined: at the oldest. */
  readonly from?: number | undefined;
};

/** How many were forgotten, and where to go on; `next` undefined: all that are old enough have been looked at. */
export type Purged = { readonly count: number; readonly next: number | undefined };

/**
 * A table of records by key and by ring order. No call waits, and none fails but by a broken
 * invariant. The records that it gives out are its own, and overwritten by newer ones: use them
 * within the turn, or copy them. Those that it is given it copies.
 */
export interface KvTable {
  /** The record of a key, a tombstone or expired one too. */
  get(key: BinaryString): StoredRecord | undefined;

  /** The record of a key as clients see it: undefined where it is deleted or expired. */
  read(key: BinaryString, nowMs: number): StoredRecord | undefined;

  /** The records of the keys with this identifier: one, or none, unless somebody has found two keys with one SHA-1. */
  recordsAt(id: KeyId): readonly StoredRecord[];

  /**
   * Keeps the newer of this record and the one stored. Commutative, associative, idempotent.
   * Where `get` knows the key, build the record with the `key` and `keyId` found there: it
   * saves hashing. Handing on as `current` what `get` has just answered saves looking it up.
   */
  merge(record: Record, current?: StoredRecord): Merged;

  /**
   * What `merge` does where a value takes the place of another, neither expires, the new one is not
   * written in eventual mode, and `version` has been minted above the old one's: no record need be
   * built for it then. `current` is what `get` has just answered, and all of that is the caller's to see to.
   */
  replaceValue(current: StoredRecord, version: VersionWords, value: Octets): void;

  /**
   * Whether the table may grow by this write (`value` undefined: by a tombstone). What frees
   * memory always has room. To be asked before minting; merging does not ask. `current` as in `merge`.
   */
  hasRoomFor(key: BinaryString, value: Octets | undefined, current?: StoredRecord): boolean;

  stats(): TableStats;

  /** The digest of all records in a range, tombstones and expired values included. */
  digest(range: Range): Digest;

  /** The same for each of sixteen parts of the range, cut as `splitRange` does. */
  digestParts(range: Range): readonly RangeDigest[];

  /**
   * The next records of a range in ring order, from behind `after` on (undefined, or outside the
   * range: from its start). Between two slices the table may change: what is there from
   * the first slice to the last is seen, what comes or goes meanwhile may be.
   */
  walk(range: Range, after: Id | undefined, limits: WalkLimits): WalkSlice;

  /**
   * Forgets tombstones and expired values that have been dead since before `olderThanMs` (Unix ms) and of which
   * `mayGo` says so, a slice at a time. Only what every holder of the key has may go: older copies come back else.
   */
  purgeTombstones(purge: Purge): Purged;

  /**
   * Drops up to `countMax` records of a range without a trace, and tells how many; fewer than
   * `countMax` means all. For copies that this node no longer has to hold, never for a deletion.
   */
  dropRange(range: Range, countMax: number): number;

  /** Drops the record of one key without a trace, where it has this version still, and tells whether it did. As {@link dropRange}. */
  forget(key: BinaryString, version: VersionWords): boolean;

  /** Checks digests against the records, a slice of about `recordsMax` at a time, and corrects them. */
  scrub(after: Id | undefined, recordsMax: number): ScrubSlice;
}
