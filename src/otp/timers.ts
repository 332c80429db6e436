/**
 * Timers: every pending alarm of a runtime, behind one alarm of its clock.
 *
 * A binary heap ordered by deadline, and by age among equals, so that timers with the same
 * deadline fire in the order of their creation (fact 96) and a hundred thousand of them cost
 * Node one. A cancelled timer keeps its slot until it comes to the top, or until more than half of
 * the heap is dead and swept out.
 */
import type { Clock } from './clock';
import { BadArgument, catchLater } from './errors';

/** One pending alarm: active until it has fired or was cancelled. */
export class Timer {
  active = true;

  constructor(
    readonly atMs: number,
    readonly sequence: number,
    readonly fire: () => void,
    /** Where it is pending: whoever cancels it may only know another runtime. */
    readonly owner: Timers,
  ) {}
}

/** The alarms of one runtime. Starting and firing cost O(log n), cancelling O(1) in the long run. */
export class Timers {
  private heap: Timer[] = [];
  private cancelled = 0;
  private sequence = 0;
  private firing = false;

  constructor(
    private readonly clock: Clock,
    /** Is told what a timer throws when it fires. */
    private readonly failed: (thrown: unknown) => void = () => {},
  ) {}

  /** How many are pending. */
  get size(): number {
    return this.heap.length - this.cancelled;
  }

  /** Calls `fire` once, not before `delayMs` from now and never synchronously. */
  start(delayMs: number, fire: () => void): Timer {
    this.sequence += 1;
    const timer = new Timer(this.clock.nowMs() + delayMs, this.sequence, fire, this);
    this.heap.push(timer);
    siftUp(this.heap, this.heap.length - 1);
    if (this.heap[0] === timer) this.arm();
    return timer;
  }

  /** Milliseconds that were left, or false when it has fired or was cancelled before. */
  cancel(timer: Timer): number | false {
    if (timer.owner !== this) return timer.owner.cancel(timer);
    const remainingMs = this.read(timer);
    if (remainingMs === false) return false;
    timer.active = false;
    this.cancelled += 1;
    if (this.cancelled * 2 > this.heap.length) this.sweep();
    return remainingMs;
  }

  /** Milliseconds left, or false. */
  read(timer: Timer): number | false {
    if (timer.owner !== this) return timer.owner.read(timer);
    return timer.active ? Math.max(0, Math.ceil(timer.atMs - this.clock.nowMs())) : false;
  }

  /** Forgets all of them. */
  clear(): void {
    for (const timer of this.heap) timer.active = false;
    this.heap = [];
    this.cancelled = 0;
    this.arm();
  }

  private readonly ring = (): void => {
    this.firing = true;
    this.fireDue();
    this.firing = false;
    this.arm();
  };

  private fireDue(): void {
    const nowMs = this.clock.nowMs();
    // A timer started by one that fires now is due later even at delay 0: it waits for the next ring.
    const newest = this.sequence;
    for (let top = this.heap[0]; top && isDue(top, nowMs, newest); top = this.heap[0]) {
      removeTop(this.heap);
      if (!top.active) {
        this.cancelled -= 1;
        continue;
      }
      top.active = false;
      this.fire(top);
    }
  }

  /** Whatever one of them throws, the others still have their time. */
  private fire(timer: Timer): void {
    try {
      catchLater(timer.fire(), this.failed);
    } catch (thrown) {
      this.failed(thrown);
    }
  }

  private arm(): void {
    if (this.firing) return;
    this.clock.wakeAt(this.heap[0]?.atMs, this.ring);
  }

  private sweep(): void {
    this.heap = this.heap.filter((timer) => timer.active);
    this.cancelled = 0;
    for (let index = (this.heap.length >> 1) - 1; index >= 0; index -= 1) siftDown(this.heap, index);
    this.arm();
  }
}

/** @throws BadArgument unless `ms` is a whole number of milliseconds, 0 or more */
export function checkDelay(ms: number): number {
  if (Number.isSafeInteger(ms) && ms >= 0) return ms;
  throw new BadArgument(`Cannot wait: "${ms}" is no whole number of milliseconds`);
}

/** The same for a timeout, which may also be `Infinity`. */
export const checkTimeout = (ms: number): number => (ms === Number.POSITIVE_INFINITY ? ms : checkDelay(ms));

const isDue = (timer: Timer, nowMs: number, newest: number) =>
  !timer.active || (timer.atMs <= nowMs && timer.sequence <= newest);

const before = (a: Timer, b: Timer) => a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);

function removeTop(heap: Timer[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  heap[0] = last;
  siftDown(heap, 0);
}

function siftUp(heap: Timer[], from: number): void {
  let index = from;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    if (!swapUnlessBefore(heap, parent, index)) return;
    index = parent;
  }
}

function siftDown(heap: Timer[], from: number): void {
  let index = from;
  for (;;) {
    const left = 2 * index + 1;
    const child = isBefore(heap, left + 1, left) ? left + 1 : left;
    if (child >= heap.length || !swapUnlessBefore(heap, index, child)) return;
    index = child;
  }
}

function isBefore(heap: Timer[], a: number, b: number): boolean {
  const [first, second] = [heap[a], heap[b]];
  return first !== undefined && second !== undefined && before(first, second);
}

/** Puts `upper` and `lower` in order; says whether they had to change places. */
function swapUnlessBefore(heap: Timer[], upper: number, lower: number): boolean {
  const [above, below] = [heap[upper], heap[lower]];
  if (above === undefined || below === undefined || before(above, below)) return false;
  heap[upper] = below;
  heap[lower] = above;
  return true;
}
