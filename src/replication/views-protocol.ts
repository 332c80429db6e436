/**
 * The words of views: what can happen to what a node holds, and what it wants done.
 *
 * Whatever is asked is answered in the same step, by exactly one `answer` effect, so nobody's question
 * waits here for anybody else's answer. Records do not pass through: they are fetched by whoever
 * performs `sync` (src/replication/sync-job.ts), and go straight into the table.
 */
import type { Peer } from '../chord/peer';
import type { Range } from '../chord/range';
import type { SyncOpen, SyncOpened, SyncReady } from '../protocol/rpc-sync';
import type { Sealed, Stale, ViewAnswer, ViewQuestion } from '../protocol/rpc-views';
import type { Epoch } from './epoch';
import type { RingView } from './ring-view';
import type { Version } from './version';
import type { View } from './view';

/** What is asked of the process that holds views. */
export type ViewsQuestion = ViewQuestion | SyncOpen | SyncReady;

/** What it answers. All else in `opened` is filled in by whoever performs the answer. */
export type ViewsAnswer =
  | ViewAnswer
  | Omit<SyncOpened, 'digest' | 'bytes' | 'floor' | 'horizons'>
  | Stale
  | { readonly type: 'busy' };

/**
 * An arc to be fetched. `adopt`: whatever is here and not at the source is a leftover and goes, unless the source's
 * node wrote it later than `floor`, or it is `ev`; `merge`: the newer record of each key stays.
 */
export interface SyncJob {
  readonly id: number;
  readonly arc: Range;
  readonly epoch: Epoch;
  readonly source: Peer;
  readonly mode: 'adopt' | 'merge';
  /** In mode `adopt`; undefined: what the source says when it is opened. */
  readonly floor: Version | undefined;
  /** A newcomer says when it has everything: see {@link SyncReady}. */
  readonly purpose: 'listen' | 'learn' | 'rescue';
}

/** How a job ended. `stale`: the source has another view, or none. */
export type SyncOutcome = 'done' | 'stale' | 'failed';

/** What happens. */
export type ViewsEvent =
  /** Every {@link BEAT_INTERVAL_MS}. */
  | { readonly type: 'tick' }
  | { readonly type: 'ring'; readonly ring: RingView }
  /** What the failure detector has found out. */
  | { readonly type: 'verdict'; readonly peer: Peer; readonly isAlive: boolean }
  /** To be answered by this step's `answer` effect. */
  | { readonly type: 'asked'; readonly from: Peer; readonly question: ViewsQuestion }
  | { readonly type: 'answered'; readonly request: number; readonly from: Peer; readonly answer: ViewAnswer }
  /** `isRefused`: nobody listens at its address. */
  | { readonly type: 'failed'; readonly request: number; readonly isRefused: boolean }
  | { readonly type: 'synced'; readonly job: number; readonly outcome: SyncOutcome }
  /** Somebody who fetches as a newcomer has been seen to go on. */
  | { readonly type: 'listener_seen'; readonly peer: Peer; readonly arc: Range }
  /** A call between replicas has shown that this member has missed a view. */
  | { readonly type: 'unaware'; readonly peer: Peer; readonly arc: Range }
  /** A call has shown that this view exists. */
  | { readonly type: 'heard_of'; readonly view: View }
  /** All members of a view that this node leads have been compared with it twice since it began, and agree. */
  | { readonly type: 'agreed'; readonly arc: Range; readonly epoch: Epoch }
  /** A slice of what this node need not keep was dropped; `isAll`: nothing is left of it. */
  | { readonly type: 'dropped'; readonly arc: Range; readonly isAll: boolean }
  /** It was not: what may be nowhere else could not be given to those who keep the arc. */
  | { readonly type: 'not_dropped'; readonly arc: Range }
  /** The table was lost with its heir: this node has nothing of what it has promised to have. */
  | { readonly type: 'store_lost' }
  /** This node is the first of a new ring. */
  | { readonly type: 'create' }
  /** A node that is alone gives up the ring of its own, in which there is nothing: it joins another, or does not after all. */
  | { readonly type: 'move_out'; readonly untilMs: number }
  | { readonly type: 'leave'; readonly deadlineMs: number };

/** What a node wants done. */
export type ViewsEffect =
  | { readonly type: 'ask'; readonly to: Peer; readonly question: ViewQuestion; readonly request: number }
  | { readonly type: 'answer'; readonly answer: ViewsAnswer }
  /** Answer `sealed` with this and the clock. */
  | { readonly type: 'answer_sealed'; readonly pieces: Sealed['pieces'] }
  /** Let the clock see these, before anything that follows. */
  | { readonly type: 'observe'; readonly versions: readonly Version[] }
  | { readonly type: 'sync'; readonly job: SyncJob }
  | { readonly type: 'cancel_sync'; readonly job: number }
  /**
   * See to it that the members of the view have what was written in eventual mode, of the first {@link DROP_SLICE} records at
   * least, then drop these, and say so by `dropped`.
   */
  | { readonly type: 'drop'; readonly arc: Range; readonly view: View }
  /** Take no record of an arc for too old: its view begins empty, whatever was forgotten there before. */
  | { readonly type: 'begin_anew'; readonly arc: Range }
  /** Something that an operator may want to read later. */
  | {
      readonly type: 'report';
      readonly event: ViewsReport;
      readonly peer: Peer | undefined;
      readonly arc: Range;
      readonly members: readonly Peer[];
    }
  /** There is nothing more to wait for: the node may leave the ring. */
  | { readonly type: 'left'; readonly outcome: LeaveOutcome };

/** `handed_over`: every arc has a view without this node, all of whose members vote; `nothing`: there was nothing; `alone`: there is nobody; `late`: time was up. */
export type LeaveOutcome = 'handed_over' | 'nothing' | 'alone' | 'late';

/** What is reported. */
export type ViewsReport =
  | 'view_made'
  | 'view_adopted'
  | 'view_ended'
  | 'voter_made'
  | 'possible_loss'
  | 'arc_orphaned'
  | 'member_dead';

/** How often a node beats. */
export const BEAT_INTERVAL_MS = 100;

/** How many records are dropped at a time. */
export const DROP_SLICE = 1000;
