/**
 * Views, what is left over: records of arcs that this node is no member of any more.
 *
 * They are never served. They stay for a while, and go only when the primary of the arc says that all members of
 * its view vote and have the same; so at no moment are there fewer copies than there were. What was
 * written here in eventual mode may be nowhere else, and is sent to the primary first.
 */
import type { Peer } from '../chord/peer';
import { type Range, rangesOverlap } from '../chord/range';
import type { CleanUp, ViewAnswersTo } from '../protocol/rpc-views';
import { compareEpochs } from './epoch';
import { holdingsIn, uncovered } from './holding';
import { primaryOf, type View } from './view';
import { isSettled, type Surplus, type Views } from './views';
import {
  acquaintances,
  andEach,
  andThen,
  answer,
  ask,
  isOut,
  type Now,
  type Outcome,
  quiet,
  takeOver,
} from './views-changes';
import { checkNowAndThen } from './views-checking';
import { led, stale } from './views-telling';

/** How often the primary is asked that did not allow it. */
const ASK_MS = 2000;

/** Finds out what is left over, asks about what has been for long enough, and drops what may be dropped. Once a beat. */
export function cleanUpWhenDue(before: Views, now: Now): Outcome {
  return andEach(checkNowAndThen(before, now), before.surplus, (state, surplus) => {
    const { sinceMs, dueAtMs, clearedBy, request } = surplus;
    if (clearedBy !== undefined || request !== undefined) return quiet(state);
    if (now.nowMs - sinceMs < state.cleanUpDelayMs || dueAtMs > now.nowMs) return quiet(state);
    return askPrimary(state, surplus, now);
  });
}

/** Every part of it has its own primary. What nobody is known to lead somebody else may know of. */
function askPrimary(before: Views, surplus: Surplus, now: Now): Outcome {
  const { nowMs } = now;
  const others = before.surplus.filter((each) => each !== surplus);
  const { arc } = surplus;
  const known = holdingsIn(before.holdings, arc).filter(({ view }) => view !== undefined);
  const later = { ...surplus, dueAtMs: nowMs + ASK_MS };
  const blank = uncovered(known, arc).map((part): Surplus => ({ ...later, arc: part }));
  const base: Outcome = quiet({ ...before, surplus: [...others, ...blank] });
  const looked = andEach(base, blank, (state, part) => lookAnywhere(state, part.arc, acquaintances(state), now));
  return andEach(looked, known, (state, { view, arc: part, role }) => {
    if (view === undefined || role !== 'none') return quiet(state);
    const to = primaryOf(view);
    const { epoch } = view;
    const isGoneBy = isOut(state, to);
    const [asked, effects] = isGoneBy
      ? lookElsewhere(state, view, part, now)
      : ask(state, to, { type: 'clean_up', arc: part, epoch }, { type: 'clean_up', to, arc: part });
    const request = isGoneBy ? undefined : asked.lastRequest;
    return [{ ...asked, surplus: [...asked.surplus, { ...later, arc: part, request }] }, effects];
  });
}

/** Whoever led the arc leads it no more: another member of its view, or the successor, may know who does now. */
function lookElsewhere(state: Views, view: View, arc: Range, now: Now): Outcome {
  const others = [...view.members, ...state.ring.successors.slice(0, 1)].filter(({ id }) => id !== view.primary);
  return lookAnywhere(state, arc, others, now);
}

/** Asks one of them which views there are: another one each time. */
function lookAnywhere(state: Views, arc: Range, peers: readonly Peer[], { random }: Now): Outcome {
  const others = peers.filter((peer) => peer.id !== state.self.id && !isOut(state, peer));
  const to = others[Math.floor(random() * others.length)];
  return to ? ask(state, to, { type: 'view_get', arc }, { type: 'look', to, arc }) : quiet(state);
}

/** The primary has answered, or has not. */
export function cleanUpAnswered(
  before: Views,
  request: number,
  given: ViewAnswersTo['clean_up'] | undefined,
  now: Now,
): Outcome {
  const surplus = before.surplus.find((each) => each.request === request);
  if (surplus === undefined) return quiet(before);
  const matter = before.matters.get(request);
  const isClean = given?.type === 'clean' && matter?.type === 'clean_up';
  const next = { ...surplus, request: undefined, clearedBy: isClean ? matter.to : undefined };
  const state = { ...before, surplus: before.surplus.map((each) => (each === surplus ? next : each)) };
  if (isClean) return [state, [{ type: 'drop', arc: surplus.arc, to: matter.to }]];
  if (given?.type === 'wait') return quiet(state);
  if (given?.type === 'stale' && given.view) return takeOver(state, given.view, now).outcome;
  const known = holdingsIn(state.holdings, surplus.arc).flatMap(({ view }) => view ?? []);
  return andEach(quiet(state), known, (each, view) => lookElsewhere(each, view, view.arc, now));
}

/** A slice is gone: the next one follows, unless this node is to have the arc again. */
export function wasDropped(state: Views, arc: Range, isAll: boolean): Outcome {
  const surplus = state.surplus.find((each) => each.arc.lo === arc.lo && each.arc.hi === arc.hi);
  if (surplus?.clearedBy === undefined) return quiet(state);
  const isWanted = state.lessons.some((lesson) => rangesOverlap(lesson.arc, arc));
  if (!isAll && !isWanted) return [state, [{ type: 'drop', arc, to: surplus.clearedBy }]];
  return quiet({ ...state, surplus: state.surplus.filter((each) => each !== surplus) });
}

/** Whether whoever is no member any more may forget what it has. */
export function askedToForget(state: Views, { arc, epoch }: CleanUp): Outcome {
  const pieces = led(state, arc, epoch);
  if (uncovered(pieces, arc).length > 0) return answer(state, stale(state, arc));
  const isClean = pieces.every(
    ({ view, promised }) => view && compareEpochs(promised, view.epoch) === 0 && isSettled(state, view),
  );
  return andThen(quiet(state), (next) => answer(next, { type: isClean ? 'clean' : 'wait' }));
}
