/**
 * Judgement: what is wrong with a history, in the words of what clients were promised.
 *
 * Every read that no register could have answered is an anomaly: the first operation with whose end the
 * history stops being linearizable. It is taken out, and the search goes on without it.
 */
import type { Operation } from './history';
import { checkRegister } from '../src/simulation/register-checker';

/**
 * What a read shows that it should not.
 *
 * - `lost`: after all is over, an acknowledged write is not there.
 * - `resurrected`: a value is back that an acknowledged delete had removed.
 * - `dishonest`: a write has had an effect though its failure had been called definite.
 * - `invented`: a value that nobody has written.
 * - `missing`: while the ring is under chaos, a key is not found that must be there.
 * - `stale`: an older value than one that must be there.
 * - `disordered`: none of these, and still in no possible order.
 */
export type AnomalyKind = 'lost' | 'resurrected' | 'dishonest' | 'invented' | 'missing' | 'stale' | 'disordered';

/** One read that cannot be right. */
export interface Anomaly {
  readonly kind: AnomalyKind;
  readonly key: string;
  readonly read: Operation;
  /** The write that the read should have seen, where there is one. */
  readonly unseen: Operation | undefined;
  /** Whether the read, the write that it found or the one that it should have found overlaps a change of a view. */
  readonly isInChange: boolean;
}

/** What becomes of one key. */
export interface KeyJudgement {
  readonly key: string;
  readonly operations: readonly Operation[];
  readonly anomalies: readonly Anomaly[];
  readonly isUndecided: boolean;
}

/** A time during which something was being changed. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Reads of one key that are told one by one; more only say the same again. */
const ANOMALIES_MAX = 5;

/** Judges every key of a history; gives those that something is wrong with. */
export function judge(
  keys: ReadonlyMap<string, readonly Operation[]>,
  changes: readonly Span[],
): readonly KeyJudgement[] {
  return [...keys]
    .map(([key, operations]) => judgeKey(key, operations, changes))
    .filter(({ anomalies, isUndecided }) => anomalies.length > 0 || isUndecided);
}

/** Judges one key. */
export function judgeKey(key: string, operations: readonly Operation[], changes: readonly Span[]): KeyJudgement {
  const anomalies: Anomaly[] = [];
  let rest = operations;
  for (;;) {
    const { type } = checkRegister(rest);
    const judged = (isUndecided: boolean) => ({ key, operations, anomalies, isUndecided });
    if (type !== 'not_linearizable') return judged(type === 'undecided');
    if (anomalies.length === ANOMALIES_MAX) return judged(false);
    const read = firstImpossible(rest);
    if (read === undefined) return judged(true);
    anomalies.push(anomalyOf(read, rest, changes));
    rest = rest.filter((operation) => operation !== read);
  }
}

/** The operation with whose end the history stops being linearizable. Only a read can be that. */
function firstImpossible(operations: readonly Operation[]): Operation | undefined {
  const reads = operations
    .filter(({ op, outcome }) => op === 'get' && (outcome === 'ok' || outcome === 'not_found'))
    .sort((a, b) => a.returnedMs - b.returnedMs);
  let [good, bad] = [-1, reads.length - 1];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    const untilMs = reads[middle]?.returnedMs ?? 0;
    if (checkRegister(until(operations, untilMs)).type === 'not_linearizable') bad = middle;
    else good = middle;
  }
  return reads[bad];
}

/** The history as it was at this time: what had not ended then has no known outcome. */
function until(operations: readonly Operation[], untilMs: number): readonly Operation[] {
  return operations
    .filter(({ invokedMs }) => invokedMs <= untilMs)
    .map((operation) =>
      operation.returnedMs <= untilMs || operation.outcome === 'refused'
        ? operation
        : { ...operation, outcome: 'unknown', returnedMs: Infinity },
    );
}

function anomalyOf(read: Operation, operations: readonly Operation[], changes: readonly Span[]): Anomaly {
  const writes = operations.filter(({ op, outcome }) => op !== 'get' && outcome !== 'refused');
  const found =
    read.outcome === 'ok' ? operations.find(({ op, value }) => op === 'put' && value === read.value) : undefined;
  const unseen = lastBefore(writes, read);
  const isInChange = [read, found, unseen].some((operation) => operation !== undefined && overlaps(operation, changes));
  return { kind: kindOf(read, found, unseen, operations), key: read.key, read, unseen, isInChange };
}

/** The acknowledged write that had ended last when the read began. */
function lastBefore(writes: readonly Operation[], read: Operation): Operation | undefined {
  return writes
    .filter(({ outcome, returnedMs }) => outcome === 'ok' && returnedMs < read.invokedMs)
    .toSorted((a, b) => a.returnedMs - b.returnedMs)
    .at(-1);
}

function kindOf(
  read: Operation,
  found: Operation | undefined,
  unseen: Operation | undefined,
  operations: readonly Operation[],
): AnomalyKind {
  if (read.outcome === 'ok' && found === undefined) return 'invented';
  if (found?.outcome === 'refused' || isExplainedByRefused(read, unseen, operations)) return 'dishonest';
  if (unseen === undefined) return 'disordered';
  if (found !== undefined && unseen.op === 'delete' && found.returnedMs < unseen.invokedMs) return 'resurrected';
  if (read.isFinal === true) return 'lost';
  if (read.outcome === 'not_found') return 'missing';
  return found !== undefined && found.returnedMs < unseen.invokedMs ? 'stale' : 'disordered';
}

/** Whether the history up to this read were possible if a delete that was refused lately had happened after all. */
function isExplainedByRefused(
  read: Operation,
  unseen: Operation | undefined,
  operations: readonly Operation[],
): boolean {
  const isRefusedDelete = ({ op, outcome, returnedMs }: Operation) =>
    op === 'delete' && outcome === 'refused' && returnedMs >= (unseen?.invokedMs ?? 0);
  const past = until(operations, read.returnedMs);
  if (read.outcome !== 'not_found' || !past.some(isRefusedDelete)) return false;
  const doubted = past.map((operation) =>
    isRefusedDelete(operation) ? ({ ...operation, outcome: 'unknown' } satisfies Operation) : operation,
  );
  return checkRegister(doubted).type === 'linearizable';
}

function overlaps({ invokedMs, returnedMs }: Operation, changes: readonly Span[]): boolean {
  return changes.some(({ fromMs, toMs }) => invokedMs <= toMs && fromMs <= returnedMs);
}
