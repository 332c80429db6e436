/**
 * Attempts: how one node comes to make the next view of an arc.
 *
 * It asks the members of the newest view to promise that they serve nothing older, and learns from their answers what
 * else there is: newer views, and others' intentions to make one, whose members it asks as well. As soon as
 * nothing can be completed any more but under its own view, and everything that was completed is known to be
 * in the hands of those who have promised, the view is made.
 */
import type { NodeId } from '../chord/id';
import type { Peer } from '../chord/peer';
import type { Range } from '../chord/range';
import type { Seal, Sealed } from '../protocol/rpc-views';
import { compareEpochs, type Epoch } from './epoch';
import { cutAt, holdingAt, type Holdings, holdingsIn, type Pending, type Piece } from './holding';
import { compareTimes, Version } from './version';
import { inRingOrder, isSameView, quorumOf, restricted, updated, type View } from './view';

/** What somebody has promised, and told. */
export interface SealedAnswer {
  readonly peer: Peer;
  readonly sealed: Pick<Sealed, 'pieces' | 'clock'>;
}

/** On the way to a view. Immutable; begin it with {@link beginAttempt}. */
export interface Attempt {
  readonly id: number;
  readonly arc: Range;
  readonly epoch: Epoch;
  /** Of the view to be made, this node among them. */
  readonly members: readonly Peer[];
  readonly self: Peer;
  /** Who has been asked; this node itself has not. */
  readonly asked: readonly Peer[];
  /** Who has promised; this node itself is the first. */
  readonly answers: readonly SealedAnswer[];
  readonly startedAtMs: number;
  /** When others were asked whether they know of something newer, since the view could be made only at a loss. */
  readonly lookedAtMs?: number;
}

/** What the answers so far allow. */
export type Verdict =
  /** Not yet: answers, or proofs of death, of `silent` would help. */
  | { readonly type: 'wait'; readonly silent: readonly Peer[] }
  /** The view can be made as it is. `silent` would add voters to it, if they answered in a moment. */
  | {
      readonly type: 'made';
      readonly voters: readonly NodeId[];
      readonly syncs: number;
      readonly isLoss: boolean;
      readonly silent: readonly Peer[];
    }
  /** First merge the arc from all of these; then the view has this node as its only voter, and one to be merged. */
  | {
      readonly type: 'rescue';
      readonly from: readonly Peer[];
      readonly isLoss: boolean;
      readonly silent: readonly Peer[];
    }
  /** It is not for this node to make a view here: `newer` is what it has missed. `isTooWide`: try the pieces of the arc one by one. */
  | { readonly type: 'hopeless'; readonly newer: View | undefined; readonly isTooWide: boolean };

/**
 * Begins by counting this node's own promise: `own` are its pieces in the arc as they were before it sealed them for
 * this epoch, `clock` is its clock.
 */
export function beginAttempt({
  own,
  clock,
  nowMs,
  ...rest
}: Pick<Attempt, 'id' | 'arc' | 'epoch' | 'members' | 'self'> & {
  readonly own: Holdings;
  readonly clock: Version;
  readonly nowMs: number;
}): Attempt {
  const answers = [{ peer: rest.self, sealed: { pieces: own, clock } }];
  return { ...rest, asked: [], answers, startedAtMs: nowMs };
}

/** What to ask those whom {@link toAsk} names, and of this node itself. */
export function sealOf({ arc, epoch, members, answers }: Attempt): Seal {
  const own = answers[0]?.sealed.pieces ?? [];
  const since = own.reduce<Epoch>(
    (oldest, { view }) => (view !== undefined && compareEpochs(view.epoch, oldest) < 0 ? view.epoch : oldest),
    epoch,
  );
  return { type: 'seal', epoch, arc, members, since };
}

/** Whom to ask: members of every view and of every intention that matters, but for those asked before. */
export function toAsk(attempt: Attempt): readonly Peer[] {
  const { self, asked } = attempt;
  const wanted = piecesOf(attempt).flatMap(({ base, newer }) =>
    [base, ...newer].flatMap((each) => each?.members ?? []),
  );
  return withoutTwins(wanted).filter((peer) => !isSamePeer(peer, self) && !includesPeer(asked, peer));
}

/** The attempt, with this one asked. */
export function asked(attempt: Attempt, peer: Peer): Attempt {
  return { ...attempt, asked: [...attempt.asked, peer] };
}

/** The attempt, with this promise. What the same peer has promised before is forgotten. */
export function sealedBy(attempt: Attempt, from: Peer, sealed: Sealed): Attempt {
  const others = attempt.answers.filter(({ peer }) => peer.id !== from.id || peer.inc !== from.inc);
  return { ...attempt, answers: [...others, { peer: from, sealed }] };
}

/** What the answers so far allow. */
export function judge(attempt: Attempt, isProvenDead: (peer: Peer) => boolean): Verdict {
  const judged = piecesOf(attempt).map((piece) => judgePiece(piece, attempt, isProvenDead));
  const hopeless = judged.find((each) => each.type === 'hopeless');
  if (hopeless !== undefined) return hopeless;
  const silent = withoutTwins(judged.flatMap((each) => (each.type === 'hopeless' ? [] : each.silent)));
  const possible = judged.flatMap((each) => (each.type === 'possible' ? [each] : []));
  return possible.length < judged.length ? { type: 'wait', silent } : together(possible, attempt, silent);
}

/**
 * The view that a verdict allows. `clock` is this node's clock in its own name; the floor is no earlier than any clock
 * that has been seen, so show them to the clock before anything is written under the view.
 */
export function viewMade(
  attempt: Attempt,
  clock: Version,
  { voters, syncs }: { readonly voters: readonly NodeId[]; readonly syncs: number },
): View {
  const { epoch, arc, members, self } = attempt;
  const { word0, word1 } = [clock, ...clocksSeen(attempt)].reduce((a, b) => (compareTimes(a, b) < 0 ? b : a));
  const floor = new Version(word0, word1, clock.writer);
  return { epoch, arc, members: inRingOrder(members, arc.hi), primary: self.id, voters, syncs, floor };
}

/** The clocks of all who have promised. */
export function clocksSeen({ answers }: Attempt): readonly Version[] {
  return answers.map(({ sealed }) => sealed.clock);
}

// One piece

/** What is said of a piece that all answers see as one. */
interface SeenPiece {
  readonly reports: readonly Report[];
  /** The newest view that somebody has adopted. */
  readonly base: View | undefined;
  /** Views that somebody has heard of, or meant to make, which nobody who has promised has adopted, and which may be there all the same. */
  readonly newer: readonly Pending[];
}

/** What one of them says of it; undefined: nothing. */
interface Report {
  readonly peer: Peer;
  readonly piece: Piece | undefined;
}

type PieceVerdict =
  | { readonly type: 'wait'; readonly silent: readonly Peer[] }
  | Possible
  | Extract<Verdict, { type: 'hopeless' }>;

/** Nothing can be completed in the piece any more under what there was before. */
interface Possible {
  readonly type: 'possible';
  readonly base: View;
  /** Who has promised and had adopted the base, or what it was made from, and the voters of the base among them. */
  readonly adopters: readonly Peer[];
  readonly voters: readonly Peer[];
  /** Whether a majority of the voters has promised. */
  readonly isNormal: boolean;
  readonly isLoss: boolean;
  readonly silent: readonly Peer[];
}

function piecesOf({ arc, epoch, answers }: Attempt): readonly SeenPiece[] {
  const told = answers.map(({ peer, sealed }) => ({ peer, pieces: holdingsIn(sealed.pieces, arc) }));
  const ends = told.flatMap(({ pieces }) => pieces.flatMap((piece) => [piece.arc.lo, piece.arc.hi]));
  return cutAt(arc, ends).map((part) => {
    const reports = told.map(({ peer, pieces }) => ({ peer, piece: holdingAt(pieces, part.hi) }));
    const base = baseOf(part, reports);
    return { reports, base, newer: newerThan(base, epoch, reports) };
  });
}

function baseOf(arc: Range, reports: readonly Report[]): View | undefined {
  const newest = newestOf(reports.flatMap(({ piece }) => (piece && piece.role !== 'none' && piece.view) || []));
  if (newest === undefined) return undefined;
  const tellings = reports.flatMap(({ piece }) => piece?.view ?? []).filter((view) => isSameView(view, newest));
  return restricted(tellings.reduce(updated, newest), arc);
}

/**
 * A view of which somebody has only heard, as no member, is no more than an intention, even if it was made: nothing
 * was completed under it if too few of its members have adopted it, and that is what is asked of intentions.
 */
function newerThan(base: View | undefined, epoch: Epoch, reports: readonly Report[]): readonly Pending[] {
  const intended = reports
    .flatMap(({ piece }) => piece?.pending ?? [])
    // Whoever makes a view adopts it in the same moment. So it was not made if he has promised this one without.
    .filter(
      (each) => !reports.some(({ peer, piece }) => peer.inc === each.epoch.by && isBefore(piece?.view, each.epoch)),
    );
  const heardOf = reports.flatMap(({ piece }) => (piece?.role === 'none' && piece.view) || []);
  return [...intended, ...heardOf]
    .filter((each) => isBefore(base, each.epoch) && compareEpochs(each.epoch, epoch) !== 0)
    .filter((each, at, all) => all.findIndex((other) => compareEpochs(other.epoch, each.epoch) === 0) === at);
}

function judgePiece({ reports, base, newer }: SeenPiece, { self }: Attempt, isProvenDead: IsDead): PieceVerdict {
  const own = reports.find(({ peer }) => isSamePeer(peer, self))?.piece;
  if (base === undefined) return hopeless(newestOf(reports.flatMap(({ piece }) => piece?.view ?? [])));
  if (own?.view === undefined || own.role === 'none' || !isSameView(own.view, base)) return hopeless(base);
  const count = countIn(base, reports, isProvenDead);
  const keepers = keepersIn(base, count, reports);
  const kept = count.voters.length + keepers.length;
  const consent = consentOf(base, count, kept);
  // A learner has not what the view before had. It may save what there is when nobody else is left who could.
  if (own.role === 'learner' && count.voters.length > 0) return hopeless(undefined);
  const open = newer.map((each) => countIn(each, reports, isProvenDead)).filter((each) => !isOvertaken(each));
  const silent = count.silent;
  if (consent === 'none' && silent.length > 0)
    return { type: 'wait', silent: [...silent, ...open.flatMap((each) => each.silent)] };
  if (open.some((each) => each.silent.length > 0)) return { type: 'wait', silent: open.flatMap((each) => each.silent) };
  const isLoss = open.length > 0 || (consent === 'none' && losesFrom(base, count, kept));
  const adopters = [...count.voters, ...count.learners, ...keepers];
  return {
    type: 'possible',
    base,
    adopters,
    voters: count.voters,
    isNormal: consent === 'normal' && open.length === 0,
    isLoss,
    silent,
  };
}

/** Where the members of a view, or of what may be one, are. */
interface Count {
  readonly size: number;
  /** Those who have promised, and had adopted the view. */
  readonly voters: readonly Peer[];
  readonly learners: readonly Peer[];
  /** Those who have promised without ever having adopted it: nor will they. */
  readonly fresh: readonly Peer[];
  /** Those who have promised, but know of something newer: what they were in this view is forgotten. */
  readonly moved: readonly Peer[];
  readonly dead: readonly Peer[];
  /** All others. */
  readonly silent: readonly Peer[];
}

type IsDead = (peer: Peer) => boolean;

function countIn({ epoch, members }: Pending, reports: readonly Report[], isProvenDead: IsDead): Count {
  const count = { voters: [], learners: [], fresh: [], moved: [], dead: [], silent: [] } as { [Kind in Where]: Peer[] };
  for (const member of members) {
    const report = reports.find(({ peer }) => isSamePeer(peer, member));
    count[report ? whereIn(epoch, report.piece) : isProvenDead(member) ? 'dead' : 'silent'].push(member);
  }
  return { size: members.length, ...count };
}

type Where = Exclude<keyof Count, 'size'>;

function whereIn(epoch: Epoch, piece: Piece | undefined): 'voters' | 'learners' | 'fresh' | 'moved' {
  if (isBefore(piece?.view, epoch)) return 'fresh';
  if (piece?.view === undefined || compareEpochs(piece.view.epoch, epoch) > 0 || piece.role === 'none') return 'moved';
  return piece.role === 'voter' ? 'voters' : 'learners';
}

/** Whether enough members of a view have promised that it can complete nothing any more, and that all it has completed is known. */
function consentOf(
  { syncs }: View,
  { size, voters, learners, fresh }: Count,
  kept: number,
): 'normal' | 'fallback' | 'none' {
  if (voters.length >= quorumOf(size)) return 'normal';
  // A member that has never adopted the view has acknowledged nothing in it. So of those who have, one is here.
  const sealed = voters.length + learners.length + fresh.length;
  return sealed >= quorumOf(size) && kept >= syncs ? 'fallback' : 'none';
}

/**
 * Those whom the view was made to count on as voters, and who have never adopted it, since they had promised something newer
 * when they were told. They are still what they were when it was made, and so have all that it was made from.
 */
function keepersIn({ voters }: View, { fresh }: Count, reports: readonly Report[]): readonly Peer[] {
  const isVoter = (peer: Peer) => reports.some((each) => isSamePeer(each.peer, peer) && each.piece?.role === 'voter');
  return fresh.filter((peer) => voters.includes(peer.id) && isVoter(peer));
}

/** Whether nothing can have been completed under a view that nobody is known to have adopted, nor ever will be. */
function isOvertaken({ size, fresh }: Count): boolean {
  return fresh.length >= size - quorumOf(size) + 1;
}

/** Whether something that was completed may be lost if those who are dead are done without. */
function losesFrom({ syncs }: View, { size, moved, dead }: Count, kept: number): boolean {
  return dead.length >= quorumOf(size) || kept < syncs || moved.length > 0;
}

// The whole arc

/** One verdict for an arc whose pieces may differ: what is possible in all of them. */
function together(pieces: readonly Possible[], { members, self }: Attempt, silent: readonly Peer[]): Verdict {
  const isLoss = pieces.some((each) => each.isLoss);
  const stay = members.filter((member) => pieces.every((each) => includesPeer(each.voters, member)));
  const voters = stay.map(({ id }) => id);
  const syncs = Math.max(...pieces.map(({ base }) => quorumOf(base.members.length)));
  // Fewer voters than have to be merged would never let anybody else vote.
  const isEnough = voters.length >= syncs && quorumOf(members.length) >= syncs;
  if (isEnough && pieces.every((each) => each.isNormal)) return { type: 'made', voters, syncs, isLoss, silent };
  const [from, ...others] = pieces.map(({ adopters }) => adopters.filter((peer) => !isSamePeer(peer, self)));
  // What somebody has of a piece that he is no member of is a leftover, and must not come back.
  const fits = others.every((each) => each.length === from?.length && each.every((peer) => includesPeer(from, peer)));
  if (from === undefined || !fits) return { type: 'hopeless', newer: undefined, isTooWide: true };
  if (from.length > 0) return { type: 'rescue', from, isLoss, silent };
  return { type: 'made', voters: [self.id], syncs: 1, isLoss, silent };
}

function hopeless(newer: View | undefined): Extract<Verdict, { type: 'hopeless' }> {
  return { type: 'hopeless', newer, isTooWide: false };
}

/** Whether a view, or none, is older than this. */
function isBefore(view: View | undefined, epoch: Epoch): boolean {
  return view === undefined || compareEpochs(view.epoch, epoch) < 0;
}

function newestOf(views: readonly View[]): View | undefined {
  return views.reduce<View | undefined>((newest, each) => (isBefore(newest, each.epoch) ? each : newest), undefined);
}

function isSamePeer(a: Peer, b: Peer): boolean {
  return a.id === b.id && a.inc === b.inc;
}

function includesPeer(peers: readonly Peer[], peer: Peer): boolean {
  return peers.some((each) => isSamePeer(each, peer));
}

function withoutTwins(peers: readonly Peer[]): readonly Peer[] {
  return peers.filter((peer, at) => peers.findIndex((each) => isSamePeer(each, peer)) === at);
}
