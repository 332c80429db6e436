/**
 * Sync job: fetches an arc from another node, and ends when all that was there has come.
 *
 * Where there is little here, or much more or less than there, everything is fetched in the order of the
 * keys; else, and afterwards, the two tables are compared and only what differs is fetched. Both can be
 * taken up again where they were interrupted, since the source remembers nothing and records only grow newer.
 *
 *   merge   The newer record of each key stays. One way through the arc is enough: it has seen whatever the
 *           source had when it began.
 *   adopt   The source is right: what is here and not there is a leftover of earlier times and goes, even
 *           if it is newer. But what the source itself has written since it made its view may have come on the
 *           direct way and stays, and so do writes in eventual mode, which no view orders, unless they are so old that
 *           the source may have forgotten a deletion that this node has missed. The tables are compared
 *           until nothing is found, at most {@link PASSES_MAX} times: under a steady stream of writes something always is.
 *
 * Immutable, but for the table.
 */
import type { Id, KeyId } from '../chord/id';
import { inRange } from '../chord/range';
import {
  CHUNK_BYTES,
  FETCH_MAX,
  type Fetched,
  type RangesCompared,
  type SyncAnswer,
  type SyncChunk,
  type SyncOpened,
  type SyncQuestion,
} from '../protocol/rpc-sync';
import { digestsEqual } from '../store/digest';
import type { KvTable } from '../store/kv-table';
import type { Target } from '../store/local-write';
import type { Record } from '../store/record';
import { unreachable } from '../unreachable';
import { askAgain, askNext, compareNext, type Difference, type Exchange, exchangeOf, isCompared } from './exchange';
import { credible, type Horizons, horizonsOf, isForgotten, NO_HORIZONS, withHorizons } from './horizons';
import { observeAll } from './sync-source';
import { compareVersions, type Version, type VersionWords } from './version';
import { isFresh } from './view';
import type { SyncJob, SyncOutcome } from './views-protocol';

/** A job under way. */
export interface JobState {
  readonly job: SyncJob;
  readonly stage: Stage;
  /** What the source has written since is later than this, and has its writer. */
  readonly floor: Version | undefined;
  /** What this node knew when it began may have been forgotten, and with what the source has added to that. */
  readonly own: Memory;
  readonly memory: Memory;
  /** How many records were dropped, or not taken in, because they are older than that. */
  readonly dropped: number;
  /** How many records have come, and how many the source had when it was opened. */
  readonly fetched: number;
  readonly total: number;
  /** How often in a row nothing has come of a question. */
  readonly failures: number;
  /** When something last has. */
  readonly progressAtMs: number;
  /** Since when the source has said nothing but that it is busy; undefined: it has not. */
  readonly busySinceMs: number | undefined;
}

/** Up to when replicas agree, and how much older than that a deletion must be to be forgotten: see horizons.ts. */
export interface Memory {
  readonly horizons: Horizons;
  readonly graceMs: number;
}

type Stage =
  | { readonly type: 'opening' }
  /** Fetching everything; undefined: from the beginning. */
  | { readonly type: 'walking'; readonly after: Id | undefined }
  | Comparing
  /** Telling the source that this node has everything. */
  | { readonly type: 'telling' };

interface Comparing {
  readonly type: 'comparing';
  readonly exchange: Exchange;
  /** To be fetched before more is compared. */
  readonly wanted: readonly KeyId[];
  /** Something was found in this pass. */
  readonly isChanged: boolean;
  /** Counted from 1. */
  readonly pass: number;
}

/** What happens to a job. */
export type JobEvent =
  | { readonly type: 'begun' }
  | { readonly type: 'answered'; readonly answer: SyncAnswer }
  /** `isLost`: the source is taken for dead. */
  | { readonly type: 'failed'; readonly isLost: boolean }
  /** The wait is over, or what was to be asked last was not. */
  | { readonly type: 'woken' };

/** What it wants: exactly one of these follows each event. */
export type JobEffect =
  | { readonly type: 'ask'; readonly question: SyncQuestion }
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'ended'; readonly outcome: SyncOutcome };

/** How often the tables are compared before the job is done anyway. */
export const PASSES_MAX = 3;

/** A job to which nothing has come for so long has failed. */
export const STALL_MS = 10_000;

/** How long a job waits for a busy source where no other has what it wants, and where others have it too. */
export const BUSY_MS_MAX = { adopt: 60_000, merge: 2000 };

const BUSY_WAIT_MS = 200;
const RETRY_WAIT_MS = 100;
const RETRY_WAIT_MS_MAX = 1600;
/** Counts that differ by more than this part of the larger one: comparing would find little that is equal. */
const BULK_DIFFERENCE = 0.2;

/** A job that has yet to begin. `memory`: what this node knows may have been forgotten. @default nothing, ever */
export function jobOf(job: SyncJob, nowMs: number, memory: Memory = NOTHING_FORGOTTEN): JobState {
  const begun = { dropped: 0, fetched: 0, total: 0, failures: 0, progressAtMs: nowMs, busySinceMs: undefined };
  const own = { ...memory, horizons: horizonsOf(memory.horizons, [job.arc]) };
  return { job, stage: { type: 'opening' }, floor: job.floor, own, memory: own, ...begun };
}

const NOTHING_FORGOTTEN: Memory = { horizons: NO_HORIZONS, graceMs: Number.POSITIVE_INFINITY };

/**
 * One event, and what follows from it. Records go straight into the table, and the clock sees them first.
 *
 * @param nowMs monotonic; `systemMs` is the time of day
 */
export function stepSync(
  state: JobState,
  event: JobEvent,
  { table, clock }: Target,
  { nowMs, systemMs }: { readonly nowMs: number; readonly systemMs: number },
): readonly [JobState, JobEffect] {
  switch (event.type) {
    case 'begun':
    case 'woken':
      return ask(unasked(state), table);
    case 'failed':
      return event.isLost ? ended(state, 'failed') : retry(state, nowMs);
    case 'answered': {
      const answer = believed(event.answer, systemMs + clock.maxDriftMs);
      if ('records' in answer) observeAll(clock, answer.records, systemMs);
      return answered(state, answer, table, nowMs);
    }
    default:
      return unreachable(event);
  }
}

// Asking

function ask(state: JobState, table: KvTable): readonly [JobState, JobEffect] {
  const { stage, job } = state;
  const { arc, epoch } = job;
  switch (stage.type) {
    case 'opening':
      return [state, { type: 'ask', question: { type: 'sync_open', arc, epoch, purpose: job.purpose } }];
    case 'walking': {
      const { after } = stage;
      return [state, { type: 'ask', question: { type: 'sync_next', arc, epoch, after, bytesMax: CHUNK_BYTES } }];
    }
    case 'comparing': {
      const ids = stage.wanted.slice(0, FETCH_MAX);
      if (ids.length > 0) return [state, { type: 'ask', question: { type: 'fetch', arc, epoch, ids } }];
      if (isCompared(stage.exchange)) return passed(state, stage, table);
      const [exchange, ranges] = askNext(stage.exchange, table);
      const question = { type: 'ranges', arc, epoch, horizonMs: 0, ranges } as const;
      return [
        { ...state, stage: { ...stage, exchange } },
        { type: 'ask', question },
      ];
    }
    case 'telling':
      return [state, { type: 'ask', question: { type: 'sync_ready', arc, epoch } }];
    default:
      return unreachable(stage);
  }
}

/** Everything has been compared once. */
function passed(state: JobState, { isChanged, pass }: Comparing, table: KvTable): readonly [JobState, JobEffect] {
  const isDone = !isChanged || pass >= PASSES_MAX || state.job.mode === 'merge';
  return isDone ? complete(state, table) : ask({ ...state, stage: comparing(state.job, pass + 1) }, table);
}

function comparing({ arc }: SyncJob, pass: number): Comparing {
  // However much differs, all of it is looked at: that is what the job is for.
  const exchange = exchangeOf([arc], Number.POSITIVE_INFINITY);
  return { type: 'comparing', exchange, wanted: [], isChanged: false, pass };
}

/** All that was there is here. */
function complete(state: JobState, table: KvTable): readonly [JobState, JobEffect] {
  return state.job.purpose === 'listen' ? ask({ ...state, stage: { type: 'telling' } }, table) : ended(state, 'done');
}

function ended(state: JobState, outcome: SyncOutcome): readonly [JobState, JobEffect] {
  return [state, { type: 'ended', outcome }];
}

/** Nothing has come of the question: asks it again a little later. */
function retry(before: JobState, nowMs: number): readonly [JobState, JobEffect] {
  const failures = before.failures + 1;
  const state = { ...before, failures };
  if (nowMs - state.progressAtMs >= STALL_MS) return ended(state, 'failed');
  return [state, { type: 'wait', ms: Math.min(RETRY_WAIT_MS_MAX, RETRY_WAIT_MS * 2 ** (failures - 1)) }];
}

/** The source lives, and has others to serve: that is nobody's failure, but does not go on for ever. */
function waitForTurn(before: JobState, nowMs: number): readonly [JobState, JobEffect] {
  const { busySinceMs = nowMs, job } = before;
  const state = { ...before, failures: 0, progressAtMs: nowMs, busySinceMs };
  if (nowMs - busySinceMs >= BUSY_MS_MAX[job.mode]) return ended(state, 'failed');
  return [state, { type: 'wait', ms: BUSY_WAIT_MS }];
}

/** Whatever was asked last counts as not asked. */
function unasked(state: JobState): JobState {
  const { stage } = state;
  return stage.type === 'comparing' ? { ...state, stage: { ...stage, exchange: askAgain(stage.exchange) } } : state;
}

// Answers

function answered(before: JobState, answer: SyncAnswer, table: KvTable, nowMs: number): readonly [JobState, JobEffect] {
  if (answer.type === 'stale') return ended(before, 'stale');
  if (answer.type === 'busy') return waitForTurn(before, nowMs);
  const state: JobState = { ...before, failures: 0, progressAtMs: nowMs, busySinceMs: undefined };
  const { stage } = state;
  switch (stage.type) {
    case 'opening':
      return answer.type === 'opened' ? opened(state, answer, table) : retry(before, nowMs);
    case 'walking':
      return answer.type === 'chunk' ? walked(state, answer, table) : retry(before, nowMs);
    case 'comparing': {
      if (answer.type === 'compared' && stage.wanted.length === 0) return compared(state, stage, answer, table);
      const isNews = answer.type === 'records' && answer.left < Math.min(stage.wanted.length, FETCH_MAX);
      return isNews ? fetched(state, stage, answer, table) : retry(before, nowMs);
    }
    case 'telling':
      return answer.type === 'noted' ? ended(state, 'done') : retry(before, nowMs);
    default:
      return unreachable(stage);
  }
}

/** The clock of the source may be wrong, or that of whoever has told it. */
function believed(answer: SyncAnswer, latestMs: number): SyncAnswer {
  return answer.type === 'opened' ? { ...answer, horizons: credible(answer.horizons, latestMs) } : answer;
}

function opened(
  before: JobState,
  { floor, digest, horizons }: SyncOpened,
  table: KvTable,
): readonly [JobState, JobEffect] {
  const { job, own: known } = before;
  const theirs = horizonsOf(horizons, [job.arc]);
  // Where the source is right, what it may have forgotten is all that matters.
  const memory = { ...known, horizons: job.mode === 'adopt' ? theirs : withHorizons(known.horizons, theirs) };
  const state: JobState = { ...before, floor: before.floor ?? floor, total: digest.count, memory };
  const own = table.digest(job.arc);
  if (digestsEqual(own, digest)) return complete(state, table);
  const isUnlike = Math.abs(own.count - digest.count) > BULK_DIFFERENCE * Math.max(own.count, digest.count);
  const isBulk = own.count === 0 || isUnlike;
  return ask({ ...state, stage: isBulk ? { type: 'walking', after: undefined } : comparing(job, 1) }, table);
}

function walked(before: JobState, { records, after }: SyncChunk, table: KvTable): readonly [JobState, JobEffect] {
  const state = keep(before, records, table);
  if (after !== undefined) return ask({ ...state, stage: { type: 'walking', after } }, table);
  const { job } = state;
  return job.mode === 'merge' ? complete(state, table) : ask({ ...state, stage: comparing(job, 1) }, table);
}

function compared(
  before: JobState,
  stage: Comparing,
  answer: RangesCompared,
  table: KvTable,
): readonly [JobState, JobEffect] {
  let state = before;
  const [exchange, differences] = compareNext(stage.exchange, answer.ranges, table);
  const wanted: KeyId[] = [];
  let isChanged = stage.isChanged;
  for (const difference of differences) {
    const leftovers = state.job.mode === 'adopt' ? leftoversOf(state, difference, table) : [];
    state = dropped(state, leftovers, table);
    const isDropped = leftovers.length > 0;
    const isWanted = isMissing(difference) || (isDropped && difference.theirs !== undefined);
    if (isWanted) wanted.push(difference.id);
    if (isWanted || isDropped) isChanged = true;
  }
  return ask({ ...state, stage: { ...stage, exchange, wanted, isChanged } }, table);
}

function isMissing({ mine, theirs }: Difference): boolean {
  return theirs !== undefined && (mine === undefined || compareVersions(mine, theirs) < 0);
}

/** What is here and newer than there, or not there at all, and may not stay. */
function leftoversOf(state: JobState, { id, theirs }: Difference, table: KvTable): readonly Record[] {
  return table
    .recordsAt(id)
    .filter((record) =>
      theirs === undefined
        ? !mayStay(state, record) || isTooOld(state.memory, record)
        : compareVersions(record, theirs) > 0 && !mayStay(state, record),
    );
}

function dropped(state: JobState, leftovers: readonly Record[], table: KvTable): JobState {
  if (leftovers.length === 0) return state;
  for (const record of leftovers) table.forget(record.key, record);
  const old = leftovers.filter((record) => mayStay(state, record));
  return { ...state, dropped: state.dropped + old.length };
}

function fetched(
  before: JobState,
  stage: Comparing,
  { records, left }: Fetched,
  table: KvTable,
): readonly [JobState, JobEffect] {
  const state = keep(before, records, table);
  const wanted = stage.wanted.slice(Math.min(stage.wanted.length, FETCH_MAX) - left);
  return ask({ ...state, stage: { ...stage, wanted } }, table);
}

/**
 * Takes records in. What lies outside the arc nobody has asked for. And where the source need not be right, it may be a
 * learner that was away for long: what it was given without a quorum may have been deleted since.
 */
function keep(state: JobState, records: readonly Record[], table: KvTable): JobState {
  const { job, own } = state;
  const { arc, mode } = job;
  let refused = 0;
  for (const record of records) {
    if (!inRange(record.keyId, arc)) continue;
    const current = table.get(record.key);
    if (mode === 'merge' && record.ev && current === undefined && isTooOld(own, record)) {
      refused += 1;
      continue;
    }
    const isLeftover = mode === 'adopt' && current && compareVersions(current, record) > 0 && !mayStay(state, current);
    if (isLeftover) table.forget(current.key, current);
    table.merge(record);
  }
  return { ...state, fetched: state.fetched + records.length, dropped: state.dropped + refused };
}

/** Whether the key of a record may have been deleted since, and nobody remember it. */
function isTooOld({ horizons, graceMs }: Memory, record: Record): boolean {
  return isForgotten(horizons, record, graceMs);
}

/** Whether a record that the source does not have, or has in an older version, may stay where the source is right. */
function mayStay({ floor }: JobState, record: VersionWords & { readonly ev: boolean }): boolean {
  return floor === undefined ? record.ev : isFresh(record, floor);
}
