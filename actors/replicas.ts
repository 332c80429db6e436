/**
 * Replicas: what whoever serves keys together with others sees of its node, and of them. The real one is in surroundings.ts.
 */
import type { KeyId, NodeId } from '../src/chord/id';
import type { Peer } from '../src/chord/peer';
import type { Range } from '../src/chord/range';
import type { DataQuestion } from '../src/protocol/rpc-data';
import type { View } from '../src/replication/view';
import type { Tag } from './errand';
import type { AskOptions } from './peer-link';

/** What is needed of a node to speak with the other members of a view. */
export interface Replicas {
  /** Who this node is. */
  readonly self: NodeId;
  /** How many members a view must have for a quorum write to be begun. @default 1 */
  readonly minReplicas?: number | undefined;
  /** Whether this node's clock is too far from the others' to order writes by. @default it is not */
  readonly isSkewed?: () => boolean;
  /** Whether a member answers as it should: whoever is slow is asked last. */
  readonly isTrusted: (peer: Peer) => boolean;
  /** Whether it has not been found dead: whoever is only slow, as on a busy machine, still counts. */
  readonly isAlive: (peer: Peer) => boolean;
  /** Asks another node; the outcome comes to the running process. */
  ask(to: Peer, question: DataQuestion, options: AskOptions<Tag> & { readonly timeoutMs: number }): void;
  /** A member has missed a write of this key. */
  hint(to: Peer, key: KeyId): void;
  /** A call has shown that this view exists. */
  heardOf(view: View): void;
  /** A call has shown that this member has missed the view of this arc. */
  unaware(peer: Peer, arc: Range): void;
  /** From 0 up to 1. */
  random(): number;
}
