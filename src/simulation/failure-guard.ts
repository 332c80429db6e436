/**
 * The failure guard: who may fail without breaking the assumption that the corrected protocol rests on
 * ("How to make Chord correct"): nobody else is left without a living successor, and a principal goes
 * only while more principals are left than a list is long.
 */
import type { RingMember } from '../chord/ring-member';
import { isLiving, lastingPrincipals, variantsOf } from './variants';
import type { VirtualNode } from './virtual-node';
import type { World } from './world';

/** Whether this node may fail now, whatever is on its way. */
export function mayFail(world: World, failing: VirtualNode): boolean {
  const variants = variantsOf(world);
  const { id } = failing.self;
  const isSafe = ({ self, successors }: RingMember) =>
    successors.some((other) => other.id !== self.id && other.id !== id && isLiving(other, variants));
  for (const [other, members] of variants) if (other !== id && !members.every(isSafe)) return false;
  const principals = lastingPrincipals(variants);
  return !principals.includes(id) || principals.length > world.settings.successorsMax + 1;
}
