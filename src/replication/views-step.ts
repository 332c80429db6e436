/**
 * Views, step by step: an event in, the next state and what is to be done out. Pure.
 *
 * What an event means in itself is dealt with first; then whatever has become due since, which may be because of
 * the event, or because time has passed. Each part has its own page: what should be (views-desire.ts), making a view
 * (-making), telling others (-telling), newcomers (-newcomers), learning (-learning), proofs of death (-proofs),
 * views out of nothing (-orphans), leaving (-leave) and what is left over (-surplus).
 */
import type { NodeId } from '../chord/id';
import type { Peer } from '../chord/peer';
import { rangesOverlap } from '../chord/range';
import { unreachable } from '../unreachable';
import { placesAfter } from './places';
import type { Version } from './version';
import { isMember } from './view';
import type { Attempt } from './views-attempt';
import { viewsIn, sealPieces, withFewer as fewer } from './views-sealing';
import { type Flap, isAwake, type Matter, type Views } from './views';
import { andEach, andThen, answer, meet, meetEpoch, type Now, type Outcome, quiet, takeOver } from './views-changes';
import { plansOf } from './views-desire';
import { departNoted, askedToLetGo, forgetDeparted, leaveWhenDue, startLeaving } from './views-leave';
import { learnWhenDue, lessonEnded, loseStore } from './views-learning';
import { attemptWhenDue, endAttempt, endAttempts, mindAttempts, rescueFailed, sealAnswered } from './views-making';
import {
  askedToCome,
  askedToOpen,
  askedToTakeIn,
  inviteAnswered,
  inviteWhenDue,
  listenerSeen,
} from './views-newcomers';
import { sayWhatIsBlocked } from './views-checking';
import { create, looked, mindOrphans, moveOut } from './views-orphans';
import { askedOfDeath, probeAnswered, probeFailed, tryWhenDue, witnessed } from './views-proofs';
import type { ViewsEvent, ViewsQuestion } from './views-protocol';
import { askedToForget, cleanUpAnswered, cleanUpWhenDue, wasDropped, wasNotDropped } from './views-surplus';
import { agreed, askedToMakeAgain, askedToNote, makeAware, tellWhenDue, toldAnswered } from './views-telling';

/** How many nodes that have been called dead are remembered. */
const REMEMBERED_MAX = 256;

/** A question that has been under way for so long has got lost in this node itself. */
const LOST_MS = 5000;

/** How long somebody who was called dead and came back is not made a member again. */
const FLAP_MS = { least: 2000, most: 60_000 };

/** Handles one event. `nowMs` is monotonic; `clock` is the latest version that this node has minted or seen, in its own name. */
export function stepViews(
  before: Views,
  event: ViewsEvent,
  nowMs: number,
  random: () => number,
  clock: Version,
): Outcome {
  const now = { nowMs, random, clock };
  const handled = handle(before, event, now);
  const [after, effects] = event.type === 'listener_seen' ? handled : andThen(handled, (state) => goOn(state, now));
  if (after === before) return [after, effects];
  return [{ ...after, places: placesAfter(before, after) }, effects];
}

/** What it needs to know of arcs that it has no part in is who leads them, as long as it has, or hands over, something of them. */
function withFewer(state: Views): Views {
  const arcs = [...state.surplus.map(({ arc }) => arc), ...(state.leaving?.arcs ?? [])];
  const holdings = fewer(state.holdings, (arc) => arcs.some((other) => rangesOverlap(other, arc)));
  return holdings === state.holdings ? state : { ...state, holdings };
}

/** What the event means. */
function handle(state: Views, event: ViewsEvent, now: Now): Outcome {
  switch (event.type) {
    case 'tick':
      return ticked(state, now);
    case 'ring':
      return quiet([event.ring.predecessor, ...event.ring.successors].reduce(meet, { ...state, ring: event.ring }));
    case 'verdict':
      return quiet(judged(state, event.peer, event.isAlive, now.nowMs));
    case 'asked':
      return asked(meet(state, event.from), event.from, event.question, now);
    case 'answered':
    case 'failed':
      return settled(state, event, now);
    case 'synced':
      return synced(state, event, now);
    case 'listener_seen':
      return listenerSeen(state, event.peer, event.arc, now);
    case 'unaware':
      return makeAware(state, event.peer, event.arc, now);
    case 'heard_of':
      return takeOver(state, event.view, now).outcome;
    case 'agreed':
      return agreed(state, event.arc, event.epoch, now);
    case 'dropped':
      return wasDropped(state, event.arc, event.isAll, now);
    case 'not_dropped':
      return wasNotDropped(state, event.arc, now);
    case 'store_lost':
      return loseStore(state);
    case 'create':
      return create(state, now);
    case 'move_out':
      return moveOut(state, event.untilMs, now);
    case 'leave':
      return startLeaving(state, event.deadlineMs, now);
    default:
      return unreachable(event);
  }
}

function ticked(before: Views, now: Now): Outcome {
  const outcome = andThen(giveUpLost(beat(before, now.nowMs), now), (state) =>
    cleanUpWhenDue(forgetDeparted(withFewer(state), now), now),
  );
  return andThen(outcome, (state) => sayWhatIsBlocked(state, now));
}

/** What has become due. */
function goOn(before: Views, now: Now): Outcome {
  let outcome = mindAttempts(before, now);
  outcome = andThen(outcome, (state) => attemptWhenDue(state, plansOf(state), now));
  outcome = andThen(outcome, (state) => inviteWhenDue(state, plansOf(state), now));
  outcome = andThen(outcome, (state) => learnWhenDue(state, now));
  outcome = andThen(outcome, (state) => tellWhenDue(state, now));
  outcome = andThen(outcome, (state) => tryWhenDue(state, now));
  outcome = andThen(outcome, (state) => mindOrphans(state, now));
  return andThen(outcome, (state) => leaveWhenDue(state, now));
}

function beat(state: Views, nowMs: number): Views {
  const pause = isAwake(state.beatMs, nowMs) ? state.pause : { endMs: nowMs, ms: nowMs - state.beatMs };
  return { ...state, beatMs: nowMs, pause };
}

function judged(before: Views, peer: Peer, isAlive: boolean, nowMs: number): Views {
  const state = isAlive ? meet(before, peer) : before;
  const known = state.dead.get(peer.id);
  if (isAlive ? known === undefined : (known?.inc ?? -1n) >= peer.inc) return state;
  const dead = bounded(state.dead, peer.id, isAlive ? undefined : peer);
  if (!isAlive || known?.inc !== peer.inc) return { ...state, dead };
  return { ...state, dead, flaps: bounded(state.flaps, peer.id, flapAfter(state.flaps.get(peer.id), peer, nowMs)) };
}

/** Whoever goes and comes back again and again waits twice as long each time, until it has stayed for a while. */
function flapAfter(last: Flap | undefined, { inc }: Peer, nowMs: number): Flap {
  const isAgain = last?.inc === inc && nowMs - last.untilMs < FLAP_MS.most;
  const count = isAgain ? last.count + 1 : 0;
  return { inc, count, untilMs: nowMs + Math.min(FLAP_MS.most, FLAP_MS.least * 2 ** count) };
}

/** The map with this entry as its latest, or without it, and without the oldest if there are too many. */
function bounded<T>(map: ReadonlyMap<NodeId, T>, id: NodeId, entry: T | undefined): ReadonlyMap<NodeId, T> {
  const next = new Map(map);
  next.delete(id);
  if (entry !== undefined) next.set(id, entry);
  const [oldest] = next.keys();
  if (next.size > REMEMBERED_MAX && oldest !== undefined) next.delete(oldest);
  return next;
}

function asked(state: Views, from: Peer, question: ViewsQuestion, now: Now): Outcome {
  switch (question.type) {
    case 'seal': {
      const sealed = sealPieces(state.holdings, question);
      if (sealed.type === 'nack') return answer(state, sealed.nack);
      const next = { ...meetEpoch(state, question.epoch), holdings: sealed.holdings };
      const [ended, effects] = endAttempts(next, question.arc, now);
      return [ended, [...effects, { type: 'answer_sealed', pieces: sealed.pieces }]];
    }
    case 'view_new': {
      const { outcome, nack } = takeOver(state, question.view, now);
      const [next, effects] = nack ? outcome : andThen(outcome, (each) => endAttempts(each, question.view.arc, now));
      return [next, [...effects, { type: 'answer', answer: nack ?? { type: 'adopted' } }]];
    }
    case 'view_get':
      return answer(state, { type: 'views', views: viewsIn(state.holdings, question.arc) });
    case 'view_voter':
      return askedToNote(state, from, question.arc, question.epoch, now);
    case 'view_blocked':
      return askedToMakeAgain(state, from, question, now);
    case 'invite':
      return askedToCome(state, from, question, now);
    case 'depart':
      return askedToLetGo(state, from, now);
    case 'death_of':
      return askedOfDeath(state, question.target, now);
    case 'clean_up':
      return askedToForget(state, question);
    case 'sync_open':
      return askedToOpen(state, from, question, now);
    case 'sync_ready':
      return askedToTakeIn(state, from, question, now);
    default:
      return unreachable(question);
  }
}

type Settled = Extract<ViewsEvent, { type: 'answered' | 'failed' }>;

/** A question is answered, or was in vain. */
function settled(before: Views, event: Settled, now: Now): Outcome {
  const { request } = event;
  const matter = before.matters.get(request);
  if (matter === undefined) return quiet(before);
  const done = (outcome: Outcome): Outcome =>
    andThen(outcome, (state) => {
      const matters = new Map(state.matters);
      matters.delete(request);
      return quiet({ ...state, matters });
    });
  if (event.type === 'failed') return done(inVain(before, request, matter, event.isRefused, now));
  return done(
    andThen(revived(meet(before, event.from), event.from, now), (state) => answered(state, event, matter, now)),
  );
}

/**
 * Whoever answers lives, whatever the failure detector thinks of it. Views that were about to be made without it are
 * given up, and made anew with it.
 */
function revived(before: Views, peer: Peer, { nowMs }: Now): Outcome {
  if (before.dead.get(peer.id)?.inc !== peer.inc) return quiet(before);
  return andEach(quiet(judged(before, peer, true, nowMs)), before.attempts, (state, attempt) =>
    isDropped(attempt, peer) ? endAttempt(state, attempt) : quiet(state),
  );
}

/** Whether a member of what there is was to be none of what there will be. */
function isDropped({ members, answers }: Attempt, peer: Peer): boolean {
  const own = answers[0]?.sealed.pieces ?? [];
  return !isMember({ members }, peer) && own.some(({ view }) => view !== undefined && isMember(view, peer));
}

function answered(
  state: Views,
  { request, from, answer: given }: Extract<ViewsEvent, { type: 'answered' }>,
  matter: Matter,
  now: Now,
): Outcome {
  switch (matter.type) {
    case 'attempt':
      return given.type === 'sealed' || given.type === 'nack'
        ? sealAnswered(state, matter.id, matter.to, given, now)
        : quiet(state);
    case 'tell':
      return toldAnswered(state, request, given.type === 'adopted' || given.type === 'nack' ? given : undefined, now);
    case 'invite':
      return inviteAnswered(state, request, now);
    case 'vote':
      return given.type === 'stale' && given.view ? takeOver(state, given.view, now).outcome : quiet(state);
    case 'depart':
      return departNoted(state, matter.to);
    case 'look':
      return given.type === 'views' ? looked(state, matter.to, given.views, now) : quiet(state);
    case 'probe':
      return probeAnswered(state, matter.to, from);
    case 'death_of':
      return given.type === 'dead' ? witnessed(state, matter.target, matter.to) : quiet(state);
    case 'clean_up':
      return given.type === 'clean' || given.type === 'wait' || given.type === 'stale'
        ? cleanUpAnswered(state, request, given, now)
        : quiet(state);
    default:
      return unreachable(matter);
  }
}

/** Whatever should have brought an answer, or word that there is none, may have crashed. */
function giveUpLost(before: Views, now: Now): Outcome {
  const { atMs, request: last } = before.underWay;
  if (now.nowMs - atMs < LOST_MS) return quiet(before);
  const lost = [...before.matters.keys()].filter((request) => request <= last);
  const state = { ...before, underWay: { atMs: now.nowMs, request: before.lastRequest } };
  return andEach(quiet(state), lost, (next, request) =>
    settled(next, { type: 'failed', request, isRefused: false }, now),
  );
}

function inVain(state: Views, request: number, matter: Matter, isRefused: boolean, now: Now): Outcome {
  switch (matter.type) {
    case 'tell':
      return toldAnswered(state, request, undefined, now);
    case 'invite':
      return inviteAnswered(state, request, now);
    case 'probe':
      return probeFailed(state, matter.to, isRefused, now);
    case 'clean_up':
      return cleanUpAnswered(state, request, undefined, now);
    case 'attempt':
    case 'vote':
    case 'depart':
    case 'look':
    case 'death_of':
      return quiet(state);
    default:
      return unreachable(matter);
  }
}

function synced(before: Views, { job, outcome }: Extract<ViewsEvent, { type: 'synced' }>, now: Now): Outcome {
  const [state, failed] = lessonEnded(before, job, outcome, now);
  return failed ? rescueFailed(state, failed, now) : quiet(state);
}
