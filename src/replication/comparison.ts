/**
 * Comparison: the primary of an arc and one member look for records in which they differ, and both end with the newer.
 *
 * A write that is on its way to the member looks like a difference. So a record that is younger than
 * {@link YOUNG_MS} is not touched at first, but looked at once more after that time: if the side that lagged
 * still has what it had, something was lost, and it is mended. What is sent is read from the
 * table at that moment, so nothing old travels. It is bounded: what is left over is found by the next one.
 *
 * Immutable, but for the table.
 */
import type { KeyId } from '../chord/id';
import { inRange } from '../chord/range';
import {
  CHUNK_BYTES,
  CHUNK_RECORDS_MAX,
  FETCH_MAX,
  type SyncAnswer,
  type SyncQuestion,
  type UnderView,
} from '../protocol/rpc-sync';
import { recordsBytes } from '../protocol/rpc-sync-bytes';
import type { KvTable } from '../store/kv-table';
import type { Target } from '../store/local-write';
import { deadSinceMs, type Record } from '../store/record';
import { unreachable } from '../unreachable';
import {
  askNext,
  compareNext,
  type Difference,
  type Exchange,
  exchangeOf,
  isCompared,
  isSpent,
  pointOf,
} from './exchange';
import { copyOf, observeAll } from './sync-source';
import { compareVersions, type Version } from './version';
import type { View } from './view';

/** A comparison under way. */
export interface Comparison extends UnderView {
  /** See `CompareRanges`. */
  readonly horizonMs: number;
  readonly exchange: Exchange;
  /** 1, and 2 where something young differed. */
  readonly look: 1 | 2;
  /** Young differences of the first look, with what the side that lagged had. */
  readonly young: ReadonlyMap<KeyId, Version | undefined>;
  /** To be fetched, and to be sent. */
  readonly wanted: readonly KeyId[];
  readonly owed: readonly KeyId[];
  /** How many keys are in the `push` that is under way. */
  readonly sending: number;
  readonly differences: number;
  /** Records that have become newer here, and there. */
  readonly fetched: number;
  readonly pushed: number;
}

/** What happens to it. Whoever has got no answer ends it, and begins another later. */
export type ComparisonEvent =
  | { readonly type: 'begun' }
  | { readonly type: 'answered'; readonly answer: SyncAnswer }
  /** The wait is over. */
  | { readonly type: 'woken' };

/** What it wants: exactly one of these follows each event. */
export type ComparisonEffect =
  | { readonly type: 'ask'; readonly question: SyncQuestion }
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'ended'; readonly outcome: ComparisonOutcome };

/** How it ends. */
export type ComparisonOutcome =
  /** `isWhole`: all of the arc has been looked at. */
  | { readonly type: 'compared'; readonly isWhole: boolean }
  /** The member has another view. */
  | { readonly type: 'stale'; readonly view: View | undefined }
  | { readonly type: 'failed' };

/** What differs and is younger than this may be on its way. */
export const YOUNG_MS = 2000;

/** Most young differences that are looked at again. The rest is left to the next comparison. */
const YOUNG_MAX = 1024;

/** A comparison that has yet to begin. */
export function comparisonOf({ arc, epoch }: UnderView, horizonMs: number): Comparison {
  const nothing = { wanted: [], owed: [], sending: 0, differences: 0, fetched: 0, pushed: 0 };
  return { arc, epoch, horizonMs, exchange: exchangeOf([arc]), look: 1, young: new Map(), ...nothing };
}

/** What a comparison works on. */
export interface Ground extends Target {
  readonly systemMs: number;
  /**
   * What was deleted before this (Unix ms) all replicas of the key may have forgotten. Where one side has nothing
   * of the key and the other something as old as that, it need not come back.
   */
  readonly forgottenBeforeMs: (id: KeyId) => number;
}

/** One event, and what follows from it. Records go straight into the table, and the clock sees them first. */
export function stepComparison(
  state: Comparison,
  event: ComparisonEvent,
  ground: Ground,
): readonly [Comparison, ComparisonEffect] {
  switch (event.type) {
    case 'begun':
      return ask(state, ground.table);
    case 'woken':
      return ask(lookAgain(state), ground.table);
    case 'answered':
      return answered(state, event.answer, ground);
    default:
      return unreachable(event);
  }
}

// Internal

function ask(state: Comparison, table: KvTable): readonly [Comparison, ComparisonEffect] {
  const { arc, epoch, exchange, wanted, owed, horizonMs } = state;
  const ids = wanted.slice(0, FETCH_MAX);
  if (ids.length > 0) return [state, { type: 'ask', question: { type: 'fetch', arc, epoch, ids } }];
  const [sending, records] = nextOf(owed, table);
  if (records.length > 0)
    return [
      { ...state, sending },
      { type: 'ask', question: { type: 'push', arc, epoch, records } },
    ];
  if (sending > 0) return ask({ ...state, owed: owed.slice(sending) }, table);
  if (isSpent(exchange)) return [state, { type: 'ended', outcome: { type: 'compared', isWhole: false } }];
  if (isCompared(exchange)) return lookedAtAll(state);
  const [asked, ranges] = askNext(exchange, table);
  return [
    { ...state, exchange: asked },
    { type: 'ask', question: { type: 'ranges', arc, epoch, horizonMs, ranges } },
  ];
}

function lookedAtAll(state: Comparison): readonly [Comparison, ComparisonEffect] {
  if (state.look === 1 && state.young.size > 0) return [state, { type: 'wait', ms: YOUNG_MS }];
  return [state, { type: 'ended', outcome: { type: 'compared', isWhole: state.young.size < YOUNG_MAX } }];
}

function lookAgain(state: Comparison): Comparison {
  return { ...state, look: 2, exchange: exchangeOf([...state.young.keys()].map(pointOf)) };
}

/** The records of the next keys that are owed, as many as travel together, and of how many keys they are. */
function nextOf(owed: readonly KeyId[], table: KvTable): readonly [number, readonly Record[]] {
  const records: Record[] = [];
  let bytes = 0;
  for (const [at, id] of owed.entries()) {
    const found = table.recordsAt(id);
    bytes += recordsBytes(found);
    if (records.length > 0 && (bytes > CHUNK_BYTES || at >= CHUNK_RECORDS_MAX)) return [at, records];
    records.push(...found.map(copyOf));
  }
  return [owed.length, records];
}

function answered(state: Comparison, answer: SyncAnswer, ground: Ground): readonly [Comparison, ComparisonEffect] {
  const { table } = ground;
  switch (answer.type) {
    case 'stale':
      return [state, { type: 'ended', outcome: answer.view ? { type: 'stale', view: answer.view } : NO_VIEW }];
    case 'compared':
      return ask(compared(state, answer.ranges, ground), table);
    case 'records': {
      const asked = Math.min(state.wanted.length, FETCH_MAX);
      if (answer.left >= asked) return FAILED(state);
      const kept = answer.records.filter((record) => !isForgottenHere(record, ground));
      observeAll(ground.clock, kept, ground.systemMs);
      const fetched =
        state.fetched + kept.filter((each) => inRange(each.keyId, state.arc) && table.merge(each) !== 'kept').length;
      const wanted = state.wanted.slice(asked - answer.left);
      const differences = state.differences - (answer.records.length - kept.length);
      return ask({ ...state, wanted, fetched, differences }, table);
    }
    case 'pushed': {
      const { sending, owed } = state;
      return ask({ ...state, owed: owed.slice(sending), sending: 0, pushed: state.pushed + sending }, table);
    }
    default:
      return FAILED(state);
  }
}

const NO_VIEW: ComparisonOutcome = { type: 'stale', view: undefined };
const FAILED = (state: Comparison): readonly [Comparison, ComparisonEffect] => [
  state,
  { type: 'ended', outcome: { type: 'failed' } },
];

function compared(before: Comparison, ranges: Parameters<typeof compareNext>[1], ground: Ground): Comparison {
  const { table, systemMs } = ground;
  const [exchange, differences] = compareNext(before.exchange, ranges, table);
  const young = new Map(before.young);
  const wanted: KeyId[] = [];
  const owed: KeyId[] = [];
  for (const difference of differences) {
    if (isForgottenThere(difference, ground)) continue;
    const { id, mine, theirs } = difference;
    const isMineNewer = theirs === undefined || (mine !== undefined && compareVersions(mine, theirs) > 0);
    const [newer, older] = isMineNewer ? [mine, theirs] : [theirs, mine];
    if (before.look === 1 && newer !== undefined && newer.ms > systemMs - YOUNG_MS) {
      if (young.size < YOUNG_MAX) young.set(id, older);
    } else if (before.look === 1 || isSame(older, before.young.get(id))) {
      (isMineNewer ? owed : wanted).push(id);
    }
  }
  const found = before.differences + wanted.length + owed.length;
  return { ...before, exchange, young, wanted, owed, differences: found };
}

/** Whether the member has forgotten a deletion already, and this node not yet. */
function isForgottenThere({ id, theirs }: Difference, { table, forgottenBeforeMs }: Ground): boolean {
  const beforeMs = forgottenBeforeMs(id);
  return theirs === undefined && table.recordsAt(id).every((record) => isDeadSince(record, beforeMs));
}

/** The same the other way round. What the member has must be seen for it: a value that this node has lost is no deletion. */
function isForgottenHere(record: Record, { table, forgottenBeforeMs }: Ground): boolean {
  return table.get(record.key) === undefined && isDeadSince(record, forgottenBeforeMs(record.keyId));
}

const isDeadSince = (record: Record, beforeMs: number) => (deadSinceMs(record) ?? Infinity) < beforeMs;

function isSame(a: Version | undefined, b: Version | undefined): boolean {
  return a === undefined || b === undefined ? a === b : compareVersions(a, b) === 0;
}
