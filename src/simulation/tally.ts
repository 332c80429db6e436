/**
 * Tallies: how often each whole number has come up, and what follows from it. Everything that the
 * experiments measure (hops, timeouts, keys of a node) is a small whole number.
 */
export class Tally {
  private readonly counts: number[] = [];
  private sum = 0;
  /** How many numbers have been counted. */
  total = 0;

  /** Counts a number, `times` times. */
  add(value: number, times = 1): void {
    this.counts[value] = (this.counts[value] ?? 0) + times;
    this.sum += value * times;
    this.total += times;
  }

  get mean(): number {
    return this.total === 0 ? 0 : this.sum / this.total;
  }

  /** The largest number that came up. */
  get max(): number {
    return Math.max(0, this.counts.length - 1);
  }

  /** The number that came up most often. */
  get mode(): number {
    let mode = 0;
    this.counts.forEach((count, value) => {
      if (count > (this.counts[mode] ?? 0)) mode = value;
    });
    return mode;
  }

  /** Which share of the numbers was `value`. */
  share(value: number): number {
    return this.total === 0 ? 0 : (this.counts[value] ?? 0) / this.total;
  }

  /** The least number that at least this many per cent do not exceed. */
  percentile(percent: number): number {
    let left = (this.total * percent) / 100;
    for (let value = 0; value < this.counts.length; value += 1) {
      left -= this.counts[value] ?? 0;
      if (left <= 0) return value;
    }
    return this.max;
  }
}
