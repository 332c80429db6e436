/**
 * Ring window: how the admin server looks at the ring.
 *
 * It reads the tables in which the ring's actors publish what they know, and asks other nodes through the links
 * that the node has anyway. Nothing here changes anything.
 */
import type { NodeInfo, RingPlace } from '../src/admin/routes';
import { type Description, peerInfo, type RingView } from '../src/admin/ring-view';
import type { Peer } from '../src/chord/peer';
import { isAlone } from '../src/chord/ring-member';
import { estimateRingSize } from '../src/chord/ring-size';
import type { Runtime } from '../src/otp';
import type { Described } from '../src/protocol/rpc-description';
import { holdingAt } from '../src/replication/holding';
import { askOnce } from './ask-once';
import * as handoff from './handoff';
import * as ringState from './ring-state';
import * as routes from './routes';
import { describeSelf } from './self-description';

export interface Args {
  readonly life: { readonly state: NodeInfo['state'] };
}

/** A person waits no longer for one node. */
const ASK_TIMEOUT_MS = 1000;

/** The ring as the processes of this node know it. */
export function open({ life }: Args, runtime: Runtime): RingView {
  const isSelf = (peer: Peer) => runtime.run(ringState.read)?.self.id === peer.id;
  return {
    describeSelf: () => told(runtime.run(() => describeSelf(life))),
    async describe(peer) {
      const answer = await askOnce(runtime, peer, { type: 'describe' }, ASK_TIMEOUT_MS);
      return answer?.type === 'described' ? told(answer) : undefined;
    },
    async findNext(peer, key, excluded) {
      if (isSelf(peer)) return runtime.run(() => routes.hopFrom(key, excluded));
      const answer = await askOnce(runtime, peer, { type: 'find_next', key, excluded }, ASK_TIMEOUT_MS);
      return answer?.type === 'owner' || answer?.type === 'candidates' ? answer : undefined;
    },
    fingers: () => runtime.run(routes.read),
    nowMs: () => runtime.clock.nowMs(),
  };
}

/** What `GET /api/node` says of the ring. */
export function place(view: RingView, runtime: Runtime): RingPlace {
  const self = view.describeSelf();
  const { predecessor = null, successors = [], arc = null } = self ?? ({} as Partial<Description>);
  const [successor] = successors;
  return {
    predecessor: predecessor && peerInfo(predecessor),
    successor: successor ? peerInfo(successor) : null,
    successorList: successors.map(peerInfo),
    fingers: (view.fingers()?.fingers.peers ?? []).map(peerInfo),
    arc: arc && { lo: arc[0], hi: arc[1] },
    epoch: runtime.run(epochHere),
    ...runtime.run(sizeOf),
  };
}

/** How often who keeps the last keys before this node has been agreed anew, or more. */
function epochHere(): number | null {
  const views = handoff.read()?.views;
  return (views && holdingAt(views.holdings, views.self.id)?.view?.epoch.n) ?? null;
}

/** A ring holds for sure once more nodes are in it than a successor list is long, and this node's list is full. */
function sizeOf(): Pick<RingPlace, 'size' | 'safe'> {
  const member = ringState.read();
  if (member?.phase !== 'member') return { size: null, safe: false };
  const size = estimateRingSize(member);
  const isFull = !isAlone(member) && member.successors.length >= member.successorsMax;
  return { size, safe: isFull && size > member.successorsMax };
}

function told(described: Described | undefined): Description | undefined {
  if (described === undefined) return undefined;
  const { self, state, successors, keys, bytes, tombstones } = described;
  const { predecessor = null, arc } = described;
  return { self, state, predecessor, successors, arc: arc ? [arc.lo, arc.hi] : null, keys, bytes, tombstones };
}
