/**
 * Variants: a member's pointers as they are, and as each message on its way would make them.
 *
 * The corrected protocol is proven for steps that read and change pointers at one moment. In a network an
 * answer is old when it comes, so whatever is said of the ring must hold with every message that is still
 * on its way, as if it had arrived, and as if it had not. And a list that names an earlier incarnation of
 * somebody names somebody dead, which may be struck off at any moment.
 */
import type { NodeId } from '../chord/id';
import { type Member, Snapshot } from '../chord/invariants';
import type { Peer } from '../chord/peer';
import { type RingMember, stepRing } from '../chord/ring-member';
import type { Packet } from './packet';
import type { VirtualNode } from './virtual-node';
import type { World } from './world';

/** For every member, whoever was let in and does not know it yet included, all that its pointers may be. */
export type Variants = ReadonlyMap<NodeId, readonly RingMember[]>;

/** The variants of all members at this moment. */
export function variantsOf(world: World): Variants {
  const coming = new Map<NodeId, Packet[]>();
  for (const packet of world.inFlight) {
    const packets = coming.get(packet.to.id);
    if (packets) packets.push(packet);
    else coming.set(packet.to.id, [packet]);
  }
  const variants = new Map<NodeId, readonly RingMember[]>();
  for (const node of world.nodes) {
    const after = (coming.get(node.self.id) ?? []).flatMap((packet) => afterArrival(node, packet));
    const all = [node.member, ...after].filter(({ phase }) => phase === 'member');
    if (all.length > 0) variants.set(node.self.id, all);
  }
  return variants;
}

/** What a node's member would be if this message arrived now; nothing if it would change no pointer. */
function afterArrival({ self, member, asks }: VirtualNode, packet: Packet): RingMember | [] {
  if (packet.type === 'tell') return stepRing(member, { type: 'told', from: packet.from, tale: packet.tale })[0];
  if (packet.type !== 'answer' || packet.to.inc !== self.inc) return [];
  const { from, answering } = packet;
  const request = asks.get(packet.number);
  if (request === undefined || (answering.type !== 'state' && answering.type !== 'admitted')) return [];
  return stepRing(member, { type: 'answered', from, answer: answering, request })[0];
}

/** The members that no list skips, whatever has arrived, and that none names as what they were before. */
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
