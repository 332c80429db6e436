/**
 * Epochs: which of two claims to the same arc of the ring is the later one.
 *
 * An arc passes from node to node: handed over at a join or a leave, taken over after a crash. Each
 * time its epoch grows, so that a node which slept through such a passage finds out, as soon as it
 * asks, that it holds the arc no longer. Two nodes that take over at the same time may count to
 * the same number; who it was then decides.
 */

/** When an arc came to its holder: compare with {@link compareEpochs}. */
export interface Epoch {
  /** How often the arc has changed hands, or more: a whole number from 0 to 2^53 - 1. */
  readonly n: number;
  /** The incarnation of the node that counted so: 0 to 2^64 - 1. */
  readonly by: bigint;
}

/** Negative where `a` is the earlier one, positive where it is the later, 0 where they are the same. */
export function compareEpochs(a: Epoch, b: Epoch): number {
  if (a.n !== b.n) return a.n < b.n ? -1 : 1;
  if (a.by === b.by) return 0;
  return a.by < b.by ? -1 : 1;
}
