/**
 * Load: clients that put, get and delete at a steady rate, and write down what came of it.
 *
 * Operations begin when it is their time, whether or not others are under way, up to a bound for each node
 * and each key: a node that hangs holds up only what it was asked. A few hot keys take most operations and are
 * written by all; besides, keys are written once and read again and again.
 */
import { type Client, connectAny } from '../src/client';
import type { ChaosNode } from './chaos-node';
import type { History, Operation, Outcome } from './history';

/** What a load is. */
export interface LoadOptions {
  readonly history: History;
  /** Takes what is done with consistency `eventual`: on keys of its own, which are no registers. */
  readonly eventual: History;
  readonly targets: () => readonly ChaosNode[];
  /** Whom clients know besides the node that is theirs: they go on there when it is gone. @default nobody */
  readonly alsoKnown?: () => readonly ChaosNode[];
  readonly random: () => number;
  readonly nowMs: () => number;
  readonly perSecond: number;
  readonly hotKeys: number;
  /** Most keys that are written once. */
  readonly onceKeys: number;
  /** The share of requests that have little time: what is answered at a deadline must be as true as any other answer. */
  readonly hurriedShare: number;
}

/** What is to be done. */
export interface Ask extends Pick<Operation, 'op' | 'key'> {
  readonly value?: string;
  readonly isEventual?: boolean;
  /** Of a request that is in a hurry. */
  readonly timeoutMs?: number;
}

const TICK_MS = 4;
/** What begins late, begins in small groups. */
const PER_TICK_MAX = 10;
const PER_NODE_MAX = 16;
const PER_KEY_MAX = 5;
const CLIENTS_PER_NODE = 2;
const TIMEOUT_MS = 3000;
/** So long a request may take that is in a hurry: less than it takes to notice that a node is silent. */
const HURRIED_MS = [60, 300] as const;
const ONCE_PUT_SHARE = 0.2;
const ONCE_GET_SHARE = 0.15;
const EVENTUAL_SHARE = 0.05;
const EVENTUAL_KEYS = 30;
const PUT_SHARE = 0.42;
const GET_SHARE = 0.43;

/** Clients of every node. */
export class Clients {
  private readonly open = new Map<string, Promise<Client | undefined>>();

  constructor(private readonly alsoKnown: () => readonly ChaosNode[] = () => []) {}

  /** The nth client of a node; undefined while it cannot be reached. */
  of(node: ChaosNode, number: number): Promise<Client | undefined> {
    const name = `${node.name}/${number}`;
    const known = this.open.get(name);
    if (known !== undefined) return known;
    const opened = this.connect(node, number).then((client) => {
      if (client === undefined) this.open.delete(name);
      return client;
    });
    this.open.set(name, opened);
    return opened;
  }

  async close(): Promise<void> {
    for (const client of await Promise.all(this.open.values())) client?.disconnect();
    this.open.clear();
  }

  private async connect(node: ChaosNode, number: number): Promise<Client | undefined> {
    const others = this.alsoKnown().filter((other) => other !== node);
    const addresses = [node, ...others].map(({ address }) => address);
    // One takes every answer as it comes, the next asks again where it may.
    const connected = await connectAny(addresses, {
      timeoutMs: TIMEOUT_MS,
      retryRefused: number % 2 === 1,
    });
    return connected.ok ? connected.value : undefined;
  }
}

/** Does one operation, and says what came of it. */
export async function perform(
  client: Client,
  node: ChaosNode,
  { op, key, value, isEventual = false, timeoutMs }: Ask,
  nowMs: () => number,
): Promise<Operation> {
  const options = { consistency: isEventual ? 'eventual' : 'quorum', ...(timeoutMs && { timeoutMs }) } as const;
  const invokedMs = nowMs();
  const answer = await (op === 'put'
    ? client.put(key, value ?? '', options)
    : op === 'get'
      ? client.get(key, options)
      : client.delete(key, options));
  const common = { op, key, node: node.name, invokedMs, returnedMs: nowMs() };
  if (answer.ok) return { ...common, value: op === 'get' ? String(answer.value) : value, outcome: 'ok' };
  const { code, definite, message } = answer.error;
  const outcome: Outcome = op === 'get' && code === 'not_found' ? 'not_found' : definite ? 'refused' : 'unknown';
  const said = outcome === 'not_found' ? {} : { said: message };
  // A key that was absent is as good as deleted.
  return { ...common, value, outcome: code === 'not_found' && op === 'delete' ? 'ok' : outcome, ...said };
}

/** A load that runs. */
export class Load {
  /** Keys that are written once, whatever came of it. */
  readonly once: string[] = [];
  private readonly clients: Clients;
  private readonly perNode = new Map<string, number>();
  private readonly perKey = new Map<string, number>();
  private readonly underWay = new Set<Promise<void>>();
  private readonly timer: NodeJS.Timeout;
  private readonly startedMs: number;
  private begun = 0;
  private values = 0;

  constructor(private readonly options: LoadOptions) {
    this.clients = new Clients(options.alsoKnown);
    this.startedMs = options.nowMs();
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  /** Begins nothing more, and waits for the answers. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.underWay);
    await this.clients.close();
  }

  private tick(): void {
    const elapsedMs = this.options.nowMs() - this.startedMs;
    const due = Math.floor((elapsedMs / 1000) * this.options.perSecond - this.begun);
    for (let i = 0; i < Math.min(due, PER_TICK_MAX); i += 1) this.begin();
    // What could not begin in time is not made up for.
    this.begun += due;
  }

  private begin(): void {
    const { targets, random } = this.options;
    const free = targets().filter(({ name }) => (this.perNode.get(name) ?? 0) < PER_NODE_MAX);
    const node = free[Math.floor(random() * free.length)];
    if (node === undefined) return;
    const ask = { ...this.choose(), ...this.haste() };
    if ((this.perKey.get(ask.key) ?? 0) >= PER_KEY_MAX) return;
    if (ask.op === 'put' && ask.key.startsWith(ONCE)) this.once.push(ask.key);
    const done = this.carryOut(ask, node);
    this.underWay.add(done);
    void done.then(() => this.underWay.delete(done));
  }

  private choose(): Ask {
    const { random, hotKeys, onceKeys } = this.options;
    const value = () => `v${(this.values += 1)}`;
    const chance = random();
    if (chance < ONCE_PUT_SHARE && this.once.length < onceKeys)
      return { op: 'put', key: `${ONCE}${this.once.length}`, value: value() };
    if (chance < ONCE_PUT_SHARE + ONCE_GET_SHARE && this.once.length > 0)
      return { op: 'get', key: this.once[Math.floor(random() * this.once.length)] ?? '' };
    if (chance > 1 - EVENTUAL_SHARE) {
      const key = `eventual-${Math.floor(random() * EVENTUAL_KEYS)}`;
      return random() < 0.5
        ? { op: 'put', key, value: value(), isEventual: true }
        : { op: 'get', key, isEventual: true };
    }
    const key = `hot-${Math.floor(random() * hotKeys)}`;
    const kind = random();
    if (kind < PUT_SHARE) return { op: 'put', key, value: value() };
    return { op: kind < PUT_SHARE + GET_SHARE ? 'get' : 'delete', key };
  }

  /** How little time a request has, where it has less than others. */
  private haste(): Pick<Ask, 'timeoutMs'> {
    const { random, hurriedShare } = this.options;
    if (random() >= hurriedShare) return {};
    const [least, most] = HURRIED_MS;
    return { timeoutMs: Math.round(least + random() * (most - least)) };
  }

  private async carryOut(ask: Ask, node: ChaosNode): Promise<void> {
    add(this.perNode, node.name, 1);
    add(this.perKey, ask.key, 1);
    const client = await this.clients.of(node, Math.floor(this.options.random() * CLIENTS_PER_NODE));
    const { history, eventual, nowMs } = this.options;
    const into = ask.isEventual === true ? eventual : history;
    if (client !== undefined) into.add(await perform(client, node, ask, nowMs));
    add(this.perNode, node.name, -1);
    add(this.perKey, ask.key, -1);
  }
}

const ONCE = 'once-';

function add(counts: Map<string, number>, name: string, by: number): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}
