/**
 * Handoff: what a node tells the process that agrees with other nodes who keeps copies of which arc, and what it
 * knows from it. The other half is actors/handoff-process.ts.
 *
 * Whoever serves a key or an arc reads the table that handoff publishes, and asks nobody. Nobody waits for it
 * either: while it is being restarted, what is said is lost, and said again when it matters.
 */
import type { Peer } from '../src/chord/peer';
import type { Range } from '../src/chord/range';
import { type Ask, ets, genServer, serverNamed } from '../src/otp';
import type { Epoch } from '../src/replication/epoch';
import type { Writer } from '../src/replication/version';
import type { View } from '../src/replication/view';
import type { Views } from '../src/replication/views';
import type { LeaveOutcome, SyncOutcome, ViewsEvent } from '../src/replication/views-protocol';
import * as keptTable from './kept-table';

// API

/** What the others in this node tell it. */
export type Cast =
  | { readonly type: 'ring_changed' }
  /** The replica syncer begins anew: it does not know what it was fetching. */
  | { readonly type: 'syncer_started' }
  | Extract<ViewsEvent, { type: 'verdict' | 'heard_of' | 'unaware' | 'synced' | 'agreed' | 'listener_seen' }>;

/** What it is asked. */
export type Call =
  | Ask<'leave', Left, { withinMs: number }>
  | Ask<'move_out', true, { forMs: number }>
  | Ask<'create', true>;

/** How leaving has ended, and how many records no other node has been found for. */
export interface Left {
  readonly outcome: LeaveOutcome;
  readonly recordsLeft: number;
}

/** The one row of the table in which handoff publishes what this node keeps copies of. */
export interface ArcsRow {
  readonly id: 'arcs';
  readonly views: Views;
  /** When handoff last looked at the clock (monotonic). */
  readonly beatMs: number;
  /** Who has written what the key-value table had when it was last looked at: another one begins with nothing. */
  readonly writer: Writer | undefined;
}

export const NAME = serverNamed<Call, Cast>('handoff');
export const TABLE = ets.tableName<ArcsRow, 'id'>('arcs');

/** What this node keeps copies of: one look-up, no hop. Undefined until it is known, or when it is lost. */
export const read = (): ArcsRow | undefined => keptTable.rowOf(TABLE, 'arcs');

/** A call between replicas has shown that there is this view. */
export const heardOf = (view: View) => genServer.cast(NAME, { type: 'heard_of', view });

/** A call between replicas has shown that this member has missed a view of the arc. */
export const unaware = (peer: Peer, arc: Range) => genServer.cast(NAME, { type: 'unaware', peer, arc });

/** Fetching an arc has ended. */
export const synced = (job: number, outcome: SyncOutcome) => genServer.cast(NAME, { type: 'synced', job, outcome });

/** All members of a view that this node leads have been compared with it twice since it began, and agree. */
export const agreed = (arc: Range, epoch: Epoch) => genServer.cast(NAME, { type: 'agreed', arc, epoch });

/** A newcomer has been seen to go on fetching. */
export const listenerSeen = (peer: Peer, arc: Range) => genServer.cast(NAME, { type: 'listener_seen', peer, arc });

/** The replica syncer is there, and has nothing to do yet. */
export const syncerStarted = () => genServer.cast(NAME, { type: 'syncer_started' });

/** Makes the first view of a new ring, of which this node is the first member. */
export const create = () => genServer.call(NAME, { type: 'create' });

/**
 * Has others take over all that this node keeps copies of, before it leaves the ring. Answers when that
 * is done, or when there is nothing to be done, or after `withinMs`.
 */
export const leave = (withinMs = LEAVE_MS) =>
  genServer.call(NAME, { type: 'leave', withinMs }, withinMs + LEAVE_GRACE_MS);

/**
 * Gives up the ring of its own that a node is alone in, with nothing in it, so that it can join another; for no
 * longer than this. With 0, it makes one anew.
 */
export const moveOut = (forMs: number) => genServer.call(NAME, { type: 'move_out', forMs });

// Internal

const LEAVE_MS = 8000;
/** Longer than a handler takes. */
const LEAVE_GRACE_MS = 1000;
