/**
 * Primary: the member that a key belongs to, where everybody is known.
 *
 * The list of members is a cache, so this is a guess, and a good one: whoever is asked knows
 * whether it is right.
 */
import { betweenRightClosed, type Id } from './id';
import type { Peer } from './peer';

/**
 * The first member at or behind `key` that may be asked; undefined where none may.
 *
 * @param members in ring order, beginning anywhere
 */
export function primaryAmong(members: readonly Peer[], key: Id, mayAsk: (peer: Peer) => boolean): Peer | undefined {
  const first = firstAtOrBehind(members, key);
  for (let step = 0; step < members.length; step += 1) {
    const peer = members[(first + step) % members.length];
    if (peer !== undefined && mayAsk(peer)) return peer;
  }
  return undefined;
}

/** By halving: the further a member is behind the first of the list, the more keys lie between the two. */
function firstAtOrBehind(members: readonly Peer[], key: Id): number {
  let from = 1;
  let to = members.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (isBehind(members, middle, key)) to = middle;
    else from = middle + 1;
  }
  return from % members.length;
}

function isBehind(members: readonly Peer[], place: number, key: Id): boolean {
  const [origin, peer] = [members[0], members[place]];
  return origin !== undefined && peer !== undefined && betweenRightClosed(key, origin.id, peer.id);
}
