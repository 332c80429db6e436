/**
 * Job desk: the arcs that a node is fetching. Two at a time, not counting those whose source has others to serve first, and
 * no faster than the node may fetch; those that save what is left of an arc wait for no others, for nobody serves it
 * meanwhile. All others leave clients the most of the time (src/replication/pace.ts). Where the rate is low, less is asked for at a
 * time; and what this node itself holds back is not lost.
 */
import type { SyncAnswer, SyncQuestion } from '../src/protocol/rpc-sync';
import { recordsBytes } from '../src/protocol/rpc-sync-bytes';
import { FIRST_PACE, type Pace, paceAfter, pauseMs, portionBytes } from '../src/replication/pace';
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

/** Most jobs that are under way, and most that save what is left of an arc. */
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
    if (this.running.has(job.id) || this.waiting.some((other) => other.id === job.id)) return;
    const isReplaced = (old: SyncJob) =>
      old.purpose === job.purpose &&
      old.source.id === job.source.id &&
      old.arc.lo === job.arc.lo &&
      old.arc.hi === job.arc.hi;
    const others = this.waiting.filter((other) => !isReplaced(other));
    for (const [id, { state }] of this.running) if (isReplaced(state.job)) this.running.delete(id);
    this.waiting = job.purpose === 'rescue' ? [job, ...others] : [...others, job];
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

  /** What a job had to wait for has come: its turn, or that it may go on. */
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
    const bytes = bytesIn(answer);
    this.bucket = taken(this.bucket, bytes, this.out.self.nowMs());
    this.step(tag.id, { type: 'answered', answer }, bytes);
  }

  /** Whether there is room for a job. What saves an arc has a room of its own: it does not wait for what pauses. */
  private hasRoomFor({ purpose }: SyncJob): boolean {
    const isRescue = purpose === 'rescue';
    const alike = [...this.running.values()].filter(
      ({ state: { job, busySinceMs } }) => busySinceMs === undefined && (job.purpose === 'rescue') === isRescue,
    );
    return alike.length < JOBS_MAX;
  }

  private beginNext(): void {
    for (;;) {
      const job = this.waiting.find((each) => this.hasRoomFor(each));
      if (job === undefined) return;
      this.waiting = this.waiting.filter((each) => each !== job);
      const nowMs = this.out.self.nowMs();
      const memory = { horizons: this.out.around.horizons(), graceMs: this.settings.tombstoneGraceMs };
      const state = jobOf(job, nowMs, memory);
      this.running.set(job.id, { state, pace: FIRST_PACE, request: 0, sinceMs: nowMs });
      this.step(job.id, { type: 'begun' });
    }
  }

  /** One event; where it is an answer, `bytes` of records have come with it. */
  private step(id: number, event: JobEvent, bytes = 0): void {
    const entry = this.running.get(id);
    if (entry === undefined) return;
    const { around, self } = this.out;
    const target = around.store();
    const nowMs = self.nowMs();
    // Without a table the question will be asked again: whatever this was an answer to.
    if (target === undefined) return this.hold(entry, STORE_WAIT_MS);
    const [state, effect] = stepSync(entry.state, event, target, { nowMs, systemMs: self.systemMs() });
    const tookMs = event.type === 'answered' ? self.nowMs() - entry.sinceMs : undefined;
    const pace = tookMs === undefined ? entry.pace : paceAfter(entry.pace, tookMs, bytes);
    const restMs = tookMs === undefined ? 0 : pauseMs(state.job.purpose, pace, tookMs, bytes);
    const next = { ...entry, state, pace };
    const holdMs = effect.type === 'ask' ? Math.max(restMs, waitMs(this.bucket, nowMs)) : 0;
    if (holdMs > 0) return this.hold(next, holdMs);
    const request = this.out.nextRequest();
    this.running.set(id, { ...next, request, sinceMs: nowMs });
    this.perform(effect, next, { type: 'job', id, request });
  }

  /** Lets a job wait for a while. That no answer comes meanwhile is nobody's failure. */
  private hold({ state, pace }: Running, ms: number): void {
    const { id } = state.job;
    const request = this.out.nextRequest();
    const held = { ...state, progressAtMs: state.progressAtMs + ms };
    this.running.set(id, { state: held, pace, request, sinceMs: this.out.self.nowMs() + ms });
    this.out.later(ms, { type: 'job', id, request });
  }

  /** Whoever has all of an arc must know as well what is too old to come in. */
  private remember({ arc, mode }: SyncJob, { horizons }: Memory): void {
    const { around, self } = this.out;
    if (mode === 'adopt') return around.takeHorizons(arc, horizons, self.systemMs());
    for (const each of horizons) around.raiseHorizon(each.arc, each.horizonMs, self.systemMs());
  }

  /** Asks for no more at a time than may come in a moment. One record comes in any case, however large it is. */
  private inPortions(question: SyncQuestion, { state: { job }, pace }: Running): SyncQuestion {
    if (question.type !== 'sync_next') return question;
    const portion = Math.max(1, Math.floor((this.bucket.perSecond * PORTION_MS) / 1000));
    return { ...question, bytesMax: Math.min(question.bytesMax, portion, portionBytes(job.purpose, pace)) };
  }

  private perform(effect: JobEffect, running: Running, tag: Tag): void {
    const { around } = this.out;
    const { job, memory, dropped } = running.state;
    const { id, source } = job;
    switch (effect.type) {
      case 'ask':
        return this.out.ask(source, this.inPortions(effect.question, running), tag);
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
  readonly pace: Pace;
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
