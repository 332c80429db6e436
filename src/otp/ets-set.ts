/**
 * The rows of a `set`: a hash table whose entries also form a list, newest first.
 *
 * The list is what makes `next` cheap. New rows go to its head, which no walk ever comes back to:
 * a walk thus ends even when it inserts with every step, and follows the list forward through
 * rows that were deleted under it. While the table is fixed, a deleted row leaves its empty entry
 * behind, so that its key still has a next one; inserted again, it stands where it stood.
 */
import { BadArgument } from './errors';
import { hashOf } from './ets-key';
import type { Cursor, Store } from './ets-store';
import { formatTerm } from './term';

interface Entry {
  readonly hash: unknown;
  key: unknown;
  /** Undefined once it is deleted. */
  row: object | undefined;
  newer: Entry | undefined;
  /** Kept when the entry is taken out of the list, for walks that stand on it. */
  older: Entry | undefined;
}

/** Rows without an order, found by the structure and type of their key in constant time (fact 105). */
export class SetStore implements Store {
  size = 0;
  private readonly entries = new Map<unknown, Entry>();
  private newest: Entry | undefined;
  /** Entries without a row, kept while the table is fixed; undefined when it is not. */
  private emptied: Set<Entry> | undefined;

  get(key: unknown): object | undefined {
    return this.entries.get(hashOf(key))?.row;
  }

  put(key: unknown, row: object): void {
    const hash = hashOf(key);
    const entry = this.entries.get(hash);
    if (entry === undefined) {
      this.add({ hash, key, row, newer: undefined, older: this.newest });
      return;
    }
    if (entry.row === undefined) this.size += 1;
    this.emptied?.delete(entry);
    entry.key = key;
    entry.row = row;
  }

  delete(key: unknown): boolean {
    const entry = this.entries.get(hashOf(key));
    if (entry?.row === undefined) return false;
    entry.row = undefined;
    this.size -= 1;
    if (this.emptied) this.emptied.add(entry);
    else this.takeOut(entry);
    return true;
  }

  first(): unknown {
    return withRow(this.newest)?.key;
  }

  /** As in OTP, a table without an order has one end and one direction. */
  last(): unknown {
    return this.first();
  }

  next(key: unknown): unknown {
    const entry = this.entries.get(hashOf(key));
    if (entry === undefined) throw new BadArgument(`Cannot go on from "${formatTerm(key)}": no row has this key`);
    return withRow(entry.older)?.key;
  }

  previous(key: unknown): unknown {
    return this.next(key);
  }

  cursor(): Cursor {
    let ahead = this.newest;
    return {
      next: () => {
        const entry = withRow(ahead);
        ahead = entry?.older;
        return entry?.row;
      },
    };
  }

  fix(fixed: boolean): void {
    const emptied = this.emptied ?? [];
    this.emptied = fixed ? (this.emptied ?? new Set()) : undefined;
    if (!fixed) for (const entry of emptied) this.takeOut(entry);
  }

  clear(): void {
    this.entries.clear();
    this.newest = undefined;
    this.emptied = undefined;
    this.size = 0;
  }

  private add(entry: Entry): void {
    this.entries.set(entry.hash, entry);
    if (this.newest) this.newest.newer = entry;
    this.newest = entry;
    this.size += 1;
  }

  private takeOut(entry: Entry): void {
    this.entries.delete(entry.hash);
    if (entry.newer) entry.newer.older = entry.older;
    else this.newest = entry.older;
    if (entry.older) entry.older.newer = entry.newer;
  }
}

/** The entry itself or the first one behind it that has a row. */
function withRow(from: Entry | undefined): Entry | undefined {
  let entry = from;
  while (entry && entry.row === undefined) entry = entry.older;
  return entry;
}
