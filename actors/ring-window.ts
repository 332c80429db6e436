/**
 * Ring window: how the admin server looks at the ring.
 *
 * It reads the tables in which the ring's actors publish what they know.
 */
import type { NodeInfo, RingPlace } from '../src/admin/routes';
import { type Description, peerInfo, type RingView } from '../src/admin/ring-view';
import { FingerTable } from '../src/chord/finger-table';
import type { NodeId } from '../src/chord/id';
import { nextHop } from '../src/chord/lookup';
import { formatAddress } from '../src/client/address';
import type { NodeSettings } from '../src/config';
import type { Runtime } from '../src/otp';
import * as kvStore from './kv-store';

export interface Args {
  readonly settings: NodeSettings;
  readonly id: NodeId;
  readonly life: { readonly state: NodeInfo['state'] };
}

/** The ring as the processes of this node know it. */
export function open(args: Args, runtime: Runtime): RingView {
  const self = { id: args.id, addr: formatAddress(args.settings), inc: 0n };
  return {
    describeSelf: () => {
      const stats = runtime.run(kvStore.open)?.table.stats();
      const { keys = 0, bytes = 0, tombstones = 0 } = stats ?? {};
      const counts = { keys, bytes, tombstones };
      return {
        self,
        state: args.life.state,
        predecessor: self,
        successors: [self],
        arc: [self.id, self.id],
        ...counts,
      };
    },
    describe: async () => undefined,
    findNext: async (_peer, key, excluded) => nextHop(key, { self, successors: [self], others: [] }, excluded),
    fingers: () => ({ fingers: FingerTable.of(self.id), members: [self] }),
    nowMs: () => runtime.clock.nowMs(),
  };
}

/** What `GET /api/node` says of the ring. */
export function place(view: RingView): RingPlace {
  const self = view.describeSelf();
  const { predecessor = null, successors = [], arc = null } = self ?? ({} as Partial<Description>);
  const [successor] = successors;
  return {
    predecessor: predecessor && peerInfo(predecessor),
    successor: successor ? peerInfo(successor) : null,
    successorList: successors.map(peerInfo),
    fingers: (view.fingers()?.fingers.peers ?? []).map(peerInfo),
    arc: arc && { lo: arc[0], hi: arc[1] },
    epoch: null,
    size: null,
    safe: false,
  };
}
