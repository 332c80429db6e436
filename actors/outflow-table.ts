/**
 * Outflow table: the row in which a node keeps to whom it is giving whole arcs, see src/replication/outflow.ts. Every
 * connection through which somebody fetches looks at it. No process, only its hands; the replica syncer owns it.
 */
import type { Peer } from '../src/chord/peer';
import { currentSelf, ets } from '../src/otp';
import { CHUNK_RECORDS_MAX, type SyncNext } from '../src/protocol/rpc-sync';
import { holdingsIn, isSealed } from '../src/replication/holding';
import { NO_OUTFLOW, type Outflow, withAsking, withServed } from '../src/replication/outflow';
import type { ReplicaAnswer } from '../src/protocol/rpc-data';
import type { SourceAnswer } from '../src/replication/sync-source';
import type { Views } from '../src/replication/views';
import type { KvTable } from '../src/store/kv-table';
import * as keptTable from './kept-table';

// API

/** Begins with nobody; the running process owns the table, and everybody writes into it. */
export function create(): void {
  keptTable.create(TABLE, 'public');
  ets.insert(TABLE, { id: 'outflow', outflow: NO_OUTFLOW });
}

/** Answers somebody who fetches an arc when it is his turn, and says that this node is busy when it is not. */
export function inTurn(
  question: SyncNext,
  from: Peer,
  { views, table }: { readonly views: Views; readonly table: KvTable },
  answer: () => ReplicaAnswer | SourceAnswer,
): ReplicaAnswer | SourceAnswer {
  if (!mayCome(question, from, views, table)) return { type: 'busy' };
  const given = answer();
  if (given.type !== 'chunk' || given.after === undefined) change((outflow) => withServed(outflow, from.id));
  return given;
}

// Internal

interface OutflowRow {
  readonly id: 'outflow';
  readonly outflow: Outflow;
}

const TABLE = ets.tableName<OutflowRow, 'id'>('outflow');

/** What is given at once is in nobody's way, and what is saved before a view is made must not wait. */
function mayCome({ arc, after }: SyncNext, { id }: Peer, { holdings }: Views, table: KvTable): boolean {
  if (after === undefined && table.digest(arc).count <= CHUNK_RECORDS_MAX) return true;
  if (holdingsIn(holdings, arc).some(isSealed)) return true;
  let isServed = true;
  change((before) => {
    const [isItsTurn, outflow] = withAsking(before, id, currentSelf().nowMs());
    isServed = isItsTurn;
    return outflow;
  });
  return isServed;
}

/** While the table is being made anew nobody has to wait. */
function change(next: (outflow: Outflow) => Outflow): void {
  const row = keptTable.rowOf(TABLE, 'outflow');
  const outflow = row && next(row.outflow);
  if (row !== undefined && outflow !== undefined && outflow !== row.outflow) ets.insert(TABLE, { ...row, outflow });
}
