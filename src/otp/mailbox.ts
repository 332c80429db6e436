/**
 * Mailbox: the queue of messages that one process has not taken yet.
 *
 * A growing array with a moving head: `push` and `shift` cost a few nanoseconds whatever the
 * length, and a selective receive may look at any position and take from it. Taken slots are
 * given back in bulk, so a long-lived queue neither leaks nor copies on every message. A mailbox that
 * is emptied keeps its slots for the next messages, unless they are many: to a process that gets one message
 * at a time, new ones for each would cost more than all else that a mailbox does.
 */

const COMPACT_AT = 1024;
/** Most slots that an empty mailbox keeps. */
const KEPT_SLOTS_MAX = 16;

/** Messages in the order of arrival. It has no bound, as in Erlang: senders never wait. */
export class Mailbox {
  /** The messages are those from `head` up to `end`; all other slots are undefined. */
  private items: unknown[] = [];
  private head = 0;
  private end = 0;

  get length(): number {
    return this.end - this.head;
  }

  push(message: unknown): void {
    this.items[this.end] = message;
    this.end += 1;
  }

  /** The oldest message. Call only when there is one. */
  shift(): unknown {
    const message = this.items[this.head];
    this.items[this.head] = undefined;
    this.head += 1;
    this.compact();
    return message;
  }

  /** The message at `position`, counted from the oldest. */
  at(position: number): unknown {
    return this.items[this.head + position];
  }

  /** Takes the message at `position` out; the order of the others stays. */
  take(position: number): unknown {
    if (position === 0) return this.shift();
    this.end -= 1;
    return this.items.splice(this.head + position, 1)[0];
  }

  /** Drops every message for which `drop` holds; says how many. */
  discard(drop: (message: unknown) => boolean): number {
    const before = this.length;
    this.keep(this.toArray().filter((message) => !drop(message)));
    return before - this.length;
  }

  toArray(): unknown[] {
    return this.items.slice(this.head, this.end);
  }

  clear(): void {
    this.keep([]);
  }

  private compact(): void {
    if (this.head === this.end) this.reuseSlots();
    else if (this.head >= COMPACT_AT && this.head * 2 >= this.end) this.keep(this.toArray());
  }

  private reuseSlots(): void {
    if (this.items.length > KEPT_SLOTS_MAX) return this.clear();
    this.head = 0;
    this.end = 0;
  }

  private keep(items: unknown[]): void {
    this.items = items;
    this.head = 0;
    this.end = items.length;
  }
}
