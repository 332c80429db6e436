/**
 * Views, proofs of death: a view that lacks a majority can be changed only once it is certain that whoever is
 * silent is dead, and has forgotten what it had.
 *
 * A node is dead for certain when another incarnation of it has been heard of, or when nobody listens at its
 * address: it refuses every connection, several times over a while, and somebody else finds the same. Whoever is
 * merely silent may be alive on the other side of a broken network, with data that nobody else has.
 */
import type { Peer } from '../chord/peer';
import type { Trial, Views } from './views';
import {
  acquaintances,
  andEach,
  andThen,
  answer,
  ask,
  bury,
  isDead,
  isGone,
  isSame,
  meet,
  type Now,
  type Outcome,
  quiet,
  report,
} from './views-changes';

/** How often a suspect has to refuse, and over how long. */
const REFUSALS = 3;
const REFUSED_MS = 2000;

/** How often it is tried. */
const PROBE_MS = 600;

/** How often others are asked what they have found. */
const ASK_MS = 500;

/** How many others are asked. */
const WITNESSES = 2;

/** How long a suspect is tried after somebody wanted to know. */
const WANTED_MS = 6000;

/** How many suspects are tried at a time. */
const TRIALS_MAX = 16;

/** Somebody without whom a view cannot be changed does not answer. */
export function suspect(state: Views, peer: Peer, now: Now): Views {
  return isGone(state, peer) || isSame(peer, state.self) ? state : wanted(state, peer, true, now);
}

/** Says whether this node, too, has found somebody dead; if it does not know, it begins to find out. */
export function askedOfDeath(before: Views, target: Peer, now: Now): Outcome {
  if (isGone(before, target)) return answer(before, { type: 'dead' });
  const state = isSame(target, before.self) ? before : wanted(before, target, false, now);
  const trial = trialOf(state, target);
  return answer(state, { type: trial && hasRefused(trial, now) ? 'dead' : 'unknown' });
}

/** Tries the suspects, and asks others. */
export function tryWhenDue(before: Views, now: Now): Outcome {
  if (before.trials.length === 0) return quiet(before);
  const trials = before.trials.filter(
    ({ peer, wantedAtMs }) => !isGone(before, peer) && now.nowMs - wantedAtMs < WANTED_MS,
  );
  return andEach(quiet({ ...before, trials }), trials, (state, { peer }) =>
    andThen(
      andThen(probe(state, peer, now), (next) => askOthers(next, peer, now)),
      (next) => decide(next, peer, now),
    ),
  );
}

/** Whether a suspect has answered. */
export function probeAnswered(state: Views, peer: Peer, from: Peer): Outcome {
  const trials = state.trials.filter((trial) => !isSame(trial.peer, peer));
  return quiet(meet({ ...state, trials }, from));
}

/** A suspect has not answered: that proves something only where nobody listens there. */
export function probeFailed(state: Views, peer: Peer, isRefused: boolean, { nowMs }: Now): Outcome {
  return quiet(
    withTrial(state, peer, ({ refusals, refusedSinceMs }) => {
      if (!isRefused) return { refusals: 0 };
      return { refusals: refusals + 1, refusedSinceMs: refusals === 0 ? nowMs : refusedSinceMs };
    }),
  );
}

/** Somebody else has found it dead. */
export function witnessed(state: Views, target: Peer, witness: Peer): Outcome {
  return quiet(
    withTrial(state, target, ({ witnesses }) => ({
      witnesses: [...witnesses.filter((id) => id !== witness.id), witness.id],
    })),
  );
}

function wanted(state: Views, peer: Peer, isOwn: boolean, { nowMs }: Now): Views {
  if (trialOf(state, peer)) {
    return withTrial(state, peer, (trial) => ({ wantedAtMs: nowMs, isOwn: trial.isOwn || isOwn }));
  }
  if (state.trials.length >= TRIALS_MAX) return state;
  const trial: Trial = {
    peer,
    refusals: 0,
    refusedSinceMs: nowMs,
    witnesses: [],
    dueAtMs: nowMs,
    asksAtMs: nowMs,
    isOwn,
    wantedAtMs: nowMs,
  };
  return { ...state, trials: [...state.trials, trial] };
}

function probe(state: Views, peer: Peer, { nowMs }: Now): Outcome {
  const trial = trialOf(state, peer);
  if (trial === undefined || trial.dueAtMs > nowMs) return quiet(state);
  const next = withTrial(state, peer, () => ({ dueAtMs: nowMs + PROBE_MS }));
  const arc = { lo: state.self.id, hi: peer.id };
  return ask(next, peer, { type: 'view_get', arc }, { type: 'probe', to: peer });
}

function askOthers(state: Views, peer: Peer, { nowMs }: Now): Outcome {
  const trial = trialOf(state, peer);
  if (trial === undefined || !trial.isOwn || trial.asksAtMs > nowMs) return quiet(state);
  const next = withTrial(state, peer, () => ({ asksAtMs: nowMs + ASK_MS }));
  return andEach(quiet(next), witnessesOf(state, peer).slice(0, WITNESSES), (each, to) =>
    ask(each, to, { type: 'death_of', target: peer }, { type: 'death_of', to, target: peer }),
  );
}

function decide(state: Views, peer: Peer, now: Now): Outcome {
  const trial = trialOf(state, peer);
  if (trial === undefined || !trial.isOwn || !hasRefused(trial, now)) return quiet(state);
  if (trial.witnesses.length === 0 && witnessesOf(state, peer).some((other) => !isRefusing(state, other, now)))
    return quiet(state);
  const trials = state.trials.filter((each) => each !== trial);
  const arc = { lo: peer.id, hi: peer.id };
  return [bury({ ...state, trials }, peer.id, peer.inc), [report('member_dead', arc, [peer], peer)]];
}

/** Who can be asked: those that are believed alive first. */
function witnessesOf(state: Views, peer: Peer): readonly Peer[] {
  const others = acquaintances(state).filter((other) => other.id !== peer.id && !isGone(state, other));
  const alive = others.filter((other) => !isDead(state, other));
  return [...alive, ...others.filter((other) => isDead(state, other))];
}

function isRefusing(state: Views, peer: Peer, now: Now): boolean {
  const trial = trialOf(state, peer);
  return trial !== undefined && hasRefused(trial, now);
}

function hasRefused({ refusals, refusedSinceMs }: Trial, { nowMs }: Now): boolean {
  return refusals >= REFUSALS && nowMs - refusedSinceMs >= REFUSED_MS;
}

function trialOf({ trials }: Views, peer: Peer): Trial | undefined {
  return trials.find((trial) => isSame(trial.peer, peer));
}

function withTrial(state: Views, peer: Peer, change: (trial: Trial) => Partial<Trial>): Views {
  const trials = state.trials.map((trial) => (isSame(trial.peer, peer) ? { ...trial, ...change(trial) } : trial));
  return { ...state, trials };
}
