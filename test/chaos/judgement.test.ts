/** Judgement: which read is the one that cannot be, and in which words that is told. */
import type { Operation } from '../../chaos/history';
import { type AnomalyKind, judge, judgeKey } from '../../chaos/judgement';
import { deleted, final, found, foundNothing, playRegister, put, refused, unknown } from './played-register';

const kindsOf = (history: readonly Operation[]) => judgeKey('k', history, []).anomalies.map(({ kind }) => kind);

const STORIES: readonly (readonly [string, readonly Operation[], readonly AnomalyKind[]])[] = [
  ['nothing, where nothing is wrong', [put('a', 1, 2), found('a', 3, 4)], []],
  ['an older value as stale', [put('a', 1, 2), put('b', 3, 4), found('a', 5, 6)], ['stale']],
  ['an older value at the end as lost', [put('a', 1, 2), put('b', 3, 4), final(found('a', 5, 6))], ['lost']],
  ['nothing in the place of a value as missing', [put('a', 1, 2), foundNothing(3, 4)], ['missing']],
  ['nothing at the end as lost', [put('a', 1, 2), final(foundNothing(3, 4))], ['lost']],
  ['a deleted value as resurrected', [put('a', 1, 2), deleted(3, 4), found('a', 5, 6)], ['resurrected']],
  [
    'a deleted value at the end as resurrected',
    [put('a', 1, 2), deleted(3, 4), final(found('a', 5, 6))],
    ['resurrected'],
  ],
  ['a value of nobody as invented', [put('a', 1, 2), found('x', 3, 4)], ['invented']],
  [
    'a refused value that is read as dishonest',
    [put('a', 1, 2), refused(put('b', 3, 4)), found('b', 5, 6)],
    ['dishonest'],
  ],
  [
    'a refused delete that happens as dishonest',
    [put('a', 1, 2), refused(deleted(3, 4)), foundNothing(5, 6)],
    ['dishonest'],
  ],
  [
    'a loss as a loss, though a delete was refused before the write',
    [put('a', 1, 2), refused(deleted(3, 4)), put('b', 5, 6), final(foundNothing(7, 8))],
    ['lost'],
  ],
  [
    'what is only out of order as disordered',
    [unknown(put('a', 1, 2)), found('a', 3, 4), foundNothing(5, 6)],
    ['disordered'],
  ],
  [
    'every wrong read by itself',
    [put('a', 1, 2), foundNothing(3, 4), found('a', 5, 6), foundNothing(7, 8)],
    ['missing', 'missing'],
  ],
];

describe('judgeKey()', () => {
  it.each(STORIES)('tells %s', (_name, history, kinds) => {
    expect(kindsOf(history)).toEqual(kinds);
  });

  it('names the read, and the write that it should have seen', () => {
    const [seen, unseen, read] = [put('a', 1, 2), put('b', 3, 4), found('a', 5, 6)];
    const [anomaly] = judgeKey('k', [seen, unseen, read, found('b', 7, 8)], []).anomalies;
    expect(anomaly).toMatchObject({ key: 'k', read, unseen });
  });

  it('says whether a view was changed during one of the operations', () => {
    const history = [put('a', 1, 2), put('b', 3, 4), found('a', 8, 9)];
    const isInChange = (fromMs: number, toMs: number) =>
      judgeKey('k', history, [{ fromMs, toMs }]).anomalies.map((anomaly) => anomaly.isInChange);
    expect(isInChange(5, 7)).toEqual([false]);
    expect(isInChange(2.5, 3.5)).toEqual([true]);
    expect(isInChange(7, 8)).toEqual([true]);
  });

  it('is content with what a register has answered, and finds the one read that is bent', () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const history = playRegister({ seed, clients: 4, operations: 80, unknowns: 0.05, refusals: 0.05 });
      expect({ seed, kinds: kindsOf(history) }).toEqual({ seed, kinds: [] });
      const at = history.findIndex(({ op, outcome }, index) => index > 30 && op === 'get' && outcome === 'ok');
      const bent = history.map(
        (operation, index): Operation => (index === at ? { ...operation, value: 'x' } : operation),
      );
      expect(judgeKey('k', bent, []).anomalies).toMatchObject([{ kind: 'invented', read: bent[at] }]);
    }
  });
});

describe('judge()', () => {
  it('gives only the keys that something is wrong with', () => {
    const keys = new Map([
      ['good', [put('a', 1, 2), found('a', 3, 4)]],
      ['bad', [put('a', 1, 2), foundNothing(3, 4)]],
    ]);
    expect(judge(keys, []).map(({ key }) => key)).toEqual(['bad']);
  });
});
