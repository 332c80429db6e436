/**
 * Walks: lookups in a ring that stands still, run to their end at once. No message is lost and no
 * time passes; whoever is dead is a timeout of the one who asks.
 */
import type { Id, NodeId } from '../chord/id';
import { type Lookup, type LookupEffect, nextHop, type Pointers, startLookup, stepLookup } from '../chord/lookup';
import type { Peer } from '../chord/peer';

/** How a walk went. */
export interface Walk {
  /** Members moved through after the origin until the one before the key: the path length of both papers. */
  readonly hops: number;
  /** Dead members that were asked on the way. */
  readonly timeouts: number;
  /** The owner and those behind it, as the member before the key has told; empty when none was found. */
  readonly owners: readonly Peer[];
}

/**
 * Looks `key` up from `origin`.
 *
 * @param pointersOf what a living member answers from; undefined for the dead
 * @param asksMax most members that may be asked
 */
export function walk(key: Id, origin: Peer, pointersOf: (id: NodeId) => Pointers | undefined, asksMax: number): Walk {
  let timeouts = 0;
  let step: [Lookup, LookupEffect | undefined] = startLookup(key, origin, asksMax);
  for (;;) {
    const [lookup, effect] = step;
    if (effect?.type !== 'ask') {
      const owners = effect?.type === 'found' ? [effect.owner, ...effect.rest] : [];
      return { hops: (effect?.path ?? lookup.path).length - 1, timeouts, owners };
    }
    const { peer, excluded } = effect;
    const pointers = pointersOf(peer.id);
    if (pointers === undefined) timeouts += 1;
    step = stepLookup(
      lookup,
      pointers === undefined
        ? { type: 'timed_out', peer: peer.id }
        : { type: 'answered', from: peer.id, hop: nextHop(key, pointers, excluded) },
    );
  }
}
