/**
 * Trials: how a suspect is cleared or found to be dead.
 *
 * A trial begins with the first thing that speaks against a peer and ends with the first sign of
 * life, with a second refused connection, or at its deadline, whichever comes first. So it always
 * ends, also when nobody answers at all.
 *
 * One refusal is enough after a connection in use has ended without a word. A process that lives has one: whatever part of
 * it is restarted says so on the connections that it closes, and a listener that is restarted closes none. Only
 * where the whole process has gone does its system both end the connections and refuse new ones. That is known within
 * moments, and all who knew the node find it out at once: so others are asked only if it takes longer.
 */
import type { Peer } from './peer';
import {
  type Health,
  patienceOf,
  rtoOf,
  type RoundTrip,
  type SuspicionEffect,
  type SuspicionEvent,
  type SuspicionState,
  type Trial,
} from './suspicion-state';

/** What is said against a peer. */
export interface Charge {
  /** Somebody wants the verdict, whatever it is. @default false */
  readonly isAsked?: boolean;
  /** A connection that was in use has ended without a word. @default false */
  readonly isSevered?: boolean;
}

type Refusal = Pick<Extract<SuspicionEvent, { type: 'probe_failed' }>, 'isShut'>;

/** The next state, and what is to be done. */
export type Outcome = [SuspicionState, readonly SuspicionEffect[]];

/** What most events lead to. */
export const NOTHING: readonly SuspicionEffect[] = [];

/** How long a suspect has to show that it lives; longer if it is known to be slow, or if this node is. */
const TRIAL_MS = 150;
/** After a refused connection another one is tried: the listener may just have been restarted. */
const REFUSAL_PAUSE_MS = 50;
/** Two refusals are enough: the machine answers, and nobody listens there. */
const REFUSALS_MAX = 2;
const OTHERS_ASKED = 2;
/** So much later they are asked where the peer's own system may say it all. */
const OTHERS_LATER_MS = 20;
/** A trial is extended so often at most; then judgement falls, held up or not. */
const EXTENSIONS_MAX = 3;
/** A deadline that is noticed so much too late was noticed by a node that was held up itself. */
const LATE_MS = 50;
/** Round trips measured closer together tell nothing new. */
const SAMPLE_PAUSE_MS = 10;
const TRIALS_MAX = 256;
/** How many peers are known at most; when there are more, an eighth is forgotten at once, those not heard of for longest. */
const KNOWN_MAX = 1024;

/** Takes a sign of life: whatever spoke against the peer is forgotten. */
export function heard(state: SuspicionState, peer: Peer, rttMs: number | undefined, nowMs: number): Outcome {
  const known = state.known.get(peer.id);
  if (peer.id === state.self) return [state, NOTHING];
  if (known === undefined) return [know(state, alive(peer, rttOf(undefined, rttMs), nowMs)), NOTHING];
  if (peer.inc > known.peer.inc) return reborn(state, known, peer, nowMs);
  const isFresh = nowMs - known.heardAtMs < SAMPLE_PAUSE_MS && (rttMs === undefined || known.rtt !== undefined);
  if (known.standing === 'alive' && isFresh) return [state, NOTHING];
  const next = know(state, alive(known.peer, rttOf(known.rtt, rttMs), nowMs));
  return known.standing === 'alive' ? [next, NOTHING] : cleared(next, known.peer);
}

/** Something speaks against a peer: it is tried, unless that is under way or the case is clear. */
export function accuse(
  state: SuspicionState,
  peer: Peer,
  { isAsked = false, isSevered = false }: Charge,
  nowMs: number,
  random: () => number,
): Outcome {
  const verdict = (isAlive: boolean): Outcome => [state, isAsked ? [{ type: 'verdict', peer, isAlive }] : NOTHING];
  const known = state.known.get(peer.id);
  if (peer.id === state.self) return verdict(true);
  if (known && known.peer.inc > peer.inc) return verdict(false);
  if (known && known.peer.inc < peer.inc) {
    return andThen(reborn(state, known, peer, nowMs), (next) =>
      accuse(next, peer, { isAsked, isSevered }, nowMs, random),
    );
  }
  if (known?.standing === 'dead') return verdict(false);
  const trial = trialOf(state, peer);
  if (trial) return charge(state, trial, { isAsked, isSevered }, nowMs);
  // Whoever accuses so many at once is likely to be cut off himself.
  if (state.trials.length >= TRIALS_MAX) return verdict(true);
  return openTrial(state, peer, { isAsked, isSevered }, nowMs, random);
}

/** More is said against a peer that is being tried. A probe that was on its way through a severed connection is lost. */
function charge(
  state: SuspicionState,
  before: Trial,
  { isAsked, isSevered }: Required<Charge>,
  nowMs: number,
): Outcome {
  const isNews = isSevered && !before.isSevered;
  if (!isNews && (!isAsked || before.isAsked)) return [state, NOTHING];
  const trial: Trial = { ...before, isAsked: before.isAsked || isAsked, isSevered: before.isSevered || isSevered };
  if (!isNews) return [withTrial(state, trial), NOTHING];
  return probeAgain(state, { ...trial, retryAtMs: undefined }, Math.max(1, trial.deadlineMs - nowMs));
}

function openTrial(
  state: SuspicionState,
  peer: Peer,
  { isAsked, isSevered }: Required<Charge>,
  nowMs: number,
  random: () => number,
): Outcome {
  const windowMs = trialMs(state, peer, nowMs);
  const direct = state.lastRequest + 1;
  const trial: Trial = {
    peer,
    isAsked,
    deadlineMs: nowMs + windowMs,
    direct,
    indirect: [],
    refusals: 0,
    isSevered,
    othersAtMs: isSevered ? nowMs + OTHERS_LATER_MS : undefined,
    retryAtMs: undefined,
    extensions: 0,
  };
  const health = state.known.get(peer.id) ?? alive(peer, undefined, nowMs);
  const suspected = know(state, { ...health, standing: 'suspect' });
  const opened: Outcome = [
    { ...suspected, trials: [...state.trials, trial], lastRequest: direct },
    [
      { type: 'suspected', peer },
      { type: 'probe', peer, request: direct, timeoutMs: windowMs },
    ],
  ];
  return isSevered ? opened : andThen(opened, (next) => askOthers(next, trial, nowMs, random));
}

/** Where nobody can be asked just now, it is tried again while there is time. */
function askOthers(state: SuspicionState, trial: Trial, nowMs: number, random: () => number): Outcome {
  const { peer: target, deadlineMs } = trial;
  const first = state.lastRequest + 1;
  const others = othersThan(state, target, random);
  const indirect = others.map((_via, index) => first + index);
  const othersAtMs = others.length === 0 ? nowMs + OTHERS_LATER_MS : undefined;
  const next = withTrial(state, { ...trial, indirect, othersAtMs });
  const timeoutMs = Math.max(1, deadlineMs - nowMs);
  return [
    { ...next, lastRequest: state.lastRequest + others.length },
    others.map((via, index): SuspicionEffect => {
      return { type: 'ask_others', via, target, request: first + index, timeoutMs };
    }),
  ];
}

/** A connection was refused: the second time in a trial that is the verdict, and the first time where nothing else can be. */
export function refused(state: SuspicionState, trial: Trial, { isShut = false }: Refusal, nowMs: number): Outcome {
  const refusals = trial.refusals + 1;
  if (refusals >= REFUSALS_MAX || (trial.isSevered && isShut)) return died(state, trial.peer);
  return [withTrial(state, { ...trial, refusals, retryAtMs: nowMs + REFUSAL_PAUSE_MS }), NOTHING];
}

/** What time does to a trial. */
export function timePassed(state: SuspicionState, trial: Trial, nowMs: number, random: () => number): Outcome {
  const lateMs = nowMs - trial.deadlineMs;
  if (lateMs >= 0) {
    const isHeldUp = lateMs > LATE_MS && trial.extensions < EXTENSIONS_MAX;
    return isHeldUp ? extend(state, trial, nowMs) : died(state, trial.peer);
  }
  const asked: Outcome = isDue(trial.othersAtMs, nowMs) ? askOthers(state, trial, nowMs, random) : [state, NOTHING];
  if (!isDue(trial.retryAtMs, nowMs)) return asked;
  return andThen(asked, (next) =>
    probeAgain(next, { ...(trialOf(next, trial.peer) ?? trial), retryAtMs: undefined }, trial.deadlineMs - nowMs),
  );
}

const isDue = (atMs: number | undefined, nowMs: number) => atMs !== undefined && atMs <= nowMs;

/** Begins a trial anew, because this node could not hear anybody for a while. */
export function extend(state: SuspicionState, trial: Trial, nowMs: number): Outcome {
  if (trial.extensions >= EXTENSIONS_MAX) return [state, NOTHING];
  const windowMs = trialMs(state, trial.peer, nowMs);
  const extensions = trial.extensions + 1;
  return probeAgain(state, { ...trial, extensions, deadlineMs: nowMs + windowMs, retryAtMs: undefined }, windowMs);
}

function probeAgain(state: SuspicionState, trial: Trial, timeoutMs: number): Outcome {
  const direct = state.lastRequest + 1;
  const next = { ...withTrial(state, { ...trial, direct }), lastRequest: direct };
  return [next, [{ type: 'probe', peer: trial.peer, request: direct, timeoutMs }]];
}

/** Lets `change` go on from where another change has ended. */
export function andThen([state, effects]: Outcome, change: (state: SuspicionState) => Outcome): Outcome {
  const [next, more] = change(state);
  return [next, effects.length === 0 ? more : [...effects, ...more]];
}

/** The trial of this peer, if there is one. */
export const trialOf = ({ trials }: SuspicionState, peer: Peer) => trials.find((trial) => trial.peer.id === peer.id);

function cleared(state: SuspicionState, peer: Peer): Outcome {
  const trial = trialOf(state, peer);
  const effects: SuspicionEffect[] = [{ type: 'cleared', peer }];
  if (trial?.isAsked) effects.push({ type: 'verdict', peer: trial.peer, isAlive: true });
  return [withoutTrial(state, peer), effects];
}

function died(state: SuspicionState, peer: Peer): Outcome {
  const health = state.known.get(peer.id);
  const next = health ? know(state, { ...health, standing: 'dead' }) : state;
  return [withoutTrial(next, peer), [{ type: 'verdict', peer, isAlive: false }]];
}

/** There is a later incarnation, hence this one has died. It lives in the same place, as far away as before. */
function reborn(state: SuspicionState, before: Health, peer: Peer, nowMs: number): Outcome {
  const next = withoutTrial(know(state, alive(peer, before.rtt, nowMs)), peer);
  const effects: SuspicionEffect[] = [];
  if (before.standing !== 'dead') effects.push({ type: 'verdict', peer: before.peer, isAlive: false });
  if (before.standing !== 'alive') effects.push({ type: 'cleared', peer });
  return [next, effects];
}

const trialMs = (state: SuspicionState, peer: Peer, nowMs: number) =>
  Math.max(TRIAL_MS, rtoOf(state, peer.id), patienceOf(state, nowMs));

function withTrial(state: SuspicionState, trial: Trial): SuspicionState {
  return { ...state, trials: state.trials.map((other) => (other.peer.id === trial.peer.id ? trial : other)) };
}

function withoutTrial(state: SuspicionState, peer: Peer): SuspicionState {
  return { ...state, trials: state.trials.filter((trial) => trial.peer.id !== peer.id) };
}

/** Two neighbours that are not suspect themselves; fewer in a ring that has no more. */
function othersThan(state: SuspicionState, target: Peer, random: () => number): readonly Peer[] {
  const neighbours = state.predecessor ? [state.predecessor, ...state.successors] : state.successors;
  const distinct = [...new Map(neighbours.map((peer) => [peer.id, peer])).values()];
  const able = distinct.filter(({ id }) => id !== target.id && (state.known.get(id)?.standing ?? 'alive') === 'alive');
  const chosen: Peer[] = [];
  while (chosen.length < OTHERS_ASKED && able.length > 0) {
    chosen.push(...able.splice(Math.floor(random() * able.length), 1));
  }
  return chosen;
}

const alive = (peer: Peer, rtt: RoundTrip | undefined, nowMs: number): Health => ({
  peer,
  standing: 'alive',
  heardAtMs: nowMs,
  rtt,
});

/** Jacobson's estimate, as TCP has it: an eighth of the new round trip, a quarter of the new deviation. */
function rttOf(before: RoundTrip | undefined, rttMs: number | undefined): RoundTrip | undefined {
  if (rttMs === undefined) return before;
  if (before === undefined) return { srttMs: rttMs, rttvarMs: rttMs / 2 };
  const { srttMs, rttvarMs } = before;
  return {
    srttMs: srttMs + (rttMs - srttMs) / 8,
    rttvarMs: rttvarMs + (Math.abs(rttMs - srttMs) - rttvarMs) / 4,
  };
}

function know(state: SuspicionState, health: Health): SuspicionState {
  const known = state.known.set(health.peer.id, health);
  if (known.size <= KNOWN_MAX) return { ...state, known };
  const times = known.values.map(({ heardAtMs }) => heardAtMs).sort((a, b) => a - b);
  const oldestMs = times[KNOWN_MAX / 8] ?? 0;
  const isKept = ({ peer, heardAtMs }: Health) =>
    heardAtMs > oldestMs || peer.id === health.peer.id || trialOf(state, peer) !== undefined;
  return { ...state, known: known.filter(isKept) };
}
