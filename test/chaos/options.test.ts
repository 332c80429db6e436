/** Options: what a command line asks for, and the one line with which a wrong one is refused. */
import { helpText, readOptions } from '../../chaos/options';
import { FAULT_NAMES } from '../../chaos/faults';
import { err } from '../../src/result';

/** The program is this file: it need not run here, only be there. */
const read = (...args: readonly string[]) => readOptions(['--program', __filename, ...args]);

describe('readOptions()', () => {
  it('takes every kind of fault and no play where nothing is said', () => {
    expect(read()).toMatchObject({
      ok: true,
      value: { kinds: [...FAULT_NAMES, 'mixed'], seconds: 60, seed: 1, seeds: 1, nodes: 5, flags: [], dir: undefined },
    });
  });

  it('takes what is said', () => {
    const args = ['--kind', 'kill,ten', '--seconds=7', '--seeds', '3', '--beyond', '--flag=--replicas', '--flag=2'];
    expect(read(...args)).toMatchObject({
      ok: true,
      value: { kinds: ['kill', 'ten'], seconds: 7, seeds: 3, beyond: true, flags: ['--replicas', '2'] },
    });
  });

  it.each(['--help', '-h'])('takes %s, whatever else is said', (flag) => {
    expect(read('--seed', 'x', flag)).toEqual({ ok: true, value: 'help' });
  });

  it.each<[string, readonly string[]]>([
    ['Cannot use --seconds "x": it is not a whole number from 1 to 86400', ['--seconds', 'x']],
    ['Cannot use --seconds "0": it is not a whole number from 1 to 86400', ['--seconds', '0']],
    ['Cannot use --seeds "x": it is not a whole number from 1 to 10000', ['--seeds', 'x']],
    ['Cannot use --seed "1.5": it is not a whole number from 0 to 2147483647', ['--seed', '1.5']],
    ['Cannot use --nodes "1": it is not a whole number from 2 to 50', ['--nodes', '1']],
    ['Cannot run: unknown option "--elsewhere"', ['--elsewhere']],
    ['Cannot run: unknown option "--second"; did you mean "--seconds"?', ['--second', '3']],
    ['Cannot run: option "--seed <value>" argument missing', ['--seed']],
    ['Cannot run: option "--quiet" does not take an argument', ['--quiet=3']],
    ['Cannot run nodes: there is no program /nowhere/at-all', ['--program', '/nowhere/at-all']],
  ])('refuses with: %s', (message, args) => {
    expect(read(...args)).toEqual(err(message));
  });

  it.each([['--kind', 'nope'], ['--kind', ''], ['--kind', 'kill,'], ['word'], ['--seed', '--kind', 'kill']])(
    'refuses %j in one line',
    (...args) => {
      const refused = read(...args);
      expect(refused.ok ? refused : refused.error).toMatch(/^Cannot run[^\n]*[^.\n]$/);
    },
  );
});

describe('helpText()', () => {
  it('names every kind, every play and every exit code', () => {
    for (const word of [...FAULT_NAMES, 'mixed', 'ten', 'measure', '0', '1', '2', '3'])
      expect(helpText()).toMatch(new RegExp(`^  ${word}  +\\S`, 'm'));
  });
});
