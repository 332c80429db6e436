/**
 * Syncer surroundings: what the replica syncer sees of its node, outside of tests.
 */
import * as handoff from './handoff';
import * as health from './health';
import * as kvStore from './kv-store';
import * as peerLink from './peer-link';
import type { Surroundings } from './syncer-words';

/** The tables of the running node, and its links. */
export const syncerSurroundings = (random: () => number): Surroundings => ({
  views: () => handoff.read()?.views,
  store: kvStore.open,
  ask: peerLink.ask,
  horizons: kvStore.horizons,
  raiseHorizon: kvStore.raiseHorizon,
  takeHorizons: kvStore.takeHorizons,
  refused: kvStore.refused,
  isTrusted: ({ id }) => health.isTrusted(id),
  random,
  handoff: {
    started: handoff.syncerStarted,
    synced: handoff.synced,
    agreed: handoff.agreed,
    heardOf: handoff.heardOf,
    unaware: handoff.unaware,
  },
});
