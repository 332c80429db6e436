/** Hybrid clock: what it mints grows whatever the wall clock does, and a broken wall clock is refused. */
import * as fc from 'fast-check';
import type { BinaryString } from '../../src/octets';
import { HybridClock } from '../../src/replication/hybrid-clock';
import {
  ABSENT,
  compareTimes,
  compareVersions,
  VERSION_CTR_MAX,
  VERSION_MS_MAX,
  type Version,
  versionOf,
  Writers,
} from '../../src/replication/version';

fc.configureGlobal({ seed: Number(process.env['FC_SEED'] ?? 1) });

const writers = new Writers();
const [self, other] = [writers.intern('self----' as BinaryString), writers.intern('other---' as BinaryString)];
const NOW = 1_760_000_000_000;

function mint(clock: HybridClock, floor: Version, nowMs: number): Version {
  const minted = clock.mint(floor, nowMs);
  if (!minted.ok) throw new Error(`Cannot mint: ${minted.error.code}`);
  return minted.value;
}

describe('stamp', () => {
  test('stamp is the latest version in its own name: what is minted from then on is later', () => {
    const clock = new HybridClock(self);
    clock.observe(versionOf(NOW, 7, other), NOW);
    const { stamp } = clock;
    expect([stamp.ms, stamp.ctr, stamp.writer]).toEqual([NOW, 7, self]);
    expect(compareTimes(mint(clock, ABSENT, NOW), stamp)).toBeGreaterThan(0);
  });
});

describe('mint()', () => {
  test('mint() takes the time of day when that is later than everything before', () => {
    const version = mint(new HybridClock(self), ABSENT, NOW);
    expect([version.ms, version.ctr, version.writer]).toEqual([NOW, 0, self]);
  });

  test('mint() counts within one millisecond, and while the wall clock stands behind', () => {
    const clock = new HybridClock(self);
    const versions = [NOW, NOW, NOW - 500].map((nowMs) => mint(clock, ABSENT, nowMs));
    expect(versions.map(({ ms, ctr }) => [ms - NOW, ctr])).toEqual([
      [0, 0],
      [0, 1],
      [0, 2],
    ]);
  });

  test('mint() goes on to the next millisecond when the counter is used up', () => {
    const clock = new HybridClock(self);
    clock.observe(versionOf(NOW, VERSION_CTR_MAX, other), NOW);
    const version = mint(clock, ABSENT, NOW);
    expect([version.ms, version.ctr]).toEqual([NOW + 1, 0]);
  });

  test('mint() exceeds a floor far in the future without being dragged there', () => {
    const clock = new HybridClock(self);
    const floor = versionOf(NOW + 1e9, 7, other);
    const version = mint(clock, floor, NOW);
    expect([version.ms, version.ctr]).toEqual([NOW + 1e9, 8]);
    expect(mint(clock, ABSENT, NOW).ms).toBe(NOW);
  });

  test('mint() fails once the wall clock is too far behind, and works again when it has caught up', () => {
    const clock = new HybridClock(self, { maxDriftMs: 1000 });
    mint(clock, ABSENT, NOW);
    expect(clock.mint(ABSENT, NOW - 1001)).toEqual({ ok: false, error: { code: 'CLOCK_SKEW', aheadMs: 1001 } });
    expect(clock.mint(versionOf(NOW + 5, 0, other), NOW - 1001).ok).toBe(false);
    expect(clock.mint(ABSENT, NOW - 1000).ok).toBe(true);
  });

  test('mint() does not leave the permitted drift by using up a counter', () => {
    const clock = new HybridClock(self, { maxDriftMs: 10 });
    clock.observe(versionOf(NOW + 10, VERSION_CTR_MAX, other), NOW);
    expect(clock.mint(ABSENT, NOW).ok).toBe(false);
    expect(mint(clock, ABSENT, NOW + 1).ms).toBe(NOW + 11);
  });

  test('mint() fails rather than wrap around at the end of time', () => {
    const clock = new HybridClock(self);
    expect(clock.mint(versionOf(VERSION_MS_MAX, VERSION_CTR_MAX, other), NOW).ok).toBe(false);
    expect(mint(clock, versionOf(VERSION_MS_MAX, 3, other), NOW).ctr).toBe(4);
  });

  test('mint() grows whatever the wall clock, the floors and the peers do', () => {
    const step = fc.record({
      nowMs: fc.integer({ min: NOW - 3000, max: NOW + 3000 }),
      floorMs: fc.integer({ min: NOW - 5000, max: NOW + 5000 }),
      ctr: fc.constantFrom(0, 1, VERSION_CTR_MAX - 1, VERSION_CTR_MAX),
      observes: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const clock = new HybridClock(self);
        for (const { nowMs, floorMs, ctr, observes } of steps) {
          const before = clock.latest;
          const seen = versionOf(floorMs, ctr, other);
          if (observes) {
            expect(clock.observe(seen, nowMs)).toBe(floorMs <= nowMs + clock.maxDriftMs);
            expect(compareTimes(clock.latest, before)).toBeGreaterThanOrEqual(0);
            continue;
          }
          const minted = clock.mint(seen, nowMs);
          if (!minted.ok) {
            expect(clock.latest).toBe(before);
            continue;
          }
          expect(compareVersions(minted.value, seen)).toBeGreaterThan(0);
          expect(compareTimes(minted.value, before)).toBeGreaterThan(0);
          expect(clock.driftMs(nowMs)).toBeLessThanOrEqual(clock.maxDriftMs);
        }
      }),
    );
  });
});

describe('observe()', () => {
  test('observe() makes later mints later than what was seen', () => {
    const clock = new HybridClock(self);
    const seen = versionOf(NOW + 900, 3, other);
    expect(clock.observe(seen, NOW)).toBe(true);
    expect(clock.driftMs(NOW)).toBe(900);
    expect(compareVersions(mint(clock, ABSENT, NOW), seen)).toBeGreaterThan(0);
  });

  test('observe() refuses and counts what lies beyond the drift, and leaves the clock alone', () => {
    const clock = new HybridClock(self, { maxDriftMs: 1000 });
    expect(clock.observe(versionOf(NOW + 1001, 0, other), NOW)).toBe(false);
    expect(clock.rejectedCount).toBe(1);
    expect(clock.latest).toBe(ABSENT);
  });
});
