/** The simulator's queue and randomness: in order, and the same again from the same seed. */
import * as fc from 'fast-check';
import { EventQueue } from '../../src/simulation/event-queue';
import { Random } from '../../src/simulation/random';
import { Tally } from '../../src/simulation/tally';

const SEED = Number(process.env['FC_SEED'] ?? 20260101);

describe(`EventQueue (seed ${SEED})`, () => {
  it('gives out the earliest first, and of those due together the one put in first', () => {
    const pushes = fc.array(fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }), { maxLength: 200 });
    fc.assert(
      fc.property(pushes, (steps) => {
        const queue = new EventQueue<number>();
        const model: [atMs: number, item: number][] = [];
        steps.forEach((atMs, item) => {
          if (atMs === undefined) {
            model.sort(([a, first], [b, second]) => a - b || first - second);
            expect(queue.nextMs).toBe(model[0]?.[0]);
            expect(queue.pop()).toBe(model.shift()?.[1]);
          } else {
            queue.push(atMs, item);
            model.push([atMs, item]);
          }
          expect(queue.size).toBe(model.length);
        });
      }),
      { seed: SEED },
    );
  });
});

describe('Random', () => {
  it('is the same again from the same seed, and another from another', () => {
    const draw = (seed: number) => Array.from({ length: 5 }, new Random(seed).next);
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(draw(2 ** 40 + 7)).not.toEqual(draw(7));
  });

  it('is even, and exponential with the mean that is asked for', () => {
    const random = new Random(1);
    const tally = new Tally();
    for (let n = 0; n < 100_000; n += 1) tally.add(random.below(10));
    for (let n = 0; n < 10; n += 1) expect(tally.share(n)).toBeCloseTo(0.1, 2);
    let sum = 0;
    for (let n = 0; n < 100_000; n += 1) sum += random.exponential(50);
    expect(Math.abs(sum / 100_000 - 50)).toBeLessThan(1);
  });

  it('shuffle() keeps every item, and fork() gives a generator that goes its own way', () => {
    const random = new Random(3);
    const items = Array.from({ length: 50 }, (_none, n) => n);
    const shuffled = random.shuffle(items);
    expect(shuffled).not.toEqual(items);
    expect(shuffled.sort((a, b) => a - b)).toEqual(items);
    expect(random.fork().next()).not.toBe(random.fork().next());
    expect(random.pick([])).toBeUndefined();
  });
});

describe('Tally', () => {
  it('knows the mean, the mode, the largest, shares and percentiles', () => {
    const tally = new Tally();
    for (const value of [1, 2, 2, 3]) tally.add(value);
    tally.add(10, 96);
    expect(tally).toMatchObject({ total: 100, mean: 9.68, mode: 10, max: 10 });
    expect([tally.share(2), tally.share(7)]).toEqual([0.02, 0]);
    expect([1, 3, 4, 5, 99].map((percent) => tally.percentile(percent))).toEqual([1, 2, 3, 10, 10]);
    expect(new Tally()).toMatchObject({ total: 0, mean: 0, max: 0 });
  });
});
