/**
 * Handoff: the process that moves arcs between this node and its neighbours.
 *
 * What it decides stands in src/replication/ownership*.ts; what it has decided stands in a table
 * that everybody reads, and that outlives it. Started by supervisors/replication-sup.ts.
 */
import type { Peer } from '../src/chord/peer';
import { ets, genServer, serverNamed } from '../src/otp';
import type { Ownership } from '../src/replication/ownership';
import * as keptTable from './kept-table';

// API

/** What the others in this node tell it. */
export type Cast =
  | { readonly type: 'ring_changed' }
  | { readonly type: 'verdict'; readonly peer: Peer; readonly isAlive: boolean }
  /** A write could not be brought to the one that it is mirrored to: give that transfer up. */
  | { readonly type: 'mirror_failed'; readonly to: Peer };

export const NAME = serverNamed<never, Cast>('handoff');

/** What this node owns, and when the owner of that knowledge last looked at the clock (monotonic). */
export interface ArcsRow {
  readonly id: 'arcs';
  readonly ownership: Ownership;
  readonly beatMs: number;
}

const TABLE = ets.tableName<ArcsRow, 'id'>('arcs');

/** What this node owns: one look-up, no hop. Undefined until it is known, or when it is lost. */
export function read(): { readonly ownership: Ownership; readonly beatMs: number } | undefined {
  return keptTable.rowOf(TABLE, 'arcs');
}

/** Gives up the transfer to this node, since a write could not be brought there. */
export const mirrorFailed = (to: Peer) => genServer.cast(NAME, { type: 'mirror_failed', to });
