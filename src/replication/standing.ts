/**
 * Standings: what a node does with a request for a key, and with a call of another replica, by place.
 *
 * Both are asked for every key, so they are worked out once for every new state of the views, for all
 * the keys of a piece alike.
 */
import type { KeyId } from '../chord/id';
import type { Peer } from '../chord/peer';
import { type Range, rangesOverlap, withoutRange } from '../chord/range';
import { compareEpochs, type Epoch } from './epoch';
import { commonParts, type Holding, uncovered } from './holding';
import { primaryOf, type View } from './view';
import type { Newcomer, Views } from './views';
import { isDead } from './views-changes';

/** What is to be done with a request for a key here. */
export type Standing =
  /** Quorum operations are served here. `listeners` get copies of writes, which do not count. */
  | { readonly type: 'primary'; readonly view: View; readonly listeners: readonly Peer[] }
  /** Go to the primary; a voter may answer what need not be the latest. */
  | { readonly type: 'member'; readonly view: View; readonly isVoter: boolean }
  /** Somebody is making a view: look again soon. */
  | { readonly type: 'changing'; readonly view: View | undefined }
  | { readonly type: 'elsewhere'; readonly hint: Peer | undefined };

/** What is to be done with a call of another replica. */
export type ReplicaStanding =
  /** `unchecked`: a learner of this view, which may have leftovers of earlier times as yet. */
  | { readonly type: 'member'; readonly isVoter: boolean; readonly unchecked?: View }
  /** Writes are stored here, and count for nothing. */
  | { readonly type: 'listener' }
  | { readonly type: 'stale'; readonly view: View | undefined };

/** A part of the ring whose keys are all treated alike. */
export interface Place {
  readonly arc: Range;
  readonly standing: Standing;
  /** The view under which calls are served here. */
  readonly replica: { readonly epoch: Epoch; readonly standing: ReplicaStanding } | undefined;
  /** The epoch under which this node fetches the arc as a newcomer. */
  readonly listens: Epoch | undefined;
  /** What is answered to all other calls. */
  readonly stale: ReplicaStanding;
}

/** Nobody is known who has it. */
export const ELSEWHERE: Standing = { type: 'elsewhere', hint: undefined };

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

/** The place of a key. They cover the ring, by their ends in order: so it is the first that ends behind the key. */
export function placeAt(places: readonly Place[], key: KeyId): Place | undefined {
  for (const place of places) if (key <= place.arc.hi) return place;
  return places[0];
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
