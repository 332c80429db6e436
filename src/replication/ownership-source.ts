/**
 * Ownership, the side that gives: somebody fetches an arc from here, and at the end takes it.
 *
 * The source stays the owner until the one step in which it grants: it serves reads, and every write
 * in the arc is mirrored to the receiver from the step on in which the session was opened. Before
 * the end writes wait for a moment, so that both can compare what they have; only an arc that was
 * compared is taken. A session can be forgotten at any time: the receiver begins again.
 *
 * Only one arc is given at a time, and the next one only after the new owner of the last has said
 * that it knows. So when a grant is lost on the way, nobody is asked for an arc that is in the air.
 */
import { betweenOpen, type Id } from '../chord/id';
import type { Peer } from '../chord/peer';
import { inRange } from '../chord/range';
import type { SyncNext, SyncOpen, SyncQuestion } from '../protocol/rpc-sync';
import { claimOf, type Grant, type Ownership, type SourceSession } from './ownership';
import { addSurplus, epochAfter, isSame, type Outcome, own, rememberGrant, report } from './ownership-changes';
import type { OwnershipEffect, PlainAnswer } from './ownership-protocol';

/** How long writes wait at most while a receiver compares. */
export const SEAL_MS = 500;

/** How long a session may stand still: longer than any of its questions takes. Nobody else is let in meanwhile. */
export const SESSION_TIMEOUT_MS = 10_000;

/** How long it may stand still that was only opened: whoever did may be asking somebody else by now. */
const UNUSED_TIMEOUT_MS = 3000;

/** How long a new owner may take to say that it knows. */
export const CONFIRM_TIMEOUT_MS = 10_000;

const answer = (state: Ownership, plain: PlainAnswer): Outcome => [state, [{ type: 'answer', answer: plain }]];
const busy = (state: Ownership) => answer(state, { type: 'busy' });
const noSession = (state: Ownership) => answer(state, { type: 'no_session' });

/** Answers a question of a session. */
export function askedAsSource(
  state: Ownership,
  from: Peer,
  question: Extract<SyncQuestion, { session: number }>,
  nowMs: number,
): Outcome {
  const { source } = state;
  if (source?.session !== question.session || !isSame(source.to, from)) return repeatOrRefuse(state, from, question);
  switch (question.type) {
    case 'sync_push':
      if (source.sealedUntilMs !== undefined) return noSession(dropSource(state));
      return [
        moved(state, source, nowMs),
        [
          { type: 'store', records: question.records },
          { type: 'answer', answer: { type: 'pushed' } },
        ],
      ];
    case 'sync_next':
      return [moved(state, source, nowMs), [chunkOf(source, question)]];
    case 'sync_seal': {
      const sealedUntilMs = source.sealedUntilMs ?? nowMs + SEAL_MS;
      const sealed = { ...state, source: { ...source, sealedUntilMs, progressAtMs: nowMs } };
      const wake: OwnershipEffect = { type: 'wake', afterMs: sealedUntilMs - nowMs };
      return [sealed, [{ type: 'answer_sealed', arc: source.arc }, wake]];
    }
    case 'sync_take':
      return mayBeTaken(state, source, nowMs) ? grant(state, source, nowMs) : noSession(dropSource(state));
  }
}

/**
 * Answers whoever wants an arc: `not_owner` where nothing is owned, so that it asks further on. A leaver lets
 * joiners in as well, for there may be nobody else whom it could leave something to.
 */
export function askedToOpen(state: Ownership, from: Peer, question: SyncOpen, nowMs: number): Outcome {
  if (state.isGone || !state.ring.isMember) {
    return answer(state, { type: 'not_owner', hint: state.isGone ? state.grants[0]?.to : undefined });
  }
  if (state.owned === undefined) return answer(state, { type: 'not_owner', hint: undefined });
  if (!state.isConfirmed) return busy(state);
  return question.kind === 'leave' ? openForHeir(state, from, nowMs) : openForJoiner(state, from, question, nowMs);
}

/** Forgets a session: writes are no longer mirrored, and nothing can be taken. */
export function dropSource(state: Ownership): Ownership {
  return state.source === undefined ? state : { ...state, source: undefined };
}

/** Lets go of what has waited for too long. */
export function expireSource(state: Ownership, nowMs: number): Ownership {
  const { source } = state;
  if (source === undefined) return state;
  if (nowMs - source.progressAtMs >= SESSION_TIMEOUT_MS || hasGone(state, source)) return dropSource(state);
  if (source.sealedUntilMs === undefined || nowMs < source.sealedUntilMs) return state;
  return { ...state, source: { ...source, sealedUntilMs: undefined } };
}

/** Whether a new owner has been given an arc and has not said yet that it knows. */
export function awaitsConfirmation({ grants }: Ownership, nowMs: number): boolean {
  const [last] = grants;
  return last !== undefined && !last.isConfirmed && nowMs - last.atMs < CONFIRM_TIMEOUT_MS;
}

function openForJoiner(state: Ownership, joiner: Peer, { after }: SyncOpen, nowMs: number): Outcome {
  const { owned, self } = state;
  if (owned === undefined || joiner.id === self.id) return busy(state);
  if (owned.arc.lo === joiner.id) {
    const granted = state.grants.find(({ to, kind }) => kind === 'join' && isSame(to, joiner));
    return granted ? repeat(state, granted) : openVacant(state, joiner, after, nowMs);
  }
  // Somebody in between has it, or had it and is dead: the pointers will show which.
  if (!inRange(joiner.id, owned.arc) || !hasSeen(state, joiner)) return busy(state);
  if (!isFreeFor(state, joiner, nowMs)) return busy(state);
  return open(state, joiner, 'join', nowMs);
}

/**
 * The arc before this one has nobody: what the joiner was before it was restarted had it, or somebody
 * who has died. It is this node's for as long as it takes to give it away with all that is left of it.
 */
function openVacant(state: Ownership, joiner: Peer, after: Id, nowMs: number): Outcome {
  const { self, ring } = state;
  const isSensible = after !== joiner.id && !betweenOpen(after, joiner.id, self.id) && isSame(ring.predecessor, joiner);
  if (!isSensible || !isFreeFor(state, joiner, nowMs)) return busy(state);
  const arc = { lo: after, hi: self.id };
  const taken = own(state, arc, epochAfter(state, 2), nowMs);
  const [opened, effects] = open({ ...taken, source: undefined }, joiner, 'join', nowMs);
  return [opened, [report('arc_taken_over', arc), ...effects]];
}

/** The successor fetches all that a leaver holds. */
function openForHeir(state: Ownership, heir: Peer, nowMs: number): Outcome {
  if (state.leaving?.to?.id !== heir.id) return answer(state, { type: 'not_owner', hint: undefined });
  return isFreeFor(state, heir, nowMs) ? open(state, heir, 'leave', nowMs) : busy(state);
}

function open(state: Ownership, to: Peer, kind: 'join' | 'leave', nowMs: number): Outcome {
  const { owned } = state;
  if (owned === undefined) return busy(state);
  const session = state.lastSession + 1;
  const arc = kind === 'join' ? { lo: owned.arc.lo, hi: to.id } : owned.arc;
  // Whoever has not heard that it is open may be asking somebody else by now: that shows soon.
  const progressAtMs = nowMs - SESSION_TIMEOUT_MS + UNUSED_TIMEOUT_MS;
  const source: SourceSession = { session, kind, to, arc, sealedUntilMs: undefined, progressAtMs };
  return [{ ...state, lastSession: session, source }, [{ type: 'answer_opened', session, arc, epoch: owned.epoch }]];
}

/** One transfer at a time. Whoever asks again has begun again, perhaps after a restart. */
function isFreeFor(state: Ownership, peer: Peer, nowMs: number): boolean {
  const { source, receiver } = state;
  if (receiver !== undefined || awaitsConfirmation(state, nowMs)) return false;
  return source === undefined || (source.to.id === peer.id && source.to.inc <= peer.inc);
}

/**
 * Whether this node's own pointer has come up to the joiner. Were it still behind, the joiner would
 * look dead as soon as it had the arc, for what is behind a dead predecessor is taken back.
 */
function hasSeen({ ring, self }: Ownership, joiner: Peer): boolean {
  return !betweenOpen(joiner.id, ring.predecessor.id, self.id);
}

/** Whether the ring does without the receiver by now. */
function hasGone(state: Ownership, { kind, to }: SourceSession): boolean {
  return kind === 'join' ? !hasSeen(state, to) : !state.ring.successors.some(({ id }) => id === to.id);
}

function mayBeTaken(state: Ownership, source: SourceSession, nowMs: number): boolean {
  const { owned, isConfirmed } = state;
  const isSealed = source.sealedUntilMs !== undefined && nowMs < source.sealedUntilMs;
  if (!isSealed || !isConfirmed || owned?.arc.lo !== source.arc.lo) return false;
  return source.kind === 'leave' || hasSeen(state, source.to);
}

/** The one step in which an arc passes to another node. */
function grant(state: Ownership, { session, kind, to, arc }: SourceSession, nowMs: number): Outcome {
  const epoch = epochAfter(state, 1);
  const given: Grant = { session, kind, to, arc, epoch, atMs: nowMs, isConfirmed: false };
  const rest: Ownership =
    kind === 'join'
      ? own({ ...state, source: undefined }, { lo: to.id, hi: state.self.id }, epoch, nowMs)
      : { ...state, source: undefined, owned: undefined, isGone: true, highestN: epoch.n };
  return [
    addSurplus(rememberGrant(rest, given), arc, to, nowMs),
    [{ type: 'answer_granted', session, arc, epoch }, report('arc_granted', arc, to)],
  ];
}

/** A grant that was lost on the way is given again, for as long as the arc has not come back. */
function repeatOrRefuse(state: Ownership, from: Peer, { type, session }: SyncQuestion & { session: number }): Outcome {
  const granted = state.grants.find((each) => each.session === session && isSame(each.to, from));
  const isValid = granted && (granted.kind === 'leave' || granted.to.id === state.owned?.arc.lo);
  return type === 'sync_take' && granted && isValid ? repeat(state, granted) : noSession(state);
}

/** What it has made of its arc meanwhile it has said itself; it may have forgotten that. */
function repeat(state: Ownership, { session, to, arc, epoch }: Grant): Outcome {
  const seen = claimOf(state, to.id);
  const latest = seen && isSame(seen.from, to) && seen.epoch.n > epoch.n ? seen : { arc, epoch };
  return [state, [{ type: 'answer_granted', session, arc: latest.arc, epoch: latest.epoch }]];
}

function moved(state: Ownership, source: SourceSession, nowMs: number): Ownership {
  return { ...state, source: { ...source, progressAtMs: nowMs } };
}

function chunkOf({ arc }: SourceSession, { after, bytesMax }: SyncNext): OwnershipEffect {
  return { type: 'answer_chunk', arc, after, bytesMax };
}
