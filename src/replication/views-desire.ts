/**
 * Views, what they should be: who should keep copies of a piece of the ring, and whether its view is to be changed.
 *
 * Pure, and worked out anew from what is known: a node that has all that it wants wants nothing. Of all voters
 * the first one from the end of the piece on is to act, its owner as a rule; the next one only if that one does
 * not for a while.
 */
import type { Peer } from '../chord/peer';
import { inRange, type Range, rangesOverlap } from '../chord/range';
import { compareEpochs } from './epoch';
import { cutAt, type Holding, isSealed } from './holding';
import { allVote, inRingOrder, isMember, isSameView, type View } from './view';
import type { Newcomer, Views } from './views';
import { acquaintances, isDead, isOut, isSame, newest } from './views-changes';

/** Why a view is to be changed. `sealed`: somebody was about to change it; `again`: this node itself, in vain. */
export type Reason = 'sealed' | 'again' | 'primary' | 'members' | 'merge';

/** What a node thinks of a piece in which it votes. */
export interface Plan {
  readonly arc: Range;
  readonly view: View;
  /** Who should be a member, in ring order. */
  readonly desired: readonly Peer[];
  /** Who can be one now, in ring order. */
  readonly members: readonly Peer[];
  /** Undefined: the view may stay as it is. */
  readonly reason: Reason | undefined;
  /** How many should act before this node. */
  readonly rank: number;
  /** Whether this node serves the piece as its primary. */
  readonly isLed: boolean;
}

/** What this node thinks of all pieces in which it votes. Nearly always it is what it thought a moment ago. */
export function plansOf(views: Views): readonly Plan[] {
  const known = remembered.get(views.holdings);
  if (known !== undefined && follows(known.from, views)) return known.plans;
  const plans = madeOf(views);
  remembered.set(views.holdings, { from: views, plans });
  return plans;
}

const remembered = new WeakMap<Views['holdings'], { readonly from: Views; readonly plans: readonly Plan[] }>();

/** Whether nothing has changed that plans follow from. */
function follows(from: Views, views: Views): boolean {
  const isWaiting = [...from.flaps.values()].some(({ untilMs }) => from.beatMs < untilMs);
  return (
    !isWaiting &&
    from.self === views.self &&
    from.replicas === views.replicas &&
    from.ring === views.ring &&
    from.newcomers === views.newcomers &&
    from.attempts === views.attempts &&
    from.dead === views.dead &&
    from.gone === views.gone &&
    from.flaps === views.flaps &&
    from.departing === views.departing
  );
}

function madeOf(views: Views): readonly Plan[] {
  const known = acquaintances(views).filter((peer) => !isOut(views, peer));
  const isLeaving = views.departing.has(views.self.id);
  const eligible = isLeaving ? known : [views.self, ...known];
  return views.holdings.flatMap((holding) => {
    const { view, role } = holding;
    if (view === undefined || !(role === 'voter' || (role === 'learner' && isLastHope(views, view)))) return [];
    const points = eligible.map(({ id }) => id);
    return cutAt(holding.arc, points).map((arc) => planOf(views, holding, view, arc, eligible));
  });
}

/** Pairs of neighbouring pieces that could as well be one: nobody stands where they meet. */
export function mergersOf(views: Views, plans: readonly Plan[]): readonly Plan[] {
  const quietOnes = plans.filter(
    ({ reason, isLed, view, desired, members }) =>
      reason === undefined && isLed && allVote(view) && desired.length === members.length,
  );
  if (quietOnes.length < 2) return [];
  const stands = new Set(
    [views.self, ...acquaintances(views)].filter((peer) => !isOut(views, peer)).map(({ id }) => id),
  );
  for (const first of quietOnes) {
    const next = quietOnes.find((each) => each.arc.lo === first.arc.hi && !isSameView(each.view, first.view));
    if (next === undefined || stands.has(first.arc.hi as Peer['id']) || !areSame(first.members, next.members)) continue;
    const { members, desired } = next;
    const arc = { lo: first.arc.lo, hi: next.arc.hi };
    return [{ arc, view: next.view, desired, members, reason: 'merge', rank: 0, isLed: true }];
  }
  return [];
}

/** The newcomer that has been invited for all of an arc under a view. */
export function newcomerFor(views: Views, peer: Peer, arc: Range, { epoch }: View): Newcomer | undefined {
  return views.newcomers.find(
    (newcomer) =>
      isSame(newcomer.peer, peer) && compareEpochs(newcomer.epoch, epoch) === 0 && contains(newcomer.arc, arc),
  );
}

/** Whether one arc holds all of another. */
export function contains(outer: Range, inner: Range): boolean {
  if (outer.lo === outer.hi) return true;
  if (inner.lo === inner.hi) return false;
  if (!inRange(inner.hi, outer)) return false;
  return inner.lo === outer.lo || (inRange(inner.lo, outer) && inner.lo !== outer.hi && !wraps(outer, inner));
}

/** Whether the inner arc leaves the outer one at its end and comes back into it at its start. */
function wraps(outer: Range, inner: Range): boolean {
  return inRange(outer.hi, inner) && outer.hi !== inner.hi;
}

/** The same incarnations, in whatever order. */
export function areSame(a: readonly Peer[], b: readonly Peer[]): boolean {
  return a.length === b.length && a.every((peer) => b.some((other) => isSame(peer, other)));
}

function planOf(views: Views, holding: Holding, view: View, arc: Range, eligible: readonly Peer[]): Plan {
  const { self, replicas } = views;
  const order = inRingOrder(
    eligible.filter((peer) => isMember(view, peer) || !isHeldOff(views, peer)),
    arc.hi,
  );
  const desired = withSelf(order.slice(0, replicas), self, replicas);
  const isReady = (peer: Peer) => isMember(view, peer) || newcomerFor(views, peer, arc, view)?.state === 'ready';
  const members = inRingOrder(membersNow(views, view, arc, desired, desired.filter(isReady)), arc.hi);
  const rank = rankOf(views, view, arc);
  const isLed = view.primary === self.id && !isSealed(holding) && !isAttempted(views, arc);
  const plan = { arc, view, desired, members, rank, isLed };
  return { ...plan, reason: reasonFor(views, holding, plan) };
}

/** Whoever is called dead every so often would be fetching all the time. */
function isHeldOff({ flaps, beatMs }: Views, { id, inc }: Peer): boolean {
  const flap = flaps.get(id);
  return flap?.inc === inc && beatMs < flap.untilMs;
}

/** Copies are not given up before there are others in their place, unless they are lost anyway. */
function membersNow(
  views: Views,
  view: View,
  arc: Range,
  desired: readonly Peer[],
  ready: readonly Peer[],
): readonly Peer[] {
  const { self, replicas } = views;
  if (ready.length === desired.length) return ready;
  const spare = inRingOrder(
    view.members.filter((peer) => !isDead(views, peer) && !ready.some((one) => isSame(one, peer))),
    arc.hi,
  );
  const staying = spare.filter((peer) => !isOut(views, peer));
  const going = spare.filter((peer) => isOut(views, peer));
  const all = newest([...ready, ...staying, ...going]);
  return withSelf(all.slice(0, replicas), self, replicas);
}

/** Whoever makes a view has a place in it. */
function withSelf(peers: readonly Peer[], self: Peer, most: number): readonly Peer[] {
  return peers.some((peer) => isSame(peer, self)) ? peers : [...peers.slice(0, most - 1), self];
}

/** Whether nobody who votes is left, so that only those are who have not got everything yet. */
function isLastHope(views: Views, { members, voters }: View): boolean {
  return members.every((peer) => !voters.includes(peer.id) || isDead(views, peer));
}

/** How many of those who vote, as far as is known, should act before this node. */
function rankOf(views: Views, view: View, arc: Range): number {
  const { self } = views;
  const isLast = isLastHope(views, view);
  const voters = inRingOrder(
    view.members.filter((peer) => isLast || peer.id === self.id || view.voters.includes(peer.id)),
    arc.hi,
  );
  const staying = voters.filter((peer) => !isOut(views, peer));
  const able = staying.length > 0 ? staying : voters.filter((peer) => !isDead(views, peer));
  const rank = able.findIndex(({ id }) => id === self.id);
  return rank === -1 ? able.length : rank;
}

function reasonFor(views: Views, holding: Holding, plan: Omit<Plan, 'reason'>): Reason | undefined {
  const { view, members, rank } = plan;
  const { self } = views;
  if (views.departing.has(self.id) && rank > 0) return undefined;
  if (isSealed(holding)) return holding.promised.by === self.inc ? 'again' : 'sealed';
  const isPrimary = view.primary === self.id;
  const primary = view.members.find(({ id }) => id === view.primary);
  const isLeaderless = primary === undefined || isOut(views, primary);
  // The primary has to know that this node votes: it may be waiting for others to hear of the view.
  const isDue = rank === 0 && view.voters.includes(self.id);
  if (!isPrimary && (isDue || isLeaderless)) return 'primary';
  return isPrimary && !areSame(members, view.members) ? 'members' : undefined;
}

function isAttempted({ attempts }: Views, arc: Range): boolean {
  return attempts.some((attempt) => rangesOverlap(attempt.arc, arc));
}
