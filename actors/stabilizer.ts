/**
 * Stabilizer: says when it is time for the ring state to look after its pointers, and looks for what
 * pointers cannot show.
 *
 * A tick is given at once after every change, and in short intervals for a while, for one change is
 * seldom the last, and lists learn of it from each other, one after the other; a little later when
 * somebody was busy, at a random moment, so that two who ask each other do not meet again; and else
 * in random intervals, as the safety net. Beside that it probes for a part of the ring that was cut
 * off (src/chord/ring-probe.ts), and the ring state is told of whomever a probe has found.
 *
 * A crash loses nothing: the next one begins with a tick. Started by supervisors/ring-sup.ts.
 */
import type { NextHop } from '../src/chord/lookup';
import {
  type RingProbe,
  type RingProbeEffect,
  type RingProbeEvent,
  startRingProbe,
  stepRingProbe,
} from '../src/chord/ring-probe';
import type { NodeSettings } from '../src/config';
import { type GenServer, genServer, noReply, type Self, serverNamed, started, type TimerRef } from '../src/otp';
import { unreachable } from '../src/unreachable';
import * as peerLink from './peer-link';
import { registered } from './registered';
import * as ringState from './ring-state';

// API

export interface Args {
  readonly settings: NodeSettings;
  /** From 0 up to 1. */
  readonly random: () => number;
}

export const NAME = serverNamed<never, Cast>('stabilizer');
export const startLink = (args: Args) => genServer.startLink(callbacks, args, registered(NAME));

// State and messages

interface State {
  readonly args: Args;
  /** When the last tick was given, and when the next one is due. */
  readonly lastMs: number;
  readonly dueMs: number;
  readonly timer: TimerRef;
  /** When the pointers last changed. */
  readonly changedMs: number;
  readonly probe: RingProbe;
}

interface Cast {
  readonly type: 'ring_changed' | 'retry_soon';
}

interface Tag {
  readonly request: number;
}

type Info = { readonly type: 'due' | 'probe_due' } | peerLink.RpcOutcome<Tag>;

/** Ticks that follow changes keep this distance, so that a ring in trouble is not flooded with questions. */
const LEAST_PAUSE_MS = 50;
/** Whoever was busy is asked again within this. */
const RETRY_MOST_MS = 100;
/** Intervals differ by so much either way. */
const JITTER = 0.2;
/** For so long after a change the interval is so short. */
const UNSTABLE_MS = 2000;
const UNSTABLE_INTERVAL_MS = 100;

// Callbacks

const callbacks: GenServer<Args, State, never, Cast, Info> = {
  init(args, self) {
    const nowMs = self.nowMs();
    const probe = startRingProbe(nowMs, args.settings.ringProbeIntervalMs, args.random);
    wakeForProbe(probe, nowMs, self);
    const timer = wakeAfter(0, self);
    return started({ args, lastMs: nowMs - LEAST_PAUSE_MS, dueMs: nowMs, timer, changedMs: nowMs, probe });
  },

  handleCast({ type }, state, self) {
    const nowMs = self.nowMs();
    if (type === 'retry_soon') return noReply(hasten(nowMs + state.args.random() * RETRY_MOST_MS, state, self));
    return noReply(hasten(state.lastMs + LEAST_PAUSE_MS, { ...state, changedMs: nowMs }, self));
  },

  handleInfo(message, state, self) {
    switch (message.type) {
      case 'due':
        return noReply(advanceProbe({ type: 'tick' }, tick(state, self), self));
      case 'probe_due':
        return noReply(advanceProbe({ type: 'tick' }, state, self));
      case 'rpc_answered': {
        const { request } = message.tag;
        return noReply(advanceProbe({ type: 'answered', request, hop: message.answer as NextHop }, state, self));
      }
      case 'rpc_failed':
        return noReply(advanceProbe({ type: 'silent', request: message.tag.request }, state, self));
      default:
        return unreachable(message);
    }
  },

  formatStatus: ({ lastMs, dueMs, probe }) => ({
    lastMs,
    dueMs,
    probeDueMs: probe.dueMs,
    isProbing: probe.walk !== undefined,
  }),
};

// Internal: ticks

const wakeAfter = (ms: number, self: Self<Info>): TimerRef => self.sendAfter(Math.ceil(ms), self.pid, { type: 'due' });

function tick(state: State, self: Self<Info>): State {
  ringState.tick();
  const { settings, random } = state.args;
  const nowMs = self.nowMs();
  const isUnstable = nowMs - state.changedMs < UNSTABLE_MS;
  const meanMs = isUnstable
    ? Math.min(UNSTABLE_INTERVAL_MS, settings.stabilizeIntervalMs)
    : settings.stabilizeIntervalMs;
  const intervalMs = meanMs * (1 + JITTER * (2 * random() - 1));
  return { ...state, lastMs: nowMs, dueMs: nowMs + intervalMs, timer: wakeAfter(intervalMs, self) };
}

/** Has the next tick come by then, if it was to come later. */
function hasten(dueMs: number, state: State, self: Self<Info>): State {
  if (state.dueMs <= dueMs) return state;
  // One whose message is on its way already needs no other.
  if (self.cancelTimer(state.timer) === false) return state;
  return { ...state, dueMs, timer: wakeAfter(Math.max(0, dueMs - self.nowMs()), self) };
}

// Internal: the probe

function advanceProbe(event: RingProbeEvent, state: State, self: Self<Info>): State {
  const view = ringState.read();
  if (view?.phase !== 'member') return state;
  const { random } = state.args;
  const nowMs = self.nowMs();
  const [probe, effects] = stepRingProbe(state.probe, event, view, nowMs, random);
  for (const effect of effects) perform(effect);
  if (probe.dueMs !== state.probe.dueMs) wakeForProbe(probe, nowMs, self);
  return { ...state, probe };
}

/** One that comes too early, because the probe was put off meanwhile, does no harm. */
function wakeForProbe({ dueMs }: RingProbe, nowMs: number, self: Self<Info>): void {
  self.sendAfter(Math.max(1, Math.ceil(dueMs - nowMs)), self.pid, { type: 'probe_due' });
}

function perform(effect: RingProbeEffect): void {
  switch (effect.type) {
    case 'ask': {
      const { to, key, excluded, request } = effect;
      return peerLink.ask<Tag>(to, { type: 'find_next', key, excluded }, { tag: { request } });
    }
    case 'consider':
      return ringState.consider(effect.candidate);
    case 'hint':
      return peerLink.tell(effect.to, { type: 'hint', between: effect.between });
    default:
      return unreachable(effect);
  }
}
