/**
 * Views, told: whoever has to know of a view that this node leads is told until it has heard, and
 * again when more of its members vote or fewer need be merged.
 */
import type { Peer } from '../chord/peer';
import { type Range, rangesOverlap, withoutRange } from '../chord/range';
import type { Nack, Stale, ViewBlocked } from '../protocol/rpc-views';
import { compareEpochs, type Epoch } from './epoch';
import { commonParts, type Holding, holdingsIn, isSealed, withPieces } from './holding';
import { suspect } from './views-proofs';
import { allVote, isMember, primaryOf, updated } from './view';
import { haveAgreed, type Tell, type Views } from './views';
import {
  andEach,
  andThen,
  answer,
  ask,
  concede,
  isDead,
  isSame,
  meetEpoch,
  nextEpoch,
  type Now,
  type Outcome,
  quiet,
  tellAll,
} from './views-changes';

/** How often somebody is told who has not answered. */
const TELL_MS = 200;

/** How long a member may let itself be told before it is asked whether it lives. */
const SILENT_MS = 3000;

/** How long whatever a member has promised to somebody else has to come true. */
const REFUSED_MS = 1000;

/** Tells whoever has not heard yet. */
export function tellWhenDue(before: Views, { nowMs }: Now): Outcome {
  const leads = before.leads.filter((lead) => led(before, lead.arc, lead.epoch).length > 0);
  const tells = before.tells.filter((tell) => isOpen(before, tell, nowMs));
  const isSameAsBefore = leads.length === before.leads.length && tells.length === before.tells.length;
  const state = isSameAsBefore ? before : { ...before, leads, tells };
  return andEach(
    quiet(state),
    state.tells.filter(({ dueAtMs, request }) => request === undefined && dueAtMs <= nowMs),
    (next, tell) => tellNow(next, tell, nowMs),
  );
}

function isOpen(state: Views, { to, arc, epoch, untilMs }: Tell, nowMs: number): boolean {
  return nowMs < untilMs && !isDead(state, to) && led(state, arc, epoch).length > 0;
}

/** The view may have been cut since, or be settled differently in different parts of it. */
function tellNow(before: Views, tell: Tell, nowMs: number): Outcome {
  const pieces = led(before, tell.arc, tell.epoch);
  const others = before.tells.filter((each) => each !== tell);
  return andEach(quiet({ ...before, tells: others }), pieces, (state, { arc, view }) => {
    if (view === undefined) return quiet(state);
    const { to, epoch } = tell;
    const question = { type: 'view_new' as const, view };
    const [asked, effects] = ask(state, to, question, { type: 'tell', to, arc, epoch });
    const told = { ...tell, arc, request: asked.lastRequest, dueAtMs: nowMs + TELL_MS };
    return [{ ...asked, tells: [...asked.tells, told] }, effects];
  });
}

/** Somebody has heard of a view, or knows better, or did not answer. */
export function toldAnswered(
  state: Views,
  request: number,
  given: { readonly type: 'adopted' } | Nack | undefined,
  now: Now,
): Outcome {
  const tell = state.tells.find((each) => each.request === request);
  if (given?.type === 'adopted') {
    return quiet(tell ? { ...state, tells: state.tells.filter((each) => each !== tell) } : state);
  }
  const dueAtMs = now.nowMs + TELL_MS;
  const tells = state.tells.map((each) => (each === tell ? { ...each, request: undefined, dueAtMs } : each));
  const next = { ...state, tells };
  if (given === undefined) return quiet(tell && isSilentFor(state, tell, now) ? suspect(next, tell.to, now) : next);
  const known = meetEpoch(next, given.promised);
  if (tell === undefined) return quiet(known);
  const isOvertaken = given.view !== undefined && compareEpochs(given.view.epoch, tell.epoch) > 0;
  return isOvertaken ? concede(known, given.view, now) : quiet(makeAgain(known, tell, given.promised, now));
}

/** Whether a member should have heard long ago. It may have died before this node came, or unseen: it is found out whether it has. */
function isSilentFor({ leads }: Views, { epoch, untilMs }: Tell, { nowMs }: Now): boolean {
  const lead = leads.find((each) => compareEpochs(each.epoch, epoch) === 0);
  return untilMs === Infinity && lead !== undefined && nowMs - lead.sinceMs >= SILENT_MS;
}

/**
 * A member has promised something newer, of which nothing has come: it can only take part in a view that is newer
 * still. This node promises itself one, and so makes the view again.
 */
function makeAgain(
  state: Views,
  { to, arc, epoch }: Pick<Tell, 'to' | 'arc' | 'epoch'>,
  promised: Epoch,
  { nowMs }: Now,
): Views {
  const isFresh = state.leads.some(
    (lead) =>
      compareEpochs(lead.epoch, epoch) === 0 && rangesOverlap(lead.arc, arc) && nowMs - lead.sinceMs < REFUSED_MS,
  );
  if (isFresh || compareEpochs(promised, epoch) <= 0) return state;
  const pieces = led(state, arc, epoch).filter((piece) => piece.view && isMember(piece.view, to) && !isSealed(piece));
  const newer = nextEpoch(state);
  return {
    ...state,
    holdings: withPieces(
      state.holdings,
      pieces.map((piece) => ({ ...piece, promised: newer })),
    ),
  };
}

/** A learner says that it has promised something newer: until there is a view above that, it can learn nothing. */
export function askedToMakeAgain(before: Views, from: Peer, { arc, epoch, promised }: ViewBlocked, now: Now): Outcome {
  const isHere = led(before, arc, epoch).some(({ view }) => view && isMember(view, from));
  if (!isHere) return answer(before, stale(before, arc));
  return answer(makeAgain(meetEpoch(before, promised), { to: from, arc, epoch }, promised, now), { type: 'noted' });
}

/** A member says that it votes: everybody should know. */
export function askedToNote(before: Views, from: Peer, arc: Range, epoch: Epoch, { nowMs }: Now): Outcome {
  const pieces = led(before, arc, epoch).filter(({ view }) => view && isMember(view, from));
  if (pieces.length === 0) return answer(before, stale(before, arc));
  const fresh = pieces.filter(({ view }) => !view?.voters.includes(from.id));
  if (fresh.length === 0) return answer(before, { type: 'noted' });
  const holdings = withPieces(
    before.holdings,
    fresh.map((piece) => changed(piece, [from.id], Infinity)),
  );
  return andThen(answer({ ...before, holdings }, { type: 'noted' }), (state) =>
    quiet(tellAll(settle(state, arc, epoch), arc, [], nowMs)),
  );
}

/** All members of a view that this node leads have what it has, twice over. */
export function agreed(before: Views, arc: Range, epoch: Epoch, { nowMs }: Now): Outcome {
  // Parts of a view that do not touch any more are compared each by itself.
  const leads = before.leads.flatMap((lead) => {
    if (compareEpochs(lead.epoch, epoch) !== 0 || !rangesOverlap(lead.arc, arc)) return [lead];
    if (lead.isAgreed) return [lead];
    const rest = withoutRange(lead.arc, arc).map((part) => ({ ...lead, arc: part }));
    return [...commonParts(lead.arc, arc).map((part) => ({ ...lead, arc: part, isAgreed: true })), ...rest];
  });
  const state = settle({ ...before, leads }, arc, epoch);
  return quiet(state.holdings === before.holdings ? state : tellAll(state, arc, [], nowMs));
}

/** Where all members vote and have the same, whoever comes next need merge only one of them. */
function settle(state: Views, arc: Range, epoch: Epoch): Views {
  const loose = led(state, arc, epoch).filter(
    ({ view }) => view && view.syncs > 1 && allVote(view) && haveAgreed(state, view),
  );
  if (loose.length === 0) return state;
  const pieces = loose.map((piece) => changed(piece, [], 1));
  return { ...state, holdings: withPieces(state.holdings, pieces) };
}

/** A member has missed a view. */
export function makeAware(before: Views, peer: Peer, arc: Range, { nowMs }: Now): Outcome {
  const fresh = before.holdings.flatMap((piece) => {
    const { view } = piece;
    if (!view || !rangesOverlap(piece.arc, arc) || !isLed(before, piece)) return [];
    const isTold = before.tells.some((tell) => isSame(tell.to, peer) && rangesOverlap(tell.arc, piece.arc));
    if (isTold || isSame(peer, before.self)) return [];
    const untilMs = isMember(view, peer) ? Infinity : nowMs + TELL_MS;
    return [{ to: peer, arc: piece.arc, epoch: view.epoch, dueAtMs: nowMs, untilMs, request: undefined }];
  });
  return quiet(fresh.length === 0 ? before : { ...before, tells: [...before.tells, ...fresh] });
}

/** What is answered to a question under a view that is not the one here. */
export function stale(state: Views, arc: Range): Stale {
  const [piece] = holdingsIn(state.holdings, arc).filter(({ view }) => view !== undefined);
  return { type: 'stale', view: piece?.view };
}

/** The pieces in an arc that this node leads under this epoch. */
export function led(state: Views, arc: Range, epoch: Epoch): readonly Holding[] {
  return holdingsIn(state.holdings, arc).filter(
    (piece) => isLed(state, piece) && piece.view !== undefined && compareEpochs(piece.view.epoch, epoch) === 0,
  );
}

function isLed({ self }: Views, { view, role }: Holding): boolean {
  return role === 'voter' && view !== undefined && isSame(primaryOf(view), self);
}

function changed(piece: Holding, voters: Parameters<typeof updated>[1]['voters'], syncs: number): Holding {
  const { view } = piece;
  return view && !isSealed(piece) ? { ...piece, view: updated(view, { voters, syncs }) } : piece;
}
