/**
 * Failure detector: the process that finds out who has died.
 *
 * When somebody is suspect and when dead is decided in src/chord/suspicion.ts, and tested there with
 * a made-up clock. Here its probes become pings, and its verdicts are passed on to whoever acts on
 * them. It also pings for other nodes, which cannot reach somebody themselves. What it thinks of
 * everybody is published in a table; how others speak with it stands in actors/health.ts.
 *
 * After a crash it begins again by trusting everybody, and probes its neighbours at once: somebody dead
 * is reported a probe later and never forgotten. Started by supervisors/ring-sup.ts.
 */
import { isOfFuture, type Peer } from '../src/chord/peer';
import {
  isDead,
  nextTickMs,
  startSuspicion,
  stepSuspicion,
  type SuspicionEffect,
  type SuspicionEvent,
  type SuspicionState,
} from '../src/chord/suspicion';
import type { NodeSettings } from '../src/config';
import { ets, type GenServer, genServer, noReply, type Self, serverNamed, started, type TimerRef } from '../src/otp';
import type { PingFor } from '../src/protocol/rpc-messages';
import {
  type ClockWatch,
  NO_SAMPLES,
  readingOf,
  sampleOf,
  withNeighbours,
  withSample,
} from '../src/replication/clock-watch';
import { unreachable } from '../src/unreachable';
import * as health from './health';
import * as keptTable from './kept-table';
import { heardOf } from './link-desk';
import * as peerLink from './peer-link';
import { registered } from './registered';
import * as ringState from './ring-state';
import { refuseRpc, replyRpc, type ReplyAddress, type RpcAsked } from './rpc-reply';

// API

export interface Args {
  readonly self: Peer;
  readonly settings: NodeSettings;
  /** From 0 up to 1. */
  readonly random: () => number;
}

export const startLink = (args: Args) => genServer.startLink(callbacks, args, registered(health.NAME));

// State and messages

interface State {
  readonly args: Args;
  readonly suspicion: SuspicionState;
  /** When the next tick is due, and what will bring it. */
  readonly tickAtMs: number;
  readonly timer: TimerRef | undefined;
  /** How many pings are under way for others. */
  readonly pingsFor: number;
  readonly clocks: ClockWatch;
  /** Whose clock is looked at next. */
  readonly clockTurn: number;
}

/** Which question an outcome is about. */
type Tag =
  /** A ping of the peer itself. */
  | { readonly type: 'probe'; readonly request: number }
  /** Another node was asked to ping it. */
  | { readonly type: 'others'; readonly request: number }
  /** A ping of a neighbour whom nobody suspects, to see what time it is there. */
  | { readonly type: 'clock' }
  /** A ping for somebody else. */
  | { readonly type: 'for'; readonly replyTo: ReplyAddress };

type Probe = Extract<Tag, { type: 'probe' | 'others' }>;

type Info = { readonly type: 'tick' | 'compare_clocks' } | RpcAsked<PingFor> | peerLink.RpcOutcome<Tag>;

/** Who else is told of a verdict. Nobody has to be there. */
const JURY = ['finger-fixer', 'handoff', 'replica-syncer'].map((name) =>
  serverNamed<never, { readonly type: 'verdict'; readonly peer: Peer; readonly isAlive: boolean }>(name),
);

/** How long a ping for another node may take: it waits for it, and has a verdict to give. */
const PING_FOR_MS = 150;
const PINGS_FOR_MAX = 64;

/** A tick that comes so much too late shows that this node was held up itself. */
const LAG_MS = 50;

/** How often the clock of a neighbour is looked at, one after the other. */
const CLOCK_INTERVAL_MS = 1000;

// Callbacks

const callbacks: GenServer<Args, State, never, health.Told, Info> = {
  init(args, self) {
    keptTable.create(health.TABLE);
    const { checkPredecessorIntervalMs, stabilizeIntervalMs } = args.settings;
    const suspicion = startSuspicion(args.self.id, self.nowMs(), {
      predecessorIntervalMs: checkPredecessorIntervalMs,
      successorIntervalMs: stabilizeIntervalMs,
    });
    self.sendEvery(CLOCK_INTERVAL_MS, { type: 'compare_clocks' });
    const clocks = { clocks: NO_SAMPLES, clockTurn: 0 };
    const state: State = { args, suspicion, tickAtMs: Infinity, timer: undefined, pingsFor: 0, ...clocks };
    return started(advance(watchEvent(args.self), state, self));
  },

  handleCast: (message, state, self) =>
    noReply(advance(message.type === 'ring_changed' ? watchEvent(state.args.self) : message, state, self)),

  handleInfo(message, state, self) {
    switch (message.type) {
      case 'tick':
        return noReply(advance({ type: 'tick' }, { ...state, timer: undefined }, self));
      case 'compare_clocks':
        return noReply(compareClocks(state));
      case 'rpc_asked':
        return noReply(pingFor(message.question.target, message.replyTo, state));
      case 'rpc_answered':
      case 'rpc_failed':
        return noReply(answered(message, state, self));
      default:
        return unreachable(message);
    }
  },

  formatStatus: ({ suspicion: { known, trials, probes, predecessor, successors }, pingsFor, clocks, args }) => ({
    known: known.size,
    suspects: known.values
      .filter(({ standing }) => standing !== 'alive')
      .map(({ peer, standing }) => [peer.addr, standing]),
    watched: [predecessor, ...successors].map((peer) => peer?.addr),
    trials: trials.length,
    probes: probes.length,
    pingsFor,
    clock: readingOf(clocks, args.settings.maxDriftMs),
  }),
};

// Internal

/** One event through the core, and what comes of it. What was held up itself says so before it judges others. */
function advance(event: SuspicionEvent, state: State, self: Self<Info>): State {
  // What it is with the right clock would be taken for what it was before.
  const about = saysWho(event);
  if (about && isOfFuture(about, self.systemMs(), state.args.settings.maxDriftMs)) return state;
  const nowMs = self.nowMs();
  const lagMs = nowMs - state.tickAtMs;
  const before = lagMs > LAG_MS ? step({ type: 'lagged', ms: lagMs }, state, nowMs, self) : state;
  const next = step(event, before, nowMs, self);
  if (next.suspicion !== state.suspicion) publish(next);
  return wakeInTime(next, nowMs, self);
}

/** Who has spoken, or has not, as far as an event says so. Whoever wants a verdict is to have one. */
function saysWho(event: SuspicionEvent): Peer | undefined {
  switch (event.type) {
    case 'heard':
    case 'missed':
    case 'lost':
      return event.peer;
    case 'probe_answered':
      return event.from;
    default:
      return undefined;
  }
}

function publish({ suspicion, clocks, args }: State): void {
  ets.insert(health.TABLE, { id: 'health', suspicion, clock: readingOf(clocks, args.settings.maxDriftMs) });
}

function step(event: SuspicionEvent, state: State, nowMs: number, self: Self<Info>): State {
  const [suspicion, effects] = stepSuspicion(state.suspicion, event, nowMs, state.args.random);
  for (const effect of effects) {
    // Whoever asks again about a dead one is told so each time; it is news once.
    const isNews =
      effect.type === 'verdict' && isDead(suspicion, effect.peer.id) && !isDead(state.suspicion, effect.peer.id);
    if (isNews) self.runtime.logger.event('info', 'peer_dead', { peer: effect.peer.addr });
    perform(effect, self);
  }
  return { ...state, suspicion };
}

function perform(effect: SuspicionEffect, self: Self<Info>): void {
  switch (effect.type) {
    case 'probe': {
      const { peer, request, timeoutMs } = effect;
      return peerLink.ask<Tag>(peer, { type: 'ping' }, { tag: { type: 'probe', request }, timeoutMs });
    }
    case 'ask_others': {
      const { via, target, request, timeoutMs } = effect;
      return peerLink.ask<Tag>(via, { type: 'ping_for', target }, { tag: { type: 'others', request }, timeoutMs });
    }
    case 'verdict':
      return pass(effect.peer, effect.isAlive);
    case 'suspected':
      return self.runtime.logger.event('debug', 'peer_suspected', { peer: effect.peer.addr });
    case 'cleared':
      self.runtime.logger.event('debug', 'peer_cleared', { peer: effect.peer.addr });
      // A question that fails at once, because the last one could not be asked, would speak against it again.
      heardOf(effect.peer.addr, self.runtime);
      // It may have been found dead before, by mistake: whoever was told then is to know that it lives.
      return tellJury(effect.peer, true);
    default:
      return unreachable(effect);
  }
}

function pass(peer: Peer, isAlive: boolean): void {
  ringState.verdict(peer, isAlive);
  tellJury(peer, isAlive);
}

function tellJury(peer: Peer, isAlive: boolean): void {
  for (const juror of JURY) genServer.cast(juror, { type: 'verdict', peer, isAlive });
}

/** Who is watched: the neighbours that the ring state has published. */
function watchEvent({ id }: Peer): SuspicionEvent {
  const member = ringState.read();
  if (member?.phase !== 'member') return { type: 'watch', predecessor: undefined, successors: [] };
  const predecessor = member.predecessor.id === id ? undefined : member.predecessor;
  return { type: 'watch', predecessor, successors: member.successors.filter((peer) => peer.id !== id) };
}

/** Both neighbours, and those behind them. */
function neighbours({ id }: Peer): readonly Peer[] {
  const member = ringState.read();
  if (member?.phase !== 'member') return [];
  return [member.predecessor, ...member.successors].filter((peer) => peer.id !== id);
}

/** Has a tick come when the next one is due. One that comes too early does no harm, so a timer is only ever moved forward. */
function wakeInTime(state: State, nowMs: number, self: Self<Info>): State {
  const dueMs = nextTickMs(state.suspicion);
  if (state.timer !== undefined && state.tickAtMs <= dueMs) return state;
  if (state.timer !== undefined) self.cancelTimer(state.timer);
  const timer = self.sendAfter(Math.max(1, Math.ceil(dueMs - nowMs)), self.pid, { type: 'tick' });
  return { ...state, timer, tickAtMs: Math.max(dueMs, nowMs) };
}

function answered(outcome: peerLink.RpcOutcome<Tag>, state: State, self: Self<Info>): State {
  const { tag } = outcome;
  if (tag.type === 'for') {
    replyRpc(tag.replyTo, { type: outcome.type === 'rpc_answered' ? 'pong' : 'silent' });
    return { ...state, pingsFor: state.pingsFor - 1 };
  }
  const next = timed(outcome, state, self);
  return tag.type === 'clock' ? next : advance(probeEvent(tag, outcome), next, self);
}

/** Looks what time it is at one neighbour after the other. */
function compareClocks(state: State): State {
  const clocks = withNeighbours(state.clocks, neighbours(state.args.self));
  const peer = clocks.neighbours[state.clockTurn % Math.max(1, clocks.neighbours.length)];
  if (peer) peerLink.ask<Tag>(peer, { type: 'ping' }, { tag: { type: 'clock' } });
  const next = { ...state, clocks, clockTurn: state.clockTurn + 1 };
  if (next.clocks.neighbours.length !== state.clocks.neighbours.length) publish(next);
  return next;
}

/** Takes in what time it was where a ping was answered; what another node has pinged says nothing. */
function timed(outcome: peerLink.RpcOutcome<Tag>, state: State, self: Self<Info>): State {
  if (outcome.type === 'rpc_failed' || outcome.tag.type === 'others') return state;
  const { answer, from, rttMs } = outcome;
  const sample = answer.type === 'pong' ? sampleOf(answer, rttMs, self.systemMs()) : undefined;
  if (sample === undefined) return state;
  const next = { ...state, clocks: withSample(state.clocks, from.id, sample) };
  const { maxDriftMs } = state.args.settings;
  const [before, after] = [readingOf(state.clocks, maxDriftMs), readingOf(next.clocks, maxDriftMs)];
  if (after.isSkewed !== before.isSkewed) {
    self.runtime.logger.event(after.isSkewed ? 'error' : 'info', after.isSkewed ? 'clock_skewed' : 'clock_right', {
      offsetMs: Math.round(after.offsetMs ?? 0),
    });
  }
  if (after.offsetMs !== before.offsetMs || after.isSkewed !== before.isSkewed) publish(next);
  return next;
}

/** Of another node's ping only its outcome counts: that the other node answers is not what was asked. */
function probeEvent({ type, request }: Probe, outcome: peerLink.RpcOutcome<Tag>): SuspicionEvent {
  if (outcome.type === 'rpc_failed') {
    const { code, isRefused: isShut = false } = outcome.failure;
    const isRefused = type === 'probe' && REFUSALS.has(code);
    return { type: 'probe_failed', request, isRefused, isShut: isRefused && isShut };
  }
  if (type === 'probe') return { type: 'probe_answered', request, from: outcome.from, rttMs: outcome.rttMs };
  return outcome.answer.type === 'pong'
    ? { type: 'probe_answered', request }
    : { type: 'probe_failed', request, isRefused: false };
}

/** Nobody is there, or somebody else, or whoever is there has left its ring. */
const REFUSALS: ReadonlySet<string> = new Set(['unreachable', 'refused', 'not_a_member']);

function pingFor(target: Peer, replyTo: ReplyAddress, state: State): State {
  if (state.pingsFor >= PINGS_FOR_MAX) {
    refuseRpc(replyTo, 'overloaded', 'Cannot ping for another node: too many such pings are under way');
    return state;
  }
  peerLink.ask<Tag>(target, { type: 'ping' }, { tag: { type: 'for', replyTo }, timeoutMs: PING_FOR_MS });
  return { ...state, pingsFor: state.pingsFor + 1 };
}
