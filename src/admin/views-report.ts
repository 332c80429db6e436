/**
 * Views report: what a node knows of who keeps copies of what, put into documents for people.
 *
 * All of it is read off the views in one go, so it is one moment of this node; others may know newer ones.
 */
import type { Peer } from '../chord/peer';
import { rangesOverlap } from '../chord/range';
import type { Epoch } from '../replication/epoch';
import type { Holding } from '../replication/holding';
import { allVote, primaryOf, quorumOf, type View } from '../replication/view';
import { isAlone, isSafeToStop, isSettled, stateOf, type Views } from '../replication/views';
import { isDead } from '../replication/views-changes';
import type { NodeState, OwnState } from './answers';
import { isSealed } from './copies';
import type { PieceInfo, RepairsInfo, RepairsSeen, StopVerdict, ViewsInfo } from './replica-answers';
import { peerInfo } from './ring-view';

/** Every view that the node knows, those whose arcs end first on the circle first, and what it does about them. */
export function viewsInfo(views: Views): ViewsInfo {
  const { self, replicas, holdings, lessons, surplus } = views;
  const pieces = holdings.flatMap((holding) => pieceOf(views, holding));
  return {
    ...memberInfo(self),
    state: stateOf(views),
    replicas,
    views: pieces.sort((a, b) => (a.arc.hi < b.arc.hi ? -1 : 1)),
    lessons: lessons.map(({ arc, kind, job }) => ({ arc, kind, source: job?.source.addr ?? null })),
    surplus: surplus.map(({ arc }) => arc),
  };
}

/**
 * What a node is doing: one that is ready joins until it votes where it stands, and fetches while it is not yet a voter of
 * something else, or is being brought in there.
 */
export function ownState(ready: NodeState, views: Views | undefined): OwnState {
  if (ready !== 'active' || views === undefined) return ready;
  const state = stateOf(views);
  if (state !== 'active') return state;
  const isLearning = views.holdings.some(({ role }) => role === 'learner');
  const isFetching = views.lessons.some(({ kind, job }) => kind !== 'rescue' && job !== undefined);
  return isLearning || isFetching ? 'fetching' : 'active';
}

/** Why some key that this node leads cannot be written by quorum, or undefined: all can. `isAlive`: nobody has found it dead. */
export function whyNoQuorum(views: Views | undefined, isAlive: (peer: Peer) => boolean): string | undefined {
  if (views === undefined) return 'what it keeps copies of is being restarted';
  const { holdings, self } = views;
  for (const { view, role } of holdings) {
    if (role !== 'voter' || view?.primary !== self.id) continue;
    const { members } = view;
    const alive = members.filter((peer) => peer.id === self.id || isAlive(peer)).length;
    if (alive < quorumOf(members.length)) {
      return `only ${alive} of the ${members.length} nodes that keep an arc which it leads can be reached`;
    }
  }
  return undefined;
}

/** What is done to bring copies in line; nothing is known while that process is being restarted. */
export function repairsInfo(seen: RepairsSeen | undefined, nowMs: number): RepairsInfo {
  const { jobs = [], members = [] } = seen ?? {};
  const { hintsPending = 0, hintsReplayed = 0, hintsDropped = 0, forgottenDropped = 0 } = seen ?? {};
  const agreed = members.map(({ agreedAtMs }) => agreedAtMs ?? Number.NEGATIVE_INFINITY);
  const oldest = agreed.length === 0 ? Number.NEGATIVE_INFINITY : Math.min(...agreed);
  return {
    jobs: jobs.map(({ arc, source, purpose, fetched, total }) => ({ arc, source, purpose, fetched, total })),
    hintsPending,
    hintsReplayed,
    hintsDropped,
    forgottenDropped,
    agreedMsAgo: Number.isFinite(oldest) ? Math.round(nowMs - oldest) : null,
    differences: members.reduce((sum, { differences }) => sum + differences, 0),
    repaired: members.reduce((sum, { repaired }) => sum + repaired, 0),
  };
}

/**
 * Whether the node can stop without anything being lost or standing still, and if not, why. Only members that are there
 * count: one that has just died is a member still.
 */
export function stopVerdict(views: Views | undefined, isThere: (peer: Peer) => boolean): StopVerdict {
  if (views === undefined) return { safe: false, reason: 'what it keeps copies of is being restarted' };
  // It may be there again, in an incarnation that has nothing of this.
  const keepsIt = (peer: Peer) => isThere(peer) && !isDead(views, peer);
  if (isSafeToStop(views, keepsIt)) return { safe: true, reason: null };
  return { safe: false, reason: reasonToStay(views, keepsIt) };
}

/** The views that the node is a member of, with the others that are. */
export function sharedViews({
  holdings,
  self,
}: Views): readonly { readonly view: View; readonly others: readonly Peer[] }[] {
  return holdings.flatMap(({ role, view }) =>
    view && role !== 'none' ? [{ view, others: view.members.filter(({ id }) => id !== self.id) }] : [],
  );
}

function reasonToStay(views: Views, isThere: (peer: Peer) => boolean): string {
  if (!views.ring.isMember) return 'it is in no ring';
  if (isAlone(views)) return 'it is alone: what it stores is nowhere else';
  const own = views.holdings.filter(({ role }) => role !== 'none');
  if (own.some(isSealed)) return 'the view of an arc is being changed';
  const arcs = own.flatMap(({ view }) => view ?? []);
  const learning = arcs.find((view) => !allVote(view));
  if (learning !== undefined) return `${namesOf(nonVoters(learning))} of an arc has yet to fetch all of it`;
  const absent = arcs.flatMap(({ members }) => members).find((peer) => peer.id !== views.self.id && !isThere(peer));
  if (absent !== undefined) return `${absent.addr}, which keeps an arc too, does not answer`;
  const few = arcs.find(({ members }) => members.length - 1 < quorumOf(members.length));
  const members = few?.members.length ?? 0;
  return `an arc is kept on ${members} node${members === 1 ? '' : 's'} only, and needs ${members === 1 ? 'it' : 'all of them'}`;
}

const nonVoters = ({ members, voters }: View) => members.filter(({ id }) => !voters.includes(id));

const namesOf = (peers: readonly Peer[]) => peers.map(({ addr }) => addr).join(' and ');

function pieceOf(views: Views, holding: Holding): PieceInfo | [] {
  const { view, role, arc } = holding;
  if (view === undefined) return [];
  const leads = view.primary === views.self.id;
  return {
    arc,
    epoch: epochInfo(view.epoch),
    members: view.members.map(memberInfo),
    primary: peerInfo(primaryOf(view)),
    voters: view.voters,
    syncs: view.syncs,
    role,
    sealed: isSealed(holding),
    settled: leads ? isSettled(views, view) : null,
    newcomers: leads ? newcomersOf(views, holding) : [],
  };
}

function newcomersOf({ newcomers }: Views, { arc }: Holding): PieceInfo['newcomers'] {
  return newcomers
    .filter((newcomer) => rangesOverlap(newcomer.arc, arc))
    .map(({ peer, state }) => ({ ...peerInfo(peer), state }));
}

/** An epoch as documents name it. */
export const epochInfo = ({ n, by }: Epoch): PieceInfo['epoch'] => ({ n, by: String(by) });

const memberInfo = ({ id, addr, inc }: Peer): PieceInfo['members'][number] => ({ id, addr, inc: String(inc) });
