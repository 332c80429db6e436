/**
 * Placing: where a request can be served, by what this node knows without asking anybody.
 */
import type { KeyId, NodeId } from '../src/chord/id';
import type { Peer } from '../src/chord/peer';
import type { Place } from '../src/replication/route';
import { primaryOf } from '../src/replication/view';
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
      // While it seems to be dead there will soon be another.
      return around.isTrusted(primary) ? { type: 'elsewhere', peer: primary } : NOT_YET;
    }
    case 'changing':
      return NOT_YET;
    case 'elsewhere':
      return elsewhere(standing.hint, keyId, turn, around);
    default:
      return unreachable(standing);
  }
}

// Internal

const HERE: Place = { type: 'here' };
const NOT_YET: Place = { type: 'not_yet' };

function elsewhere(hint: Peer | undefined, id: KeyId, { views }: Turn, around: Neighbourhood): Place {
  const primary = around.primaryOf(id);
  // Whoever led the arc may have passed it on since, or have died: the list of members knows, once it names others.
  const isOfUse = hint !== undefined && around.isSuspect?.(hint) !== true;
  const peer = isOfUse && (primary === undefined || primary.id === around.self) ? hint : primary;
  if (peer === undefined && views?.ring.isMember !== true) return { type: 'outside' };
  return { type: 'elsewhere', peer };
}
