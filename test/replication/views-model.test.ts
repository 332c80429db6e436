/** Views that change all the time: no history of one key goes wrong, unless a rule is left out. */
import { isLinearizable, type Operation } from './register-history';
import { type Rule, SmallRegister } from './small-registers';

const STEPS = 400;

function historyOf(seed: number, leftOut?: Rule): SmallRegister {
  const register = new SmallRegister(seed, leftOut);
  register.run(STEPS);
  return register;
}

const isWrong = ({ isLost, operations }: SmallRegister) => !isLost && !isLinearizable(operations);

describe('isLinearizable()', () => {
  const put = (value: number, from: number, to?: number): Operation => ({ type: 'put', value, from, to });
  const get = (value: number | undefined, from: number, to?: number): Operation => ({ type: 'get', value, from, to });

  it.each<[string, readonly Operation[], boolean]>([
    ['a write that is read', [put(1, 1, 2), get(1, 3, 4)], true],
    ['a write that is gone', [put(1, 1, 2), get(undefined, 3, 4)], false],
    ['a read of what was overtaken', [put(1, 1, 2), put(2, 3, 4), get(1, 5, 6)], false],
    ['a read beside a write', [put(1, 1, 2), put(2, 3, 9), get(1, 5, 6), get(2, 7, 8)], true],
    ['reads that go back', [put(1, 1, 2), put(2, 3, 9), get(2, 5, 6), get(1, 7, 8)], false],
    ['a write of which nobody knows, which is there late', [put(1, 1), put(2, 2, 3), get(2, 4, 5), get(1, 6, 7)], true],
    ['a write of which nobody knows, which never is', [put(1, 1), put(2, 2, 3), get(2, 4, 5)], true],
  ])('judges %s', (_what, operations, isRight) => {
    expect(isLinearizable(operations)).toBe(isRight);
  });
});

const SEEDS = Array.from({ length: 600 }, (_none, n) => n + 1);
const SEARCH_MAX = 3000;

describe('views that change all the time', () => {
  it('keep every history of one key in order', () => {
    const histories = SEEDS.map((seed) => ({ seed, register: historyOf(seed) }));
    expect(histories.filter(({ register }) => isWrong(register)).map(({ seed }) => seed)).toEqual([]);
    const mean = (count: (register: SmallRegister) => number) =>
      histories.reduce((total, { register }) => total + count(register), 0) / histories.length;
    // That nothing went wrong counts only if much has happened.
    expect(mean(({ viewsMade }) => viewsMade)).toBeGreaterThan(3);
    expect(mean(({ rescues }) => rescues)).toBeGreaterThan(1);
    expect(mean(({ operations }) => operations.filter(({ to }) => to !== undefined).length)).toBeGreaterThan(5);
    expect(mean(({ isLost }) => (isLost ? 1 : 0))).toBeLessThan(0.4);
  });

  // A rule that seldom matters is looked for from a seed on with which it does.
  it.each<[Rule, number]>([
    ['sealed nodes serve nothing', 1],
    ['the silent are not taken for dead', 1],
    ['a view needs a majority of the one before', 1],
    ['merge before a view is made by less than a majority of voters', 1],
    ['learners merge from as many as the view says', 600],
    ['reads write back', 1],
    ['the maker has seen all clocks', 500],
    ['merge before fewer need be merged', 2600],
    ['whoever has forgotten everything is somebody else', 1],
  ])('go wrong without the rule that %s', (rule, first) => {
    let seed = first;
    while (seed < first + SEARCH_MAX && !isWrong(historyOf(seed, rule))) seed += 1;
    expect(seed).toBeLessThan(first + SEARCH_MAX);
  });
});
