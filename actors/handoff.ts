/**
 * Handoff: the process that agrees with other nodes who keeps copies of which arc.
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
 * with the table. When the table is lost as well, the node keeps copies of nothing until it is asked to. While the
 * key-value table is being restarted, everything waits: without its clock no promise could be kept.
 * Started by supervisors/replication-sup.ts.
 */
import type { Peer } from '../src/chord/peer';
import type { Range } from '../src/chord/range';
import {
  type Answered,
  type Ask,
  ets,
  type From,
  type GenServer,
  genServer,
  type Handled,
  noReply,
  reply,
  replyTo,
  type Self,
  serverNamed,
  started,
} from '../src/otp';
import type { RpcAnswer } from '../src/protocol/rpc-messages';
import type { PutReplica } from '../src/protocol/rpc-data';
import type { ViewAnswer, ViewQuestion } from '../src/protocol/rpc-views';
import type { Epoch } from '../src/replication/epoch';
import type { RingView } from '../src/replication/ring-view';
import type { View } from '../src/replication/view';
import { afterCrash, isSafeToStop, noViews, stateOf, type Views } from '../src/replication/views';
import {
  BEAT_INTERVAL_MS,
  type LeaveOutcome,
  type SyncJob,
  type SyncOutcome,
  type ViewsEffect,
  type ViewsEvent,
  type ViewsQuestion,
  type ViewsReport,
} from '../src/replication/views-protocol';
import { stepViews } from '../src/replication/views-step';
import type { Target } from '../src/store/local-write';
import { unreachable } from '../src/unreachable';
import * as keptTable from './kept-table';
import type { RpcOutcome } from './peer-link';
import { registered } from './registered';
import { type ReplyAddress, refuseRpc, replyRpc } from './rpc-reply';
import { StrayBatch } from './stray-batch';
import * as viewsTable from './views-table';

// API

/** What handoff sees of its node, and what it can ask of it. The real one is in handoff-surroundings.ts. */
export interface Surroundings {
  /** The ring's pointers; undefined while they are in nobody's hands. */
  ring(): RingView | undefined;
  /** The key-value table; undefined while it is being restarted. */
  store(): Target | undefined;
  /** Asks another node; the outcome comes to the running process. */
  ask(
    to: Peer,
    question: ViewQuestion | PutReplica,
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
  readonly around: Surroundings;
}

/** What the others in this node tell it. */
export type Cast =
  | { readonly type: 'ring_changed' }
  /** The replica syncer begins anew: it does not know what it was fetching. */
  | { readonly type: 'syncer_started' }
  | Extract<ViewsEvent, { type: 'verdict' | 'heard_of' | 'unaware' | 'synced' | 'agreed' | 'listener_seen' }>;

/** How leaving has ended, and how many records no other node has been found for. */
export interface Left {
  readonly outcome: LeaveOutcome;
  readonly recordsLeft: number;
}

export const NAME = serverNamed<Call, Cast>('handoff');
export const startLink = (args: Args) => genServer.startLink(callbacks, args, registered(NAME));

/** What this node keeps copies of: one look-up, no hop. Undefined until it is known, or when it is lost. */
export const read = (): viewsTable.ArcsRow | undefined => keptTable.rowOf(TABLE, 'arcs');

/** What this node is doing, as others see it. */
export function state(): 'joining' | 'active' | 'leaving' {
  const row = read();
  return row ? stateOf(row.views) : 'joining';
}

/** Whether every key that this node has a copy of would still be served, and by as many as decide, if it stopped now. */
export function safeToStop(): boolean {
  const row = read();
  return row !== undefined && isSafeToStop(row.views);
}

/** A call between replicas has shown that there is this view. */
export const heardOf = (view: View) => genServer.cast(NAME, { type: 'heard_of', view });

/** A call between replicas has shown that this member has missed a view of the arc. */
export const unaware = (peer: Peer, arc: Range) => genServer.cast(NAME, { type: 'unaware', peer, arc });

/** Fetching an arc has ended. */
export const synced = (job: number, outcome: SyncOutcome) => genServer.cast(NAME, { type: 'synced', job, outcome });

/** All members of a view that this node leads have been compared with it twice since it began, and agree. */
export const agreed = (arc: Range, epoch: Epoch) => genServer.cast(NAME, { type: 'agreed', arc, epoch });

/** A newcomer has been seen to go on fetching. */
export const listenerSeen = (peer: Peer, arc: Range) => genServer.cast(NAME, { type: 'listener_seen', peer, arc });

/** The replica syncer is there, and has nothing to do yet. */
export const syncerStarted = () => genServer.cast(NAME, { type: 'syncer_started' });

/** Makes the first view of a new ring, of which this node is the first member. */
export const create = () => genServer.call(NAME, { type: 'create' });

/**
 * Has others take over all that this node keeps copies of, before it leaves the ring. Answers when that
 * is done, or when there is nothing to be done, or after `withinMs`.
 */
export const leave = (withinMs = LEAVE_MS) =>
  genServer.call(NAME, { type: 'leave', withinMs }, withinMs + LEAVE_GRACE_MS);

/**
 * Gives up the ring of its own that a node is alone in, with nothing in it, so that it can join another; for no
 * longer than this. With 0, it makes one anew.
 */
export const moveOut = (forMs: number) => genServer.call(NAME, { type: 'move_out', forMs });

// State and messages

interface State {
  readonly args: Args;
  readonly views: Views;
  /** Who wrote what the key-value table has; undefined before it was first seen. */
  readonly writer: viewsTable.ArcsRow['writer'];
  /** What waits for the key-value table. */
  readonly held: readonly Held[];
  /** Who waits to hear that this node may leave. */
  readonly leavers: readonly From<Left>[];
  /** What the replica syncer is to fetch. */
  readonly jobs: ReadonlyMap<number, SyncJob>;
  /** Records that are on their way to who is to have them, before they are dropped here. */
  readonly batch: StrayBatch | undefined;
}

interface Held {
  readonly event: ViewsEvent;
  readonly replyAddress: ReplyAddress | undefined;
}

type Call = Ask<'leave', Left, { withinMs: number }> | Ask<'move_out', true, { forMs: number }> | Ask<'create', true>;

/** Which question an outcome is about. */
export type Tag =
  | { readonly type: 'view'; readonly request: number }
  | { readonly type: 'stray'; readonly batch: StrayBatch; readonly index: number };

type Info =
  | { readonly type: 'tick' }
  | { readonly type: 'strays_over'; readonly batch: StrayBatch }
  | { readonly type: 'rpc_asked'; readonly question: ViewsQuestion; readonly replyTo: ReplyAddress }
  | RpcOutcome<Tag>
  | keptTable.KeptMessage;

const { TABLE } = viewsTable;

const LEAVE_MS = 8000;
/** Longer than a handler takes. */
const LEAVE_GRACE_MS = 1000;

/** Whoever makes a view waits no longer for its members. */
const QUESTION_TIMEOUT_MS = 1000;

/** How much may wait for the key-value table; what comes then is not done, as if it had been lost on its way. */
const HELD_MAX = 1024;

/** How long to wait after somebody has not taken records that are to be dropped here. */
const STRAYS_PAUSE_MS = 1000;

// Callbacks

const callbacks: GenServer<Args, State, Call, Cast, Info> = {
  async init(args, self) {
    const row = await keptTable.keep(TABLE, 'arcs', self);
    return self.run(() => {
      const mine = row?.views.self.inc === args.self.inc ? row : undefined;
      const nowMs = self.nowMs();
      const views = mine ? afterCrash(mine.views, nowMs) : noViews(args.self, args.replicas, nowMs);
      const nothing = { held: [], leavers: [], jobs: new Map(), batch: undefined };
      const state: State = { args, views, writer: mine?.writer, ...nothing };
      publish(state);
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
      case 'rpc_asked':
        return noReply(asked(message.question, message.replyTo, state, self));
      case 'rpc_answered':
      case 'rpc_failed':
        return noReply(outcome(message, state, self));
      case 'strays_over':
        return noReply(straysOver(message.batch, state, self));
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
  if (tag.type === 'stray') return strayOutcome(message, tag, state, self);
  const { request } = tag;
  if (message.type === 'rpc_failed') {
    return happened({ type: 'failed', request, isRefused: message.failure.isRefused === true }, state, self);
  }
  const { answer, from } = message;
  // A link lets nothing through but an answer to what was asked.
  return happened({ type: 'answered', request, from, answer: answer as ViewAnswer }, state, self);
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
    const way: Way = { target, self, question: next.type === 'asked' ? next.question : undefined, replyAddress };
    if (next.type === 'synced') state = { ...state, jobs: without(state.jobs, next.job) };
    for (const effect of effects) {
      const [performed, follows] = perform(effect, state, way);
      state = performed;
      if (follows) events.push(follows);
    }
  }
  return state;
}

function publish({ views, writer }: State): void {
  ets.insert(TABLE, { id: 'arcs', views, beatMs: views.beatMs, writer });
}

// What is to be done

interface Way {
  readonly target: Target;
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
      return drop(effect, state, way);
    case 'report':
      report(effect, self);
      return [state];
    case 'left':
      return [sayLeft(effect.outcome, state, target)];
    default:
      return unreachable(effect);
  }
}

function answerOf(effect: Extract<ViewsEffect, { type: 'answer' | 'answer_sealed' }>, way: Way): RpcAnswer {
  const { target, question } = way;
  if (effect.type === 'answer_sealed') return { type: 'sealed', pieces: effect.pieces, clock: target.clock.latest };
  const { answer } = effect;
  if (answer.type !== 'opened') return answer;
  if (question?.type !== 'sync_open') throw new Error('Only who asks to fetch an arc is told what is in it');
  return viewsTable.opened(target, question, answer);
}

/** What is to be dropped, and may be nowhere else, goes to somebody first. One batch at a time. */
function drop({ arc, to }: Extract<ViewsEffect, { type: 'drop' }>, state: State, { target }: Way): Performed {
  const { batch } = state;
  if (batch?.isUnderWay) return [state];
  const dropped = viewsTable.drop(target.table, arc, to, batch?.given ?? new Map());
  if (dropped.type === 'dropped')
    return [
      { ...state, batch: undefined },
      { type: 'dropped', arc, isAll: dropped.isAll },
    ];
  if (to === undefined) return [state];
  const next = new StrayBatch(arc, dropped.records, batch);
  for (const [index, record] of dropped.records.entries()) {
    const tag: Tag = { type: 'stray', batch: next, index };
    state.args.around.ask(
      to,
      { type: 'put_replica', epoch: NO_EPOCH, record },
      { tag, timeoutMs: QUESTION_TIMEOUT_MS },
    );
  }
  return [{ ...state, batch: next }];
}

function strayOutcome(message: RpcOutcome<Tag>, { batch, index }: StrayTag, state: State, self: Self<Info>): State {
  if (state.batch !== batch) return state;
  const isThere =
    message.type === 'rpc_answered' && (message.answer.type === 'stored' || message.answer.type === 'superseded');
  batch.settle(index, isThere);
  if (batch.isUnderWay) return state;
  if (batch.areAllThere) return straysOver(batch, state, self);
  self.sendAfter(STRAYS_PAUSE_MS, self.pid, { type: 'strays_over', batch });
  return state;
}

type StrayTag = Extract<Tag, { type: 'stray' }>;

/** Nothing was dropped yet: whether it still may be is asked anew. */
function straysOver(batch: StrayBatch, state: State, self: Self<Info>): State {
  return state.batch === batch ? happened({ type: 'dropped', arc: batch.arc, isAll: false }, state, self) : state;
}

/** Of no view: what was written in eventual mode is taken whatever the epoch. */
const NO_EPOCH: Epoch = { n: 0, by: 0n };

function report({ event, peer, arc, members }: Extract<ViewsEffect, { type: 'report' }>, self: Self<Info>): void {
  self.runtime.logger.event(LEVELS[event], event, {
    lo: arc.lo,
    hi: arc.hi,
    ...(peer && { peer: peer.addr }),
    members: members.map(({ addr }) => addr),
  });
}

/** Views that change in good order are nobody's news. */
const LEVELS: Readonly<Record<ViewsReport, 'error' | 'warning' | 'info' | 'debug'>> = {
  view_made: 'info',
  view_adopted: 'debug',
  view_ended: 'debug',
  voter_made: 'debug',
  member_dead: 'info',
  arc_orphaned: 'warning',
  possible_loss: 'error',
};

function sayLeft(outcome: LeaveOutcome, state: State, { table }: Target): State {
  const { keys, tombstones } = table.stats();
  const isElsewhere = outcome === 'handed_over' || outcome === 'nothing';
  const left: Left = { outcome, recordsLeft: isElsewhere ? 0 : keys + tombstones };
  for (const from of state.leavers) replyTo(from, left);
  return { ...state, leavers: [] };
}

// Parts

function without<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): ReadonlyMap<Key, Value> {
  return map.has(key) ? new Map([...map].filter(([other]) => other !== key)) : map;
}

function isSameRing(a: RingView, b: RingView): boolean {
  return (
    a.isMember === b.isMember &&
    a.isSettled === b.isSettled &&
    a.isComplete === b.isComplete &&
    isSamePeer(a.predecessor, b.predecessor) &&
    a.successors.length === b.successors.length &&
    a.successors.every((peer, index) => isSamePeer(peer, b.successors[index]))
  );
}

const isSamePeer = (a: Peer, b: Peer | undefined) => a.id === b?.id && a.inc === b.inc;
