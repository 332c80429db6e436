/**
 * Peers: how the members of a ring are named, to each other and in every pointer.
 */
import type { NodeId } from './id';

/**
 * A member, as others know it. The identifier is where it stands and the address how it is
 * reached; the incarnation tells a node that was restarted, and has forgotten everything, from
 * what it was before: the larger one is the later.
 */
export interface Peer {
  readonly id: NodeId;
  /** `host:port`, as advertised; the identifier is its SHA-1. */
  readonly addr: string;
  readonly inc: bigint;
}

/** How many incarnations a millisecond has room for. */
const PER_MS = 65_536n;

/** The incarnation of a node that is started at this time of day; `salt` from 0 up to 65,535 tells two at the same time apart. */
export function incarnationAt(systemMs: number, salt: number): bigint {
  return BigInt(Math.floor(systemMs)) * PER_MS + BigInt(salt);
}

/**
 * Whether a peer says of itself that it was started later than now, by more than clocks may differ. Its clock is wrong, so
 * it will not be let into the ring; and whoever remembered this incarnation would take the one that comes with the right
 * clock for what it was before, and for dead.
 */
export function isOfFuture({ inc }: Peer, systemMs: number, maxDriftMs: number): boolean {
  return inc >= incarnationAt(systemMs + maxDriftMs + 1, 0);
}
