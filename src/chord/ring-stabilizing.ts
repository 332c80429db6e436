/**
 * Stabilising: a member looks whether its successor is still the right one, and goes on with somebody
 * else when it is not.
 *
 * The successor is asked first, then whoever has come before it. When the successor has died, the next
 * of the list is asked; when all have, those that are remembered, clockwise, one after the other. As long
 * as that search goes on the predecessor stays what it was. Only when nobody has answered is the
 * member alone; even then it goes on searching, for ever.
 */
import type { Peer } from './peer';
import {
  adopt,
  ask,
  finish,
  headOf,
  isNearer,
  NOTHING,
  type Outcome,
  type RingMember,
  samePointers,
} from './ring-member-state';
import type { Answer, RingEffect } from './ring-protocol';
import { unreachable } from '../unreachable';

const CHANGED: readonly RingEffect[] = [{ type: 'ring_changed' }];

/** Asks the successor for its pointers. */
export function askSuccessor(member: RingMember): Outcome {
  const successor = headOf(member);
  const [next, effect, request] = ask(member, successor, { type: 'get_state' });
  return [{ ...next, step: { type: 'from_successor', request, successor } }, [effect]];
}

/** Asks somebody for its pointers who may be nearer than the successor. */
export function askCandidate(member: RingMember, candidate: Peer): Outcome {
  const [next, effect, request] = ask(member, candidate, { type: 'get_state' });
  return [{ ...next, step: { type: 'from_candidate', request, candidate } }, [effect]];
}

/** The answer to a question for pointers has come. */
export function stateAnswered(member: RingMember, from: Peer, answer: Answer): Outcome {
  const { step } = member;
  if (answer.type === 'busy') {
    // It lives, so it is not given up, but others have their turn first.
    const toTry = step?.type === 'recover' ? [...member.toTry, step.candidate] : member.toTry;
    return [{ ...member, toTry, step: undefined }, [{ type: 'retry_soon' }]];
  }
  if (answer.type !== 'state') return withoutAsked(member);
  if (step?.type !== 'from_successor') {
    return finish(isNearer(member, from) ? adopt(member, from, answer.successors) : member, member);
  }
  const next = adopt(member, from, answer.successors);
  if (!isNearer(next, answer.predecessor)) return finish(next, member);
  const [asking, effects] = askCandidate(next, answer.predecessor);
  return [asking, samePointers(next, member) ? effects : [...effects, ...CHANGED]];
}

/** Whoever was asked for its pointers has died, or is no member, which comes to the same. */
export function withoutAsked(member: RingMember): Outcome {
  const { step } = member;
  switch (step?.type) {
    case undefined:
    case 'join':
      return [member, NOTHING];
    case 'from_successor':
      return withoutSuccessor(member, step.successor);
    case 'from_candidate':
      return finish(member, member);
    case 'recover':
      return recover(member, member.toTry);
    default:
      return unreachable(step);
  }
}

/** The next of the list takes the place of a successor that has died; when nobody is left, somebody remembered does. */
export function withoutSuccessor(member: RingMember, dead: Peer): Outcome {
  const { self, memory, predecessor } = member;
  const rest = member.successors.filter(({ id }) => id !== dead.id);
  // The predecessor is asked as well, also when others have taken its place in the memory.
  const others = memory
    .hear(predecessor)
    .clockwiseFrom(self.id)
    .filter(({ id }) => id !== dead.id);
  const [next, effects] =
    rest.length > 0
      ? askSuccessor({ ...member, successors: rest })
      : recover({ ...member, successors: [self] }, others);
  return [next, [...effects, ...CHANGED]];
}

/** Goes on asking those that are remembered, or begins again with all of them. */
export function search(member: RingMember): Outcome {
  return recover(member, member.toTry.length > 0 ? member.toTry : member.memory.clockwiseFrom(member.self.id));
}

/** Asks the first of those that are remembered; whoever answers becomes the head. With none left, the member is alone. */
function recover(member: RingMember, [candidate, ...toTry]: readonly Peer[]): Outcome {
  const { self, predecessor } = member;
  if (candidate === undefined) {
    const alone = { ...member, step: undefined, toTry, predecessor: self, isPredecessorDead: false };
    return [alone, predecessor.id === self.id ? NOTHING : CHANGED];
  }
  const [next, effect, request] = ask(member, candidate, { type: 'get_state' });
  return [{ ...next, toTry, step: { type: 'recover', request, candidate } }, [effect]];
}
