/** The program as a process of its own: how it starts, and how it ends when the world is unkind. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { FakeServer, HOLD } from '../support/fake-server';

const ROOT = join(__dirname, '..', '..');

let server: FakeServer;
beforeEach(async () => {
  server = await FakeServer.listen();
});
afterEach(() => server.close());

// Under -e there is no script among the arguments.
const PROGRAM = `process.argv.splice(1, 0, 'funnelkvs'); require(${JSON.stringify(join(ROOT, 'src/cli/main'))}).main()`;
const commandLine = (args: readonly string[]) => ['-r', 'ts-node/register', '-e', PROGRAM, '--', ...args];
const options = () => ({ cwd: ROOT, env: { ...process.env, FUNNELKVS_PORT: String(server.port) } });

/** The program, run from the sources. */
function start(...args: string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, commandLine(args), options());
}

async function endOf(child: ChildProcessWithoutNullStreams) {
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { exitCode: exitCode as number, stdout, stderr };
}

test('client answers a piped script character for character', async () => {
  const child = start('client');
  child.stdin.end('put user:alice "Alice Smith"\nget user:alice\nget nobody\ndelete user:alice\nping\nstats\nquit\n');
  expect(await endOf(child)).toEqual({
    exitCode: 0,
    stdout: 'OK\nValue: Alice Smith\nKey not found\nOK\npong\nkeys: 0, size: 0\nGoodbye!\n',
    stderr: '',
  });
});

test('main() ends with 130 at Ctrl-C', async () => {
  server.script = () => HOLD;
  const child = start('get', 'k');
  const end = endOf(child);
  await server.until(() => server.held.length === 1);
  child.kill('SIGINT');
  expect(await end).toEqual({ exitCode: 130, stdout: '', stderr: '' });
});

test('main() is silent when nobody reads its output any more', async () => {
  server.script = () => HOLD;
  const child = start('ping');
  const [exit, stderr] = [once(child, 'exit'), text(child.stderr)];
  await server.until(() => server.held.length === 1);
  child.stdout.destroy();
  server.release();
  expect([...(await exit), await stderr]).toEqual([0, null, '']);
});

const testIfFull = existsSync('/dev/full') ? test : test.skip;
testIfFull('main() ends with 1 when its output cannot be written', async () => {
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, commandLine(['ping']), { ...options(), stdio: ['ignore', full, 'ignore'] });
  expect(await once(child, 'exit')).toEqual([1, null]);
  closeSync(full);
});
