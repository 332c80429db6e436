/**
 * Replica window: how the admin server looks at what is kept where.
 *
 * It reads the tables in which handoff and the replica syncer publish what they know, and asks other nodes through the
 * links that the node has anyway. All that it sets in motion is what the replica syncer does by itself now and then.
 */
import type { ClockInfo, KeyCounts, NodeInfo, ReplicaView } from '../src/admin/node-view';
import { countKeys } from '../src/admin/copies';
import { repairsInfo, stopVerdict } from '../src/admin/views-report';
import { type Runtime, type Self, spawn } from '../src/otp';
import { askOnce } from './ask-once';
import * as handoff from './handoff';
import * as health from './health';
import * as kvStore from './kv-store';
import * as replicaSyncer from './replica-syncer';
import { copyCounts } from './self-description';

/** A person waits no longer for one node. */
const ASK_TIMEOUT_MS = 1000;

/** What is kept where, as the processes of this node know it. */
export function open(runtime: Runtime): ReplicaView {
  return {
    views: () => runtime.run(handoff.read)?.views,
    table: () => runtime.run(kvStore.open)?.table,
    repairs: () => runtime.run(replicaSyncer.read),
    async ask(peer, question) {
      const answer = await askOnce(runtime, peer, question, ASK_TIMEOUT_MS);
      const isSaid = answer?.type === 'views' || answer?.type === 'replica' || answer?.type === 'stale';
      return isSaid ? answer : undefined;
    },
    repair: () => inProcess(runtime, replicaSyncer.repair),
    nowMs: () => runtime.clock.nowMs(),
  };
}

/** What `GET /api/node` says of what is kept where. */
export function place(
  view: ReplicaView,
  runtime: Runtime,
): Pick<NodeInfo, 'keys' | 'views' | 'copies' | 'degraded' | 'repairs' | 'safeToStop' | 'clock'> {
  const views = view.views();
  const { led, member, learner, newcomers, least, most, unsettled } = runtime.run(copyCounts);
  return {
    keys: keysOf(view),
    views: { led, member, learner, newcomers, unsettled },
    copies: led === 0 ? null : { min: least, max: most },
    degraded: led > 0 && least < (views?.replicas ?? 0),
    repairs: repairsInfo(view.repairs(), view.nowMs()),
    safeToStop: stopVerdict(views, ({ id }) => runtime.run(() => health.isTrusted(id))),
    clock: runtime.run(() => clockInfo(runtime)),
  };
}

const keysOf = (view: ReplicaView): KeyCounts => countKeys(view.views(), view.table());

function clockInfo({ clock }: Runtime): ClockInfo {
  const { offsetMs } = health.clockReading();
  const store = kvStore.open();
  return {
    offsetMs: offsetMs === undefined ? null : Math.round(offsetMs),
    driftMs: store === undefined ? null : Math.max(0, store.clock.latest.ms - Math.round(clock.systemMs())),
  };
}

/** Has a process of its own wait for an answer; undefined where none comes. */
function inProcess<T>(runtime: Runtime, ask: () => Promise<T>): Promise<T | undefined> {
  return new Promise((resolve) => {
    const body = async (self: Self<unknown>) => {
      self.openPort(() => resolve(undefined));
      resolve(await ask().catch(() => undefined));
    };
    runtime.run(() => spawn(runtime, body, { initialCall: 'replica-window:ask/1' }));
  });
}
