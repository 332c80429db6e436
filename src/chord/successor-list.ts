/**
 * Successor lists: the one thing that a ring's correctness depends on.
 *
 * A member knows its next few successors, head first; with itself in front they are its *extended
 * successor list*. Zave ("How to make Chord correct") keeps such a list at exactly r entries and
 * pads it; here it may be shorter, which skips nobody, and that is all that her proof uses. A list
 * is replaced whole, from what one living member has just told, and never edited in place.
 */
import { betweenOpen, type NodeId } from './id';
import type { Peer } from './peer';

/** A list made of what a member has told, and whether that made sense. */
export interface Normalised {
  readonly list: readonly Peer[];
  /** The tail went backwards or repeated somebody: it was cut there. In a ring that is well, it never does. */
  readonly isAnomalous: boolean;
}

/**
 * The list of `self` whose head is `head` and whose rest is what `head` has told: as long as it goes
 * clockwise and has not come round to `self`, and no longer than `max`.
 *
 * The whole of the tail is taken before it is cut: a reporter's list may be short, and its last
 * entry then is a real successor.
 */
export function normalise(self: NodeId, head: Peer, tail: readonly Peer[], max: number): Normalised {
  const list = [head];
  let last = head.id;
  for (const peer of tail) {
    // Round again: the ring is small, and everybody is in the list.
    if (peer.id === self) return { list: list.slice(0, max), isAnomalous: false };
    if (!betweenOpen(peer.id, last, self)) return { list: list.slice(0, max), isAnomalous: true };
    list.push(peer);
    last = peer.id;
  }
  return { list: list.slice(0, max), isAnomalous: false };
}

/** What is wrong with a member's own list, as far as it can tell by itself; undefined when it can be right. */
export type LocalFault = 'empty_list' | 'too_long' | 'names_itself' | 'repeats' | 'not_ordered';

/**
 * The invariants that a member can check alone (NoDuplicates, OrderedSuccessorLists): cheap enough
 * for production, where no more than this can be monitored.
 *
 * @param successors what it holds; a lone member holds itself
 * @param max the longest list that is allowed now, entries just admitted included
 */
export function localFault(self: NodeId, successors: readonly NodeId[], max: number): LocalFault | undefined {
  if (successors.length === 0) return 'empty_list';
  if (successors.length > max) return 'too_long';
  if (successors.length === 1 && successors[0] === self) return undefined;
  if (successors.includes(self)) return 'names_itself';
  if (new Set(successors).size < successors.length) return 'repeats';
  return isOrdered(self, successors) ? undefined : 'not_ordered';
}

/** Every entry lies clockwise between the one before it and the member itself. */
function isOrdered(self: NodeId, successors: readonly NodeId[]): boolean {
  return successors.every((id, index) => betweenOpen(id, successors[index - 1] ?? self, self));
}
