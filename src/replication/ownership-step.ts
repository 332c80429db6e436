/**
 * Ownership, step by step: an event in, the next state and what is to be done out. Pure.
 *
 * What an event means in itself is dealt with first; then whatever has become due since, which may be
 * because of the event, or because time has passed. Each part has its own page: the side that gives
 * (ownership-source.ts), the side that fetches (-receiver), who is right (-claims), leaving (-leave)
 * and what is left over (-surplus). Here is what follows from the ring's pointers: a new ring, and the
 * arc of a predecessor that has died.
 */
import { betweenOpen, type Id } from '../chord/id';
import type { Peer } from '../chord/peer';
import type { SyncAnswer, SyncQuestion } from '../protocol/rpc-sync';
import { compareEpochs } from './epoch';
import { BEAT_AGE_MS_MAX, claimOf, isAlone, isAwake, type Ownership, ownsNothing, type RingView } from './ownership';
import { andThen, epochAfter, isSame, type Outcome, own, quiet, type Random, report } from './ownership-changes';
import { askedToAgree, claimAnswered, claimFailed, claimWhenDue } from './ownership-claims';
import { askedToTakeOver, leaveAnswered, leaveWhenDue, startLeaving } from './ownership-leave';
import { BEAT_INTERVAL_MS, type OwnershipEvent } from './ownership-protocol';
import { compared, dropReceiver, fetchAnswered, fetchFailed, fetchWhenDue, joinWhenEmpty } from './ownership-receiver';
import { askedAsSource, askedToOpen, dropSource, expireSource } from './ownership-source';
import { cleanUp, sendStrays, straysSent, wasDropped } from './ownership-surplus';
import { unreachable } from '../unreachable';

/**
 * How long a predecessor has been dead before its arc is served here. Whoever was only paused has
 * not beaten for longer than it may by then, so it does not serve when it wakes up.
 */
export const TAKE_OVER_DELAY_MS = BEAT_AGE_MS_MAX;

/** A holder that was heard of so recently is alive, unless the failure detector has said otherwise since. */
const HEARD_MS = 1500;

/** How long a node waits for a predecessor that it has never met: longer than the ring needs to put its pointers right. */
const STRANGER_DELAY_MS = 3000;

/** A beat is late that comes twice as long after the last as it should. */
const LATE_BEAT_MS = 2 * BEAT_INTERVAL_MS;

/** How long a node that never owned anything waits for others before it takes it that they are all dead. */
const ORPHAN_GRACE_MS = 2000;

/** Handles one event. `nowMs` is monotonic. */
export function stepOwnership(before: Ownership, event: OwnershipEvent, nowMs: number, random: Random): Outcome {
  const state = noticePause(before, nowMs);
  return andThen(handle(state, event, nowMs, random), (next) => goOn(next, event, nowMs));
}

/** What the event means. */
function handle(state: Ownership, event: OwnershipEvent, nowMs: number, random: Random): Outcome {
  switch (event.type) {
    case 'tick':
      return cleanUp(beat(state, nowMs), nowMs);
    case 'woken':
      return quiet(state);
    case 'ring':
      return quiet(followRing(state, event.ring, nowMs));
    case 'verdict':
      return quiet(event.isAlive ? state : bury(state, event.peer, nowMs));
    case 'asked':
      return asked(expireSource(state, nowMs), event.from, event.question, nowMs);
    case 'answered':
      return answered(state, event, nowMs, random);
    case 'failed':
      return quiet(failed(state, event.request, nowMs, random));
    case 'compared':
      return event.request === state.receiver?.request ? compared(state, event.isEqual, nowMs, random) : quiet(state);
    case 'mirror_failed':
      return quiet(state.source?.to.id === event.to.id ? dropSource(state) : state);
    case 'strays_sent':
      if (event.request !== state.strays.request) return quiet(state);
      return andThen(straysSent(state, event.outcome, nowMs, random), (next) => sendMore(state, next, nowMs));
    case 'dropped':
      return quiet(wasDropped(state, event.arc, event.isAll));
    case 'move_out':
      return quiet(isAlone(state) || !state.ring.isMember ? moveOut(state, event.untilMs, nowMs) : state);
    case 'leave':
      return startLeaving(state, event.deadlineMs, nowMs);
    default:
      return unreachable(event);
  }
}

/** What has become due. */
function goOn(before: Ownership, event: OwnershipEvent, nowMs: number): Outcome {
  let outcome = mindGap(expireSource(before, nowMs), nowMs);
  outcome = andThen(outcome, (state) => leaveWhenDue(state, nowMs));
  outcome = andThen(outcome, (state) => fetchWhenDue(joinWhenEmpty(state, nowMs), nowMs));
  outcome = andThen(outcome, (state) => claimWhenDue(state, nowMs));
  outcome = andThen(outcome, (state) => (event.type === 'tick' ? sendStrays(state, nowMs) : quiet(state)));
  return andThen(outcome, (state) => wakeForRetry(before, state, nowMs));
}

/** What follows in less than a beat has its own alarm. */
function wakeForRetry(before: Ownership, state: Ownership, nowMs: number): Outcome {
  const dueAts = [
    state.receiver?.request === undefined ? state.receiver?.dueAtMs : undefined,
    state.leaving?.request === undefined ? state.leaving?.dueAtMs : undefined,
    state.claim.request === undefined && !state.isConfirmed ? state.claim.dueAtMs : undefined,
  ];
  const next = Math.min(...dueAts.filter((dueAtMs) => dueAtMs !== undefined && dueAtMs > nowMs).map(Number));
  const isNew = state.receiver !== before.receiver || state.leaving !== before.leaving || state.claim !== before.claim;
  return isNew && next - nowMs < 100 ? [state, [{ type: 'wake', afterMs: next - nowMs }]] : quiet(state);
}

/**
 * A node that was stopped has been buried, for all it knows. What it asked before, it asks again: an
 * answer that has waited for it says nothing about now.
 */
function noticePause(state: Ownership, nowMs: number): Ownership {
  if (isAwake(state.beatMs, nowMs) || !state.isConfirmed || isAlone(state)) return state;
  const claim = { ...state.claim, request: undefined, turn: 0, within: withinOf(state), dueAtMs: nowMs };
  return { ...state, isConfirmed: false, claim };
}

/** Who stands in the midst of what a node holds, where anybody does. */
function withinOf({ ring, owned, self }: Ownership): Peer | undefined {
  const { predecessor } = ring;
  return owned && betweenOpen(predecessor.id, owned.arc.lo, self.id) ? predecessor : undefined;
}

/**
 * Whoever beats late has not been stopped for long, but others may have buried it all the same: before they take
 * over what it holds, they should hear of it.
 */
function beat(state: Ownership, nowMs: number): Ownership {
  const isLate = nowMs - state.beatMs > LATE_BEAT_MS;
  const claim = isLate ? { ...state.claim, dueAtMs: Math.min(state.claim.dueAtMs, nowMs) } : state.claim;
  const pause = isAwake(state.beatMs, nowMs) ? state.pause : { endMs: nowMs, ms: nowMs - state.beatMs };
  return { ...state, beatMs: nowMs, claim, pause };
}

function followRing(state: Ownership, ring: RingView, nowMs: number): Ownership {
  const isSameHead = ring.successors[0]?.id === state.ring.successors[0]?.id;
  if (isSameHead && ring.predecessor.id === state.ring.predecessor.id) return { ...state, ring };
  const dueAtMs = Math.min(state.claim.dueAtMs, nowMs);
  const next = { ...state, ring };
  // The new successor hears at once what this node holds, before it takes over too much from a dead one.
  const claim = { ...state.claim, request: undefined, turn: 0, dueAtMs };
  return { ...next, claim: state.isConfirmed ? claim : { ...claim, within: withinOf(next) } };
}

/** Were it to bring its arc along, the ring that it joins would have to give in to it. */
function moveOut(state: Ownership, untilMs: number, nowMs: number): Ownership {
  const { self, ring, lastRequest, lastSession, beatMs, pause } = state;
  return { ...ownsNothing(self, nowMs), ring, lastRequest, lastSession, beatMs, pause, onItsWayUntilMs: untilMs };
}

/** Sessions with the dead end. What they held is taken over when the ring's pointers say so. */
function bury(before: Ownership, dead: Peer, nowMs: number): Ownership {
  let state = before;
  if (state.source && isBuried(state.source.to, dead)) state = dropSource(state);
  if (state.receiver && isBuried(state.receiver.from, dead)) state = dropReceiver(state);
  if (state.claim.granter && isBuried(state.claim.granter, dead)) {
    state = { ...state, claim: { ...state.claim, granter: undefined, request: undefined, dueAtMs: nowMs } };
  }
  const claimsSeen = state.claimsSeen.map((seen) => (isBuried(seen.from, dead) ? { ...seen, atMs: undefined } : seen));
  const grants = state.grants.map((grant) => (isSame(grant.to, dead) ? { ...grant, isConfirmed: true } : grant));
  return { ...state, claimsSeen, grants };
}

const isBuried = (peer: Peer, dead: Peer) => peer.id === dead.id && peer.inc <= dead.inc;

/**
 * Takes over what a dead predecessor held; or everything, as the first of a new ring or the last of an old
 * one; or what lies before it, where all that owned anything have died and only joiners are left.
 */
function mindGap(state: Ownership, nowMs: number): Outcome {
  // Still looking for others: nothing is known yet.
  if (isAlone(state) && !state.ring.isSettled) return quiet(state);
  const delayMs = gapDelayMs(state, nowMs);
  if (delayMs === undefined) return quiet(withoutGap(state));
  const sinceMs = state.receiver?.ownerlessSinceMs ?? state.gapSinceMs ?? nowMs;
  const waitMs = sinceMs + delayMs - nowMs;
  if (waitMs > 0) {
    const waiting = { ...state, gapSinceMs: sinceMs };
    return state.gapSinceMs === undefined ? [waiting, [{ type: 'wake', afterMs: waitMs }]] : quiet(waiting);
  }
  const { self, isNew } = state;
  const arc = { lo: isAlone(state) ? self.id : startOfGap(state), hi: self.id };
  const taken = own(state, arc, epochAfter(state, isNew ? 1 : 2), nowMs);
  return [
    { ...taken, source: undefined, receiver: undefined },
    [report(isNew ? 'arc_created' : 'arc_taken_over', arc)],
  ];
}

function withoutGap(state: Ownership): Ownership {
  const { owned, ring, self, gapSinceMs, metLo } = state;
  const hasMet = owned !== undefined && !betweenOpen(owned.arc.lo, ring.predecessor.id, self.id);
  const next = hasMet && metLo !== owned.arc.lo ? { ...state, metLo: owned.arc.lo } : state;
  return gapSinceMs === undefined ? next : { ...next, gapSinceMs: undefined };
}

/** How long to wait before an arc without an owner is taken; undefined: there is none. */
function gapDelayMs(state: Ownership, nowMs: number): number | undefined {
  const { self, ring, owned, isNew, isGone, isConfirmed } = state;
  if (!ring.isMember || isGone) return undefined;
  if (isAlone(state)) {
    if (nowMs < (state.onItsWayUntilMs ?? 0)) return undefined;
    if (owned?.arc.lo === self.id) return undefined;
    if (owned === undefined) return isNew ? 0 : ORPHAN_GRACE_MS;
    return isHeard(state, nowMs) ? undefined : TAKE_OVER_DELAY_MS;
  }
  const { predecessor } = ring;
  if (owned === undefined && state.receiver?.ownerlessSinceMs !== undefined) return ORPHAN_GRACE_MS;
  if (owned === undefined || !isConfirmed || predecessor.id === self.id) return undefined;
  if (!betweenOpen(owned.arc.lo, predecessor.id, self.id)) return undefined;
  if (isHeard(state, nowMs)) return undefined;
  // A pointer that has never come up to the arc does not show that anybody has died: it may still come.
  const hasDied = owned.arc.lo === state.metLo || isKnownDead(state, owned.arc.lo);
  return hasDied ? TAKE_OVER_DELAY_MS : STRANGER_DELAY_MS;
}

function isKnownDead(state: Ownership, id: Id): boolean {
  const seen = claimOf(state, id);
  return seen !== undefined && seen.atMs === undefined;
}

/** Whether whoever holds what comes before has said so just now. */
function isHeard(state: Ownership, nowMs: number): boolean {
  const atMs = claimOf(state, state.owned?.arc.lo)?.atMs;
  return atMs !== undefined && nowMs - atMs < HEARD_MS;
}

/**
 * From where on the arc of a dead predecessor is taken: from the node that comes before it by now. But one
 * that stands in the midst of what the dead one held owns that only if the dead one has given it: it may be a
 * joiner, or have been paused for so long that the dead one had taken its arc.
 */
function startOfGap(state: Ownership): Id {
  const { owned, ring, grants } = state;
  const { predecessor } = ring;
  const lo = owned?.arc.lo;
  const held = claimOf(state, lo) ?? grants.find(({ to }) => to.id === lo);
  if (lo === undefined || held === undefined || !betweenOpen(predecessor.id, held.arc.lo, lo)) return predecessor.id;
  const claimed = claimOf(state, predecessor.id);
  return claimed && compareEpochs(claimed.epoch, held.epoch) > 0 ? predecessor.id : held.arc.lo;
}

function asked(state: Ownership, from: Peer, question: SyncQuestion, nowMs: number): Outcome {
  switch (question.type) {
    case 'sync_open':
      return askedToOpen(state, from, question, nowMs);
    case 'sync_push':
    case 'sync_next':
    case 'sync_seal':
    case 'sync_take':
      return askedAsSource(state, from, question, nowMs);
    case 'take_over':
      return askedToTakeOver(state, from, question, nowMs);
    case 'claim':
      return askedToAgree(state, from, question, nowMs);
    default:
      return unreachable(question);
  }
}

/** Nobody can read a stray record before it has arrived: as long as they do arrive, the next ones follow at once. */
function sendMore(before: Ownership, state: Ownership, nowMs: number): Outcome {
  return state.surplus === before.surplus ? quiet(state) : sendStrays(state, nowMs);
}

type Answered = Extract<OwnershipEvent, { type: 'answered' }>;

function answered(state: Ownership, event: Answered, nowMs: number, random: Random): Outcome {
  const { request, answer }: { request: number; answer: SyncAnswer } = event;
  if (request === state.receiver?.request) return fetchAnswered(state, event, nowMs, random);
  if (request === state.claim.request) return claimAnswered(state, answer, nowMs, random);
  if (request === state.leaving?.request) return quiet(leaveAnswered(state, answer, nowMs, random));
  return quiet(state);
}

function failed(state: Ownership, request: number, nowMs: number, random: Random): Ownership {
  if (request === state.receiver?.request) return fetchFailed(state, nowMs, random);
  if (request === state.claim.request) return claimFailed(state, nowMs, random);
  if (request === state.leaving?.request) return leaveAnswered(state, undefined, nowMs, random);
  return state;
}
