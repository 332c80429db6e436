/**
 * Views, what is left over: records of arcs that this node is no member of any more.
 *
 * They are never served. They stay for a while, and go only when the primary of the arc says that all members of
 * its view vote and have the same; so at no moment are there fewer copies than there were. What was
 * written here in eventual mode may be nowhere else: it is compared with theirs first, and given to them (leftovers.ts).
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
  withoutSurplus,
} from './views-changes';
import { checkNowAndThen } from './views-checking';
import { led, stale } from './views-telling';

/** How often the primary is asked that did not allow it. */
const ASK_MS = 2000;

/** Longer than a slice takes to be given away: whoever was to drop it has been restarted. */
const LOST_MS = 30_000;

/** Finds out what is left over, asks about what has been for long enough, and drops what may be dropped. Once a beat. */
export function cleanUpWhenDue(before: Views, now: Now): Outcome {
  return andEach(checkNowAndThen(before, now), before.surplus, (state, surplus) => {
    const { sinceMs, dueAtMs, request } = surplus;
    if (request !== undefined) return quiet(state);
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
  const later = { ...surplus, clearedUnder: undefined, dueAtMs: nowMs + ASK_MS };
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
      : ask(state, to, { type: 'clean_up', arc: part, epoch }, { type: 'clean_up', to, arc: part, view });
    const request = isGoneBy ? undefined : asked.lastRequest;
    return [{ ...asked, surplus: [...asked.surplus, { ...later, arc: part, request }] }, effects];
  });
}

/**
 * Whoever led the arc leads it no more: another member of its view, or the successor, may know who does now. Where all of
 * them have begun anew since, anybody may, as they are.
 */
function lookElsewhere(state: Views, view: View, arc: Range, now: Now): Outcome {
  const isOther = (peer: Peer) => peer.id !== view.primary && peer.id !== state.self.id && !isOut(state, peer);
  const members = view.members.filter(isOther);
  const successors = state.ring.successors.slice(0, 1).filter(isOther);
  const others = members.length > 0 ? [...members, ...successors] : acquaintances(state);
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
  const view = given?.type === 'clean' && matter?.type === 'clean_up' ? matter.view : undefined;
  const state = changed(before, surplus, { ...surplus, request: undefined, clearedUnder: view });
  if (view) return dropNext(state, surplus.arc, now);
  if (given?.type === 'wait') return quiet(state);
  if (given?.type === 'stale' && given.view) return takeOver(state, given.view, now).outcome;
  const known = holdingsIn(state.holdings, surplus.arc).flatMap(({ view }) => view ?? []);
  return andEach(quiet(state), known, (each, view) => lookElsewhere(each, view, view.arc, now));
}

/** A slice is gone, or may go: the next one follows, but for what this node is to have again. The rest is asked about anew. */
export function wasDropped(state: Views, arc: Range, isAll: boolean, now: Now): Outcome {
  const surplus = clearedAt(state, arc);
  if (surplus === undefined) return quiet(state);
  if (isAll) return quiet({ ...state, surplus: state.surplus.filter((each) => each !== surplus) });
  const wanted = state.lessons.filter((lesson) => rangesOverlap(lesson.arc, arc));
  if (wanted.length === 0) return dropNext(state, arc, now);
  const next = changed(state, surplus, { ...surplus, dueAtMs: now.nowMs });
  return quiet({ ...next, surplus: wanted.reduce((rest, lesson) => withoutSurplus(rest, lesson.arc), next.surplus) });
}

/** Those who keep the arc could not be given what they may lack: whoever leads it by then is asked anew. */
export function wasNotDropped(state: Views, arc: Range, { nowMs }: Now): Outcome {
  const surplus = clearedAt(state, arc);
  if (surplus === undefined) return quiet(state);
  return quiet(changed(state, surplus, { ...surplus, clearedUnder: undefined, dueAtMs: nowMs + ASK_MS }));
}

function dropNext(state: Views, arc: Range, { nowMs }: Now): Outcome {
  const surplus = clearedAt(state, arc);
  if (surplus?.clearedUnder === undefined) return quiet(state);
  const next = changed(state, surplus, { ...surplus, dueAtMs: nowMs + LOST_MS });
  return [next, [{ type: 'drop', arc, view: surplus.clearedUnder }]];
}

function clearedAt({ surplus }: Views, { lo, hi }: Range): Surplus | undefined {
  return surplus.find(({ arc, clearedUnder }) => clearedUnder !== undefined && arc.lo === lo && arc.hi === hi);
}

const changed = (state: Views, surplus: Surplus, next: Surplus): Views => ({
  ...state,
  surplus: state.surplus.map((each) => (each === surplus ? next : each)),
});

/** Whether whoever is no member any more may forget what it has. */
export function askedToForget(state: Views, { arc, epoch }: CleanUp): Outcome {
  const pieces = led(state, arc, epoch);
  if (uncovered(pieces, arc).length > 0) return answer(state, stale(state, arc));
  const isClean = pieces.every(
    ({ view, promised }) => view && compareEpochs(promised, view.epoch) === 0 && isSettled(state, view),
  );
  return andThen(quiet(state), (next) => answer(next, { type: isClean ? 'clean' : 'wait' }));
}
