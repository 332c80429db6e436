/**
 * Views of one node: what it holds, what it is about to change, and what can be read off that.
 *
 * A node's pointers move at once, as the ring's protocol wants it. Who keeps copies of a key changes only
 * when the view of its arc does, so that two majorities always have a node in common. This page has the
 * state, and what whoever has a key in hand reads off it at any moment; how it moves on is in views-step.ts.
 */
import type { KeyId, NodeId } from '../chord/id';
import type { Peer } from '../chord/peer';
import { type Range, rangesOverlap } from '../chord/range';
import { compareEpochs, type Epoch } from './epoch';
import { holdingAt, type Holdings, holdingsIn, uncovered } from './holding';
import type { RingView } from './ring-view';
import { ELSEWHERE, type Place, placeAt, type ReplicaStanding, type Standing } from './standing';
import { allVote, isMember, quorumOf, type View } from './view';
import type { Attempt } from './views-attempt';
import { BEAT_INTERVAL_MS, type LeaveOutcome, type SyncJob } from './views-protocol';

export type { ReplicaStanding, Standing } from './standing';

/** Who is to become a member of an arc that this node leads. From `fetching` on it gets copies of all writes. */
export interface Newcomer {
  readonly peer: Peer;
  readonly arc: Range;
  /** Of the view under which it fetches. */
  readonly epoch: Epoch;
  /** `invited`: or about to be. `absent`: it did not come, or made no progress; it is invited again later. */
  readonly state: 'invited' | 'fetching' | 'ready' | 'absent';
  /** When it was last seen to go on, or is asked first. */
  readonly seenAtMs: number;
  /** When it is asked, for the first time or again. */
  readonly dueAtMs: number;
  /** How often it has failed to come. */
  readonly failures: number;
  readonly request: number | undefined;
}

/** What this node fetches. `listen`: as a newcomer; `learn`: so as to vote; `rescue`: for a view that it is about to make. */
export interface Lesson {
  readonly kind: SyncJob['purpose'];
  readonly arc: Range;
  /** Of the view under which it is fetched; in a rescue, of the view to be made. */
  readonly epoch: Epoch;
  /** From whom it has been fetched already. */
  readonly merged: readonly NodeId[];
  /** From whom it may be fetched; the first one first. */
  readonly sources: readonly Peer[];
  /** From how many of them it has to be. */
  readonly needed: number;
  readonly job: SyncJob | undefined;
  /** When it goes on, unless a job is under way. */
  readonly dueAtMs: number;
  readonly failures: number;
  readonly sinceMs: number;
}

/** Records that this node need not keep: it is no member of their arc any more. */
export interface Surplus {
  readonly arc: Range;
  readonly sinceMs: number;
  readonly dueAtMs: number;
  /** Its primary has said that all members of this view have the same; slices of the arc are being dropped. */
  readonly clearedUnder: View | undefined;
  readonly request: number | undefined;
}

/** A view that this node leads. */
export interface Lead {
  readonly arc: Range;
  readonly epoch: Epoch;
  readonly sinceMs: number;
  /** All members have been compared with this node since it began, and agreed. */
  readonly isAgreed: boolean;
}

/** Somebody who has to hear of a view that this node leads. */
export interface Tell {
  readonly to: Peer;
  readonly arc: Range;
  readonly epoch: Epoch;
  readonly dueAtMs: number;
  readonly untilMs: number;
  readonly request: number | undefined;
}

/** Whether a silent node is dead: it refuses every connection, and others have seen that too. */
export interface Trial {
  readonly peer: Peer;
  /** How often it has refused in a row, and since when. */
  readonly refusals: number;
  readonly refusedSinceMs: number;
  /** Who else has found it dead. */
  readonly witnesses: readonly NodeId[];
  readonly dueAtMs: number;
  readonly asksAtMs: number;
  /** Whether this node itself wants to know: only then are others asked. */
  readonly isOwn: boolean;
  /** Nobody has asked for it since. */
  readonly wantedAtMs: number;
}

/** What a question that is under way was about. */
export type Matter =
  | { readonly type: 'attempt'; readonly id: number; readonly to: Peer }
  | { readonly type: 'tell'; readonly to: Peer; readonly arc: Range; readonly epoch: Epoch }
  | { readonly type: 'invite'; readonly to: Peer; readonly arc: Range; readonly epoch: Epoch }
  | { readonly type: 'vote'; readonly to: Peer; readonly arc: Range; readonly epoch: Epoch }
  | { readonly type: 'depart'; readonly to: Peer }
  | { readonly type: 'look'; readonly to: Peer; readonly arc: Range }
  | { readonly type: 'probe'; readonly to: Peer }
  | { readonly type: 'death_of'; readonly to: Peer; readonly target: Peer }
  | { readonly type: 'clean_up'; readonly to: Peer; readonly arc: Range; readonly view: View };

/** Parts of this node's own arc have no view, as far as is known here, or one whose members are all dead. */
export interface Orphaned {
  readonly sinceMs: number;
  /** When others are asked (again). */
  readonly dueAtMs: number;
  /** Who has said what he knows. */
  readonly answered: readonly NodeId[];
}

/** This node leaves the ring. */
export interface Leaving {
  readonly deadlineMs: number;
  /** Who has noted it. */
  readonly noted: readonly NodeId[];
  readonly dueAtMs: number;
  /** When those who have noted it are told again, before they forget. */
  readonly renewAtMs: number;
  /** Arcs that it had, whose views without it have not been seen to be complete. */
  readonly arcs: readonly Range[];
  readonly left: LeaveOutcome | undefined;
}

/** What a node knows of the views that matter to it, and what it is doing about them. Immutable. */
export interface Views {
  readonly self: Peer;
  /** How many copies there should be. */
  readonly replicas: number;
  /** How long records stay that need not be kept. */
  readonly cleanUpDelayMs: number;
  readonly ring: RingView;
  readonly holdings: Holdings;
  /** Follows from all the rest: what is to be done with a request for a key. */
  readonly places: readonly Place[];
  /** At most one for any point of the ring. */
  readonly attempts: readonly Attempt[];
  readonly newcomers: readonly Newcomer[];
  readonly lessons: readonly Lesson[];
  readonly leads: readonly Lead[];
  readonly tells: readonly Tell[];
  readonly trials: readonly Trial[];
  readonly orphaned: Orphaned | undefined;
  readonly surplus: readonly Surplus[];
  readonly matters: ReadonlyMap<number, Matter>;
  /** What had been asked up to this number was under way at this moment. */
  readonly underWay: { readonly atMs: number; readonly request: number };
  /** Who is leaving, and until when that is remembered. */
  readonly departing: ReadonlyMap<NodeId, number>;
  /** The incarnations that the failure detector has called dead, and nothing has been heard of since. */
  readonly dead: ReadonlyMap<NodeId, Peer>;
  /** The incarnations that are dead for certain, and their forerunners: nobody can have what they had. */
  readonly gone: ReadonlyMap<NodeId, bigint>;
  /** Incarnations that were called dead and came back. */
  readonly flaps: ReadonlyMap<NodeId, Flap>;
  readonly dues: readonly Due[];
  readonly holdOffs: readonly HoldOff[];
  readonly votes: readonly Vote[];
  readonly leaving: Leaving | undefined;
  /** It gives up a ring of its own, and must not make a view of its own until then. */
  readonly onItsWayUntilMs: number | undefined;
  readonly highestN: number;
  readonly lastRequest: number;
  readonly lastJob: number;
  readonly lastAttempt: number;
  readonly beatMs: number;
  /** When it was stopped last, and for how long. */
  readonly pause: { readonly endMs: number; readonly ms: number };
}

/** A piece that should get a new view. */
export interface Due {
  readonly arc: Range;
  readonly reason: 'sealed' | 'again' | 'primary' | 'members' | 'merge';
  readonly rank: number;
  /** Not before that. */
  readonly dueAtMs: number;
}

/** A piece in which an attempt has failed a moment ago. */
export interface HoldOff {
  readonly arc: Range;
  readonly untilMs: number;
}

/** Somebody who was called dead and came back, and until when it is not made a member again. */
export interface Flap {
  readonly inc: bigint;
  readonly count: number;
  readonly untilMs: number;
}

/** A piece in which this node votes, which its primary has not heard yet. */
export interface Vote {
  readonly arc: Range;
  readonly epoch: Epoch;
  readonly dueAtMs: number;
}

/** A node that was stopped for longer has not seen what happened meanwhile. */
const BEAT_AGE_MS_MAX = 4 * BEAT_INTERVAL_MS;

const CLEAN_UP_DELAY_MS = 30_000;

/** So long after a pause there may be something left to read that came during it. */
const PAUSE_MEMORY_MS = 500;

/** A node that has no view and knows of none. */
export function noViews(self: Peer, replicas: number, nowMs: number, cleanUpDelayMs = CLEAN_UP_DELAY_MS): Views {
  return {
    self,
    replicas,
    cleanUpDelayMs,
    ring: { isMember: false, predecessor: self, successors: [self], isSettled: true, isComplete: true },
    holdings: [],
    places: [],
    attempts: [],
    newcomers: [],
    lessons: [],
    leads: [],
    tells: [],
    trials: [],
    orphaned: undefined,
    surplus: [],
    matters: new Map(),
    underWay: { atMs: nowMs, request: 0 },
    departing: new Map(),
    dead: new Map(),
    // Whatever was here before it was restarted is dead.
    gone: new Map([[self.id, self.inc - 1n]]),
    flaps: new Map(),
    dues: [],
    holdOffs: [],
    votes: [],
    leaving: undefined,
    onItsWayUntilMs: undefined,
    highestN: 0,
    lastRequest: 0,
    lastJob: 0,
    lastAttempt: 0,
    beatMs: nowMs,
    pause: { endMs: nowMs, ms: 0 },
  };
}

/** What is to be done with a request for this key. To be asked in the turn in which the table is read or written. */
export function standingOf({ places }: Views, key: KeyId): Standing {
  return placeAt(places, key)?.standing ?? ELSEWHERE;
}

/** Whether a call from another replica under this epoch may be served. */
export function replicaStanding({ places }: Views, key: KeyId, epoch: Epoch): ReplicaStanding {
  const place = placeAt(places, key);
  if (place === undefined) return STALE;
  const { replica, listens, stale } = place;
  if (replica && compareEpochs(replica.epoch, epoch) === 0) return replica.standing;
  return listens && compareEpochs(listens, epoch) === 0 ? LISTENER : stale;
}

const LISTENER: ReplicaStanding = { type: 'listener' };
const STALE: ReplicaStanding = { type: 'stale', view: undefined };

/** Who may fetch an arc here under this epoch: members and newcomers of exactly this view, and whoever it was promised to. */
export function mayFetch(
  views: Views,
  arc: Range,
  epoch: Epoch,
  from: Peer,
): 'yes' | { readonly view: View | undefined } {
  const pieces = holdingsIn(views.holdings, arc);
  const isAll = uncovered(pieces, arc).length === 0;
  const other = pieces.find(({ role, view, promised, arc: piece }) => {
    if (role === 'none' || view === undefined) return true;
    if (compareEpochs(promised, epoch) !== 0) return true;
    if (promised.by === from.inc) return false;
    if (compareEpochs(view.epoch, epoch) !== 0) return true;
    return !isMember(view, from) && !isNewcomer(views, piece, from);
  });
  return isAll && other === undefined ? 'yes' : { view: other?.view };
}

/** Whether the view of the whole ring has this node alone: then no key need be hashed to know who serves it. */
export function holdsWholeRing({ places }: Views): boolean {
  const [place] = places;
  if (places.length !== 1 || place?.standing.type !== 'primary') return false;
  const { arc, standing } = place;
  return arc.lo === arc.hi && standing.view.members.length === 1 && standing.listeners.length === 0;
}

/** The views that are known of an arc, cut down to it. */
export function viewsKnown({ holdings }: Pick<Views, 'holdings'>, arc: Range): readonly View[] {
  return holdingsIn(holdings, arc).flatMap(({ view }) => view ?? []);
}

/** Whether all members of a view that this node leads vote, and have been found to have the same since it began. */
export function isSettled(views: Pick<Views, 'leads'>, view: View): boolean {
  return allVote(view) && haveAgreed(views, view);
}

/** Whether all members of a view that this node leads have been found to have the same in all of an arc. */
export function haveAgreed({ leads }: Pick<Views, 'leads'>, { arc, epoch }: Pick<View, 'arc' | 'epoch'>): boolean {
  const agreed = leads.filter((lead) => lead.isAgreed && compareEpochs(lead.epoch, epoch) === 0);
  return uncovered(agreed, arc).length === 0;
}

/** Whether this node can stop and leave a voting majority behind everywhere, of members that are there. */
export function isSafeToStop({ holdings, ring, self }: Views, isThere: (peer: Peer) => boolean): boolean {
  if ((ring.successors[0] ?? self).id === self.id) return false;
  return holdings.every(({ view, role, promised }) => {
    if (view === undefined || role === 'none') return true;
    const { members } = view;
    const others = members.filter((peer) => peer.id !== self.id && isThere(peer));
    return compareEpochs(promised, view.epoch) === 0 && allVote(view) && others.length >= quorumOf(members.length);
  });
}

/**
 * Whether others count on what this node has. Should it lose that, it would have to be somebody else: it has acknowledged
 * what it has forgotten, and nobody could tell.
 */
export function sharesArcs({ holdings }: Pick<Views, 'holdings'>): boolean {
  return holdings.some(({ role, view }) => role !== 'none' && view !== undefined && view.members.length > 1);
}

/** What a node is doing, as others see it: it is one of them once it votes where it stands. */
export function stateOf({ leaving, holdings, self }: Views): 'joining' | 'active' | 'leaving' {
  if (leaving !== undefined) return 'leaving';
  return holdingAt(holdings, self.id)?.role === 'voter' ? 'active' : 'joining';
}

/** Whether it is in a ring where there is nobody else. */
export function isAlone({ ring, self }: Pick<Views, 'ring' | 'self'>): boolean {
  return ring.isMember && (ring.successors[0] ?? self).id === self.id;
}

/**
 * What is left when the process that moved it on has crashed: what is held and promised, but nothing that
 * was under way. Its questions have been lost, and are asked again.
 */
export function afterCrash(views: Views, nowMs: number): Views {
  const again = { request: undefined, dueAtMs: nowMs };
  return {
    ...views,
    attempts: [],
    matters: new Map(),
    dues: [],
    holdOffs: [],
    votes: [],
    trials: [],
    lessons: views.lessons.flatMap((lesson) =>
      lesson.kind === 'rescue' ? [] : [{ ...lesson, job: undefined, dueAtMs: nowMs }],
    ),
    newcomers: views.newcomers.map((newcomer) => ({ ...newcomer, ...again })),
    tells: views.tells.map((tell) => ({ ...tell, ...again })),
    surplus: views.surplus.map((surplus) => ({ ...surplus, ...again, clearedUnder: undefined })),
  };
}

/** Whether a node that beat last at `beatMs` has been running since. */
export function isAwake(beatMs: number, nowMs: number): boolean {
  return nowMs - beatMs <= BEAT_AGE_MS_MAX;
}

/**
 * How long a write may have waited already that is read now: a node that was stopped finds what came meanwhile. It
 * must not do, after others' writes, what whoever asked has long given up.
 */
export function waitedMs({ pause }: Views, beatMs: number, nowMs: number): number {
  if (!isAwake(beatMs, nowMs)) return nowMs - beatMs;
  return nowMs - pause.endMs < PAUSE_MEMORY_MS ? pause.ms : 0;
}

function isNewcomer({ newcomers }: Views, arc: Range, { id, inc }: Peer): boolean {
  return newcomers.some(
    (newcomer) => newcomer.peer.id === id && newcomer.peer.inc === inc && rangesOverlap(newcomer.arc, arc),
  );
}
