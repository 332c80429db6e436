/**
 * Ownership, leaving: a node asks its successor to take over all it holds, and is fetched from.
 *
 * The successor accepts unless it is in the middle of something; whoever is refused asks again a
 * little later, and whoever comes next by then. The leaver finishes what is under way, and waits until the successor has said that it owns the arc. When its time is up it
 * goes anyway, and is then as good as dead.
 */
import type { Peer } from '../chord/peer';
import { inRange } from '../chord/range';
import type { SyncAnswer, TakeOver } from '../protocol/rpc-sync';
import { isAlone, type LeaveOutcome, type Ownership } from './ownership';
import { ask, disown, meet, type Outcome, quiet, type Random, soon } from './ownership-changes';
import type { PlainAnswer } from './ownership-protocol';
import { newReceiver } from './ownership-receiver';
import { awaitsConfirmation } from './ownership-source';

/** How long a leaver waits for a successor that has accepted before it asks again. */
const ACCEPTED_PATIENCE_MS = 1000;

/** How long a leaver waits to hear that its successor knows. */
const GOODBYE_MS = 1000;

/** It is time to go. */
export function startLeaving(state: Ownership, deadlineMs: number, nowMs: number): Outcome {
  if (state.left) return finish(state, state.left);
  if (state.leaving) return quiet(state);
  const leaving = { ...state, leaving: { deadlineMs, to: undefined, request: undefined, dueAtMs: nowMs } };
  const { owned, receiver, ring } = state;
  // A joiner that has asked for the last word may own the arc already, without knowing it.
  const mayOwn = owned !== undefined || receiver?.stage === 'taking';
  if (!ring.isMember || !mayOwn) return finish({ ...leaving, receiver: undefined, isGone: true }, 'nothing');
  return quiet(leaving);
}

/** Goes on with leaving, if it is time to. */
export function leaveWhenDue(state: Ownership, nowMs: number): Outcome {
  const { leaving, owned, receiver, source, ring, self } = state;
  if (leaving === undefined) return quiet(state);
  if (state.isGone) return bidFarewell(state, nowMs);
  if (isAlone(state) && ring.isSettled) return finish(state, 'alone');
  if (nowMs >= leaving.deadlineMs)
    return finish({ ...disown(state, nowMs), receiver: undefined, isGone: true }, 'late');
  const isOccupied = receiver !== undefined || source !== undefined || awaitsConfirmation(state, nowMs);
  if (owned === undefined || isOccupied || !state.isConfirmed) return quiet(state);
  if (leaving.request !== undefined || nowMs < leaving.dueAtMs) return quiet(state);
  const to = ring.successors[0] ?? self;
  const [next, request, effect] = ask(state, to, { type: 'take_over', ...owned });
  return [{ ...next, leaving: { ...leaving, to, request } }, [effect]];
}

/** What the successor has answered. */
export function leaveAnswered(
  state: Ownership,
  answer: SyncAnswer | undefined,
  nowMs: number,
  random: Random,
): Ownership {
  const { leaving } = state;
  if (leaving === undefined) return state;
  const dueAtMs = answer?.type === 'accepted' ? nowMs + ACCEPTED_PATIENCE_MS : soon(nowMs, random);
  return { ...state, leaving: { ...leaving, request: undefined, dueAtMs } };
}

/** Answers a predecessor that wants to leave. */
export function askedToTakeOver(before: Ownership, from: Peer, { arc, epoch }: TakeOver, nowMs: number): Outcome {
  const state = meet(before, epoch);
  const answer = (next: Ownership, plain: PlainAnswer): Outcome => [next, [{ type: 'answer', answer: plain }]];
  if (state.isGone) return answer(state, { type: 'not_owner', hint: state.grants[0]?.to });
  const { owned, source, receiver, isConfirmed } = state;
  const isNext = arc.hi === from.id && owned?.arc.lo === from.id && !inRange(from.id, owned.arc);
  const isSameAgain = receiver?.kind === 'leave' && receiver.from.id === from.id;
  if (isNext && isSameAgain) return answer(state, { type: 'accepted' });
  const isFree = source === undefined && receiver === undefined && !awaitsConfirmation(state, nowMs);
  if (!isNext || !isFree || !isConfirmed) return answer(state, { type: 'busy' });
  return answer({ ...state, receiver: newReceiver('leave', from, nowMs) }, { type: 'accepted' });
}

function bidFarewell(state: Ownership, nowMs: number): Outcome {
  const [last] = state.grants;
  const isHeard = last === undefined || last.isConfirmed || nowMs - last.atMs >= GOODBYE_MS;
  return isHeard ? finish(state, 'handed_over') : quiet(state);
}

function finish(state: Ownership, outcome: LeaveOutcome): Outcome {
  return [{ ...state, leaving: undefined, isGone: true, left: outcome }, [{ type: 'left', outcome }]];
}
