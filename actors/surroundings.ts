/**
 * Surroundings: what the coordinators of a node see of it, put together from its tables and its links.
 */
import type { Peer } from '../src/chord/peer';
import { primaryAmong } from '../src/chord/primary';
import type { Surroundings } from './coordinator';
import * as handoff from './handoff';
import * as health from './health';
import * as kvStore from './kv-store';
import { Lookups } from './lookups';
import * as peerLink from './peer-link';
import * as routes from './routes';

// API

/** Those of a node in a ring. */
export function surroundingsOf({ id }: Peer): Surroundings {
  return {
    self: id,
    store: kvStore.open,
    arcs: handoff.read,
    primaryOf: (key) => primaryAmong(routes.read()?.members ?? [], key, (peer) => health.isTrusted(peer.id)),
    isSuspect: ({ id: other }) => !health.isTrusted(other) || !routes.isMember(other),
    ask: peerLink.ask,
    mirrorFailed: handoff.mirrorFailed,
    lookups: (self) => new Lookups(self),
    random: Math.random,
  };
}
