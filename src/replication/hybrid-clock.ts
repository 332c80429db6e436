/**
 * Hybrid clock: mints versions that respect causality and stay close to real time.
 *
 * After Kulkarni et al., "Logical Physical Clocks" (2014), whose split of 48 bits of milliseconds
 * and 16 of counter is used too. The clock is the latest version it has minted or seen; a new one
 * is later than that, later than what it overwrites, and, where it can be, the time of day. So a
 * wall clock that is stepped back makes versions crowd together, but never go back.
 *
 * One mutable object per node, with now as an argument: it sits on the path of every write.
 */
import { err, ok, type Result } from '../result';
import {
  ABSENT,
  compareTimes,
  msOf,
  VERSION_CTR_MAX,
  VERSION_MS_MAX,
  Version,
  type VersionWords,
  versionOf,
  type Writer,
} from './version';

/** How far a clock may run ahead of the time of day unless told otherwise. */
export const MAX_DRIFT_MS_DEFAULT = 1000;

/** What a clock tolerates. */
export type HybridClockOptions = {
  /**
   * How many milliseconds a version may lie ahead of this node's wall clock and still move its
   * hybrid clock. Larger than any honest difference between the wall clocks of the ring, so that
   * only a broken one is refused.
   * @default 1000
   */
  readonly maxDriftMs?: number;
};

/**
 * No version can be minted now: the wall clock is `aheadMs` behind what this node has minted or
 * seen before. Definite, nothing was written. Waiting `aheadMs - maxDriftMs` helps, or an NTP daemon.
 */
export type ClockSkew = { readonly code: 'CLOCK_SKEW'; readonly aheadMs: number };

/** The clock of one node and incarnation: `writer` must be no other's. */
export class HybridClock {
  readonly maxDriftMs: number;
  private rejections = 0;
  private last: Version = ABSENT;

  constructor(
    /** Who mints here. */
    readonly writer: Writer,
    { maxDriftMs = MAX_DRIFT_MS_DEFAULT }: HybridClockOptions = {},
  ) {
    this.maxDriftMs = maxDriftMs;
  }

  /** The latest version minted or observed: what every message to a peer carries along. */
  get latest(): Version {
    return this.last;
  }

  /** As {@link latest}, in this clock's own name: whatever it mints from now on is later. */
  get stamp(): Version {
    return new Version(this.last.word0, this.last.word1, this.writer);
  }

  /** How many versions {@link observe} has refused since the node started. */
  get rejectedCount(): number {
    return this.rejections;
  }

  /** How many milliseconds the hybrid clock is ahead of the wall clock. Negative when it rests behind. */
  driftMs(nowMs: number): number {
    return this.last.ms - nowMs;
  }

  /**
   * A version later than any this clock has minted or observed, and later than `floor`, the
   * version that it is to replace ({@link ABSENT} for a new key).
   *
   * A floor beyond the permitted drift is exceeded too, else an acknowledged write would silently
   * lose to it; but it does not drag the clock along. So write what is minted above such a floor
   * before minting for that key again. `nowMs` is an integer.
   */
  mint(floor: VersionWords, nowMs: number): Result<Version, ClockSkew> {
    if (msAfter(this.last) > nowMs + this.maxDriftMs) return this.skewed(nowMs);
    const base = compareTimes(floor, this.last) > 0 ? floor : this.last;
    if (msAfter(base) > VERSION_MS_MAX) return this.skewed(nowMs);
    const version = next(base, nowMs, this.writer);
    if (version.ms <= nowMs + this.maxDriftMs) this.last = version;
    return ok(version);
  }

  /**
   * Learns from a version that came with a message, so that what is minted from now on is later.
   * Answers false, and counts, where it lies beyond the permitted drift: that sender's clock, or
   * this node's, is wrong. The data that came with it is none the worse for that.
   */
  observe(version: Version, nowMs: number): boolean {
    if (version.ms > nowMs + this.maxDriftMs) {
      this.rejections += 1;
      return false;
    }
    if (compareTimes(version, this.last) > 0) this.last = version;
    return true;
  }

  private skewed(nowMs: number): Result<never, ClockSkew> {
    return err({ code: 'CLOCK_SKEW', aheadMs: this.driftMs(nowMs) });
  }
}

function next(base: VersionWords, nowMs: number, writer: Writer): Version {
  const baseMs = msOf(base);
  if (nowMs > baseMs) return versionOf(nowMs, 0, writer);
  if (isFull(base)) return versionOf(baseMs + 1, 0, writer);
  return new Version(base.word0, base.word1 + 1, writer);
}

/** The earliest millisecond that still has room after `words`. */
function msAfter(words: VersionWords): number {
  return isFull(words) ? msOf(words) + 1 : msOf(words);
}

/** Whether its millisecond has no counter left. */
function isFull({ word1 }: VersionWords): boolean {
  return (word1 & VERSION_CTR_MAX) === VERSION_CTR_MAX;
}
