/**
 * Stage: what fixed plays share: a ring, keys that were acknowledged, and whether they are still there.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ChaosNode } from './chaos-node';
import { Cluster } from './cluster';
import { countCopies, type Copies, readAll } from './final-reads';
import { History, type Operation } from './history';
import { judge } from './judgement';
import { Clients, perform } from './load';
import { loopbackNetwork } from './network';
import { later } from './later';

/** What a play is given. */
export interface StageOptions {
  readonly program: string;
  readonly flags: readonly string[];
  /** Logs go into a folder of it. */
  readonly dir: string;
  readonly tell: (line: string) => void;
}

/** How many copies of each key there are to be. */
export const REPLICAS = 3;

const WRITERS = 32;
const ATTEMPTS_MAX = 40;
const SETTLE_BOUND_MS = 60_000;
const COPIES_BOUND_MS = 60_000;
const LOOK_EVERY_MS = 20;
const HTTP_OK = 200;
const HTTP_NOT_FOUND = 404;
const PROBLEMS_TOLD_MAX = 5;

/** A ring on which a play is given. */
export class Stage {
  readonly history = new History();
  readonly problems: string[] = [];
  readonly cluster: Cluster;
  readonly nowMs: () => number;
  private readonly keys: string[] = [];

  constructor(
    name: string,
    private readonly options: StageOptions,
  ) {
    const startedMs = performance.now();
    this.nowMs = () => performance.now() - startedMs;
    const logDir = join(options.dir, name);
    mkdirSync(logDir, { recursive: true });
    const { program, flags } = options;
    this.cluster = new Cluster({ network: loopbackNetwork(1), program, flags, logDir, nowMs: this.nowMs });
  }

  tell(line: string): void {
    this.options.tell(`${(this.nowMs() / 1000).toFixed(3).padStart(8)} s  ${line}`);
  }

  /** Starts so many nodes, and waits until they have settled. */
  async start(count: number): Promise<void> {
    await this.cluster.startMany(count);
    await this.settle();
    this.tell(`${count} nodes`);
  }

  /** Stores so many keys through all nodes. Each is written until it is acknowledged. */
  async store(count: number, valueBytes = 10): Promise<void> {
    const clients = new Clients();
    const waiting = Array.from({ length: count }, (_, i) => `key-${i}`);
    this.keys.push(...waiting);
    const writer = async (_: unknown, number: number) => {
      for (let key = waiting.pop(); key !== undefined; key = waiting.pop())
        await this.put(clients, key, `${key} `.padEnd(valueBytes, '.'), number);
    };
    await Promise.all(Array.from({ length: WRITERS }, writer));
    await clients.close();
    this.tell(`${count} keys stored`);
  }

  /** Waits until everybody is safe to stop; gives how long it took. */
  async settle(): Promise<number> {
    const { tookMs, problem } = await this.cluster.untilSettled(SETTLE_BOUND_MS);
    if (problem !== undefined) this.note(`not settled within ${SETTLE_BOUND_MS / 1000} s: ${problem}`);
    return tookMs;
  }

  /** Waits until this node says that it may be stopped. */
  async untilSafe(node: ChaosNode): Promise<void> {
    const sinceMs = performance.now();
    for (;;) {
      const answer = await node.ask('/api/safe-to-stop').catch(() => undefined);
      if (answer?.status === HTTP_OK) return;
      if (answer?.status === HTTP_NOT_FOUND) return void (await this.settle());
      if (performance.now() - sinceMs > SETTLE_BOUND_MS)
        return this.note(
          `${node.name} is not safe to stop after ${SETTLE_BOUND_MS / 1000} s: ${JSON.stringify(answer?.body)}`,
        );
      await later(LOOK_EVERY_MS);
    }
  }

  /** Reads every key through every node; notes what is not there. */
  async checkKeys(when: string): Promise<void> {
    const before = this.history.operations.length;
    const unreadable = await readAll(this.cluster.up, this.keys, this.history, this.nowMs);
    const bad = judge(this.history.byKey(), this.cluster.changes);
    const reads = this.history.operations.length - before;
    this.tell(
      `${when}: ${reads} reads through ${this.cluster.up.length} nodes, ${bad.length} keys not as they should be`,
    );
    for (const { key, anomalies } of bad.slice(0, PROBLEMS_TOLD_MAX)) {
      const [first] = anomalies;
      this.note(`${when}: ${key} is ${first?.kind ?? 'undecided'} at ${first?.read.node ?? ''}`);
    }
    if (bad.length > PROBLEMS_TOLD_MAX) this.note(`${when}: and ${bad.length - PROBLEMS_TOLD_MAX} other keys`);
    const [first] = unreadable;
    if (first !== undefined)
      this.note(
        `${when}: ${unreadable.length} reads were not answered, the first ${first.key} at ${first.node}: ${first.said ?? ''}`,
      );
  }

  /** Waits until there are exactly so many copies of every key; gives how long it took. */
  async checkCopies(when: string): Promise<number> {
    const sinceMs = performance.now();
    for (;;) {
      const copies = await this.copies();
      const tookMs = performance.now() - sinceMs;
      if (copies === undefined) {
        this.tell(`${when}: nodes do not tell what they store`);
        return tookMs;
      }
      if (copies.wrong.length === 0 || tookMs > COPIES_BOUND_MS) {
        const counts = [...copies.counts].map(([count, keys]) => `${keys} keys have ${count} copies`);
        this.tell(`${when}: ${counts.join(', ')}; ${copies.surplus} surplus`);
        for (const wrong of copies.wrong.slice(0, PROBLEMS_TOLD_MAX)) this.note(`${when}: ${wrong}`);
        return tookMs;
      }
      await later(LOOK_EVERY_MS);
    }
  }

  /** The copies of every key now; undefined where nodes do not tell. */
  copies(): Promise<Copies | undefined> {
    const nodes = this.cluster.up;
    return countCopies(nodes, this.keys, Math.min(REPLICAS, nodes.length));
  }

  note(problem: string): void {
    this.problems.push(problem);
    this.tell(`PROBLEM: ${problem}`);
  }

  /** Ends all; gives what was wrong. */
  async close(): Promise<readonly string[]> {
    for (const { name, deaths } of this.cluster.nodes) if (deaths > 0) this.note(`${name} has ended by itself`);
    await this.cluster.close();
    return this.problems;
  }

  private async put(clients: Clients, key: string, value: string, number: number): Promise<void> {
    let last: Operation | undefined;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      const nodes = this.cluster.up;
      const node = nodes[(number + attempt) % nodes.length];
      if (node === undefined) break;
      const client = await clients.of(node, 1);
      if (client === undefined) continue;
      last = await perform(client, node, { op: 'put', key, value: `${attempt} ${value}` }, this.nowMs);
      this.history.add(last);
      if (last.outcome === 'ok') return;
    }
    this.note(`${key} could not be stored: ${last?.said ?? ''}`);
  }
}
