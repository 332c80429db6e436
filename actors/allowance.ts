/**
 * Allowance: how much one connection may have under way.
 *
 * Counted are the requests, the bytes of their keys and values, and the bytes that the answers to
 * gets will have, for they may all come at once and then wait for a slow client. How long those are
 * nobody knows; but whoever asks for many values mostly asks for values of a kind. So it begins with few
 * at a time, and as many more as the answers turn out to be short.
 */

/** Most requests that may be under way in one connection. */
export const UNDER_WAY_MAX = 1024;

/** Most bytes that they may hold, and that their answers are expected to have. */
export const UNDER_WAY_BYTES_MAX = 16 * 1024 * 1024;

/** What the answer to a get is expected to have before any has come. */
const ANSWER_BYTES_FIRST = 1024 * 1024;

/** What one connection has under way. */
export class Allowance {
  private requests = 0;
  private gets = 0;
  private bytes = 0;
  private answerBytes = ANSWER_BYTES_FIRST;

  /** How many bytes of keys and values are held. */
  get bytesHeld(): number {
    return this.bytes;
  }

  /** Whether no more should be begun. One is always allowed. */
  get isFull(): boolean {
    const { requests, gets, bytes, answerBytes } = this;
    return requests >= UNDER_WAY_MAX || (requests > 0 && bytes + gets * answerBytes > UNDER_WAY_BYTES_MAX);
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
