/**
 * Surplus drop: how records are dropped that this node need not keep any longer.
 *
 * A quorum has everything but what was written in eventual mode, which may be nowhere else: such records go to somebody
 * who keeps the arc first, a batch at a time, and are dropped once they are there. Nothing is dropped in a later
 * turn than that in which it was decided that it may be.
 */
import type { Peer } from '../src/chord/peer';
import type { Range } from '../src/chord/range';
import type { BinaryString } from '../src/octets';
import { compareVersions, type Version } from '../src/replication/version';
import { DROP_SLICE } from '../src/replication/views-protocol';
import type { KvTable } from '../src/store/kv-table';
import { Record } from '../src/store/record';

/** Most records that are on their way at a time. */
export const BATCH_MAX = 64;

/** What has become of an order to drop. */
export type Dropped =
  | { readonly type: 'dropped'; readonly isAll: boolean }
  /** These must be given to somebody first. */
  | { readonly type: 'held'; readonly records: readonly Record[] }
  /** Others are on their way still. */
  | { readonly type: 'waiting' };

/** One arc at a time. Mutable: it belongs to one process. */
export class SurplusDrop {
  private arc: Range | undefined;
  private batch: readonly Record[] = [];
  private open = 0;
  private failed = 0;
  private batchNumber = 0;
  /** In the version that somebody else has been given. */
  private readonly given = new Map<BinaryString, Version>();

  /** Which batch is on its way, or was the last. */
  get number(): number {
    return this.batchNumber;
  }

  /** Drops a slice of an arc. `to`: who takes what may be nowhere else; undefined: nobody need have it. */
  drop(table: KvTable, arc: Range, to: Peer | undefined): Dropped {
    if (this.open > 0) return { type: 'waiting' };
    if (this.arc?.lo !== arc.lo || this.arc.hi !== arc.hi) this.given.clear();
    this.arc = arc;
    const held = to === undefined ? [] : this.heldIn(table, arc);
    if (held.length > 0) return this.begin(held);
    this.given.clear();
    return { type: 'dropped', isAll: table.dropRange(arc, DROP_SLICE) < DROP_SLICE };
  }

  /** Takes note of what has become of one record of a batch. The batch is over: gives the arc, and whether all are there. */
  settle(batch: number, index: number, isThere: boolean): { arc: Range; areAllThere: boolean } | undefined {
    if (batch !== this.batchNumber || this.open === 0) return undefined;
    this.open -= 1;
    const record = this.batch[index];
    if (isThere && record) this.given.set(record.key, record.version);
    else this.failed += 1;
    return this.open === 0 && this.arc ? { arc: this.arc, areAllThere: this.failed === 0 } : undefined;
  }

  private begin(records: readonly Record[]): Dropped {
    this.batch = records;
    this.batchNumber += 1;
    this.open = records.length;
    this.failed = 0;
    return { type: 'held', records };
  }

  private heldIn(table: KvTable, arc: Range): readonly Record[] {
    const slice = table.walk(arc, undefined, { recordsMax: DROP_SLICE, bytesMax: Number.POSITIVE_INFINITY });
    return slice.records
      .filter((record) => record.ev && !this.isGiven(record))
      .slice(0, BATCH_MAX)
      .map(copyOf);
  }

  private isGiven(record: Record): boolean {
    const version = this.given.get(record.key);
    return version !== undefined && compareVersions(version, record) === 0;
  }
}

/** It leaves in a later turn, when the table's own may say something else. */
function copyOf(record: Record): Record {
  return new Record(record.keyId, record.key, record, record.value, record.expireAtMs, record.ev);
}
