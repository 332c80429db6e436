/**
 * The state of a ring member, and the few things that every step does with it. What the steps are is
 * said in ring-member.ts.
 */
import { betweenOpen } from './id';
import type { Peer } from './peer';
import { PeerMemory } from './peer-memory';
import type { Question, RingEffect } from './ring-protocol';
import { normalise } from './successor-list';

/** What a member is in the middle of. */
type Step =
  | { readonly type: 'join'; readonly request: number; readonly contact: Peer; readonly redirects: number }
  /** It has asked its successor for its pointers. */
  | { readonly type: 'from_successor'; readonly request: number; readonly successor: Peer }
  /** Its whole list has died: it has asked somebody whom it remembers. */
  | { readonly type: 'recover'; readonly request: number; readonly candidate: Peer }
  /** It has asked somebody who may have come between it and its successor. */
  | { readonly type: 'from_candidate'; readonly request: number; readonly candidate: Peer };

/** A predecessor that is being looked after, because somebody else wants its place. */
export interface Rectifying {
  readonly request: number;
  readonly predecessor: Peer;
  readonly candidate: Peer;
}

/** Somebody who was let in, and who may not know it yet. */
interface Admission {
  readonly joiner: Peer;
  /** After so many ticks it counts as arrived, whether it was heard from or not. */
  readonly ticksLeft: number;
}

/** A member's state. Ring correctness depends on `successors`; all the rest only makes it quicker or safer. */
export interface RingMember {
  readonly self: Peer;
  /** `outside`: not yet in a ring; `left`: for good. */
  readonly phase: 'outside' | 'member' | 'left';
  /** Itself while it is alone. */
  readonly predecessor: Peer;
  /** It has died: whoever says next that it is the predecessor is believed. */
  readonly isPredecessorDead: boolean;
  /** Head first; itself while it is alone. Longer than `successorsMax` only by those just let in. */
  readonly successors: readonly Peer[];
  readonly successorsMax: number;
  /** Whomever it has heard of: what it starts again from when its list has died. */
  readonly memory: PeerMemory;
  /** When its list has died: who is to be asked next. Empty: everybody remembered, from the beginning. */
  readonly toTry: readonly Peer[];
  readonly step: Step | undefined;
  readonly rectifying: Rectifying | undefined;
  /** The last one that was let in, until it has been heard from as a member. */
  readonly admission: Admission | undefined;
  readonly lastRequest: number;
  /** How often somebody told a list that made no sense. */
  readonly anomalies: number;
}

/** What a step leads to. */
export type Outcome = [RingMember, readonly RingEffect[]];

/** What most events lead to. */
export const NOTHING: readonly RingEffect[] = [];

/** How many peers a member remembers besides its seeds. */
const REMEMBERED_MAX = 128;

/** A node that is in no ring. It owns nothing and answers for nothing. */
export function outsider(self: Peer, successorsMax: number, seeds: readonly Peer[] = []): RingMember {
  return {
    self,
    phase: 'outside',
    predecessor: self,
    isPredecessorDead: false,
    successors: [self],
    successorsMax,
    memory: PeerMemory.of(
      seeds.filter(({ id }) => id !== self.id),
      REMEMBERED_MAX,
    ),
    toTry: [],
    step: undefined,
    rectifying: undefined,
    admission: undefined,
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

/** The successor; itself while it is alone. */
export const headOf = ({ self, successors }: RingMember): Peer => successors[0] ?? self;

/** Whether it may begin a step. Whoever has lost its whole list drops the search for anything better. */
export const canStep = ({ phase, step }: RingMember) =>
  phase === 'member' && (step === undefined || step.type === 'recover');

/** Whether somebody would be a nearer successor than the one there is; when alone, everybody would. */
export function isNearer(member: RingMember, candidate: Peer): boolean {
  return betweenOpen(candidate.id, member.self.id, headOf(member).id);
}

/** Sends a question under a number of its own. */
export function ask(member: RingMember, to: Peer, question: Question): [RingMember, RingEffect, number] {
  const request = member.lastRequest + 1;
  return [{ ...member, lastRequest: request }, { type: 'ask', to, question, request }, request];
}

/** Takes a member that has just answered for its head, and what that has told for the rest. */
export function adopt(member: RingMember, head: Peer, tail: readonly Peer[]): RingMember {
  const { list, isAnomalous } = normalise(member.self.id, head, tail, member.successorsMax);
  return { ...member, successors: list, toTry: [], anomalies: member.anomalies + (isAnomalous ? 1 : 0) };
}

/** Ends every step, however it went: the successor learns that this member is there. */
export function finish(member: RingMember, before: RingMember): Outcome {
  const effects: RingEffect[] = isAlone(member) ? [] : [{ type: 'tell', to: headOf(member), tale: { type: 'notify' } }];
  if (!samePointers(member, before)) effects.push({ type: 'ring_changed' });
  return [{ ...member, step: undefined }, effects];
}

/** Whether both name the same incarnations in the same places. */
export const samePointers = (a: RingMember, b: RingMember) =>
  isSame(a.predecessor, b.predecessor) &&
  a.successors.length === b.successors.length &&
  a.successors.every((peer, index) => isSame(peer, b.successors[index]));

const isSame = (a: Peer, b: Peer | undefined) => a.id === b?.id && a.inc === b.inc;
