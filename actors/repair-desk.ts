/**
 * Repair desk: the comparisons of the arcs that a node leads with their members, as the schedule wants them
 * (src/replication/anti-entropy.ts), and no faster than may be repaired.
 */
import type { KeyId } from '../src/chord/id';
import type { Peer } from '../src/chord/peer';
import { type From, replyTo } from '../src/otp';
import type { SyncQuestion } from '../src/protocol/rpc-sync';
import { recordsBytes } from '../src/protocol/rpc-sync-bytes';
import {
  type Agreed,
  duePairs,
  horizonOf,
  idleSchedule,
  type Known,
  ledArcs,
  type Pair,
  type Schedule,
  withArcs,
  withBegun,
  withDue,
  withEnded,
  withWaiting,
} from '../src/replication/anti-entropy';
import {
  type Comparison,
  type ComparisonEffect,
  type ComparisonEvent,
  comparisonOf,
  type ComparisonOutcome,
  stepComparison,
} from '../src/replication/comparison';
import { horizonAt, lowestIn } from '../src/replication/horizons';
import {
  fullRecordBucket,
  recordsAtShare,
  type RecordBucket,
  recordsTaken,
  recordsWaitMs,
} from '../src/replication/token-bucket';
import type { Record } from '../src/store/record';
import { unreachable } from '../src/unreachable';
import type { Horizon, MemberRepairs } from './repair-table';
import { LOST_MS, type Outbox, type SyncerOutcome, type SyncerSettings, type Tag } from './syncer-words';

// API

/** What a full round has come to. */
export interface Repaired {
  /** How many members of how many arcs, counted one by one, have been compared. */
  readonly compared: number;
  readonly differences: number;
  readonly repaired: number;
  /** Those that could not be, or not to the end. */
  readonly failed: number;
}

type ComparisonTag = Extract<Tag, { type: 'comparison' }>;

/** Mutable: it belongs to the replica syncer. */
export class RepairDesk {
  /** How many comparisons have ended. */
  rounds = 0;
  private schedule: Schedule;
  private seen: Pick<Known, 'holdings' | 'ring'> | undefined;
  private readonly running = new Map<string, Running>();
  private waiters: readonly Waiter[] = [];
  private isStrained = false;
  private bucket: RecordBucket;

  constructor(
    private readonly out: Outbox,
    private readonly settings: SyncerSettings,
  ) {
    this.schedule = idleSchedule(settings.antiEntropyIntervalMs);
    this.bucket = fullRecordBucket(REPAIR_RATE, out.self.nowMs());
  }

  get members(): readonly MemberRepairs[] {
    return this.schedule.pairs.map(({ member, arc, epoch, agreedAt, differences, repaired }) => {
      return { addr: member.addr, arc, epoch, agreedAtMs: agreedAt?.monotonicMs, differences, repaired };
    });
  }

  get horizons(): readonly Horizon[] {
    return this.schedule.arcs.map((led) => ({
      arc: led.arc,
      epoch: led.epoch,
      horizonMs: horizonOf(this.schedule, led),
    }));
  }

  /** Repairs at this part of its rate from now on; below 1, what has been found to agree is compared later. */
  slow(share: number): void {
    this.isStrained = share < 1;
    this.bucket = recordsAtShare(this.bucket, share, this.out.self.nowMs());
  }

  /** Begins what is due, after a look at what this node leads now. */
  tick(): void {
    this.look();
    const nowMs = this.out.self.nowMs();
    for (const running of this.running.values())
      if (nowMs - running.sinceMs >= LOST_MS) this.end(running, { type: 'failed' });
    for (const pair of duePairs(this.schedule, nowMs, { isStrained: this.isStrained })) {
      if (this.out.around.store() === undefined) return;
      this.begin(pair);
    }
  }

  /** Everything, or everything with one member, is to be compared soon. */
  due(member?: Peer): void {
    this.schedule = withDue(this.schedule, this.out.self.nowMs(), member);
  }

  /** Compares everything; answers when that has ended. */
  repairAll(from: From<Repaired>): void {
    this.look();
    this.due();
    const pending = new Set(this.schedule.pairs.map(({ key }) => key));
    const waiter = { from, sinceMs: this.out.self.nowMs(), pending, sum: NOTHING };
    this.waiters = [...this.waiters, waiter];
    this.answerWaiters();
    this.tick();
  }

  /** What a comparison had to wait for has come. */
  wake({ key, request }: ComparisonTag): void {
    const running = this.running.get(key);
    if (running?.request !== request) return;
    const { held, pair } = running;
    if (held === undefined) {
      this.schedule = withWaiting(this.schedule, key, false);
      return this.step(key, { type: 'woken' });
    }
    this.running.set(key, { ...running, held: undefined, sinceMs: this.out.self.nowMs() });
    this.out.ask(pair.member, held, { type: 'comparison', key, request });
  }

  outcome(message: SyncerOutcome, { key, request }: ComparisonTag): void {
    // What was compared under a view that is over says nothing of the members that there are now.
    this.look();
    const running = this.running.get(key);
    if (running?.request !== request) return;
    if (message.type === 'rpc_failed') return this.end(running, { type: 'failed' });
    const { answer } = message;
    if (answer.type === 'records') this.take(answer.records);
    this.step(key, { type: 'answered', answer });
  }

  private look(): void {
    const views = this.out.around.views();
    if (views === undefined || (views.holdings === this.seen?.holdings && views.ring === this.seen.ring)) return;
    this.seen = views;
    const [schedule, agreed] = withArcs(this.schedule, ledArcs(views), this.out.self.nowMs());
    this.schedule = schedule;
    const keys = new Set(schedule.pairs.map(({ key }) => key));
    for (const key of this.running.keys()) if (!keys.has(key)) this.running.delete(key);
    for (const waiter of this.waiters) {
      for (const key of waiter.pending) if (!keys.has(key)) count(waiter, key, { ...NOTHING, failed: 1 });
    }
    this.answerWaiters();
    this.tell(agreed);
  }

  private begin(pair: Pair): void {
    const { self, around } = this.out;
    // What this node does not take for true itself it does not tell.
    const horizonMs = Math.min(horizonOf(this.schedule, pair), lowestIn(around.horizons(), pair.arc));
    this.schedule = withBegun(this.schedule, pair.key, { monotonicMs: self.nowMs(), systemMs: self.systemMs() });
    const beganAtMs = self.nowMs();
    this.running.set(pair.key, {
      pair,
      comparison: comparisonOf(pair, horizonMs),
      request: 0,
      held: undefined,
      beganAtMs,
      sinceMs: beganAtMs,
    });
    this.step(pair.key, { type: 'begun' });
  }

  private step(key: string, event: ComparisonEvent): void {
    const running = this.running.get(key);
    if (running === undefined) return;
    const { around, self } = this.out;
    const target = around.store();
    if (target === undefined) return this.end(running, { type: 'failed' });
    const horizons = around.horizons();
    const forgottenBeforeMs = (id: KeyId) => horizonAt(horizons, id) - this.settings.tombstoneGraceMs;
    const ground = { table: target.table, clock: target.clock, systemMs: self.systemMs(), forgottenBeforeMs };
    const [comparison, effect] = stepComparison(running.comparison, event, ground);
    this.perform(effect, { ...running, comparison, request: this.out.nextRequest() });
  }

  private perform(effect: ComparisonEffect, running: Running): void {
    const { pair, request } = running;
    const tag: Tag = { type: 'comparison', key: pair.key, request };
    this.running.set(pair.key, { ...running, sinceMs: this.out.self.nowMs() });
    switch (effect.type) {
      case 'ask':
        return this.ask(effect.question, running, tag);
      case 'wait':
        this.schedule = withWaiting(this.schedule, pair.key, true);
        this.out.later(effect.ms, tag);
        return this.tick();
      case 'ended':
        return this.end(running, effect.outcome);
      default:
        return unreachable(effect);
    }
  }

  private ask(question: SyncQuestion, running: Running, tag: Tag): void {
    const pauseMs = recordsWaitMs(this.bucket, this.out.self.nowMs());
    if (question.type === 'push') this.take(question.records);
    if (question.type === 'ranges' || pauseMs === 0) return this.out.ask(running.pair.member, question, tag);
    this.running.set(running.pair.key, { ...running, held: question });
    this.out.later(pauseMs, tag);
  }

  private take(records: readonly Record[]): void {
    const amount = { records: records.length, bytes: recordsBytes(records) };
    this.bucket = recordsTaken(this.bucket, amount, this.out.self.nowMs());
  }

  private end({ pair, comparison, beganAtMs }: Running, outcome: ComparisonOutcome): void {
    const { around, self } = this.out;
    const { key, member, arc } = pair;
    this.running.delete(key);
    this.rounds += 1;
    const [schedule, agreed] = withEnded(this.schedule, key, outcome, comparison, self.nowMs(), around.random());
    this.schedule = schedule;
    around.raiseHorizon(arc, horizonOf(schedule, pair), self.systemMs());
    if (outcome.type === 'stale') this.out.stale(member, pair, outcome.view);
    const { differences, fetched, pushed } = comparison;
    const isWhole = outcome.type === 'compared' && outcome.isWhole;
    const sum = { compared: 1, differences, repaired: fetched + pushed, failed: isWhole ? 0 : 1 };
    // What began before somebody asked for everything does not count for him.
    for (const waiter of this.waiters) if (beganAtMs >= waiter.sinceMs) count(waiter, key, sum);
    this.answerWaiters();
    this.tell(agreed);
    this.tick();
  }

  private tell(agreed: readonly Agreed[]): void {
    for (const { arc, epoch } of agreed) this.out.around.handoff.agreed(arc, epoch);
  }

  private answerWaiters(): void {
    for (const { from, pending, sum } of this.waiters) if (pending.size === 0) replyTo(from, sum);
    this.waiters = this.waiters.filter(({ pending }) => pending.size > 0);
  }
}

// Internal

interface Running {
  readonly pair: Pair;
  readonly comparison: Comparison;
  readonly request: number;
  /** To be asked as soon as it may. */
  readonly held: SyncQuestion | undefined;
  readonly beganAtMs: number;
  /** When it last went on. */
  readonly sinceMs: number;
}

/** Somebody who waits for a full round. */
interface Waiter {
  readonly from: From<Repaired>;
  readonly sinceMs: number;
  readonly pending: Set<string>;
  sum: Repaired;
}

/** How fast may be repaired: that leaves room for everything else. */
const REPAIR_RATE = { recordsPerSecond: 2000, bytesPerSecond: 4_000_000 };

const NOTHING: Repaired = { compared: 0, differences: 0, repaired: 0, failed: 0 };

function count(waiter: Waiter, key: string, { compared, differences, repaired, failed }: Repaired): void {
  if (!waiter.pending.delete(key)) return;
  const { sum } = waiter;
  waiter.sum = {
    compared: sum.compared + compared,
    differences: sum.differences + differences,
    repaired: sum.repaired + repaired,
    failed: sum.failed + failed,
  };
}
