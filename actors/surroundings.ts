/**
 * Surroundings: what the coordinators of a node see of it, put together from its tables and its links.
 */
import type { NodeSettings } from '../src/config';
import type { Peer } from '../src/chord/peer';
import { primaryAmong } from '../src/chord/primary';
import type { Surroundings } from './coordinator';
import * as handoff from './handoff';
import * as health from './health';
import * as kvStore from './kv-store';
import { Lookups } from './lookups';
import * as peerLink from './peer-link';
import * as replicaSyncer from './replica-syncer';
import * as routes from './routes';

// API

/** Those of a node in a ring. */
export function surroundingsOf({ id }: Peer, { minReplicas }: Partial<NodeSettings> = {}): Surroundings {
  return {
    self: id,
    minReplicas,
    store: kvStore.open,
    arcs: handoff.read,
    primaryOf: (key) => primaryAmong(routes.read()?.members ?? [], key, (peer) => health.isTrusted(peer.id)),
    isSuspect: ({ id: other }) => !health.isTrusted(other) || !routes.isMember(other),
    isSkewed: health.isSkewed,
    isTrusted: (peer) => health.isTrusted(peer.id),
    isAlive: (peer) => !health.isDead(peer.id),
    ask: peerLink.ask,
    hint: replicaSyncer.hint,
    heardOf: handoff.heardOf,
    unaware: handoff.unaware,
    lookups: (self) => new Lookups(self),
    random: Math.random,
  };
}
