/**
 * Ring size: how many members there are, as far as one member can tell from its own pointers.
 *
 * Identifiers are evenly spread, so the arc that a successor list covers says how densely members
 * stand (the estimate of MIT's Chord). With a list of eight it is mostly right within a half, which is
 * enough for what it is used for: bounds and periods that grow with the size or its logarithm.
 */
import { distanceOf } from './finger-table';
import type { Peer } from './peer';

/** The pointers that the size is estimated from. */
export interface Neighbourhood {
  readonly self: Peer;
  readonly predecessor: Peer;
  /** Head first; a lone member's list holds itself. */
  readonly successors: readonly Peer[];
  readonly successorsMax: number;
}

const CIRCLE = 2 ** 160;

/**
 * Whether the successor list goes round the whole ring, and so names everybody: it ends with the
 * predecessor. That it is short does not say so; it may have been longer before some of it died.
 */
export function isWholeRing({ self, predecessor, successors }: Neighbourhood): boolean {
  return (successors.at(-1) ?? self).id === predecessor.id;
}

/**
 * How many members there are, at least 1: exact in a ring that its lists go round, else an estimate.
 * From a list that is short for a moment nothing can be told but how many it names.
 */
export function estimateRingSize(neighbourhood: Neighbourhood): number {
  const { self, successors, successorsMax } = neighbourhood;
  const last = successors.at(-1);
  if (last === undefined || last.id === self.id) return 1;
  if (successors.length < successorsMax || isWholeRing(neighbourhood)) return successors.length + 1;
  const share = Number(distanceOf(self.id, last.id)) / CIRCLE;
  return Math.max(successors.length + 1, Math.round(successors.length / share));
}

/** Most members that a lookup may ask: twice what a ring of this size needs, and twice along a list. */
export function asksMaxFor(size: number, successorsMax: number): number {
  return 2 * Math.ceil(Math.log2(Math.max(2, size))) + 2 * successorsMax;
}
