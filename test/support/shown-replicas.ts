/** What a node keeps copies of, for tests of what shows it: views are data, and what other nodes answer can be bent. */
import type { ReplicaSaid, ReplicaView } from '../../src/admin/node-view';
import type { RepairsSeen } from '../../src/admin/replica-answers';
import { addressId, type Id } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import type { Range } from '../../src/chord/range';
import type { GetReplica } from '../../src/protocol/rpc-data';
import type { ViewGet } from '../../src/protocol/rpc-views';
import type { Holding, Role } from '../../src/replication/holding';
import { placesAfter } from '../../src/replication/places';
import { ABSENT } from '../../src/replication/version';
import type { View } from '../../src/replication/view';
import { noViews, type Views } from '../../src/replication/views';
import type { KvTable } from '../../src/store/kv-table';
import { MemoryTable } from '../../src/store/memory-table';

/** The point of the circle whose first digit is this one, the others being zero. */
export const point = (digit: string) => digit.padEnd(40, '0') as Id;

/** An arc between two such points. */
export const arcOf = (lo: string, hi: string): Range => ({ lo: point(lo), hi: point(hi) });

/** So many nodes. */
export function peersOf(count: number): readonly Peer[] {
  const addresses = Array.from({ length: count }, (_none, index) => `127.0.0.1:${9001 + index}`);
  return addresses.map((addr, index) => ({ id: addressId(addr), addr, inc: BigInt(index + 1) }));
}

/** A view of these members, led by the first of them, in which all vote unless it is said who does. */
export function viewOf(arc: Range, members: readonly Peer[], differences: Partial<View> = {}): View {
  const [first] = members;
  if (first === undefined) throw new Error('A view has a member');
  const voters = members.map(({ id }) => id);
  return {
    epoch: { n: 1, by: first.inc },
    arc,
    members,
    primary: first.id,
    voters,
    syncs: 1,
    floor: ABSENT,
    ...differences,
  };
}

/** A piece of the ring in which nothing newer has been promised than this view. */
export function pieceOf(view: View, role: Role, differences: Partial<Holding> = {}): Holding {
  return { arc: view.arc, view, role, promised: view.epoch, pending: [], ...differences };
}

/** The views of a member of a ring of at least two. */
export function viewsOf(self: Peer, holdings: readonly Holding[], differences: Partial<Views> = {}): Views {
  const before = noViews(self, 3, 0);
  const other = holdings.flatMap(({ view }) => view?.members ?? []).find(({ id }) => id !== self.id);
  const successors = [other ?? self];
  const ring = { ...before.ring, isMember: true, successors };
  const views: Views = { ...before, ring, holdings, ...differences };
  return { ...views, places: placesAfter(before, views) };
}

/** What is said of a view that its primary has found to be the same everywhere. */
export const leadOf = ({ arc, epoch }: View, isAgreed = true): Views['leads'][number] => ({
  arc,
  epoch,
  sinceMs: 0,
  isAgreed,
});

/** A node's window on copies, in which every question takes a millisecond. */
export class ShownReplicas implements ReplicaView {
  readonly kept: KvTable = new MemoryTable();
  /** Whom was asked what. */
  readonly asked: string[] = [];
  repairs = (): RepairsSeen | undefined => undefined;
  repair: ReplicaView['repair'] = async () => ({ compared: 2, differences: 3, repaired: 3, failed: 0 });
  answer: (peer: Peer, question: ViewGet | GetReplica) => ReplicaSaid | undefined = () => undefined;
  private elapsedMs = 0;

  constructor(public held: Views | undefined) {}

  views = (): Views | undefined => this.held;
  table = (): KvTable | undefined => this.kept;
  nowMs = (): number => this.elapsedMs;

  async ask(peer: Peer, question: ViewGet | GetReplica): Promise<ReplicaSaid | undefined> {
    this.elapsedMs += 1;
    this.asked.push(`${question.type} ${peer.addr}`);
    return this.answer(peer, question);
  }
}
