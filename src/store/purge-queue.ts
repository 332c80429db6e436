/**
 * Purge queue: tombstones and expiring values, in the order in which they become waste.
 *
 * They arrive in any order (a transfer brings old ones, a bad clock future ones) and most leave
 * early, overwritten by a newer record, so neither a list in order of arrival nor a heap will do:
 * one future entry would block the first, the dead would fill the second. Here about a second's
 * worth shares a set: adding and removing are O(1), and what is due is found at the front.
 */
import type { StoredRecord } from './stored-record';

const BUCKET_MS = 1024;

/** How to look through a queue. */
export interface Looks {
  /** Where the last look ended; undefined: at the oldest. */
  readonly from?: number | undefined;
  readonly looksMax: number;
  readonly isDue: (record: StoredRecord) => boolean;
}

/** What was found, and where to go on. */
export interface Due {
  readonly due: readonly StoredRecord[];
  readonly next: number | undefined;
}

/** The records of one table that will have to be purged. The caller names the same time at adding and removing. */
export class PurgeQueue {
  private readonly buckets = new Map<number, Set<StoredRecord>>();
  /** The keys of `buckets`, ascending. */
  private readonly order: number[] = [];

  /** Notes that a record will be waste once the horizon passes `dueMs`. */
  add(record: StoredRecord, dueMs: number): void {
    const number = Math.floor(dueMs / BUCKET_MS);
    let bucket = this.buckets.get(number);
    if (bucket === undefined) {
      bucket = new Set();
      this.buckets.set(number, bucket);
      this.order.splice(this.positionOf(number), 0, number);
    }
    bucket.add(record);
  }

  /** Forgets a record that was added with the same `dueMs`. */
  remove(record: StoredRecord, dueMs: number): void {
    const number = Math.floor(dueMs / BUCKET_MS);
    const bucket = this.buckets.get(number);
    if (bucket === undefined) return;
    bucket.delete(record);
    if (bucket.size > 0) return;
    this.buckets.delete(number);
    this.order.splice(this.positionOf(number), 1);
  }

  /**
   * Those that are due, of the ones that were to be due before `horizonMs`, about the oldest first. It looks at about
   * `looksMax` records, at whole seconds' worth, and says where to go on; undefined: it has seen all.
   */
  dueBefore(horizonMs: number, { from, looksMax, isDue }: Looks): Due {
    const due: StoredRecord[] = [];
    let looks = 0;
    for (let at = from === undefined ? 0 : this.positionOf(from); at < this.order.length; at += 1) {
      const number = this.order[at] ?? Infinity;
      if (number * BUCKET_MS >= horizonMs) break;
      if (looks >= looksMax) return { due, next: number };
      for (const record of this.buckets.get(number) ?? []) {
        looks += 1;
        if (isDue(record)) due.push(record);
      }
    }
    return { due, next: undefined };
  }

  /** Where `number` stands, or would stand, in `order`. Searched from the end: most are the newest. */
  private positionOf(number: number): number {
    let position = this.order.length;
    while (position > 0 && (this.order[position - 1] ?? -Infinity) >= number) position -= 1;
    return position;
  }
}
