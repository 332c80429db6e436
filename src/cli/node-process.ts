/**
 * Node process: a node that this program runs as a process of its own.
 *
 * It stands in a session of its own, so that Ctrl-C on the terminal reaches only whoever started
 * it, and in good order. It holds a channel besides: should whoever started it be gone without a word,
 * the channel breaks, and the node leaves by itself (see run-node.ts).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import { type Address, parseAddress } from '../client';

/** What a node says about itself in its first line. */
export interface Ready {
  readonly line: string;
  readonly address: Address;
  readonly admin: Address;
}

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What to run, and who takes its log. */
export interface NodeProcessOptions {
  /** The arguments after `node`. */
  readonly flags: readonly string[];
  /** The program. @default this one, compiled */
  readonly program?: string;
  /** Stands before each line of its log. */
  readonly prefix: string;
  /** Takes its log, from its ready line on. */
  readonly log: Writable & { readonly isTTY?: boolean };
}

/** A node that runs, or has run. */
export class NodeProcess {
  /** Settles with its ready line, or with undefined where it has ended instead. */
  readonly ready: Promise<Ready | undefined>;
  readonly ended: Promise<Ending>;
  /** Set once it has ended. */
  ending: Ending | undefined = undefined;

  private readonly child: ChildProcess;
  /** What it logged before it served: where it never does, the reason. */
  private readonly early: string[] = [];
  private isReady = false;

  constructor(private readonly options: NodeProcessOptions) {
    const { flags, program = compiledProgram() } = options;
    const args = [program, 'node', ...flags];
    this.child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true });
    this.ended = this.watchEnd();
    this.ready = this.watchStart();
  }

  /** Why it does not serve, in its own words. */
  get complaint(): string {
    return this.early.at(-1) ?? 'it has ended without a word';
  }

  /** Tells it to leave. Nothing is told to one that has ended. */
  stop(): void {
    if (this.ending === undefined) this.child.kill('SIGTERM');
  }

  /** Ends it at once. */
  kill(): void {
    if (this.ending === undefined) this.child.kill('SIGKILL');
  }

  private async watchEnd(): Promise<Ending> {
    const [code, signal] = (await once(this.child, 'close')) as [number | null, NodeJS.Signals | null];
    this.ending = { code, signal };
    return this.ending;
  }

  private async watchStart(): Promise<Ready | undefined> {
    const { stdout, stderr } = this.child;
    if (stdout === null || stderr === null) return undefined;
    createInterface(stderr).on('line', (line) => this.takeLog(line));
    const first = once(createInterface(stdout), 'line') as Promise<[string]>;
    const started = await Promise.race([first, this.ended]);
    const ready = Array.isArray(started) ? readReady(started[0]) : undefined;
    this.isReady = ready !== undefined;
    if (this.isReady) for (const line of this.early.splice(0)) this.takeLog(line);
    return ready;
  }

  private takeLog(line: string): void {
    const { prefix, log } = this.options;
    if (this.isReady) log.write(`${prefix}${log.isTTY === true ? readableLog(line) : line}\n`);
    else this.early.push(line);
  }
}

/** What a ready line says; undefined where it is none. */
export function readReady(line: string): Ready | undefined {
  const { addr = '', admin = '' } =
    /^ready .*addr=(?<addr>\S+) .*admin=http:\/\/(?<admin>\S+)/.exec(line)?.groups ?? {};
  const [address, server] = [parseAddress(addr), parseAddress(admin)];
  return address.ok && server.ok ? { line, address: address.value, admin: server.value } : undefined;
}

/** A line of a node's log for people: what happened, and how bad that is where it is bad. */
export function readableLog(line: string): string {
  try {
    const { level, msg } = (JSON.parse(line) as { readonly level?: unknown; readonly msg?: unknown } | null) ?? {};
    if (typeof level !== 'string' || typeof msg !== 'string') return line;
    return level === 'info' ? msg : `${level.toUpperCase()} ${msg}`;
  } catch {
    // It is for people already.
    return line;
  }
}

/** The program of this package, from its sources or from what they are compiled to. */
function compiledProgram(): string {
  const [fromSources, fromCompiled] = ['../..', '../../..'].map((up) => join(__dirname, up, 'bin', 'funnelkvs'));
  return fromCompiled !== undefined && existsSync(fromCompiled) ? fromCompiled : (fromSources ?? '');
}
