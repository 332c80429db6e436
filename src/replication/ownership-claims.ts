/**
 * Ownership, who is right: a node tells its successor what it holds, and hears whether that is so.
 *
 * Only the successor of a node takes over what that node held, so it is the one to ask. A node that
 * was paused asks before it serves again. Those after it that were paused as well, or hold nothing
 * yet, cannot speak for the arc: then the next of the list is asked, and when nobody of the whole
 * list has anything to say against it, the node goes on (or a ring that was suspended as a whole
 * would wait for itself for ever).
 *
 * Of two that hold one arc the later epoch serves, for epochs are in one order all round the ring,
 * and "the successor wins" could let everybody lose to the next. Whoever has lost forgets what it
 * owned and joins again, bringing along what it has.
 */
import { betweenOpen, type Id } from '../chord/id';
import type { Peer } from '../chord/peer';
import { inRange } from '../chord/range';
import type { Claim, SyncAnswer } from '../protocol/rpc-sync';
import { compareEpochs } from './epoch';
import { BEAT_AGE_MS_MAX, type Grant, type Holding, isAlone, type Ownership } from './ownership';
import {
  addSurplus,
  ask,
  disown,
  isSame,
  meet,
  type Outcome,
  own,
  quiet,
  type Random,
  report,
  soon,
} from './ownership-changes';
import type { OwnershipEffect, PlainAnswer } from './ownership-protocol';

/** How often a node tells what it holds. */
export const CLAIM_INTERVAL_MS = 1000;

/** How often whoever gave an arc is told that it has come, when it does not answer. */
const TELLS_MAX = 10;

/** Of how many nodes it is remembered what they have said. */
const CLAIMS_SEEN_MAX = 8;

// Asking

/** Claims what it holds, if it is time to. */
export function claimWhenDue(state: Ownership, nowMs: number): Outcome {
  const { owned, claim, ring, self } = state;
  if (owned === undefined || !ring.isMember || claim.request !== undefined || nowMs < claim.dueAtMs)
    return quiet(state);
  if (isAlone(state)) return quiet(ring.isSettled ? confirm(state, nowMs) : state);
  const to = claim.granter ?? claim.within ?? ring.successors[claim.turn] ?? ring.successors[0] ?? self;
  const [next, request, effect] = ask(state, to, { type: 'claim', ...owned });
  return [{ ...next, claim: { ...claim, request, to, epoch: owned.epoch, askedAtMs: nowMs } }, [effect]];
}

/** What a claim was answered. */
export function claimAnswered(before: Ownership, answer: SyncAnswer, nowMs: number, random: Random): Outcome {
  const { granter, within } = before.claim;
  if (within && !granter) return answeredWithin(before, answer, nowMs, random);
  // Whoever gave the arc has heard that it has come. It is not always the successor, who is asked next.
  const turn = granter ? 0 : before.claim.turn;
  const state = { ...before, claim: { ...before.claim, request: undefined, granter: undefined, turn } };
  const { owned, claim } = state;
  if (owned === undefined || compareEpochs(owned.epoch, claim.epoch) !== 0) return quiet(again(state, nowMs));
  switch (answer.type) {
    case 'agreed':
      return agreed(state, granter, nowMs);
    case 'contested':
      if (compareEpochs(answer.epoch, owned.epoch) < 0)
        return quiet(again(meet(state, answer.epoch), soon(nowMs, random)));
      return lose(state, owned, answer, nowMs);
    case 'not_owner':
      return passedOn(state, granter, nowMs, random);
    default:
      return quiet(start(state, state.isConfirmed ? nowMs + CLAIM_INTERVAL_MS : soon(nowMs, random)));
  }
}

/** Nobody answered. Whoever gave the arc waits to hear that it has come, so it is told again, but not for ever. */
export function claimFailed(before: Ownership, nowMs: number, random: Random): Ownership {
  const { claim } = before;
  const isToldAgain = claim.granter !== undefined && claim.turn < TELLS_MAX;
  const dueAtMs = before.isConfirmed && !isToldAgain ? nowMs + CLAIM_INTERVAL_MS : soon(nowMs, random);
  const next = { ...claim, request: undefined, dueAtMs };
  if (isToldAgain) return { ...before, claim: { ...next, turn: claim.turn + 1 } };
  // Whoever stands in between and does not answer does not serve either.
  return { ...before, claim: { ...next, granter: undefined, within: undefined, turn: 0 } };
}

/** What somebody said who stands in the midst of what this node holds: it may have been given that part meanwhile. */
function answeredWithin(before: Ownership, answer: SyncAnswer, nowMs: number, random: Random): Outcome {
  const claim = { ...before.claim, request: undefined, dueAtMs: nowMs };
  const { owned, self } = before;
  const onwards = { ...before, claim: { ...claim, within: undefined } };
  if (owned === undefined) return quiet(onwards);
  switch (answer.type) {
    case 'contested': {
      if (compareEpochs(answer.epoch, owned.epoch) < 0) return quiet(onwards);
      if (inRange(self.id, answer.arc)) return lose(onwards, owned, answer, nowMs);
      return [giveWay(onwards, answer.arc.hi, nowMs), [report('arc_yielded', answer.arc, claim.to)]];
    }
    case 'not_owner': {
      const { hint } = answer;
      const isFurther = hint && betweenOpen(hint.id, owned.arc.lo, claim.to.id);
      return quiet({ ...before, claim: { ...claim, within: isFurther ? hint : undefined } });
    }
    case 'busy':
      return quiet({ ...before, claim: { ...claim, dueAtMs: soon(nowMs, random) } });
    default:
      return quiet(onwards);
  }
}

function agreed(state: Ownership, granter: Peer | undefined, nowMs: number): Outcome {
  // What was agreed to before a pause says nothing about what happened during it.
  if (nowMs - state.claim.askedAtMs > BEAT_AGE_MS_MAX) return quiet(again(state, nowMs));
  const next = confirm(state, nowMs);
  return quiet(granter && granter.id !== state.ring.successors[0]?.id ? again(next, nowMs) : next);
}

function passedOn(state: Ownership, granter: Peer | undefined, nowMs: number, random: Random): Outcome {
  const { claim, ring, isConfirmed } = state;
  if (granter) return quiet(start(state, nowMs));
  const turn = claim.turn + 1;
  if (isConfirmed) return quiet(confirm(state, nowMs));
  if (turn < ring.successors.length) return quiet({ ...state, claim: { ...claim, turn, dueAtMs: nowMs } });
  // Whoever is missing from the list might be the one to ask.
  return quiet(ring.isComplete ? confirm(state, nowMs) : start(state, soon(nowMs, random)));
}

function lose(state: Ownership, { arc }: Holding, to: Holding, nowMs: number): Outcome {
  return [meet(disown(state, nowMs), to.epoch), [report('arc_lost', arc, state.claim.to)]];
}

/** Keeps only what lies behind a point. */
function giveWay(state: Ownership, lo: Id, nowMs: number): Ownership {
  const { owned, self } = state;
  if (owned === undefined) return state;
  const rest = own({ ...state, source: undefined }, { lo, hi: self.id }, owned.epoch, nowMs);
  return addSurplus(rest, { lo: owned.arc.lo, hi: lo }, undefined, nowMs);
}

function confirm(state: Ownership, nowMs: number): Ownership {
  const claim = { ...state.claim, granter: undefined, within: undefined, turn: 0, dueAtMs: nowMs + CLAIM_INTERVAL_MS };
  return { ...state, isConfirmed: true, claim };
}

/** Asks from the beginning of the list. */
const start = (state: Ownership, dueAtMs: number): Ownership => ({
  ...state,
  claim: { ...state.claim, turn: 0, dueAtMs },
});

const again = (state: Ownership, dueAtMs: number): Ownership => ({ ...state, claim: { ...state.claim, dueAtMs } });

// Being asked

/** Answers a claim. */
export function askedToAgree(before: Ownership, from: Peer, claim: Claim, nowMs: number): Outcome {
  const answer = (state: Ownership, plain: PlainAnswer): Outcome => [state, [{ type: 'answer', answer: plain }]];
  if (claim.arc.hi !== from.id) return answer(before, { type: 'busy' });
  const state = see(before, from, claim, nowMs);
  const { owned } = state;
  if (owned === undefined) {
    // Whoever was given something of it may stand further back.
    const hint = isWithin(state, claim) ? state.ring.predecessor : state.grants[0]?.to;
    return answer(state, { type: 'not_owner', hint });
  }
  if (inRange(from.id, owned.arc)) {
    if (!state.isConfirmed) return answer(state, { type: 'busy' });
    if (compareEpochs(claim.epoch, owned.epoch) <= 0) return answer(state, { type: 'contested', ...owned });
    const given = { lo: owned.arc.lo, hi: from.id };
    const answered: OwnershipEffect = { type: 'answer', answer: { type: 'agreed' } };
    return [giveWay(state, from.id, nowMs), [answered, report('arc_yielded', given, from)]];
  }
  if (isWithin(state, claim)) {
    const isMine = compareEpochs(claim.epoch, owned.epoch) < 0;
    return answer(state, isMine ? { type: 'contested', ...owned } : { type: 'agreed' });
  }
  if (!state.isConfirmed) return answer(state, { type: 'not_owner', hint: undefined });
  // With somebody else in between, who is the one to ask, this node has nothing to say.
  return answer(state, owned.arc.lo === from.id ? { type: 'agreed' } : { type: 'busy' });
}

/** Whether a claim goes over this node's own place: it comes from somebody behind whom this node stands. */
const isWithin = ({ self }: Ownership, { arc }: Claim) => inRange(self.id, arc) && self.id !== arc.hi;

/** A claim shows that its holder lives, and that it knows what it was given. */
function see(state: Ownership, from: Peer, { arc, epoch }: Claim, nowMs: number): Ownership {
  const others = state.claimsSeen.filter((seen) => seen.from.id !== from.id);
  const knows = (grant: Grant) => isSame(grant.to, from) && compareEpochs(grant.epoch, epoch) <= 0;
  return meet(
    {
      ...state,
      claimsSeen: [{ from, arc, epoch, atMs: nowMs }, ...others].slice(0, CLAIMS_SEEN_MAX),
      gapSinceMs: state.owned?.arc.lo === from.id ? undefined : state.gapSinceMs,
      grants: state.grants.map((grant) =>
        knows(grant) && !grant.isConfirmed ? { ...grant, isConfirmed: true } : grant,
      ),
    },
    epoch,
  );
}
