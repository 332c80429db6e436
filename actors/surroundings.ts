/**
 * Surroundings: what the coordinators of a node see of it, put together from its tables and its links.
 */
import { addressId } from '../src/chord/id';
import type { Peer } from '../src/chord/peer';
import { primaryAmong } from '../src/chord/primary';
import { type Ownership, ownsNothing } from '../src/replication/ownership';
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
    isSuspect: (peer) => !health.isTrusted(peer.id),
    ask: peerLink.ask,
    mirrorFailed: handoff.mirrorFailed,
    lookups: (self) => new Lookups(self),
    random: Math.random,
  };
}

/** Those of a node that is the only one, and knows it: it has every key, and nobody to ask. */
export const ALONE: Surroundings = alone();

// Internal

function alone(): Surroundings {
  const self: Peer = { id: addressId('alone'), addr: 'alone', inc: 0n };
  const nothing = ownsNothing(self, 0);
  const holding = { arc: { lo: self.id, hi: self.id }, epoch: { n: 1, by: 0n } };
  const ownership: Ownership = { ...nothing, ring: { ...nothing.ring, isMember: true }, owned: holding };
  const arcs = { ownership, beatMs: Number.POSITIVE_INFINITY };
  return { ...surroundingsOf(self), arcs: () => arcs };
}
