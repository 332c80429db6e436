/** Whether a node has more to do than it gets done, by its beats in made-up time. */
import { isStrained, LATE_MS, noStrain, withBeat } from '../../src/replication/strain';

describe('a strained node', () => {
  const beats = (...times: readonly number[]) =>
    times.reduce((strain, nowMs) => withBeat(strain, 100, nowMs), noStrain(0));

  it('is one whose beat has come too late within the last second', () => {
    expect(isStrained(beats(100, 200 + LATE_MS), 250)).toBe(false);
    const late = beats(100, 201 + LATE_MS);
    expect([251, 1250, 1251].map((nowMs) => isStrained(late, nowMs))).toEqual([true, true, false]);
  });

  it('stays one until every beat of a second was in time', () => {
    const again = beats(100, 400, 500, 600, 900, 1000);
    expect([1899, 1900].map((nowMs) => isStrained(again, nowMs))).toEqual([true, false]);
  });

  it('is none for beats that are made up for', () => {
    expect(isStrained(beats(100, 140, 140, 240), 240)).toBe(false);
  });
});
