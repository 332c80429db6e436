/** Who is restarted and reported, as a table, and how restarts are counted, by the second. */
import * as fc from 'fast-check';
import { addRestart, isReportable, type Restarts, shouldRestart } from '../../src/otp/restart-policy';

const CRASH = new Error('crash');

describe('shouldRestart() and isReportable()', () => {
  it.each([
    ['permanent', 'normal', true, true],
    ['permanent', 'shutdown', true, true],
    ['permanent', ['shutdown', 'why'], true, true],
    ['permanent', 'killed', true, true],
    ['permanent', CRASH, true, true],
    ['transient', 'normal', false, false],
    ['transient', 'shutdown', false, false],
    ['transient', ['shutdown', 'why'], false, false],
    ['transient', 'killed', true, true],
    ['transient', CRASH, true, true],
    ['temporary', 'normal', false, false],
    ['temporary', 'shutdown', false, false],
    ['temporary', ['shutdown', 'why'], false, false],
    ['temporary', 'killed', false, true],
    ['temporary', CRASH, false, true],
    // Almost quiet is not quiet.
    ['transient', ['shutdown'], true, true],
    ['transient', ['shutdown', 1, 2], true, true],
    ['transient', ['normal', 'why'], true, true],
    ['transient', 'Normal', true, true],
    ['transient', undefined, true, true],
  ] as const)('%s, %p: restarted %p, reported %p', (restart, reason, restarted, reported) => {
    expect(shouldRestart(restart, reason)).toBe(restarted);
    expect(isReportable(restart, reason)).toBe(reported);
  });
});

describe('addRestart()', () => {
  const limits = { intensity: 2, periodMs: 5000 };
  /** For each time, whether that restart was one too many. */
  const run = (timesMs: readonly number[], given = limits) => {
    let restarts: Restarts = [];
    return timesMs.map((nowMs) => {
      const result = addRestart(restarts, nowMs, given);
      restarts = result.restarts;
      return result.exceeded;
    });
  };

  it('lets pass as many as the intensity says, and not one more', () => {
    expect(run([0, 0, 0])).toEqual([false, false, true]);
    expect(run([0], { ...limits, intensity: 0 })).toEqual([true]);
    expect(run([0, 1, 2], { ...limits, intensity: 3 })).toEqual([false, false, false]);
  });

  it.each([
    ['the edge of the period still counts', [0, 0, 5000], true],
    ['and so does the rest of that second', [0, 0, 5999], true],
    ['but not the next second', [0, 0, 6000], false],
    ['the true window is a whole second longer than the period, at most', [0, 1, 5999], true],
    ['and at least as long as the period', [999, 999, 5999], true],
    ['a restart at the end of its second counts as one at its beginning', [999, 999, 6000], false],
  ])('counts whole seconds: %s', (_what, timesMs, exceeded) => {
    expect(run(timesMs).at(-1)).toBe(exceeded);
  });

  it('forgets what counts no more, and keeps no more entries than the period has seconds', () => {
    let restarts: Restarts = [];
    for (let nowMs = 0; nowMs < 100_000; nowMs += 7) {
      restarts = addRestart(restarts, nowMs, { intensity: 1_000_000, periodMs: 5000 }).restarts;
      expect(restarts.length).toBeLessThanOrEqual(6);
    }
  });

  it('leaves what it was given alone', () => {
    const before: Restarts = Object.freeze([Object.freeze({ second: 0, count: 1 })]);
    addRestart(before, 10, limits);
    expect(before).toEqual([{ second: 0, count: 1 }]);
  });

  it('agrees with a list of every restart, as Erlang keeps it', () => {
    const gaps = fc.array(fc.oneof(fc.constant(0), fc.nat(1500), fc.nat(8000)), { maxLength: 60 });
    fc.assert(
      fc.property(gaps, fc.nat(5), fc.integer({ min: 1, max: 5 }), (gapsMs, intensity, period) => {
        let nowMs = 0;
        const timesMs = gapsMs.map((gap) => (nowMs += gap));
        let list: number[] = [];
        const expected = timesMs.map((time) => {
          const now = Math.floor(time / 1000);
          list = [now, ...list.filter((earlier) => earlier >= now - period)];
          return list.length > intensity;
        });
        expect(run(timesMs, { intensity, periodMs: period * 1000 })).toEqual(expected);
      }),
    );
  });
});
