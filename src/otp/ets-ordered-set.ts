/**
 * The rows of an `ordered_set`: sorted by key, in chunks of at most {@link CHUNK_ROWS_MAX}.
 *
 * Finding is two binary searches, over the chunks and in one: O(log n). Inserting and deleting
 * also move what stands behind in the chunk, at most {@link CHUNK_ROWS_MAX} entries, and once in
 * a while the list of chunks. Since a place in the order is a key and not a position, a walk may
 * go on from a key that is absent, and there is nothing to do to fix the table.
 */
import { compareKeys } from './ets-key';
import type { Cursor, Store } from './ets-store';

/** A full chunk is split in two. */
const CHUNK_ROWS_MAX = 512;

/** Two columns of equal length, sorted by key. Only the chunk of an empty table is empty. */
interface Chunk {
  readonly keys: unknown[];
  readonly rows: object[];
}

/** Rows in the order of their keys (fact 105): 1 and 1n are one key, as 1 and 1.0 are in Erlang. */
export class OrderedSetStore implements Store {
  size = 0;
  private chunks: [Chunk, ...Chunk[]] = [{ keys: [], rows: [] }];

  get(key: unknown): object | undefined {
    const { keys, rows } = this.chunkAt(this.chunkIndex(key));
    const index = lowerBound(keys, key);
    return holds(keys, index, key) ? rows[index] : undefined;
  }

  put(key: unknown, row: object): void {
    const chunkIndex = this.chunkIndex(key);
    const { keys, rows } = this.chunkAt(chunkIndex);
    const index = lowerBound(keys, key);
    const replaced = holds(keys, index, key) ? 1 : 0;
    keys.splice(index, replaced, key);
    rows.splice(index, replaced, row);
    this.size += 1 - replaced;
    if (keys.length > CHUNK_ROWS_MAX) this.split(chunkIndex);
  }

  delete(key: unknown): boolean {
    const chunkIndex = this.chunkIndex(key);
    const { keys, rows } = this.chunkAt(chunkIndex);
    const index = lowerBound(keys, key);
    if (!holds(keys, index, key)) return false;
    keys.splice(index, 1);
    rows.splice(index, 1);
    this.size -= 1;
    if (keys.length === 0 && this.chunks.length > 1) this.chunks.splice(chunkIndex, 1);
    return true;
  }

  first(): unknown {
    return this.chunks[0].keys[0];
  }

  last(): unknown {
    return this.chunks.at(-1)?.keys.at(-1);
  }

  next(key: unknown): unknown {
    const place = this.after(key);
    return place?.chunk.keys[place.index];
  }

  previous(key: unknown): unknown {
    const chunkIndex = this.chunkIndex(key);
    const { keys } = this.chunkAt(chunkIndex);
    const index = lowerBound(keys, key) - 1;
    return index >= 0 ? keys[index] : this.chunks[chunkIndex - 1]?.keys.at(-1);
  }

  cursor(): Cursor {
    let key: unknown;
    let begun = false;
    return {
      next: () => {
        const place = begun ? this.after(key) : this.start();
        if (place === undefined) return undefined;
        begun = true;
        key = place.chunk.keys[place.index];
        return place.chunk.rows[place.index];
      },
    };
  }

  fix(): void {}

  clear(): void {
    this.chunks = [{ keys: [], rows: [] }];
    this.size = 0;
  }

  private start(): Place | undefined {
    return this.size > 0 ? { chunk: this.chunks[0], index: 0 } : undefined;
  }

  private after(key: unknown): Place | undefined {
    const chunkIndex = this.chunkIndex(key);
    const chunk = this.chunkAt(chunkIndex);
    const bound = lowerBound(chunk.keys, key);
    const index = holds(chunk.keys, bound, key) ? bound + 1 : bound;
    if (index < chunk.keys.length) return { chunk, index };
    const following = this.chunks[chunkIndex + 1];
    return following && { chunk: following, index: 0 };
  }

  /** The last chunk that begins at or before `key`, else the first: the only one that can hold it. */
  private chunkIndex(key: unknown): number {
    let low = 1;
    let high = this.chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(this.chunkAt(middle).keys[0], key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  private chunkAt(index: number): Chunk {
    return this.chunks[index] ?? this.chunks[0];
  }

  private split(chunkIndex: number): void {
    const { keys, rows } = this.chunkAt(chunkIndex);
    const half = keys.length >>> 1;
    this.chunks.splice(chunkIndex + 1, 0, { keys: keys.splice(half), rows: rows.splice(half) });
  }
}

interface Place {
  readonly chunk: Chunk;
  readonly index: number;
}

/** The position of the first key that is not before `key`. */
function lowerBound(keys: readonly unknown[], key: unknown): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(keys[middle], key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

const holds = (keys: readonly unknown[], index: number, key: unknown): boolean =>
  index < keys.length && compareKeys(keys[index], key) === 0;
