/**
 * RPC sync: how the records of an arc are fetched, compared and repaired between its replicas.
 *
 *   request      body                                           response
 *   sync_open    [arc, epoch, purpose]                          ["opened", floor: version, digest, bytes, [horizon, ...]] | busy | stale
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
import { HORIZONS_MAX, type Horizons } from '../replication/horizons';
import type { Version, Writers } from '../replication/version';
import type { Digest } from '../store/digest';
import type { RangeDigest } from '../store/digest-trie';
import type { Record } from '../store/record';
import { unreachable } from '../unreachable';
import {
  arcIn,
  arcValue,
  countIn,
  digestIn,
  digestValue,
  epochIn,
  epochValue,
  horizonIn,
  horizonValue,
  idBytes,
  idIn,
  listIn,
  type Place,
  type Places,
  placesIn,
  recordsIn,
  recordValue,
  versionIn,
  versionValue,
} from './rpc-parts';
import type { RpcValue } from './rpc-values';
import { type Stale, staleBody, staleIn } from './rpc-views';

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
  /** Up to when all who keep it have the same: whoever begins to keep it must not bring back what is older. */
  readonly horizons: Horizons;
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

// Questions

/** The body of such a question. */
export function syncQuestionBody(question: SyncQuestion): RpcValue {
  const [arc, epoch] = [arcValue(question.arc), epochValue(question.epoch)];
  switch (question.type) {
    case 'sync_open':
      return [arc, epoch, question.purpose];
    case 'sync_ready':
      return [arc, epoch];
    case 'sync_next':
      return [arc, epoch, idValue(question.after), question.bytesMax];
    case 'ranges':
      return [arc, epoch, question.horizonMs, question.ranges.map((each) => rangeValue(each, question.arc))];
    case 'fetch':
      return [arc, epoch, question.ids.map(idBytes)];
    case 'push':
      return [arc, epoch, question.records.map(recordValue)];
    default:
      return unreachable(question);
  }
}

/** The question that a body holds; undefined where it holds none of this type. */
export function syncQuestionIn(type: SyncQuestion['type'], body: RpcValue, writers: Writers): SyncQuestion | undefined {
  const [first, second, ...rest] = placesIn(body) ?? [];
  const arc = arcIn(first);
  const epoch = epochIn(second);
  return arc && epoch && underView(type, { arc, epoch }, rest, writers);
}

function underView(
  type: SyncQuestion['type'],
  view: UnderView,
  [first, second]: Places,
  writers: Writers,
): SyncQuestion | undefined {
  switch (type) {
    case 'sync_open':
      return first === 'listen' || first === 'learn' || first === 'rescue'
        ? { type, ...view, purpose: first }
        : undefined;
    case 'sync_ready':
      return { type, ...view };
    case 'sync_next': {
      const bytesMax = countIn(second);
      if (bytesMax === undefined) return undefined;
      if (first === null) return { type, ...view, bytesMax };
      const after = idIn(first);
      return after === undefined ? undefined : { type, ...view, after, bytesMax };
    }
    case 'ranges': {
      const horizonMs = countIn(first);
      const ranges = listIn(second, RANGES_MAX, (each) => rangeIn(each, view.arc));
      return horizonMs === undefined || !ranges || ranges.length === 0
        ? undefined
        : { type, ...view, horizonMs, ranges };
    }
    case 'fetch': {
      const ids = listIn(first, FETCH_MAX, keyIdIn);
      return ids && { type, ...view, ids };
    }
    case 'push': {
      const records = recordsIn(first, writers);
      return records && { type, ...view, records };
    }
    default:
      return unreachable(type);
  }
}

// Answers

/** The body of such an answer. */
export function syncAnswerBody(answer: SyncAnswer): RpcValue {
  switch (answer.type) {
    case 'opened': {
      const { type, floor, digest, bytes, horizons } = answer;
      return [type, versionValue(floor), digestValue(digest), bytes, horizons.map(horizonValue)];
    }
    case 'chunk':
      return [answer.type, answer.records.map(recordValue), idValue(answer.after)];
    case 'compared':
      return [answer.type, answer.ranges.map(comparedValue)];
    case 'records':
      return [answer.type, answer.records.map(recordValue), answer.left];
    case 'stale':
      return staleBody(answer);
    case 'noted':
    case 'pushed':
    case 'busy':
      return [answer.type];
    default:
      return unreachable(answer);
  }
}

/** How the places of a body become one of the answers that such a question can have. */
export const SYNC_ANSWERS: {
  readonly [Method in keyof SyncAnswersTo]: (
    type: Place,
    places: Places,
    writers: Writers,
  ) => SyncAnswersTo[Method] | undefined;
} = {
  sync_open: (type, places, writers) =>
    type === 'opened' ? openedIn(places, writers) : declined(type, places, writers),
  sync_ready(type, places, writers) {
    if (type === 'noted') return { type };
    return type === 'stale' ? staleIn(places, writers) : undefined;
  },
  sync_next: (type, places, writers) => (type === 'chunk' ? chunkIn(places, writers) : declined(type, places, writers)),
  ranges: (type, places, writers) =>
    type === 'compared' ? rangesComparedIn(places, writers) : declined(type, places, writers),
  fetch: (type, places, writers) => (type === 'records' ? fetchedIn(places, writers) : declined(type, places, writers)),
  push: (type, places, writers) => (type === 'pushed' ? { type } : declined(type, places, writers)),
};

function declined(type: Place, places: Places, writers: Writers): Busy | Stale | undefined {
  if (type === 'busy') return { type };
  return type === 'stale' ? staleIn(places, writers) : undefined;
}

function openedIn([first, second, third, fourth]: Places, writers: Writers): SyncOpened | undefined {
  const floor = versionIn(first, writers);
  const digest = digestIn(second);
  const [bytes, horizons] = [countIn(third), listIn(fourth, HORIZONS_MAX, horizonIn)];
  if (bytes === undefined || horizons === undefined) return undefined;
  return floor && digest && { type: 'opened', floor, digest, bytes, horizons };
}

function chunkIn([first, second]: Places, writers: Writers): SyncChunk | undefined {
  const records = recordsIn(first, writers);
  if (records === undefined) return undefined;
  if (second === null) return { type: 'chunk', records };
  const after = idIn(second);
  return after === undefined ? undefined : { type: 'chunk', records, after };
}

function rangesComparedIn([first]: Places, writers: Writers): RangesCompared | undefined {
  // An equal range is undefined, and so would be one that cannot be read: hence the box.
  const boxes = listIn(first, RANGES_MAX, (each) => comparedIn(each, writers));
  return boxes && { type: 'compared', ranges: boxes.map(({ compared }) => compared) };
}

function fetchedIn([first, second]: Places, writers: Writers): Fetched | undefined {
  const records = recordsIn(first, writers);
  const left = countIn(second);
  return records === undefined || left === undefined ? undefined : { type: 'records', records, left };
}

// Parts

function idValue(id: Id | undefined): RpcValue {
  return id === undefined ? null : idBytes(id);
}

function rangeValue({ range, digest }: RangeDigest, arc: Range): RpcValue {
  const isWhole = range.lo === arc.lo && range.hi === arc.hi;
  return [isWhole ? null : arcValue(range), digestValue(digest)];
}

function rangeIn(value: Place, arc: Range): RangeDigest | undefined {
  const [first, second] = placesIn(value) ?? [];
  const range = first === null ? arc : arcIn(first);
  const digest = digestIn(second);
  return range && digest && { range, digest };
}

function comparedValue(compared: Compared): RpcValue {
  if (compared === undefined) return null;
  return compared.type === 'split'
    ? [compared.type, compared.digests.map(digestValue)]
    : [compared.type, compared.items.map(({ id, version }) => [idBytes(id), versionValue(version)])];
}

function comparedIn(value: Place, writers: Writers): { readonly compared: Compared } | undefined {
  if (value === null) return { compared: undefined };
  const [type, second] = placesIn(value) ?? [];
  switch (type) {
    case 'split': {
      const digests = listIn(second, PARTS, digestIn);
      return digests && { compared: { type, digests } };
    }
    case 'items': {
      const items = listIn(second, ITEMS_MAX, (each) => itemIn(each, writers));
      return items && { compared: { type, items } };
    }
    default:
      return undefined;
  }
}

function itemIn(value: Place, writers: Writers): Item | undefined {
  const [first, second] = placesIn(value) ?? [];
  const id = keyIdIn(first);
  const version = versionIn(second, writers);
  return id && version && { id, version };
}

function keyIdIn(value: Place): KeyId | undefined {
  const id = idIn(value);
  // Which points are keys nobody can tell: what is asked about one that is none is not found.
  return id as KeyId | undefined;
}
