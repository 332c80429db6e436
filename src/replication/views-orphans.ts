/**
 * Views, the first one and the last resort: a new ring's view is made out of nothing, and so is that of an arc
 * all of whose members have died.
 *
 * Nobody else may make a view out of nothing, for there would be two of them. So a node that finds no view of its own
 * arc asks around for a while; and as long as anybody who may have one is only silent, it waits for him.
 */
import type { Peer } from '../chord/peer';
import type { Range } from '../chord/range';
import { type Holding, holdingsIn, uncovered } from './holding';
import type { View } from './view';
import { isAlone, noViews, type Views } from './views';
import {
  andEach,
  andThen,
  ask,
  concede,
  isDead,
  isGone,
  isSame,
  nextEpoch,
  type Now,
  type Outcome,
  quiet,
  report,
  takeOver,
} from './views-changes';
import { contains } from './views-desire';
import { suspect } from './views-proofs';

/** How long a node asks around before it makes a view out of nothing. */
export const ORPHAN_GRACE_MS = 10_000;

/** How long members of its own arc may let it wait before it wonders whether they are alive. */
const PATIENCE_MS = 3000;

/** How often it asks. */
const LOOK_MS = 500;

/** How many are asked at a time. */
const ASKED_MAX = 4;

/** This node is the first of a new ring. */
export function create(state: Views, now: Now): Outcome {
  return makeFresh(state, { lo: state.self.id, hi: state.self.id }, 1, now);
}

/** Were it to bring its views along, the ring that it joins would have two of them. */
export function moveOut(state: Views, untilMs: number, { nowMs }: Now): Outcome {
  const isForeign = state.holdings.some(({ view }) => view?.members.some((peer) => !isSame(peer, state.self)));
  if (isForeign || (state.ring.isMember && !isAlone(state))) return quiet(state);
  const { self, replicas, cleanUpDelayMs, ring, lastRequest, lastJob, lastAttempt, beatMs, pause, matters, underWay } =
    state;
  const fresh = noViews(self, replicas, nowMs, cleanUpDelayMs);
  const kept = { ring, lastRequest, lastJob, lastAttempt, beatMs, pause, matters, underWay };
  return quiet({ ...fresh, ...kept, onItsWayUntilMs: untilMs });
}

/** Looks for views of its own arc, and makes one where there is nobody left who could have any. */
export function mindOrphans(before: Views, now: Now): Outcome {
  const { ring, onItsWayUntilMs, leaving } = before;
  if (!ring.isMember || leaving !== undefined || now.nowMs < (onItsWayUntilMs ?? 0)) return quiet(before);
  if (isAlone(before) && !ring.isSettled) return quiet(before);
  if (onItsWayUntilMs !== undefined) return endMove(before, now);
  const own = { lo: ring.predecessor.id, hi: before.self.id };
  const isServed = before.holdings.some((piece) => isMemberOf(piece) && contains(piece.arc, own));
  if (isServed && before.orphaned === undefined) return quiet(before);
  const kept = holdingsIn(before.holdings, own);
  const unserved = uncovered(kept.filter(isMemberOf), own);
  if (unserved.length === 0) return quiet(before.orphaned ? { ...before, orphaned: undefined } : before);
  const orphaned = before.orphaned ?? { sinceMs: now.nowMs, dueAtMs: now.nowMs, answered: [] };
  const state = { ...before, orphaned };
  const lifeless = uncovered(
    kept.filter((piece) => hasLife(state, piece)),
    own,
  );
  const ageMs = now.nowMs - orphaned.sinceMs;
  const isForSure =
    whoMayHave(state, lifeless).every((peer) => isGone(state, peer)) &&
    neighbours(state).every(({ id }) => orphaned.answered.includes(id));
  if (lifeless.length > 0 && isForSure && ageMs >= ORPHAN_GRACE_MS) return adoptOrphans(state, lifeless, now);
  if (orphaned.dueAtMs > now.nowMs) return quiet(state);
  const doubtful = whoMayHave(state, ageMs >= PATIENCE_MS ? unserved : lifeless);
  return look(
    doubtful.reduce<Views>((next, peer) => suspect(next, peer, now), state),
    now,
  );
}

/** It has come back to its own ring, or is in another by now. */
function endMove(before: Views, now: Now): Outcome {
  const state = { ...before, onItsWayUntilMs: undefined };
  return isAlone(state) && state.holdings.length === 0 ? create(state, now) : quiet(state);
}

const isMemberOf = ({ role }: Holding) => role !== 'none';

/** Whether anybody is left of whom a view can come. */
function hasLife(state: Views, { view }: Holding): boolean {
  return view?.members.some((peer) => isSame(peer, state.self) || !isDead(state, peer)) ?? false;
}

/** Members of the views that are known, and everybody who has died without proof: any of them may have been one. */
function whoMayHave(state: Views, parts: readonly Range[]): readonly Peer[] {
  const known = parts.flatMap((part) => holdingsIn(state.holdings, part).flatMap(({ view }) => view?.members ?? []));
  return [...known, ...state.dead.values()];
}

/** Somebody has said what views he knows. */
export function looked(before: Views, from: Peer, views: readonly View[], now: Now): Outcome {
  const { orphaned } = before;
  const isNew = orphaned !== undefined && !orphaned.answered.includes(from.id);
  const state = isNew ? { ...before, orphaned: { ...orphaned, answered: [...orphaned.answered, from.id] } } : before;
  return andEach(quiet(state), views, (next, view) => concede(next, view, now));
}

/** Those who would know. As long as one of them does not answer, this node may be the one that is cut off. */
function neighbours({ ring, self }: Views): readonly Peer[] {
  return [...ring.successors.slice(0, ASKED_MAX - 1), ring.predecessor].filter(({ id }) => id !== self.id);
}

function look(state: Views, { nowMs }: Now): Outcome {
  const { ring, self, orphaned } = state;
  const arc = { lo: ring.predecessor.id, hi: self.id };
  const { sinceMs, answered } = orphaned ?? { sinceMs: nowMs, answered: [] };
  const next = { ...state, orphaned: { sinceMs, answered, dueAtMs: nowMs + LOOK_MS } };
  return andEach(quiet(next), neighbours(state), (each, to) =>
    ask(each, to, { type: 'view_get', arc }, { type: 'look', to, arc }),
  );
}

function adoptOrphans(before: Views, parts: readonly Range[], now: Now): Outcome {
  const n = Math.max(now.clock.ms, nextEpoch(before).n);
  return andEach(quiet({ ...before, orphaned: undefined }), parts, (state, arc) =>
    andThen(
      [state, [{ type: 'begin_anew', arc }, report('arc_orphaned', arc, []), report('possible_loss', arc, [])]],
      (next) => makeFresh(next, arc, n, now),
    ),
  );
}

function makeFresh(state: Views, arc: Range, n: number, now: Now): Outcome {
  const { self } = state;
  const epoch = { n, by: self.inc };
  const view: View = { epoch, arc, members: [self], primary: self.id, voters: [self.id], syncs: 1, floor: now.clock };
  const lead = { arc, epoch, sinceMs: now.nowMs, isAgreed: true };
  return takeOver({ ...state, leads: [...state.leads, lead] }, view, now).outcome;
}
