/**
 * Opening: what whoever begins to fetch an arc is told of what there is, for which the key-value table is needed.
 */
import type { SyncOpened } from '../src/protocol/rpc-sync';
import { type Horizons, horizonsOf } from '../src/replication/horizons';
import type { ViewsAnswer, ViewsQuestion } from '../src/replication/views-protocol';
import type { KvTable } from '../src/store/kv-table';
import type { Target } from '../src/store/local-write';

/** The answer to a question, completed from the table and the clock, and from what is known to be equal everywhere. */
export function openingFor(
  { table, clock }: Target,
  question: ViewsQuestion | undefined,
  answer: Extract<ViewsAnswer, { type: 'opened' }>,
  horizons: Horizons,
): SyncOpened {
  if (question?.type !== 'sync_open') throw new Error('Only who begins to fetch an arc is told what is in it');
  const digest = table.digest(question.arc);
  const known = horizonsOf(horizons, [question.arc]);
  return { ...answer, floor: clock.stamp, digest, bytes: bytesOf(table, digest.count), horizons: known };
}

/** About how many bytes so many records have, as records of this table go. For whoever watches the progress. */
function bytesOf(table: KvTable, count: number): number {
  const { keys, tombstones, bytes } = table.stats();
  return keys + tombstones === 0 ? 0 : Math.round((bytes * count) / (keys + tombstones));
}
