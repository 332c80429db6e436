/**
 * Handoff: the process that moves arcs between this node and its neighbours.
 *
 * What it decides stands in src/replication/ownership-step.ts and the pages beside it; here messages
 * become its events, and its effects become messages and reads of the table. Each new state is
 * published in a table before anything follows from it, so that whoever answers clients never acts on
 * less than other nodes have been told. Its beat, in the same row, shows that the node has not been
 * stopped: whoever serves a key looks at it.
 *
 * A transfer goes chunk by chunk, each in its own turn and only when it is asked for, so a slow
 * receiver slows it down and nobody else waits for it.
 *
 * A crash loses the transfers that were under way, which are begun again; what this node owns, and what it
 * has given to whom, outlives it with the table. When the table is lost as well, the node owns nothing
 * and asks its successor. Started by supervisors/replication-sup.ts.
 */
import type { Id } from '../src/chord/id';
import type { Peer } from '../src/chord/peer';
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
import type { NotOwner, PutReplica, Stored } from '../src/protocol/rpc-data';
import type { SyncAnswer, SyncQuestion } from '../src/protocol/rpc-sync';
import {
  afterCrash,
  type LeaveOutcome,
  type Ownership,
  ownsNothing,
  type RingView,
  stateOf,
} from '../src/replication/ownership';
import {
  BEAT_INTERVAL_MS,
  type OwnershipEffect,
  type OwnershipEvent,
  type OwnershipReport,
} from '../src/replication/ownership-protocol';
import { stepOwnership } from '../src/replication/ownership-step';
import type { Target } from '../src/store/local-write';
import { unreachable } from '../src/unreachable';
import * as arcTable from './arc-table';
import * as keptTable from './kept-table';
import type { RpcOutcome } from './peer-link';
import { registered } from './registered';
import { type ReplyAddress, refuseRpc, replyRpc } from './rpc-reply';
import { StrayBatch } from './stray-batch';

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
    question: SyncQuestion | PutReplica,
    options: { readonly tag: Tag; readonly timeoutMs: number | undefined },
  ): void;
  /** From 0 up to 1. */
  random(): number;
}

export interface Args {
  readonly self: Peer;
  readonly around: Surroundings;
}

/** What the others in this node tell it. */
export type Cast =
  | { readonly type: 'ring_changed' }
  | { readonly type: 'verdict'; readonly peer: Peer; readonly isAlive: boolean }
  /** A write could not be brought to the one that it is mirrored to: give that transfer up. */
  | { readonly type: 'mirror_failed'; readonly to: Peer };

/** How leaving has ended, and how many records no other node has been found for. */
export interface Left {
  readonly outcome: LeaveOutcome;
  readonly recordsLeft: number;
}

export const NAME = serverNamed<Call, Cast>('handoff');
export const startLink = (args: Args) => genServer.startLink(callbacks, args, registered(NAME));

/** What this node owns: one look-up, no hop. Undefined until it is known, or when it is lost. */
export const read = (): arcTable.ArcsRow | undefined => keptTable.rowOf(TABLE, 'arcs');

/** What this node is doing, as others see it. */
export function state(): 'joining' | 'active' | 'leaving' {
  const row = read();
  return row ? stateOf(row.ownership) : 'joining';
}

/** Gives up the transfer to this node, since a write could not be brought there. */
export const mirrorFailed = (to: Peer) => genServer.cast(NAME, { type: 'mirror_failed', to });

/**
 * Hands over all that this node owns to its successor, before it leaves the ring. Answers when that
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
  readonly ownership: Ownership;
  /** Who waits to hear that this node may leave. */
  readonly leavers: readonly From<Left>[];
  /** Stray records that are on their way. */
  readonly batch: StrayBatch | undefined;
}

type Call = Ask<'leave', Left, { withinMs: number }> | Ask<'move_out', true, { forMs: number }>;

/** Which question an outcome is about. */
export type Tag =
  | { readonly type: 'sync'; readonly request: number; readonly after: Id | undefined }
  | { readonly type: 'stray'; readonly request: number; readonly index: number };

type Info =
  | { readonly type: 'tick' }
  | { readonly type: 'woken' }
  | { readonly type: 'rpc_asked'; readonly question: SyncQuestion; readonly replyTo: ReplyAddress }
  | RpcOutcome<Tag, SyncAnswer | Stored | NotOwner>
  | keptTable.KeptMessage;

const { TABLE } = arcTable;

const LEAVE_MS = 8000;
/** Longer than a handler takes. */
const LEAVE_GRACE_MS = 1000;

/** What carries records may take longer than a peer's usual answer. */
const RECORDS_TIMEOUT_MS = 5000;
const QUESTION_TIMEOUT_MS = 1000;

// Callbacks

const callbacks: GenServer<Args, State, Call, Cast, Info> = {
  async init(args, self) {
    const row = await keptTable.keep(TABLE, 'arcs', self);
    return self.run(() => {
      const nowMs = self.nowMs();
      const isMine = row?.ownership.self.inc === args.self.inc;
      const ownership = row && isMine ? afterCrash(row.ownership, nowMs) : ownsNothing(args.self, nowMs);
      ets.insert(TABLE, { id: 'arcs', ownership, beatMs: ownership.beatMs });
      self.sendEvery(BEAT_INTERVAL_MS, { type: 'tick' });
      return started(advance({ type: 'woken' }, { args, ownership, leavers: [], batch: undefined }, self));
    });
  },

  handleCall(request, from, state, self): Answered<Left | true, State> {
    const nowMs = self.nowMs();
    if (request.type === 'move_out') {
      return reply(true, advance({ type: 'move_out', untilMs: nowMs + request.forMs }, state, self));
    }
    const waiting = { ...state, leavers: [...state.leavers, from as From<Left>] };
    return noReply(advance({ type: 'leave', deadlineMs: nowMs + request.withinMs }, waiting, self));
  },

  handleCast(message, state, self) {
    return noReply(advance(message.type === 'ring_changed' ? { type: 'woken' } : message, state, self));
  },

  handleInfo(message, state, self): Handled<State> {
    switch (message.type) {
      case 'tick':
      case 'woken':
        return noReply(advance(message, state, self));
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

  formatStatus: ({ ownership }) => ({ ...ownership, ring: undefined }),
};

// Internal

/** Answers another node. Without a table it does not answer at all: it will be asked again. */
function asked(question: SyncQuestion, replyAddress: ReplyAddress, state: State, self: Self<Info>): State {
  if (state.args.around.store() === undefined) {
    refuseRpc(replyAddress, 'overloaded', 'Cannot answer: the key-value table is being restarted');
    return state;
  }
  return advance({ type: 'asked', from: replyAddress.from, question }, state, self, replyAddress);
}

function outcome(message: RpcOutcome<Tag, SyncAnswer | Stored | NotOwner>, state: State, self: Self<Info>): State {
  const { tag } = message;
  if (tag.type === 'stray') return strayOutcome(message, tag, state, self);
  const { request, after } = tag;
  if (message.type === 'rpc_failed') return advance({ type: 'failed', request }, state, self);
  const { answer, from } = message;
  if (answer.type === 'stored') return state;
  if (answer.type === 'granted') {
    // Whatever this node writes next has to be newer than anything it was given.
    state.args.around.store()?.clock.observe(answer.clock, self.systemMs());
  }
  return advance({ type: 'answered', request, from, answer, after }, state, self);
}

function strayOutcome(
  message: RpcOutcome<Tag, SyncAnswer | Stored | NotOwner>,
  { request, index }: { readonly request: number; readonly index: number },
  state: State,
  self: Self<Info>,
): State {
  const { batch } = state;
  if (batch?.request !== request) return state;
  if (message.type === 'rpc_failed') batch.failed(index);
  else if (message.answer.type === 'stored') batch.stored(index);
  else batch.refused(index, message.answer.type === 'not_owner' ? message.answer.hint : undefined);
  if (batch.isUnderWay) return state;
  const done = { ...state, batch: undefined };
  return advance({ type: 'strays_sent', request, outcome: batch.outcome() }, done, self);
}

/** One event, and those that its effects bring about at once. The pointers are looked at first: they move by themselves. */
function advance(event: OwnershipEvent, before: State, self: Self<Info>, replyAddress?: ReplyAddress): State {
  const { around } = before.args;
  const ring = around.ring();
  const random = () => around.random();
  const isNews = ring !== undefined && !isSameView(ring, before.ownership.ring);
  const events: OwnershipEvent[] = isNews ? [{ type: 'ring', ring }, event] : [event];
  let state = before;
  for (let next = events.shift(); next; next = events.shift()) {
    const [ownership, effects] = stepOwnership(state.ownership, next, self.nowMs(), random);
    if (ownership !== state.ownership) {
      ets.insert(TABLE, { id: 'arcs', ownership, beatMs: ownership.beatMs });
      state = { ...state, ownership };
    }
    for (const effect of effects) {
      const [performed, follows] = perform(effect, state, self, replyAddress);
      state = performed;
      if (follows) events.push(follows);
    }
  }
  return state;
}

type Performed = readonly [State, (OwnershipEvent | undefined)?];

function perform(effect: OwnershipEffect, state: State, self: Self<Info>, replyAddress?: ReplyAddress): Performed {
  const { around } = state.args;
  switch (effect.type) {
    case 'ask': {
      const tag: Tag = { type: 'sync', request: effect.request, after: undefined };
      const timeoutMs = effect.question.type === 'sync_next' ? RECORDS_TIMEOUT_MS : QUESTION_TIMEOUT_MS;
      around.ask(effect.to, effect.question, { tag, timeoutMs });
      return [state];
    }
    case 'wake':
      self.sendAfter(Math.ceil(effect.afterMs), self.pid, { type: 'woken' });
      return [state];
    case 'report': {
      const { event, peer, arc } = effect;
      self.runtime.logger.event(levelOf(event), event, { lo: arc.lo, hi: arc.hi, ...(peer && { peer: peer.addr }) });
      return [state];
    }
    case 'left':
      return [sayLeft(effect.outcome, state)];
    case 'answer':
      if (replyAddress) replyRpc(replyAddress, effect.answer);
      return [state];
    default: {
      const target = around.store();
      return target ? withStore(effect, target, state, replyAddress) : [state, withoutStore(effect)];
    }
  }
}

type StoreEffect = Exclude<OwnershipEffect, { type: 'ask' | 'wake' | 'report' | 'left' | 'answer' }>;

/** What needs the table. */
function withStore(effect: StoreEffect, target: Target, state: State, replyAddress?: ReplyAddress): Performed {
  const { table } = target;
  const { around } = state.args;
  switch (effect.type) {
    case 'store':
      for (const record of effect.records) table.merge(record);
      return [state];
    case 'push': {
      const { to, session, request } = effect;
      const { records, after } = arcTable.sliceOf(table, effect.arc, effect.after);
      if (records.length === 0) return [state, { type: 'answered', request, from: to, answer: { type: 'pushed' } }];
      const tag: Tag = { type: 'sync', request, after };
      around.ask(to, { type: 'sync_push', session, records }, { tag, timeoutMs: RECORDS_TIMEOUT_MS });
      return [state];
    }
    case 'compare': {
      const { arc, digest, request } = effect;
      return [state, { type: 'compared', request, isEqual: arcTable.isEqual(table, arc, digest) }];
    }
    case 'send_strays':
      return sendStrays(effect, target, state);
    case 'drop':
      return [state, { type: 'dropped', arc: effect.arc, isAll: arcTable.drop(table, effect.arc) }];
    case 'answer_opened':
    case 'answer_chunk':
    case 'answer_sealed':
    case 'answer_granted':
      if (replyAddress) replyRpc(replyAddress, arcTable.answerFrom(target, effect));
      return [state];
    default:
      return unreachable(effect);
  }
}

/** The table is being restarted: what would have followed is tried again. */
function withoutStore(effect: StoreEffect): OwnershipEvent | undefined {
  switch (effect.type) {
    case 'push':
      return { type: 'failed', request: effect.request };
    case 'compare':
      return { type: 'compared', request: effect.request, isEqual: false };
    case 'send_strays':
      return { type: 'strays_sent', request: effect.request, outcome: { type: 'failed' } };
    default:
      return undefined;
  }
}

function sendStrays(
  { to, arc, request }: Extract<OwnershipEffect, { type: 'send_strays' }>,
  { table }: Target,
  state: State,
): Performed {
  const slice = arcTable.sliceOf(table, arc, undefined, arcTable.STRAYS_MAX);
  const batch = new StrayBatch(request, slice);
  if (!batch.isUnderWay) return [state, { type: 'strays_sent', request, outcome: batch.outcome() }];
  for (const [index, record] of slice.records.entries()) {
    const tag: Tag = { type: 'stray', request, index };
    state.args.around.ask(to, { type: 'put_replica', record }, { tag, timeoutMs: QUESTION_TIMEOUT_MS });
  }
  return [{ ...state, batch }];
}

function sayLeft(outcome: LeaveOutcome, state: State): State {
  const stats = state.args.around.store()?.table.stats();
  const isElsewhere = outcome === 'handed_over' || outcome === 'nothing';
  const recordsLeft = isElsewhere || !stats ? 0 : stats.keys + stats.tombstones;
  for (const from of state.leavers) replyTo(from, { outcome, recordsLeft });
  return { ...state, leavers: [] };
}

function isSameView(a: RingView, b: RingView): boolean {
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

/** Arcs that go from hand to hand in good order are nobody's news. */
function levelOf(event: OwnershipReport): 'info' | 'debug' {
  return event === 'arc_created' || event === 'arc_received' || event === 'arc_granted' ? 'debug' : 'info';
}
