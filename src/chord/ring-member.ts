/**
 * Ring member: one node's part in keeping the ring whole. Pure: an event in, the next state and
 * what is to be done out.
 *
 * This is Chord as Zave corrected it ("How to make Chord correct"), not as it was published: a
 * pointer is adopted only from a member that has just answered, a successor list is replaced whole
 * and by the same step that adopts its head, and at most one step is under way in a member, which
 * is busy for others meanwhile. Three things are added. A member that lets somebody in takes it into
 * its own list at once, without cutting the list, so that a newcomer is part of the ring from the
 * first moment and joins into one gap are in order. And whoever gets a new predecessor tells the
 * old one who has come between them, so that nobody has to wait for a timer.
 */
import { betweenOpen } from './id';
import type { Peer } from './peer';
import { PeerMemory } from './peer-memory';
import type { Answer, Question, RingEffect, RingEvent, Tale } from './ring-protocol';
import { normalise } from './successor-list';
import { unreachable } from '../unreachable';

/** What a member is in the middle of. */
type Step =
  | { readonly type: 'join'; readonly request: number; readonly contact: Peer }
  /** It has asked its successor for its pointers. */
  | { readonly type: 'from_successor'; readonly request: number; readonly successor: Peer }
  /** Its whole list has died: it asks those that it remembers, one after the other. */
  | { readonly type: 'recover'; readonly request: number; readonly candidate: Peer; readonly rest: readonly Peer[] }
  /** It has asked somebody who may have come between it and its successor. */
  | { readonly type: 'from_candidate'; readonly request: number; readonly candidate: Peer };

/** A predecessor that is being looked after, because somebody else wants its place. */
interface Rectifying {
  readonly request: number;
  readonly predecessor: Peer;
  readonly candidate: Peer;
}

/** A member's state. Ring correctness depends on `successors`; all the rest only makes it quicker or safer. */
export interface RingMember {
  readonly self: Peer;
  /** `outside`: not yet in a ring; `left`: for good. */
  readonly phase: 'outside' | 'member' | 'left';
  /** Itself while it is alone. */
  readonly predecessor: Peer;
  /** Head first; itself while it is alone. Longer than `successorsMax` only by those just let in. */
  readonly successors: readonly Peer[];
  readonly successorsMax: number;
  /** Whomever it has heard of: what it starts again from when its list has died. */
  readonly memory: PeerMemory;
  readonly step: Step | undefined;
  readonly rectifying: Rectifying | undefined;
  readonly lastRequest: number;
  /** How often somebody told a list that made no sense. */
  readonly anomalies: number;
}

type Outcome = [RingMember, readonly RingEffect[]];

const NOTHING: readonly RingEffect[] = [];

/** How many peers a member remembers besides its seeds. */
const REMEMBERED_MAX = 128;

/** A node that is in no ring. It owns nothing and answers for nothing. */
export function outsider(self: Peer, successorsMax: number, seeds: readonly Peer[] = []): RingMember {
  return {
    self,
    phase: 'outside',
    predecessor: self,
    successors: [self],
    successorsMax,
    memory: PeerMemory.of(
      seeds.filter(({ id }) => id !== self.id),
      REMEMBERED_MAX,
    ),
    step: undefined,
    rectifying: undefined,
    lastRequest: 0,
    anomalies: 0,
  };
}

/** The first member of a new ring. */
export const createRing = (self: Peer, successorsMax: number, seeds: readonly Peer[] = []): RingMember => ({
  ...outsider(self, successorsMax, seeds),
  phase: 'member',
});

/** Whether it is the only member that it knows of. */
export const isAlone = ({ self, successors }: RingMember) => successors[0]?.id === self.id;

/** Handles one event. */
export function stepRing(before: RingMember, event: RingEvent): Outcome {
  const member = remember(before, event);
  switch (event.type) {
    case 'tick':
      if (!canStep(member)) return [member, NOTHING];
      return isAlone(member) ? recover(member, member.memory.clockwiseFrom(member.self.id)) : askSuccessor(member);
    case 'asked':
      return asked(member, event.from, event.question, event.ref);
    case 'answered':
      return answered(member, event.from, event.answer, event.request);
    case 'silent':
      return silent(member, event.request);
    case 'told':
      return member.phase === 'member' ? told(member, event.from, event.tale) : [member, NOTHING];
    case 'join':
      return member.phase === 'outside' && !member.step ? askToJoin(member, event.contact) : [member, NOTHING];
    case 'leave':
      return leave(member);
    default:
      return unreachable(event);
  }
}

/** Whoever speaks, and whomever a member names, is remembered. */
function remember(member: RingMember, event: RingEvent): RingMember {
  if (event.type !== 'answered' && event.type !== 'asked' && event.type !== 'told') return member;
  const named = event.type === 'answered' && event.answer.type === 'state' ? event.answer.successors : [];
  const heard = [...named, event.from].filter(({ id }) => id !== member.self.id);
  return { ...member, memory: heard.reduce((memory, peer) => memory.hear(peer), member.memory) };
}

const canStep = ({ phase, step }: RingMember) => phase === 'member' && step === undefined;

const headOf = ({ self, successors }: RingMember): Peer => successors[0] ?? self;

/** Whether somebody would be a nearer successor than the one there is; when alone, everybody would. */
function isNearer(member: RingMember, candidate: Peer): boolean {
  return betweenOpen(candidate.id, member.self.id, headOf(member).id);
}

function ask(member: RingMember, to: Peer, question: Question): [RingMember, RingEffect, number] {
  const request = member.lastRequest + 1;
  return [{ ...member, lastRequest: request }, { type: 'ask', to, question, request }, request];
}

// Being asked

function asked(member: RingMember, from: Peer, question: Question, ref: number): Outcome {
  if (member.phase === 'left') return [member, NOTHING];
  const answerWith = (answer: Answer): RingEffect => ({ type: 'answer', to: from, answer, ref });
  if (question.type === 'ping') return [member, [answerWith({ type: 'pong' })]];
  if (member.phase === 'outside') {
    return [member, [answerWith(member.step ? { type: 'busy' } : { type: 'refused', reason: 'not_a_member' })]];
  }
  if (member.step) return [member, [answerWith({ type: 'busy' })]];
  if (question.type === 'join') return admit(member, from, answerWith);
  const { predecessor, successors } = member;
  return [member, [answerWith({ type: 'state', predecessor, successors })]];
}

/** Lets somebody in between this member and its successor, if that is where it belongs. */
function admit(member: RingMember, joiner: Peer, answerWith: (answer: Answer) => RingEffect): Outcome {
  const known = [member.self, ...member.successors].find(({ id }) => id === joiner.id);
  if (known && known.addr !== joiner.addr) return [member, [answerWith({ type: 'refused', reason: 'id_taken' })]];
  // What it was before it was restarted is dead, and does not stand in its own way.
  const successors = member.successors.filter(({ id }) => id !== joiner.id);
  const [head = member.self] = successors;
  if (!betweenOpen(joiner.id, member.self.id, head.id)) {
    return [member, [answerWith({ type: 'redirect', to: headOf(member) })]];
  }
  const rest = isAlone(member) || successors.length === 0 ? [member.self] : successors;
  const list = isAlone(member) ? [joiner] : [joiner, ...successors];
  return [
    { ...member, successors: list },
    [answerWith({ type: 'admitted', successors: rest }), { type: 'ring_changed' }],
  ];
}

// Stabilising: the successor first, then whoever has come before it

function askSuccessor(member: RingMember): Outcome {
  const successor = headOf(member);
  const [next, effect, request] = ask(member, successor, { type: 'get_state' });
  return [{ ...next, step: { type: 'from_successor', request, successor } }, [effect]];
}

function askCandidate(member: RingMember, candidate: Peer): Outcome {
  const [next, effect, request] = ask(member, candidate, { type: 'get_state' });
  return [{ ...next, step: { type: 'from_candidate', request, candidate } }, [effect]];
}

/** Ends every step, however it went: the successor learns that this member is there. */
function finish(member: RingMember, before: RingMember): Outcome {
  const effects: RingEffect[] = isAlone(member) ? [] : [{ type: 'tell', to: headOf(member), tale: { type: 'notify' } }];
  if (!samePointers(member, before)) effects.push({ type: 'ring_changed' });
  return [{ ...member, step: undefined }, effects];
}

/** Takes a member that has just answered for its head, and what that has told for the rest. */
function adopt(member: RingMember, head: Peer, tail: readonly Peer[]): RingMember {
  const { list, isAnomalous } = normalise(member.self.id, head, tail, member.successorsMax);
  return { ...member, successors: list, anomalies: member.anomalies + (isAnomalous ? 1 : 0) };
}

function answered(member: RingMember, from: Peer, answer: Answer, request: number): Outcome {
  if (member.rectifying?.request === request) return [{ ...member, rectifying: undefined }, NOTHING];
  const { step } = member;
  if (step?.request !== request) return [member, NOTHING];
  if (step.type === 'join') return joinAnswered({ ...member, step: undefined }, from, answer);
  if (answer.type === 'busy') return [{ ...member, step: undefined }, [{ type: 'retry_soon' }]];
  if (answer.type !== 'state') return dropped(member, from);
  if (step.type === 'from_candidate' || step.type === 'recover') {
    return finish(isNearer(member, from) ? adopt(member, from, answer.successors) : member, member);
  }
  const next = adopt(member, from, answer.successors);
  if (!isNearer(next, answer.predecessor)) return finish(next, member);
  const [asking, effects] = askCandidate(next, answer.predecessor);
  return [asking, samePointers(next, member) ? effects : [...effects, { type: 'ring_changed' }]];
}

/** Whoever answers that it is no member is as good as dead. */
function dropped(member: RingMember, from: Peer): Outcome {
  const { step } = member;
  if (step?.type === 'from_successor') return withoutSuccessor(member, from);
  return step?.type === 'recover' ? recover(member, step.rest) : finish(member, member);
}

function silent(member: RingMember, request: number): Outcome {
  if (member.rectifying?.request === request) return predecessorIsDead(member, member.rectifying);
  const { step } = member;
  if (step?.request !== request) return [member, NOTHING];
  switch (step.type) {
    case 'join':
      return [{ ...member, step: undefined }, [{ type: 'join_failed', reason: 'contact_silent' }]];
    case 'from_successor':
      return withoutSuccessor(member, step.successor);
    case 'from_candidate':
      return finish(member, member);
    case 'recover':
      return recover(member, step.rest);
    default:
      return unreachable(step);
  }
}

/** The next of the list takes the place of a successor that has died; when nobody is left, somebody remembered does. */
function withoutSuccessor(member: RingMember, dead: Peer): Outcome {
  const { self, memory } = member;
  const rest = member.successors.filter(({ id }) => id !== dead.id);
  const [next, effects] =
    rest.length > 0
      ? askSuccessor({ ...member, successors: rest })
      : recover({ ...member, predecessor: self, successors: [self] }, memory.clockwiseFrom(self.id));
  return [next, [...effects, { type: 'ring_changed' }]];
}

/** Asks the first of those that are remembered; whoever answers becomes the head. With none left, the member is alone. */
function recover(member: RingMember, [candidate, ...rest]: readonly Peer[]): Outcome {
  if (candidate === undefined) return [{ ...member, step: undefined }, NOTHING];
  const [next, effect, request] = ask(member, candidate, { type: 'get_state' });
  return [{ ...next, step: { type: 'recover', request, candidate, rest } }, [effect]];
}

// Being told

function told(member: RingMember, from: Peer, tale: Tale): Outcome {
  switch (tale.type) {
    case 'notify':
      return rectify(member, from);
    case 'hint':
      return canStep(member) && isNearer(member, tale.between) ? askCandidate(member, tale.between) : [member, NOTHING];
    case 'leaving_before':
      return successorLeaves(member, from, tale.successors);
    case 'leaving_after':
      return predecessorLeaves(member, from, tale.predecessor);
    default:
      return unreachable(tale);
  }
}

/** Somebody thinks that it is the predecessor: it is, if it is nearer, or if the one there is has died. */
function rectify(member: RingMember, candidate: Peer): Outcome {
  const { self, predecessor } = member;
  if (candidate.id === self.id) return [member, NOTHING];
  if (candidate.id === predecessor.id) {
    return candidate.inc > predecessor.inc ? setPredecessor(member, candidate) : [member, NOTHING];
  }
  if (betweenOpen(candidate.id, predecessor.id, self.id)) return setPredecessor(member, candidate);
  if (member.rectifying) return [member, NOTHING];
  const [next, effect, request] = ask(member, predecessor, { type: 'ping' });
  return [{ ...next, rectifying: { request, predecessor, candidate } }, [effect]];
}

function predecessorIsDead(member: RingMember, { predecessor, candidate }: Rectifying): Outcome {
  const next = { ...member, rectifying: undefined };
  return member.predecessor.id === predecessor.id ? setPredecessor(next, candidate) : [next, NOTHING];
}

/** The old predecessor hears of the new one, and need not wait for its next round. */
function setPredecessor(member: RingMember, predecessor: Peer): Outcome {
  const { self, predecessor: old } = member;
  const effects: RingEffect[] = [{ type: 'ring_changed' }];
  const isBetween = old.id !== self.id && betweenOpen(predecessor.id, old.id, self.id);
  if (isBetween) effects.push({ type: 'tell', to: old, tale: { type: 'hint', between: predecessor } });
  const next = { ...member, predecessor };
  // Whoever was alone has its first successor in its first predecessor.
  if (!isAlone(next) || !canStep(next)) return [next, effects];
  const [asking, asks] = askCandidate(next, predecessor);
  return [asking, [...effects, ...asks]];
}

// Joining and leaving

function askToJoin(member: RingMember, contact: Peer): Outcome {
  const [next, effect, request] = ask(member, contact, { type: 'join' });
  return [{ ...next, step: { type: 'join', request, contact } }, [effect]];
}

function joinAnswered(member: RingMember, from: Peer, answer: Answer): Outcome {
  switch (answer.type) {
    case 'admitted': {
      const [head = from, ...rest] = answer.successors;
      const joined = adopt({ ...member, phase: 'member', predecessor: from }, head, rest);
      const [done, effects] = finish(joined, member);
      return [done, [{ type: 'joined' }, ...effects]];
    }
    case 'redirect':
      return askToJoin(member, answer.to);
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
function leave(member: RingMember): Outcome {
  const { predecessor, successors } = member;
  const gone: RingMember = { ...member, phase: 'left', step: undefined, rectifying: undefined };
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
function successorLeaves(before: RingMember, leaver: Peer, after: readonly Peer[]): Outcome {
  const member = { ...before, memory: before.memory.forget(leaver) };
  if (headOf(member).id !== leaver.id) return [member, NOTHING];
  const heirs = after.filter(({ id }) => id !== leaver.id);
  const [head, ...rest] = heirs.length > 0 ? heirs : member.successors.slice(1);
  if (head === undefined || head.id === member.self.id) {
    const { self } = member;
    return [{ ...member, step: undefined, predecessor: self, successors: [self] }, [{ type: 'ring_changed' }]];
  }
  const [asking, effects] = askSuccessor({ ...adopt(member, head, rest), step: undefined });
  return [asking, [...effects, { type: 'ring_changed' }]];
}

function predecessorLeaves(member: RingMember, leaver: Peer, before: Peer): Outcome {
  const memory = member.memory.forget(leaver);
  if (member.predecessor.id !== leaver.id) return [{ ...member, memory }, NOTHING];
  return [{ ...member, memory, predecessor: before }, [{ type: 'ring_changed' }]];
}

const samePointers = (a: RingMember, b: RingMember) =>
  a.predecessor.id === b.predecessor.id &&
  a.successors.length === b.successors.length &&
  a.successors.every(({ id }, index) => id === b.successors[index]?.id);
