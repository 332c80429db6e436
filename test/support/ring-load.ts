/**
 * A load for tests that change a ring meanwhile: workers that write and read through any node.
 *
 * Each worker has keys of its own and one request under way, so what each key must hold is known at
 * any time; besides, all read keys that were written before the load began. A request that is cut off
 * with its connection is repeated at another node, and what it wrote may show up until its time is over;
 * every other answer that is not the right one is noted, in words.
 */
import { toBinaryString } from '../../src/octets';
import { randomFrom } from '../../src/otp';
import type { Request, Response, Status } from '../../src/protocol/client-protocol';
import { closeLater, DELETE, GET, inShort, PUT, RawClient, until } from './node';

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
  /** Whether a write may end without anybody knowing whether it was done, as when the view of its arc changes meanwhile. @default false */
  readonly uncertain?: boolean;
  /** Whether workers delete keys of their own, too. @default false */
  readonly deletes?: boolean;
}

const OWN_KEYS = 20;
/** One write of so many is a delete. It moves from key to key, since it has no factor in common with their number. */
const DELETE_EVERY = 7;
/** No request is at work for longer: nobody has named a deadline of his own. */
const REQUEST_MS_MAX = 5500;

/** What a key holds; undefined: nothing. */
type Held = string | undefined;

/** A write whose connection was lost before it was answered. */
interface CutOff {
  readonly key: string;
  readonly value: Held;
  readonly atMs: number;
}

export class RingLoad {
  /** What was answered that should not have been. */
  readonly wrong: string[] = [];
  reads = 0;
  writes = 0;
  /** Requests that went down with their connection. */
  cutOff = 0;
  /** Failures that were tolerated. */
  failures = 0;
  /** When a request failed or was cut off last. */
  lastTroubleAtMs = 0;
  /** What each key may hold: the value acknowledged last, and those of later writes that may have been done. */
  readonly possible = new Map<string, readonly Held[]>();
  private cutWrites: readonly CutOff[] = [];
  private running = true;
  private done: Promise<unknown> = Promise.resolve();

  private constructor(readonly options: Required<RingLoadOptions>) {}

  /** Writes the keys that all read, then begins. */
  static async start(options: RingLoadOptions): Promise<RingLoad> {
    const load = new RingLoad({ workers: 8, keys: 500, tolerated: [], uncertain: false, deletes: false, ...options });
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
  async untilServed(count: number, boundMs = 30_000): Promise<void> {
    const goal = this.reads + this.writes + count;
    await until(`${count} more answers`, () => this.reads + this.writes >= goal || this.wrong.length > 0, boundMs);
  }

  /** A request went down with its connection. */
  noteCutOff({ op, key, value }: Request): void {
    const nowMs = performance.now();
    this.cutOff += 1;
    this.lastTroubleAtMs = nowMs;
    if (op === 'get') return;
    const write = { key: toBinaryString(key), value: op === 'delete' ? undefined : toBinaryString(value), atMs: nowMs };
    this.cutWrites = [...this.cutWrites.filter(({ atMs }) => nowMs - atMs < REQUEST_MS_MAX), write];
  }

  /** Whether a key may hold this. What was cut off and shows up once has been done, and may stay. */
  mayHold(key: string, found: Held): boolean {
    const values = this.possible.get(key) ?? [];
    if (values.includes(found)) return true;
    const isLate = this.cutWrites.some((write) => write.key === key && write.value === found);
    if (isLate) this.possible.set(key, [...values, found]);
    return isLate;
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.done;
  }

  /** Reads every acknowledged write through this node; gives what is not as it was acknowledged. */
  async lost(port: number): Promise<readonly string[]> {
    const client = await RawClient.connect(port);
    const lost: string[] = [];
    for (const key of this.possible.keys()) {
      const answer = await client.ask(GET(key));
      const isAnswer = answer.status === 'success' || answer.status === 'not_found';
      if (!isAnswer || !this.mayHold(key, heldAfter(answer))) lost.push(`${key}: ${inShort(answer)}`);
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
      if (this.load.options.deletes && round % DELETE_EVERY === DELETE_EVERY - 1) await this.delete(key);
      else await this.put(key, `round-${round}`);
      await this.read(key);
      await this.read(`before-${Math.floor(this.random() * this.load.options.keys)}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.close();
  }

  put(key: string, value: string): Promise<void> {
    return this.write(PUT(key, value), key, value);
  }

  async read(key: string): Promise<void> {
    const expected = this.load.possible.get(key);
    if (expected === undefined) return;
    const answer = await this.ask(GET(key));
    const isNothing = answer.status === 'not_found' && this.load.mayHold(key, undefined);
    if (answer.status !== 'success' && !isNothing)
      return this.failed(`get ${key} was answered ${inShort(answer)}`, answer.status);
    this.load.reads += 1;
    const found = heldAfter(answer);
    if (!this.load.mayHold(key, found))
      this.note(`get ${key} was answered "${found ?? 'nothing'}", not "${expected.join('" or "')}"`);
  }

  private delete(key: string): Promise<void> {
    return this.write(DELETE(key), key, undefined);
  }

  private async write(request: Request, key: string, value: Held): Promise<void> {
    const answer = await this.ask(request);
    const { possible } = this.load;
    if (answer.status === 'success') {
      this.load.writes += 1;
      possible.set(key, [value]);
    } else {
      const isUncertain = answer.status === 'timeout';
      if (isUncertain && this.load.options.uncertain) this.load.failures += 1;
      else this.failed(`${request.op} ${key} was answered ${inShort(answer)}`, answer.status);
      if (isUncertain) possible.set(key, [...(possible.get(key) ?? [undefined]), value]);
    }
  }

  close(): void {
    for (const client of this.clients.values()) client.close();
  }

  private failed(what: string, status: Status): void {
    if (!this.load.options.tolerated.includes(status)) return this.note(what);
    this.load.failures += 1;
    this.load.lastTroubleAtMs = performance.now();
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
        this.load.noteCutOff(request);
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

/** What a get says that the key holds. */
const heldAfter = ({ status, value }: Response): Held => (status === 'success' ? toBinaryString(value) : undefined);
