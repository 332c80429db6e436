/** What the tests of views share: a few nodes in ring order, points between them, views and holdings of theirs. */
import { type Id, nodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import type { Range } from '../../src/chord/range';
import { type BinaryString } from '../../src/octets';
import type { Epoch } from '../../src/replication/epoch';
import type { Holding, Holdings } from '../../src/replication/holding';
import { type Version, versionOf, Writers } from '../../src/replication/version';
import type { View } from '../../src/replication/view';

const writers = new Writers();

/** A version of so many milliseconds, by one writer or another. */
export const versionAt = (ms: number, writer = 'writer-1'): Version =>
  versionOf(ms, 0, writers.intern(writer as BinaryString));

const peers: readonly Peer[] = Array.from({ length: 5 }, (_none, at) => ({
  id: nodeId(`10.0.0.${at}`, 1),
  addr: `10.0.0.${at}:1`,
  inc: BigInt(at + 1),
})).sort((a, b) => (a.id < b.id ? -1 : 1));

/** Five nodes, in the order of the ring. */
export const [A, B, C, D, E] = peers as readonly [Peer, Peer, Peer, Peer, Peer];

/** The point of the circle that begins with this digit, and has zeros behind it. */
export const at = (digit: string): Id => digit.padEnd(40, '0') as Id;

/** The arc between the points that begin with these digits. */
export const arc = (lo: string, hi: string): Range => ({ lo: at(lo), hi: at(hi) });

/** The whole circle. */
export const WHOLE = arc('0', '0');

/** The n-th epoch of a node. */
export const epoch = (n: number, { inc }: Peer): Epoch => ({ n, by: inc });

/** A view that the first of its members has made, in which all vote unless something else is said. */
export function viewOf(n: number, members: readonly Peer[], more: Partial<View> = {}): View {
  const [maker = A] = members;
  const voters = members.map(({ id }) => id);
  const base = { epoch: epoch(n, maker), arc: WHOLE, members, primary: maker.id, voters, syncs: 1 };
  return { ...base, floor: versionAt(1), ...more };
}

/** What a voter of a view holds, unless something else is said. */
export function holdingOf(view: View, more: Partial<Holding> = {}): Holding {
  return { arc: view.arc, view, role: 'voter', promised: view.epoch, pending: [], ...more };
}

/** The holdings without their arcs' hidden order, for comparison. */
export const inOrder = (holdings: Holdings): Holdings => [...holdings].sort((a, b) => (a.arc.lo < b.arc.lo ? -1 : 1));
