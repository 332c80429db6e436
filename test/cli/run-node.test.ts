/**
 * A node as a process: what it prints, how it ends, with which exit code. These are the only tests
 * that run the compiled program; `make test` compiles it first.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '../../src/client';

const PROGRAM = join(__dirname, '../../bin/funnelkvs');

interface Run {
  readonly child: ChildProcess;
  readonly out: { stdout: string; stderr: string };
  /** Settles when the process has ended. */
  readonly exit: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

const running = new Set<ChildProcess>();

function run(...args: string[]): Run {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: cleanEnvironment(),
  });
  const out = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (out.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (out.stderr += chunk.toString()));
  running.add(child);
  const exit = once(child, 'close').then(([code, signal]) => {
    running.delete(child);
    return { code: code as number | null, signal: signal as NodeJS.Signals | null };
  });
  return { child, out, exit };
}

function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FUNNELKVS_')));
}

async function ready(args: readonly string[] = []): Promise<Run & { readonly port: number; readonly admin: string }> {
  const node = run('node', '--port', '0', '--admin-port', '0', ...args);
  while (!node.out.stdout.includes('\n')) {
    await Promise.race([once(node.child.stdout as NodeJS.ReadableStream, 'data'), node.exit]);
    if (node.child.exitCode !== null) throw new Error(`Cannot start: ${node.out.stderr}`);
  }
  const [, port = '', admin = ''] = / addr=127\.0\.0\.1:(\d+) .* admin=(\S+)/.exec(node.out.stdout) ?? [];
  return { ...node, port: Number(port), admin };
}

/** Waits until the node has let in that many clients. */
async function connectionsOf(admin: string, count: number): Promise<void> {
  for (;;) {
    const tree = await (await fetch(`${admin}/api/tree`)).text();
    if (tree.split('/connection-sup/connection-').length - 1 >= count) return;
  }
}

afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
});

describe('funnelkvs node', () => {
  it('prints one ready line on stdout, and on stderr only that it comes and goes', async () => {
    const node = await ready(['--node-id', '7']);
    expect(node.out.stdout).toMatch(
      /^ready node=7 addr=127\.0\.0\.1:\d+ id=[0-9a-f]{40} admin=http:\/\/127\.0\.0\.1:\d+\n$/,
    );
    node.child.kill('SIGTERM');
    await node.exit;
    const lines = node.out.stderr.trimEnd().split('\n');
    const logged = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(logged.map(({ level, node: number }) => ({ level, number }))).toEqual(
      logged.map(() => ({ level: 'info', number: 7 })),
    );
    const told = logged.map(({ event, report }) => event ?? report);
    const inOrder = ['ring_created', 'node_stopping', 'ring_left', 'application_exit'];
    expect(told.filter((what) => inOrder.includes(what as string))).toEqual(inOrder);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'leaves in good order with exit code 0 on %s, clients connected',
    async (signal) => {
      const node = await ready();
      const connected = await connect('127.0.0.1', node.port);
      if (!connected.ok) throw new Error(connected.error.message);
      await connected.value.put('k', 'v');
      node.child.kill(signal);
      await expect(node.exit).resolves.toEqual({ code: 0, signal: null });
      connected.value.disconnect();
    },
  );

  it('ends at once on a second signal, while it waits for a client that does not read', async () => {
    const node = await ready();
    const connected = await connect('127.0.0.1', node.port);
    if (!connected.ok) throw new Error(connected.error.message);
    await connected.value.put('k', Buffer.alloc(16 * 1024 * 1024));
    connected.value.disconnect();
    const deaf = createConnection(node.port, '127.0.0.1').pause();
    await once(deaf, 'connect');
    deaf.write('KVS\x01\x01\0\0\0\x01k', 'latin1');
    await connectionsOf(node.admin, 1);
    node.child.kill('SIGTERM');
    while (!node.out.stderr.includes('node_stopping')) await once(node.child.stderr as NodeJS.ReadableStream, 'data');
    node.child.kill('SIGINT');
    await expect(node.exit).resolves.toEqual({ code: 130, signal: null });
    deaf.destroy();
  });

  it('says in one line that the port is in use, and exits with 1', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const node = run('node', '--port', String(port), '--admin-port', '0');
    await expect(node.exit).resolves.toEqual({ code: 1, signal: null });
    expect(node.out).toEqual({ stdout: '', stderr: `Cannot listen on 127.0.0.1:${port}: the port is in use\n` });
    server.close();
  });

  it('says in one line that there is nobody to join, and exits with 1', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    server.close();
    const node = run('node', '--port', '0', '--admin-port', '0', '--join', `127.0.0.1:${port}`);
    await expect(node.exit).resolves.toEqual({ code: 1, signal: null });
    expect(node.out).toEqual({ stdout: '', stderr: `Cannot join through 127.0.0.1:${port}: nobody listens there\n` });
  }, 15_000);

  it('leaves by itself when whoever started it as one of a ring is gone', async () => {
    const args = [PROGRAM, 'node', '--port', '0', '--admin-port', '0', '--log-level', 'error'];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
      env: cleanEnvironment(),
    });
    running.add(child);
    const exit = once(child, 'exit');
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    child.disconnect();
    await expect(exit).resolves.toEqual([0, null]);
    running.delete(child);
  });

  it('says in one line what is wrong with an option or a config file, and exits with 2', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'funnelkvs-'));
    const broken = join(folder, 'broken.json');
    writeFileSync(broken, '{ "port": ');
    for (const args of [
      ['--prot', '1'],
      ['--port', 'x'],
      ['--config', join(folder, 'none.json')],
      ['--config', broken],
    ]) {
      const node = run('node', ...args);
      await expect(node.exit).resolves.toEqual({ code: 2, signal: null });
      expect(node.out.stdout).toBe('');
      expect(node.out.stderr.trimEnd()).not.toContain('    at ');
      expect(node.out.stderr.split('\n').length).toBeLessThanOrEqual(3);
    }
  });

  it('logs the kill of an actor as JSON, and lives on', async () => {
    const node = await ready(['--allow-chaos', '--log-level', 'error']);
    const path = 'node-sup/services-sup/kv-store';
    const answer = await fetch(`${node.admin}/api/tree/kill`, { method: 'POST', body: JSON.stringify({ path }) });
    expect(answer.status).toBe(200);
    while (!node.out.stderr.includes('\n')) await once(node.child.stderr as NodeJS.ReadableStream, 'data');
    const [line = ''] = node.out.stderr.split('\n');
    expect(JSON.parse(line)).toMatchObject({
      level: 'error',
      node: 1,
      report: 'supervisor',
      supervisor: 'services-sup',
      context: 'child_terminated',
      reason: 'killed',
      offender: { id: 'kv-store' },
    });
    expect((await fetch(`${node.admin}/readyz`)).status).toBe(200);
    node.child.kill('SIGTERM');
    await expect(node.exit).resolves.toEqual({ code: 0, signal: null });
  });
});
