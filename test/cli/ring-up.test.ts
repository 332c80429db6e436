/** A ring of processes: what is said of them, who is told what, and that none of them is left behind. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { readableLog, readReady } from '../../src/cli/node-process';
import { type RingPlan, runRing } from '../../src/cli/run-ring';
import { run } from '../support/cli';
import { writeFakeNode } from '../support/fake-node-program';
import { closeAll, closeLater, until } from '../support/node';

afterEach(closeAll);

interface Written {
  readonly pid: number;
  readonly args: readonly string[];
}

class RingRun {
  readonly folder = mkdtempSync(join(tmpdir(), 'funnelkvs-'));
  stdout = '';
  stderr = '';
  exitCode: number | undefined;

  constructor() {
    closeLater(() => rmSync(this.folder, { recursive: true }));
    closeLater(async () => {
      this.signal();
      this.signal();
      await until('the ring has ended', () => this.exitCode !== undefined);
    });
  }

  start(plan: Partial<RingPlan> = {}): this {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    stdout.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    stderr.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    const program = writeFakeNode(this.folder);
    const whole = { nodes: 3, host: '127.0.0.1', port: 0, join: undefined, logDir: undefined, flags: [], program };
    void runRing({ ...whole, ...plan }, { stdin: new PassThrough(), stdout, stderr, env: {} }).then((code) => {
      this.exitCode = code;
    });
    return this;
  }

  get lines(): readonly string[] {
    return this.stdout.trimEnd().split('\n');
  }

  /** What a node has written about itself. */
  node(number: number): Written {
    return JSON.parse(readFileSync(join(this.folder, 'ring', `${number}`), 'utf8')) as Written;
  }

  signal(): void {
    process.emit('SIGINT');
  }

  whole(nodes: number): Promise<void> {
    return until(`the ring of ${nodes} is whole`, () => this.stdout.includes(`whole nodes=${nodes} `));
  }

  ended(): Promise<void> {
    return until('the ring has ended', () => this.exitCode !== undefined);
  }
}

describe('runRing()', () => {
  it('passes the ready lines on, says when the ring is whole, and stops all at Ctrl-C', async () => {
    const ring = new RingRun().start();
    await ring.whole(3);
    expect(ring.lines).toHaveLength(4);
    expect(ring.lines[0]).toMatch(/^ready node=1 /);
    expect(
      ring.lines
        .slice(1, 3)
        .map((line) => line.slice(0, 12))
        .sort(),
    ).toEqual(['ready node=2', 'ready node=3']);
    expect(ring.lines[3]).toMatch(/^whole nodes=3 ms=\d+$/);
    ring.signal();
    await ring.ended();
    expect(ring.exitCode).toBe(0);
    for (const number of [1, 2, 3]) {
      expect(ring.stderr).toContain(`[${number}] early ${number}\n`);
      expect(ring.stderr).toContain(`[${number}] left ${number}\n`);
    }
    expect(readdirSync(join(ring.folder, 'ring'))).toEqual([]);
    expect(ring.stderr).not.toContain('has ended');
    expect(process.listenerCount('SIGINT')).toBe(0);
  });

  it('lets the first create the ring, or join another, and the others join the first', async () => {
    const ring = new RingRun().start({ flags: ['--log-level', 'warn'], join: '127.0.0.1:7001' });
    await ring.whole(3);
    const joins = [1, 2, 3].map((number) => {
      const { args } = ring.node(number);
      return args[args.indexOf('--join') + 1];
    });
    expect(joins).toEqual(['127.0.0.1:7001', '127.0.0.1:9001', '127.0.0.1:9001']);
    const place = 'node --node-id 2 --host 127.0.0.1 --port 0 --admin-port 0';
    expect(ring.node(2).args.slice(0, 9).join(' ')).toBe(place);
    expect(ring.node(2).args.slice(-2)).toEqual(['--log-level', 'warn']);
  });

  it('gives ports one after the other', async () => {
    const ring = new RingRun().start({ nodes: 2, port: 45_001 });
    await ring.whole(2);
    expect(ring.node(2).args).toEqual(expect.arrayContaining(['45002', '55002']));
  });

  it('reports a node that dies, and that the ring is whole again', async () => {
    const ring = new RingRun().start();
    await ring.whole(3);
    const [, dead = ''] = /^ready node=2 addr=(\S+)/m.exec(ring.stdout) ?? [];
    process.kill(ring.node(2).pid, 'SIGKILL');
    await ring.whole(2);
    expect(ring.stderr).toContain(`Node 2 (${dead}) has ended by SIGKILL\n`);
    expect(ring.exitCode).toBeUndefined();
    process.kill(ring.node(1).pid, 'SIGKILL');
    process.kill(ring.node(3).pid, 'SIGKILL');
    await ring.ended();
    expect(ring.exitCode).toBe(1);
    expect(ring.stderr).toContain('Cannot go on: all nodes have ended\n');
  });

  it('says in one line why a node cannot start, and stops the others', async () => {
    const ring = new RingRun();
    writeFileSync(join(ring.folder, 'taken-3'), '');
    ring.start({ port: 45_011 });
    await ring.ended();
    expect(ring.exitCode).toBe(1);
    expect(ring.stdout).not.toContain('whole');
    const said = ring.stderr.split('\n').filter((line) => !/^\[\d\] |^$/.test(line));
    expect(said).toEqual(['Cannot listen on 127.0.0.1:45013: the port is in use']);
    expect(readdirSync(join(ring.folder, 'ring'))).toEqual([]);
  });

  it('ends with 2 where the nodes refuse a flag that was passed on', async () => {
    const ring = new RingRun().start({ flags: ['--log-level', 'silly'] });
    await ring.ended();
    expect(ring.exitCode).toBe(2);
    expect(ring.stderr).toBe('Cannot use logLevel "silly" (flag --log-level): it is none\n');
  });

  it('stops at once at a second Ctrl-C', async () => {
    const ring = new RingRun();
    writeFileSync(join(ring.folder, 'stubborn'), '');
    ring.start();
    await ring.whole(3);
    const pids = [1, 2, 3].map((number) => ring.node(number).pid);
    ring.signal();
    expect(ring.exitCode).toBeUndefined();
    ring.signal();
    await ring.ended();
    expect(ring.exitCode).toBe(130);
    await until('nobody is left', () => pids.every((pid) => !lives(pid)));
  });

  it('writes the logs to files where a folder is named', async () => {
    const ring = new RingRun();
    ring.start({ logDir: ring.folder });
    await ring.whole(3);
    await until('it is logged', () => readFileSync(join(ring.folder, 'node-2.log'), 'utf8') === 'early 2\n');
    expect(ring.stderr).toBe('');
  });
});

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test.each<[string, string]>([
  ['--nodes 0', 'Cannot use nodes "0": it is not a whole number from 1 to 128'],
  ['--nodes many', 'Cannot use nodes "many": it is not a whole number from 1 to 128'],
  ['--port x', 'Cannot use port "x": it is not a whole number, 0 or with 4 ports from there to 65535'],
  ['--port 65533', 'Cannot use port "65533": it is not a whole number, 0 or with 4 ports from there to 65535'],
  ['--log-dir /dev/null/x', 'Cannot write to folder "/dev/null/x": '],
])('ring-up %s is answered with one line and exit code 2', async (line, message) => {
  const { exitCode, stdout, stderr } = await run(['ring-up', ...line.split(' ')]);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  expect(stderr.startsWith(message)).toBe(true);
});

test('readReady() reads a ready line and nothing else', () => {
  const line = 'ready node=1 addr=[::1]:8001 id=00 admin=http://127.0.0.1:18001';
  expect(readReady(line)).toEqual({
    line,
    address: { host: '::1', port: 8001 },
    admin: { host: '127.0.0.1', port: 18_001 },
  });
  for (const other of ['', 'ready', 'Cannot listen', 'ready node=1 addr=nowhere admin=http://127.0.0.1:1']) {
    expect(readReady(other)).toBeUndefined();
  }
});

test('readableLog() leaves of a log line what a person reads', () => {
  expect(readableLog('{"level":"info","node":1,"msg":"ring_created addr=a"}')).toBe('ring_created addr=a');
  expect(readableLog('{"level":"warn","msg":"late"}')).toBe('WARN late');
  for (const line of ['no JSON', '{"level":1}', 'null', '[]']) expect(readableLog(line)).toBe(line);
});
