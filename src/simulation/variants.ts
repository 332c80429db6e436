/**
 * Variants: a member's pointers as they are, and as each answer on its way would make them.
 *
 * The corrected protocol is proven for steps that read and change pointers at one moment. In a network an
 * answer is old when it comes, so whatever is said of the ring must hold with every answer that is still
 * on its way, as if it had arrived, and as if it had not. And a list that names an earlier incarnation of
 * somebody names somebody dead, which may be struck off at any moment.
 */
import type { NodeId } from '../chord/id';
import { type Member, Snapshot } from '../chord/invariants';
import type { Peer } from '../chord/peer';
import { type RingMember, stepRing } from '../chord/ring-member';
import type { Answer } from '../chord/ring-protocol';
import type { Packet } from './packet';
import type { World } from './world';

/** For every member, whoever was let in and does not know it yet included, all that its pointers may be. */
export type Variants = ReadonlyMap<NodeId, readonly RingMember[]>;

/** The variants of all members at this moment. */
export function variantsOf(world: World): Variants {
  const answers = world.inFlight.filter(isRingAnswer);
  const variants = new Map<NodeId, readonly RingMember[]>();
  for (const { self, member, asks } of world.nodes) {
    const coming = answers.filter(({ to, number }) => to.id === self.id && to.inc === self.inc && asks.has(number));
    const after = coming.map(({ from, number, answering }) => {
      const request = asks.get(number) ?? 0;
      return stepRing(member, { type: 'answered', from, answer: answering as Answer, request })[0];
    });
    const all = [member, ...after].filter(({ phase }) => phase === 'member');
    if (all.length > 0) variants.set(self.id, all);
  }
  return variants;
}

/** The members that no list skips, whichever answers have arrived, and that none names as what they were before. */
export function lastingPrincipals(variants: Variants): readonly NodeId[] {
  const depth = Math.max(0, ...[...variants.values()].map((members) => members.length));
  const sets = Array.from({ length: depth }, (_none, place) => {
    const members = [...variants.values()].flatMap((all) => all[place] ?? all[0] ?? []);
    return new Set(new Snapshot(members.map(viewOf)).principals());
  });
  const named = [...variants.values()].flat().flatMap(({ successors }) => successors);
  const outdated = new Set(named.filter((peer) => !isLiving(peer, variants)).map(({ id }) => id));
  return [...variants.keys()].filter((id) => !outdated.has(id) && sets.every((set) => set.has(id)));
}

/** Whether this very incarnation is a member. */
export const isLiving = ({ id, inc }: Peer, variants: Variants) => variants.get(id)?.[0]?.self.inc === inc;

/** A member's pointers by their identifiers. */
export const viewOf = ({ self, predecessor, successors }: RingMember): Member => ({
  id: self.id,
  predecessor: predecessor.id,
  successors: successors.map(({ id }) => id),
});

type RingAnswer = Extract<Packet, { type: 'answer' }>;

const isRingAnswer = (packet: Packet): packet is RingAnswer =>
  packet.type === 'answer' && (packet.answering.type === 'state' || packet.answering.type === 'admitted');
