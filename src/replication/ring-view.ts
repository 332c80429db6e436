/**
 * Ring view: as much of a ring member's state as ownership follows.
 */
import { isAlone, type RingMember } from '../chord/ring-member';
import type { RingView } from './ownership';

/** What ownership looks at. Whether a member is in the middle of a step matters only while it sees nobody else. */
export function ringView(member: RingMember): RingView {
  const { phase, predecessor, successors, step } = member;
  return { isMember: phase === 'member', predecessor, successors, isSettled: step === undefined || !isAlone(member) };
}
