/** Verdict: what fails a run, what does not, and that the story says it. */
import { judgeKey } from '../../chaos/judgement';
import { failuresOf, reportOf, tableOf, type Verdict } from '../../chaos/verdict';
import { deleted, final, found, foundNothing, put, refused } from './played-register';

const GOOD: Verdict = {
  kind: 'kill',
  seed: 7,
  seconds: 60,
  isBeyond: false,
  operations: [put('a', 1, 2), found('a', 3, 4), final(found('a', 5, 6))],
  loadMs: 1000,
  rounds: 1,
  settledMs: [1200],
  problems: [],
  changes: 2,
  complaints: [],
  eventual: 0,
  alarms: 0,
  unreadable: [],
  copies: { counts: new Map([[3, 1]]), wrong: [], surplus: 0 },
  judgements: [],
  files: [],
};
const LOST = [judgeKey('k', [put('a', 1, 2), final(foundNothing(3, 4))], [])];
const LIE = [judgeKey('k', [refused(put('b', 3, 4)), found('b', 5, 6)], [])];
const BACK = [judgeKey('k', [put('a', 1, 2), deleted(3, 4), found('a', 5, 6)], [])];

describe('failuresOf()', () => {
  it.each<[string, Partial<Verdict>, readonly string[]]>([
    ['nothing wrong', {}, []],
    ['that nothing was done', { rounds: 0 }, ['no round: nothing was done to the ring']],
    ['a lost key', { judgements: LOST }, ['1 key lost']],
    ['a resurrected key', { judgements: BACK }, ['1 key resurrected']],
    ['a lie', { judgements: LIE }, ['1 key dishonest']],
    ['a lost key, where more was broken than may be', { judgements: LOST, isBeyond: true, alarms: 1 }, []],
    ['a lost key that nobody has told of', { judgements: LOST, isBeyond: true }, ['1 key lost']],
    ['a lie, where more was broken than may be', { judgements: LIE, isBeyond: true, alarms: 1 }, ['1 key dishonest']],
    [
      'a key that is not readable',
      { unreadable: [final(refused(foundNothing(1, 2)))] },
      ['1 final reads were not answered'],
    ],
    [
      'too few copies',
      { copies: { counts: new Map([[2, 1]]), wrong: ['k has 2 copies'], surplus: 0 } },
      ['copies are not as they should be'],
    ],
    ['a ring that does not settle', { problems: ['not settled'] }, ['not settled']],
    [
      'a search that was given up',
      { judgements: [{ key: 'k', operations: [], anomalies: [], isUndecided: true }] },
      ['1 keys undecided: the search was given up'],
    ],
  ])('finds %s', (_name, change, failures) => {
    expect(failuresOf({ ...GOOD, ...change })).toEqual(failures);
  });
});

describe('reportOf()', () => {
  it('begins with the verdict, the kind and the seed', () => {
    expect(reportOf(GOOD)).toMatch(/^PASS {2}kill, seed 7, 60 s\n/);
    expect(reportOf({ ...GOOD, judgements: LOST })).toMatch(/^FAIL {2}kill, seed 7, 60 s\n/);
  });

  it('shows the history around the first read that cannot be', () => {
    const report = reportOf({ ...GOOD, judgements: LOST });
    expect(report).toContain('k: lost; acknowledged before: put a');
    expect(report).toMatch(/> +3\.000 +4\.000 {2}n1 {3}get: not found \(final\)/);
  });
});

describe('tableOf()', () => {
  it('has a line for each run', () => {
    const table = tableOf([GOOD, { ...GOOD, kind: 'pause', judgements: LOST }]);
    expect(table).toMatch(/kill .* PASS/);
    expect(table).toMatch(/pause .* FAIL/);
  });
});
