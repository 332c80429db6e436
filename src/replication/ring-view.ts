/**
 * Ring view: as much of a ring member's state as views follow.
 */
import type { Peer } from '../chord/peer';
import { isAlone, type RingMember } from '../chord/ring-member';

/** A node's pointers, as far as they matter for who should keep copies of what. */
export interface RingView {
  readonly isMember: boolean;
  /** Itself while it is alone. */
  readonly predecessor: Peer;
  /** Head first; itself while it is alone. */
  readonly successors: readonly Peer[];
  /** Not in the middle of a step: only then does a list of nobody else mean that there is nobody else. */
  readonly isSettled: boolean;
  /** Whether the list goes all round the ring, or is as long as it may be: nobody who could be in it is missing. */
  readonly isComplete: boolean;
}

/** What views look at. Whether a member is in the middle of a step matters only while it sees nobody else. */
export function ringView(member: RingMember): RingView {
  const { self, phase, predecessor, successors, successorsMax, step } = member;
  const isSettled = !isAlone(member) || (step === undefined && predecessor.id === self.id);
  const isRound = successors.some(({ id }) => id === predecessor.id);
  const isComplete = isRound || successors.length >= successorsMax;
  return { isMember: phase === 'member', predecessor, successors, isSettled, isComplete };
}

/** Whether two views show the same ring. */
export function isSameRing(a: RingView, b: RingView): boolean {
  return (
    a.isMember === b.isMember &&
    a.isSettled === b.isSettled &&
    a.isComplete === b.isComplete &&
    isSame(a.predecessor, b.predecessor) &&
    a.successors.length === b.successors.length &&
    a.successors.every((peer, index) => isSame(peer, b.successors[index]))
  );
}

const isSame = (a: Peer, b: Peer | undefined) => a.id === b?.id && a.inc === b.inc;
