/** Ideal worlds: worlds that begin with a ring in which everybody has the pointers and fingers that it should have. */
import type { Peer } from '../chord/peer';
import { createRing } from '../chord/ring-member';
import { IdealRing } from './ideal-ring';
import type { VirtualNode } from './virtual-node';
import { World, type WorldOptions } from './world';

/** A world whose ring of `size` members is ideal, and its nodes in ring order. */
export function idealWorld(
  options: WorldOptions,
  size: number,
): { world: World; ring: IdealRing; nodes: VirtualNode[] } {
  const world = new World(options);
  const drawn = IdealRing.ofSize(size, world.random.fork());
  const ring = new IdealRing(drawn.peers.map((peer) => ({ ...peer, inc: world.incarnation() })));
  return { world, ring, nodes: ring.peers.map((self, place) => startIdeal(world, ring, self, place)) };
}

function startIdeal(world: World, ring: IdealRing, self: Peer, place: number): VirtualNode {
  const { successorsMax, seeds, fingers } = world.settings;
  const founder = createRing(self, successorsMax, seeds);
  const predecessor = ring.at(place - 1);
  const successors = ring.successorsOf(place, successorsMax);
  const known = ring.size === 1 ? [] : [predecessor, ...successors];
  const memory = known.reduce((all, peer) => all.hear(peer), founder.memory);
  const member = { ...founder, predecessor, successors, memory };
  return world.start(self, fingers.type === 'none' ? { member } : { member, fingers: ring.fingersOf(place) });
}
