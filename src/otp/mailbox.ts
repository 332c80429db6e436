/**
 * Mailbox: the queue of messages that one process has not taken yet.
 *
 * A growing array with a moving head: `push` and `shift` cost a few nanoseconds whatever the
 * length, and a selective receive may look at any position and take from it. Taken slots are
 * given back in bulk, so a long-lived queue neither leaks nor copies on every message.
 */

const COMPACT_AT = 1024;

/** Messages in the order of arrival. It has no bound, as in Erlang: senders never wait. */
export class Mailbox {
  private items: unknown[] = [];
  private head = 0;

  get length(): number {
    return this.items.length - this.head;
  }

  push(message: unknown): void {
    this.items.push(message);
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
    return this.items.splice(this.head + position, 1)[0];
  }

  /** Drops every message for which `drop` holds; says how many. */
  discard(drop: (message: unknown) => boolean): number {
    const before = this.length;
    this.items = this.toArray().filter((message) => !drop(message));
    this.head = 0;
    return before - this.items.length;
  }

  toArray(): unknown[] {
    return this.items.slice(this.head);
  }

  clear(): void {
    this.items = [];
    this.head = 0;
  }

  private compact(): void {
    if (this.head === this.items.length) this.clearSlots();
    else if (this.head >= COMPACT_AT && this.head * 2 >= this.items.length) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
  }

  private clearSlots(): void {
    this.items.length = 0;
    this.head = 0;
  }
}
