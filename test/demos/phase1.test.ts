/** The demo of phase 1 holds, and each of its checks notices when something does not: demos/phase1.ts. */
import { lossProblem } from '../../demos/clients';
import { pauseProblem, restartProblem, run, treeProblem } from '../../demos/phase1';
import { sameProblem, Stage } from '../../demos/stage';
import { startBroken, startHere } from './node-here';
import { shown } from './shown';

test('run() shows what it claims', async () => {
  const lines = await shown((out) => run(out, startHere));
  expect(lines).toContain('  ✓ not one of them is lost');
});

test('run() does not hold when the node does not end in good order', async () => {
  expect(await run(() => {}, startBroken)).toBe(false);
});

test('lossProblem() names a value that is missing or another', () => {
  const acknowledged = new Map([
    ['a', '1'],
    ['b', '2'],
  ]);
  expect(lossProblem(acknowledged, acknowledged)).toBeUndefined();
  expect(lossProblem(acknowledged, new Map([['a', '1']]))).toBe('1 of 2 values, the first under "b"');
  expect(lossProblem(acknowledged, new Map([...acknowledged, ['a', '0']]))).toBe('1 of 2 values, the first under "a"');
  expect(lossProblem(new Map(), new Map())).toBe('nothing was acknowledged');
});

test('treeProblem() names what does not run', () => {
  const leaf = { name: 'kv-store', kind: 'worker', status: 'waiting', restarts: 0, children: [] };
  const root = { ...leaf, name: 'node-sup', kind: 'supervisor', children: [leaf] };
  expect(treeProblem(root, ['node-sup', 'kv-store'])).toBeUndefined();
  expect(treeProblem(root, ['acceptor'])).toBe('acceptor not running');
  expect(treeProblem({ ...root, children: [{ ...leaf, status: 'restarting' }] }, ['kv-store'])).toBe(
    'kv-store not running',
  );
  expect(treeProblem(undefined, [])).toBe('there is no tree');
});

test('restartProblem() wants one restart more', () => {
  const tree = (restarts: number) => ({
    name: 'node-sup',
    path: 'node-sup',
    kind: 'supervisor',
    status: 'waiting',
    restarts,
    children: [],
  });
  expect(restartProblem(tree(1), tree(2), 'node-sup')).toBeUndefined();
  expect(restartProblem(tree(1), tree(1), 'node-sup')).toBe('the number of restarts is 1, not 2');
  expect(restartProblem(tree(0), undefined, 'node-sup')).toBe('the number of restarts is undefined, not 1');
});

test('pauseProblem() says how long nothing went on', () => {
  expect(pauseProblem(1000, 1000)).toBeUndefined();
  expect(pauseProblem(1000.6, 1000)).toBe('there was none for 1001 ms');
});

test('sameProblem() shows both', () => {
  expect(sameProblem('the value', 'a', 'a')).toBeUndefined();
  expect(sameProblem('the value', undefined, 'a')).toBe('the value is undefined, not "a"');
});

test('a stage ticks what holds and remembers what does not', () => {
  const lines: string[] = [];
  const stage = new Stage((line) => lines.push(line));
  stage.check('water is wet', undefined);
  expect(stage.finish()).toBe(true);
  stage.check('stones swim', 'they sink');
  expect(stage.finish()).toBe(false);
  expect(lines).toContain('  ✓ water is wet');
  expect(lines).toContain('  ✗ stones swim: they sink');
});
