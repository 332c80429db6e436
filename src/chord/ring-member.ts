/**
 * Ring member: one node's part in keeping the ring whole. Pure: an event in, the next state and
 * what is to be done out.
 *
 * This is Chord as Zave corrected it ("How to make Chord correct"), not as it was published: a
 * pointer is adopted only from a member that has just answered, a successor list is replaced whole
 * and by the same step that adopts its head, and at most one step is under way in a member, which
 * is busy for others meanwhile. Three things are added. A member that lets somebody in takes it into
 * its own list at once, without cutting the list, so that a newcomer is part of the ring from the
 * first moment and joins into one gap are in order. Whoever gets a new predecessor tells the
 * old one who has come between them, so that nobody has to wait for a timer. And whoever is found to be
 * dead is struck off the list at once, which skips nobody who lives.
 */
import type { Peer } from './peer';
import type { PeerMemory } from './peer-memory';
import { admit, askToJoin, joinAnswered, leave, predecessorLeaves, successorLeaves, waitLess } from './ring-joining';
import { canStep, headOf, isAlone, isNearer, NOTHING, type Outcome, type RingMember } from './ring-member-state';
import type { Answer, Question, RingEffect, RingEvent, Tale } from './ring-protocol';
import { predecessorAnswered, predecessorDied, rectify } from './ring-rectifying';
import { askCandidate, askSuccessor, search, stateAnswered, withoutAsked, withoutSuccessor } from './ring-stabilizing';
import { unreachable } from '../unreachable';

export { createRing, isAlone, outsider, type RingMember } from './ring-member-state';

/** Handles one event. */
export function stepRing(before: RingMember, event: RingEvent): Outcome {
  const member = notice(before, event);
  switch (event.type) {
    case 'tick':
      return tick(member);
    case 'asked':
      return asked(member, event.from, event.question, event.ref);
    case 'answered':
      return answered(member, event.from, event.answer, event.request);
    case 'silent':
      return silent(member, event.request);
    case 'told':
      return member.phase === 'member' ? told(member, event.from, event.tale) : [member, NOTHING];
    case 'dead':
      return died(member, event.peer);
    case 'consider':
      return consider(member, event.candidate);
    case 'join':
      return member.phase === 'outside' && !member.step ? askToJoin(member, event.contact) : [member, NOTHING];
    case 'leave':
      return leave(member);
    default:
      return unreachable(event);
  }
}

// Taking notice: what every event says besides what it is about

function notice(member: RingMember, event: RingEvent): RingMember {
  const memory = [...namedIn(event), ...speakerOf(event, member.memory)]
    .filter(({ id }) => id !== member.self.id)
    .reduce((known, peer) => known.hear(peer), member.memory);
  return withSignOfLife(memory === member.memory ? member : { ...member, memory }, event);
}

/** Whomever an event names is remembered. */
function namedIn(event: RingEvent): readonly Peer[] {
  switch (event.type) {
    case 'answered':
      return event.answer.type === 'state' ? [event.answer.predecessor, ...event.answer.successors] : [];
    case 'told':
      return event.tale.type === 'hint' ? [event.tale.between] : [];
    case 'consider':
      return [event.candidate];
    default:
      return [];
  }
}

/**
 * Whoever speaks is remembered; whoever only asks whether somebody is there, if it is known already: that also asks who is
 * not let in, since its clock is wrong, say. It is to come in by the gate, and not because it is found in a memory.
 */
function speakerOf(event: RingEvent, memory: PeerMemory): readonly Peer[] {
  if (!('from' in event)) return [];
  const isCall = event.type === 'asked' && event.question.type === 'ping';
  return isCall && !memory.knows(event.from) ? [] : [event.from];
}

/** Whoever speaks is not dead; and what only a member can say shows that somebody who was let in has arrived. */
function withSignOfLife(member: RingMember, event: RingEvent): RingMember {
  if (!('from' in event)) return member;
  const { admission, predecessor, isPredecessorDead } = member;
  const { from } = event;
  const isBack = isPredecessorDead && from.id === predecessor.id && from.inc === predecessor.inc;
  const next = isBack ? { ...member, isPredecessorDead: false } : member;
  const hasArrived = admission?.joiner.id === from.id && isWordOfMember(event);
  return hasArrived ? { ...next, admission: undefined } : next;
}

function isWordOfMember(event: RingEvent): boolean {
  if (event.type === 'answered') return event.answer.type === 'state';
  return event.type === 'told' || (event.type === 'asked' && event.question.type === 'get_state');
}

// Time passes, and somebody is found to be dead, or nearer

function tick(before: RingMember): Outcome {
  const member = waitLess(before);
  if (member.phase !== 'member' || member.step) return [member, NOTHING];
  return isAlone(member) ? search(member) : askSuccessor(member);
}

/** Nobody waits for the dead any more, and the list does not name it. As predecessor it stays until somebody wants its place. */
function died(before: RingMember, dead: Peer): Outcome {
  const isDead = ({ id, inc }: Peer) => id === dead.id && inc <= dead.inc;
  if (dead.id === before.self.id || before.phase === 'left') return [before, NOTHING];
  const member = before.toTry.some(isDead)
    ? { ...before, toTry: before.toTry.filter((peer) => !isDead(peer)) }
    : before;
  const { rectifying, predecessor, isPredecessorDead } = member;
  if (rectifying && isDead(rectifying.candidate)) return died({ ...member, rectifying: undefined }, dead);
  if (rectifying && isDead(rectifying.predecessor)) {
    const [next, effects] = predecessorDied(member, rectifying);
    const [last, more] = strikeOff(next, dead, isDead);
    return [last, [...effects, ...more]];
  }
  const isNews = isDead(predecessor) && !isPredecessorDead;
  return strikeOff(isNews ? { ...member, isPredecessorDead: true } : member, dead, isDead);
}

function strikeOff(member: RingMember, dead: Peer, isDead: (peer: Peer) => boolean): Outcome {
  const { self, successors, step } = member;
  if (step && isDead(askedBy(step))) return silent(member, step.request);
  const rest = successors.filter((peer) => !isDead(peer));
  if (rest.length === successors.length) return [member, NOTHING];
  if (isDead(headOf(member)) && step === undefined) return withoutSuccessor(member, dead);
  // The step that is under way asks somebody nearer: it goes on, and finds another head to return to.
  return [{ ...member, successors: rest.length > 0 ? rest : [self] }, [{ type: 'ring_changed' }]];
}

function askedBy(step: NonNullable<RingMember['step']>): Peer {
  switch (step.type) {
    case 'join':
      return step.contact;
    case 'from_successor':
      return step.successor;
    case 'recover':
    case 'from_candidate':
      return step.candidate;
    default:
      return unreachable(step);
  }
}

/** Looks at somebody who may be nearer than the successor; it is adopted if it answers. */
function consider(member: RingMember, candidate: Peer): Outcome {
  return canStep(member) && isNearer(member, candidate) ? askCandidate(member, candidate) : [member, NOTHING];
}

// Being asked

function asked(member: RingMember, from: Peer, question: Question, ref: number): Outcome {
  if (member.phase === 'left') return [member, NOTHING];
  const answerWith = (answer: Answer): RingEffect => ({ type: 'answer', to: from, answer, ref });
  if (question.type === 'ping') return [member, [answerWith({ type: 'pong' })]];
  if (member.phase === 'outside') {
    return [member, [answerWith(member.step ? { type: 'busy' } : { type: 'refused', reason: 'not_a_member' })]];
  }
  if (question.type === 'join' && canAdmit(member)) return admit(member, from, answerWith);
  if (member.step) return [member, [answerWith({ type: 'busy' })]];
  const { predecessor, successors } = member;
  return [member, [answerWith({ type: 'state', predecessor, successors })]];
}

/** Whoever is alone for good is always searching, and would rather have company. */
function canAdmit(member: RingMember): boolean {
  const { step, self, predecessor } = member;
  return step === undefined || (step.type === 'recover' && predecessor.id === self.id);
}

// Being answered

function answered(member: RingMember, from: Peer, answer: Answer, request: number): Outcome {
  const { step, rectifying } = member;
  if (rectifying?.request === request) return predecessorAnswered(member, rectifying, from);
  if (step?.request !== request) return [member, NOTHING];
  if (step.type === 'join') return joinAnswered({ ...member, step: undefined }, from, answer, step.redirects);
  return stateAnswered(member, from, answer);
}

function silent(member: RingMember, request: number): Outcome {
  const { step, rectifying } = member;
  if (rectifying?.request === request) return predecessorDied(member, rectifying);
  if (step?.request !== request) return [member, NOTHING];
  if (step.type !== 'join') return withoutAsked(member);
  return [{ ...member, step: undefined }, [{ type: 'join_failed', reason: 'contact_silent' }]];
}

// Being told

function told(member: RingMember, from: Peer, tale: Tale): Outcome {
  switch (tale.type) {
    case 'notify':
      return rectify(member, from);
    case 'hint':
      return consider(member, tale.between);
    case 'leaving_before':
      return successorLeaves(member, from, tale.successors);
    case 'leaving_after':
      return predecessorLeaves(member, from, tale.predecessor);
    default:
      return unreachable(tale);
  }
}
