/**
 * Rectifying: who is the predecessor. Somebody who says so is believed if it is nearer, or if the
 * one there is has died.
 */
import { betweenOpen } from './id';
import type { Peer } from './peer';
import { ask, canStep, isAlone, NOTHING, type Outcome, type Rectifying, type RingMember } from './ring-member-state';
import type { RingEffect } from './ring-protocol';
import { askCandidate } from './ring-stabilizing';

/** Somebody thinks that it is the predecessor. */
export function rectify(member: RingMember, candidate: Peer): Outcome {
  const { self, predecessor } = member;
  if (candidate.id === self.id) return [member, NOTHING];
  const isSame = candidate.id === predecessor.id;
  if (isSame && candidate.inc === predecessor.inc) return [member, NOTHING];
  const isNearer = isSame ? candidate.inc > predecessor.inc : betweenOpen(candidate.id, predecessor.id, self.id);
  if (isNearer || member.isPredecessorDead) return setPredecessor(member, candidate);
  if (member.rectifying) return [member, NOTHING];
  // Also for a lower incarnation than is known: a clock may have been set back before a restart.
  const [next, effect, request] = ask(member, predecessor, { type: 'ping' });
  return [{ ...next, rectifying: { request, predecessor, candidate } }, [effect]];
}

/** It has answered. Was it another incarnation that did, then the one that was asked has died all the same. */
export function predecessorAnswered(member: RingMember, rectifying: Rectifying, from: Peer): Outcome {
  if (from.inc !== rectifying.predecessor.inc) return predecessorDied(member, rectifying);
  return [{ ...member, rectifying: undefined }, NOTHING];
}

/** Whoever wants its place gets it, unless somebody has it already. */
export function predecessorDied(member: RingMember, { predecessor, candidate }: Rectifying): Outcome {
  const next = { ...member, rectifying: undefined };
  if (member.predecessor.id !== predecessor.id || member.predecessor.inc !== predecessor.inc) return [next, NOTHING];
  return setPredecessor({ ...next, isPredecessorDead: true }, candidate);
}

/** The old predecessor hears of the new one, and need not wait for its next round. */
function setPredecessor(member: RingMember, predecessor: Peer): Outcome {
  const { self, predecessor: old } = member;
  const effects: RingEffect[] = [{ type: 'ring_changed' }];
  const isBetween = old.id !== self.id && betweenOpen(predecessor.id, old.id, self.id);
  if (isBetween && !member.isPredecessorDead) {
    effects.push({ type: 'tell', to: old, tale: { type: 'hint', between: predecessor } });
  }
  const next = { ...member, predecessor, isPredecessorDead: false };
  // Whoever was alone has its first successor in its first predecessor.
  if (!isAlone(next) || !canStep(next)) return [next, effects];
  const [asking, asks] = askCandidate(next, predecessor);
  return [asking, [...effects, ...asks]];
}
