/** Views of a few nodes, for tests of what their members do with single keys. */
import { addressId, type Id } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import { fromUtf8 } from '../../src/octets';
import { ABSENT, type Version, versionOf, Writers, writerId } from '../../src/replication/version';
import type { View } from '../../src/replication/view';

export const peerOf = (addr: string, inc = 1n): Peer => ({ id: addressId(addr), addr, inc });

const writers = new Writers();

/** Who mints for the node at this address. */
export const writerOf = (addr: string) => writers.intern(writerId(addressId(addr), 1n));

/** A version by the node at this address. */
export const versionBy = (addr: string, ms: number): Version => versionOf(ms, 0, writerOf(addr));

/** A view of the whole ring; the first member leads it, and all vote unless told otherwise. */
export function viewOf(members: readonly Peer[], n = 1, fields: Partial<View> = {}): View {
  const [first] = members;
  if (first === undefined) throw new Error('A view has members');
  const everywhere = addressId('nobody:1') as Id;
  return {
    epoch: { n, by: first.inc },
    arc: { lo: everywhere, hi: everywhere },
    members,
    primary: first.id,
    voters: members.map(({ id }) => id),
    syncs: 1,
    floor: ABSENT,
    ...fields,
  };
}

export const KEY = fromUtf8('k');
