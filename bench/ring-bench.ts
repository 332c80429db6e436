/**
 * What a ring of processes does: how fast requests go through it, how soon it is whole, how quiet it is.
 *
 * Every node has a process of its own, all on this machine: with more nodes than processors they take
 * turns, so that times to wholeness and throughput are those of a machine that is far too small for
 * the ring. Throughput stands beside that of one node, which has nobody to ask; times and traffic
 * stand beside what was set as a goal for them.
 *
 * Whole: every node's predecessor and successor are the right ones.
 */
import { request } from 'node:http';
import { Child } from './child';
import { type Figure, figure, median } from './figures';
import { KEYS, type Load, type Outcome } from './load-generator';
import { type Plan, progress } from './plan';
import type { Neighbours, RingNodeReady } from './ring-entry';

type RingNode = Child<RingNodeReady>;

const CONNECTIONS = 50;
const GOAL = 'the goal';

/** Measures everything that is said above. */
export async function measureRings(plan: Plan): Promise<Figure[]> {
  return [...(await throughThree(plan)), ...(await wholeness(plan)), ...(await idleTraffic(plan))];
}

// Requests through a ring

interface Way {
  readonly what: string;
  readonly pipelining: number;
}

const WAYS: readonly Way[] = [1, 16].map((pipelining) => ({
  what: `3 nodes, through all, ${pipelining} in flight`,
  pipelining,
}));

async function throughThree({ rounds, loadMs, warmUpMs }: Plan): Promise<Figure[]> {
  const generator = await Child.start<undefined>('load-generator.js');
  const one = await startRing(1);
  const three = await startRing(3);
  try {
    for (const ring of [one, three]) await generator.ask('preload', { port: portOf(ring[0]), keys: KEYS });
    const figures: Figure[] = [];
    for (const { what, pipelining } of WAYS) {
      const taken: { ours: Outcome; yardstick: Outcome }[] = [];
      for (let round = 0; round <= rounds; round += 1) {
        progress(`ring, ${what}: ${round === 0 ? 'warm-up' : `round ${round} of ${rounds}`}`);
        const load = (ring: readonly RingNode[]) =>
          generator.ask<Outcome>('load', {
            version: 1,
            pipelining,
            ports: ring.map(portOf),
            connections: CONNECTIONS,
            warmUpMs,
            measureMs: loadMs,
          } satisfies Load);
        const yardstick = await load(one);
        const ours = await load(three);
        if (round > 0) taken.push({ ours, yardstick });
      }
      const row = (name: string, unit: string, better: Figure['better'], pick: (outcome: Outcome) => number) =>
        figure(
          { part: PART, what: `${what}: ${name}`, unit, better, against: 'one node' },
          taken.map(({ ours, yardstick }) => ({ ours: pick(ours), yardstick: pick(yardstick) })),
        );
      figures.push(
        row('throughput', 'requests/s', 'more', ({ requestsPerSecond }) => requestsPerSecond),
        row('latency p50', 'ms', 'less', ({ p50Ms }) => p50Ms),
        row('latency p99', 'ms', 'less', ({ p99Ms }) => p99Ms),
      );
    }
    return [...figures, ...(await lookups(three))];
  } finally {
    for (const child of [generator, ...one, ...three]) await child.stop();
  }
}

const PART = '(e) a ring of processes';
const LOOKUPS = 100;

/** Lookups by fingers, as an operator sees them, beside what a ring is expected to take and one node takes. */
async function lookups(ring: readonly RingNode[]): Promise<Figure[]> {
  const found: { readonly hops: number; readonly tookMs: number }[] = [];
  for (let i = 0; i < LOOKUPS; i += 1) {
    const { adminPort } = ring[i % ring.length]?.ready ?? { adminPort: 0 };
    found.push((await getJson(adminPort, `/api/ring/lookup?key=key-${i}`)) as (typeof found)[number]);
  }
  const row = (what: string, unit: string, against: string, yardstick: number, ours: number) =>
    figure({ part: PART, what: `3 nodes: ${what}`, unit, better: 'less', against }, [{ ours, yardstick }]);
  const meanHops = found.reduce((sum, { hops }) => sum + hops, 0) / found.length;
  const times = found.map(({ tookMs }) => tookMs);
  return [
    row('hops of a lookup, mean', 'hops', '½ log2 N + 1', 0.5 * Math.log2(ring.length) + 1, meanHops),
    row('time of a lookup, median', 'ms', GOAL, LOOKUP_GOAL_MS, median(times)),
  ];
}

const LOOKUP_GOAL_MS = 10;

// Becoming whole

async function wholeness({ ringRounds }: Plan): Promise<Figure[]> {
  const serial: number[] = [];
  const atOnce: number[] = [];
  const ten: number[] = [];
  const killed: number[] = [];
  const stopped: number[] = [];
  for (let round = 1; round <= ringRounds; round += 1) {
    progress(`ring, becoming whole: round ${round} of ${ringRounds}`);
    await withRing(4, {}, async (ring) => {
      serial.push(await untilWhole(ring));
      killed.push(await without(ring, 'SIGKILL'));
    });
    await withRing(4, { atOnce: true }, async (ring) => {
      atOnce.push(await untilWhole(ring));
      stopped.push(await without(ring, 'SIGSTOP'));
    });
    await withRing(10, { atOnce: true }, async (ring) => {
      ten.push(await untilWhole(ring));
    });
  }
  const row = (what: string, times: readonly number[], goalMs: number) =>
    figure(
      { part: PART, what: `${what}: whole after`, unit: 'ms', better: 'less', against: GOAL },
      times.map((ours) => ({ ours, yardstick: goalMs })),
    );
  return [
    row('4 nodes, one after the other', serial, 2000),
    row('4 nodes, three at once', atOnce, 2000),
    row('10 nodes, nine at once', ten, 5000),
    row('4 nodes, one killed', killed, 1000),
    row('4 nodes, one stopped', stopped, 2000),
  ];
}

/** Takes one node out, by a signal, and waits for the others. */
async function without(ring: readonly RingNode[], signal: 'SIGKILL' | 'SIGSTOP'): Promise<number> {
  const [victim, ...others] = ring.toReversed();
  victim?.signal(signal);
  const tookMs = await untilWhole(others);
  victim?.signal('SIGCONT');
  return tookMs;
}

/** Milliseconds from now until every neighbour is the right one. */
async function untilWhole(ring: readonly RingNode[]): Promise<number> {
  const startMs = performance.now();
  for (;;) {
    const told = await Promise.all(ring.map((node) => node.ask<Neighbours>('neighbours')));
    const atMs = performance.now();
    if (isWhole(ring, told)) return atMs - startMs;
    if (atMs - startMs > WHOLE_BOUND_MS) throw new Error('Cannot go on: a ring does not become whole');
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

const WHOLE_BOUND_MS = 30_000;
const LOOK_MS = 5;

function isWhole(ring: readonly RingNode[], told: readonly Neighbours[]): boolean {
  const order = ring.map(({ ready }) => ready.id).toSorted();
  return ring.every(({ ready: { id } }, at) => {
    const place = order.indexOf(id);
    const { predecessor, successor } = told[at] ?? {};
    return predecessor === order.at(place - 1) && successor === order[(place + 1) % order.length];
  });
}

// Traffic

async function idleTraffic({ idleMs }: Plan): Promise<Figure[]> {
  return withRing(IDLE_NODES, { atOnce: true }, async (ring) => {
    await untilWhole(ring);
    // Fingers are looked up for a while after the ring has changed.
    await later(SETTLE_MS);
    progress(`ring, idle: ${idleMs / 1000} s`);
    const before = await sentBy(ring);
    const beginMs = performance.now();
    await later(idleMs);
    const after = await sentBy(ring);
    const nodeSeconds = ((performance.now() - beginMs) / 1000) * ring.length;
    const row = (what: string, unit: string, ours: number, goal: number) =>
      figure({ part: PART, what: `${IDLE_NODES} idle nodes: ${what}`, unit, better: 'less', against: GOAL }, [
        { ours, yardstick: goal },
      ]);
    return [
      row('messages', 'per node and s', (after.messages - before.messages) / nodeSeconds, 100),
      row('bytes', 'per node and s', (after.bytes - before.bytes) / nodeSeconds, 100_000),
    ];
  });
}

const IDLE_NODES = 10;
const SETTLE_MS = 10_000;

interface Sent {
  readonly messages: number;
  readonly bytes: number;
}

async function sentBy(ring: readonly RingNode[]): Promise<Sent> {
  const told = await Promise.all(ring.map(({ ready }) => getJson(ready.adminPort, '/api/node')));
  const rpc = (told as { readonly rpc: { messagesSent: number; bytesSent: number } }[]).map((node) => node.rpc);
  return {
    messages: rpc.reduce((sum, { messagesSent }) => sum + messagesSent, 0),
    bytes: rpc.reduce((sum, { bytesSent }) => sum + bytesSent, 0),
  };
}

// Rings

interface RingOptions {
  /** Whether all but the first start at the same time. */
  readonly atOnce?: boolean;
}

async function withRing<T>(
  count: number,
  options: RingOptions,
  use: (ring: readonly RingNode[]) => Promise<T>,
): Promise<T> {
  const ring = await startRing(count, options);
  try {
    return await use(ring);
  } finally {
    for (const node of ring) await node.stop();
  }
}

async function startRing(count: number, { atOnce = false }: RingOptions = {}): Promise<readonly RingNode[]> {
  const first = await startOne();
  const join = `127.0.0.1:${first.ready.port}`;
  if (atOnce) return [first, ...(await Promise.all(Array.from({ length: count - 1 }, () => startOne(join))))];
  const ring = [first];
  while (ring.length < count) ring.push(await startOne(join));
  return ring;
}

const startOne = (...join: readonly string[]) => Child.start<RingNodeReady>('ring-entry.js', join);

const portOf = (node: RingNode | undefined) => node?.ready.port ?? 0;

const later = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

function getJson(port: number, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString('utf8'))));
    });
    asked.on('error', reject).end();
  });
}
