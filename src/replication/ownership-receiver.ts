/**
 * Ownership, the side that fetches: a joiner gets its arc from its successor, a successor gets the
 * arc of a leaver.
 *
 * It leads: it opens the session, sends what it has of the arc already, fetches the rest chunk by
 * chunk, lets the source hold writes back, compares, and takes. Each question may be repeated, so an
 * answer that was lost costs nothing but time; a session that was lost is begun again. It owns the
 * arc when it is told so, and not before.
 */
import type { Peer } from '../chord/peer';
import type { Range } from '../chord/range';
import type { SyncAnswer, SyncGranted, SyncOpened, SyncQuestion } from '../protocol/rpc-sync';
import { BEAT_AGE_MS_MAX, isAlone, type Ownership, type ReceiverSession, type ReceiverStage } from './ownership';
import {
  ask,
  epochAfter,
  isSame,
  meet,
  type Outcome,
  own,
  quiet,
  type Random,
  report,
  soon,
} from './ownership-changes';
import type { OwnershipEffect, OwnershipEvent } from './ownership-protocol';
import { SESSION_TIMEOUT_MS } from './ownership-source';

/** Most bytes that are asked for at a time. */
export const CHUNK_BYTES_MAX = 256 * 1024;

/** How long a leaver that has been accepted may take to answer. */
const HEIR_PATIENCE_MS = 3000;

/** How often a digest is looked at before everything is fetched again: mirrored writes may still be on their way. */
const LOOKS_MAX = 12;
const LOOK_INTERVAL_MS = 25;

/** How often everything is fetched before the session is begun anew. */
const PASSES_MAX = 3;

type Answered = Extract<OwnershipEvent, { type: 'answered' }>;

/** A session that has not begun. */
export function newReceiver(kind: ReceiverSession['kind'], from: Peer, nowMs: number): ReceiverSession {
  return {
    kind,
    from,
    turn: 0,
    ownerlessSinceMs: undefined,
    stage: 'opening',
    session: 0,
    arc: undefined,
    after: undefined,
    request: undefined,
    askedAtMs: nowMs,
    dueAtMs: nowMs,
    progressAtMs: nowMs,
    digest: undefined,
    looks: 0,
    passes: 0,
    pushed: undefined,
  };
}

/** Starts to fetch what a joiner gets, where there is nothing yet. */
export function joinWhenEmpty(state: Ownership, nowMs: number): Ownership {
  const { ring, owned, receiver, isGone } = state;
  const [head] = ring.successors;
  if (!ring.isMember || owned || receiver || isGone || head === undefined || isAlone(state)) return state;
  return { ...state, receiver: newReceiver('join', head, nowMs), isNew: false };
}

/** Asks the next question, if it is time to. */
export function fetchWhenDue(before: Ownership, nowMs: number): Outcome {
  const state = expire(before, nowMs);
  const { receiver } = state;
  if (receiver === undefined || receiver.request !== undefined || nowMs < receiver.dueAtMs) return quiet(state);
  switch (receiver.stage) {
    case 'opening':
      return openAt(state, receiver, nowMs);
    case 'pushing':
      return push(state, receiver, nowMs);
    case 'pulling': {
      const { session, after } = receiver;
      return asks(state, receiver, { type: 'sync_next', session, after, bytesMax: CHUNK_BYTES_MAX }, nowMs);
    }
    case 'sealing':
      return asks(state, receiver, { type: 'sync_seal', session: receiver.session }, nowMs);
    case 'comparing':
      return compare(state, receiver);
    case 'taking':
      return asks(state, receiver, { type: 'sync_take', session: receiver.session }, nowMs);
  }
}

/** What the source has answered. */
export function fetchAnswered(before: Ownership, event: Answered, nowMs: number, random: Random): Outcome {
  const receiver = before.receiver && { ...before.receiver, request: undefined };
  if (receiver === undefined) return quiet(before);
  const state = { ...before, receiver };
  const { answer, from } = event;
  if (receiver.stage === 'opening') return opened({ ...state, receiver: { ...receiver, from } }, answer, nowMs, random);
  // What answers from there now has been restarted, and knows nothing of this.
  if (!isSame(from, receiver.from)) return quiet(restart(state, receiver, soon(nowMs, random)));
  const progress = { ...receiver, progressAtMs: nowMs, dueAtMs: nowMs };
  switch (answer.type) {
    case 'pushed':
      return quiet(goTo(state, progress, event.after === undefined ? 'pulling' : 'pushing', event.after));
    case 'chunk': {
      const next = goTo(state, progress, answer.after === undefined ? 'sealing' : 'pulling', answer.after);
      return [next, [{ type: 'store', records: answer.records }]];
    }
    case 'sealed':
      return quiet(goTo(state, { ...progress, digest: answer.digest, looks: 0 }, 'comparing', undefined));
    case 'granted':
      return granted(state, receiver, answer, nowMs);
    default:
      return quiet(restart(state, receiver, soon(nowMs, random)));
  }
}

/** Whether this node has by now what the source has. */
export function compared(state: Ownership, isEqual: boolean, nowMs: number, random: Random): Outcome {
  const { receiver } = state;
  if (receiver?.stage !== 'comparing') return quiet(state);
  const settled = { ...receiver, request: undefined };
  if (isEqual) return quiet(goTo(state, { ...settled, dueAtMs: nowMs }, 'taking', undefined));
  if (receiver.looks < LOOKS_MAX) {
    const dueAtMs = nowMs + LOOK_INTERVAL_MS;
    const wake: OwnershipEffect = { type: 'wake', afterMs: LOOK_INTERVAL_MS };
    return [{ ...state, receiver: { ...settled, looks: receiver.looks + 1, dueAtMs } }, [wake]];
  }
  const passes = receiver.passes + 1;
  // What the source does not have, however often it is fetched from there, is to be sent there again.
  if (passes >= PASSES_MAX) return quiet(restart(state, { ...settled, pushed: undefined }, soon(nowMs, random)));
  return quiet(goTo(state, { ...settled, passes, dueAtMs: soon(nowMs, random) }, 'pulling', undefined));
}

/** Nobody answered: the same question again a little later. */
export function fetchFailed(state: Ownership, nowMs: number, random: Random): Ownership {
  const { receiver } = state;
  if (receiver === undefined) return state;
  const again = { request: undefined, turn: 0, ownerlessSinceMs: undefined, dueAtMs: soon(nowMs, random) };
  return { ...state, receiver: { ...receiver, ...again } };
}

/** Gives up what it is fetching; a joiner begins again, from whoever comes after it then. */
export function dropReceiver(state: Ownership): Ownership {
  return state.receiver === undefined ? state : { ...state, receiver: undefined };
}

// Internal

/** Lets go of a session that stands still, and of a leaver that does not let anybody fetch. */
function expire(state: Ownership, nowMs: number): Ownership {
  const { receiver, owned } = state;
  if (receiver === undefined) return state;
  const waitedMs = nowMs - receiver.progressAtMs;
  if (receiver.kind === 'join') {
    const isStuck = receiver.stage !== 'opening' && waitedMs >= SESSION_TIMEOUT_MS;
    return isStuck ? restart(state, receiver, nowMs) : state;
  }
  const isStuck = waitedMs >= (receiver.stage === 'opening' ? HEIR_PATIENCE_MS : SESSION_TIMEOUT_MS);
  return isStuck || owned?.arc.lo !== receiver.from.id ? dropReceiver(state) : state;
}

function openAt(state: Ownership, receiver: ReceiverSession, nowMs: number): Outcome {
  const { ring } = state;
  const isJoin = receiver.kind === 'join';
  // Whoever comes after this node by now: since the last time somebody may have come or gone.
  const from = (isJoin && (ring.successors[receiver.turn] ?? ring.successors[0])) || receiver.from;
  const after = isJoin ? ring.predecessor.id : from.id;
  return asks(state, { ...receiver, from }, { type: 'sync_open', after, kind: receiver.kind }, nowMs);
}

function asks(state: Ownership, receiver: ReceiverSession, question: SyncQuestion, nowMs: number): Outcome {
  const [next, request, effect] = ask(state, receiver.from, question);
  return [{ ...next, receiver: { ...receiver, request, askedAtMs: nowMs } }, [effect]];
}

function push(state: Ownership, receiver: ReceiverSession, nowMs: number): Outcome {
  const { from, session, arc, after } = receiver;
  if (arc === undefined) return quiet(restart(state, receiver, nowMs));
  const request = state.lastRequest + 1;
  return [
    { ...state, lastRequest: request, receiver: { ...receiver, request, askedAtMs: nowMs } },
    [{ type: 'push', to: from, session, arc, after, request }],
  ];
}

function compare(state: Ownership, receiver: ReceiverSession): Outcome {
  const { arc, digest } = receiver;
  if (arc === undefined || digest === undefined) return quiet(state);
  const request = state.lastRequest + 1;
  const next = { ...state, lastRequest: request, receiver: { ...receiver, request } };
  return [next, [{ type: 'compare', arc, digest, request }]];
}

function opened(
  state: Ownership & { readonly receiver: ReceiverSession },
  answer: SyncAnswer,
  nowMs: number,
  random: Random,
): Outcome {
  const { receiver, self } = state;
  const end = receiver.kind === 'join' ? self.id : receiver.from.id;
  if (answer.type === 'granted') return granted(state, receiver, answer, nowMs);
  if (answer.type === 'opened' && answer.arc.hi === end) return quiet(begin(state, receiver, answer, nowMs));
  // Two that leave at once may each wait for the other: the one that was asked to take over lets go.
  if (receiver.kind === 'leave') return quiet(dropReceiver(state));
  if (answer.type === 'not_owner') return quiet({ ...state, receiver: askFurther(state, receiver, nowMs, random) });
  const later = { ...receiver, turn: 0, ownerlessSinceMs: undefined, dueAtMs: soon(nowMs, random) };
  return quiet({ ...state, receiver: later });
}

/** Whoever was asked owns nothing either: the first of the list that does has what this node is to get. */
function askFurther({ ring }: Ownership, receiver: ReceiverSession, nowMs: number, random: Random): ReceiverSession {
  const turn = receiver.turn + 1;
  if (turn < ring.successors.length) return { ...receiver, turn, dueAtMs: nowMs };
  // Only a list that goes all round the ring shows that nobody at all owns anything.
  const isRound = ring.successors.some(({ id }) => id === ring.predecessor.id);
  const ownerlessSinceMs = isRound ? (receiver.ownerlessSinceMs ?? nowMs) : undefined;
  return { ...receiver, turn: 0, ownerlessSinceMs, dueAtMs: soon(nowMs, random) };
}

function begin(
  state: Ownership,
  receiver: ReceiverSession,
  { session, arc, epoch }: SyncOpened,
  nowMs: number,
): Ownership {
  const { pushed } = receiver;
  const isPushed = pushed && isSame(pushed.to, receiver.from) && pushed.arc.lo === arc.lo && pushed.arc.hi === arc.hi;
  const next = { ...receiver, session, arc, passes: 0, progressAtMs: nowMs, dueAtMs: nowMs };
  return goTo(meet(state, epoch), next, isPushed ? 'pulling' : 'pushing', undefined);
}

function goTo(
  state: Ownership,
  receiver: ReceiverSession,
  stage: ReceiverStage,
  after: ReceiverSession['after'],
): Ownership {
  const { from, arc } = receiver;
  const pushed = stage === 'pulling' && arc ? { to: from, arc } : receiver.pushed;
  return { ...state, receiver: { ...receiver, stage, after, pushed } };
}

function restart(state: Ownership, receiver: ReceiverSession, dueAtMs: number): Ownership {
  if (receiver.kind === 'leave') return dropReceiver(state);
  const fresh = newReceiver('join', receiver.from, dueAtMs);
  return { ...state, receiver: { ...fresh, pushed: receiver.pushed } };
}

/** From now on it is the owner. Where the answer was long on its way, it asks first whether it still is. */
function granted(state: Ownership, receiver: ReceiverSession, { arc, epoch }: SyncGranted, nowMs: number): Outcome {
  const { self, owned } = state;
  const isFresh = nowMs - receiver.askedAtMs <= BEAT_AGE_MS_MAX;
  const without = { ...meet(state, epoch), receiver: undefined };
  const held = receiver.kind === 'join' ? joined(without, arc, self, epoch) : grown(without, arc, owned?.arc);
  if (held === undefined) return quiet(without);
  const next = own(without, held.arc, held.epoch, nowMs);
  return [
    {
      ...next,
      isConfirmed: isFresh && (owned === undefined || state.isConfirmed),
      claim: { ...next.claim, granter: receiver.from },
    },
    [report('arc_received', arc, receiver.from)],
  ];
}

function joined(_state: Ownership, arc: Range, self: Peer, epoch: SyncGranted['epoch']) {
  return arc.hi === self.id ? { arc, epoch } : undefined;
}

/** The leaver's arc goes in front of what is here. */
function grown(state: Ownership, arc: Range, before: Range | undefined) {
  if (before?.lo !== arc.hi) return undefined;
  return { arc: { lo: arc.lo, hi: before.hi }, epoch: epochAfter(state, 1) };
}
