/** How fast a node fetches what can wait. */
import { FIRST_PACE, type Pace, paceAfter, pauseMs, portionBytes } from '../../src/replication/pace';

const KIB = 1024;

/** A job to which answers came that took so long and held so much each. */
const paceOf = (...answers: readonly (readonly [tookMs: number, bytes: number])[]): Pace =>
  answers.reduce((pace, [tookMs, bytes]) => paceAfter(pace, tookMs, bytes), FIRST_PACE);

describe('whatever fetches an arc', () => {
  it('rests six times as long as the answer was work, within bounds, and takes the way for no work', () => {
    expect(pauseMs('learn', paceOf([1, 0]), 11, 32 * KIB)).toBe(60);
    expect(pauseMs('learn', paceOf([1, 0]), 1, 32 * KIB)).toBe(15);
    expect(pauseMs('learn', paceOf([80, 0]), 81, 32 * KIB)).toBe(15);
    expect(pauseMs('learn', FIRST_PACE, 500, 32 * KIB)).toBe(15);
    expect(pauseMs('learn', paceOf([1, 0]), 5000, 9_000_000)).toBe(200);
  });

  it('keeps to a least rate, whatever makes the answers late', () => {
    expect(pauseMs('learn', paceOf([1, 0]), 5000, 32 * KIB)).toBe(132);
    expect(pauseMs('learn', paceOf([1, 0]), 5000, 0)).toBe(15);
  });

  it('keeps to a higher one the more of an arc has come, up to a bound', () => {
    const after = (mebibytes: number) => {
      const pace = paceOf([1, 0], ...Array.from({ length: 4 * mebibytes }, () => [1, 256 * KIB] as const));
      return pauseMs('learn', pace, 5000, 256 * KIB);
    };
    expect([0, 4, 12, 28, 60, 200].map(after)).toEqual([200, 200, 200, 132, 66, 66]);
  });

  it('neither rests nor asks for little where an arc has to be saved', () => {
    expect(pauseMs('rescue', paceOf([1, 0]), 5000, 32 * KIB)).toBe(0);
    expect(portionBytes('rescue', FIRST_PACE)).toBe(Number.POSITIVE_INFINITY);
    expect(portionBytes('learn', FIRST_PACE)).toBe(32 * KIB);
  });

  it('asks for more while that is little work, at most twice as much at a time', () => {
    expect(paceOf([1, 0], [1, 0]).portionBytes).toBe(32 * KIB);
    expect(paceOf([1, 0], [2, 32 * KIB]).portionBytes).toBe(64 * KIB);
    expect(paceOf([1, 0], [5, 32 * KIB]).portionBytes).toBe(40 * KIB);
    expect(paceOf([1, 0], [1, 9], [1, 9], [1, 9], [1, 9], [1, 9]).portionBytes).toBe(256 * KIB);
  });

  it('asks for less where that is much work, and still for something', () => {
    expect(paceOf([1, 0], [1, 9], [11, 64 * KIB]).portionBytes).toBe(32 * KIB);
    expect(paceOf([1, 0], [1, 9], [1, 9], [9, 9]).portionBytes).toBe(80 * KIB);
    expect(paceOf([1, 0], [900, 9], [900, 9], [900, 9]).portionBytes).toBe(32 * KIB);
  });

  it('is as fast over a long way: only the work counts', () => {
    const near = paceOf([1, 0], [4, 9], [4, 9]);
    const far = paceOf([101, 0], [104, 9], [104, 9]);
    expect(far.portionBytes).toBe(near.portionBytes);
  });
});
