/**
 * Places: the parts of the ring whose keys a node treats alike, and what it does with each.
 *
 * They are worked out once for every new state of the views, for all the keys of a piece alike.
 */
import type { Peer } from '../chord/peer';
import { type Range, rangesOverlap, withoutRange } from '../chord/range';
import { compareEpochs, type Epoch } from './epoch';
import { commonParts, type Holding, uncovered } from './holding';
import { ELSEWHERE, type Place, type ReplicaStanding, type Standing } from './standing';
import { primaryOf, type View } from './view';
import type { Newcomer, Views } from './views';
import { isDead } from './views-changes';

/** The places of a new state; those of the one before where nothing has changed that they follow from. */
export function placesAfter(before: Views, views: Views): readonly Place[] {
  const isSame =
    before.holdings === views.holdings &&
    before.newcomers === views.newcomers &&
    before.lessons === views.lessons &&
    before.ring === views.ring &&
    before.dead === views.dead &&
    before.places.length > 0;
  return isSame ? before.places : placesOf(views);
}

function placesOf(views: Views): readonly Place[] {
  const { self, holdings, ring } = views;
  const [head] = ring.successors;
  const hint = ring.isMember && head?.id !== self.id ? head : undefined;
  const known = holdings.flatMap((holding) =>
    cut(holding.arc, [
      ...views.newcomers.filter(isListening).map(({ arc }) => arc),
      ...views.lessons.flatMap(({ kind, arc }) => (kind === 'listen' ? [arc] : [])),
    ]).map((arc) => placeOf(views, holding, arc, hint)),
  );
  const rest = uncovered(holdings, { lo: self.id, hi: self.id }).flatMap((part) =>
    cut(
      part,
      views.lessons.map(({ arc }) => arc),
    ).map((arc) => unknownPlace(views, arc, hint)),
  );
  return [...known, ...rest].sort((a, b) => (a.arc.hi < b.arc.hi ? -1 : 1));
}

function placeOf(
  views: Views,
  { view, role, promised, isChecked, arc: piece }: Holding,
  arc: Range,
  hint: Peer | undefined,
): Place {
  const isSealed = view === undefined || compareEpochs(promised, view.epoch) > 0;
  const stale: ReplicaStanding = { type: 'stale', view };
  const listens = listensTo(views, arc);
  if (view === undefined) {
    return { arc, standing: { type: 'elsewhere', hint }, replica: undefined, listens, stale };
  }
  const primary = primaryOf(view);
  if (role === 'none') {
    // What this node was before it was restarted is no use, nor is anybody else who is dead.
    const isOfUse = primary.id !== views.self.id && !isDead(views, primary);
    return { arc, standing: { type: 'elsewhere', hint: isOfUse ? primary : hint }, replica: undefined, listens, stale };
  }
  if (isSealed) return { arc, standing: { type: 'changing', view }, replica: undefined, listens, stale };
  const isVoter = role === 'voter';
  const replica = { epoch: view.epoch, standing: isVoter ? VOTER : isChecked ? LEARNER : beginner(view) };
  if (primary.id === views.self.id && !isVoter)
    return { arc, standing: { type: 'changing', view }, replica, listens, stale };
  if (primary.id !== views.self.id) {
    return { arc, standing: { type: 'member', view, isVoter }, replica, listens, stale };
  }
  const listeners = views.newcomers
    .filter(
      (newcomer) => isListening(newcomer) && rangesOverlap(newcomer.arc, arc) && rangesOverlap(newcomer.arc, piece),
    )
    .map(({ peer }) => peer);
  return { arc, standing: { type: 'primary', view, listeners: distinct(listeners) }, replica, listens, stale };
}

const VOTER: ReplicaStanding = { type: 'member', isVoter: true };
const LEARNER: ReplicaStanding = { type: 'member', isVoter: false };
const beginner = (unchecked: View): ReplicaStanding => ({ type: 'member', isVoter: false, unchecked });

function unknownPlace(views: Views, arc: Range, hint: Peer | undefined): Place {
  const listens = listensTo(views, arc);
  const standing: Standing = hint ? { type: 'elsewhere', hint } : ELSEWHERE;
  return { arc, standing, replica: undefined, listens, stale: { type: 'stale', view: undefined } };
}

function listensTo({ lessons }: Views, arc: Range): Epoch | undefined {
  return lessons.find((lesson) => lesson.kind === 'listen' && rangesOverlap(lesson.arc, arc))?.epoch;
}

const isListening = ({ state }: Newcomer) => state === 'fetching' || state === 'ready';

/** A piece, cut so that each part lies wholly inside or outside of each of the arcs. */
function cut(piece: Range, arcs: readonly Range[]): readonly Range[] {
  return arcs.reduce<readonly Range[]>(
    (parts, arc) => parts.flatMap((part) => [...commonParts(part, arc), ...withoutRange(part, arc)]),
    [piece],
  );
}

const distinct = (peers: readonly Peer[]) =>
  peers.filter(({ id }, index) => peers.findIndex((peer) => peer.id === id) === index);
