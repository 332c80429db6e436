/**
 * Copy keeper: what keeps copies of keys in a simulated node. The cores are those of a real one; what the actors
 * of a real node do around them, this does with the world's time and network.
 */
import type { KeyId } from '../../chord/id';
import type { Peer } from '../../chord/peer';
import { latestNowMs } from '../../replication/clock-watch';
import {
  credible,
  forgetDead,
  type Horizons,
  horizonsOf,
  isForgotten,
  NO_HORIZONS,
  partsRaised,
  withCredible,
  withoutHorizons,
  withTaken,
} from '../../replication/horizons';
import { HybridClock } from '../../replication/hybrid-clock';
import { answerReplicaFrom } from '../../replication/replica-answers';
import { isSameRing, ringView } from '../../replication/ring-view';
import type { Memory } from '../../replication/sync-job';
import { writerId } from '../../replication/version';
import { isMember, type View } from '../../replication/view';
import { noViews, viewsKnown, type Views, waitedMs } from '../../replication/views';
import {
  BEAT_INTERVAL_MS,
  type LeaveOutcome,
  type ViewsEffect,
  type ViewsEvent,
  type ViewsQuestion,
} from '../../replication/views-protocol';
import { stepViews } from '../../replication/views-step';
import type { Target } from '../../store/local-write';
import { MemoryTable } from '../../store/memory-table';
import { unreachable } from '../../unreachable';
import type { CopyAnswer, CopyQuestion } from '../packet';
import type { Keeper, KeeperHost } from '../surroundings';
import { CopyClock } from './copy-clock';
import { CopyDrop } from './copy-drop';
import { CopyHints } from './copy-hints';
import { CopyRequests } from './copy-requests';
import { CopySyncer } from './copy-syncer';
import type { CopyWorld, KeptNode } from './copy-world';

type Reply = (answer: CopyAnswer) => void;

const QUESTION_TIMEOUT_MS = 1000;
const FORGET_INTERVAL_MS = 1000;
const FORGET_SLICE = 1000;
const CIRCLE_END = 'f'.repeat(40) as View['arc']['lo'];
const WHOLE = { lo: CIRCLE_END, hi: CIRCLE_END };

/** What keeps copies in one process, from its start to its end. */
export class CopyKeeper implements Keeper, KeptNode {
  readonly target: Target;
  readonly requests: CopyRequests;
  readonly syncer: CopySyncer;
  readonly hints: CopyHints;
  readonly clockWatch: CopyClock;
  private readonly surplus: CopyDrop;
  views: Views;
  horizons: Horizons = NO_HORIZONS;
  private least: Horizons = NO_HORIZONS;
  private onLeft: ((outcome: LeaveOutcome) => void) | undefined;

  constructor(
    readonly host: KeeperHost,
    readonly world: CopyWorld,
  ) {
    const { self } = host;
    const writer = world.writers.intern(writerId(self.id, self.inc));
    this.target = { table: new MemoryTable(), clock: new HybridClock(writer, world.settings) };
    this.views = noViews(self, world.settings.replicas, world.nowMs(), world.settings.cleanUpDelayMs);
    this.syncer = new CopySyncer(this);
    this.hints = new CopyHints(this, (peer) => this.syncer.due(peer));
    this.clockWatch = new CopyClock(this);
    this.surplus = new CopyDrop(this);
    this.requests = new CopyRequests(this);
    this.beat();
    this.forget();
  }

  get nowMs(): number {
    return this.world.nowMs();
  }

  get systemMs(): number {
    return this.world.systemMs(this.host.self);
  }

  get memory(): Memory {
    const { tombstoneGraceMs, leftOut } = this.world.settings;
    const graceMs = leftOut.includes('keeping_out') ? Number.POSITIVE_INFINITY : tombstoneGraceMs;
    return { horizons: this.horizons, graceMs };
  }

  /** How long a write that is read now may have waited already. */
  get waitedMs(): number {
    return waitedMs(this.views, this.views.beatMs, this.nowMs);
  }

  get isSkewed(): boolean {
    return this.clockWatch.reading.isSkewed && !this.world.settings.leftOut.includes('clock_watch');
  }

  hint(to: Peer, key: KeyId): void {
    this.hints.add(to, key);
  }

  /** Makes the first view of a new ring. */
  create(): void {
    this.happened({ type: 'create' });
  }

  /** Has others take over all that it keeps. */
  leave(withinMs: number, done: (outcome: LeaveOutcome) => void): void {
    this.onLeft = done;
    this.happened({ type: 'leave', deadlineMs: this.nowMs + withinMs });
  }

  asked(from: Peer, question: CopyQuestion, reply: Reply): void {
    switch (question.type) {
      case 'get':
      case 'put':
      case 'delete':
        return this.requests.passedOn(from, question, reply);
      case 'put_replica':
      case 'get_replica':
      case 'sync_next':
      case 'ranges':
      case 'fetch':
      case 'push':
        this.noteListener(from, question);
        reply(this.answerReplica(from, question));
        return undefined;
      default:
        return this.happened({ type: 'asked', from, question }, { question, reply });
    }
  }

  verdict(peer: Peer, isAlive: boolean): void {
    this.happened({ type: 'verdict', peer, isAlive });
    if (!isAlive) return;
    this.hints.heardOf(peer);
    this.syncer.due(peer);
  }

  ringChanged(): void {
    this.happened({ type: 'tick' });
  }

  /** The replicas of an arc agree up to then. */
  raiseHorizon(arc: View['arc'], horizonMs: number): void {
    this.horizons = partsRaised(arc, horizonMs, this.least).reduce(
      (raised, part) => withCredible(raised, part, horizonMs, this.latestMs),
      credible(this.horizons, this.latestMs),
    );
  }

  /** All of an arc has been fetched from a node that knows these of it. */
  takeHorizons(arc: View['arc'], ofSource: Horizons): void {
    this.horizons = credible(withTaken(this.horizons, arc, ofSource), this.latestMs);
  }

  /** One event, and those that its effects bring about at once. The pointers are looked at first. */
  happened(event: ViewsEvent, way?: { readonly question: ViewsQuestion; readonly reply: Reply }): void {
    const ring = ringView(this.host.member);
    const events: ViewsEvent[] = isSameRing(ring, this.views.ring) ? [event] : [{ type: 'ring', ring }, event];
    for (let next = events.shift(); next; next = events.shift()) {
      const [views, effects] = stepViews(this.views, next, this.nowMs, () => this.world.random(), this.clock.stamp);
      this.views = views;
      const answers = next === event ? way : undefined;
      for (const effect of effects) {
        const follows = this.perform(effect, answers);
        if (follows) events.push(follows);
      }
    }
  }

  // Internal

  private get latestMs(): number {
    return latestNowMs(this.clockWatch.reading, this.systemMs, this.world.settings.maxDriftMs);
  }

  private get clock(): HybridClock {
    return this.target.clock;
  }

  private beat(): void {
    this.host.after(BEAT_INTERVAL_MS, () => {
      this.happened({ type: 'tick' });
      this.syncer.tick();
      this.hints.tick();
      this.beat();
    });
  }

  private forget(): void {
    const { tombstoneGraceMs: graceMs, leftOut } = this.world.settings;
    this.host.after(FORGET_INTERVAL_MS, () => {
      this.horizons = credible(this.horizons, this.latestMs);
      const horizons = leftOut.includes('horizons') ? [{ arc: WHOLE, horizonMs: this.systemMs }] : this.horizons;
      forgetDead(this.target.table, horizons, { graceMs, looksMax: FORGET_SLICE });
      this.forget();
    });
  }

  private answerReplica(from: Peer, question: Parameters<typeof answerReplicaFrom>[2]): CopyAnswer {
    const { horizons, graceMs } = this.memory;
    const answer = answerReplicaFrom(this.views, this.target, question, {
      from,
      systemMs: this.systemMs,
      isForgotten: (record) => isForgotten(horizons, record, graceMs),
    });
    if (question.type === 'ranges' && answer.type === 'compared') this.raiseHorizon(question.arc, question.horizonMs);
    return answer;
  }

  /** A newcomer goes on fetching. */
  private noteListener(from: Peer, question: CopyQuestion): void {
    if (question.type !== 'sync_next' && question.type !== 'ranges' && question.type !== 'fetch') return;
    const [view] = viewsKnown(this.views, question.arc);
    if (view && !isMember(view, from)) this.happened({ type: 'listener_seen', peer: from, arc: question.arc });
  }

  private perform(
    effect: ViewsEffect,
    way: { question: ViewsQuestion; reply: Reply } | undefined,
  ): ViewsEvent | undefined {
    const { host } = this;
    switch (effect.type) {
      case 'ask': {
        const { request, question, to } = effect;
        host.askKeeper(to, question, QUESTION_TIMEOUT_MS, (outcome) => {
          if (outcome.type === 'failed')
            return this.happened({ type: 'failed', request, isRefused: outcome.code === 'unreachable' });
          const { answering, from } = outcome;
          const answer = answering.type === 'copies' ? answering.answer : undefined;
          this.happened({ type: 'answered', request, from, answer: answer as never });
        });
        return undefined;
      }
      case 'answer':
      case 'answer_sealed':
        way?.reply(this.answerOf(effect, way.question));
        return undefined;
      case 'observe':
        for (const version of effect.versions) this.clock.observe(version, this.systemMs);
        return undefined;
      case 'sync':
        this.syncer.add(effect.job);
        return undefined;
      case 'cancel_sync':
        this.syncer.cancel(effect.job);
        return undefined;
      case 'drop':
        return this.surplus.drop(effect);
      case 'begin_anew':
        this.horizons = withoutHorizons(this.horizons, effect.arc);
        this.least = [
          ...this.least,
          { arc: effect.arc, horizonMs: this.systemMs + this.world.settings.tombstoneGraceMs },
        ];
        return undefined;
      case 'report':
        this.world.report(effect.event, host.self, effect.arc);
        return undefined;
      case 'left':
        this.onLeft?.(effect.outcome);
        return undefined;
      default:
        return unreachable(effect);
    }
  }

  private answerOf(
    effect: Extract<ViewsEffect, { type: 'answer' | 'answer_sealed' }>,
    question: ViewsQuestion,
  ): CopyAnswer {
    if (effect.type === 'answer_sealed') return { type: 'sealed', pieces: effect.pieces, clock: this.clock.latest };
    const { answer } = effect;
    if (answer.type !== 'opened') return answer;
    if (question.type !== 'sync_open') throw new Error('Only who begins to fetch an arc is told what is in it');
    return {
      ...answer,
      floor: this.clock.stamp,
      digest: this.target.table.digest(question.arc),
      bytes: 0,
      horizons: horizonsOf(this.horizons, [question.arc]),
    };
  }
}
