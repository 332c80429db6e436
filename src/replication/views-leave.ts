/**
 * Views, leaving: others make views without this node, and it stays until all of them are complete.
 *
 * It says that it leaves, and serves on as before; whoever leads its arcs, or is next in line to, brings others
 * in and leaves it out. When nothing lists it any more, it looks whether everybody who is listed in its
 * place votes.
 */
import type { Peer } from '../chord/peer';
import { holdingsIn, uncovered } from './holding';
import { allVote, isMember, primaryOf, type View } from './view';
import { isAlone, type Leaving, type Views } from './views';
import { acquaintances, andEach, andThen, answer, ask, isOut, type Now, type Outcome, quiet } from './views-changes';
import type { LeaveOutcome } from './views-protocol';

/** How often those are told who have not noted it, and views are looked at. */
const DEPART_MS = 300;

/** How long it is remembered that somebody leaves. */
const DEPARTING_MS = 15_000;

/** How long before that it is said again. */
const RENEW_MS = 5000;

/** This node leaves. */
export function startLeaving(before: Views, deadlineMs: number, { nowMs }: Now): Outcome {
  if (before.leaving !== undefined) return quiet({ ...before, leaving: { ...before.leaving, deadlineMs } });
  const { self, holdings } = before;
  const arcs = holdings.filter(({ role }) => role !== 'none').map(({ arc }) => arc);
  const departing = new Map(before.departing).set(self.id, Infinity);
  const leaving: Leaving = {
    deadlineMs,
    noted: [],
    dueAtMs: nowMs,
    renewAtMs: nowMs + RENEW_MS,
    arcs,
    left: undefined,
  };
  return quiet({ ...before, departing, leaving });
}

/** Goes on leaving. */
export function leaveWhenDue(before: Views, now: Now): Outcome {
  const { leaving } = before;
  if (leaving === undefined || leaving.left !== undefined) return quiet(before);
  const listed = before.holdings.filter(({ role }) => role !== 'none').map(({ arc }) => arc);
  if (leaving.arcs.length === 0 && listed.length === 0) return end(before, leaving, 'nothing');
  if (isAlone(before) && before.ring.isSettled) return end(before, leaving, 'alone');
  if (isLastToStay(before)) return end(before, leaving, 'alone');
  // What it has become a member of since it said that it leaves counts as well.
  const all = [
    ...leaving.arcs,
    ...listed.flatMap((arc) => leaving.arcs.reduce((rest, known) => outside(rest, known), [arc])),
  ];
  const arcs = all.filter((arc) => !isHandedOver(before, arc));
  if (arcs.length === 0) return end(before, leaving, 'handed_over');
  if (now.nowMs >= leaving.deadlineMs) return end(before, leaving, 'late');
  const state = { ...before, leaving: { ...leaving, arcs } };
  return leaving.dueAtMs <= now.nowMs ? sayAndLook(state, state.leaving, now) : quiet(state);
}

/** Whether everybody it knows leaves as well, as when a whole ring is stopped: nobody would be left to hand over to. */
function isLastToStay(state: Views): boolean {
  const others = acquaintances(state);
  return others.length > 0 && others.every((peer) => isOut(state, peer));
}

const outside = (arcs: readonly Leaving['arcs'][number][], known: Leaving['arcs'][number]) =>
  arcs.flatMap((arc) => uncovered([{ ...NOTHING, arc: known }], arc));

const NOTHING = { view: undefined, role: 'none', promised: { n: 0, by: 0n }, pending: [] } as const;

/** Whether all of an arc has views without this node whose members all vote. */
function isHandedOver({ holdings, self }: Views, arc: Leaving['arcs'][number]): boolean {
  const done = holdingsIn(holdings, arc).filter(
    ({ view, role }) => role === 'none' && view !== undefined && !isMember(view, self) && allVote(view),
  );
  return uncovered(done, arc).length === 0;
}

function sayAndLook(state: Views, leaving: Leaving, { nowMs }: Now): Outcome {
  const isRenewed = leaving.renewAtMs <= nowMs;
  const noted = isRenewed ? [] : leaving.noted;
  const renewAtMs = isRenewed ? nowMs + RENEW_MS : leaving.renewAtMs;
  const next = { ...state, leaving: { ...leaving, noted, renewAtMs, dueAtMs: nowMs + DEPART_MS } };
  const unaware = acquaintances(state).filter(({ id }) => !noted.includes(id));
  const told = andEach(quiet(next), unaware, (each, to) => ask(each, to, { type: 'depart' }, { type: 'depart', to }));
  return andEach(told, leaving.arcs, (each, arc) => {
    const views = holdingsIn(each.holdings, arc).flatMap(({ view }) => view ?? []);
    return andEach(quiet(each), views, (last, view) => {
      const to = whoKnows(last, view);
      const question = { type: 'view_get' as const, arc: view.arc };
      return to ? ask(last, to, question, { type: 'look', to, arc: view.arc }) : quiet(last);
    });
  });
}

/** Who would lead what comes after this view: whoever takes this node for dead already does not tell it that there is another. */
function whoKnows(state: Views, view: View): Peer | undefined {
  const primary = primaryOf(view);
  const others = [primary, ...view.members].filter(({ id }) => id !== state.self.id);
  return others.find((peer) => !isOut(state, peer)) ?? others[0];
}

/** Somebody has noted that this node leaves. */
export function departNoted(state: Views, { id }: Peer): Outcome {
  const { leaving } = state;
  if (leaving === undefined) return quiet(state);
  return quiet({ ...state, leaving: { ...leaving, noted: [...leaving.noted.filter((other) => other !== id), id] } });
}

/** Somebody leaves: nothing should depend on it from now on. */
export function askedToLetGo(before: Views, from: Peer, { nowMs }: Now): Outcome {
  const departing = new Map(before.departing).set(from.id, nowMs + DEPARTING_MS);
  return andThen(quiet({ ...before, departing }), (state) => answer(state, { type: 'noted' }));
}

/** Forgets who has left, or has thought better of it. */
export function forgetDeparted(state: Views, { nowMs }: Now): Views {
  const isOver = [...state.departing.values()].some((untilMs) => untilMs <= nowMs);
  if (!isOver) return state;
  return { ...state, departing: new Map([...state.departing].filter(([, untilMs]) => untilMs > nowMs)) };
}

function end(state: Views, leaving: Leaving, outcome: LeaveOutcome): Outcome {
  return [{ ...state, leaving: { ...leaving, arcs: [], left: outcome } }, [{ type: 'left', outcome }]];
}
