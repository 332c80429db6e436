/**
 * Randomness of the simulator: all of it comes from one seed, so that a run can be had again.
 *
 * The generator is the one known as sfc32: 128 bits of state, fast, and good enough for statistics
 * over some hundred million draws. Parts of a run that should not disturb each other (who fails, how
 * long a message takes) draw from forks.
 */

/** Random numbers that depend on the seed alone. */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(readonly seed: number) {
    this.a = 0x9e3779b9;
    this.b = Math.floor(seed / 2 ** 32) | 0;
    this.c = seed | 0;
    // Seeds that differ in one bit begin alike; after a dozen rounds they have nothing in common.
    for (let round = 0; round < 15; round += 1) this.bits();
  }

  /** 32 random bits, as a signed number. */
  bits(): number {
    const sum = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum;
  }

  /** A number in [0, 1). */
  readonly next = (): number => (this.bits() >>> 0) / 2 ** 32;

  /** A whole number from 0 to `end` - 1. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** A number in [from, to). */
  between(from: number, to: number): number {
    return from + (to - from) * this.next();
  }

  /** Whether something happens that does so with this probability. */
  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability;
  }

  /** How long until the next of events that come on their own, `mean` apart on average (a Poisson process). */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next());
  }

  /** One of the items; undefined when there is none. */
  pick<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)];
  }

  /** The items in random order. */
  shuffle<T>(items: readonly T[]): T[] {
    const shuffled = [...items];
    for (let at = shuffled.length - 1; at > 0; at -= 1) {
      const other = this.below(at + 1);
      [shuffled[at], shuffled[other]] = [shuffled[other] as T, shuffled[at] as T];
    }
    return shuffled;
  }

  /** Another generator, which has nothing more to do with this one. */
  fork(): Random {
    return new Random((this.bits() >>> 0) * 2 ** 20 + (this.bits() >>> 12));
  }
}
