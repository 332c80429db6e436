/**
 * Handoff surroundings: what handoff sees of its node, outside of tests.
 */
import { ringView } from '../src/replication/ring-view';
import type { Surroundings } from './handoff-process';
import * as kvStore from './kv-store';
import * as peerLink from './peer-link';
import * as replicaSyncer from './replica-syncer';
import * as ringState from './ring-state';

/** The tables of the running node, and its links. */
export const handoffSurroundings = (random: () => number): Surroundings => ({
  ring: () => {
    const member = ringState.read();
    return member && ringView(member);
  },
  store: kvStore.open,
  horizons: kvStore.horizons,
  beginAnew: kvStore.beginAnew,
  ask: peerLink.ask,
  sync: replicaSyncer.sync,
  cancelSync: replicaSyncer.cancel,
  random,
});
