/**
 * Views, the few moves that all their rules are made of.
 */
import type { NodeId } from '../chord/id';
import type { Peer } from '../chord/peer';
import { type Range, rangesOverlap, withoutRange } from '../chord/range';
import type { Nack, ViewQuestion } from '../protocol/rpc-views';
import type { Epoch } from './epoch';
import type { Version } from './version';
import { isMember, type View } from './view';
import type { Matter, Surplus, Views } from './views';
import type { ViewsAnswer, ViewsEffect, ViewsReport } from './views-protocol';
import { type AdoptOutcome, adoptView, concedeTo } from './views-sealing';

/** The next state, and what is to be done. */
export type Outcome = readonly [Views, readonly ViewsEffect[]];

/** What a step may ask of the world. */
export interface Now {
  /** Monotonic. */
  readonly nowMs: number;
  /** From 0 up to but not including 1. */
  readonly random: () => number;
  /** The latest version that this node has minted or seen, in its own name. */
  readonly clock: Version;
}

/** How long an ex-member is told which view has taken its place. */
export const EX_MEMBER_MS = 10_000;

/** Of how many nodes it is remembered that they are dead for certain. */
const GONE_MAX = 256;

/** How many arcs of records that need not be kept are told apart. */
const SURPLUS_MAX = 128;

/** Nothing to be done. */
export const quiet = (state: Views): Outcome => [state, []];

/** Goes on from an outcome. */
export function andThen([state, effects]: Outcome, step: (state: Views) => Outcome): Outcome {
  const [next, more] = step(state);
  return more.length === 0 ? [next, effects] : [next, [...effects, ...more]];
}

/** Goes on from an outcome with each of some things. */
export function andEach<T>(outcome: Outcome, things: readonly T[], step: (state: Views, thing: T) => Outcome): Outcome {
  return things.reduce((before, thing) => andThen(before, (state) => step(state, thing)), outcome);
}

/** Asks somebody something; the matter is remembered until the answer comes. */
export function ask(state: Views, to: Peer, question: ViewQuestion, matter: Matter): Outcome {
  const request = state.lastRequest + 1;
  const matters = new Map(state.matters).set(request, matter);
  return [{ ...state, lastRequest: request, matters }, [{ type: 'ask', to, question, request }]];
}

/** Answers what was asked. */
export const answer = (state: Views, given: ViewsAnswer): Outcome => [state, [{ type: 'answer', answer: given }]];

/** A line for the log. */
export function report(event: ViewsReport, arc: Range, members: readonly Peer[], peer?: Peer): ViewsEffect {
  return { type: 'report', event, peer, arc, members };
}

/** The same incarnation of the same node. */
export const isSame = (a: Peer, b: Peer) => a.id === b.id && a.inc === b.inc;

/** Whether nobody can have what this incarnation had. */
export function isGone({ gone }: Views, { id, inc }: Peer): boolean {
  return (gone.get(id) ?? -1n) >= inc;
}

/** Whether it is dead, as far as this node knows. */
export function isDead(state: Views, peer: Peer): boolean {
  return isGone(state, peer) || (state.dead.get(peer.id)?.inc ?? -1n) >= peer.inc;
}

/** Whether nothing should depend on it any more: it is dead, or about to leave. */
export function isOut(state: Views, peer: Peer): boolean {
  return isDead(state, peer) || state.departing.has(peer.id);
}

/** Takes it that this incarnation, and whatever the node was before, is dead for certain. */
export function bury(state: Views, id: NodeId, inc: bigint): Views {
  if ((state.gone.get(id) ?? -1n) >= inc) return state;
  const gone = new Map(state.gone);
  gone.delete(id);
  gone.set(id, inc);
  const [oldest] = gone.keys();
  if (gone.size > GONE_MAX && oldest !== undefined) gone.delete(oldest);
  return { ...state, gone };
}

/** Somebody has been heard of: whatever was at its place before is dead, and a new one is not about to leave. */
export function meet(state: Views, { id, inc }: Peer): Views {
  const known = state.gone.get(id);
  if (known !== undefined && known >= inc - 1n) return state;
  const next = bury(state, id, inc - 1n);
  if (known === undefined || !state.departing.has(id) || id === state.self.id) return next;
  const departing = new Map(state.departing);
  departing.delete(id);
  return { ...next, departing };
}

/** Remembers an epoch that it has met. */
export function meetEpoch(state: Views, { n }: Epoch): Views {
  return n > state.highestN ? { ...state, highestN: n } : state;
}

/** An epoch later than everything this node has heard of. */
export function nextEpoch({ highestN, holdings, self }: Views): Epoch {
  return { n: Math.max(highestN, ...holdings.map(({ promised }) => promised.n)) + 1, by: self.inc };
}

/** Takes a view over, and draws the consequences; a nack where something newer stands against it. */
export function takeOver(state: Views, view: View, now: Now): { readonly outcome: Outcome; readonly nack?: Nack } {
  return follow(state, view, adoptView(state.holdings, view, state.self), now);
}

/** Takes over a view that this node's own attempt has come upon, or that somebody has said it missed. */
export function concede(state: Views, view: View, now: Now): Outcome {
  return follow(state, view, concedeTo(state.holdings, view, state.self), now).outcome;
}

function follow(
  before: Views,
  view: View,
  adopted: AdoptOutcome,
  { nowMs }: Now,
): { readonly outcome: Outcome; readonly nack?: Nack } {
  const state = meetEpoch(before, view.epoch);
  if (adopted.type === 'nack') return { outcome: quiet(state), nack: adopted.nack };
  const effects: ViewsEffect[] = [];
  let { surplus } = state;
  for (const { arc, role, before: was } of adopted.became) {
    if (role === 'none' && was !== 'none') {
      surplus = withSurplus(surplus, arc, nowMs);
      effects.push(report('view_ended', arc, view.members));
    }
    if (role !== 'none') {
      surplus = withoutSurplus(surplus, arc);
      if (view.primary !== state.self.id) effects.push(report('view_adopted', arc, view.members));
    }
  }
  return { outcome: [{ ...state, holdings: adopted.holdings, surplus }, effects] };
}

/** Remembers that this node has records of an arc that it need not keep. */
export function withSurplus(surplus: readonly Surplus[], arc: Range, nowMs: number): readonly Surplus[] {
  const others = withoutSurplus(surplus, arc);
  if (others.length >= SURPLUS_MAX) return others;
  return [...others, { arc, sinceMs: nowMs, dueAtMs: nowMs, clearedUnder: undefined, request: undefined }];
}

/** Whatever overlaps with the arc is needed again; the rest of it shows up when somebody else leads it. */
export function withoutSurplus(surplus: readonly Surplus[], arc: Range): readonly Surplus[] {
  if (!surplus.some((each) => rangesOverlap(each.arc, arc))) return surplus;
  return surplus.flatMap((each) => partsOutside(each, arc));
}

function partsOutside(surplus: Surplus, arc: Range): readonly Surplus[] {
  if (!rangesOverlap(surplus.arc, arc)) return [surplus];
  return withoutRange(surplus.arc, arc).map((rest) => ({
    ...surplus,
    arc: rest,
    clearedUnder: undefined,
    request: undefined,
  }));
}

/** Everybody this node knows of, each in its newest incarnation, without itself. */
export function acquaintances(state: Views): readonly Peer[] {
  const { ring, holdings, self } = state;
  const pointers = ring.isMember ? [ring.predecessor, ...ring.successors] : [];
  const members = holdings.flatMap(({ view, role }) => (view && role !== 'none' ? view.members : []));
  return newest([...pointers, ...members]).filter(({ id }) => id !== self.id);
}

/** Of each node only the newest incarnation. */
export function newest(peers: readonly Peer[]): readonly Peer[] {
  const found = new Map<NodeId, Peer>();
  for (const peer of peers) if ((found.get(peer.id)?.inc ?? -1n) < peer.inc) found.set(peer.id, peer);
  return [...found.values()];
}

/** Lets everybody in question hear of the views that this node leads in an arc. */
export function tellAll(state: Views, arc: Range, exMembers: readonly Peer[], nowMs: number): Views {
  const { self } = state;
  const fresh = state.holdings.flatMap(({ view, arc: piece, role }) => {
    if (view?.primary !== self.id || role !== 'voter' || !rangesOverlap(piece, arc)) return [];
    const others = exMembers.filter((peer) => !isMember(view, peer));
    return [...view.members, ...others]
      .filter((peer) => !isSame(peer, self))
      .map((to) => {
        const untilMs = isMember(view, to) ? Infinity : nowMs + EX_MEMBER_MS;
        return { to, arc: piece, epoch: view.epoch, dueAtMs: nowMs, untilMs, request: undefined };
      });
  });
  const kept = state.tells.filter(
    (tell) =>
      !fresh.some(({ to, arc: told }) => isSame(to, tell.to) && told.lo === tell.arc.lo && told.hi === tell.arc.hi),
  );
  return { ...state, tells: [...kept, ...fresh] };
}
