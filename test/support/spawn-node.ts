/** Starts a node as a process of its own and waits until it serves. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { closeLater, until } from './node';

export class NodeProcess {
  stdout = '';
  stderr = '';
  /** Undefined while it runs. */
  exit: { readonly code: number | null; readonly signal: string | null } | undefined;

  private constructor(readonly child: ChildProcess) {
    child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    child.once('exit', (code, signal) => {
      this.exit = { code, signal };
    });
    closeLater(() => child.kill('SIGKILL'));
  }

  /** `descriptorsMax` is what the shell calls `ulimit -n`; `through` is the address of a node whose ring it joins. */
  static async start(descriptorsMax: number, logLevel = 'info', through = ''): Promise<NodeProcess> {
    const script = join(__dirname, 'node-process.ts');
    const command = `ulimit -n ${descriptorsMax}; exec "${process.execPath}" -r ts-node/register "${script}" ${logLevel} ${through}`;
    const started = new NodeProcess(spawn('bash', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'] }));
    await until('the node serves', () => started.stdout.includes('\n') || started.exit !== undefined, 20_000);
    if (!started.stdout.startsWith('ready ')) throw new Error(`Not ready: ${started.stdout}${started.stderr}`);
    return started;
  }

  get port(): number {
    return Number(/addr=127\.0\.0\.1:(\d+)/.exec(this.stdout)?.[1]);
  }

  /** What it has logged, line by line. */
  get logged(): readonly Record<string, unknown>[] {
    const lines = this.stderr.split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}
