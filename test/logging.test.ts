/** What a node writes to stderr. */
import { type Report } from '../src/otp';
import { closeAll, PUT, RawClient, until } from './support/node';
import { NodeProcess } from './support/spawn-node';

afterEach(closeAll);

describe('the log of a node', () => {
  it('has not a line at level info while all is well', async () => {
    const node = await NodeProcess.start(1000);
    const client = await RawClient.connect(node.port);
    await client.ask(PUT('secret key', 'secret value'));
    client.close();
    expect(node.stderr).toBe('');
    node.child.kill('SIGTERM');
    await until('it has ended', () => node.exit !== undefined);
    expect(node.exit).toEqual({ code: 0, signal: null });
    expect(node.logged.filter(({ level }) => level !== 'info')).toEqual([]);
    expect(node.stderr).not.toMatch(/secret/);
    expect(node.stdout.split('\n')).toHaveLength(2);
  });

  it('tells at level debug of each process that starts, as JSON', async () => {
    const node = await NodeProcess.start(1000, 'debug');
    await until('a line', () => node.stderr.endsWith('\n'));
    const started = node.logged.filter(({ report }) => report === ('progress' satisfies Report['type']));
    expect(started[0]).toMatchObject({
      level: 'debug',
      node: 1,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
      supervisor: expect.any(String) as string,
      msg: expect.stringMatching(/ started /) as string,
    });
    expect(started.length).toBeGreaterThanOrEqual(8);
  });
});
