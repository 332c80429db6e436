/**
 * Hint batch: what a member is told next of what it has missed.
 *
 * What is sent is the record as it is by then, under the view of that moment, so nothing old travels; and whoever is no
 * member any more need not be told. One batch belongs to one arc, for it goes under the view of that arc.
 */
import type { KeyId } from '../chord/id';
import type { Peer } from '../chord/peer';
import { inRange } from '../chord/range';
import { CHUNK_BYTES, CHUNK_RECORDS_MAX } from '../protocol/rpc-sync';
import { recordsBytes } from '../protocol/rpc-sync-bytes';
import type { KvTable } from '../store/kv-table';
import type { Record } from '../store/record';
import type { Hints } from './hints';
import { holdingAt, type Holdings } from './holding';
import { copyOf } from './sync-source';
import { isMember, type View } from './view';

/** Records for one member, and which hints are about them. */
export interface HintBatch {
  readonly view: View;
  readonly ids: readonly KeyId[];
  readonly records: readonly Record[];
}

/** The next batch for a member; undefined: there is nothing to tell it. Hints that are of no use to it any more are struck off. */
export function nextBatch(hints: Hints, target: Peer, holdings: Holdings, table: KvTable): HintBatch | undefined {
  for (let ids = hints.next(target, CHUNK_RECORDS_MAX); ids[0]; ids = hints.next(target, CHUNK_RECORDS_MAX)) {
    const [first] = ids;
    const holding = holdingAt(holdings, first);
    const view = holding?.role === 'none' ? undefined : holding?.view;
    const [told, records] = view ? recordsOf(table, ids, view) : [[first], []];
    if (view !== undefined && isMember(view, target) && records.length > 0) return { view, ids: told, records };
    // It is no member and has no use for the records, or there are none any more.
    hints.done(target, told);
  }
  return undefined;
}

// Internal

/** What there is of the keys in the arc of a view, as much as travels together, and which keys that is about. */
function recordsOf(
  table: KvTable,
  ids: readonly KeyId[],
  { arc }: View,
): readonly [readonly KeyId[], readonly Record[]] {
  const told: KeyId[] = [];
  const records: Record[] = [];
  let bytes = 0;
  for (const id of ids) {
    if (!inRange(id, arc)) continue;
    const found = table.recordsAt(id);
    bytes += recordsBytes(found);
    if (records.length > 0 && bytes > CHUNK_BYTES) break;
    told.push(id);
    records.push(...found.map(copyOf));
  }
  return [told, records];
}
