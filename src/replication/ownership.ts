/**
 * Ownership: which keys a node answers for, apart from which nodes it points to.
 *
 * A node's pointers move at once, as the ring's protocol wants it; what it owns moves only when
 * somebody hands it over, or has died. So each key has one owner at every moment, also while
 * pointers are in flux. A holding is one piece that ends in the node itself, `(lo, self]`: a joiner
 * is given the front of its successor's piece, a leaver's piece goes in front of its successor's.
 * "Nothing" is the absence of a holding, never an arc: `(n, n]` is the whole circle.
 *
 * This page has the state and what can be read off it at any moment, by whoever has a key in hand.
 * How it moves on is in ownership-step.ts.
 */
import { betweenOpen, type Id, type KeyId, type NodeId } from '../chord/id';
import type { Peer } from '../chord/peer';
import { inRange, type Range } from '../chord/range';
import type { Epoch } from './epoch';
import type { RingView } from './ring-view';

/** An arc, and when it came to its holder. */
export interface Holding {
  readonly arc: Range;
  readonly epoch: Epoch;
}

export type { RingView };

/** The side that gives: somebody is fetching an arc from here. */
export interface SourceSession {
  readonly session: number;
  readonly kind: 'join' | 'leave';
  readonly to: Peer;
  readonly arc: Range;
  /** Until when writes in the arc wait; undefined: they do not. */
  readonly sealedUntilMs: number | undefined;
  readonly progressAtMs: number;
}

/** How far the side that fetches has come. */
export type ReceiverStage = 'opening' | 'pushing' | 'pulling' | 'sealing' | 'comparing' | 'taking';

/** The side that fetches: this node is about to get an arc. */
export interface ReceiverSession {
  /** `leave`: a predecessor has asked to be relieved of it. */
  readonly kind: 'join' | 'leave';
  readonly from: Peer;
  /** Which of the successors a joiner asks: those before it own nothing. */
  readonly turn: number;
  /** Since when nobody of the whole list has owned anything. */
  readonly ownerlessSinceMs: number | undefined;
  readonly stage: ReceiverStage;
  /** The source's number, 0 before it has told it. */
  readonly session: number;
  /** What will be had; undefined before the source has told it. */
  readonly arc: Range | undefined;
  /** Behind which key the next push or pull begins. */
  readonly after: Id | undefined;
  /** The question that is under way; undefined: none is, and the next follows at `dueAtMs`. */
  readonly request: number | undefined;
  readonly askedAtMs: number;
  readonly dueAtMs: number;
  readonly progressAtMs: number;
  /** What the source has told of the sealed arc. */
  readonly digest: ArcDigest | undefined;
  /** How often the digest was looked at and found different. */
  readonly looks: number;
  /** How often everything was fetched. */
  readonly passes: number;
  /** Who has been sent what was here before of which arc; it need not be sent again. */
  readonly pushed: { readonly to: Peer; readonly arc: Range } | undefined;
}

/** The digest of an arc, as src/store/digest.ts has it. */
export interface ArcDigest {
  readonly count: number;
  readonly fp0: number;
  readonly fp1: number;
}

/** An arc that was given away: to answer the same question again, and to show others the way. */
export interface Grant extends Holding {
  readonly session: number;
  readonly kind: 'join' | 'leave';
  readonly to: Peer;
  readonly atMs: number;
  /** Whether the new owner has said that it knows. Nothing more is given away before. */
  readonly isConfirmed: boolean;
}

/** What a node has said last about what it holds. */
export interface SeenClaim extends Holding {
  readonly from: Peer;
  /** When it said so; undefined: it has died since. */
  readonly atMs: number | undefined;
}

/** What this node asks of its successor: that it may go on serving what it holds. */
export interface ClaimState {
  readonly request: number | undefined;
  readonly to: Peer;
  readonly epoch: Epoch;
  readonly askedAtMs: number;
  readonly dueAtMs: number;
  /** Which of the successors is asked: those before it could not speak for the arc. */
  readonly turn: number;
  /** Whom to ask before the successors: after a pause, whoever stands in the midst of what this node holds may hold it. */
  readonly within: Peer | undefined;
  /** Who gave this node its arc, and waits to hear that it has come. */
  readonly granter: Peer | undefined;
}

/** Records that are no longer this node's to serve. */
export interface Surplus {
  readonly arc: Range;
  /** Who got the arc with equal digests; undefined: nobody, and it still has to be sent to its owner. */
  readonly to: Peer | undefined;
  readonly sinceMs: number;
}

/** Surplus records on their way to whoever owns them. */
export interface StrayState {
  readonly request: number | undefined;
  readonly to: Peer | undefined;
  /** The part of a surplus arc that is being sent. */
  readonly arc: Range | undefined;
  readonly dueAtMs: number;
  readonly hops: number;
}

/** `handed_over`: the successor has everything; `nothing`: there was nothing; `alone`: there is nobody; `late`: time was up. */
export type LeaveOutcome = 'handed_over' | 'nothing' | 'alone' | 'late';

/** On the way out. */
export interface Leaving {
  readonly deadlineMs: number;
  readonly to: Peer | undefined;
  readonly request: number | undefined;
  readonly dueAtMs: number;
}

/** All that a node knows about what it owns. Immutable. */
export interface Ownership {
  readonly self: Peer;
  readonly ring: RingView;
  /** Always `(lo, self]`. */
  readonly owned: Holding | undefined;
  /** False after a pause: somebody may have taken over what is held here. */
  readonly isConfirmed: boolean;
  /** Whether it has ever owned anything or seen anybody: a node that has not, and is alone, is a new ring. */
  readonly isNew: boolean;
  /** Until when it does not make a ring of its own, for it is about to join another; undefined: it is not. */
  readonly onItsWayUntilMs: number | undefined;
  readonly source: SourceSession | undefined;
  readonly receiver: ReceiverSession | undefined;
  /** The latest first. */
  readonly grants: readonly Grant[];
  readonly claim: ClaimState;
  /** One for each node, the latest first. */
  readonly claimsSeen: readonly SeenClaim[];
  /** The start of what is held, once the pointer to the predecessor has come up to it. */
  readonly metLo: Id | undefined;
  /** Since when the predecessor has been behind what is held: its former owner has died. */
  readonly gapSinceMs: number | undefined;
  readonly surplus: readonly Surplus[];
  readonly strays: StrayState;
  readonly leaving: Leaving | undefined;
  /** It has handed over all it had, or given that up, and will not own anything again. */
  readonly isGone: boolean;
  /** How leaving ended; undefined: it has not. */
  readonly left: LeaveOutcome | undefined;
  /** The highest epoch that it has met anywhere. */
  readonly highestN: number;
  readonly lastRequest: number;
  readonly lastSession: number;
  /** When it last looked at the clock: see {@link isAwake}. */
  readonly beatMs: number;
  /** When it was stopped last, and for how long. */
  readonly pause: { readonly endMs: number; readonly ms: number };
}

/** What is to be done with a request for a key here. */
export type Standing =
  /** It is this node's. `mirror`: a write is acknowledged only once that one has it too; `sealed`: writes wait. */
  | { readonly type: 'mine'; readonly mirror: Peer | undefined; readonly sealed: boolean }
  /** It is this node's any moment now, or not: wait a little and look again. */
  | { readonly type: 'arriving' }
  | { readonly type: 'elsewhere'; readonly hint: Peer | undefined };

/** How old the last beat may be in a node that serves: one that was paused for longer asks first. */
export const BEAT_AGE_MS_MAX = 400;

/** So long after a pause there may be something left to read that came during it. */
const PAUSE_MEMORY_MS = 500;

const MINE: Standing = { type: 'mine', mirror: undefined, sealed: false };
const ARRIVING: Standing = { type: 'arriving' };

/** A node that owns nothing. */
export function ownsNothing(self: Peer, nowMs: number): Ownership {
  const epoch = { n: 0, by: self.inc };
  return {
    self,
    ring: { isMember: false, predecessor: self, successors: [self], isSettled: true, isComplete: true },
    owned: undefined,
    isConfirmed: true,
    isNew: true,
    onItsWayUntilMs: undefined,
    source: undefined,
    receiver: undefined,
    grants: [],
    claim: {
      request: undefined,
      to: self,
      epoch,
      askedAtMs: nowMs,
      dueAtMs: nowMs,
      turn: 0,
      within: undefined,
      granter: undefined,
    },
    claimsSeen: [],
    metLo: undefined,
    gapSinceMs: undefined,
    surplus: [],
    strays: { request: undefined, to: undefined, arc: undefined, dueAtMs: nowMs, hops: 0 },
    leaving: undefined,
    isGone: false,
    left: undefined,
    highestN: 0,
    lastRequest: 0,
    // Not from 1 on: a session of an earlier incarnation must not be taken for one of this.
    lastSession: Number(self.inc % 2n ** 31n) * 2 ** 20,
    beatMs: nowMs,
    pause: { endMs: nowMs, ms: 0 },
  };
}

/**
 * What is left when the process that moved it on has crashed: what is owned and what was given away,
 * but nothing that was under way. Its questions have been lost, and are asked again.
 */
export function afterCrash(ownership: Ownership, nowMs: number): Ownership {
  const { claim, strays, leaving } = ownership;
  return {
    ...ownership,
    source: undefined,
    receiver: undefined,
    claim: { ...claim, request: undefined, turn: 0, dueAtMs: nowMs },
    strays: { ...strays, request: undefined },
    leaving: leaving && { ...leaving, request: undefined, dueAtMs: nowMs },
  };
}

/** What is to be done with a request for this key. To be asked in the turn in which the table is read or written. */
export function standingOf(ownership: Ownership, key: KeyId): Standing {
  const { owned, source, receiver } = ownership;
  if (owned && inRange(key, owned.arc)) {
    if (!ownership.isConfirmed) return ARRIVING;
    if (source === undefined || !inRange(key, source.arc)) return MINE;
    return { type: 'mine', mirror: source.to, sealed: source.sealedUntilMs !== undefined };
  }
  if (receiver?.arc && inRange(key, receiver.arc)) {
    return isAboutToHave(receiver) ? ARRIVING : { type: 'elsewhere', hint: receiver.from };
  }
  if (isInGap(ownership, key)) return ARRIVING;
  return { type: 'elsewhere', hint: hintFor(ownership, key) };
}

/** Whether every key is this node's, and no transfer is under way: then no key need be hashed to know it. */
export function ownsWholeRing({ owned, self, source, isConfirmed }: Ownership): boolean {
  return owned !== undefined && owned.arc.lo === self.id && source === undefined && isConfirmed;
}

/** Whether a node that beat last at `beatMs` may serve: it has not been stopped, so nobody has buried it. */
export function isAwake(beatMs: number, nowMs: number): boolean {
  return nowMs - beatMs <= BEAT_AGE_MS_MAX;
}

/**
 * How long a write may have waited already that is read now: a node that was stopped finds what came meanwhile. It
 * must not do, after others' writes, what whoever asked has long given up.
 */
export function waitedMs({ pause }: Ownership, beatMs: number, nowMs: number): number {
  if (!isAwake(beatMs, nowMs)) return nowMs - beatMs;
  return nowMs - pause.endMs < PAUSE_MEMORY_MS ? pause.ms : 0;
}

/**
 * Whether a copy of a record that another node sends should be stored and acknowledged: it is this
 * node's, or comes with an arc that is on its way here. Others it must refuse, for whoever sends them forgets
 * them then: what is only here, and not where the arc comes from, could never come out equal.
 */
export function acceptsReplica(ownership: Ownership, key: KeyId, from: NodeId): boolean {
  const { owned, source, receiver } = ownership;
  if (owned && inRange(key, owned.arc)) {
    // Nothing may come into a sealed arc behind the back of whoever compares its digest.
    return source?.sealedUntilMs === undefined || !inRange(key, source.arc);
  }
  // Writes are mirrored from the moment the source has opened, which this node may not have heard yet.
  if (receiver?.from.id !== from) return false;
  return receiver.arc === undefined || inRange(key, receiver.arc);
}

/** What a node is doing, as others see it. */
export function stateOf({ owned, leaving, isGone }: Ownership): 'joining' | 'active' | 'leaving' {
  if (leaving !== undefined || isGone) return 'leaving';
  return owned === undefined ? 'joining' : 'active';
}

/** Whether it is in a ring where there is nobody else. */
export function isAlone({ ring, self }: Ownership): boolean {
  return ring.isMember && (ring.successors[0] ?? self).id === self.id;
}

/** What a node has said last about what it holds. */
export function claimOf({ claimsSeen }: Ownership, id: Id | undefined): SeenClaim | undefined {
  return claimsSeen.find(({ from }) => from.id === id);
}

function isAboutToHave({ stage }: ReceiverSession): boolean {
  return stage === 'sealing' || stage === 'comparing' || stage === 'taking';
}

/** The arc of a dead predecessor, which this node is about to take over. */
function isInGap({ ring, owned, gapSinceMs, self }: Ownership, key: KeyId): boolean {
  if (gapSinceMs === undefined) return false;
  const lo = ring.predecessor.id;
  const hi = owned?.arc.lo ?? self.id;
  return lo === hi || key === hi || betweenOpen(key, lo, hi);
}

function hintFor({ grants, owned, ring, self }: Ownership, key: KeyId): Peer | undefined {
  const grant = grants.find(({ arc }) => inRange(key, arc));
  if (grant) return grant.to;
  const [head] = ring.successors;
  return owned === undefined && ring.isMember && head?.id !== self.id ? head : undefined;
}
