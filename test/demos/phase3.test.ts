/**
 * The demo of phase 3 holds, and each of its checks notices when something does not: demos/phase3.ts. Its nodes are
 * processes of the compiled program; `make test` compiles it first.
 */
import { ConstantLoad } from '../../demos/constant-load';
import { movedProblem, run } from '../../demos/phase3';
import { lateProblem } from '../../demos/ring-show';
import { fromUtf8 } from '../../src/octets';
import { FakeServer } from '../support/fake-server';
import { PATIENCE, shown } from './shown';

test('run() shows what it claims', async () => {
  const lines = await shown((out) => run(out, undefined, PATIENCE));
  expect(lines.filter((line) => line.includes('not one of them failed or missed'))).toHaveLength(2);
}, 120_000);

test('lateProblem() and movedProblem() say what is wrong', () => {
  expect(lateProblem(1000, 1000)).toBeUndefined();
  expect(lateProblem(1000.6, 1000)).toBe('it took 1001 ms');
  expect(movedProblem({ keys: 3 }, 3)).toBeUndefined();
  expect(movedProblem({ keys: 3 }, 4)).toBe('the number of its keys is 3, not 4');
  expect(movedProblem(undefined, 0)).toBe('it is not in the ring');
});

test('ConstantLoad notices a read that fails, one that misses and one that finds another value', async () => {
  const server = await FakeServer.listen();
  const node = {
    host: '127.0.0.1',
    port: server.port,
    id: '',
    adminUrl: '',
    stop: async () => 0,
    kill: async () => {},
  };
  const problemWith = async (stored: string) => {
    const load = await ConstantLoad.start([node], new Map([['k', stored]]));
    await server.until(() => server.requests.length > 3);
    await load.stop();
    server.requests.splice(0);
    return load.problem;
  };
  expect(await problemWith('1')).toContain('failed, the first with: k: Key not found');
  server.table.set('k', fromUtf8('1'));
  expect(await problemWith('1')).toBeUndefined();
  expect(await problemWith('2')).toContain('k: another value');
  server.script = () => ({ type: 'status', status: 'timeout' });
  expect(await problemWith('1')).toContain('reached no quorum in time');
  await server.close();
});
