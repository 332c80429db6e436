/**
 * Rings of processes for benchmarks: starts them, waits until they are whole or have settled, and asks them.
 *
 * Whole: every node's predecessor and successor are the right ones. Settled: every key has its copies, too, on
 * nodes that have been found to agree.
 */
import { request } from 'node:http';
import { Child } from './child';
import type { Neighbours, RingNodeReady } from './ring-entry';

export type RingNode = Child<RingNodeReady>;

const WHOLE_BOUND_MS = 30_000;
const SETTLED_BOUND_MS = 60_000;
const LOOK_MS = 5;
const COPIES = 3;

export interface RingOptions {
  /** Whether all but the first start at the same time. */
  readonly atOnce?: boolean;
}

/** Has a ring for as long as it is used. */
export async function withRing<T>(
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

/** Starts a ring, and does not wait until it is whole. */
export async function startRing(count: number, { atOnce = false }: RingOptions = {}): Promise<readonly RingNode[]> {
  const first = await startOne();
  const join = `127.0.0.1:${first.ready.port}`;
  if (atOnce) return [first, ...(await Promise.all(Array.from({ length: count - 1 }, () => startOne(join))))];
  const ring = [first];
  while (ring.length < count) ring.push(await startOne(join));
  return ring;
}

const startOne = (...join: readonly string[]) => Child.start<RingNodeReady>('ring-entry.js', join);

export const portOf = (node: RingNode | undefined) => node?.ready.port ?? 0;

// Waiting

/** Milliseconds from now until every neighbour is the right one. */
export function untilWhole(ring: readonly RingNode[]): Promise<number> {
  return until('become whole', WHOLE_BOUND_MS, async () =>
    isWhole(ring, await Promise.all(ring.map((node) => node.ask<Neighbours>('neighbours')))),
  );
}

/** Milliseconds from now until every key has its copies, and every node says that it could be stopped. */
export async function untilSettled(ring: readonly RingNode[]): Promise<number> {
  const wholeMs = await untilWhole(ring);
  const copies = Math.min(COPIES, ring.length);
  const settledMs = await until('settle', SETTLED_BOUND_MS, async () => {
    const nodes = await Promise.all(ring.map(nodeInfo));
    return nodes.every((node) => {
      const { learner, newcomers, unsettled } = node.views;
      const hasAll = learner + newcomers + unsettled === 0 && (node.copies?.min ?? copies) === copies;
      // So few nodes are never safe to stop.
      return hasAll && (node.safeToStop.safe || copies < COPIES);
    });
  });
  return wholeMs + settledMs;
}

async function until(what: string, boundMs: number, holds: () => Promise<boolean>): Promise<number> {
  const startMs = performance.now();
  for (;;) {
    const does = await holds();
    const tookMs = performance.now() - startMs;
    if (does) return tookMs;
    if (tookMs > boundMs) throw new Error(`Cannot go on: a ring does not ${what}`);
    await later(LOOK_MS);
  }
}

function isWhole(ring: readonly RingNode[], told: readonly Neighbours[]): boolean {
  const order = ring.map(({ ready }) => ready.id).toSorted();
  return ring.every(({ ready: { id } }, at) => {
    const place = order.indexOf(id);
    const { predecessor, successor } = told[at] ?? {};
    return predecessor === order.at(place - 1) && successor === order[(place + 1) % order.length];
  });
}

export const later = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

// Asking

/** What `GET /api/node` says, as far as it is measured. */
interface NodeAnswer {
  readonly rpc: { readonly messagesSent: number; readonly bytesSent: number };
  readonly views: { readonly learner: number; readonly newcomers: number; readonly unsettled: number };
  readonly copies: { readonly min: number } | null;
  readonly keys: { readonly primary: number; readonly replica: number; readonly tombstones: number };
  readonly safeToStop: { readonly safe: boolean };
}

export const nodeInfo = (node: RingNode) => getJson(node.ready.adminPort, '/api/node') as Promise<NodeAnswer>;

/** What nodes have said to each other. */
export interface Sent {
  readonly messages: number;
  readonly bytes: number;
}

/** Since they were started, all of them together. */
export async function sentBy(ring: readonly RingNode[]): Promise<Sent> {
  const rpc = (await Promise.all(ring.map(nodeInfo))).map((node) => node.rpc);
  return {
    messages: rpc.reduce((sum, { messagesSent }) => sum + messagesSent, 0),
    bytes: rpc.reduce((sum, { bytesSent }) => sum + bytesSent, 0),
  };
}

/** What all of them together say to each other in a second, while they are left alone for so long. */
export async function sentPerSecond(ring: readonly RingNode[], forMs: number): Promise<Sent> {
  const before = await sentBy(ring);
  const beginMs = performance.now();
  await later(forMs);
  const after = await sentBy(ring);
  const seconds = (performance.now() - beginMs) / 1000;
  return { messages: (after.messages - before.messages) / seconds, bytes: (after.bytes - before.bytes) / seconds };
}

export const getJson = (port: number, path: string) => askJson('GET', port, path);

export const postJson = (port: number, path: string, body: object = {}) =>
  askJson('POST', port, path, JSON.stringify(body));

function askJson(method: string, port: number, path: string, body?: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString('utf8'))));
    });
    asked.on('error', reject).end(body);
  });
}
