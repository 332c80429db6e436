/**
 * A load for tests that change a ring meanwhile: workers that write and read through any node.
 *
 * Each worker has keys of its own and one request under way, so what each key must hold is known at
 * any time; besides, all read keys that were written before the load began. A request that is cut off
 * with its connection is repeated at another node; every other answer that is not the right one is
 * noted, in words.
 */
import { toBinaryString } from '../../src/octets';
import { randomFrom } from '../../src/otp';
import type { Request, Response, Status } from '../../src/protocol/client-protocol';
import { closeLater, GET, inShort, PUT, RawClient, until } from './node';

/** Somebody to ask. */
export interface Target {
  readonly port: number;
  readonly isRunning: boolean;
}

export interface RingLoadOptions {
  /** Whom to ask at the moment. */
  readonly targets: () => readonly Target[];
  readonly seed: number;
  /** @default 8 */
  readonly workers?: number;
  /** Keys written before, read by all. @default 500 */
  readonly keys?: number;
  /** Failures that are all right while something is being broken. @default none */
  readonly tolerated?: readonly Status[];
}

const OWN_KEYS = 20;

export class RingLoad {
  /** What was answered that should not have been. */
  readonly wrong: string[] = [];
  reads = 0;
  writes = 0;
  /** Requests that went down with their connection. */
  cutOff = 0;
  /** Failures that were tolerated. */
  failures = 0;
  /** What each key may hold: the value acknowledged last, and those of later writes that may have been done. */
  readonly possible = new Map<string, readonly string[]>();
  private running = true;
  private done: Promise<unknown> = Promise.resolve();

  private constructor(readonly options: Required<RingLoadOptions>) {}

  /** Writes the keys that all read, then begins. */
  static async start(options: RingLoadOptions): Promise<RingLoad> {
    const load = new RingLoad({ workers: 8, keys: 500, tolerated: [], ...options });
    const random = randomFrom(options.seed);
    const writer = new Worker(load, 'before', random);
    for (let i = 0; i < load.options.keys; i += 1) await writer.put(`before-${i}`, `value-${i}`);
    writer.close();
    const workers = Array.from({ length: load.options.workers }, (_, id) => new Worker(load, String(id), random));
    load.done = Promise.all(workers.map((worker) => worker.run()));
    closeLater(() => load.stop());
    return load;
  }

  get isRunning(): boolean {
    return this.running;
  }

  /** Resolves when so many more requests have been answered. */
  async untilServed(count: number): Promise<void> {
    const goal = this.reads + this.writes + count;
    await until(`${count} more answers`, () => this.reads + this.writes >= goal || this.wrong.length > 0, 30_000);
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.done;
  }

  /** Reads every acknowledged write through this node; gives what is not as it was acknowledged. */
  async lost(port: number): Promise<readonly string[]> {
    const client = await RawClient.connect(port);
    const lost: string[] = [];
    for (const [key, values] of this.possible) {
      const answer = await client.ask(GET(key));
      const found = answer.status === 'success' ? toBinaryString(answer.value) : undefined;
      if (found === undefined || !values.includes(found)) lost.push(`${key}: ${inShort(answer)}`);
    }
    client.close();
    return lost;
  }
}

class Worker {
  private readonly clients = new Map<number, RawClient>();

  constructor(
    private readonly load: RingLoad,
    private readonly name: string,
    private readonly random: () => number,
  ) {}

  async run(): Promise<void> {
    for (let round = 0; this.load.isRunning; round += 1) {
      const key = `own-${this.name}-${round % OWN_KEYS}`;
      await this.put(key, `round-${round}`);
      await this.read(key);
      await this.read(`before-${Math.floor(this.random() * this.load.options.keys)}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.close();
  }

  async put(key: string, value: string): Promise<void> {
    const answer = await this.ask(PUT(key, value));
    const { possible } = this.load;
    if (answer.status === 'success') {
      this.load.writes += 1;
      possible.set(key, [value]);
    } else {
      this.failed(`put ${key} was answered ${inShort(answer)}`, answer.status);
      if (answer.status === 'timeout') possible.set(key, [...(possible.get(key) ?? []), value]);
    }
  }

  async read(key: string): Promise<void> {
    const expected = this.load.possible.get(key);
    if (expected === undefined) return;
    const answer = await this.ask(GET(key));
    if (answer.status !== 'success') return this.failed(`get ${key} was answered ${inShort(answer)}`, answer.status);
    this.load.reads += 1;
    const found = toBinaryString(answer.value);
    if (!expected.includes(found)) this.note(`get ${key} was answered "${found}", not "${expected.join('" or "')}"`);
  }

  close(): void {
    for (const client of this.clients.values()) client.close();
  }

  private failed(what: string, status: Status): void {
    if (this.load.options.tolerated.includes(status)) this.load.failures += 1;
    else this.note(what);
  }

  private note(what: string): void {
    // The first ones tell the story.
    if (this.load.wrong.length < 100) this.load.wrong.push(what);
  }

  /** Asks one node after the other until one has answered. */
  private async ask(request: Request): Promise<Response> {
    for (;;) {
      const client = await this.anyClient();
      try {
        return await client.ask(request);
      } catch (error) {
        if (!client.isOver) throw error;
        this.load.cutOff += 1;
      }
    }
  }

  private async anyClient(): Promise<RawClient> {
    for (;;) {
      const targets = this.load.options.targets();
      const target = targets[Math.floor(this.random() * targets.length)];
      if (target === undefined) throw new Error('Nobody is left to ask');
      const known = this.clients.get(target.port);
      if (known && !known.isOver) return known;
      known?.close();
      const fresh = await RawClient.connect(target.port).catch(() => undefined);
      if (fresh === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 2));
        continue;
      }
      this.clients.set(target.port, fresh);
      return fresh;
    }
  }
}
