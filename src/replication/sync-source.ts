/**
 * Sync source: what a replica answers to those who fetch an arc from it, compare it, or mend it.
 *
 * Nothing is remembered between two questions. Each is checked against the views that this node has at
 * that moment, so that a source which is no longer one says so at the next question, and the answer is
 * made of the table as it is then: what is written meanwhile goes to members and newcomers anyway.
 */
import type { Id } from '../chord/id';
import type { Peer } from '../chord/peer';
import { inRange, type Range, splitRange, withoutRange } from '../chord/range';
import {
  CHUNK_BYTES,
  CHUNK_RECORDS_MAX,
  type Compared,
  type CompareRanges,
  type Fetch,
  type Fetched,
  ITEMS_MAX,
  PARTS,
  type Push,
  type SyncAnswersTo,
  type SyncChunk,
  type SyncNext,
} from '../protocol/rpc-sync';
import { recordsBytes } from '../protocol/rpc-sync-bytes';
import { digestsEqual } from '../store/digest';
import type { RangeDigest } from '../store/digest-trie';
import type { KvTable } from '../store/kv-table';
import type { Target } from '../store/local-write';
import { Record } from '../store/record';
import { unreachable } from '../unreachable';
import type { HybridClock } from './hybrid-clock';
import { holdingAt, votesUnder } from './holding';
import { compareTimes } from './version';
import { isFresh } from './view';
import { mayFetch, type Views } from './views';

/** What a source is asked. */
export type SourceQuestion = SyncNext | CompareRanges | Fetch | Push;

/** What it answers. */
export type SourceAnswer = SyncAnswersTo[SourceQuestion['type']];

/**
 * Answers one question, from the tables as they are now.
 *
 * @param systemMs the time of day
 * @param isForgotten whether a record of a key of which nothing is here may be older than its deletion. @default never
 */
export function answerSync(
  views: Views,
  target: Target,
  question: SourceQuestion,
  from: Peer,
  systemMs: number,
  isForgotten: (record: Record) => boolean = () => false,
): SourceAnswer {
  const { arc, epoch } = question;
  const leave = mayFetch(views, arc, epoch, from);
  if (leave !== 'yes' && !isOfExMember(views, question)) return { type: 'stale', view: leave.view };
  const { table } = target;
  switch (question.type) {
    case 'sync_next':
      return offered(views, chunkOf(table, arc, question.after, Math.min(question.bytesMax, CHUNK_BYTES)));
    case 'ranges':
      if (!question.ranges.every(({ range }) => isWithin(range, arc))) return { type: 'stale' };
      return { type: 'compared', ranges: question.ranges.map((each) => compareRange(table, each)) };
    case 'fetch':
      return offered(views, recordsOf(table, question, CHUNK_BYTES));
    case 'push': {
      observeAll(target.clock, question.records, systemMs);
      // What lies outside was sent under some other view, or by mistake: nobody has said that it may come in. And
      // whoever was away may have missed a deletion that has been forgotten since; only the primary cannot have been.
      const isTooOld = (record: Record) =>
        table.get(record.key) === undefined && !isLedBy(views, record, from) && isForgotten(record);
      for (const record of question.records) {
        if (inRange(record.keyId, arc) && !isTooOld(record)) table.merge(record);
      }
      return { type: 'pushed' };
    }
    default:
      return unreachable(question);
  }
}

/**
 * Whether a question is one of those that a node may ask as well which keeps the arc no longer, before it drops what it has:
 * whether voters of the view have the same, and that they keep what was written in eventual mode.
 */
function isOfExMember({ holdings }: Views, question: SourceQuestion): boolean {
  if (!votesUnder(holdings, question)) return false;
  if (question.type === 'push') return question.records.every(({ ev }) => ev);
  // Only members are told up to when all agree.
  return question.type === 'ranges' && question.horizonMs === 0;
}

/** Whether this node takes its view of a record's arc from somebody: he knows everything that was agreed upon before. */
export function isLedBy({ holdings }: Pick<Views, 'holdings'>, { keyId }: Record, { id }: Peer): boolean {
  return holdingAt(holdings, keyId)?.view?.primary === id;
}

/**
 * Whether a record may be given to whoever saves what there is of an arc. A learner that has not compared what it has with
 * the primary cannot tell what is a leftover of earlier times; what was written under its view is none, and nothing
 * else has been counted as stored here.
 */
export function isOffered({ holdings }: Pick<Views, 'holdings'>, record: Record): boolean {
  const { role, view, isChecked } = holdingAt(holdings, record.keyId) ?? {};
  return role !== 'learner' || isChecked === true || view === undefined || isFresh(record, view.floor);
}

function offered<Answer extends SyncChunk | Fetched>(views: Views, answer: Answer): Answer {
  const mayLack = views.holdings.some(({ role, isChecked }) => role === 'learner' && isChecked !== true);
  return mayLack ? { ...answer, records: answer.records.filter((record) => isOffered(views, record)) } : answer;
}

/**
 * Lets the clock see records that are about to be taken in. Whoever makes a view asks for the clocks of those who have the
 * records, so as to write nothing that is older: each must be later than all that its node has.
 */
export function observeAll(clock: HybridClock, records: readonly Record[], systemMs: number): void {
  for (const record of records) if (compareTimes(record, clock.latest) > 0) clock.observe(record.version, systemMs);
}

/** Copies of the next records of an arc: they leave in a later turn, when the table's own may say something else. */
export function chunkOf(table: KvTable, arc: Range, after: Id | undefined, bytesMax: number): SyncChunk {
  const slice = table.walk(arc, after, { recordsMax: CHUNK_RECORDS_MAX, bytesMax });
  return { type: 'chunk', records: slice.records.map(copyOf), after: slice.after };
}

/** A copy of a table's record, to be sent. */
export function copyOf({ keyId, key, version, value, expireAtMs, ev }: Record): Record {
  return new Record(keyId, key, version, value, expireAtMs, ev);
}

/** About how many bytes so many records have, as records of this table go. For whoever watches the progress. */
export function bytesOf(table: KvTable, count: number): number {
  const { keys, tombstones, bytes } = table.stats();
  return keys + tombstones === 0 ? 0 : Math.round((bytes * count) / (keys + tombstones));
}

function compareRange(table: KvTable, { range, digest }: RangeDigest): Compared {
  const own = table.digest(range);
  if (digestsEqual(own, digest)) return undefined;
  if (Math.max(own.count, digest.count) > ITEMS_MAX && splitRange(range, PARTS).length > 1) {
    return { type: 'split', digests: table.digestParts(range).map((part) => part.digest) };
  }
  const { records } = table.walk(range, undefined, { recordsMax: ITEMS_MAX, bytesMax: Number.POSITIVE_INFINITY });
  return { type: 'items', items: records.map(({ keyId: id, version }) => ({ id, version })) };
}

function recordsOf(table: KvTable, { ids, arc }: Fetch, bytesMax: number): Fetched {
  const records: Record[] = [];
  let bytes = 0;
  for (const [at, id] of ids.entries()) {
    const found = inRange(id, arc) ? table.recordsAt(id) : [];
    bytes += recordsBytes(found);
    // The first always goes, however large it is.
    if (bytes > bytesMax && records.length > 0) return { type: 'records', records, left: ids.length - at };
    records.push(...found.map(copyOf));
  }
  return { type: 'records', records, left: 0 };
}

/** Whether all of a range lies in an arc. */
function isWithin(range: Range, arc: Range): boolean {
  return withoutRange(range, arc).length === 0;
}
