/**
 * Suspicion: when a peer that does not answer is taken for dead. Pure: an event in, the next state
 * and what is to be done out.
 *
 * There are two levels. Whoever fails to answer once is *suspect*: others are asked instead of it,
 * and any sign of life clears it. It is then tried at once: directly, and through two neighbours,
 * because the way between two nodes may be broken while both are well. If nothing is heard from it
 * until the trial's deadline, or if it refuses two connections in a row, or one after those that it had
 * have ended without a word, it is *dead*, and stays so until it is heard of again. A higher incarnation shows that what it was before has died.
 *
 * A question's timeout follows from how long the peer took to answer earlier ones (Jacobson's
 * estimate). A node that was itself held up has heard nobody, so then it judges nobody: trials are
 * extended, up to a bound, for whoever asked for a verdict is to have one. For a while after that it gives
 * everybody more time, since what holds it up may hold up others as well.
 */
import type { Peer } from './peer';
import { lagOf, rtoOf, type SuspicionEvent, type SuspicionState } from './suspicion-state';
import { accuse, andThen, extend, heard, NOTHING, type Outcome, refused, timePassed, trialOf } from './suspicion-trial';
import { unreachable } from '../unreachable';

export {
  isDead,
  isSuspect,
  nextTickMs,
  rtoOf,
  startSuspicion,
  type SuspicionEffect,
  type SuspicionEvent,
  type SuspicionState,
} from './suspicion-state';

/** A shorter lag than this makes no answer late. */
const LAG_MIN_MS = 50;
/** Whoever does not say how a probe ended has so long after its timeout. */
const PROBE_SLACK_MS = 100;
/** Periods vary by a fifth, so that nodes that were started together do not stay in step. */
const JITTER = 0.2;

/**
 * Handles one event.
 *
 * @param random gives numbers from 0 up to 1
 */
export function stepSuspicion(
  state: SuspicionState,
  event: SuspicionEvent,
  nowMs: number,
  random: () => number,
): Outcome {
  switch (event.type) {
    case 'heard':
      return heard(state, event.peer, event.rttMs, nowMs);
    case 'missed':
      return accuse(state, event.peer, {}, nowMs, random);
    case 'lost':
      return accuse(state, event.peer, event, nowMs, random);
    case 'judge':
      return accuse(state, event.peer, { isAsked: true }, nowMs, random);
    case 'probe_answered':
      return probeAnswered(state, event, nowMs);
    case 'probe_failed':
      return probeFailed(state, event, nowMs, random);
    case 'watch':
      return [{ ...state, predecessor: event.predecessor, successors: event.successors }, NOTHING];
    case 'lagged':
      return event.ms < LAG_MIN_MS ? [state, NOTHING] : lagged(state, event.ms, nowMs);
    case 'tick':
      return tick(state, nowMs, random);
    default:
      return unreachable(event);
  }
}

function lagged(before: SuspicionState, ms: number, nowMs: number): Outcome {
  const state = { ...before, lag: { ms: Math.max(ms, lagOf(before, nowMs)), atMs: nowMs } };
  return forEach(state, state.trials, (at, trial) => extend(at, trial, nowMs));
}

type Answered = Extract<SuspicionEvent, { type: 'probe_answered' }>;

/** An answer that comes late is a sign of life like any other. */
function probeAnswered(state: SuspicionState, { request, from, rttMs }: Answered, nowMs: number): Outcome {
  const trial = state.trials.find(({ direct, indirect }) => direct === request || indirect.includes(request));
  const probe = state.probes.find((other) => other.request === request);
  const peer = from ?? trial?.peer ?? probe?.peer;
  const next = probe ? { ...state, probes: state.probes.filter((other) => other !== probe) } : state;
  return peer ? heard(next, peer, rttMs, nowMs) : [next, NOTHING];
}

type Failed = Extract<SuspicionEvent, { type: 'probe_failed' }>;

/** Silence decides nothing before the deadline; a refused connection is an answer of its own. */
function probeFailed(state: SuspicionState, event: Failed, nowMs: number, random: () => number): Outcome {
  const trial = state.trials.find(({ direct }) => direct === event.request);
  if (trial) return event.isRefused ? refused(state, trial, event, nowMs) : [state, NOTHING];
  const probe = state.probes.find(({ request }) => request === event.request);
  return probe ? unanswered(state, probe, nowMs, random) : [state, NOTHING];
}

function tick(state: SuspicionState, nowMs: number, random: () => number): Outcome {
  const trials = forEach(state, state.trials, (at, trial) => timePassed(at, trial, nowMs, random));
  const overdue = state.probes.filter(({ endMs }) => endMs <= nowMs);
  const probes = andThen(trials, (at) => forEach(at, overdue, (now, probe) => unanswered(now, probe, nowMs, random)));
  const predecessor = andThen(probes, (at) => probePredecessor(at, nowMs, random));
  return andThen(predecessor, (at) => probeSuccessor(at, nowMs, random));
}

/** A neighbour that was quiet and does not answer. If the ring still names one that is known to be dead, it is told again. */
function unanswered(state: SuspicionState, { peer, request }: Asked, nowMs: number, random: () => number): Outcome {
  const next = { ...state, probes: state.probes.filter((other) => other.request !== request) };
  const isDead = next.known.get(peer.id)?.standing === 'dead';
  return accuse(next, peer, { isAsked: isDead && isWatched(next, peer) }, nowMs, random);
}

type Asked = SuspicionState['probes'][number];

function isWatched({ predecessor, successors }: SuspicionState, peer: Peer): boolean {
  return predecessor?.id === peer.id || successors.some(({ id }) => id === peer.id);
}

function probePredecessor(state: SuspicionState, nowMs: number, random: () => number): Outcome {
  const { predecessor, options, predecessorAtMs } = state;
  if (predecessorAtMs > nowMs) return [state, NOTHING];
  const intervalMs = options.predecessorIntervalMs;
  const next = { ...state, predecessorAtMs: nowMs + jittered(intervalMs, random) };
  return predecessor && isQuiet(next, predecessor, intervalMs, nowMs)
    ? probe(next, predecessor, nowMs)
    : [next, NOTHING];
}

/** One of the list at a time: the next that nothing was heard of for as long as the list takes once round. */
function probeSuccessor(state: SuspicionState, nowMs: number, random: () => number): Outcome {
  const { successors, options, turn, successorAtMs } = state;
  if (successorAtMs > nowMs) return [state, NOTHING];
  const intervalMs = options.successorIntervalMs;
  const next = { ...state, successorAtMs: nowMs + jittered(intervalMs, random) };
  const inTurn = successors.map((_peer, place) => (turn + place) % successors.length);
  const place = inTurn.find((at) => {
    const peer = successors[at];
    return peer !== undefined && isQuiet(next, peer, intervalMs, nowMs);
  });
  const peer = place === undefined ? undefined : successors[place];
  return peer && place !== undefined ? probe({ ...next, turn: place + 1 }, peer, nowMs) : [next, NOTHING];
}

/** Whether it was not heard of for so long, and nobody is just asking it. */
function isQuiet(state: SuspicionState, peer: Peer, intervalMs: number, nowMs: number): boolean {
  const heardAtMs = state.known.get(peer.id)?.heardAtMs;
  const wasHeard = heardAtMs !== undefined && nowMs - heardAtMs < intervalMs * (1 - JITTER);
  return !wasHeard && !trialOf(state, peer) && !state.probes.some((other) => other.peer.id === peer.id);
}

function probe(state: SuspicionState, peer: Peer, nowMs: number): Outcome {
  const request = state.lastRequest + 1;
  const timeoutMs = rtoOf(state, peer.id);
  const probes = [...state.probes, { peer, request, endMs: nowMs + timeoutMs + PROBE_SLACK_MS }];
  return [{ ...state, probes, lastRequest: request }, [{ type: 'probe', peer, request, timeoutMs }]];
}

const jittered = (intervalMs: number, random: () => number) => intervalMs * (1 - JITTER + 2 * JITTER * random());

function forEach<T>(
  state: SuspicionState,
  items: readonly T[],
  change: (state: SuspicionState, item: T) => Outcome,
): Outcome {
  const nothingYet: Outcome = [state, NOTHING];
  return items.reduce<Outcome>((outcome, item) => andThen(outcome, (at) => change(at, item)), nothingYet);
}
