/**
 * Sealing: what a node promises to those who are about to make a view, and how it takes over what they have made.
 *
 * A promise says: nothing older is served here any more. Whoever makes a view collects such promises from a
 * majority of the old one, so that nothing can be completed under it behind his back. Everything holds
 * for each key by itself; so a question about an arc is answered piece by piece, but is either granted for all
 * of them or for none.
 */
import type { Peer } from '../chord/peer';
import type { Range } from '../chord/range';
import type { Nack, Seal, Sealed } from '../protocol/rpc-views';
import { compareEpochs, type Epoch } from './epoch';
import { type Holding, type Holdings, holdingsIn, type Pending, type Role, uncovered, withPieces } from './holding';
import { isMember, isSameView, restricted, updated, type View } from './view';

/** Most pieces that a node keeps apart. Beyond them it refuses to be cut any further. */
export const HOLDINGS_MAX = 512;

/** Before anything was promised. */
export const NO_EPOCH: Epoch = { n: 0, by: 0n };

/** What became of being asked to seal. */
export type SealOutcome =
  | { readonly type: 'sealed'; readonly holdings: Holdings; readonly pieces: Sealed['pieces'] }
  | { readonly type: 'nack'; readonly nack: Nack };

/** What a node is in a piece of a view that it has taken over, and was there before. */
export interface Became {
  readonly arc: Range;
  readonly role: Role;
  readonly before: Role;
}

/** What became of a view that was told. */
export type AdoptOutcome =
  | { readonly type: 'adopted'; readonly holdings: Holdings; readonly became: readonly Became[] }
  | { readonly type: 'nack'; readonly nack: Nack };

/**
 * Promises an arc, and tells all that is known about it. Asked again for what is promised already, it answers
 * again, for the first answer may have been lost.
 */
export function sealPieces(holdings: Holdings, seal: Seal): SealOutcome {
  const { arc, epoch } = seal;
  const known = holdingsIn(holdings, arc);
  const refused = known.filter((piece) => !canPromise(piece, epoch));
  if (refused.length > 0) return { type: 'nack', nack: nackOf(refused) };
  const blank = uncovered(holdings, arc).map((part) => nothingKnown(part));
  const sealed = [...known, ...blank].map((piece) => promisedTo(piece, seal));
  const next = withPieces(holdings, sealed);
  if (isTooMany(next, holdings)) return { type: 'nack', nack: nackOf(known) };
  const pieces = known.flatMap(({ promised: _promised, isChecked: _isChecked, ...piece }) => {
    const pending = piece.pending.filter((each) => isKept(each, seal));
    return piece.view === undefined && pending.length === 0 ? [] : [{ ...piece, pending }];
  });
  return { type: 'sealed', holdings: next, pieces };
}

/**
 * Takes a view over: as its voter, if its maker found this node to be one; as a learner, if it is a member besides;
 * else as knowledge of who serves the arc, which no promise stands against.
 *
 * Told again, with the epoch of the view that is here: only who votes and how many must be merged can have changed.
 */
export function adoptView(holdings: Holdings, view: View, self: Peer): AdoptOutcome {
  const isIn = isMember(view, self);
  return adoptWhere(
    holdings,
    view,
    self,
    (piece) => isAway(piece, isIn) || compareEpochs(piece.promised, view.epoch) <= 0,
  );
}

/**
 * Takes over a view that this node's own attempt to make a newer one has come upon. The promise to itself, which the
 * attempt began with, does not stand against it, for the attempt is over. The piece stays sealed.
 */
export function concedeTo(holdings: Holdings, view: View, self: Peer): AdoptOutcome {
  const isIn = isMember(view, self);
  return adoptWhere(
    holdings,
    view,
    self,
    (piece) => isAway(piece, isIn) || piece.promised.by === self.inc || compareEpochs(piece.promised, view.epoch) <= 0,
  );
}

/**
 * Whether no promise stands against a view of which this node is to be no member. Whoever has promised something newer as a
 * member is counted on for what it has, and must not give that up for what may have been overtaken.
 */
function isAway({ role }: Holding, isIn: boolean): boolean {
  return !isIn && role === 'none';
}

/** The views that are known in an arc, each restricted to what it has of it. */
export function viewsIn(holdings: Holdings, arc: Range): readonly View[] {
  return holdingsIn(holdings, arc).flatMap(({ view }) => view ?? []);
}

function adoptWhere(holdings: Holdings, view: View, self: Peer, isFree: (piece: Holding) => boolean): AdoptOutcome {
  const known = holdingsIn(holdings, view.arc);
  const refused = known.filter((piece) => !isKnownAlready(piece, view) && (isNewer(piece, view) || !isFree(piece)));
  if (refused.length > 0) return { type: 'nack', nack: nackOf(refused) };
  const before = [...known, ...uncovered(holdings, view.arc).map((part) => nothingKnown(part))];
  const after = before.map((piece) => adopted(piece, view, self));
  const next = withPieces(holdings, after);
  if (isTooMany(next, holdings)) return { type: 'nack', nack: nackOf(known) };
  const became = before.flatMap((piece, at) => {
    const { role = 'none' } = after[at] ?? {};
    return isKnownAlready(piece, view) ? [] : [{ arc: piece.arc, role, before: piece.role }];
  });
  return { type: 'adopted', holdings: next, became };
}

function adopted(piece: Holding, view: View, self: Peer): Holding {
  if (piece.view !== undefined && isSameView(piece.view, view)) return { ...piece, view: updated(piece.view, view) };
  const promised = latest(piece.promised, view.epoch);
  const pending = piece.pending.filter(({ epoch }) => compareEpochs(epoch, view.epoch) > 0);
  return { arc: piece.arc, view: restricted(view, piece.arc), role: roleIn(view, piece, self), promised, pending };
}

/**
 * Only who was a voter when it was sealed for this very view, and has been one ever since, has what its maker
 * counts on. The maker itself has gathered what it needs.
 */
function roleIn(view: View, { role, promised, pending }: Holding, self: Peer): Role {
  if (!isMember(view, self)) return 'none';
  const isMaker = view.primary === self.id && view.epoch.by === self.inc;
  // It may have begun an attempt of its own since, which is over and has taken nothing away.
  const promises = [promised, ...pending.map(({ epoch }) => epoch)];
  const wasCounted = role === 'voter' && promises.some((epoch) => compareEpochs(epoch, view.epoch) === 0);
  return isMaker || (wasCounted && view.voters.includes(self.id)) ? 'voter' : 'learner';
}

function canPromise({ view, promised }: Holding, epoch: Epoch): boolean {
  const order = compareEpochs(promised, epoch);
  return order < 0 || (order === 0 && (view === undefined || compareEpochs(view.epoch, epoch) < 0));
}

function promisedTo(piece: Holding, seal: Seal): Holding {
  const { epoch, members } = seal;
  return {
    ...piece,
    promised: epoch,
    pending: [...piece.pending.filter((each) => isKept(each, seal)), { epoch, members }],
  };
}

/** Whether somebody's intention may still have come true: not if it is this one's, who says that it did not. */
function isKept({ epoch }: Pending, seal: Seal): boolean {
  return epoch.by !== seal.epoch.by || compareEpochs(epoch, seal.since) <= 0;
}

function isKnownAlready(piece: Holding, view: View): boolean {
  return piece.view !== undefined && isSameView(piece.view, view);
}

function isNewer(piece: Holding, view: View): boolean {
  return piece.view !== undefined && compareEpochs(piece.view.epoch, view.epoch) > 0;
}

/**
 * Fewer pieces, where there are many: of neighbouring ones that this node has no part in it forgets which views they had, but not
 * that nothing as old as these is to be served.
 */
export function withFewer(holdings: Holdings, isNeeded: (arc: Range) => boolean): Holdings {
  if (holdings.length <= HOLDINGS_MAX / 2) return holdings;
  const isForeign = (piece: Holding) =>
    piece.role === 'none' && piece.pending.length === 0 && !isNeeded(piece.arc) && !isWaiting(piece);
  const sorted = holdings.toSorted((a, b) => (a.arc.lo < b.arc.lo ? -1 : 1));
  const joined = sorted.reduce<readonly Holding[]>((kept, piece) => {
    const last = kept.at(-1);
    if (last === undefined || last.arc.hi !== piece.arc.lo || !isForeign(last) || !isForeign(piece))
      return [...kept, piece];
    const arc = { lo: last.arc.lo, hi: piece.arc.hi };
    return [...kept.slice(0, -1), { ...nothingKnown(arc), promised: latest(last.promised, piece.promised) }];
  }, []);
  return joined.length < holdings.length ? joined : holdings;
}

/** Whether it has promised something of which nothing has come, or not yet. */
function isWaiting({ view, promised }: Holding): boolean {
  return view !== undefined && compareEpochs(view.epoch, promised) < 0;
}

function isTooMany(next: Holdings, before: Holdings): boolean {
  return next.length > HOLDINGS_MAX && next.length > before.length;
}

function nackOf(pieces: Holdings): Nack {
  const promised = pieces.reduce((most, piece) => latest(most, piece.promised), NO_EPOCH);
  const views = pieces.flatMap(({ view }) => view ?? []);
  const view = views.reduce<View | undefined>(
    (newest, each) => (newest === undefined || compareEpochs(each.epoch, newest.epoch) > 0 ? each : newest),
    undefined,
  );
  return { type: 'nack', promised, view };
}

function nothingKnown(arc: Range): Holding {
  return { arc, view: undefined, role: 'none', promised: NO_EPOCH, pending: [] };
}

function latest(a: Epoch, b: Epoch): Epoch {
  return compareEpochs(a, b) < 0 ? b : a;
}
