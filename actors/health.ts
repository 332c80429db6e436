/**
 * Health: what a node tells its failure detector, and what it knows from it. The other half is
 * actors/failure-detector.ts.
 *
 * It stands apart because everybody speaks with the failure detector, and it with everybody: the
 * links to other nodes report to it and are what it probes with. Nobody waits for an answer; while
 * the failure detector is being restarted, what is said is lost and said again, and everybody is trusted.
 */
import type { NodeId } from '../src/chord/id';
import type { Peer } from '../src/chord/peer';
import { isDead as isKnownDead, isSuspect, rtoOf, type SuspicionState } from '../src/chord/suspicion';
import { type ClockReading, NO_SAMPLES, readingOf } from '../src/replication/clock-watch';
import { ets, genServer, serverNamed } from '../src/otp';
import * as keptTable from './kept-table';

// API

/** What the failure detector is told. */
export type Told =
  /** A sign of life, with how long it took where it was the answer to something. */
  | { readonly type: 'heard'; readonly peer: Peer; readonly rttMs: number | undefined }
  /** A question was not answered in time. */
  | { readonly type: 'missed'; readonly peer: Peer }
  /** A connection to it broke, or could not be made. `isSevered`: it was in use, and ended without a word. */
  | { readonly type: 'lost'; readonly peer: Peer; readonly isSevered: boolean }
  /** Somebody cannot go on before it is known whether this one lives: there will be a verdict. */
  | { readonly type: 'judge'; readonly peer: Peer }
  /** The ring's pointers have changed. */
  | { readonly type: 'ring_changed' };

/** The one row of the table in which the failure detector publishes what it thinks. */
export interface HealthRow {
  readonly id: 'health';
  readonly suspicion: SuspicionState;
  readonly clock: ClockReading;
}

export const NAME = serverNamed<never, Told>('failure-detector');
export const TABLE = ets.tableName<HealthRow, 'id'>('health');

export const heard = (peer: Peer, rttMs?: number) => genServer.cast(NAME, { type: 'heard', peer, rttMs });
export const missed = (peer: Peer) => genServer.cast(NAME, { type: 'missed', peer });
export const lost = (peer: Peer, isSevered = false) => genServer.cast(NAME, { type: 'lost', peer, isSevered });
export const judge = (peer: Peer) => genServer.cast(NAME, { type: 'judge', peer });

/** What is thought of everybody; undefined while the failure detector is being restarted. */
export const read = (): SuspicionState | undefined => keptTable.rowOf(TABLE, 'health')?.suspicion;

/** How this node's clock compares with its neighbours'; while nobody knows, it is right. */
export const clockReading = (): ClockReading => keptTable.rowOf(TABLE, 'health')?.clock ?? UNKNOWN_CLOCK;

/** Whether this node's clock is too wrong to order writes by. */
export const isSkewed = (): boolean => clockReading().isSkewed;

/** Whether a peer is worth asking: neither suspect nor dead. */
export function isTrusted(id: NodeId): boolean {
  const suspicion = read();
  return suspicion === undefined || !isSuspect(suspicion, id);
}

/** Whether a peer has been found dead. */
export function isDead(id: NodeId): boolean {
  const suspicion = read();
  return suspicion !== undefined && isKnownDead(suspicion, id);
}

/** How long to wait for a peer's answer. */
export function rtoMs(id: NodeId): number {
  const suspicion = read();
  return suspicion === undefined ? RTO_UNKNOWN_MS : rtoOf(suspicion, id);
}

// Internal

const UNKNOWN_CLOCK: ClockReading = readingOf(NO_SAMPLES, 0);

/** As for a peer that has not answered yet. */
const RTO_UNKNOWN_MS = 200;
