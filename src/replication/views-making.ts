/**
 * Views, how one is made: this node wants another view of a piece, and drives the attempt to its end.
 *
 * It seals itself first, so the piece is not served here until the attempt has come true or somebody has made
 * another view. Where a piece is served without somebody who has died, its view is therefore left as it is for a moment.
 * An attempt that does not get what it needs is given up, and begun again after a random while with a higher epoch; two
 * that attempt the same thing get out of each other's way like that.
 */
import type { Peer } from '../chord/peer';
import { type Range, rangesOverlap } from '../chord/range';
import type { Nack, Sealed } from '../protocol/rpc-views';
import { compareEpochs } from './epoch';
import { cutAt, holdingAt, holdingsIn } from './holding';
import type { Due, Views } from './views';
import {
  acquaintances,
  ask,
  andEach,
  andThen,
  concede,
  isGone,
  isSame,
  isDead,
  isOut,
  meetEpoch,
  nextEpoch,
  type Now,
  type Outcome,
  quiet,
  report,
  takeOver,
  tellAll,
} from './views-changes';
import {
  asked,
  type Attempt,
  beginAttempt,
  clocksSeen,
  judge,
  sealedBy,
  sealOf,
  toAsk,
  type Verdict,
  viewMade,
} from './views-attempt';
import { areSame, mergersOf, type Plan } from './views-desire';
import { dropRescue, rescued, startRescue } from './views-learning';
import { suspect } from './views-proofs';
import { sealPieces } from './views-sealing';
import { isMember, isSameView, primaryOf, quorumOf } from './view';
import type { ViewsEffect } from './views-protocol';

/** How long an attempt waits for answers. */
export const ATTEMPT_MS = 1000;

/** How long all others are asked later than whoever leads the arc. */
const LEADER_MS = 100;

/** How long it waits for further voters that it could do without. */
const LATE_VOTERS_MS = 150;

/** How long others have to say that they know of something newer, before something is given up. */
const LOOK_MS = 500;

/** How long a piece stays sealed before somebody else acts for whoever has sealed it. */
const SEALED_MS = 1000;

/** How long neighbours that could be one piece have to be quiet. */
const MERGE_MS = 1000;

/** How long the next in rank waits for the one before it. */
const RANK_MS = 1500;

/** How long the members of a new view have to hear of it before it may be changed again. */
const HEARD_MS = 2000;

/** How long a failed attempt is not repeated. */
const RETRY_MS = { least: 200, most: 1000 };

/** How long whoever is dead is left in a view that is served without it, and up to how much longer. */
const SPARED_MS = { least: 100, spread: 200 };

/** Begins whatever attempts have become due. */
export function attemptWhenDue(before: Views, plans: readonly Plan[], now: Now): Outcome {
  const merging = plans.every(
    ({ reason, desired, members }) => reason === undefined && desired.length === members.length,
  )
    ? mergersOf(before, plans)
    : [];
  const wanted = [...plans, ...merging].filter(({ reason }) => reason !== undefined);
  const dues = wanted.map((plan) => dueOf(before, plan, now));
  const isOver = ({ untilMs }: { untilMs: number }) => untilMs <= now.nowMs;
  const holdOffs = before.holdOffs.some(isOver) ? before.holdOffs.filter((each) => !isOver(each)) : before.holdOffs;
  const isUnchanged = dues.length === 0 && before.dues.length === 0;
  const state = { ...before, dues: isUnchanged ? before.dues : dues, holdOffs };
  return wanted.reduce<Outcome>((outcome, plan, at) => {
    const due = dues[at];
    return andThen(outcome, (next) =>
      due && due.dueAtMs <= now.nowMs && isFree(next, plan.arc) && isHeard(next, plan, now)
        ? begin(next, plan.arc, plan.members, now)
        : quiet(next),
    );
  }, quiet(state));
}

function dueOf(views: Views, plan: Plan, { nowMs, random }: Now): Due {
  const { arc, reason, rank } = plan;
  const knownMs = views.dues
    .filter((due) => due.reason === reason && due.rank === rank && isFor(due, plan))
    .map(({ dueAtMs }) => dueAtMs);
  const delayMs = delayOf(views, plan, random);
  // What could wait may be urgent by now.
  const isNew = knownMs.length === 0 || delayMs === 0;
  const dueAtMs = Math.min(...knownMs, isNew ? nowMs + delayMs : Number.POSITIVE_INFINITY);
  return { arc, reason: reason ?? 'members', rank, dueAtMs };
}

/** Who has died is out in time also where the arc is cut anew meanwhile. */
function isFor(due: Due, { arc, reason }: Plan): boolean {
  return reason === 'members' ? rangesOverlap(due.arc, arc) : due.arc.lo === arc.lo && due.arc.hi === arc.hi;
}

function delayOf(views: Views, plan: Plan, random: () => number): number {
  return firstDelayOf(views, plan, random) + plan.rank * RANK_MS;
}

function firstDelayOf(views: Views, plan: Plan, random: () => number): number {
  switch (plan.reason) {
    case 'sealed':
      return SEALED_MS + 200 * random();
    case 'merge':
      return MERGE_MS;
    case 'members':
      return isServed(views, plan) ? SPARED_MS.least + SPARED_MS.spread * random() : 0;
    default:
      return 0;
  }
}

/**
 * Whether all that is to be changed is that somebody has died whom nobody has to wait for. While a view is made its arc is
 * not served; and just after a death all nodes have other things to do.
 */
function isServed(views: Views, { view, members }: Plan): boolean {
  const alive = view.members.filter((peer) => !isOut(views, peer));
  const isRest =
    areSame(members, alive) && view.members.every((peer) => isMember({ members }, peer) || isDead(views, peer));
  const voters = alive.filter(({ id }) => view.voters.includes(id));
  return isRest && voters.length >= quorumOf(view.members.length);
}

function isFree({ attempts, holdOffs }: Views, arc: Range): boolean {
  return ![...attempts, ...holdOffs].some((each) => rangesOverlap(each.arc, arc));
}

/**
 * Whether all members know the view that is to be changed. One that is asked for its consent before it has heard of it
 * cannot take it over any more, and what it has counts for nothing then.
 */
function isHeard({ tells, leads }: Views, { arc, view, reason }: Plan, { nowMs }: Now): boolean {
  if (reason === 'again' || reason === 'sealed') return true;
  const isOf = (each: { readonly arc: Range; readonly epoch: Plan['view']['epoch'] }) =>
    compareEpochs(each.epoch, view.epoch) === 0 && rangesOverlap(each.arc, arc);
  if (!tells.some((tell) => isOf(tell) && isMember(view, tell.to))) return true;
  return !leads.some((lead) => isOf(lead) && nowMs - lead.sinceMs < HEARD_MS);
}

function begin(before: Views, arc: Range, members: readonly Peer[], now: Now): Outcome {
  const { self } = before;
  const { nowMs, clock } = now;
  const epoch = nextEpoch(before);
  const own = holdingsIn(before.holdings, arc);
  const id = before.lastAttempt + 1;
  const attempt = beginAttempt({ id, arc, epoch, members, self, own, clock, nowMs });
  const sealed = sealPieces(before.holdings, sealOf(attempt));
  if (sealed.type === 'nack') return quiet(holdOff(before, arc, now));
  const state = { ...before, lastAttempt: id, highestN: epoch.n, holdings: sealed.holdings };
  return advance({ ...state, attempts: [...state.attempts, attempt] }, id, now);
}

/** Asks whoever there is to ask, and sees whether that is enough. */
function advance(state: Views, id: number, now: Now): Outcome {
  const attempt = state.attempts.find((each) => each.id === id);
  if (attempt === undefined) return quiet(state);
  const outcome = andEach(quiet(state), nextToAsk(state, attempt, now), (next, to) =>
    ask(
      withAttempt(next, id, (each) => asked(each, to)),
      to,
      sealOf(attempt),
      { type: 'attempt', id, to },
    ),
  );
  return andThen(outcome, (next) => decide(next, id, now));
}

/**
 * Whoever leads the arc is asked first: what it has told the other members to store until it promises then reaches
 * them before they promise in turn, and need not end without anybody knowing whether it was done.
 */
function nextToAsk(state: Views, attempt: Attempt, { nowMs }: Now): readonly Peer[] {
  const wanted = toAsk(attempt);
  if (nowMs - attempt.startedAtMs >= LEADER_MS) return wanted;
  const leaders = leadersOf(attempt).filter((peer) => !isSame(peer, attempt.self) && !isDead(state, peer));
  const isOpen = leaders.some((leader) => !attempt.answers.some(({ peer }) => isSame(peer, leader)));
  return isOpen ? wanted.filter((peer) => leaders.some((leader) => isSame(leader, peer))) : wanted;
}

/** Who leads what this node wants another view of. */
function leadersOf({ answers }: Attempt): readonly Peer[] {
  const [own] = answers;
  return (own?.sealed.pieces ?? []).flatMap(({ view }) => (view ? [primaryOf(view)] : []));
}

function decide(state: Views, id: number, now: Now): Outcome {
  const attempt = state.attempts.find((each) => each.id === id);
  if (attempt === undefined) return quiet(state);
  const verdict = judge(attempt, (peer) => isGone(state, peer));
  const ageMs = now.nowMs - attempt.startedAtMs;
  switch (verdict.type) {
    case 'wait':
      return quiet(state);
    case 'made':
    case 'rescue':
      if (ageMs < LATE_VOTERS_MS && isWorthWaiting(state, verdict)) return quiet(state);
      if (verdict.isLoss && attempt.lookedAtMs === undefined) return lookAround(state, attempt, now);
      if (verdict.isLoss && now.nowMs - (attempt.lookedAtMs ?? 0) < LOOK_MS) return quiet(state);
      return verdict.type === 'made' ? make(state, attempt, verdict, now) : rescue(state, attempt, verdict, now);
    case 'hopeless':
      return giveUp(state, attempt, verdict, now);
  }
}

/**
 * This node may have been left out by a view that it has not heard of, and whose members have what would be lost. Then somebody
 * near by knows, and it gives way.
 */
function lookAround(before: Views, { id, arc }: Attempt, { nowMs }: Now): Outcome {
  const state = withAttempt(before, id, (each) => ({ ...each, lookedAtMs: nowMs }));
  const others = acquaintances(state).filter((peer) => !isDead(state, peer));
  return andEach(quiet(state), others, (next, to) =>
    ask(next, to, { type: 'view_get', arc }, { type: 'look', to, arc }),
  );
}

/** Whether somebody who has not answered yet may be expected to. */
function isWorthWaiting(state: Views, { silent }: { readonly silent: readonly Peer[] }): boolean {
  return silent.some((peer) => !isDead(state, peer));
}

function rescue(state: Views, attempt: Attempt, verdict: Extract<Verdict, { type: 'rescue' }>, now: Now): Outcome {
  const missing = verdict.from.filter((peer) => !rescued(state, attempt, peer));
  if (missing.length > 0) return startRescue(state, attempt, missing, now);
  const { isLoss } = verdict;
  return make(state, attempt, { voters: [state.self.id], syncs: 1, isLoss }, now);
}

/** The view comes true. */
function make(
  before: Views,
  attempt: Attempt,
  { voters, syncs, isLoss }: Pick<Extract<Verdict, { type: 'made' }>, 'voters' | 'syncs' | 'isLoss'>,
  now: Now,
): Outcome {
  const view = viewMade(attempt, now.clock, { voters, syncs });
  const { arc, epoch, members, asked: exMembers } = attempt;
  const seen: ViewsEffect = { type: 'observe', versions: clocksSeen(attempt) };
  return andThen(endAttempt(before, attempt), (ended) => {
    const { outcome, nack } = takeOver(ended, view, now);
    if (nack) return quiet(holdOff(ended, arc, now));
    const previous = before.holdings.flatMap(({ view: known, arc: piece }) =>
      known && rangesOverlap(piece, arc) ? known.members : [],
    );
    const [taken, [...effects]] = outcome;
    const others = [...exMembers, ...previous].filter((peer) => !isMember(view, peer) && !isDead(taken, peer));
    const lead = { arc, epoch, sinceMs: now.nowMs, isAgreed: members.length === 1 };
    const told = tellAll({ ...taken, leads: [...taken.leads, lead] }, arc, distinct(others), now.nowMs);
    const loss = isLoss ? [report('possible_loss', arc, members)] : [];
    return [told, [seen, ...effects, report('view_made', arc, view.members), ...loss]];
  });
}

/** It is not for this node, or not like this. */
function giveUp(before: Views, attempt: Attempt, verdict: Extract<Verdict, { type: 'hopeless' }>, now: Now): Outcome {
  const ended = endAttempt(before, attempt);
  if (verdict.isTooWide) {
    const points = attempt.answers.flatMap(({ sealed }) => sealed.pieces.flatMap(({ arc }) => [arc.lo, arc.hi]));
    const parts = cutAt(attempt.arc, points);
    if (parts.length > 1) return andEach(ended, parts, (state, part) => begin(state, part, attempt.members, now));
  }
  const { newer } = verdict;
  return andThen(ended, (state) => {
    const later = holdOff(state, attempt.arc, now);
    return newer ? concede(later, newer, now) : quiet(later);
  });
}

/** Somebody has promised, or refused to. */
export function sealAnswered(before: Views, id: number, from: Peer, answer: Sealed | Nack, now: Now): Outcome {
  const attempt = before.attempts.find((each) => each.id === id);
  if (attempt === undefined) return quiet(before);
  if (answer.type === 'sealed') {
    const epochs = answer.pieces.flatMap(({ view, pending }) => [
      ...(view ? [view.epoch] : []),
      ...pending.map(({ epoch }) => epoch),
    ]);
    const state = epochs.reduce(meetEpoch, before);
    return advance(
      withAttempt(state, id, (each) => sealedBy(each, from, answer)),
      id,
      now,
    );
  }
  const { promised, view } = answer;
  const ended = endAttempt(meetEpoch(before, promised), attempt);
  return andThen(ended, (state) => {
    const later = holdOff(state, attempt.arc, now);
    return view ? concede(later, view, now) : quiet(later);
  });
}

/**
 * Attempts that have waited for long enough are given up; whoever kept silent may be dead. So are those that began
 * from a view which this node has replaced since: what it answered itself then is not so any more.
 */
export function mindAttempts(before: Views, now: Now): Outcome {
  return andEach(quiet(before), before.attempts, (state, { id }) => {
    const attempt = state.attempts.find((each) => each.id === id);
    if (attempt === undefined) return quiet(state);
    if (isOutdated(state, attempt))
      return andThen(endAttempt(state, attempt), (next) => quiet(holdOff(next, attempt.arc, now)));
    if (now.nowMs - attempt.startedAtMs >= ATTEMPT_MS) {
      const verdict = judge(attempt, (peer) => isGone(state, peer));
      if (verdict.type === 'wait') {
        const suspecting = verdict.silent.reduce((next, peer) => suspect(next, peer, now), state);
        return andThen(endAttempt(suspecting, attempt), (next) => quiet(holdOff(next, attempt.arc, now)));
      }
    }
    return advance(state, id, now);
  });
}

/** Whether this node is not where it was when it began: its promise is to somebody else, or its view another. */
function isOutdated({ holdings }: Views, { arc, epoch, answers }: Attempt): boolean {
  const before = answers[0]?.sealed.pieces ?? [];
  return holdingsIn(holdings, arc).some(({ promised, view, arc: piece }) => {
    const then = holdingAt(before, piece.hi)?.view;
    const isSameAsThen = view && then ? isSameView(view, then) : view === then;
    return !isSameAsThen || compareEpochs(promised, epoch) !== 0;
  });
}

/** Somebody else is making a newer view, or has made one. */
export function endAttempts(before: Views, arc: Range, now: Now): Outcome {
  const ended = before.attempts.filter((attempt) => rangesOverlap(attempt.arc, arc));
  return andEach(quiet(before), ended, (state, attempt) =>
    andThen(endAttempt(state, attempt), (next) => quiet(holdOff(next, attempt.arc, now))),
  );
}

/** What could not be rescued is tried again from the beginning. */
export function rescueFailed(before: Views, epochOf: Attempt['epoch'], now: Now): Outcome {
  const attempt = before.attempts.find(({ epoch }) => compareEpochs(epoch, epochOf) === 0);
  if (attempt === undefined) return quiet(before);
  return andThen(endAttempt(before, attempt), (state) => quiet(holdOff(state, attempt.arc, now)));
}

/** It is not tried any more. */
export function endAttempt(state: Views, { id, epoch }: Attempt): Outcome {
  const attempts = state.attempts.filter((each) => each.id !== id);
  return dropRescue({ ...state, attempts }, epoch);
}

function holdOff(state: Views, arc: Range, { nowMs, random }: Now): Views {
  const untilMs = nowMs + RETRY_MS.least + (RETRY_MS.most - RETRY_MS.least) * random();
  return { ...state, holdOffs: [...state.holdOffs, { arc, untilMs }] };
}

function withAttempt(state: Views, id: number, change: (attempt: Attempt) => Attempt): Views {
  return { ...state, attempts: state.attempts.map((attempt) => (attempt.id === id ? change(attempt) : attempt)) };
}

const distinct = (peers: readonly Peer[]) =>
  peers.filter((peer, index) => peers.findIndex((other) => isSame(other, peer)) === index);
