/**
 * A load for tests that break things meanwhile: clients that put and get in a closed loop.
 *
 * Each worker has a connection and keys of its own, and one request under way. So what each key
 * must hold is known at any time: the value that was acknowledged last. A worker that loses its
 * connection makes a new one and repeats what was not answered; any other surprise is noted.
 */
import { toBinaryString } from '../../src/octets';
import type { Response } from '../../src/protocol/client-protocol';
import { closeLater, GET, inShort, PUT, RawClient, until } from './node';

export interface LoadOptions {
  readonly port: number;
  /** @default 8 */
  readonly workers?: number;
  /** Keys of each worker. @default 50 */
  readonly keys?: number;
}

export class Load {
  /** The value of each key that was acknowledged last. */
  readonly acknowledged = new Map<string, string>();
  /** What went wrong, in words. None is expected, whatever is killed. */
  readonly surprises: string[] = [];
  /** Answers that said so, and no more: the store was not there. */
  refusals = 0;
  successes = 0;

  private running = true;
  private readonly workers: readonly Worker[];
  private readonly done: Promise<unknown>;

  private constructor({ port, workers = 8, keys = 50 }: LoadOptions) {
    this.workers = Array.from({ length: workers }, (_, id) => new Worker(this, port, id, keys));
    this.done = Promise.all(this.workers.map((worker) => worker.run()));
    closeLater(() => this.stop());
  }

  /** Starts a load and waits until every worker has been served. */
  static async start(options: LoadOptions): Promise<Load> {
    const load = new Load(options);
    await load.untilAllServed();
    return load;
  }

  get isRunning(): boolean {
    return this.running;
  }

  /** How often a worker had to connect again. */
  get reconnects(): number {
    return this.workers.reduce((sum, { connects }) => sum + connects - 1, 0);
  }

  /** Resolves when every worker has had an answer to a request that it sends from now on. */
  async untilAllServed(): Promise<void> {
    const sent = this.workers.map((worker) => worker.sent);
    const isServed = (worker: Worker, index: number) => worker.lastServed > (sent[index] ?? 0);
    await until('every worker is served', () => this.workers.every(isServed));
  }

  /** Lets every worker finish its request. */
  async stop(): Promise<void> {
    this.running = false;
    await this.done;
  }

  /** Reads every acknowledged write; gives the keys whose value is not the one acknowledged last. */
  async lost(port: number): Promise<readonly string[]> {
    const client = await RawClient.connect(port);
    const lost: string[] = [];
    for (const [key, value] of this.acknowledged) {
      const answer = await client.ask(GET(key));
      if (answer.status !== 'success' || toBinaryString(answer.value) !== value) {
        lost.push(`${key}: ${value.slice(0, 20)} became ${inShort(answer).slice(0, 40)}`);
      }
    }
    client.close();
    return lost;
  }
}

class Worker {
  connects = 0;
  /** How many requests were sent. */
  sent = 0;
  /** The number of the last request that was a success. */
  lastServed = 0;
  private client: RawClient | undefined;

  constructor(
    private readonly load: Load,
    private readonly port: number,
    private readonly id: number,
    private readonly keys: number,
  ) {}

  async run(): Promise<void> {
    for (let round = 0; this.load.isRunning; round += 1) {
      const key = `worker-${this.id}-key-${round % this.keys}`;
      await this.put(key, `${round}-${'v'.repeat(round % 300)}`);
      await this.check(key);
      // Others have this event loop too.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.client?.close();
  }

  private async put(key: string, value: string): Promise<void> {
    // An unanswered put may have been done or not: it is repeated until it was.
    for (;;) {
      const answer = await this.ask(() => PUT(key, value));
      if (answer?.status === 'success') break;
      if (!this.load.isRunning) return void this.load.acknowledged.delete(key);
    }
    this.load.acknowledged.set(key, value);
  }

  private async check(key: string): Promise<void> {
    const answer = await this.ask(() => GET(key));
    const expected = this.load.acknowledged.get(key);
    if (answer?.status !== 'success' && answer?.status !== 'not_found') return;
    const found = answer.status === 'success' ? toBinaryString(answer.value) : undefined;
    if (found !== expected) this.load.surprises.push(`${key} is "${String(found)}", not "${String(expected)}"`);
  }

  /** Undefined when the connection broke before the answer came. */
  private async ask(request: () => ReturnType<typeof GET>): Promise<Response | undefined> {
    const client = this.client && !this.client.isOver ? this.client : await this.connect();
    if (client === undefined) return undefined;
    this.sent += 1;
    try {
      const answer = await client.ask(request());
      if (answer.status === 'success') {
        this.load.successes += 1;
        this.lastServed = this.sent;
      } else if (answer.status === 'server_error') this.load.refusals += 1;
      else this.load.surprises.push(`${request().op} was answered ${inShort(answer)}`);
      return answer;
    } catch (error) {
      if (!client.isOver) this.load.surprises.push(String(error));
      return undefined;
    }
  }

  private async connect(): Promise<RawClient | undefined> {
    this.client?.close();
    try {
      this.client = await RawClient.connect(this.port);
      this.connects += 1;
      return this.client;
    } catch {
      // Nobody listens at the moment. Without a pause, trying would be all that this process does.
      await new Promise((resolve) => setTimeout(resolve, 2));
      return undefined;
    }
  }
}
