/**
 * Placing: where a request can be served, by what this node knows without asking anybody.
 */
import type { KeyId, NodeId } from '../src/chord/id';
import type { Peer } from '../src/chord/peer';
import { whyUnavailable } from '../src/replication/quorum-write';
import type { Place } from '../src/replication/route';
import { primaryOf, type View } from '../src/replication/view';
import { unreachable } from '../src/unreachable';
import type { Errand } from './errand';
import { isCopyHere, type Turn } from './turn';

/** What is needed of a node to tell where else to go. */
export interface Neighbourhood {
  readonly self: NodeId;
  /** Who has the key, by all that is known without asking. */
  primaryOf(key: KeyId): Peer | undefined;
  /** Whether a node is not worth asking just now. @default none is */
  isSuspect?(peer: Peer): boolean;
  /** Whether a member of a view answers as it should. */
  readonly isTrusted: (peer: Peer) => boolean;
  /** Whether it has not been found dead. */
  readonly isAlive: (peer: Peer) => boolean;
}

/** The place of a request, in the turn in which it is asked for. */
export function placeOf({ request, keyId }: Errand, turn: Turn, around: Neighbourhood): Place {
  const standing = turn.standingOf(keyId);
  if (standing === undefined) return NOT_YET;
  if (isCopyHere(request, standing, turn)) return HERE;
  switch (standing.type) {
    case 'primary':
      return HERE;
    case 'member': {
      const primary = primaryOf(standing.view);
      return around.isTrusted(primary)
        ? { type: 'elsewhere', peer: primary }
        : untilThereIsAnother(standing.view, around);
    }
    case 'changing':
      return untilThereIsAnother(standing.view, around);
    case 'elsewhere':
      return elsewhere(standing.hint, keyId, turn, around);
    default:
      return unreachable(standing);
  }
}

// Internal

const HERE: Place = { type: 'here' };
const NOT_YET: Place = { type: 'not_yet' };

/** A majority of the last view has to agree on the next one: where so many are alive, it is a matter of moments. */
function untilThereIsAnother(view: View | undefined, { self, isAlive }: Neighbourhood): Place {
  const why = view && whyUnavailable(view, self, 1, isAlive);
  return why === undefined ? NOT_YET : { type: 'unavailable', why };
}

function elsewhere(hint: Peer | undefined, id: KeyId, { views }: Turn, around: Neighbourhood): Place {
  const primary = around.primaryOf(id);
  // Whoever led the arc may have passed it on since, or have died: the list of members knows, once it names others.
  const isOfUse = hint !== undefined && around.isSuspect?.(hint) !== true;
  const peer = isOfUse && (primary === undefined || primary.id === around.self) ? hint : primary;
  if (peer === undefined && views?.ring.isMember !== true) return { type: 'outside' };
  return { type: 'elsewhere', peer };
}
