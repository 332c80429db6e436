/**
 * Handoff process: the process that agrees with other nodes who keeps copies of which arc.
 *
 * What it decides stands in src/replication/views-step.ts and the pages beside it; here messages
 * become its events, and its effects become messages. Each new state is published in a table before
 * anything follows from it, so that whoever serves clients and replicas never acts on less than other
 * nodes have been told. Its beat, in the same row, shows that the node has not been stopped: whoever
 * serves a key looks at it.
 *
 * Records do not pass through it: the replica syncer fetches them, and says how that has ended.
 *
 * A crash loses what was under way, which is begun again; what this node has promised and adopted outlives it
 * with the table. Where that is lost as well, or the key-value table on which others count, the node must end:
 * started again it is another incarnation, of which nobody expects anything. While the key-value table is being
 * restarted, everything waits: without its clock no promise could be kept. Started by supervisors/replication-sup.ts.
 */
import { isOfFuture, type Peer } from '../src/chord/peer';
import type { Range } from '../src/chord/range';
import {
  type Answered,
  cannotStart,
  ets,
  type From,
  type GenServer,
  genServer,
  type Handled,
  noReply,
  reply,
  replyTo,
  type Self,
  started,
} from '../src/otp';
import type { RpcAnswer } from '../src/protocol/rpc-messages';
import type { SyncAnswer, SyncQuestion } from '../src/protocol/rpc-sync';
import type { ViewAnswer, ViewQuestion } from '../src/protocol/rpc-views';
import type { Horizons } from '../src/replication/horizons';
import { isSameRing, type RingView } from '../src/replication/ring-view';
import { afterCrash, noViews, sharesArcs, type Views } from '../src/replication/views';
import {
  BEAT_INTERVAL_MS,
  type LeaveOutcome,
  type SyncJob,
  type ViewsEffect,
  type ViewsEvent,
  type ViewsQuestion,
} from '../src/replication/views-protocol';
import { stepViews } from '../src/replication/views-step';
import type { Target } from '../src/store/local-write';
import { unreachable } from '../src/unreachable';
import { type ArcsRow, type Call, type Cast, type Left, NAME, TABLE } from './handoff';
import { HandoffLog } from './handoff-log';
import * as keptTable from './kept-table';
import type { RpcOutcome } from './peer-link';
import { openingFor } from './opening';
import { registered } from './registered';
import { type ReplyAddress, refuseRpc, replyRpc } from './rpc-reply';
import { type LeftoversTag, SurplusDrop } from './surplus-drop';

// API

/** What handoff sees of its node, and what it can ask of it. The real one is in handoff-surroundings.ts. */
export interface Surroundings {
  /** The ring's pointers; undefined while they are in nobody's hands. */
  ring(): RingView | undefined;
  /** The key-value table; undefined while it is being restarted. */
  store(): Target | undefined;
  /** Up to when what is in it is known to be equal everywhere. */
  horizons(): Horizons;
  /** The view of an arc begins empty: nothing is too old for it. */
  beginAnew(arc: Range, systemMs: number): void;
  /** Asks another node; the outcome comes to the running process. */
  ask(
    to: Peer,
    question: ViewQuestion | SyncQuestion,
    options: { readonly tag: Tag; readonly timeoutMs: number | undefined },
  ): void;
  /** Has an arc fetched; how that ends comes by {@link synced}. */
  sync(job: SyncJob): void;
  /** Nobody wants to hear any more how this ends. */
  cancelSync(job: number): void;
  /** From 0 up to 1. */
  random(): number;
}

export interface Args {
  readonly self: Peer;
  /** How many copies there are to be of each key. */
  readonly replicas: number;
  /** How long records stay that it need not keep any more. @default 30 s */
  readonly cleanUpDelayMs?: number;
  /** A node begins with no views; one that has had any, or is ready, and is begun with none has lost them. Written here. */
  readonly life: { readonly state: 'joining' | 'active' | 'leaving'; hasHadViews?: boolean };
  readonly around: Surroundings;
}

export const startLink = (args: Args) => genServer.startLink(callbacks, args, registered(NAME));

// State and messages

interface State {
  readonly args: Args;
  readonly views: Views;
  /** Who wrote what the key-value table has; undefined before it was first seen. */
  readonly writer: ArcsRow['writer'];
  /** What waits for the key-value table. */
  readonly held: readonly Held[];
  /** Who waits to hear that this node may leave. */
  readonly leavers: readonly From<Left>[];
  /** What the replica syncer is to fetch. */
  readonly jobs: ReadonlyMap<number, SyncJob>;
  /** Mutable. */
  readonly surplus: SurplusDrop;
  readonly log: HandoffLog;
}

interface Held {
  readonly event: ViewsEvent;
  readonly replyAddress: ReplyAddress | undefined;
}

/** Which question an outcome is about. */
export type Tag = { readonly type: 'view'; readonly request: number } | LeftoversTag;

type Info =
  | { readonly type: 'tick' }
  | { readonly type: 'rpc_asked'; readonly question: ViewsQuestion; readonly replyTo: ReplyAddress }
  | { readonly type: 'slice_dropped'; readonly event: ViewsEvent }
  | RpcOutcome<Tag>
  | keptTable.KeptMessage;

/** Whoever makes a view waits no longer for its members. */
const QUESTION_TIMEOUT_MS = 1000;

/** How long everything else has its turn after a slice of records was dropped: a slice takes a few milliseconds. */
const SLICE_PAUSE_MS = 5;

/** How much may wait for the key-value table; what comes then is not done, as if it had been lost on its way. */
const HELD_MAX = 1024;

// Callbacks

const callbacks: GenServer<Args, State, Call, Cast, Info> = {
  async init(args, self) {
    const row = await keptTable.keep(TABLE, 'arcs', self);
    return self.run(() => {
      if (row === undefined && (args.life.state !== 'joining' || args.life.hasHadViews === true)) {
        return cannotStart('views_lost');
      }
      const mine = row?.views.self.inc === args.self.inc ? row : undefined;
      const nowMs = self.nowMs();
      const views = mine
        ? afterCrash(mine.views, nowMs)
        : noViews(args.self, args.replicas, nowMs, args.cleanUpDelayMs);
      const state = stateWith(args, views, mine?.writer);
      publish(state);
      // What was to be fetched is asked for anew.
      for (const { job } of mine?.views.lessons ?? []) if (job) args.around.cancelSync(job.id);
      self.sendEvery(BEAT_INTERVAL_MS, { type: 'tick' });
      return started(happened({ type: 'tick' }, state, self));
    });
  },

  handleCall(request, from, state, self): Answered<Left | true, State> {
    const nowMs = self.nowMs();
    switch (request.type) {
      case 'create':
        return reply(true, happened({ type: 'create' }, state, self));
      case 'move_out':
        return reply(true, happened({ type: 'move_out', untilMs: nowMs + request.forMs }, state, self));
      case 'leave': {
        const waiting = { ...state, leavers: [...state.leavers, from as From<Left>] };
        return noReply(happened({ type: 'leave', deadlineMs: nowMs + request.withinMs }, waiting, self));
      }
      default:
        return unreachable(request);
    }
  },

  handleCast(message, state, self) {
    switch (message.type) {
      case 'ring_changed':
        return noReply(happened({ type: 'tick' }, state, self));
      case 'syncer_started':
        for (const job of state.jobs.values()) state.args.around.sync(job);
        return noReply(state);
      default:
        return noReply(happened(message, state, self));
    }
  },

  handleInfo(message, state, self): Handled<State> {
    switch (message.type) {
      case 'tick':
        return noReply(happened(message, state, self));
      case 'slice_dropped':
        return noReply(happened(message.event, state, self));
      case 'rpc_asked':
        return noReply(asked(message.question, message.replyTo, state, self));
      case 'rpc_answered':
      case 'rpc_failed':
        return noReply(outcome(message, state, self));
      case 'DOWN':
      case 'find_heir':
      case 'ETS-TRANSFER':
        keptTable.attend(TABLE, message, self);
        return noReply(state);
      default:
        return unreachable(message);
    }
  },

  formatStatus: ({ views, held, jobs, leavers }) => ({
    ...views,
    ring: undefined,
    held: held.length,
    jobs: [...jobs.values()],
    leavers: leavers.length,
  }),
};

const stateWith = (args: Args, views: Views, writer: State['writer']): State => ({
  args,
  views,
  writer,
  held: [],
  leavers: [],
  jobs: new Map(),
  surplus: new SurplusDrop((to, question, options) => args.around.ask(to, question, options)),
  log: new HandoffLog(),
});

// What comes

function asked(question: ViewsQuestion, replyAddress: ReplyAddress, state: State, self: Self<Info>): State {
  if (state.args.around.store() === undefined) {
    refuseRpc(replyAddress, 'overloaded', 'Cannot answer: the key-value table is being restarted');
    return state;
  }
  return happened({ type: 'asked', from: replyAddress.from, question }, state, self, replyAddress);
}

function outcome(message: RpcOutcome<Tag>, state: State, self: Self<Info>): State {
  const { tag } = message;
  if (tag.type === 'leftovers') return leftoversOutcome(message, tag, state, self);
  const isRefused = message.type === 'rpc_failed' && message.failure.isRefused === true;
  const driftMs = state.args.around.store()?.clock.maxDriftMs ?? 0;
  if (message.type === 'rpc_failed' || isOfFuture(message.from, self.systemMs(), driftMs))
    return happened({ type: 'failed', request: tag.request, isRefused }, state, self);
  const { answer, from } = message;
  // A link lets nothing through but an answer to what was asked.
  return happened({ type: 'answered', request: tag.request, from, answer: answer as ViewAnswer }, state, self);
}

/** What happens while the key-value table is being restarted waits for it, in its order. */
function happened(event: ViewsEvent, state: State, self: Self<Info>, replyAddress?: ReplyAddress): State {
  const target = state.args.around.store();
  if (target !== undefined) {
    const { held } = state;
    const ready = looked(target, held.length === 0 ? state : { ...state, held: [] }, self);
    const caughtUp = held.reduce((at, each) => advance(each.event, at, self, target, each.replyAddress), ready);
    return advance(event, caughtUp, self, target, replyAddress);
  }
  if (event.type === 'tick' || state.held.length >= HELD_MAX) return state;
  return { ...state, held: [...state.held, { event, replyAddress }] };
}

/** Whoever writes into the table now has not written what was in it when it was last seen: all of that is lost. */
function looked(target: Target, state: State, self: Self<Info>): State {
  const { writer } = target.clock.stamp;
  if (state.writer === writer) return state;
  if (state.writer !== undefined && sharesArcs(state.views)) throw new Error('What this node has acknowledged is lost');
  const next = { ...state, writer };
  if (state.writer !== undefined) return advance({ type: 'store_lost' }, next, self, target);
  publish(next);
  return next;
}

/** One event, and those that its effects bring about at once. The pointers are looked at first: they move by themselves. */
function advance(
  event: ViewsEvent,
  before: State,
  self: Self<Info>,
  target: Target,
  replyAddress?: ReplyAddress,
): State {
  const { around } = before.args;
  const ring = around.ring();
  const random = () => around.random();
  const isNews = ring !== undefined && !isSameRing(ring, before.views.ring);
  const events: ViewsEvent[] = isNews ? [{ type: 'ring', ring }, event] : [event];
  let state = before;
  for (let next = events.shift(); next; next = events.shift()) {
    const [views, effects] = stepViews(state.views, next, self.nowMs(), random, target.clock.stamp);
    if (views !== state.views) {
      state = { ...state, views };
      publish(state);
    }
    const question = next.type === 'asked' ? next.question : undefined;
    const way: Way = { target, self, horizons: around.horizons(), question, replyAddress };
    if (next.type === 'synced') state = { ...state, jobs: without(state.jobs, next.job) };
    for (const effect of effects) {
      const [performed, follows] = perform(effect, state, way);
      state = performed;
      if (follows) events.push(follows);
    }
  }
  return state;
}

function publish({ args, views, writer }: State): void {
  // It may have promised something, or vote, long before it is ready.
  if (views.holdings.length > 0) args.life.hasHadViews = true;
  ets.insert(TABLE, { id: 'arcs', views, beatMs: views.beatMs, writer });
}

// What is to be done

interface Way {
  readonly target: Target;
  readonly horizons: Horizons;
  readonly self: Self<Info>;
  /** What this is the answer to. */
  readonly question: ViewsQuestion | undefined;
  readonly replyAddress: ReplyAddress | undefined;
}

type Performed = readonly [State, (ViewsEvent | undefined)?];

function perform(effect: ViewsEffect, state: State, way: Way): Performed {
  const { around } = state.args;
  const { target, self } = way;
  switch (effect.type) {
    case 'ask': {
      const tag: Tag = { type: 'view', request: effect.request };
      around.ask(effect.to, effect.question, { tag, timeoutMs: QUESTION_TIMEOUT_MS });
      return [state];
    }
    case 'answer':
    case 'answer_sealed':
      if (way.replyAddress) replyRpc(way.replyAddress, answerOf(effect, way));
      return [state];
    case 'observe':
      for (const version of effect.versions) target.clock.observe(version, self.systemMs());
      return [state];
    case 'sync':
      around.sync(effect.job);
      return [{ ...state, jobs: new Map(state.jobs).set(effect.job.id, effect.job) }];
    case 'cancel_sync':
      around.cancelSync(effect.job);
      return [{ ...state, jobs: without(state.jobs, effect.job) }];
    case 'drop':
      return [state, dropped(effect, state, way)];
    case 'begin_anew':
      around.beginAnew(effect.arc, self.systemMs());
      return [state];
    case 'report':
      state.log.report(effect, self.runtime.logger, self.nowMs());
      return [state];
    case 'left':
      return [sayLeft(effect.outcome, state, target)];
    default:
      return unreachable(effect);
  }
}

/** Slice after slice in one turn would stop the node for seconds; and by the next one what is left may be wanted again. */
function dropped(effect: Extract<ViewsEffect, { type: 'drop' }>, { surplus }: State, way: Way): ViewsEvent | undefined {
  const event = surplus.drop(effect, way.target.table);
  if (event?.type !== 'dropped' || event.isAll) return event;
  way.self.sendAfter(SLICE_PAUSE_MS, way.self.pid, { type: 'slice_dropped', event });
  return undefined;
}

function answerOf(effect: Extract<ViewsEffect, { type: 'answer' | 'answer_sealed' }>, way: Way): RpcAnswer {
  const { target, question } = way;
  if (effect.type === 'answer_sealed') return { type: 'sealed', pieces: effect.pieces, clock: target.clock.latest };
  const { answer } = effect;
  return answer.type === 'opened' ? openingFor(target, question, answer, way.horizons) : answer;
}

function leftoversOutcome(message: RpcOutcome<Tag>, tag: LeftoversTag, state: State, self: Self<Info>): State {
  // A link lets nothing through but an answer to what was asked.
  const answer = message.type === 'rpc_answered' ? (message.answer as SyncAnswer) : undefined;
  const event = state.surplus.answered(tag, answer, state.args.around.store()?.table);
  return event ? happened(event, state, self) : state;
}

function sayLeft(outcome: LeaveOutcome, state: State, { table }: Target): State {
  const { keys, tombstones } = table.stats();
  const recordsLeft = outcome === 'handed_over' || outcome === 'nothing' ? 0 : keys + tombstones;
  for (const from of state.leavers) replyTo(from, { outcome, recordsLeft });
  return { ...state, leavers: [] };
}

// Parts

function without<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): ReadonlyMap<Key, Value> {
  return map.has(key) ? new Map([...map].filter(([other]) => other !== key)) : map;
}
