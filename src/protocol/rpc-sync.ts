/**
 * RPC sync: how the records of an arc are fetched, compared and repaired between its replicas.
 *
 *   request      body                                           response
 *   sync_open    [arc, epoch, purpose]                          ["opened", floor: version, digest, bytes, horizonMs] | busy | stale
 *   sync_ready   [arc, epoch]                                   ["noted"] | stale
 *   sync_next    [arc, epoch, after: id | nil, bytesMax]        ["chunk", records, after: id | nil] | busy | stale
 *   ranges       [arc, epoch, horizonMs, [[range, digest], ..]] ["compared", [compared, ...]] | busy | stale
 *   fetch        [arc, epoch, [id, ...]]                        ["records", records, left] | busy | stale
 *   push         [arc, epoch, records]                          ["pushed"] | busy | stale
 *
 *   purpose      "listen" | "learn" | "rescue"
 *   range        arc | nil, nil for the whole arc of the question
 *   compared     nil | ["split", [digest, ...]] | ["items", [[id, version], ...]]
 *   busy         ["busy"]
 *   stale        ["stale", view | nil], see rpc-views.ts
 *
 * Whoever is asked remembers nothing: each question names the arc and the epoch under which it is asked,
 * and a cursor is a key's identifier. So any of these may be asked again, and any replica may go on
 * where another has stopped.
 */
import type { Id, KeyId } from '../chord/id';
import type { Range } from '../chord/range';
import type { Epoch } from '../replication/epoch';
import type { Version } from '../replication/version';
import type { Digest } from '../store/digest';
import type { RangeDigest } from '../store/digest-trie';
import type { Record } from '../store/record';
import type { Stale } from './rpc-views';

/** Which part of a view a question is asked under. */
export interface UnderView {
  readonly arc: Range;
  readonly epoch: Epoch;
}

/** I begin to fetch this: as a newcomer, as a member that wants to vote, or to save what is left before a view is made. */
export interface SyncOpen extends UnderView {
  readonly type: 'sync_open';
  readonly purpose: SyncPurpose;
}

/** What somebody fetches for. */
export type SyncPurpose = 'listen' | 'learn' | 'rescue';

/** I have what you have: make me a member. */
export interface SyncReady extends UnderView {
  readonly type: 'sync_ready';
}

/** Give me more, from behind this key on, no more than so many bytes unless a single record has. */
export interface SyncNext extends UnderView {
  readonly type: 'sync_next';
  /** Undefined: from the beginning. */
  readonly after?: Id | undefined;
  readonly bytesMax: number;
}

/** That is what I have: is it what you have? */
export interface CompareRanges extends UnderView {
  readonly type: 'ranges';
  /** Tombstones of this time or before are forgotten by both before they compare; 0: none. */
  readonly horizonMs: number;
  /** Parts of the arc, 1 to {@link RANGES_MAX}. */
  readonly ranges: readonly RangeDigest[];
}

/** Give me the records of these keys. */
export interface Fetch extends UnderView {
  readonly type: 'fetch';
  readonly ids: readonly KeyId[];
}

/** Keep these too, unless you have newer ones. */
export interface Push extends UnderView {
  readonly type: 'push';
  readonly records: readonly Record[];
}

/** What replicas ask each other about the records of an arc. */
export type SyncQuestion = SyncOpen | SyncReady | SyncNext | CompareRanges | Fetch | Push;

/** Go on: this is what there is to fetch. */
export interface SyncOpened {
  readonly type: 'opened';
  /** The clock of the one that was asked, with its writer: what it writes from now on is later. */
  readonly floor: Version;
  readonly digest: Digest;
  /** About how many bytes they are. */
  readonly bytes: number;
  readonly horizonMs: number;
}

/** A part of the arc, in the order of the keys' identifiers. */
export interface SyncChunk {
  readonly type: 'chunk';
  readonly records: readonly Record[];
  /** Behind which to go on; undefined: that was all. */
  readonly after?: Id | undefined;
}

/** What one has of a key, without the value. */
export interface Item {
  readonly id: KeyId;
  readonly version: Version;
}

/** How a range compares: equal (undefined); or the digests of its parts, cut as `splitRange` does; or all that is in it. */
export type Compared =
  | { readonly type: 'split'; readonly digests: readonly Digest[] }
  | { readonly type: 'items'; readonly items: readonly Item[] }
  | undefined;

/** How each of the ranges compares, in their order. */
export interface RangesCompared {
  readonly type: 'compared';
  readonly ranges: readonly Compared[];
}

/** What there is of these keys. */
export interface Fetched {
  readonly type: 'records';
  readonly records: readonly Record[];
  /** How many keys at the end of the question have not been looked at, since the answer would grow too long: ask again. */
  readonly left: number;
}

/** Too much is going on: ask again a little later. */
interface Busy {
  readonly type: 'busy';
}

/** Which answers a question about the records of an arc can have. */
export interface SyncAnswersTo {
  readonly sync_open: SyncOpened | Busy | Stale;
  readonly sync_ready: { readonly type: 'noted' } | Stale;
  readonly sync_next: SyncChunk | Busy | Stale;
  readonly ranges: RangesCompared | Busy | Stale;
  readonly fetch: Fetched | Busy | Stale;
  readonly push: { readonly type: 'pushed' } | Busy | Stale;
}

/** What such a question is answered with. */
export type SyncAnswer = SyncAnswersTo[SyncQuestion['type']];

/** Most ranges that one message compares. */
export const RANGES_MAX = 64;

/** Into how many parts a range is cut. */
export const PARTS = 16;

/** Ranges with no more records than this on either side are compared record by record. */
export const ITEMS_MAX = 64;

/** Most keys that are asked for at once. */
export const FETCH_MAX = 256;

/** About how many bytes of records travel in one message, unless a single record is longer. */
export const CHUNK_BYTES = 256 * 1024;

/** Most records of a chunk. */
export const CHUNK_RECORDS_MAX = 256;
