/**
 * Attempts: how one node comes to make the next view of an arc.
 *
 * It asks the members of the newest view to promise that they serve nothing older, and learns from their answers what
 * else there is: newer views, and others' intentions to make one, whose members it asks as well. As soon as
 * nothing can be completed any more but under its own view, and everything that was completed is known to be
 * in the hands of those who have promised, the view is made.
 */
import type { NodeId } from '../chord/id';
import type { Peer } from '../chord/peer';
import type { Range } from '../chord/range';
import type { Seal, Sealed } from '../protocol/rpc-views';
import { compareEpochs, type Epoch } from './epoch';
import { type Holdings } from './holding';
import { compareTimes, Version } from './version';
import { inRingOrder, type View } from './view';

/** What somebody has promised, and told. */
export interface SealedAnswer {
  readonly peer: Peer;
  readonly sealed: Pick<Sealed, 'pieces' | 'clock'>;
}

/** On the way to a view. Immutable; begin it with {@link beginAttempt}. */
export interface Attempt {
  readonly id: number;
  readonly arc: Range;
  readonly epoch: Epoch;
  /** Of the view to be made, this node among them. */
  readonly members: readonly Peer[];
  readonly self: Peer;
  /** Who has been asked; this node itself has not. */
  readonly asked: readonly Peer[];
  /** Who has promised; this node itself is the first. */
  readonly answers: readonly SealedAnswer[];
  readonly startedAtMs: number;
}

/** What the answers so far allow. */
export type Verdict =
  /** Not yet: answers, or proofs of death, of `silent` would help. */
  | { readonly type: 'wait'; readonly silent: readonly Peer[] }
  /** The view can be made as it is. `silent` would add voters to it, if they answered in a moment. */
  | {
      readonly type: 'made';
      readonly voters: readonly NodeId[];
      readonly syncs: number;
      readonly isLoss: boolean;
      readonly silent: readonly Peer[];
    }
  /** First merge the arc from all of these; then the view has this node as its only voter, and one to be merged. */
  | {
      readonly type: 'rescue';
      readonly from: readonly Peer[];
      readonly isLoss: boolean;
      readonly silent: readonly Peer[];
    }
  /** It is not for this node to make a view here: `newer` is what it has missed. `isTooWide`: try the pieces of the arc one by one. */
  | { readonly type: 'hopeless'; readonly newer: View | undefined; readonly isTooWide: boolean };

/**
 * Begins by counting this node's own promise: `own` are its pieces in the arc as they were before it sealed them for
 * this epoch, `clock` is its clock.
 */
export function beginAttempt({
  own,
  clock,
  nowMs,
  ...rest
}: Pick<Attempt, 'id' | 'arc' | 'epoch' | 'members' | 'self'> & {
  readonly own: Holdings;
  readonly clock: Version;
  readonly nowMs: number;
}): Attempt {
  const answers = [{ peer: rest.self, sealed: { pieces: own, clock } }];
  return { ...rest, asked: [], answers, startedAtMs: nowMs };
}

/** What to ask those whom {@link toAsk} names, and of this node itself. */
export function sealOf({ arc, epoch, members, answers }: Attempt): Seal {
  const own = answers[0]?.sealed.pieces ?? [];
  const since = own.reduce<Epoch>(
    (oldest, { view }) => (view !== undefined && compareEpochs(view.epoch, oldest) < 0 ? view.epoch : oldest),
    epoch,
  );
  return { type: 'seal', epoch, arc, members, since };
}

/** Whom to ask: members of every view and of every intention that has been seen, but for those asked before. */
export function toAsk(_attempt: Attempt): readonly Peer[] {
  throw new Error('Cannot ask: not written yet');
}

/** The attempt, with this one asked. */
export function asked(attempt: Attempt, peer: Peer): Attempt {
  return { ...attempt, asked: [...attempt.asked, peer] };
}

/** The attempt, with this promise. What the same peer has promised before is forgotten. */
export function sealedBy(attempt: Attempt, from: Peer, sealed: Sealed): Attempt {
  const others = attempt.answers.filter(({ peer }) => peer.id !== from.id || peer.inc !== from.inc);
  return { ...attempt, answers: [...others, { peer: from, sealed }] };
}

/** What the answers so far allow. */
export function judge(_attempt: Attempt, _isProvenDead: (peer: Peer) => boolean): Verdict {
  throw new Error('Cannot judge: not written yet');
}

/**
 * The view that a verdict allows. `clock` is this node's clock in its own name; the floor is no earlier than any clock
 * that has been seen, so show them to the clock before anything is written under the view.
 */
export function viewMade(
  attempt: Attempt,
  clock: Version,
  { voters, syncs }: { readonly voters: readonly NodeId[]; readonly syncs: number },
): View {
  const { epoch, arc, members, self } = attempt;
  const { word0, word1 } = [clock, ...clocksSeen(attempt)].reduce((a, b) => (compareTimes(a, b) < 0 ? b : a));
  const floor = new Version(word0, word1, clock.writer);
  return { epoch, arc, members: inRingOrder(members, arc.hi), primary: self.id, voters, syncs, floor };
}

/** The clocks of all who have promised. */
export function clocksSeen({ answers }: Attempt): readonly Version[] {
  return answers.map(({ sealed }) => sealed.clock);
}
