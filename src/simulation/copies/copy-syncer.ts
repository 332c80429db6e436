/**
 * Copy syncer: how a simulated node fetches arcs, and compares those that it leads with their members.
 */
import type { KeyId } from '../../chord/id';
import type { Peer } from '../../chord/peer';
import type { SyncAnswer, SyncQuestion } from '../../protocol/rpc-sync';
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
  withEnded,
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
import { horizonAt } from '../../replication/horizons';
import { type JobEvent, jobOf, type JobState, stepSync } from '../../replication/sync-job';
import type { SyncJob } from '../../replication/views-protocol';
import { unreachable } from '../../unreachable';
import type { AskOutcome } from '../packet';
import type { KeptNode } from './copy-world';

const JOBS_MAX = 2;
const RECORDS_TIMEOUT_MS = 5000;
const QUESTION_TIMEOUT_MS = 1000;

/** The jobs and the comparisons of one node. */
export class CopySyncer {
  private readonly jobs = new Map<number, JobState>();
  private waiting: readonly SyncJob[] = [];
  private schedule: Schedule;
  private holdings: Holdings | undefined;
  private readonly running = new Map<string, { readonly pair: Pair; readonly comparison: Comparison }>();

  constructor(private readonly keeper: KeptNode) {
    this.schedule = idleSchedule(keeper.world.settings.antiEntropyIntervalMs);
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

  /** Compares what is due. */
  tick(): void {
    const { keeper } = this;
    const { views, nowMs } = keeper;
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
      this.running.set(pair.key, { pair, comparison: comparisonOf(pair, horizonOf(this.schedule, pair)) });
      this.compare(pair.key, { type: 'begun' });
    }
  }

  // Jobs

  private beginNext(): void {
    while (this.jobs.size < JOBS_MAX) {
      const [job, ...rest] = this.waiting;
      if (job === undefined) return;
      this.waiting = rest;
      this.jobs.set(job.id, jobOf(job, this.keeper.nowMs, this.keeper.memory));
      this.stepJob(job.id, { type: 'begun' });
    }
  }

  private stepJob(id: number, event: JobEvent): void {
    const before = this.jobs.get(id);
    if (before === undefined) return;
    const { keeper } = this;
    const [state, effect] = stepSync(before, event, keeper.target, keeper);
    this.jobs.set(id, state);
    const isCurrent = () => this.jobs.get(id) === state;
    switch (effect.type) {
      case 'ask': {
        const { source } = state.job;
        return this.ask(source, effect.question, (answer) => {
          if (!isCurrent()) return;
          if (answer) this.stepJob(id, { type: 'answered', answer });
          else this.stepJob(id, { type: 'failed', isLost: !keeper.host.isTrusted(source) });
        });
      }
      case 'wait':
        keeper.host.after(effect.ms, () => {
          if (isCurrent()) this.stepJob(id, { type: 'woken' });
        });
        return undefined;
      case 'ended':
        this.jobs.delete(id);
        if (effect.outcome === 'done')
          for (const { arc, horizonMs } of state.memory.horizons) keeper.raiseHorizon(arc, horizonMs);
        keeper.happened({ type: 'synced', job: id, outcome: effect.outcome });
        return this.beginNext();
      default:
        return unreachable(effect);
    }
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
    this.running.set(key, { pair, comparison });
    const isCurrent = () => this.running.get(key)?.comparison === comparison;
    switch (effect.type) {
      case 'ask':
        return this.ask(pair.member, effect.question, (answer) => {
          if (!isCurrent()) return;
          if (answer) this.compare(key, { type: 'answered', answer });
          else this.end(pair, comparison, { type: 'failed' });
        });
      case 'wait':
        keeper.host.after(effect.ms, () => {
          if (isCurrent()) this.compare(key, { type: 'woken' });
        });
        return undefined;
      case 'ended':
        return this.end(pair, comparison, effect.outcome);
      default:
        return unreachable(effect);
    }
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

/** A link lets nothing through but an answer to what was asked. */
function answerIn(outcome: AskOutcome): SyncAnswer | undefined {
  if (outcome.type === 'failed' || outcome.answering.type !== 'copies') return undefined;
  return outcome.answering.answer as SyncAnswer;
}
