/**
 * Holdings: what a node knows and has promised about the arcs of the ring, piece by piece.
 *
 * Each piece stands for all its keys alike: which view was adopted for them, whether this node votes in
 * it, and which newer epoch was promised to somebody who is about to make a view. Pieces never overlap;
 * they are cut where somebody asks about a part of one. What a node has said about a piece it has said
 * about every key in it, so cutting changes nothing.
 */
import { betweenOpen, type Id, type KeyId } from '../chord/id';
import { inRange, type Range, rangesOverlap, withoutRange } from '../chord/range';
import type { Peer } from '../chord/peer';
import { compareEpochs, type Epoch } from './epoch';
import { arePeers, restricted, saysTheSame, type View } from './view';

/** Somebody's intention to make a view, which may have come true behind this node's back. */
export interface Pending {
  readonly epoch: Epoch;
  readonly members: readonly Peer[];
}

/** What a node is in a view. `none`: no member; the view is only known here. */
export type Role = 'voter' | 'learner' | 'none';

/** A piece of the ring, as one node tells it to others. */
export interface Piece {
  readonly arc: Range;
  /** The newest view that this node has adopted or heard of, restricted to this piece; undefined: none. */
  readonly view: View | undefined;
  readonly role: Role;
  /** Newer than `view`. */
  readonly pending: readonly Pending[];
}

/** A piece of the ring, as one node knows it. */
export interface Holding extends Piece {
  /** Nothing older than this is served or promised any more. Never below `view.epoch`; above it: the piece is sealed. */
  readonly promised: Epoch;
  /** As a learner: what is here has been compared with what the primary has, so none of it is a leftover of earlier times. */
  readonly isChecked?: boolean;
}

/** Disjoint pieces, in no particular order; what none of them covers is not known. */
export type Holdings = readonly Holding[];

/** The piece that a key or point lies in. */
export function holdingAt<T extends Piece>(pieces: readonly T[], id: Id | KeyId): T | undefined {
  for (const piece of pieces) if (inRange(id, piece.arc)) return piece;
  return undefined;
}

/** The pieces that an arc has a part in, each cut down to that part. */
export function holdingsIn<T extends Piece>(pieces: readonly T[], arc: Range): readonly T[] {
  return pieces.flatMap((holding) => commonParts(holding.arc, arc).map((part) => cutTo(holding, part)));
}

/** The holdings with these pieces in place of whatever was there, {@link coalesced}. */
export function withPieces(holdings: Holdings, pieces: Holdings): Holdings {
  return coalesced(pieces.reduce<Holdings>((rest, piece) => [...withoutArc(rest, piece.arc), piece], holdings));
}

/** The holdings without an arc: pieces that reach into it are cut. */
export function withoutArc(holdings: Holdings, arc: Range): Holdings {
  return holdings.flatMap((holding) => {
    if (!rangesOverlap(holding.arc, arc)) return [holding];
    return withoutRange(holding.arc, arc).map((part) => cutTo(holding, part));
  });
}

/** The parts of an arc that no piece covers. */
export function uncovered(holdings: readonly { readonly arc: Range }[], arc: Range): readonly Range[] {
  return holdings.reduce<readonly Range[]>(
    (left, { arc: taken }) => left.flatMap((part) => (rangesOverlap(part, taken) ? withoutRange(part, taken) : [part])),
    [arc],
  );
}

/** What two arcs have in common: nothing, one piece, or two where they meet at both ends. */
export function commonParts(a: Range, b: Range): readonly Range[] {
  // Most arcs that are compared have nothing in common, or are the same one.
  if (a.lo === b.lo && a.hi === b.hi) return [a];
  if (!rangesOverlap(a, b)) return [];
  const outside = withoutRange(a, b);
  return outside.reduce<readonly Range[]>((left, part) => left.flatMap((piece) => withoutRange(piece, part)), [a]);
}

/** An arc, cut at those of the points that lie inside it, in ring order from its start. */
export function cutAt({ lo, hi }: Range, points: readonly Id[]): readonly Range[] {
  const inside = [...new Set(points)].filter((point) => betweenOpen(point, lo, hi));
  // Of two points behind `lo`, the nearer one lies between `lo` and the other.
  inside.sort((a, b) => (betweenOpen(a, lo, b) ? -1 : 1));
  return [...inside, hi].map((end, at) => ({ lo: inside[at - 1] ?? lo, hi: end }));
}

/** The same holdings in as few pieces as possible: neighbours of which the same can be said become one. */
export function coalesced(holdings: Holdings): Holdings {
  const sorted = [...holdings].sort((a, b) => (a.arc.lo < b.arc.lo ? -1 : 1));
  const joined: Holding[] = [];
  for (const holding of sorted) {
    const last = joined.at(-1);
    if (last !== undefined && canJoin(last, holding)) joined[joined.length - 1] = joinedTo(last, holding);
    else joined.push(holding);
  }
  const [first, last] = [joined[0], joined.at(-1)];
  if (joined.length < 2 || first === undefined || last === undefined || !canJoin(last, first)) return joined;
  return [...joined.slice(1, -1), joinedTo(last, first)];
}

/** Whether a piece is promised to somebody who is about to make a view newer than the one here. */
export function isSealed({ view, promised }: Holding): boolean {
  return view === undefined || compareEpochs(view.epoch, promised) < 0;
}

/** Whether whoever holds this votes in all of an arc under exactly this epoch, and has promised nothing newer. */
export function votesUnder(holdings: Holdings, { arc, epoch }: Pick<View, 'arc' | 'epoch'>): boolean {
  const pieces = holdingsIn(holdings, arc).filter(
    (piece) => piece.role === 'voter' && !isSealed(piece) && piece.view && compareEpochs(piece.view.epoch, epoch) === 0,
  );
  return uncovered(pieces, arc).length === 0;
}

function canJoin(a: Holding, b: Holding): boolean {
  return (
    a.arc.hi === b.arc.lo &&
    a.role === b.role &&
    a.isChecked === b.isChecked &&
    compareEpochs(a.promised, b.promised) === 0 &&
    (a.view === undefined || b.view === undefined ? a.view === b.view : saysTheSame(a.view, b.view)) &&
    a.pending.length === b.pending.length &&
    a.pending.every((pending, at) => isSamePending(pending, b.pending[at]))
  );
}

function joinedTo(a: Holding, b: Holding): Holding {
  return cutTo(a, { lo: a.arc.lo, hi: b.arc.hi });
}

function isSamePending(a: Pending, b: Pending | undefined): boolean {
  return b !== undefined && compareEpochs(a.epoch, b.epoch) === 0 && arePeers(a.members, b.members);
}

function cutTo<T extends Piece>(piece: T, arc: Range): T {
  const { view } = piece;
  return piece.arc.lo === arc.lo && piece.arc.hi === arc.hi
    ? piece
    : { ...piece, arc, view: view && restricted(view, arc) };
}
