/** Two replicas that are tables and nothing else, and the way between them, for the tests of fetching and comparing. */
import { type Id, keyId, nodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import type { Range } from '../../src/chord/range';
import { type BinaryString, fromUtf8 } from '../../src/octets';
import type { SyncAnswer, SyncQuestion } from '../../src/protocol/rpc-sync';
import type { Holding } from '../../src/replication/holding';
import { NO_HORIZONS } from '../../src/replication/horizons';
import { HybridClock } from '../../src/replication/hybrid-clock';
import { type JobEffect, type JobEvent, jobOf, type JobState, stepSync } from '../../src/replication/sync-job';
import { answerSync, type SourceQuestion } from '../../src/replication/sync-source';
import { encodeVersion, versionOf, Writers, writerId } from '../../src/replication/version';
import type { View } from '../../src/replication/view';
import { noViews, type Views } from '../../src/replication/views';
import type { SyncJob, SyncOutcome } from '../../src/replication/views-protocol';
import type { KvTable } from '../../src/store/kv-table';
import { MemoryTable } from '../../src/store/memory-table';
import { Record } from '../../src/store/record';

export const peer = (port: number, inc = BigInt(port) + 4n): Peer => ({
  id: nodeId('127.0.0.1', port),
  addr: `127.0.0.1:${port}`,
  inc,
});

/** SOURCE made the view, and is where things come from. */
export const [SOURCE, MEMBER, STRANGER] = [peer(1), peer(2), peer(3)];
export const WRITERS = new Writers();
export const SOURCE_WRITER = WRITERS.intern(writerId(SOURCE.id, SOURCE.inc));
export const OTHER_WRITER = WRITERS.intern(writerId(MEMBER.id, MEMBER.inc));

export const WHOLE: Range = { lo: SOURCE.id, hi: SOURCE.id };
/** Three quarters of the ring, over its end. */
export const ARC: Range = { lo: '6'.padEnd(40, '0') as Id, hi: '2'.padEnd(40, '0') as Id };
export const EPOCH = { n: 7, by: SOURCE.inc };
/** What SOURCE wrote up to here belongs to earlier times. */
export const FLOOR = versionOf(1_000_000, 0, SOURCE_WRITER);

export const VIEW: View = {
  epoch: EPOCH,
  arc: WHOLE,
  members: [SOURCE, MEMBER],
  primary: SOURCE.id,
  voters: [SOURCE.id, MEMBER.id],
  syncs: 1,
  floor: FLOOR,
};

/** What a node has that is a member of these views. */
export function viewsOf(self: Peer, held: readonly View[]): Views {
  const holdings = held.map(
    (view): Holding => ({ arc: view.arc, view, role: 'voter', promised: view.epoch, pending: [] }),
  );
  return { ...noViews(self, 3, 0), holdings };
}

export const SOURCE_VIEWS = viewsOf(SOURCE, [VIEW]);

export interface Content {
  /** Undefined: a tombstone. */
  readonly value?: string | undefined;
  readonly ms?: number;
  readonly writer?: typeof SOURCE_WRITER;
  readonly ev?: boolean;
}

/** The time of day. */
export const NOW_MS = 2_000_000;

/** A record of the key `k<n>`. */
export function recordOf(n: number, { value, ms = 1000, writer = OTHER_WRITER, ev = false }: Content): Record {
  const key = fromUtf8(`k${n}`);
  return new Record(
    keyId(key),
    key,
    versionOf(ms, 0, writer),
    value === undefined ? undefined : fromUtf8(value),
    undefined,
    ev,
  );
}

export function tableOf(records: readonly Record[]): MemoryTable {
  const table = new MemoryTable();
  for (const record of records) table.merge(record);
  return table;
}

/** All that is in a range: keys and versions. */
export function contentsOf(table: KvTable, range = WHOLE): ReadonlyMap<BinaryString, string> {
  const { records } = table.walk(range, undefined, { recordsMax: Infinity, bytesMax: Infinity });
  return new Map(records.map((record) => [record.key, encodeVersion(record)]));
}

/** SOURCE answers, as its handoff and its tables would. */
export function answerOf(table: KvTable, question: SyncQuestion, from = MEMBER): SyncAnswer {
  const clock = new HybridClock(SOURCE_WRITER);
  switch (question.type) {
    case 'sync_open':
      return { type: 'opened', floor: FLOOR, digest: table.digest(question.arc), bytes: 0, horizons: NO_HORIZONS };
    case 'sync_ready':
      return { type: 'noted' };
    default:
      return answerSync(SOURCE_VIEWS, { table, clock }, question satisfies SourceQuestion, from, NOW_MS);
  }
}

/** A step of a job of MEMBER, whose clock is of no interest. */
export function stepJob(
  state: JobState,
  event: JobEvent,
  table: KvTable,
  nowMs: number,
): readonly [JobState, JobEffect] {
  return stepSync(state, event, { table, clock: new HybridClock(OTHER_WRITER) }, { nowMs, systemMs: NOW_MS });
}

export interface Transfer {
  readonly outcome: SyncOutcome;
  readonly state: JobState;
  readonly asked: readonly SyncQuestion[];
  /** How many records came with the answers. */
  readonly moved: number;
}

/** Runs a job to its end; `between` is called before each answer is made, and each comes to be heard. */
export function transfer(
  job: SyncJob,
  source: KvTable,
  target: KvTable,
  between: (question: SyncQuestion) => void = () => {},
): Transfer {
  const asked: SyncQuestion[] = [];
  let moved = 0;
  let [state, effect] = stepJob(jobOf(job, 0), { type: 'begun' }, target, 0);
  for (let turns = 0; turns < 10_000; turns += 1) {
    if (effect.type === 'ended') return { outcome: effect.outcome, state, asked, moved };
    if (effect.type === 'wait') throw new Error('Nobody is busy here');
    asked.push(effect.question);
    between(effect.question);
    const answer = answerOf(source, effect.question);
    if ('records' in answer) moved += answer.records.length;
    between(effect.question);
    [state, effect] = stepJob(state, { type: 'answered', answer }, target, turns);
  }
  throw new Error('It does not end');
}

export const jobFor = (changes: Partial<SyncJob> = {}): SyncJob => ({
  id: 1,
  arc: WHOLE,
  epoch: EPOCH,
  source: SOURCE,
  mode: 'merge',
  floor: undefined,
  purpose: 'learn',
  ...changes,
});

/** Numbers from 0 up to 1, the same for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
