/**
 * Copy watch: sees all tables of a simulated ring at once, as none of its nodes can, and knows what must not become
 * of records that were written in eventual mode, and how fast records may travel.
 *
 * The newest record of a key that anybody has may go only with the last process that has it, or, as a deletion, when
 * nobody has anything older any more. So of each key the newest record is remembered that anybody has had; when somebody
 * dies, it is looked up anew. Nothing else is lost.
 */
import type { BinaryString } from '../../octets';
import { fromUtf8, toBuffer } from '../../octets';
import { holdingAt } from '../../replication/holding';
import { compareVersions } from '../../replication/version';
import { copyOf } from '../../replication/sync-source';
import type { Views } from '../../replication/views';
import type { Target } from '../../store/local-write';
import type { Record } from '../../store/record';
import type { Operation } from '../operation';
import type { CopyKeeper } from './copy-keeper';
import type { Carried, CopySettings } from './copy-world';

/** What is seen of a node. */
export interface Watched {
  readonly target: Pick<Target, 'table'>;
  readonly views: Pick<Views, 'holdings'>;
}

/** Watches a ring. */
export class CopyWatch {
  readonly faults = new Set<string>();
  /** How many records have gone with the last process that had them. */
  gone = 0;
  /** The newest record of each key that anybody has had, and may not be without. */
  private readonly newest = new Map<BinaryString, Record>();
  private readonly loads = new Map<string, Load>();

  constructor(
    private readonly settings: CopySettings,
    private readonly keys: readonly string[],
    private readonly nowMs: () => number,
  ) {}

  /** Somebody has written a record into his own table. */
  written(record: Record, keeper: Pick<CopyKeeper, 'host' | 'clockWatch'>): void {
    const { addr } = keeper.host.self;
    if (keeper.clockWatch.reading.isSkewed)
      this.faults.add(`${addr} orders writes, though it knows its clock is wrong`);
    const newest = this.newest.get(record.key);
    // A clock that is behind may write below what everybody has forgotten.
    const isLower = newest !== undefined && newest.value !== undefined && compareVersions(record, newest) < 0;
    if (!isLower) this.newest.set(record.key, record);
  }

  /** So many bytes of records have been sent, or have come. */
  carried(what: Carried, bytes: number, addr: string): void {
    const perSecond = this.settings.bytesPerSecond[what];
    const name = `${addr} ${what}`;
    const before = this.loads.get(name) ?? { bytes: 0, atMs: this.nowMs(), largest: 0 };
    const passed = ((this.nowMs() - before.atMs) * perSecond) / 1000;
    const load = Math.max(0, before.bytes - passed) + bytes;
    const largest = Math.max(before.largest, bytes);
    this.loads.set(name, { bytes: load, atMs: this.nowMs(), largest });
    // What is under way when the bucket runs empty may still come: two fetches at a time, or a comparison with each member.
    if (load > perSecond + UNDER_WAY_MAX * largest) this.faults.add(`${addr} carries more for ${what} than it may`);
  }

  /** Looks at what the living have. */
  look(keepers: readonly Watched[]): void {
    for (const name of this.keys) this.lookAt(name, keepers);
  }

  /** Somebody has died, who is not among these any more: what nobody else has is lost. */
  died(keepers: readonly Watched[]): void {
    for (const name of this.keys) {
      const key = fromUtf8(name);
      const newest = this.newest.get(key);
      const left = newestOf(copiesOf(key, keepers));
      if (newest === undefined || (left && compareVersions(left, newest) >= 0)) continue;
      if (newest.value === undefined && left?.value === undefined) continue;
      this.gone += 1;
      if (left) this.newest.set(key, left);
      else this.newest.delete(key);
    }
  }

  /** What clients have read in the end that is not the newest value. */
  misread(operations: readonly Operation[]): readonly string[] {
    return operations.flatMap(({ key, value, outcome, isFinal }) => {
      const isTold = isFinal === true && (outcome === 'ok' || outcome === 'not_found') && this.keys.includes(key);
      const newest = this.newest.get(fromUtf8(key))?.value;
      const expected = newest && toBuffer(newest).toString();
      return isTold && value !== expected ? [`${key}: ${value} is read in the end, and not ${expected}`] : [];
    });
  }

  // Internal

  private lookAt(name: string, keepers: readonly Watched[]): void {
    const key = fromUtf8(name);
    const found = newestOf(copiesOf(key, keepers));
    const newest = this.newest.get(key);
    if (newest === undefined || (found && compareVersions(found, newest) >= 0)) {
      if (found) this.newest.set(key, found);
      return;
    }
    if (newest.value !== undefined) {
      this.faults.add(`${name}: ${toBuffer(newest.value).toString()} is lost, though nobody who had it has died`);
      return;
    }
    const isKept = (keeper: Watched) => {
      const holding = holdingAt(keeper.views.holdings, newest.keyId);
      return holding !== undefined && holding.role !== 'none' && keeper.target.table.get(key)?.value !== undefined;
    };
    if (keepers.some(isKept)) this.faults.add(`${name}: its deletion is forgotten, and somebody has an older value`);
  }
}

// Internal

/** What has been carried in a row, faster than the rate. */
interface Load {
  readonly bytes: number;
  readonly atMs: number;
  readonly largest: number;
}

const UNDER_WAY_MAX = 2;

function copiesOf(key: BinaryString, keepers: readonly Watched[]): readonly Record[] {
  return keepers.flatMap(({ target }) => target.table.get(key) ?? []);
}

function newestOf(records: readonly Record[]): Record | undefined {
  const newest = records.reduce<Record | undefined>(
    (best, record) => (best === undefined || compareVersions(record, best) > 0 ? record : best),
    undefined,
  );
  return newest && copyOf(newest);
}
