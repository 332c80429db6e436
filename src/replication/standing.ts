/**
 * Standings: what a node does with a request for a key, and with a call of another replica, by place.
 *
 * Both are asked for every key. How they follow from a node's views is worked out in places.ts.
 */
import type { KeyId } from '../chord/id';
import type { Peer } from '../chord/peer';
import type { Range } from '../chord/range';
import type { Epoch } from './epoch';
import type { View } from './view';

/** What is to be done with a request for a key here. */
export type Standing =
  /** Quorum operations are served here. `listeners` get copies of writes, which do not count. */
  | { readonly type: 'primary'; readonly view: View; readonly listeners: readonly Peer[] }
  /** Go to the primary; a voter may answer what need not be the latest. */
  | { readonly type: 'member'; readonly view: View; readonly isVoter: boolean }
  /** Somebody is making a view: look again soon. */
  | { readonly type: 'changing'; readonly view: View | undefined }
  | { readonly type: 'elsewhere'; readonly hint: Peer | undefined };

/** What is to be done with a call of another replica. */
export type ReplicaStanding =
  /** `unchecked`: a learner of this view, which may have leftovers of earlier times as yet. */
  | { readonly type: 'member'; readonly isVoter: boolean; readonly unchecked?: View }
  /** Writes are stored here, and count for nothing. */
  | { readonly type: 'listener' }
  | { readonly type: 'stale'; readonly view: View | undefined };

/** A part of the ring whose keys are all treated alike. */
export interface Place {
  readonly arc: Range;
  readonly standing: Standing;
  /** The view under which calls are served here. */
  readonly replica: { readonly epoch: Epoch; readonly standing: ReplicaStanding } | undefined;
  /** The epoch under which this node fetches the arc as a newcomer. */
  readonly listens: Epoch | undefined;
  /** What is answered to all other calls. */
  readonly stale: ReplicaStanding;
}

/** Nobody is known who has it. */
export const ELSEWHERE: Standing = { type: 'elsewhere', hint: undefined };

/** The place of a key. They cover the ring, by their ends in order: so it is the first that ends behind the key. */
export function placeAt(places: readonly Place[], key: KeyId): Place | undefined {
  for (const place of places) if (key <= place.arc.hi) return place;
  return places[0];
}
