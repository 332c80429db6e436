/**
 * Finger fixer: keeps the ways to the rest of the ring.
 *
 * Which finger is to be looked up next is decided in src/chord/finger-fixing.ts. In a ring that is
 * small enough to know everybody, it also walks round it (src/chord/membership.ts), after every change
 * that it hears of and from time to time. What it has found stands in a table (routes.ts), for all who look
 * for a key. All of it is a hint, so a crash loses nothing that the next one does not find again within
 * seconds. Started by supervisors/ring-sup.ts.
 */
import {
  type FingerFixing,
  type FingerFixingEffect,
  type FingerFixingEvent,
  startFingerFixing,
  stepFingerFixing,
} from '../src/chord/finger-fixing';
import { MEMBERS_MAX, startWalk, stepWalk, type Walk, type WalkEffect, type WalkEvent } from '../src/chord/membership';
import type { Peer } from '../src/chord/peer';
import type { RingMember } from '../src/chord/ring-member';
import { estimateRingSize, isWholeRing } from '../src/chord/ring-size';
import type { NodeSettings } from '../src/config';
import { ets, type GenServer, genServer, noReply, type Self, serverNamed, started } from '../src/otp';
import { unreachable } from '../src/unreachable';
import * as keptTable from './kept-table';
import { type LookupOutcome, Lookups } from './lookups';
import * as peerLink from './peer-link';
import { registered } from './registered';
import * as ringState from './ring-state';
import * as routes from './routes';

// API

export interface Args {
  readonly self: Peer;
  readonly settings: NodeSettings;
  /** From 0 up to 1. */
  readonly random: () => number;
}

export const NAME = serverNamed<never, Cast>('finger-fixer');
export const startLink = (args: Args) => genServer.startLink(callbacks, args, registered(NAME));

// State and messages

interface State {
  readonly args: Args;
  readonly lookups: Lookups;
  readonly fixing: FingerFixing;
  /** In ring order, this node first; empty where the ring is too large for that, or not known yet. */
  readonly members: readonly Peer[];
  /** The walk that is under way, its number, and when it began. */
  readonly walk: Walk | undefined;
  readonly walks: number;
  readonly walkedMs: number;
  /** When the next walk is to begin, unless a change makes it earlier. */
  readonly walkDueMs: number;
}

type Cast =
  | { readonly type: 'ring_changed' }
  | { readonly type: 'verdict'; readonly peer: Peer; readonly isAlive: boolean };

/** Which of the walks' questions an outcome is about. */
interface Tag {
  readonly walk: number;
}

type Info =
  | { readonly type: 'due' | 'walk_due' }
  | { readonly type: 'looked_up'; readonly request: number; readonly outcome: LookupOutcome }
  | peerLink.RpcOutcome<Tag>;

/** Intervals differ by so much either way. */
const JITTER = 0.2;
/** Walks that follow changes keep this distance. */
const WALK_LEAST_PAUSE_MS = 100;
/** Changes far away are not heard of: so often everybody is looked for anew. */
const WALK_INTERVAL_MS = 10_000;
/** A walk that has not come round by then has lost an answer. */
const WALK_MAX_MS = 5000;

// Callbacks

const callbacks: GenServer<Args, State, never, Cast, Info> = {
  init(args, self) {
    keptTable.create(routes.TABLE);
    const nowMs = self.nowMs();
    const state: State = {
      args,
      lookups: new Lookups(self),
      fixing: startFingerFixing(args.self),
      members: [],
      walk: undefined,
      walks: 0,
      walkedMs: nowMs - WALK_LEAST_PAUSE_MS,
      walkDueMs: nowMs,
    };
    wakeForNextTick(args, self);
    return started(publish(walkSoon(state, self)));
  },

  handleCast(message, state, self) {
    switch (message.type) {
      case 'ring_changed':
        return noReply(walkSoon(fix({ type: 'ring_changed' }, state, self), self));
      case 'verdict':
        return noReply(message.isAlive ? state : bury(message.peer, state, self));
      default:
        return unreachable(message);
    }
  },

  handleInfo(message, state, self) {
    switch (message.type) {
      case 'due':
        wakeForNextTick(state.args, self);
        return noReply(tick(state, self));
      case 'walk_due':
        return noReply(walkIfDue(state, self));
      case 'looked_up':
        return noReply(lookedUp(message.request, message.outcome, state, self));
      case 'rpc_answered':
      case 'rpc_failed':
        return noReply(state.lookups.handle(message) ? state : goOn(message, state, self));
      default:
        return unreachable(message);
    }
  },

  formatStatus: ({ fixing, members, walk, lookups }) => ({
    fingers: fixing.table.peers.map(({ addr }) => addr),
    members: members.length,
    isWalking: walk !== undefined,
    lookups: lookups.size,
  }),
};

// Internal

/** The pointers as they are now; undefined while this node is in no ring. */
function ring(): RingMember | undefined {
  const member = ringState.read();
  return member?.phase === 'member' ? member : undefined;
}

function publish(state: State): State {
  const { fixing, members } = state;
  const known = routes.read();
  if (known?.fingers !== fixing.table || known.members !== members)
    ets.insert(routes.TABLE, { id: 'routes', fingers: fixing.table, members });
  return state;
}

function wakeForNextTick({ settings, random }: Args, self: Self<Info>): void {
  self.sendAfter(Math.ceil(settings.fixFingersIntervalMs * (1 + JITTER * (2 * random() - 1))), self.pid, {
    type: 'due',
  });
}

function tick(state: State, self: Self<Info>): State {
  state.lookups.expire();
  const member = ring();
  if (member === undefined) return state;
  const { successors } = member;
  return walkIfDue(fix({ type: 'tick', successors, isWhole: isWholeRing(member) }, state, self), self);
}

/** Who has died is nobody's finger, and no member. */
function bury(peer: Peer, state: State, self: Self<Info>): State {
  const isMember = state.members.some(({ id }) => id === peer.id);
  const members = isMember ? state.members.filter(({ id }) => id !== peer.id) : state.members;
  return fix({ type: 'dead', peer }, { ...state, members }, self);
}

// Internal: fingers

function fix(event: FingerFixingEvent, state: State, self: Self<Info>): State {
  const [fixing, effects] = stepFingerFixing(state.fixing, event, self.nowMs());
  for (const effect of effects) perform(effect, state, self);
  return publish({ ...state, fixing });
}

function perform(effect: FingerFixingEffect, { lookups }: State, self: Self<Info>): void {
  switch (effect.type) {
    case 'lookup': {
      const { request, target } = effect;
      // As a message, for where this node knows the owner itself the answer is there at once.
      return lookups.begin(target, (outcome) => self.send(self.pid, { type: 'looked_up', request, outcome }));
    }
    case 'fingers_changed':
      return;
    default:
      return unreachable(effect);
  }
}

function lookedUp(request: number, outcome: LookupOutcome, state: State, self: Self<Info>): State {
  if (!outcome.ok) return fix({ type: 'failed', request }, state, self);
  const { owner, path, rest } = outcome;
  return fix({ type: 'learnt', peers: [...path, ...rest] }, fix({ type: 'found', request, owner }, state, self), self);
}

// Internal: everybody

/** Has a walk begin soon, for the ring has changed; at once where the successor list names everybody, and nobody need be asked. */
function walkSoon(state: State, self: Self<Info>): State {
  const nowMs = self.nowMs();
  const member = ring();
  if (member && isWholeRing(member)) return walkIfDue({ ...state, walk: undefined, walkDueMs: nowMs }, self);
  const walkDueMs = Math.max(nowMs, state.walkedMs + WALK_LEAST_PAUSE_MS);
  self.sendAfter(Math.ceil(walkDueMs - nowMs), self.pid, { type: 'walk_due' });
  return { ...state, walkDueMs };
}

function walkIfDue(state: State, self: Self<Info>): State {
  const nowMs = self.nowMs();
  const isUnderWay = state.walk !== undefined && nowMs - state.walkedMs < WALK_MAX_MS;
  if (isUnderWay || nowMs < state.walkDueMs) return state;
  const walked = {
    ...state,
    walk: undefined,
    walks: state.walks + 1,
    walkedMs: nowMs,
    walkDueMs: nowMs + WALK_INTERVAL_MS,
  };
  const member = ring();
  // Out of the ring, on its way out of the process: what still comes is passed on to those it knew last.
  if (member === undefined) return publish({ ...walked, members: withoutSelf(state) });
  if (estimateRingSize(member) > MEMBERS_MAX) return publish({ ...walked, members: [] });
  const [walk, effect] = startWalk(member.self, member.successors, isWholeRing(member));
  return follow(effect, { ...walked, walk }, self);
}

const withoutSelf = ({ members, args }: State) => members.filter(({ id }) => id !== args.self.id);

function goOn(outcome: peerLink.RpcOutcome<Tag>, state: State, self: Self<Info>): State {
  if (outcome.tag.walk !== state.walks || state.walk === undefined) return state;
  const [walk, effect] = stepWalk(state.walk, walkEvent(outcome));
  return follow(effect, { ...state, walk }, self);
}

function walkEvent(outcome: peerLink.RpcOutcome<Tag>): WalkEvent {
  if (outcome.type === 'rpc_failed') return { type: 'silent', peer: outcome.to };
  const { from, answer } = outcome;
  // Whoever is in no ring knows of nobody after it.
  return { type: 'answered', from, successors: answer.type === 'described' ? answer.successors : [] };
}

function follow(effect: WalkEffect | undefined, state: State, self: Self<Info>): State {
  if (effect === undefined) return state;
  switch (effect.type) {
    case 'ask':
      peerLink.ask<Tag>(effect.peer, { type: 'describe' }, { tag: { walk: state.walks } });
      return state;
    case 'done':
      return fix(
        { type: 'learnt', peers: effect.members },
        { ...state, walk: undefined, members: effect.members },
        self,
      );
    default:
      return unreachable(effect);
  }
}
