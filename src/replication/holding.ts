/**
 * Holdings: what a node knows and has promised about the arcs of the ring, piece by piece.
 *
 * Each piece stands for all its keys alike: which view was adopted for them, whether this node votes in
 * it, and which newer epoch was promised to somebody who is about to make a view. Pieces never overlap;
 * they are cut where somebody asks about a part of one. What a node has said about a piece it has said
 * about every key in it, so cutting changes nothing.
 */
import { type Id, type KeyId } from '../chord/id';
import { inRange, type Range, rangesOverlap, withoutRange } from '../chord/range';
import type { Peer } from '../chord/peer';
import type { Epoch } from './epoch';
import { restricted, type View } from './view';

/** Somebody's intention to make a view, which may have come true behind this node's back. */
export interface Pending {
  readonly epoch: Epoch;
  readonly members: readonly Peer[];
}

/** What a node is in a view. `none`: no member; the view is only known here. */
export type Role = 'voter' | 'learner' | 'none';

/** A piece of the ring, as one node knows it. */
export interface Holding {
  readonly arc: Range;
  /** The newest view that this node has adopted or heard of, restricted to this piece; undefined: none. */
  readonly view: View | undefined;
  readonly role: Role;
  /** Nothing older than this is served or promised any more. Never below `view.epoch`; above it: the piece is sealed. */
  readonly promised: Epoch;
  /** Newer than `view`. */
  readonly pending: readonly Pending[];
}

/** Disjoint pieces, in no particular order; what none of them covers is not known. */
export type Holdings = readonly Holding[];

/** The piece that a key or point lies in. */
export function holdingAt(holdings: Holdings, id: Id | KeyId): Holding | undefined {
  for (const holding of holdings) if (inRange(id, holding.arc)) return holding;
  return undefined;
}

/** The pieces that an arc has a part in, each cut down to that part. */
export function holdingsIn(holdings: Holdings, arc: Range): Holdings {
  return holdings.flatMap((holding) => commonParts(holding.arc, arc).map((part) => cutTo(holding, part)));
}

/** The holdings with these pieces in place of whatever was there. */
export function withPieces(holdings: Holdings, pieces: Holdings): Holdings {
  return pieces.reduce<Holdings>((rest, piece) => [...withoutArc(rest, piece.arc), piece], holdings);
}

/** The holdings without an arc: pieces that reach into it are cut. */
export function withoutArc(holdings: Holdings, arc: Range): Holdings {
  return holdings.flatMap((holding) => {
    if (!rangesOverlap(holding.arc, arc)) return [holding];
    return withoutRange(holding.arc, arc).map((part) => cutTo(holding, part));
  });
}

/** The parts of an arc that no piece covers. */
export function uncovered(holdings: Holdings, arc: Range): readonly Range[] {
  return holdings.reduce<readonly Range[]>(
    (left, holding) => left.flatMap((part) => withoutRange(part, holding.arc)),
    [arc],
  );
}

/** What two arcs have in common: nothing, one piece, or two where they meet at both ends. */
export function commonParts(a: Range, b: Range): readonly Range[] {
  const outside = withoutRange(a, b);
  return outside.reduce<readonly Range[]>((left, part) => left.flatMap((piece) => withoutRange(piece, part)), [a]);
}

function cutTo(holding: Holding, arc: Range): Holding {
  const { view } = holding;
  return holding.arc.lo === arc.lo && holding.arc.hi === arc.hi
    ? holding
    : { ...holding, arc, view: view && restricted(view, arc) };
}
