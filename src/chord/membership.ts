/**
 * Membership: a walk round the ring that lists everybody, for rings small enough to know them all.
 *
 * Each member that is asked names its next few successors, so that a ring of N with lists of r is
 * seen in about N/r questions: always the last that is known is asked for those after it. When it
 * does not answer, the ones before it are, nearest first, since their lists may reach beyond; what
 * comes of that is marked as incomplete, like a walk that had to stop before it came round. The
 * list is a cache: who owns what is decided by the members themselves.
 */
import { betweenOpen, type NodeId } from './id';
import type { Peer } from './peer';
import { unreachable } from '../unreachable';

/** The largest ring that is walked to its end. */
export const MEMBERS_MAX = 512;

/** What happens to a walk. Whatever comes from somebody who is not being waited for changes nothing. */
export type WalkEvent =
  /** `from` has told its successors, head first; a lone member names itself. */
  | { readonly type: 'answered'; readonly from: Peer; readonly successors: readonly Peer[] }
  | { readonly type: 'silent'; readonly peer: Peer };

/** What a walk wants done, or has come to. */
export type WalkEffect =
  /** Ask it who it is and who comes after it. */
  | { readonly type: 'ask'; readonly peer: Peer }
  /** Everybody, in ring order, the walker first. */
  | { readonly type: 'done'; readonly members: readonly Peer[]; readonly isComplete: boolean };

/** A walk under way. */
export interface Walk {
  readonly self: Peer;
  /** In ring order, the walker first. */
  readonly members: readonly Peer[];
  readonly membersMax: number;
  /** Whom the walk is waiting for; undefined when it has ended. */
  readonly asked: Peer | undefined;
  /** Who has answered or was silent: asked once each. */
  readonly tried: ReadonlySet<NodeId>;
  readonly silent: ReadonlySet<NodeId>;
}

/** Begins a walk, from the walker's own successor list. */
export function startWalk(
  self: Peer,
  successors: readonly Peer[],
  isWhole: boolean,
  membersMax = MEMBERS_MAX,
): [Walk, WalkEffect] {
  const walk: Walk = {
    self,
    members: [self],
    membersMax,
    asked: undefined,
    tried: new Set([self.id]),
    silent: new Set(),
  };
  const [next, hasComeRound] = append(walk, self, successors);
  return hasComeRound || isWhole ? done(next, true) : askLast(next);
}

/** Goes on after an event; without an effect there is nothing to do but wait. */
export function stepWalk(walk: Walk, event: WalkEvent): [Walk, WalkEffect | undefined] {
  const { asked } = walk;
  if (asked === undefined) return [walk, undefined];
  switch (event.type) {
    case 'answered':
      return event.from.id === asked.id ? answered(walk, event.from, event.successors) : [walk, undefined];
    case 'silent':
      return event.peer.id === asked.id ? silent(walk, asked) : [walk, undefined];
    default:
      return unreachable(event);
  }
}

/** What it is now may be a later incarnation of what was named. */
function answered(walk: Walk, from: Peer, successors: readonly Peer[]): [Walk, WalkEffect] {
  const members = walk.members.map((member) => (member.id === from.id ? from : member));
  const tried = new Set(walk.tried).add(from.id);
  const after = successors.filter(({ id }) => id !== from.id);
  // One that has nobody but itself is in no ring with us: others must know more.
  if (after.length === 0) return askLast({ ...walk, members, tried });
  const [next, hasComeRound] = append({ ...walk, members, tried }, from, after);
  return hasComeRound ? done(next, next.silent.size === 0) : askLast(next);
}

function silent(walk: Walk, { id }: Peer): [Walk, WalkEffect] {
  const members = walk.members.filter((member) => member.id !== id);
  return askLast({
    ...walk,
    members,
    tried: new Set(walk.tried).add(id),
    silent: new Set(walk.silent).add(id),
  });
}

/** The last member that was not asked yet. When all were, the way on is lost. */
function askLast(walk: Walk): [Walk, WalkEffect] {
  if (walk.members.length > walk.membersMax) return done(walk, false);
  const peer = walk.members.findLast(({ id }) => !walk.tried.has(id));
  return peer === undefined
    ? done(walk, false)
    : [
        { ...walk, asked: peer },
        { type: 'ask', peer },
      ];
}

function done(walk: Walk, isComplete: boolean): [Walk, WalkEffect] {
  const members = walk.members.slice(0, walk.membersMax);
  return [
    { ...walk, members, asked: undefined },
    { type: 'done', members, isComplete: isComplete && members.length === walk.members.length },
  ];
}

/** Takes over whoever `from` has named behind the last member, and says whether that came round to the walker. */
function append(walk: Walk, from: Peer, successors: readonly Peer[]): [Walk, boolean] {
  const { self, silent: dead } = walk;
  const members = [...walk.members];
  let last = members.at(-1) ?? self;
  for (const peer of successors) {
    // Behind the walker: whoever told this may not have heard of the walker yet.
    if (!betweenOpen(peer.id, from.id, self.id)) return [{ ...walk, members }, true];
    if (!betweenOpen(peer.id, last.id, self.id) || dead.has(peer.id)) continue;
    members.push(peer);
    last = peer;
  }
  return [{ ...walk, members }, false];
}
