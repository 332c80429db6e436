/**
 * Coming and going: how a node is let into a ring, and how it leaves it.
 *
 * Whoever lets somebody in takes it into its own list at once. Until it is heard of as a member it may
 * not know that it is one, so nobody else is let in before it: those behind it are sent on to it, which
 * is busy as long as it does not know, and those before it are asked to come again.
 *
 * A node that was restarted comes as a higher incarnation of the same address, and takes the place of what it
 * was in every pointer of whoever lets it in. The same incarnation has not had the answer and gets it again.
 * A lower one is either a word of the dead that comes late, or a node whose clock was set
 * back. It is told to come again: the dead will not, and for the other the way is free as soon as the
 * pointers to what it was have fallen, since at its address nobody answers as a member any more.
 */
import { betweenOpen } from './id';
import type { Peer } from './peer';
import { adopt, ask, finish, headOf, isAlone, NOTHING, type Outcome, type RingMember } from './ring-member-state';
import type { Answer, RingEffect } from './ring-protocol';
import { askSuccessor } from './ring-stabilizing';
import { unreachable } from '../unreachable';

/** For how many ticks whoever was let in keeps others waiting. */
const ADMISSION_TICKS = 4;

/** So often a joiner is sent on; then it is sent in circles. */
const REDIRECTS_MAX = 128;

/** Lets somebody in between this member and its successor, if that is where it belongs. */
export function admit(member: RingMember, joiner: Peer, answerWith: (answer: Answer) => RingEffect): Outcome {
  const { self, predecessor } = member;
  const namesakes = [self, predecessor, ...member.successors].filter(({ id }) => id === joiner.id);
  const isTaken = joiner.id === self.id || namesakes.some(({ addr }) => addr !== joiner.addr);
  if (isTaken) return [member, [answerWith({ type: 'refused', reason: 'id_taken' })]];
  if (namesakes.some(({ inc }) => inc > joiner.inc)) return [member, [answerWith({ type: 'busy' })]];
  // What it was before it was restarted is dead, and does not stand in its own way.
  const successors = member.successors.filter(({ id }) => id !== joiner.id);
  const [head = self] = successors;
  if (!betweenOpen(joiner.id, self.id, head.id)) {
    return [member, [answerWith({ type: 'redirect', to: head })]];
  }
  if (isAwaited(member) && member.admission?.joiner.id !== joiner.id) {
    return [member, [answerWith({ type: 'busy' })]];
  }
  const rest = successors.length === 0 ? [self] : successors;
  const next: RingMember = {
    ...member,
    predecessor: predecessor.id === joiner.id ? joiner : predecessor,
    successors: head.id === self.id ? [joiner] : [joiner, ...successors],
    toTry: [],
    step: undefined,
    admission: { joiner, ticksLeft: ADMISSION_TICKS },
  };
  return [next, [answerWith({ type: 'admitted', successors: rest }), { type: 'ring_changed' }]];
}

/** Whether the one that was let in last is still to be heard from. Once it is gone from the head there is nothing to wait for. */
function isAwaited(member: RingMember): boolean {
  return member.admission !== undefined && headOf(member).id === member.admission.joiner.id;
}

/** A tick brings the end of waiting nearer. */
export function waitLess(member: RingMember): RingMember {
  const { admission } = member;
  if (admission === undefined) return member;
  const ticksLeft = admission.ticksLeft - 1;
  return { ...member, admission: ticksLeft > 0 ? { ...admission, ticksLeft } : undefined };
}

/** Asks somebody to be let in behind it. */
export function askToJoin(member: RingMember, contact: Peer, redirects = 0): Outcome {
  const [next, effect, request] = ask(member, contact, { type: 'join' });
  return [{ ...next, step: { type: 'join', request, contact, redirects } }, [effect]];
}

/** What came of it. */
export function joinAnswered(member: RingMember, from: Peer, answer: Answer, redirects: number): Outcome {
  switch (answer.type) {
    case 'admitted': {
      const [head = from, ...rest] = answer.successors;
      const joined = adopt({ ...member, phase: 'member', predecessor: from }, head, rest);
      const [done, effects] = finish(joined, member);
      // Whoever let it in waits to hear that it has arrived.
      const arrival: RingEffect = { type: 'tell', to: from, tale: { type: 'hint', between: member.self } };
      return [done, [{ type: 'joined' }, ...effects, arrival]];
    }
    case 'redirect': {
      const isAstray = answer.to.id === member.self.id || redirects >= REDIRECTS_MAX;
      return isAstray ? [member, [{ type: 'retry_soon' }]] : askToJoin(member, answer.to, redirects + 1);
    }
    case 'refused':
      return [member, [{ type: 'join_failed', reason: answer.reason }]];
    case 'busy':
      return [member, [{ type: 'retry_soon' }]];
    case 'state':
    case 'pong':
      return [member, [{ type: 'join_failed', reason: 'not_a_member' }]];
    default:
      return unreachable(answer);
  }
}

/** Tells both neighbours who they will have instead. From then on the member answers nobody. */
export function leave(member: RingMember): Outcome {
  const { predecessor, successors } = member;
  const gone: RingMember = { ...member, phase: 'left', step: undefined, rectifying: undefined, admission: undefined };
  if (member.phase !== 'member' || isAlone(member)) return [gone, NOTHING];
  return [
    gone,
    [
      { type: 'tell', to: predecessor, tale: { type: 'leaving_before', successors } },
      { type: 'tell', to: headOf(member), tale: { type: 'leaving_after', predecessor } },
    ],
  ];
}

/** What the successor names is asked before it is adopted, like anybody else. */
export function successorLeaves(before: RingMember, leaver: Peer, after: readonly Peer[]): Outcome {
  const member = { ...before, memory: before.memory.forget(leaver) };
  if (headOf(member).id !== leaver.id) return [member, NOTHING];
  const heirs = after.filter(({ id }) => id !== leaver.id);
  const [head, ...rest] = heirs.length > 0 ? heirs : member.successors.slice(1);
  if (head === undefined || head.id === member.self.id) {
    const { self } = member;
    const alone = { ...member, step: undefined, predecessor: self, isPredecessorDead: false, successors: [self] };
    return [alone, [{ type: 'ring_changed' }]];
  }
  const [asking, effects] = askSuccessor({ ...adopt(member, head, rest), step: undefined });
  return [asking, [...effects, { type: 'ring_changed' }]];
}

/** Whoever comes in its place is believed until somebody else says that it is the predecessor. */
export function predecessorLeaves(member: RingMember, leaver: Peer, before: Peer): Outcome {
  const memory = member.memory.forget(leaver);
  if (member.predecessor.id !== leaver.id) return [{ ...member, memory }, NOTHING];
  const next = { ...member, memory, predecessor: before, isPredecessorDead: false };
  return [next, [{ type: 'ring_changed' }]];
}
