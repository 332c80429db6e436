/** How much may be done now, in made-up time. */
import {
  allowance,
  atRate,
  fullBucket,
  fullRecordBucket,
  recordsAtShare,
  recordsTaken,
  recordsWaitMs,
  taken,
  waitMs,
} from '../../src/replication/token-bucket';

describe('a token bucket', () => {
  it('lets through at once what a second brings, and then that much in every second', () => {
    let bucket = fullBucket(1000, 0);
    let nowMs = 0;
    let done = 0;
    while (nowMs < 10_000) {
      const wait = waitMs(bucket, nowMs);
      nowMs += wait;
      if (wait > 0) continue;
      bucket = taken(bucket, 30, nowMs);
      done += 30;
    }
    expect(done).toBeGreaterThanOrEqual(10_900);
    expect(done).toBeLessThanOrEqual(11_100);
  });

  it('lets one large thing through whenever anything may be, and the next wait for it', () => {
    const bucket = taken(fullBucket(1000, 0), 5000, 0);
    expect(allowance(bucket, 0)).toBe(0);
    expect(waitMs(bucket, 0)).toBe(4001);
    expect(waitMs(bucket, 4001)).toBe(0);
  });

  it('does not save up more than a second brings, and is not put off by a clock that stands', () => {
    const bucket = taken(fullBucket(1000, 0), 1000, 0);
    expect(allowance(bucket, 500)).toBe(500);
    expect(allowance(bucket, 3_600_000)).toBe(1000);
    expect(allowance(taken(bucket, 0, 500), 400)).toBe(500);
  });

  it('goes on at another rate with what it has, and no more than that brings in a second', () => {
    const slow = atRate(fullBucket(1000, 0), 500, 0);
    expect(allowance(slow, 0)).toBe(500);
    const inDebt = atRate(taken(fullBucket(1000, 0), 2000, 0), 500, 500);
    expect(waitMs(inDebt, 500)).toBe(1002);
    expect(allowance(atRate(taken(slow, 500, 0), 1000, 0), 500)).toBe(500);
  });
});

describe('a record bucket', () => {
  const RATE = { recordsPerSecond: 100, bytesPerSecond: 10_000 };
  const full = fullRecordBucket(RATE, 0);

  it('waits for whichever of both is scarce', () => {
    expect(recordsWaitMs(recordsTaken(full, { records: 99, bytes: 9999 }, 0), 0)).toBe(0);
    expect(recordsWaitMs(recordsTaken(full, { records: 150, bytes: 10 }, 0), 0)).toBe(510);
    expect(recordsWaitMs(recordsTaken(full, { records: 1, bytes: 20_000 }, 0), 0)).toBe(1001);
  });

  it('takes twice as long at half its rate', () => {
    const half = recordsAtShare(full, 0.5, 0);
    expect(recordsWaitMs(recordsTaken(half, { records: 150, bytes: 10 }, 0), 0)).toBe(2020);
    const again = recordsAtShare(recordsTaken(half, { records: 50, bytes: 10 }, 0), 1, 0);
    expect(recordsWaitMs(again, 0)).toBe(10);
  });
});
