/**
 * Job desk: the arcs that a node is fetching. Two at a time, not counting those whose source has others to serve first, and
 * no faster than the node may fetch; those that save what is left of an arc go first, for nobody serves it meanwhile.
 * Where the rate is low, less is asked for at a time; and what this node itself holds back is not lost.
 */
import type { SyncAnswer, SyncQuestion } from '../src/protocol/rpc-sync';
import { recordsBytes } from '../src/protocol/rpc-sync-bytes';
import {
  type JobEffect,
  type JobEvent,
  jobOf,
  type JobState,
  type Memory,
  stepSync,
} from '../src/replication/sync-job';
import { atRate, fullBucket, taken, type TokenBucket, waitMs } from '../src/replication/token-bucket';
import type { SyncJob } from '../src/replication/views-protocol';
import { unreachable } from '../src/unreachable';
import type { JobProgress } from './repair-table';
import { LOST_MS, type Outbox, type SyncerOutcome, type SyncerSettings, type Tag } from './syncer-words';

// API

/** Most jobs that are under way. */
export const JOBS_MAX = 2;

type JobTag = Extract<Tag, { type: 'job' }>;

/** Mutable: it belongs to the replica syncer. */
export class JobDesk {
  /** How many records were not kept, because their deletion may have been forgotten: see {@link JobState.dropped}. */
  dropped = 0;
  private readonly running = new Map<number, Running>();
  private waiting: readonly SyncJob[] = [];
  private bucket: TokenBucket;

  constructor(
    private readonly out: Outbox,
    private readonly settings: Pick<SyncerSettings, 'syncBytesPerSecond' | 'tombstoneGraceMs'>,
  ) {
    this.bucket = fullBucket(settings.syncBytesPerSecond, out.self.nowMs());
  }

  get progress(): readonly JobProgress[] {
    const nowMs = this.out.self.nowMs();
    const states = [...this.running.values()].map(({ state }) => state);
    return [...states, ...this.waiting.map((job) => jobOf(job, nowMs))].map(({ job, fetched, total }) => {
      const { id, arc, source, purpose } = job;
      return { id, arc, source: source.addr, purpose, fetched, total };
    });
  }

  /** Begins a job, now or when there is room. One that fetches the same from the same node for the same end is given up. */
  add(job: SyncJob): void {
    if (this.running.has(job.id) || this.waiting.some(({ id }) => id === job.id)) return;
    const isReplaced = (old: SyncJob) =>
      old.purpose === job.purpose &&
      old.source.id === job.source.id &&
      old.arc.lo === job.arc.lo &&
      old.arc.hi === job.arc.hi;
    this.waiting = this.waiting.filter((old) => !isReplaced(old));
    for (const [id, { state }] of this.running) if (isReplaced(state.job)) this.running.delete(id);
    this.waiting = job.purpose === 'rescue' ? [job, ...this.waiting] : [...this.waiting, job];
    this.beginNext();
  }

  /** Gives a job up. Nobody hears of it any more. */
  cancel(id: number): void {
    this.running.delete(id);
    this.waiting = this.waiting.filter((job) => job.id !== id);
    this.beginNext();
  }

  /** Fetches at this part of its rate from now on. */
  slow(share: number): void {
    this.bucket = atRate(this.bucket, this.settings.syncBytesPerSecond * share, this.out.self.nowMs());
  }

  /** What has had no answer for so long has got lost in this node itself, and is asked again. */
  tick(): void {
    const nowMs = this.out.self.nowMs();
    for (const [id, { sinceMs }] of this.running)
      if (nowMs - sinceMs >= LOST_MS) this.step(id, { type: 'failed', isLost: false });
  }

  /** What a job had to wait for has come. */
  due(tag: JobTag): void {
    if (this.running.get(tag.id)?.request === tag.request) this.step(tag.id, { type: 'woken' });
  }

  outcome(message: SyncerOutcome, tag: JobTag): void {
    const entry = this.running.get(tag.id);
    if (entry?.request !== tag.request) return;
    if (message.type === 'rpc_failed') {
      const isLost = !this.out.around.isTrusted(entry.state.job.source);
      return this.step(tag.id, { type: 'failed', isLost });
    }
    const { answer } = message;
    this.bucket = taken(this.bucket, bytesIn(answer), this.out.self.nowMs());
    this.step(tag.id, { type: 'answered', answer });
  }

  /** How many jobs are getting on. */
  private get underWay(): number {
    return [...this.running.values()].filter(({ state }) => state.busySinceMs === undefined).length;
  }

  private beginNext(): void {
    while (this.underWay < JOBS_MAX) {
      const [job, ...rest] = this.waiting;
      if (job === undefined) return;
      this.waiting = rest;
      const nowMs = this.out.self.nowMs();
      const memory = { horizons: this.out.around.horizons(), graceMs: this.settings.tombstoneGraceMs };
      const state = jobOf(job, nowMs, memory);
      this.running.set(job.id, { state, request: 0, sinceMs: nowMs });
      this.step(job.id, { type: 'begun' });
    }
  }

  private step(id: number, event: JobEvent): void {
    const entry = this.running.get(id);
    if (entry === undefined) return;
    const { around, self } = this.out;
    const target = around.store();
    const nowMs = self.nowMs();
    const request = this.out.nextRequest();
    const tag: Tag = { type: 'job', id, request };
    const pauseMs = target === undefined ? STORE_WAIT_MS : waitMs(this.bucket, nowMs);
    if (target === undefined) {
      // The question will be asked again: whatever this was an answer to.
      this.running.set(id, { ...entry, request, sinceMs: nowMs });
      return this.out.later(pauseMs, tag);
    }
    const [state, effect] = stepSync(entry.state, event, target, { nowMs, systemMs: self.systemMs() });
    this.running.set(id, { state, request, sinceMs: nowMs });
    if (effect.type === 'ask' && pauseMs > 0) {
      // That no answer comes meanwhile is nobody's failure.
      const held = { ...state, progressAtMs: state.progressAtMs + pauseMs };
      this.running.set(id, { state: held, request, sinceMs: nowMs + pauseMs });
      return this.out.later(pauseMs, tag);
    }
    this.perform(effect, state, tag);
  }

  /** Whoever has all of an arc must know as well what is too old to come in. */
  private remember({ arc, mode }: SyncJob, { horizons }: Memory): void {
    const { around, self } = this.out;
    if (mode === 'adopt') return around.takeHorizons(arc, horizons, self.systemMs());
    for (const each of horizons) around.raiseHorizon(each.arc, each.horizonMs, self.systemMs());
  }

  /** Asks for no more at a time than may come in a moment. One record comes in any case, however large it is. */
  private inPortions(question: SyncQuestion): SyncQuestion {
    if (question.type !== 'sync_next') return question;
    const portion = Math.max(1, Math.floor((this.bucket.perSecond * PORTION_MS) / 1000));
    return { ...question, bytesMax: Math.min(question.bytesMax, portion) };
  }

  private perform(effect: JobEffect, { job, memory, dropped }: JobState, tag: Tag): void {
    const { around } = this.out;
    const { id, source } = job;
    switch (effect.type) {
      case 'ask':
        return this.out.ask(source, this.inPortions(effect.question), tag);
      case 'wait':
        this.out.later(effect.ms, tag);
        return this.beginNext();
      case 'ended':
        this.running.delete(id);
        this.dropped += dropped;
        if (effect.outcome === 'done') this.remember(job, memory);
        around.handoff.synced(id, effect.outcome);
        return this.beginNext();
      default:
        return unreachable(effect);
    }
  }
}

// Internal

interface Running {
  readonly state: JobState;
  readonly request: number;
  /** When it last went on. */
  readonly sinceMs: number;
}

/** So long takes what is asked for at a time: a source forgets whoever lets it wait, and two jobs share the rate. */
const PORTION_MS = 500;

/** The table is back by then, as a rule. */
const STORE_WAIT_MS = 200;

function bytesIn(answer: SyncAnswer): number {
  return answer.type === 'chunk' || answer.type === 'records' ? recordsBytes(answer.records) : 0;
}
