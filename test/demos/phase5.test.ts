/**
 * The demo of phase 5 holds, and each of its checks notices when something does not: demos/phase5.ts. Its nodes are
 * processes of the compiled program; `make test` compiles it first.
 */
import { missingProblem, run } from '../../demos/phase5';
import { PATIENCE, shown } from './shown';

test('run() shows what it claims', async () => {
  const lines = await shown((out) => run(out, undefined, PATIENCE));
  expect(lines.filter((line) => /exactly 3 times/.test(line))).toHaveLength(5);
}, 180_000);

test('missingProblem() wants exactly what was destroyed to be seen', () => {
  expect(missingProblem('3 keys do not have 3 equal copies', 3)).toBeUndefined();
  expect(missingProblem('4 keys do not have 3 equal copies', 3)).toContain('what is seen is: 4 keys');
  expect(missingProblem(undefined, 3)).toBe('what is seen is: nothing');
  expect(missingProblem(undefined, 0)).toBe('nothing was destroyed');
});
