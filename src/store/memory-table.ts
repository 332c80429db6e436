/**
 * Memory table: the key-value table in this process's memory.
 *
 * A Map by key answers clients, a trie by key identifier answers the other nodes, a queue holds
 * what will have to be purged; all three hold the same records, which overwriting changes in place.
 * What it counts is kept up to date by each change, never recomputed.
 */
import type { Id, KeyId } from '../chord/id';
import type { Range } from '../chord/range';
import type { BinaryString, Octets } from '../octets';
import { compareVersions, type VersionWords } from '../replication/version';
import type { Digest } from './digest';
import { DigestTrie, type RangeDigest, type ScrubSlice } from './digest-trie';
import type { KvTable, Merged, Purge, Purged, TableStats, WalkLimits, WalkSlice } from './kv-table';
import { PurgeQueue } from './purge-queue';
import { compareRecords, dataBytes, deadSinceMs, isLive, type Record } from './record';
import { StoredRecord } from './stored-record';

/** What a record costs beyond the bytes of key and value: 290 measured, 310 while a Map that has just doubled is half empty. */
export const RECORD_OVERHEAD_BYTES = 310;

/** How much new writes may put into a table. */
export type MemoryTableOptions = {
  /**
   * Most records, tombstones included, that new writes may fill the table with. A JavaScript Map
   * ends at 2^24 entries; what is left above this is for transfers, which are never refused.
   * @default 12_000_000
   */
  readonly recordsMax?: number;
  /**
   * Most memory, by the table's own estimate, that new writes may fill. Stay at half of the
   * process's heap limit, since garbage needs room too.
   * @default 1 GiB
   */
  readonly memoryBytesMax?: number;
};

/** The table of a node without persistence. Empty at the start; {@link KvTable} says what each call does. */
export class MemoryTable implements KvTable {
  private readonly records = new Map<BinaryString, StoredRecord>();
  private readonly trie = new DigestTrie();
  private readonly waste = new PurgeQueue();
  private readonly recordsMax: number;
  private readonly memoryBytesMax: number;
  private keys = 0;
  private bytes = 0;
  private memoryBytes = 0;
  private collisions = 0;
  private mismatches = 0;

  constructor({ recordsMax = 12_000_000, memoryBytesMax = 2 ** 30 }: MemoryTableOptions = {}) {
    this.recordsMax = recordsMax;
    this.memoryBytesMax = memoryBytesMax;
  }

  get(key: BinaryString): StoredRecord | undefined {
    return this.records.get(key);
  }

  read(key: BinaryString, nowMs: number): StoredRecord | undefined {
    const record = this.records.get(key);
    return record !== undefined && isLive(record, nowMs) ? record : undefined;
  }

  recordsAt(id: KeyId): readonly StoredRecord[] {
    return this.trie.recordsAt(id);
  }

  merge(record: Record, current = this.records.get(record.key)): Merged {
    if (current === undefined) {
      this.insert(record);
      return 'inserted';
    }
    const order = compareRecords(record, current);
    if (order !== 0 && compareVersions(record, current) === 0) this.collisions += 1;
    if (order <= 0) return 'kept';
    this.overwrite(current, record);
    return 'replaced';
  }

  replaceValue(current: StoredRecord, version: VersionWords, value: Octets): void {
    const growth = value.length - current.valueBytes;
    this.trie.replaceValue(current, version, value);
    this.bytes += growth;
    this.memoryBytes += growth;
  }

  hasRoomFor(key: BinaryString, value: Octets | undefined, current = this.records.get(key)): boolean {
    const valueBytes = value?.length ?? 0;
    if (current !== undefined) {
      const growth = valueBytes - current.valueBytes;
      return growth <= 0 || this.memoryBytes + growth <= this.memoryBytesMax;
    }
    const growth = RECORD_OVERHEAD_BYTES + key.length + valueBytes;
    return this.records.size < this.recordsMax && this.memoryBytes + growth <= this.memoryBytesMax;
  }

  stats(): TableStats {
    const { keys, bytes, memoryBytes, collisions, mismatches } = this;
    return { keys, bytes, tombstones: this.records.size - keys, memoryBytes, collisions, mismatches };
  }

  digest(range: Range): Digest {
    return this.trie.digest(range);
  }

  digestParts(range: Range): readonly RangeDigest[] {
    return this.trie.split(range);
  }

  walk(range: Range, after: Id | undefined, { recordsMax, bytesMax }: WalkLimits): WalkSlice {
    const records: StoredRecord[] = [];
    let bytes = 0;
    const finished = this.trie.walk(range, after, (record) => {
      bytes += dataBytes(record);
      const last = records.at(-1);
      // Two keys of one identifier travel together: a cursor could not point between them.
      const fits = records.length < recordsMax && bytes <= bytesMax;
      if (last !== undefined && !fits && last.keyId !== record.keyId) return false;
      records.push(record);
      return true;
    });
    return { records, after: finished ? undefined : records.at(-1)?.keyId };
  }

  purgeTombstones({ olderThanMs, mayGo, looksMax, from }: Purge): Purged {
    const isDue = (record: StoredRecord) => (deadSinceMs(record) ?? Infinity) < olderThanMs && mayGo(record);
    const { due, next } = this.waste.dueBefore(olderThanMs, { from, looksMax, isDue });
    for (const record of due) this.drop(record);
    return { count: due.length, next };
  }

  dropRange(range: Range, countMax: number): number {
    const { records } = this.walk(range, undefined, { recordsMax: countMax, bytesMax: Infinity });
    for (const record of records) this.drop(record);
    return records.length;
  }

  forget(key: BinaryString, version: VersionWords): boolean {
    const record = this.records.get(key);
    if (record === undefined || compareVersions(record, version) !== 0) return false;
    this.drop(record);
    return true;
  }

  scrub(after: Id | undefined, recordsMax: number): ScrubSlice {
    const slice = this.trie.scrub(after, recordsMax);
    this.mismatches += slice.mismatches;
    return slice;
  }

  private insert(record: Record): void {
    const stored = new StoredRecord(record);
    this.records.set(stored.key, stored);
    this.trie.insert(stored);
    this.count(stored, 1);
  }

  private overwrite(stored: StoredRecord, next: Record): void {
    if (next.keyId !== stored.keyId) throw new Error(`Cannot merge: "${next.keyId}" is not the SHA-1 of the key`);
    this.count(stored, -1);
    this.trie.overwrite(stored, next);
    this.count(stored, 1);
  }

  private drop(record: StoredRecord): void {
    this.records.delete(record.key);
    this.trie.remove(record);
    this.count(record, -1);
  }

  private count(record: StoredRecord, sign: 1 | -1): void {
    const bytes = dataBytes(record);
    this.memoryBytes += sign * (RECORD_OVERHEAD_BYTES + bytes);
    if (record.value !== undefined) {
      this.keys += sign;
      this.bytes += sign * bytes;
    }
    const dueMs = deadSinceMs(record);
    if (dueMs === undefined) return;
    if (sign > 0) this.waste.add(record, dueMs);
    else this.waste.remove(record, dueMs);
  }
}
