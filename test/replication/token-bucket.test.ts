/** How much may be done now, in made-up time. */
import { allowance, fullBucket, taken, waitMs } from '../../src/replication/token-bucket';

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
});
