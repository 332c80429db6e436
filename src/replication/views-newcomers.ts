/**
 * Views, newcomers: whoever is to become a member fetches the arc first, and gets copies of what is written
 * meanwhile. So the change of view itself takes a moment only, and never leaves fewer copies than before.
 *
 * That somebody has died or come gives all nodes much to do at the same moment, and clients wait for that: so the
 * primary invites a little later, and not all primaries at once. The newcomer opens the arc, fetches it and says when it
 * has everything. One that does not come, or does not get on, is forgotten and invited again later.
 */
import type { Peer } from '../chord/peer';
import { type Range, rangesOverlap } from '../chord/range';
import type { SyncOpen, SyncReady } from '../protocol/rpc-sync';
import type { Invite } from '../protocol/rpc-views';
import { compareEpochs, type Epoch } from './epoch';
import { uncovered } from './holding';
import { isMember } from './view';
import { mayFetch, type Newcomer, type Views } from './views';
import { andEach, answer, ask, isOut, isSame, type Now, type Outcome, quiet } from './views-changes';
import { contains, newcomerFor, type Plan } from './views-desire';
import { listen } from './views-learning';
import { led, stale } from './views-telling';

/** How many are invited at a time. */
const NEWCOMERS_MAX = 64;

/** How many arcs a newcomer fetches at a time. */
const LISTENS_MAX = 4;

/** How long a newcomer may stand still. */
const STANDSTILL_MS = 10_000;

/**
 * So long others go first, at least, and up to so much longer. Longer than it takes to fetch a middling arc, so that the
 * nodes that have to do so begin one after the other, mostly.
 */
const HEAD_START_MS = 100;
const HEAD_START_SPREAD_MS = 700;

/** How soon one is invited again that was busy, or did not answer. */
const AGAIN_MS = 500;

/** How long one is left alone that did not come: twice as long each time. */
const ABSENT_MS = { least: 1000, most: 60_000 };

// The primary

/** Invites whoever is wanted, and forgets whoever is not wanted any more. */
export function inviteWhenDue(before: Views, plans: readonly Plan[], now: Now): Outcome {
  const wanted = plans.flatMap(({ arc, view, desired, isLed, reason }) =>
    isLed && reason === undefined
      ? desired.filter((peer) => !isMember(view, peer)).map((peer) => ({ peer, arc, view }))
      : [],
  );
  const newcomers = before.newcomers.filter((newcomer) => isStillWanted(before, newcomer, plans));
  const kept = newcomers.length === before.newcomers.length ? before : { ...before, newcomers };
  const fresh = wanted.filter(({ peer, arc, view }) => !newcomerFor(kept, peer, arc, view));
  const room = Math.max(0, NEWCOMERS_MAX - newcomers.length);
  const added = fresh.slice(0, room).map(({ peer, arc, view: { epoch } }): Newcomer => {
    const dueAtMs = dueOf(before, peer, arc, now);
    return { peer, arc, epoch, state: 'invited', seenAtMs: dueAtMs, dueAtMs, failures: 0, request: undefined };
  });
  // Somebody who is to fetch more now need not fetch a part of it besides.
  const others = newcomers.filter((newcomer) => !added.some((each) => isPartOf(newcomer, each)));
  const state = added.length === 0 ? kept : { ...kept, newcomers: [...others, ...added] };
  // Whoever came while the view is to be changed would have come in vain.
  const isDue = ({ arc }: Newcomer) => !plans.some((plan) => plan.reason !== undefined && rangesOverlap(plan.arc, arc));
  return andEach(quiet(state), state.newcomers, (next, newcomer) => attend(next, newcomer, isDue(newcomer), now));
}

/** When one is to be invited. Who waits already does not begin to wait again where arcs are cut differently. */
function dueOf({ newcomers }: Views, peer: Peer, arc: Range, { nowMs, random }: Now): number {
  const waited = newcomers.filter((each) => isSame(each.peer, peer) && rangesOverlap(each.arc, arc));
  return Math.min(
    nowMs + HEAD_START_MS + HEAD_START_SPREAD_MS * random(),
    ...waited.map(({ state, dueAtMs }) => (state === 'absent' ? Number.POSITIVE_INFINITY : Math.max(nowMs, dueAtMs))),
  );
}

const isPartOf = (part: Newcomer, { peer, arc }: Newcomer) => isSame(part.peer, peer) && contains(arc, part.arc);

function isStillWanted(state: Views, { peer, arc, epoch }: Newcomer, plans: readonly Plan[]): boolean {
  // All of the arc has to be led under the one view still: nobody could fetch it else.
  if (isOut(state, peer) || uncovered(led(state, arc, epoch), arc).length > 0) return false;
  return plans.some(
    (plan) =>
      plan.isLed &&
      rangesOverlap(plan.arc, arc) &&
      compareEpochs(plan.view.epoch, epoch) === 0 &&
      !isMember(plan.view, peer) &&
      plan.desired.some((wanted) => isSame(wanted, peer)),
  );
}

function attend(state: Views, newcomer: Newcomer, isDue: boolean, { nowMs }: Now): Outcome {
  const { state: stage, peer, arc, epoch, seenAtMs, dueAtMs, failures, request } = newcomer;
  if (stage !== 'absent' && nowMs - seenAtMs >= STANDSTILL_MS && stage !== 'ready') {
    const absentMs = Math.min(ABSENT_MS.most, ABSENT_MS.least * 2 ** failures);
    const absent = { state: 'absent' as const, dueAtMs: nowMs + absentMs, failures: failures + 1, request: undefined };
    return quiet(withNewcomer(state, newcomer, absent));
  }
  const isToInvite = (stage === 'invited' || stage === 'absent') && request === undefined && dueAtMs <= nowMs;
  if (!isToInvite || !isDue) return quiet(state);
  const [next, effects] = ask(state, peer, { type: 'invite', arc, epoch }, { type: 'invite', to: peer, arc, epoch });
  const seen = stage === 'absent' ? nowMs : seenAtMs;
  return [withNewcomer(next, newcomer, { state: 'invited', request: next.lastRequest, seenAtMs: seen }), effects];
}

/** It comes, or is busy, or did not answer. Whoever has accepted opens the arc in a moment, or else is asked again. */
export function inviteAnswered(state: Views, request: number, { nowMs }: Now): Outcome {
  const newcomer = state.newcomers.find((each) => each.request === request);
  if (newcomer === undefined) return quiet(state);
  return quiet(withNewcomer(state, newcomer, { request: undefined, dueAtMs: nowMs + AGAIN_MS }));
}

/** Somebody begins to fetch. From now on a newcomer gets copies of all writes. */
export function askedToOpen(before: Views, from: Peer, question: SyncOpen, { nowMs }: Now): Outcome {
  const { arc, epoch, purpose } = question;
  const may = mayFetch(before, arc, epoch, from);
  if (may !== 'yes') return answer(before, { type: 'stale', view: may.view });
  const newcomer = purpose === 'listen' ? newcomerOf(before, from, arc, epoch) : undefined;
  const state = newcomer
    ? withNewcomer(before, newcomer, { state: 'fetching', seenAtMs: nowMs, request: undefined })
    : before;
  return answer(state, { type: 'opened' });
}

/** A newcomer has everything. */
export function askedToTakeIn(state: Views, from: Peer, { arc, epoch }: SyncReady, { nowMs }: Now): Outcome {
  const newcomer = newcomerOf(state, from, arc, epoch);
  if (newcomer === undefined) return answer(state, stale(state, arc));
  return answer(withNewcomer(state, newcomer, { state: 'ready', seenAtMs: nowMs }), { type: 'noted' });
}

/** A newcomer gets on. */
export function listenerSeen(state: Views, peer: Peer, arc: Range, { nowMs }: Now): Outcome {
  const newcomer = state.newcomers.find((each) => isSame(each.peer, peer) && rangesOverlap(each.arc, arc));
  return quiet(newcomer ? withNewcomer(state, newcomer, { seenAtMs: nowMs }) : state);
}

// The newcomer

/** Comes, unless it has enough to fetch already. */
export function askedToCome(state: Views, from: Peer, { arc, epoch }: Invite, now: Now): Outcome {
  const others = state.lessons.filter(
    ({ kind, job, arc: other }) => kind === 'listen' && job !== undefined && !rangesOverlap(other, arc),
  );
  if (others.length >= LISTENS_MAX || state.leaving !== undefined) return answer(state, { type: 'busy' });
  const [next, effects] = listen(state, from, arc, epoch, now);
  return [next, [...effects, { type: 'answer', answer: { type: 'accepted' } }]];
}

function newcomerOf({ newcomers }: Views, peer: Peer, arc: Range, epoch: Epoch): Newcomer | undefined {
  const its = newcomers.filter(
    (each) => isSame(each.peer, peer) && rangesOverlap(each.arc, arc) && compareEpochs(each.epoch, epoch) === 0,
  );
  return its.find((each) => contains(each.arc, arc)) ?? its[0];
}

function withNewcomer(state: Views, newcomer: Newcomer, change: Partial<Newcomer>): Views {
  const newcomers = state.newcomers.map((each) => (each === newcomer ? { ...each, ...change } : each));
  return { ...state, newcomers };
}
