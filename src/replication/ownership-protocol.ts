/**
 * The words of ownership: what can happen to what a node owns, and what it wants done.
 *
 * Records pass through unread. Whatever is asked is answered by the same step, by exactly one
 * `answer…` effect, so nobody's question waits here for anybody else's answer.
 */
import type { Id } from '../chord/id';
import type { Peer } from '../chord/peer';
import type { Range } from '../chord/range';
import type { SyncAnswer, SyncQuestion } from '../protocol/rpc-sync';
import type { Record } from '../store/record';
import type { Epoch } from './epoch';
import type { ArcDigest, LeaveOutcome, RingView } from './ownership';

/** What happens. */
export type OwnershipEvent =
  /** Every {@link BEAT_INTERVAL_MS}: that it comes in time shows that the node was not stopped. */
  | { readonly type: 'tick' }
  /** A `wake` is due. */
  | { readonly type: 'woken' }
  | { readonly type: 'ring'; readonly ring: RingView }
  /** What the failure detector has found out. */
  | { readonly type: 'verdict'; readonly peer: Peer; readonly isAlive: boolean }
  /** To be answered by this step's `answer…` effect. */
  | { readonly type: 'asked'; readonly from: Peer; readonly question: SyncQuestion }
  /** `after`: where the next push goes on, where this answers one; undefined: that was all. */
  | {
      readonly type: 'answered';
      readonly request: number;
      readonly from: Peer;
      readonly answer: SyncAnswer;
      readonly after?: Id | undefined;
    }
  | { readonly type: 'failed'; readonly request: number }
  | { readonly type: 'compared'; readonly request: number; readonly isEqual: boolean }
  /** A write could not be brought to the one that it is mirrored to. */
  | { readonly type: 'mirror_failed'; readonly to: Peer }
  | { readonly type: 'strays_sent'; readonly request: number; readonly outcome: StraysOutcome }
  /** A slice of a surplus arc was dropped; `isAll`: nothing is left of it. */
  | { readonly type: 'dropped'; readonly arc: Range; readonly isAll: boolean }
  | { readonly type: 'leave'; readonly deadlineMs: number }
  /** A node that is alone gives up the ring of its own, in which there is nothing: it joins another, or does not after all. */
  | { readonly type: 'move_out'; readonly untilMs: number };

/** How it went with records that were sent to their owner. */
export type StraysOutcome =
  /** All of them are there; `after`: the last one's identifier; undefined: there are no more. */
  | { readonly type: 'stored'; readonly after: Id | undefined }
  /** It is not the owner, and says who is. */
  | { readonly type: 'not_owner'; readonly hint: Peer | undefined }
  | { readonly type: 'failed' };

/** Answers that are complete without the table and the clock. */
export type PlainAnswer = Extract<
  SyncAnswer,
  { type: 'busy' | 'not_owner' | 'no_session' | 'pushed' | 'accepted' | 'agreed' | 'contested' }
>;

/** What a node wants done. */
export type OwnershipEffect =
  | { readonly type: 'ask'; readonly to: Peer; readonly question: SyncQuestion; readonly request: number }
  /** Send the next records of the arc from behind `after` on, as a `sync_push`. */
  | {
      readonly type: 'push';
      readonly to: Peer;
      readonly session: number;
      readonly arc: Range;
      readonly after: Id | undefined;
      readonly request: number;
    }
  | { readonly type: 'answer'; readonly answer: PlainAnswer }
  /** Answer `opened`, with how much there is. */
  | { readonly type: 'answer_opened'; readonly session: number; readonly arc: Range; readonly epoch: Epoch }
  /** Answer `chunk`. */
  | { readonly type: 'answer_chunk'; readonly arc: Range; readonly after: Id | undefined; readonly bytesMax: number }
  /** Answer `sealed`, with the digest of the arc. */
  | { readonly type: 'answer_sealed'; readonly arc: Range }
  /** Answer `granted`, with the latest version of this node's clock. */
  | { readonly type: 'answer_granted'; readonly session: number; readonly arc: Range; readonly epoch: Epoch }
  /** Merge records into the table, before anything that follows. */
  | { readonly type: 'store'; readonly records: readonly Record[] }
  /** Compare the table's digest of the arc with this, and say so at once by `compared`. */
  | { readonly type: 'compare'; readonly arc: Range; readonly digest: ArcDigest; readonly request: number }
  /** Send the first records of the arc to `to`, and say so by `strays_sent`. */
  | { readonly type: 'send_strays'; readonly to: Peer; readonly arc: Range; readonly request: number }
  /** Drop up to {@link DROP_SLICE} records of the arc, and say so by `dropped`. */
  | { readonly type: 'drop'; readonly arc: Range }
  | { readonly type: 'wake'; readonly afterMs: number }
  /** Something that an operator may want to read later. */
  | { readonly type: 'report'; readonly event: OwnershipReport; readonly peer: Peer | undefined; readonly arc: Range }
  /** There is nothing more to wait for: the node may leave the ring. */
  | { readonly type: 'left'; readonly outcome: LeaveOutcome };

/** What is reported. */
export type OwnershipReport =
  | 'arc_created'
  | 'arc_received'
  | 'arc_granted'
  | 'arc_taken_over'
  | 'arc_lost'
  | 'arc_yielded';

/** How often a node beats. */
export const BEAT_INTERVAL_MS = 100;

/** How many records are dropped at a time. */
export const DROP_SLICE = 1000;
