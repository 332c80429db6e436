/**
 * Verdict: what a run came to, for people.
 */
import Table from 'cli-table3';
import type { Copies } from './final-reads';
import { lineOf, type Operation, type Outcome } from './history';
import type { Anomaly, AnomalyKind, KeyJudgement } from './judgement';
import { quantile } from './quantile';

/** Everything that is known about a run that is over. */
export interface Verdict {
  readonly kind: string;
  readonly seed: number;
  readonly seconds: number;
  readonly isBeyond: boolean;
  readonly operations: readonly Operation[];
  /** How long there was load. */
  readonly loadMs: number;
  readonly rounds: number;
  readonly settledMs: readonly number[];
  /** What did not come to pass, in words. */
  readonly problems: readonly string[];
  /** How many changes of views the logs told of. */
  readonly changes: number;
  readonly complaints: readonly { readonly node: string; readonly atMs: number; readonly message: string }[];
  /** Operations with consistency `eventual`, which are judged by whether all nodes agree in the end. */
  readonly eventual: number;
  /** How often nodes have said that something may be lost. */
  readonly alarms: number;
  /** Keys that could not be read at the end. */
  readonly unreadable: readonly Operation[];
  /** Undefined where nodes do not tell. */
  readonly copies: Copies | undefined;
  readonly judgements: readonly KeyJudgement[];
  /** Histories of the keys that something is wrong with. */
  readonly files: readonly string[];
}

/** What may happen where more fails at a time than may: losing is allowed then if it is said, lying is not. */
const ALLOWED_BEYOND: readonly AnomalyKind[] = ['lost', 'missing', 'stale', 'resurrected', 'disordered'];

const HISTORY_LINES = 12;
const TOLD_MAX = 3;

/** Why a run has failed, one sentence each; none where it has not. */
export function failuresOf(verdict: Verdict): readonly string[] {
  const { judgements, problems, unreadable, copies, isBeyond, alarms, rounds } = verdict;
  const counted = countAnomalies(judgements);
  const kinds = [...counted].filter(([kind]) => !isBeyond || alarms === 0 || !ALLOWED_BEYOND.includes(kind));
  const undecided = judgements.filter((judgement) => judgement.isUndecided).length;
  return [
    ...(rounds === 0 ? ['no round: nothing was done to the ring'] : []),
    ...kinds.map(([kind, keys]) => `${keys} ${keys === 1 ? 'key' : 'keys'} ${kind}`),
    ...(undecided > 0 ? [`${undecided} keys undecided: the search was given up`] : []),
    ...(unreadable.length > 0 && !isBeyond ? [`${unreadable.length} final reads were not answered`] : []),
    ...(copies !== undefined && copies.wrong.length > 0 ? ['copies are not as they should be'] : []),
    ...problems,
  ];
}

/** How many keys show each kind of anomaly. */
export function countAnomalies(judgements: readonly KeyJudgement[]): ReadonlyMap<AnomalyKind, number> {
  const counts = new Map<AnomalyKind, number>();
  for (const { anomalies } of judgements)
    for (const kind of new Set(anomalies.map((anomaly) => anomaly.kind))) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** The whole story of a run. */
export function reportOf(verdict: Verdict): string {
  const { kind, seed, seconds, operations, eventual, rounds, changes, judgements, settledMs } = verdict;
  const failures = failuresOf(verdict);
  const during = operations.filter(({ isFinal }) => isFinal !== true);
  const writes = during.filter(({ op }) => op !== 'get');
  const anomalies = judgements.flatMap((judgement) => judgement.anomalies);
  const inChange = anomalies.filter(({ isInChange }) => isInChange).length;
  const counted = countAnomalies(judgements);
  const of = (name: AnomalyKind) => counted.get(name) ?? 0;
  return [
    `${failures.length === 0 ? 'PASS' : 'FAIL'}  ${kind}${verdict.isBeyond ? ' (beyond)' : ''}, seed ${seed}, ${seconds} s`,
    `  faults      ${rounds} rounds, ${changes} changes of views; settled after ${times(settledMs)}`,
    `  operations  ${during.length}: ${outcomes(during)}; ${latencies(during)}`,
    `  writes      ${writes.filter(({ outcome }) => outcome === 'ok').length} acknowledged: ${of('lost')} keys lost, ${of('resurrected')} resurrected, ${of('dishonest')} dishonest errors`,
    `  order       ${judgements.filter((judgement) => judgement.anomalies.length > 0).length} keys not linearizable: ${anomalies.length} reads, ${inChange} of them while a view was changed, ${anomalies.length - inChange} not`,
    `  at the end  ${operations.length - during.length} reads through every node, ${verdict.unreadable.length} not answered; ${copiesText(verdict.copies)}`,
    `              ${eventual} eventual operations on keys of their own; ${verdict.alarms} alarms of a loss`,
    ...complaintLines(verdict),
    ...failures.map((failure) => `  FAILED      ${failure}`),
    ...refusalLines(during),
    ...judgements.slice(0, TOLD_MAX).flatMap(historyLines),
    ...verdict.files.slice(0, TOLD_MAX).map((file) => `  history: ${file}`),
  ].join('\n');
}

/** All runs as one table. */
export function tableOf(verdicts: readonly Verdict[]): string {
  const table = new Table({
    head: [
      'kind',
      'seed',
      'ops',
      'acked',
      'refused',
      'unknown',
      'lost',
      'resurr.',
      'dishonest',
      'not lin. in/out of change',
      'verdict',
    ],
    style: { head: [], border: [], compact: true },
  });
  for (const verdict of verdicts) {
    const during = verdict.operations.filter(({ isFinal }) => isFinal !== true);
    const count = (outcome: Outcome) => during.filter((operation) => operation.outcome === outcome).length;
    const counted = countAnomalies(verdict.judgements);
    const anomalies = verdict.judgements.flatMap((judgement) => judgement.anomalies);
    const inChange = anomalies.filter(({ isInChange }) => isInChange).length;
    table.push([
      verdict.kind,
      verdict.seed,
      during.length,
      during.filter(({ op, outcome }) => op !== 'get' && outcome === 'ok').length,
      count('refused'),
      count('unknown'),
      counted.get('lost') ?? 0,
      counted.get('resurrected') ?? 0,
      counted.get('dishonest') ?? 0,
      `${inChange} / ${anomalies.length - inChange}`,
      failuresOf(verdict).length === 0 ? 'PASS' : 'FAIL',
    ]);
  }
  return table.toString();
}

function outcomes(operations: readonly Operation[]): string {
  const count = (outcome: Outcome) => operations.filter((operation) => operation.outcome === outcome).length;
  return `${count('ok')} ok, ${count('not_found')} not found, ${count('refused')} refused, ${count('unknown')} of unknown outcome`;
}

function latencies(operations: readonly Operation[]): string {
  const took = operations
    .filter(({ outcome }) => outcome === 'ok' || outcome === 'not_found')
    .map(({ invokedMs, returnedMs }) => returnedMs - invokedMs)
    .sort((a, b) => a - b);
  return `p50 ${quantile(took, 0.5).toFixed(1)} ms, p99 ${quantile(took, 0.99).toFixed(1)} ms, longest ${quantile(took, 1).toFixed(0)} ms`;
}

function times(all: readonly number[]): string {
  const sorted = all.toSorted((a, b) => a - b);
  return `${(quantile(sorted, 0.5) / 1000).toFixed(1)} s, at most ${(quantile(sorted, 1) / 1000).toFixed(1)} s`;
}

function copiesText(copies: Copies | undefined): string {
  if (copies === undefined) return 'copies not counted';
  const counts = [...copies.counts].sort(([a], [b]) => b - a).map(([count, keys]) => `${keys} keys have ${count}`);
  return [`copies: ${counts.join(', ')}; ${copies.surplus} surplus`, ...copies.wrong.slice(0, TOLD_MAX)].join('\n    ');
}

function complaintLines({ complaints }: Verdict): readonly string[] {
  if (complaints.length === 0) return [];
  const distinct = [...new Set(complaints.map(({ message }) => message.slice(0, 160)))];
  return [
    `  logs        ${complaints.length} errors and alarms, such as:`,
    ...distinct.slice(0, TOLD_MAX).map((one) => `    ${one}`),
  ];
}

/** What was said of failures, the most frequent first. */
function refusalLines(operations: readonly Operation[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { outcome, said } of operations) {
    if (outcome !== 'refused' && outcome !== 'unknown') continue;
    const words = `${outcome}: ${(said ?? '').replace(/\d+(\.\d+){3}:\d+/g, 'NODE')}`;
    counts.set(words, (counts.get(words) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return sorted.slice(0, 6).map(([words, count]) => `  ${String(count).padStart(6)} × ${words}`);
}

/** What happened around the first read that cannot be right. */
function historyLines({ key, operations, anomalies }: KeyJudgement): readonly string[] {
  const [first] = anomalies;
  if (first === undefined) return [];
  const at = operations.indexOf(first.read);
  const around = operations.slice(Math.max(0, at - HISTORY_LINES), at + 2);
  const important = [
    first.unseen,
    operations.find((operation) => operation.op === 'put' && operation.value === first.read.value),
  ];
  const earlier = important.filter((one): one is Operation => one !== undefined && !around.includes(one));
  return [
    `  ${key}: ${describe(first)}`,
    ...[...earlier, ...around].map((operation) => `    ${operation === first.read ? '>' : ' '} ${lineOf(operation)}`),
  ];
}

function describe({ kind, isInChange, unseen }: Anomaly): string {
  const should = unseen === undefined ? '' : `; acknowledged before: ${unseen.op} ${unseen.value ?? ''}`;
  return `${kind}${isInChange ? ', while a view was changed' : ''}${should}`;
}
