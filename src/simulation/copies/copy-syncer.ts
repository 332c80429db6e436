/**
 * Copy syncer: how a simulated node fetches arcs, and compares those that it leads with their members.
 */
import type { KeyId } from '../../chord/id';
import type { Peer } from '../../chord/peer';
import type { SyncAnswer, SyncQuestion } from '../../protocol/rpc-sync';
import { recordsBytes } from '../../protocol/rpc-sync-bytes';
import {
  type Agreed,
  duePairs,
  horizonOf,
  idleSchedule,
  ledArcs,
  type Pair,
  type Schedule,
  withArcs,
  withBegun,
  withDue,
  withEnded,
  withWaiting,
} from '../../replication/anti-entropy';
import {
  type Comparison,
  type ComparisonEvent,
  comparisonOf,
  type ComparisonOutcome,
  stepComparison,
} from '../../replication/comparison';
import { compareEpochs } from '../../replication/epoch';
import type { Holdings } from '../../replication/holding';
import { horizonAt, lowestIn } from '../../replication/horizons';
import { type JobEvent, jobOf, type JobState, stepSync } from '../../replication/sync-job';
import type { SyncJob } from '../../replication/views-protocol';
import { unreachable } from '../../unreachable';
import type { AskOutcome } from '../packet';
import { CopyPace } from './copy-pace';
import type { KeptNode } from './copy-world';

const JOBS_MAX = 2;
const RECORDS_TIMEOUT_MS = 5000;
const QUESTION_TIMEOUT_MS = 1000;
/** What has not gone on for so long has got lost in the node itself. */
const LOST_MS = 10_000;

/** The jobs and the comparisons of one node. */
export class CopySyncer {
  private readonly jobs = new Map<number, Job>();
  private waiting: readonly SyncJob[] = [];
  private schedule: Schedule;
  private holdings: Holdings | undefined;
  private readonly running = new Map<string, Running>();
  private readonly syncPace: CopyPace;
  private readonly repairPace: CopyPace;

  constructor(private readonly keeper: KeptNode) {
    this.schedule = idleSchedule(keeper.world.settings.antiEntropyIntervalMs);
    this.syncPace = new CopyPace(keeper, 'sync');
    this.repairPace = new CopyPace(keeper, 'repair');
  }

  /** Begins a job, now or when there is room. */
  add(job: SyncJob): void {
    this.waiting = job.purpose === 'rescue' ? [job, ...this.waiting] : [...this.waiting, job];
    this.beginNext();
  }

  cancel(id: number): void {
    this.jobs.delete(id);
    this.waiting = this.waiting.filter((job) => job.id !== id);
    this.beginNext();
  }

  /** All arcs that this node leads are to be compared with this member soon. */
  due(member: Peer): void {
    this.schedule = withDue(this.schedule, this.keeper.nowMs, member);
  }

  /** Compares what is due. What has not gone on for too long has failed. */
  tick(): void {
    const { keeper } = this;
    const { views, nowMs } = keeper;
    for (const [id, { sinceMs }] of this.jobs)
      if (nowMs - sinceMs >= LOST_MS) this.stepJob(id, { type: 'failed', isLost: false });
    if (keeper.world.settings.leftOut.includes('comparing')) return;
    for (const { pair, comparison, sinceMs } of this.running.values())
      if (nowMs - sinceMs >= LOST_MS) this.end(pair, comparison, { type: 'failed' });
    if (views.holdings !== this.holdings) {
      this.holdings = views.holdings;
      const [schedule, agreed] = withArcs(this.schedule, ledArcs(views), nowMs);
      this.schedule = schedule;
      const keys = new Set(schedule.pairs.map(({ key }) => key));
      for (const key of this.running.keys()) if (!keys.has(key)) this.running.delete(key);
      this.tell(agreed);
    }
    for (const pair of duePairs(this.schedule, nowMs)) {
      this.schedule = withBegun(this.schedule, pair.key, { monotonicMs: nowMs, systemMs: keeper.systemMs });
      const comparison = comparisonOf(
        pair,
        Math.min(horizonOf(this.schedule, pair), lowestIn(keeper.horizons, pair.arc)),
      );
      this.running.set(pair.key, { pair, comparison, sinceMs: nowMs });
      this.compare(pair.key, { type: 'begun' });
    }
  }

  // Jobs

  private beginNext(): void {
    while (this.jobs.size < JOBS_MAX) {
      const [job, ...rest] = this.waiting;
      if (job === undefined) return;
      this.waiting = rest;
      const { nowMs, memory } = this.keeper;
      this.jobs.set(job.id, { state: jobOf(job, nowMs, memory), sinceMs: nowMs });
      this.stepJob(job.id, { type: 'begun' });
    }
  }

  private stepJob(id: number, event: JobEvent): void {
    const before = this.jobs.get(id);
    if (before === undefined) return;
    const { keeper } = this;
    const [state, effect] = stepSync(before.state, event, keeper.target, keeper);
    const job: Job = { state, sinceMs: keeper.nowMs };
    this.jobs.set(id, job);
    const go = (next: JobEvent) => {
      if (this.jobs.get(id) === job) this.stepJob(id, next);
    };
    switch (effect.type) {
      case 'ask': {
        const { source } = state.job;
        const { pauseMs } = this.syncPace;
        if (pauseMs > 0) return void keeper.host.after(pauseMs, () => go({ type: 'woken' }));
        return this.ask(source, effect.question, (answer) => {
          if (answer) this.syncPace.take(bytesIn(answer));
          go(answer ? { type: 'answered', answer } : { type: 'failed', isLost: !keeper.host.isTrusted(source) });
        });
      }
      case 'wait':
        return void keeper.host.after(effect.ms, () => go({ type: 'woken' }));
      case 'ended':
        this.jobs.delete(id);
        if (effect.outcome === 'done') this.remember(state);
        keeper.happened({ type: 'synced', job: id, outcome: effect.outcome });
        return this.beginNext();
      default:
        return unreachable(effect);
    }
  }

  private remember({ job, memory: { horizons } }: JobState): void {
    if (job.mode === 'adopt') return this.keeper.takeHorizons(job.arc, horizons);
    for (const { arc, horizonMs } of horizons) this.keeper.raiseHorizon(arc, horizonMs);
  }

  // Comparisons

  private compare(key: string, event: ComparisonEvent): void {
    const running = this.running.get(key);
    if (running === undefined) return;
    const { keeper } = this;
    const { pair } = running;
    const { horizons, systemMs } = keeper;
    const { table, clock } = keeper.target;
    const forgottenBeforeMs = (id: KeyId) => horizonAt(horizons, id) - keeper.world.settings.tombstoneGraceMs;
    const [comparison, effect] = stepComparison(running.comparison, event, {
      table,
      clock,
      systemMs,
      forgottenBeforeMs,
    });
    const now: Running = { pair, comparison, sinceMs: keeper.nowMs };
    this.running.set(key, now);
    const go = (next: ComparisonEvent) => {
      if (this.running.get(key) === now) this.compare(key, next);
    };
    switch (effect.type) {
      case 'ask':
        return this.askMember(now, effect.question, (answer) => {
          if (answer) return go({ type: 'answered', answer });
          if (this.running.get(key) === now) this.end(pair, comparison, { type: 'failed' });
        });
      case 'wait':
        this.schedule = withWaiting(this.schedule, key, true);
        keeper.host.after(effect.ms, () => {
          if (this.running.get(key) !== now) return;
          this.schedule = withWaiting(this.schedule, key, false);
          go({ type: 'woken' });
        });
        return undefined;
      case 'ended':
        return this.end(pair, comparison, effect.outcome);
      default:
        return unreachable(effect);
    }
  }

  /** Now, or as soon as it may. */
  private askMember(running: Running, question: SyncQuestion, done: (answer: SyncAnswer | undefined) => void): void {
    const { host } = this.keeper;
    const { pair } = running;
    const { pauseMs } = this.repairPace;
    const bytes = question.type === 'push' ? recordsBytes(question.records) : 0;
    this.repairPace.reserve(bytes);
    const ask = () => {
      this.repairPace.carried(bytes);
      this.ask(pair.member, question, (answer) => {
        if (answer?.type === 'records') this.repairPace.take(recordsBytes(answer.records));
        done(answer);
      });
    };
    if (question.type === 'ranges' || pauseMs === 0) return ask();
    host.after(pauseMs, () => {
      if (this.running.get(pair.key) !== running) return;
      ask();
    });
  }

  private end(pair: Pair, comparison: Comparison, outcome: ComparisonOutcome): void {
    const { keeper } = this;
    const { key, arc, epoch, member } = pair;
    this.running.delete(key);
    const random = keeper.world.random();
    const [schedule, agreed] = withEnded(this.schedule, key, outcome, comparison, keeper.nowMs, random);
    this.schedule = schedule;
    if (outcome.type === 'stale') {
      const order = outcome.view ? compareEpochs(outcome.view.epoch, epoch) : -1;
      if (outcome.view && order > 0) keeper.happened({ type: 'heard_of', view: outcome.view });
      if (order < 0) keeper.happened({ type: 'unaware', peer: member, arc });
    }
    keeper.raiseHorizon(arc, horizonOf(schedule, pair));
    this.tell(agreed);
  }

  private tell(agreed: readonly Agreed[]): void {
    for (const { arc, epoch } of agreed) this.keeper.happened({ type: 'agreed', arc, epoch });
  }

  private ask(to: Peer, question: SyncQuestion, done: (answer: SyncAnswer | undefined) => void): void {
    const isShort = question.type === 'sync_open' || question.type === 'sync_ready';
    this.keeper.host.askKeeper(to, question, isShort ? QUESTION_TIMEOUT_MS : RECORDS_TIMEOUT_MS, (outcome) =>
      done(answerIn(outcome)),
    );
  }
}

/** What is on its way for one job. */
interface Job {
  readonly state: JobState;
  /** When it last went on. */
  readonly sinceMs: number;
}

interface Running {
  readonly pair: Pair;
  readonly comparison: Comparison;
  readonly sinceMs: number;
}

function bytesIn(answer: SyncAnswer): number {
  return answer.type === 'chunk' || answer.type === 'records' ? recordsBytes(answer.records) : 0;
}

/** A link lets nothing through but an answer to what was asked. */
function answerIn(outcome: AskOutcome): SyncAnswer | undefined {
  if (outcome.type === 'failed' || outcome.answering.type !== 'copies') return undefined;
  return outcome.answering.answer as SyncAnswer;
}
