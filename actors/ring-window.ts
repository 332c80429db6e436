/**
 * Ring window: how the admin server looks at the ring.
 *
 * It reads the tables in which the ring's actors publish what they know, and asks other nodes through the links
 * that the node has anyway. Nothing here changes anything.
 */
import type { NodeState } from '../src/admin/answers';
import type { RingPlace } from '../src/admin/node-view';
import { type Description, peerInfo, type RingView } from '../src/admin/ring-view';
import type { Peer } from '../src/chord/peer';
import { isAlone } from '../src/chord/ring-member';
import { estimateRingSize } from '../src/chord/ring-size';
import type { Runtime } from '../src/otp';
import type { Described } from '../src/protocol/rpc-description';
import type { Views } from '../src/replication/views';
import { askOnce } from './ask-once';
import * as handoff from './handoff';
import * as ringState from './ring-state';
import * as routes from './routes';
import { describeSelf } from './self-description';

export interface Args {
  readonly life: { readonly state: NodeState };
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
  const { predecessor = null, successors = [] } = self ?? ({} as Partial<Description>);
  const [successor] = successors;
  return {
    predecessor: predecessor && peerInfo(predecessor),
    successor: successor ? peerInfo(successor) : null,
    successorList: successors.map(peerInfo),
    fingers: (view.fingers()?.fingers.peers ?? []).map(peerInfo),
    arcs: ledPieces(runtime.run(handoff.read)?.views),
    ...runtime.run(sizeOf),
  };
}

function ledPieces(views: Views | undefined): RingPlace['arcs'] {
  return (views?.places ?? []).flatMap(({ arc: { lo, hi }, standing }) =>
    standing.type === 'primary' ? [{ lo, hi, epoch: standing.view.epoch.n }] : [],
  );
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
  const { self, state, successors, arcs, keys, bytes, tombstones, copies } = described;
  const { predecessor = null } = described;
  return { self, state, predecessor, successors, arcs, keys, bytes, tombstones, copies };
}
