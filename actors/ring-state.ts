/**
 * Ring state: the single writer of this node's place in the ring.
 *
 * What happens is decided in src/chord/ring-member.ts; here messages become its events, and its
 * effects become messages. Each new state is published in a table, where everybody else reads it
 * without asking. Nothing waits: an answer from another node comes as a message, and one that does
 * not come is the failure detector's to judge.
 *
 * A crash loses only the step that was under way. The table outlives this process, so the next one
 * goes on with the pointers of the last and does not begin again. When the table is gone as well, the
 * node is in no ring, says so, and stays out: it could not tell what it had owned. Started by
 * supervisors/ring-sup.ts.
 */
import type { Peer } from '../src/chord/peer';
import { createRing, isAlone, outsider, type RingMember, stepRing } from '../src/chord/ring-member';
import type { Answer, Question, Refusal, RingEffect, RingEvent, Tale } from '../src/chord/ring-protocol';
import type { NodeSettings } from '../src/config';
import {
  type Answered,
  type Ask,
  ets,
  type From,
  type GenServer,
  genServer,
  type Handled,
  noReply,
  replyTo,
  reply,
  type Self,
  serverNamed,
  started,
} from '../src/otp';
import type { RpcAnswer } from '../src/protocol/rpc-messages';
import { unreachable } from '../src/unreachable';
import * as health from './health';
import * as keptTable from './kept-table';
import * as peerLink from './peer-link';
import { registered } from './registered';
import { refuseRpc, replyRpc, type ReplyAddress } from './rpc-reply';

// API

export interface Args {
  readonly self: Peer;
  readonly settings: NodeSettings;
  /** Whom the operator has named: never forgotten. */
  readonly seeds: readonly Peer[];
  /** A node begins in no ring; one that is begun later has lost its place. */
  readonly life: { readonly state: 'joining' | 'active' | 'leaving' };
}

/** What has become of an attempt to come in at one member. */
export type Admission =
  | { readonly type: 'joined' }
  /** The member is in the middle of something, or this node is: try again a little later. */
  | { readonly type: 'busy' }
  | { readonly type: 'failed'; readonly reason: Refusal | 'contact_silent' | 'in_a_ring' };

export const NAME = serverNamed<Call, Cast, Info>('ring-state');
export const startLink = (args: Args) => genServer.startLink(callbacks, args, registered(NAME));

/** This node's pointers, as they were after the last change. Undefined while the table is in nobody's hands. */
export const read = (): RingMember | undefined => keptTable.rowOf(TABLE, 'ring')?.member;

/** Makes this node the first of a new ring; false where it is in one, or was. */
export const create = () => genServer.call(NAME, { type: 'create' });

/** Has this node come into the ring behind a member of it. `met` are remembered. */
export const joinBehind = (contact: Peer, met: readonly Peer[]) =>
  genServer.call(NAME, { type: 'join_behind', contact, met });

/** Leaves the ring: both neighbours are told who comes in this node's place. */
export const leave = () => genServer.call(NAME, { type: 'leave' });

/** It is time to look whether the successor is still the right one. */
export const tick = () => genServer.cast(NAME, { type: 'tick' });

/** Somebody may be a nearer successor than the one there is. */
export const consider = (candidate: Peer) => genServer.cast(NAME, { type: 'consider', candidate });

/** What the failure detector has found out about a peer. */
export const verdict = (peer: Peer, isAlive: boolean) => genServer.cast(NAME, { type: 'verdict', peer, isAlive });

// State and messages

/** A question to another node that has no outcome yet. */
interface Asked {
  readonly to: Peer;
  readonly sinceMs: number;
  /** There is no answer, and the failure detector is to say what that means. */
  readonly isJudged: boolean;
}

interface State {
  readonly args: Args;
  readonly member: RingMember;
  /** By the number of the request. */
  readonly asked: ReadonlyMap<number, Asked>;
  /** Who waits for how the attempt to come in ends, and what to return to when it fails. */
  readonly joining: { readonly from: From<Admission>; readonly before: RingMember } | undefined;
}

interface RingRow {
  readonly id: 'ring';
  readonly member: RingMember;
}

type Call =
  | Ask<'create', boolean>
  | Ask<'join_behind', Admission, { contact: Peer; met: readonly Peer[] }>
  | Ask<'leave', undefined>;

type Cast =
  | { readonly type: 'tick' }
  | { readonly type: 'consider'; readonly candidate: Peer }
  | { readonly type: 'verdict'; readonly peer: Peer; readonly isAlive: boolean };

interface Tag {
  readonly request: number;
}

type Info =
  | { readonly type: 'rpc_asked'; readonly question: Question; readonly replyTo: ReplyAddress }
  | { readonly type: 'rpc_told'; readonly from: Peer; readonly tale: Tale }
  | peerLink.RpcOutcome<Tag>
  | keptTable.KeptMessage;

const TABLE = ets.tableName<RingRow, 'id'>('ring');

/** Who is told that the pointers have changed. Nobody has to be there. */
const WATCHERS = ['stabilizer', 'finger-fixer', 'failure-detector', 'handoff'].map((name) =>
  serverNamed<never, { readonly type: 'ring_changed' }>(name),
);
const STABILIZER = serverNamed<never, { readonly type: 'retry_soon' }>('stabilizer');

/** Longer than any question takes: its link has died, or the failure detector that was to judge. */
const OVERDUE_MS = 1000;

/** Coming in is asked of a stranger, of whom no round trip is known yet. */
const JOIN_TIMEOUT_MS = 1000;

// Callbacks

const callbacks: GenServer<Args, State, Call, Cast, Info> = {
  async init(args, self) {
    const inherited = await keptTable.keep(TABLE, 'ring', self);
    return self.run(() => {
      if (inherited === undefined && args.life.state !== 'joining')
        self.runtime.logger.event('error', 'ring_lost', { cause: 'the ring state and its heir died together' });
      const member = inherited?.member ?? outsider(args.self, args.settings.successorListMax, args.seeds);
      const state: State = { args, member, asked: new Map(), joining: undefined };
      // Nobody will answer what the last process has asked.
      return started(moveTo({ ...member, step: undefined, rectifying: undefined }, state));
    });
  },

  handleCall(request, from, state, self) {
    switch (request.type) {
      case 'create':
        return reply(state.member.phase === 'outside', found(state, self));
      case 'join_behind':
        return comeIn(request.contact, request.met, from as From<Admission>, state, self);
      case 'leave':
        return reply(undefined, goAway(state, self));
      default:
        return unreachable(request);
    }
  },

  handleCast(message, state, self) {
    switch (message.type) {
      case 'tick':
        return noReply(advance({ type: 'tick' }, judgeOverdue(state, self), self));
      case 'consider':
        return noReply(advance(message, state, self));
      case 'verdict':
        return noReply(judged(message.peer, message.isAlive, state, self));
      default:
        return unreachable(message);
    }
  },

  handleInfo(message, state, self): Handled<State> {
    switch (message.type) {
      case 'rpc_asked':
        return noReply(question(message.question, message.replyTo, state, self));
      case 'rpc_told':
        health.heard(message.from);
        return noReply(advance({ type: 'told', from: message.from, tale: message.tale }, state, self));
      case 'rpc_answered':
        health.heard(message.from, message.rttMs);
        return noReply(answered(message.tag.request, message.from, message.answer as Answer, state, self));
      case 'rpc_failed':
        return noReply(failed(message, state, self));
      case 'DOWN':
      case 'find_heir':
      case 'ETS-TRANSFER':
        keptTable.attend(TABLE, message, self);
        return noReply(state);
      default:
        return unreachable(message);
    }
  },

  formatStatus: ({ member: { self, phase, predecessor, successors, step, memory, anomalies } }) => ({
    self: self.addr,
    phase,
    predecessor: predecessor.addr,
    successors: successors.map(({ addr }) => addr),
    step: step?.type,
    remembered: memory.size,
    anomalies,
  }),
};

// Internal: the ring

/** Publishes a new state of the ring's member. */
function moveTo(member: RingMember, state: State): State {
  if (member !== state.member || read() === undefined) ets.insert(TABLE, { id: 'ring', member });
  return { ...state, member };
}

/** One event through the core, and what comes of it. Whoever asked, if anybody did, is answered. */
function advance(event: RingEvent, state: State, self: Self<Info>, asker?: ReplyAddress): State {
  const [member, effects] = stepRing(state.member, event);
  let next = moveTo(member, state);
  for (const effect of effects) next = perform(effect, next, self, asker);
  return next;
}

function perform(effect: RingEffect, state: State, self: Self<Info>, asker: ReplyAddress | undefined): State {
  switch (effect.type) {
    case 'ask':
      return ask(effect.to, effect.question, effect.request, state, self);
    case 'answer':
      if (asker) replyRpc(asker, timed(effect.answer, self));
      return state;
    case 'tell':
      peerLink.tell(effect.to, effect.tale);
      return state;
    case 'retry_soon':
      if (state.joining) return endJoin({ type: 'busy' }, state);
      genServer.cast(STABILIZER, { type: 'retry_soon' });
      return state;
    case 'ring_changed':
      announce(state, self);
      return state;
    case 'joined':
      return endJoin({ type: 'joined' }, state);
    case 'join_failed':
      return endJoin({ type: 'failed', reason: effect.reason }, state);
    default:
      return unreachable(effect);
  }
}

/** Whoever was asked whether he is there says what time it is, too: so clocks are compared. */
function timed(answer: Answer, self: Self<Info>): RpcAnswer {
  return answer.type === 'pong' ? { type: 'pong', systemMs: self.systemMs() } : answer;
}

function announce({ member: { phase, predecessor, successors } }: State, self: Self<Info>): void {
  const pointers = { predecessor: predecessor.addr, successors: successors.map(({ addr }) => addr) };
  self.runtime.logger.event('debug', 'ring_changed', { phase, ...pointers });
  for (const watcher of WATCHERS) genServer.cast(watcher, { type: 'ring_changed' });
}

// Internal: coming and going

function found(state: State, self: Self<Info>): State {
  const { args, member } = state;
  if (member.phase !== 'outside') return state;
  const next = moveTo(createRing(args.self, args.settings.successorListMax, args.seeds), state);
  announce(next, self);
  self.runtime.logger.event('info', 'ring_created', { addr: args.self.addr });
  return next;
}

/** A node that is alone in its ring may go into another: there is nobody whom it would leave behind. */
function comeIn(
  contact: Peer,
  met: readonly Peer[],
  from: From<Admission>,
  state: State,
  self: Self<Info>,
): Answered<Admission, State> {
  const { args, member } = state;
  if (state.joining) return reply({ type: 'busy' }, state);
  if (member.phase === 'left' || (member.phase === 'member' && !isAlone(member))) {
    return reply({ type: 'failed', reason: 'in_a_ring' }, state);
  }
  const { memory, lastRequest } = member;
  const outside: RingMember = {
    ...outsider(args.self, args.settings.successorListMax, args.seeds),
    memory: met.filter(({ id }) => id !== args.self.id).reduce((known, peer) => known.hear(peer), memory),
    lastRequest,
  };
  return noReply(
    advance({ type: 'join', contact }, { ...moveTo(outside, state), joining: { from, before: member } }, self),
  );
}

/** Whoever was alone in a ring and was not let into another one is where it was before. */
function endJoin(admission: Admission, state: State): State {
  const { joining } = state;
  if (joining === undefined) return state;
  replyTo(joining.from, admission);
  const next = { ...state, joining: undefined };
  if (admission.type === 'joined' || joining.before.phase === 'outside') return next;
  return moveTo({ ...joining.before, memory: state.member.memory, lastRequest: state.member.lastRequest }, next);
}

function goAway(state: State, self: Self<Info>): State {
  const next = advance({ type: 'leave' }, state, self);
  if (state.member.phase === 'member') self.runtime.logger.event('info', 'ring_left', { addr: state.args.self.addr });
  announce(next, self);
  return next;
}

// Internal: questions of others, and to others

function question(asks: Question, asker: ReplyAddress, state: State, self: Self<Info>): State {
  if (state.member.phase === 'left') {
    refuseRpc(asker, 'not_a_member', `Cannot answer ${asks.type}: this node has left its ring`);
    return state;
  }
  health.heard(asker.from);
  return advance({ type: 'asked', from: asker.from, question: asks, ref: asker.correlationId }, state, self, asker);
}

function ask(to: Peer, asks: Question, request: number, state: State, self: Self<Info>): State {
  const timeout = asks.type === 'join' ? { timeoutMs: JOIN_TIMEOUT_MS } : {};
  peerLink.ask<Tag>(to, asks, { tag: { request }, ...timeout });
  const asked = new Map(state.asked).set(request, { to, sinceMs: self.nowMs(), isJudged: false });
  return { ...state, asked };
}

function answered(request: number, from: Peer, answer: Answer, state: State, self: Self<Info>): State {
  return advance({ type: 'answered', from, answer, request }, without(request, state), self);
}

/** What is known to be so is acted upon; where there is just no answer, the failure detector has to say why. */
function failed(outcome: peerLink.RpcOutcome<Tag> & { type: 'rpc_failed' }, state: State, self: Self<Info>): State {
  const { tag, to, failure } = outcome;
  const asked = state.asked.get(tag.request);
  if (asked === undefined) return state;
  switch (failure.code) {
    case 'timeout':
    case 'unreachable':
    case 'disconnected':
      if (state.member.phase !== 'member') break;
      health.judge(to);
      return { ...state, asked: new Map(state.asked).set(tag.request, { ...asked, isJudged: true }) };
    case 'overloaded':
    case 'deadline_passed':
    case 'internal':
      return answered(tag.request, to, { type: 'busy' }, state, self);
    case 'not_a_member':
      return answered(tag.request, to, { type: 'refused', reason: 'not_a_member' }, state, self);
    default:
      // Somebody else is there, or somebody who talks nonsense.
      break;
  }
  return advance({ type: 'silent', request: tag.request }, without(tag.request, state), self);
}

/** Who is alive and gave no answer counts as busy: the step is dropped and tried again. */
function judged(peer: Peer, isAlive: boolean, state: State, self: Self<Info>): State {
  const waiting = [...state.asked].filter(([, { to }]) => to.id === peer.id);
  if (isAlive) {
    return waiting
      .filter(([, { isJudged }]) => isJudged)
      .reduce((next, [request, { to }]) => answered(request, to, { type: 'busy' }, next, self), state);
  }
  // The death of an earlier incarnation says nothing of what was asked of the one that is there now.
  const rest = waiting
    .filter(([, { to }]) => to.inc <= peer.inc)
    .reduce((next, [request]) => without(request, next), state);
  return advance({ type: 'dead', peer }, rest, self);
}

/** What has no outcome after so long never will, unless somebody sees to it. */
function judgeOverdue(state: State, self: Self<Info>): State {
  const nowMs = self.nowMs();
  const overdue = [...state.asked].filter(([, { sinceMs }]) => nowMs - sinceMs > OVERDUE_MS);
  if (overdue.length === 0) return state;
  for (const [, { to }] of overdue) health.judge(to);
  const again = overdue.map(([request, { to }]) => [request, { to, sinceMs: nowMs, isJudged: true }] as const);
  return { ...state, asked: new Map([...state.asked, ...again]) };
}

function without(request: number, state: State): State {
  const asked = new Map(state.asked);
  asked.delete(request);
  return { ...state, asked };
}
