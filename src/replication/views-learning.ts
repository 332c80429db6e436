/**
 * Views, how a node comes to have what it should have: as a newcomer, as a member that wants to vote, and as the
 * maker of a view that nobody else could vote in.
 *
 * A new member counts for nothing until it has merged the arc from the primary and from enough voters. Then it
 * votes, and says so until the primary has heard it.
 */
import type { Peer } from '../chord/peer';
import { type Range, rangesOverlap } from '../chord/range';
import { compareEpochs, type Epoch } from './epoch';
import { commonParts, type Holding, holdingsIn, isSealed, uncovered, withPieces } from './holding';
import { primaryOf, type View } from './view';
import type { Lesson, Views } from './views';
import {
  andEach,
  andThen,
  ask,
  isDead,
  isSame,
  type Now,
  type Outcome,
  quiet,
  report,
  withoutSurplus,
  withSurplus,
} from './views-changes';
import type { Attempt } from './views-attempt';
import type { SyncJob, SyncOutcome, ViewsEffect } from './views-protocol';

/** How many arcs are fetched at a time, not counting rescues. */
const JOBS_MAX = 4;

/** How long a newcomer that has everything waits to be made a member. */
const LISTEN_MS = 30_000;

/** How often a newcomer tries to fetch before it gives up. */
const LISTEN_TRIES = 3;

/** How often the primary is told who votes, until it has heard. */
const VOTE_MS = 200;

/** Learns what there is to learn. */
export function learnWhenDue(before: Views, now: Now): Outcome {
  let outcome = andThen(trim(before), (state) => dropPointless(state, now));
  outcome = andThen(outcome, (state) => quiet(withLessons(state, now)));
  outcome = andThen(outcome, (state) => graduate(state));
  outcome = andThen(outcome, (state) => startJobs(state, now));
  return andThen(outcome, (state) => sayVotes(state, now));
}

/** A job has ended. The epoch of a rescue that has failed comes back as well. */
export function lessonEnded(
  before: Views,
  job: number,
  outcome: SyncOutcome,
  { nowMs }: Now,
): [Views, Epoch | undefined] {
  const lesson = before.lessons.find((each) => each.job?.id === job);
  if (lesson?.job === undefined) return [before, undefined];
  const { source } = lesson.job;
  if (outcome === 'done') {
    const merged = [...lesson.merged.filter((id) => id !== source.id), source.id];
    const state = lesson.job.mode === 'adopt' ? withChecked(before, lesson) : before;
    return [
      withLesson(state, lesson, { ...lesson, job: undefined, merged, failures: 0, dueAtMs: nowMs, sinceMs: nowMs }),
      undefined,
    ];
  }
  const failures = lesson.failures + 1;
  const dueAtMs = nowMs + Math.min(5000, 100 * 2 ** failures);
  const state = withLesson(before, lesson, { ...lesson, job: undefined, failures, dueAtMs });
  return [state, lesson.kind === 'rescue' ? lesson.epoch : undefined];
}

/** All that is here of what this node learns is there at the primary as well. */
function withChecked(state: Views, { kind, arc, epoch }: Lesson): Views {
  if (kind !== 'learn') return state;
  const pieces = holdingsIn(state.holdings, arc).filter((piece) => isLearner(piece, epoch));
  const checked = pieces.map((piece): Holding => ({ ...piece, isChecked: true }));
  return { ...state, holdings: withPieces(state.holdings, checked) };
}

// Newcomers

/** Begins to fetch an arc as a newcomer. */
export function listen(before: Views, source: Peer, arc: Range, epoch: Epoch, { nowMs }: Now): Outcome {
  const same = before.lessons.find(
    (lesson) => isListening(lesson) && lesson.arc.lo === arc.lo && lesson.arc.hi === arc.hi && isOf(lesson, epoch),
  );
  if (same?.job !== undefined) return quiet(before);
  const replaced = before.lessons.filter((lesson) => isListening(lesson) && rangesOverlap(lesson.arc, arc));
  // What was fetched before, and is no part of this arc, is not needed here.
  const left = withLeftovers(before, replaced, nowMs);
  const noted = replaced.length === 0 ? before : { ...left, surplus: withoutSurplus(left.surplus, arc) };
  return andThen(cancel(noted, replaced), (state) => {
    const lesson = newLesson('listen', { arc, epoch, sources: [source], needed: 1, nowMs });
    return quiet({ ...state, lessons: [...state.lessons, lesson] });
  });
}

// Rescues

/** Merges an arc from all of these before it makes the view that an attempt is about. */
export function startRescue(before: Views, { arc, epoch }: Attempt, missing: readonly Peer[], { nowMs }: Now): Outcome {
  const known = before.lessons.find((lesson) => lesson.kind === 'rescue' && isOf(lesson, epoch));
  const lesson = known ?? newLesson('rescue', { arc, epoch, sources: missing, needed: Infinity, nowMs });
  const sources = [...lesson.sources, ...missing.filter((peer) => !lesson.sources.some((one) => isSame(one, peer)))];
  const isUnchanged = known !== undefined && sources.length === known.sources.length;
  return quiet(isUnchanged ? before : withLesson(before, lesson, { ...lesson, sources }));
}

/** Whether all of it has been merged from this one. */
export function rescued({ lessons }: Views, { epoch }: Attempt, peer: Peer): boolean {
  return lessons.some((lesson) => lesson.kind === 'rescue' && isOf(lesson, epoch) && lesson.merged.includes(peer.id));
}

/** The attempt is over. */
export function dropRescue(state: Views, epoch: Epoch): Outcome {
  return cancel(
    state,
    state.lessons.filter((lesson) => lesson.kind === 'rescue' && isOf(lesson, epoch)),
  );
}

/** What a node had is lost, and nobody else has it: see {@link sharesArcs}. */
export function loseStore(state: Views): Outcome {
  const lost = state.holdings.filter(({ role }) => role !== 'none');
  return [state, lost.map(({ arc, view }) => report('possible_loss', arc, view?.members ?? []))];
}

// What follows from what

/** Part of an arc may have another view by now: what is left of it is fetched by itself, for nobody has all of it any more. */
function trim(state: Views): Outcome {
  const cut = state.lessons.filter(({ kind, arc, epoch }) => {
    const pieces = kind === 'learn' ? holdingsIn(state.holdings, arc).filter((piece) => isLearner(piece, epoch)) : [];
    return pieces.length > 0 && uncovered(pieces, arc).length > 0;
  });
  if (cut.length === 0) return quiet(state);
  const parts = cut.flatMap((lesson) =>
    holdingsIn(state.holdings, lesson.arc).flatMap((piece) =>
      isLearner(piece, lesson.epoch) ? [{ ...lesson, arc: piece.arc, job: undefined }] : [],
    ),
  );
  return andThen(cancel(state, cut), (next) => quiet({ ...next, lessons: [...next.lessons, ...parts] }));
}

/** Lessons that lead to nothing any more. */
function dropPointless(state: Views, { nowMs }: Now): Outcome {
  const pointless = state.lessons.filter((lesson) => {
    const { kind, arc, epoch, job } = lesson;
    const pieces = holdingsIn(state.holdings, arc);
    if (kind === 'rescue') return !state.attempts.some((attempt) => isOf(attempt, epoch));
    if (kind === 'learn') return !pieces.some((piece) => isLearner(piece, epoch));
    if (job === undefined && (lesson.failures >= LISTEN_TRIES || nowMs - lesson.sinceMs >= LISTEN_MS)) return true;
    const isMember = ({ role, view }: Holding) => role !== 'none' && view && compareEpochs(view.epoch, epoch) >= 0;
    return uncovered(pieces.filter(isMember), arc).length === 0;
  });
  return pointless.length === 0 ? quiet(state) : cancel(withLeftovers(state, pointless, nowMs), pointless);
}

/** What was fetched for nothing is not needed here. */
function withLeftovers(state: Views, pointless: readonly Lesson[], nowMs: number): Views {
  const arcs = pointless.filter(isListening).flatMap(({ arc }) => {
    const held = state.holdings.filter(({ role }) => role !== 'none');
    return uncovered(held, arc);
  });
  return { ...state, surplus: arcs.reduce((surplus, arc) => withSurplus(surplus, arc, nowMs), state.surplus) };
}

/** Every piece in which this node learns has its lesson. */
function withLessons(state: Views, { nowMs }: Now): Views {
  const missing = state.holdings.filter(
    (piece) =>
      piece.view !== undefined &&
      isLearner(piece, piece.view.epoch) &&
      !state.lessons.some(
        (lesson) => lesson.kind === 'learn' && isLearner(piece, lesson.epoch) && covers(lesson, piece),
      ),
  );
  if (missing.length === 0) return state;
  const fresh = missing.flatMap(({ arc, view }) =>
    view ? [newLesson('learn', { arc, epoch: view.epoch, sources: [primaryOf(view)], needed: view.syncs, nowMs })] : [],
  );
  return { ...state, lessons: [...state.lessons, ...fresh] };
}

/** Whoever has merged enough votes. */
function graduate(before: Views): Outcome {
  return andEach(quiet(before), before.lessons, (state, lesson) => {
    if (lesson.kind !== 'learn' || lesson.job !== undefined) return quiet(state);
    const ready = holdingsIn(state.holdings, lesson.arc).filter(
      (piece) => isLearner(piece, lesson.epoch) && hasEnough(state, lesson, piece),
    );
    if (ready.length === 0) return quiet(state);
    const holdings = withPieces(
      state.holdings,
      ready.map(({ isChecked: _isChecked, ...piece }): Holding => ({ ...piece, role: 'voter' })),
    );
    return [{ ...state, holdings }, ready.map(({ arc, view }) => report('voter_made', arc, view?.members ?? []))];
  });
}

function hasEnough({ self }: Views, { merged, needed }: Lesson, { view }: Holding): boolean {
  if (view === undefined) return false;
  const isPrimaryMerged = merged.includes(view.primary) || view.primary === self.id;
  return isPrimaryMerged && merged.length >= Math.min(needed, view.syncs);
}

function startJobs(before: Views, { nowMs }: Now): Outcome {
  return andEach(quiet(before), before.lessons, (state, lesson) => {
    const running = state.lessons.filter(({ job, kind }) => job !== undefined && kind !== 'rescue').length;
    if (lesson.job !== undefined || lesson.dueAtMs > nowMs) return quiet(state);
    if (lesson.kind !== 'rescue' && running >= JOBS_MAX) return quiet(state);
    const next = nextJob(state, lesson);
    if (next === undefined) return quiet(state);
    const job: SyncJob = { ...next, id: state.lastJob + 1, arc: lesson.arc, epoch: lesson.epoch, purpose: lesson.kind };
    return [withLesson({ ...state, lastJob: job.id }, lesson, { ...lesson, job }), [{ type: 'sync', job }]];
  });
}

function nextJob(state: Views, lesson: Lesson): Pick<SyncJob, 'source' | 'mode' | 'floor'> | undefined {
  const { kind, merged, sources, arc, epoch, failures } = lesson;
  const rest = sources.filter(({ id }) => !merged.includes(id));
  if (kind === 'listen') return rest[0] && { source: rest[0], mode: 'adopt', floor: undefined };
  if (kind === 'rescue') return rest[0] && { source: rest[0], mode: 'merge', floor: undefined };
  const view = holdingsIn(state.holdings, arc).find((piece) => isLearner(piece, epoch))?.view;
  if (view === undefined) return undefined;
  const primary = primaryOf(view);
  if (!merged.includes(primary.id) && !isSame(primary, state.self)) {
    return { source: primary, mode: 'adopt', floor: view.floor };
  }
  const voters = othersWhoVote(state, view).filter(({ id }) => !merged.includes(id));
  const source = voters[failures % Math.max(1, voters.length)];
  return source && { source, mode: 'merge', floor: undefined };
}

/** Tells primaries in which pieces this node votes. */
function sayVotes(before: Views, { nowMs }: Now): Outcome {
  const unheard = before.holdings.filter(
    ({ role, view, promised }) =>
      role === 'voter' && view && compareEpochs(view.epoch, promised) === 0 && !view.voters.includes(before.self.id),
  );
  if (unheard.length === 0) return quiet(before.votes.length === 0 ? before : { ...before, votes: [] });
  return andEach(quiet({ ...before, votes: [] }), unheard, (state, { arc, view }) => {
    if (view === undefined) return quiet(state);
    const { epoch } = view;
    const known = before.votes.find((vote) => isOf(vote, epoch) && vote.arc.lo === arc.lo && vote.arc.hi === arc.hi);
    const isDue = known === undefined || known.dueAtMs <= nowMs;
    const vote = { arc, epoch, dueAtMs: isDue ? nowMs + VOTE_MS : known.dueAtMs };
    const next = { ...state, votes: [...state.votes, vote] };
    const to = primaryOf(view);
    return isDue ? ask(next, to, { type: 'view_voter', arc, epoch }, { type: 'vote', to, arc, epoch }) : quiet(next);
  });
}

function othersWhoVote(state: Views, { members, voters }: View): readonly Peer[] {
  return members.filter((peer) => peer.id !== state.self.id && voters.includes(peer.id) && !isDead(state, peer));
}

function cancel(state: Views, lessons: readonly Lesson[]): Outcome {
  if (lessons.length === 0) return quiet(state);
  const effects = lessons.flatMap(({ job }): ViewsEffect[] => (job ? [{ type: 'cancel_sync', job: job.id }] : []));
  return [{ ...state, lessons: state.lessons.filter((lesson) => !lessons.includes(lesson)) }, effects];
}

function newLesson(
  kind: Lesson['kind'],
  given: Pick<Lesson, 'arc' | 'epoch' | 'sources' | 'needed'> & { readonly nowMs: number },
): Lesson {
  const { nowMs, ...rest } = given;
  return { ...rest, kind, merged: [], job: undefined, dueAtMs: nowMs, failures: 0, sinceMs: nowMs };
}

function withLesson(state: Views, lesson: Lesson, next: Lesson): Views {
  const isNew = !state.lessons.includes(lesson);
  const lessons = isNew ? [...state.lessons, next] : state.lessons.map((each) => (each === lesson ? next : each));
  return { ...state, lessons };
}

const isListening = ({ kind }: Lesson) => kind === 'listen';

const isOf = (thing: { readonly epoch: Epoch }, epoch: Epoch) => compareEpochs(thing.epoch, epoch) === 0;

function isLearner(piece: Holding, epoch: Epoch): boolean {
  const { role, view } = piece;
  return role === 'learner' && view !== undefined && !isSealed(piece) && compareEpochs(view.epoch, epoch) === 0;
}

const covers = (lesson: Lesson, piece: Holding) => {
  const [part, ...more] = commonParts(piece.arc, lesson.arc);
  return part?.lo === piece.arc.lo && part.hi === piece.arc.hi && more.length === 0;
};
