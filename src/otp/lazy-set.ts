/**
 * A set that costs almost nothing while it is empty.
 *
 * A process has half a dozen sets (links, monitors, timers…) and most processes never put
 * anything in most of them; an empty `Set` of each would be most of what an idle process weighs.
 */
export class LazySet<T> implements Iterable<T> {
  private items: Set<T> | undefined;

  get size(): number {
    return this.items?.size ?? 0;
  }

  add(item: T): void {
    this.items ??= new Set();
    this.items.add(item);
  }

  has(item: T): boolean {
    return this.items?.has(item) ?? false;
  }

  delete(item: T): boolean {
    return this.items?.delete(item) ?? false;
  }

  /** Empties the set and gives back what was in it. */
  takeAll(): Iterable<T> {
    const items = this.items ?? NOTHING;
    this.items = undefined;
    return items as Iterable<T>;
  }

  [Symbol.iterator](): Iterator<T> {
    return (this.items ?? (NOTHING as Iterable<T>))[Symbol.iterator]();
  }
}

const NOTHING: Iterable<unknown> = [];
