/** Exit: what runs have proved, as a line and as a code. */
import { countLine, exitCodeOf } from '../../chaos/exit';

describe('exitCodeOf()', () => {
  it.each([
    ['0 where all have passed', ['passed', 'passed'], 0],
    ['1 where one has failed', ['passed', 'failed', 'skipped'], 1],
    ['1 where nothing was run', [], 1],
    ['3 where one could not be run', ['passed', 'skipped'], 3],
  ] as const)('is %s', (_name, ends, code) => {
    expect(exitCodeOf(ends)).toBe(code);
  });
});

describe('countLine()', () => {
  it('counts what was skipped too', () => {
    expect(countLine(['passed', 'skipped', 'passed', 'failed'])).toBe('2 passed, 1 failed, 1 skipped');
  });
});
