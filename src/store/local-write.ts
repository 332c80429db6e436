/**
 * Local writes: how a coordinator puts a client's write into its own table.
 *
 * Mint a version above what the key has, merge, hand back the record for the other holders: one
 * synchronous step, so that no other write of the key can come between. Limits
 * ({@link KvTable.hasRoomFor}) and quorums are the coordinator's affair, and come first.
 */
import { keyId } from '../chord/id';
import type { BinaryString, Octets } from '../octets';
import type { ClockSkew, HybridClock } from '../replication/hybrid-clock';
import { ABSENT } from '../replication/version';
import { ok, type Result } from '../result';
import type { KvTable } from './kv-table';
import { Record } from './record';
import type { StoredRecord } from './stored-record';

/** Where a write goes and what orders it. */
export type Target = { readonly table: KvTable; readonly clock: HybridClock };

/** A client's put. */
export type Put = {
  readonly key: BinaryString;
  readonly value: Octets;
  /** Unix milliseconds; undefined: never. */
  readonly expireAtMs: number | undefined;
  /** Written in eventual mode. */
  readonly ev: boolean;
};

/** A client's delete. */
export type Delete = {
  readonly key: BinaryString;
  /** Written in eventual mode. */
  readonly ev: boolean;
  /**
   * Whether no other node holds this key, or can: then the delete of an absent key leaves no
   * tombstone. With other holders it must, for one of them may have what this node lacks.
   */
  readonly isSoleHolder: boolean;
};

/**
 * Stores a value. Fails only where the clock does, and then nothing has changed.
 *
 * @param current what the table has just answered for the key, to save looking it up again
 */
export function putLocally(
  target: Target,
  put: Put,
  nowMs: number,
  current = target.table.get(put.key),
): Result<Record, ClockSkew> {
  return write(target, current, put.key, put.value, put.expireAtMs, put.ev, nowMs);
}

/**
 * {@link putLocally} in its commonest form, a value in the place of another and neither of them expiring,
 * for a node that has nobody to hand a record on to. It builds none, and takes half the time.
 *
 * @param current what the table has just answered for the key
 * @returns false where it is not that form, or the clock fails: nothing has changed then
 */
export function overwriteLocally(
  { table, clock }: Target,
  current: StoredRecord,
  value: Octets,
  nowMs: number,
): boolean {
  if (current.value === undefined || current.expireAtMs !== undefined) return false;
  const minted = clock.mint(current, nowMs);
  if (minted.ok) table.replaceValue(current, minted.value, value);
  return minted.ok;
}

/** Stores a tombstone; the value is undefined where there was nothing to delete and none was needed. */
export function deleteLocally(target: Target, del: Delete, nowMs: number): Result<Record | undefined, ClockSkew> {
  const current = target.table.get(del.key);
  if (del.isSoleHolder && current?.value === undefined) return ok(undefined);
  return write(target, current, del.key, undefined, undefined, del.ev, nowMs);
}

function write(
  { table, clock }: Target,
  current: StoredRecord | undefined,
  key: BinaryString,
  value: Octets | undefined,
  expireAtMs: number | undefined,
  ev: boolean,
  nowMs: number,
): Result<Record, ClockSkew> {
  const minted = clock.mint(current ?? ABSENT, nowMs);
  if (!minted.ok) return minted;
  // Hashing a key costs more than all the rest of a write: a known key brings its identifier along.
  const record = new Record(current?.keyId ?? keyId(key), current?.key ?? key, minted.value, value, expireAtMs, ev);
  table.merge(record, current);
  return ok(record);
}
