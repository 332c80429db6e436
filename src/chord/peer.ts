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
