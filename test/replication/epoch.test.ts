/** Epochs: a total order, first by number, then by who counted. */
import * as fc from 'fast-check';
import { compareEpochs, type Epoch } from '../../src/replication/epoch';
import { SEED } from '../protocol/fixtures';

const epochs: fc.Arbitrary<Epoch> = fc.record({
  n: fc.nat(3),
  by: fc.constantFrom(0n, 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n),
});

describe(`compareEpochs() (FC_SEED=${SEED})`, () => {
  it('goes by the number first, then by who counted, beyond what a number can hold', () => {
    expect(compareEpochs({ n: 1, by: 9n }, { n: 2, by: 1n })).toBeLessThan(0);
    expect(compareEpochs({ n: 2, by: 2n ** 53n + 1n }, { n: 2, by: 2n ** 53n })).toBeGreaterThan(0);
    expect(compareEpochs({ n: 2, by: 1n }, { n: 2, by: 1n })).toBe(0);
  });

  it('is a total order', () => {
    fc.assert(
      fc.property(epochs, epochs, epochs, (a, b, c) => {
        expect(Math.sign(compareEpochs(a, b))).toBe(-Math.sign(compareEpochs(b, a)) + 0);
        if (compareEpochs(a, b) <= 0 && compareEpochs(b, c) <= 0) expect(compareEpochs(a, c)).toBeLessThanOrEqual(0);
        if (compareEpochs(a, b) === 0) expect(a).toEqual(b);
      }),
    );
  });
});
