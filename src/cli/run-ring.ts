/**
 * A ring of node processes on this machine: one creates it, the others join, and all stop together.
 *
 * Each ready line is passed on as it comes, and one more line says that the ring is whole: when it
 * has formed, and again when it has mended after one of the nodes has ended.
 */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { type Address, formatAddress } from '../client';
import { defaultAdminPort } from '../config';
import type { RingInfo } from '../admin/answers';
import { askAdmin } from './admin-request';
import { EXIT, SIGNAL_EXIT_CODES } from './exit-codes';
import { type Io, printLine } from './io';
import { NodeProcess, type Ready } from './node-process';
import { RING_QUESTION } from './ring-questions';

/** What ring to run. */
export interface RingPlan {
  readonly nodes: number;
  readonly host: string;
  /** Of the first node; the others follow. 0: any free ones. */
  readonly port: number;
  /** Members of a ring that the first node joins; undefined: it begins a new one. */
  readonly join: string | undefined;
  /** The folder that takes a log for each node; undefined: all go to stderr, each line with its node. */
  readonly logDir: string | undefined;
  /** Further flags of every node. */
  readonly flags: readonly string[];
  /** The program that is a node. @default this one, compiled */
  readonly program?: string;
}

/** Runs the ring until a signal stops it or all of its nodes have ended, and gives the exit code. */
export async function runRing(plan: RingPlan, io: Io): Promise<number> {
  const ring = new RingOfProcesses(plan, io);
  const stopped = ring.stopOnSignal();
  try {
    return await Promise.race([stopped, ring.run()]);
  } finally {
    ring.close();
  }
}

/** A node may take 10 s to leave; what has not left then is ended. */
const STOP_TIMEOUT_MS = 11_000;
const POLL_MS = 50;
const POLL_TIMEOUT_MS = 2000;
/** Said once of a ring that takes longer than this. */
const PATIENCE_MS = 15_000;

interface Member {
  readonly number: number;
  readonly node: NodeProcess;
  readonly ready: Ready;
}

class RingOfProcesses {
  private readonly processes: NodeProcess[] = [];
  private members: readonly Member[] = [];
  private readonly listeners: (readonly [string, () => void])[] = [];
  private signalled = false;
  /** Nothing that ends now is news. */
  private stopping = false;
  /** Raised with every change of the members: a watch over what was before is over. */
  private changes = 0;
  /** What a ring ends with that no signal has stopped. */
  private exitCode: number = EXIT.failure;

  constructor(
    private readonly plan: RingPlan,
    private readonly io: Io,
  ) {}

  /** Starts the nodes, and settles when one of them cannot start or none of them is left. */
  async run(): Promise<number> {
    const first = await this.start(1, this.plan.join);
    if (first === undefined) return this.over();
    const contact = formatAddress(first.ready.address);
    const numbers = Array.from({ length: this.plan.nodes - 1 }, (_none, index) => index + 2);
    const others = await Promise.all(numbers.map((number) => this.start(number, contact)));
    if (!others.includes(undefined)) await this.watch();
    return this.over();
  }

  /** Settles when a signal has stopped the ring. A second one ends it at once. */
  stopOnSignal(): Promise<number> {
    return new Promise((resolve) => {
      for (const [signal, exitCode] of Object.entries(SIGNAL_EXIT_CODES)) {
        const take = () => {
          if (this.signalled) return resolve(exitCode);
          this.signalled = true;
          this.say('Stopping the ring; Ctrl-C again stops it at once');
          void this.stop().then(() => resolve(EXIT.success));
        };
        process.on(signal, take);
        this.listeners.push([signal, take]);
      }
    });
  }

  /** Ends what is left, and listens to signals no more. */
  close(): void {
    this.ignoreSignals();
    for (const node of this.processes) node.kill();
  }

  private ignoreSignals(): void {
    for (const [signal, take] of this.listeners) process.removeListener(signal, take);
  }

  private async stop(): Promise<void> {
    this.stopping = true;
    for (const node of this.processes) node.stop();
    const late = new AbortController();
    const ended = Promise.all(this.processes.map((node) => node.ended)).then(() => late.abort());
    await Promise.race([ended, delay(STOP_TIMEOUT_MS, undefined, { signal: late.signal }).catch(() => {})]);
  }

  /** What is left is stopped; a signal that does so already decides what comes of it. */
  private async over(): Promise<number> {
    if (this.signalled) return new Promise(() => {});
    if (this.members.length === 0 && !this.stopping) this.say('Cannot go on: all nodes have ended');
    await this.stop();
    return this.exitCode;
  }

  /** Undefined where it does not serve, which is said once and stops all. */
  private async start(number: number, contact: string | undefined): Promise<Member | undefined> {
    const { program, flags } = this.plan;
    const log = this.logOf(number);
    const options = { flags: [...this.flagsOf(number, contact), ...flags], prefix: log.prefix, log: log.to };
    const node = new NodeProcess(program === undefined ? options : { ...options, program });
    this.processes.push(node);
    const ready = await node.ready;
    if (ready === undefined) {
      if (!this.stopping) this.say(node.complaint);
      // Flags that are passed on are the nodes' to judge.
      if (!this.stopping && node.ending?.code === EXIT.usage) this.exitCode = EXIT.usage;
      this.stopping = true;
      return undefined;
    }
    if (!this.stopping) printLine(this.io, ready.line);
    const member = { number, node, ready };
    this.members = [...this.members, member];
    void node.ended.then(() => this.lost(member));
    return member;
  }

  private flagsOf(number: number, contact: string | undefined): readonly string[] {
    const { host, port } = this.plan;
    const own = port === 0 ? 0 : port + number - 1;
    const place = [
      '--node-id',
      `${number}`,
      '--host',
      host,
      '--port',
      `${own}`,
      '--admin-port',
      `${defaultAdminPort(own)}`,
    ];
    return contact === undefined ? place : [...place, '--join', contact];
  }

  private logOf(number: number): { readonly to: Writable; readonly prefix: string } {
    const { logDir } = this.plan;
    if (logDir === undefined) return { to: this.io.stderr, prefix: `[${number}] ` };
    const file = createWriteStream(join(logDir, `node-${number}.log`), { flags: 'a' });
    file.on('error', (error) => this.say(`Cannot write the log of node ${number}: ${error.message}`));
    return { to: file, prefix: '' };
  }

  // Watching

  /** Says each time that the ring has become whole; settles when nobody is left. */
  private async watch(): Promise<void> {
    while (this.members.length > 0) {
      const { changes } = this;
      await this.untilWhole(changes);
      const ends = this.members.map(({ node }) => node.ended);
      if (changes === this.changes) await Promise.race(ends);
    }
  }

  private async untilWhole(changes: number): Promise<void> {
    const sinceMs = performance.now();
    let patient = true;
    while (changes === this.changes && !this.stopping) {
      const problem = await this.problem();
      const tookMs = performance.now() - sinceMs;
      if (changes !== this.changes || this.stopping) return;
      if (problem === undefined) {
        return printLine(this.io, `whole nodes=${this.members.length} ms=${Math.round(tookMs)}`);
      }
      if (patient && tookMs > PATIENCE_MS) this.say(`The ring is not whole yet: ${problem}`);
      patient &&= tookMs <= PATIENCE_MS;
      await delay(POLL_MS);
    }
  }

  /** Why the ring is not whole, as one of its nodes sees it. */
  private async problem(): Promise<string | undefined> {
    const servers: readonly Address[] = this.members.map(({ ready }) => ready.admin);
    const asked = await askAdmin({ addresses: servers, timeoutMs: POLL_TIMEOUT_MS }, RING_QUESTION);
    return asked.ok ? this.problemIn(asked.value) : asked.error.message;
  }

  private problemIn({ nodes, consistent, covered, problems }: RingInfo): string | undefined {
    const seen = new Set(nodes.filter(({ state }) => state === 'active').map(({ addr }) => addr));
    const missing = this.members.filter(({ ready }) => !seen.has(formatAddress(ready.address)));
    if (missing.length > 0) return `node ${missing.map(({ number }) => number).join(', ')} is not in it`;
    return consistent && covered ? undefined : problems.join('; ');
  }

  private lost(member: Member): void {
    this.changes += 1;
    this.members = this.members.filter((other) => other !== member);
    const { code, signal } = member.node.ending ?? { code: null, signal: null };
    const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
    if (!this.stopping) this.say(`Node ${member.number} (${formatAddress(member.ready.address)}) has ended ${how}`);
  }

  private say(line: string): void {
    this.io.stderr.write(`${line}\n`);
  }
}
