/**
 * Answer line: version 1 answers in the order of their requests.
 *
 * Nothing but its place tells a client which request a version 1 answer is for. While one has to be
 * waited for, those behind it that are ready wait here, and leave with it. In the ordinary case
 * nobody waits and nothing comes here at all.
 */
import type { ResponseV1 } from '../src/protocol/client-protocol';

/** A place in the line. */
export interface Slot {
  /** Undefined while it has to be waited for. */
  answer: ResponseV1 | undefined;
}

/** The answers of one connection that cannot leave yet. */
export class AnswerLine {
  private readonly slots: Slot[] = [];
  private bytes = 0;

  constructor(private readonly send: (answer: ResponseV1) => void) {}

  /** How many answers have a place here. */
  get length(): number {
    return this.slots.length;
  }

  /** How many bytes of values wait for an answer before them. */
  get bytesWaiting(): number {
    return this.bytes;
  }

  /** A place at the end, for an answer that has to be waited for. */
  reserve(): Slot {
    const slot: Slot = { answer: undefined };
    this.slots.push(slot);
    return slot;
  }

  /** The answer that was waited for. What can leave now, leaves. */
  fill(slot: Slot, answer: ResponseV1): void {
    slot.answer = answer;
    this.bytes += answer.value.length;
    for (let first = this.slots[0]?.answer; first !== undefined; first = this.slots[0]?.answer) {
      this.slots.shift();
      this.bytes -= first.value.length;
      this.send(first);
    }
  }

  /** Forgets all of it. */
  clear(): void {
    this.slots.length = 0;
    this.bytes = 0;
  }
}
