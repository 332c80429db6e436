/**
 * Deadlines: when to stop waiting for an answer, for many requests at the price of one timer.
 *
 * Nearly every request is answered long before its deadline, so entering and leaving must be cheap
 * and expiring may be coarse: a deadline falls into a slot of time, and the one timer is set for the
 * earliest slot. It is like a row of pigeon-holes that is looked through only when one is due.
 */
import type { Environment } from './environment';

/** Something that is to end at a certain time. */
export interface Due {
  /** On the environment's clock. */
  readonly deadlineAtMs: number;
}

/** The width of a slot: an item expires at most this long after its deadline, and never before. */
export const SLOT_MS = 20;

/** Items that expire unless they are deleted first. */
export class Deadlines<Item extends Due> {
  private readonly slots = new Map<number, Set<Item>>();
  /** The slot for which the timer is set; Infinity while it is not. */
  private armedFor = Number.POSITIVE_INFINITY;
  private disarm: () => void = () => {};

  constructor(
    private readonly environment: Environment,
    private readonly expire: (item: Item) => void,
  ) {}

  /** From now on `item` expires at its deadline. */
  add(item: Item): void {
    const slot = slotOf(item);
    const items = this.slots.get(slot);
    if (items === undefined) this.slots.set(slot, new Set([item]));
    else items.add(item);
    if (slot < this.armedFor) this.arm(slot);
  }

  /** `item` expires no more. */
  delete(item: Item): void {
    this.slots.get(slotOf(item))?.delete(item);
  }

  /** Nothing expires any more. */
  clear(): void {
    this.slots.clear();
    this.arm(Number.POSITIVE_INFINITY);
  }

  private arm(slot: number): void {
    this.disarm();
    this.armedFor = slot;
    if (slot === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.max(1, slot * SLOT_MS - this.environment.nowMs());
    this.disarm = this.environment.startTimer(delayMs, () => this.ring());
  }

  private ring(): void {
    const nowMs = this.environment.nowMs();
    const due = [...this.slots.keys()].filter((slot) => slot * SLOT_MS <= nowMs).sort((a, b) => a - b);
    for (const slot of due) this.expireSlot(slot);
    this.arm(this.earliestSlot());
  }

  private expireSlot(slot: number): void {
    const items = this.slots.get(slot) ?? new Set();
    this.slots.delete(slot);
    for (const item of items) this.expire(item);
  }

  /** Drops the slots that have emptied, and finds the first of the others. */
  private earliestSlot(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const [slot, items] of this.slots) {
      if (items.size === 0) this.slots.delete(slot);
      else earliest = Math.min(earliest, slot);
    }
    return earliest;
  }
}

const slotOf = (item: Due) => Math.ceil(item.deadlineAtMs / SLOT_MS);
