/**
 * Questions under way: what a node has asked on one connection and has not been answered yet.
 *
 * Whoever should answer may have crashed, and nobody would tell: so each question is forgotten once the
 * node that asked has given up, or the count of those under way would never come down again.
 */

/** Most questions that one node may have under way on one connection. */
export const IN_FLIGHT_MAX = 1024;

/** No more should be decoded while the questions under way have more bytes than this. */
export const IN_FLIGHT_BYTES_MAX = 64 * 1024 * 1024;

/** A question without a deadline is forgotten after this. */
const FORGET_MS = 60_000;

interface Question {
  readonly bytes: number;
  readonly forgetAtMs: number;
}

/** The questions of one connection, by the number that the other side gave them. */
export class Questions {
  private readonly byId = new Map<number, Question>();
  private bytes = 0;

  /** How many there are. */
  get count(): number {
    return this.byId.size;
  }

  /** Whether they have more bytes than the node wants to hold. */
  get isFull(): boolean {
    return this.bytes > IN_FLIGHT_BYTES_MAX;
  }

  /** Whether one of this number is under way. */
  has(id: number): boolean {
    return this.byId.size > 0 && this.byId.has(id);
  }

  /** Takes note of one; or says that it is one too many, or that its number is in use. */
  begin(id: number, bytes: number, nowMs: number, deadlineAtMs = nowMs + FORGET_MS): 'begun' | 'too_many' | 'in_use' {
    if (this.byId.size >= IN_FLIGHT_MAX) this.forgetLate(nowMs);
    if (this.byId.size >= IN_FLIGHT_MAX) return 'too_many';
    if (this.byId.has(id)) return 'in_use';
    this.byId.set(id, { bytes, forgetAtMs: deadlineAtMs });
    this.bytes += bytes;
    return 'begun';
  }

  /** It is answered. False: it had been before, or is forgotten. */
  settle(id: number): boolean {
    const question = this.byId.get(id);
    if (question === undefined) return false;
    this.byId.delete(id);
    this.bytes -= question.bytes;
    return true;
  }

  /** Forgets those for whose answers nobody waits any more. */
  forgetLate(nowMs: number): void {
    for (const [id, { forgetAtMs }] of this.byId) if (forgetAtMs <= nowMs) this.settle(id);
  }
}
