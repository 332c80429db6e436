/**
 * Ring view: as much of a ring member's state as ownership follows.
 */
import { isAlone, type RingMember } from '../chord/ring-member';
import type { RingView } from './ownership';

/** What ownership looks at. Whether a member is in the middle of a step matters only while it sees nobody else. */
export function ringView(member: RingMember): RingView {
  const { self, phase, predecessor, successors, successorsMax, step } = member;
  const isSettled = !isAlone(member) || (step === undefined && predecessor.id === self.id);
  const isRound = successors.some(({ id }) => id === predecessor.id);
  const isComplete = isRound || successors.length >= successorsMax;
  return { isMember: phase === 'member', predecessor, successors, isSettled, isComplete };
}
