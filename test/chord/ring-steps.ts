/** What tests of single steps of a ring member are written with: four peers in ring order, and short words for events. */
import { nodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import { createRing, type RingMember, stepRing } from '../../src/chord/ring-member';
import type { RingEffect, RingEvent } from '../../src/chord/ring-protocol';

/** Peers in ring order, so that tests can speak of before and behind. */
export const [A, B, C, D] = Array.from(
  { length: 4 },
  (_none, n): Peer => ({ id: nodeId('127.0.0.1', n + 1), addr: `127.0.0.1:${n + 1}`, inc: 1n }),
).sort((a, b) => (a.id < b.id ? -1 : 1)) as [Peer, Peer, Peer, Peer];

export const member = (self: Peer, predecessor: Peer, ...successors: Peer[]): RingMember => ({
  ...createRing(self, 3),
  predecessor,
  successors,
});

/** Lets events happen one after the other, and gives the last state and the effects of the last event. */
export function after(start: RingMember, ...events: RingEvent[]): [RingMember, readonly RingEffect[]] {
  return events.reduce<[RingMember, readonly RingEffect[]]>(([state], event) => stepRing(state, event), [start, []]);
}

/** All but what a member remembers. */
export const pointers = ({ memory: _memory, ...rest }: RingMember): Omit<RingMember, 'memory'> => rest;

export const tick: RingEvent = { type: 'tick' };
export const state = (from: Peer, predecessor: Peer, successors: readonly Peer[], request: number): RingEvent => ({
  type: 'answered',
  from,
  answer: { type: 'state', predecessor, successors },
  request,
});

/** Somebody asks to be let in. */
export const join = (from: Peer, ref = 5): RingEvent => ({ type: 'asked', from, question: { type: 'join' }, ref });
export const dead = (peer: Peer): RingEvent => ({ type: 'dead', peer });
export const notify = (from: Peer): RingEvent => ({ type: 'told', from, tale: { type: 'notify' } });
export const silent = (request: number): RingEvent => ({ type: 'silent', request });
export const later = (peer: Peer): Peer => ({ ...peer, inc: peer.inc + 1n });
