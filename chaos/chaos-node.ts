/**
 * Chaos node: a node that is a process of its own, and everything bad that can happen to it.
 *
 * It keeps its name and its address over restarts. Its log goes to a file, and whoever made it hears of each line.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync, type WriteStream } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { formatAddress } from '../src/client';
import type { Place } from './network';

/** How a node is started. */
export interface StartOptions {
  /** Whom it joins; undefined: nobody. */
  readonly join: ChaosNode | undefined;
  /** How far its clock is from the machine's. @default 0 */
  readonly clockOffsetMs?: number;
}

/** What a node is made of. */
export interface ChaosNodeOptions {
  readonly name: string;
  readonly number: number;
  readonly place: Place;
  /** The program to run. */
  readonly program: string;
  /** Settings of every node, as flags. */
  readonly flags: readonly string[];
  readonly logDir: string;
  /** Hears each line of its log. */
  readonly onLog: (node: ChaosNode, line: string) => void;
}

/** An answer of an admin server. */
export interface AdminAnswer {
  readonly status: number;
  readonly body: unknown;
}

const READY = /^ready .* id=([0-9a-f]{40}) /m;
const READY_BOUND_MS = 30_000;
const ADMIN_BOUND_MS = 3000;
const living = new Set<ChildProcess>();

// Whatever way this process ends, nodes end with it, even those that are stopped.
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** One node of a ring under chaos. */
export class ChaosNode {
  readonly name: string;
  readonly number: number;
  /** Its identifier, once it has served. */
  id = '';
  /** `up` from its ready line on; `leaving` while it was told to end. */
  state: 'down' | 'starting' | 'up' | 'paused' | 'leaving' = 'down';
  /** How often it has ended without having been told to. */
  deaths = 0;
  private child: ChildProcess | undefined;
  private readonly log: WriteStream;

  constructor(private readonly options: ChaosNodeOptions) {
    this.name = options.name;
    this.number = options.number;
    this.log = createWriteStream(join(options.logDir, `${options.name}.log`));
  }

  get address(): Place['address'] {
    return this.options.place.address;
  }

  /** Starts it and waits until it serves. */
  async start({ join: contact, clockOffsetMs = 0 }: StartOptions): Promise<void> {
    const { place, program, flags } = this.options;
    const args = [
      program,
      'node',
      '--node-id',
      String(this.number),
      '--allow-chaos',
      '--log-level',
      'debug',
      ...place.flags,
      ...flags,
    ];
    if (contact !== undefined) args.push('--join', formatAddress(contact.address));
    const [command, ...rest] = [...place.command, process.execPath, ...place.nodeArgs, ...args];
    const env = {
      ...process.env,
      ...place.env,
      ...(clockOffsetMs === 0 ? {} : { FUNNELKVS_CLOCK_OFFSET_MS: String(clockOffsetMs) }),
    };
    const child = spawn(command ?? '', rest, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env });
    living.add(child);
    this.child = child;
    this.state = 'starting';
    child.once('exit', () => this.ended(child));
    eachLine(child.stderr, (line) => this.logged(line));
    const stdout = await firstOutput(child);
    const [, id] = READY.exec(stdout) ?? [];
    if (id === undefined) {
      await this.kill();
      throw new Error(`Cannot start ${this.name}: ${stdout.trim() || 'it did not serve in time'}`);
    }
    this.id = id;
    if (this.child === child) this.state = 'up';
  }

  /** Kills it, and waits until it is dead. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Tells it to leave the ring and end; it is killed where that takes too long. Gives whether it went by itself. */
  async leave(boundMs = 15_000): Promise<boolean> {
    const { child } = this;
    const timer = setTimeout(() => child?.kill('SIGKILL'), boundMs);
    await this.end('SIGTERM');
    clearTimeout(timer);
    return child?.exitCode === 0;
  }

  /** Stops its processor, as a machine does that hangs: nothing is closed. */
  pause(): void {
    if (this.state !== 'up') return;
    this.state = 'paused';
    this.child?.kill('SIGSTOP');
  }

  resume(): void {
    if (this.state !== 'paused') return;
    this.state = 'up';
    this.child?.kill('SIGCONT');
  }

  /** Asks its admin server. */
  ask(path: string, method = 'GET'): Promise<AdminAnswer> {
    const { host, port, name } = this.options.place.admin;
    return new Promise((resolve, reject) => {
      const options = { host, port, path, method, agent: false, headers: { host: name }, timeout: ADMIN_BOUND_MS };
      const asked = request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({ status: response.statusCode ?? 0, body: parsed(text) });
        });
      });
      asked.on('timeout', () => asked.destroy(new Error(`${this.name} does not answer ${path}`)));
      asked.on('error', reject);
      asked.end();
    });
  }

  private async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const { child } = this;
    if (child === undefined) return;
    this.state = 'leaving';
    const gone = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
    child.kill(signal);
    await gone;
  }

  private ended(child: ChildProcess): void {
    living.delete(child);
    if (this.child !== child) return;
    if (this.state === 'up' || this.state === 'paused') this.deaths += 1;
    this.child = undefined;
    this.state = 'down';
  }

  private logged(line: string): void {
    this.log.write(`${line}\n`);
    this.options.onLog(this, line);
  }
}

function firstOutput(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    let complaint = '';
    const timer = setTimeout(() => resolve(said), READY_BOUND_MS);
    const settle = (text: string) => {
      clearTimeout(timer);
      resolve(text);
    };
    child.stderr?.on('data', (chunk: Buffer) => (complaint = chunk.toString()));
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('\n')) settle(said);
    });
    child.once('error', (error) => settle(error.message));
    child.once('close', () => settle(said || complaint));
  });
}

function eachLine(stream: NodeJS.ReadableStream | null, hear: (line: string) => void): void {
  let rest = '';
  stream?.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) hear(line);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The program of this package, seen from the sources or from what they are compiled to. */
export function compiledProgram(): string {
  const [fromSources = '', fromCompiled = ''] = ['..', '../..'].map((up) => join(__dirname, up, 'bin', 'funnelkvs'));
  return existsSync(fromSources) ? fromSources : fromCompiled;
}
