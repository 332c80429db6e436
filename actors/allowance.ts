/**
 * Allowance: how much one connection may have under way.
 *
 * Counted are the requests, the bytes of their keys and values, and the bytes that the answers to
 * gets will have, for they may all come at once and then wait for a slow client. How long those are
 * nobody knows; but whoever asks for many values mostly asks for values of a kind. So it begins with few
 * at a time, and as many more as the answers turn out to be short. And all connections share the
 * links to the other nodes, which carry only so much: whoever is told that they are full halves what it has
 * under way, and adds to it little by little as it is answered.
 */

/** Most requests that may be under way in one connection. */
export const UNDER_WAY_MAX = 1024;

/** Most bytes that they may hold, and that their answers are expected to have. */
export const UNDER_WAY_BYTES_MAX = 16 * 1024 * 1024;

/** What the answer to a get is expected to have before any has come. */
const ANSWER_BYTES_FIRST = 1024 * 1024;

/** How many may be under way before anything is known of how much the other nodes can take. */
const WINDOW_FIRST = 128;
const WINDOW_MIN = 4;
/** How much a success adds. */
const WINDOW_GROWTH = 0.125;
/** Refusals come in bursts: all of one burst count once. */
const BURST_MS = 50;

/** What one connection has under way. */
export class Allowance {
  private requests = 0;
  private gets = 0;
  private bytes = 0;
  private answerBytes = ANSWER_BYTES_FIRST;
  private window = WINDOW_FIRST;
  private lastRefusalMs = Number.NEGATIVE_INFINITY;

  /** How many bytes of keys and values are held. */
  get bytesHeld(): number {
    return this.bytes;
  }

  /** Whether no more should be begun. One is always allowed. */
  get isFull(): boolean {
    const { requests, gets, bytes, answerBytes } = this;
    return requests >= this.window || (requests > 0 && bytes + gets * answerBytes > UNDER_WAY_BYTES_MAX);
  }

  began(isGet: boolean, bytes: number): void {
    this.requests += 1;
    this.bytes += bytes;
    if (isGet) this.gets += 1;
  }

  ended(isGet: boolean, bytes: number): void {
    this.requests -= 1;
    this.bytes -= bytes;
    if (isGet) this.gets -= 1;
  }

  /** Another node, or the link to it, has more to do than it can. */
  overloaded(nowMs: number): void {
    if (nowMs - this.lastRefusalMs < BURST_MS) return;
    this.lastRefusalMs = nowMs;
    this.window = Math.max(WINDOW_MIN, this.window / 2);
  }

  /** Another node has answered. */
  answered(): void {
    this.window = Math.min(UNDER_WAY_MAX, this.window + WINDOW_GROWTH);
  }

  /** A get was answered with so many bytes: a long answer is believed at once, short ones by and by. */
  learn(bytes: number): void {
    const { answerBytes } = this;
    this.answerBytes = bytes > answerBytes ? bytes : answerBytes - (answerBytes - bytes) / 8;
  }

  clear(): void {
    this.requests = 0;
    this.gets = 0;
    this.bytes = 0;
  }
}
