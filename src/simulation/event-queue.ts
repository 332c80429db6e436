/**
 * The event queue: what is still to happen, the earliest first. Two things that are due at the same
 * moment happen in the order in which they were put in, so a run does not depend on how the queue
 * is built. A binary heap over plain arrays: no object is made for an entry.
 */
export class EventQueue<T> {
  private readonly times: number[] = [];
  private readonly orders: number[] = [];
  private readonly items: T[] = [];
  private added = 0;

  get size(): number {
    return this.items.length;
  }

  /** When the first item is due; undefined when there is none. */
  get nextMs(): number | undefined {
    return this.times[0];
  }

  /** What is in the queue, in no particular order. */
  get all(): readonly T[] {
    return this.items;
  }

  /** Puts an item in. */
  push(atMs: number, item: T): void {
    this.added += 1;
    let at = this.items.length;
    const order = this.added;
    // The hole goes up until its parent is not later than the item.
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const parentMs = this.times[parent] as number;
      if (parentMs < atMs || (parentMs === atMs && (this.orders[parent] as number) < order)) break;
      this.move(parent, at);
      at = parent;
    }
    this.put(at, atMs, order, item);
  }

  /** Takes the first item out. */
  pop(): T | undefined {
    const first = this.items[0];
    const last = this.items.pop();
    const lastMs = this.times.pop();
    const lastOrder = this.orders.pop();
    if (last === undefined || lastMs === undefined || lastOrder === undefined || this.items.length === 0) return last;
    this.sink(lastMs, lastOrder, last);
    return first;
  }

  /** The hole at the top goes down to where the item may stand. */
  private sink(atMs: number, order: number, item: T): void {
    const end = this.items.length;
    let at = 0;
    for (let child = 1; child < end; child = 2 * at + 1) {
      if (child + 1 < end && this.isBefore(child + 1, child)) child += 1;
      const childMs = this.times[child] as number;
      if (childMs > atMs || (childMs === atMs && (this.orders[child] as number) > order)) break;
      this.move(child, at);
      at = child;
    }
    this.put(at, atMs, order, item);
  }

  private isBefore(a: number, b: number): boolean {
    const [aMs, bMs] = [this.times[a] as number, this.times[b] as number];
    return aMs < bMs || (aMs === bMs && (this.orders[a] as number) < (this.orders[b] as number));
  }

  private move(from: number, to: number): void {
    this.put(to, this.times[from] as number, this.orders[from] as number, this.items[from] as T);
  }

  private put(at: number, atMs: number, order: number, item: T): void {
    this.times[at] = atMs;
    this.orders[at] = order;
    this.items[at] = item;
  }
}
