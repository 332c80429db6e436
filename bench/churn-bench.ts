/**
 * Whether memory stays bounded while a fixed set of keys is overwritten, deleted and put again without end.
 *
 * Memory is looked at, all garbage collected, after every tenth of the requests. What it was after the first tenth,
 * when every key has been written many times and all code is compiled, stands beside what it is at the end: a node
 * that keeps its bounds has a ratio of about one. The slope is that of the line through all looks but the first. It is not
 * quite zero, since code goes on being compiled; records that are never freed would be some hundreds of bytes a request.
 */
import type { Memory } from './answering';
import { Child } from './child';
import { type Figure, figure } from './figures';
import type { Load, Outcome } from './load-generator';
import { type Plan, progress } from './plan';
import { nodeInfo, portOf, type RingNode, startRing, untilSettled } from './ring-nodes';
import { KEYS } from './tape';

const LOOKS = 10;
const CONNECTIONS = 50;
const PIPELINING = 16;
const SLICE_MS = 200;
const AFTER_FIRST = 'after the first tenth';
/** About what a record takes. */
const RECORD_BYTES = 400;
const LEAK = 'a record never freed';

/** Churns one node, then a ring of three with fewer requests. */
export async function measureChurn({ churnRequests, ringChurnRequests }: Plan): Promise<Figure[]> {
  return [...(await churn(1, churnRequests)), ...(await churn(3, ringChurnRequests))];
}

/** What one look at all nodes finds: the largest of each. */
interface Look {
  readonly requests: number;
  readonly usedBytes: number;
  readonly rssBytes: number;
  readonly tombstones: number;
}

async function churn(nodes: number, requests: number): Promise<readonly Figure[]> {
  const generator = await Child.start<undefined>('load-generator.js');
  const ring = await startRing(nodes);
  try {
    await untilSettled(ring);
    await generator.ask('preload', { port: portOf(ring[0]), keys: KEYS });
    const looks: Look[] = [];
    let done = 0;
    for (let number = 1; number <= LOOKS; number += 1) {
      while (done < (requests * number) / LOOKS) done += await sliceOf(generator, ring);
      await untilSettled(ring);
      const look = await lookAt(ring, done);
      looks.push(look);
      progress(
        `churn, ${nodes} of ${nodes} nodes, ${done} requests: ${megabytes(look.usedBytes)} MB used, ${megabytes(look.rssBytes)} MB resident, ${look.tombstones} tombstones`,
      );
    }
    return figuresOf(nodes, looks);
  } finally {
    for (const child of [generator, ...ring]) await child.stop();
  }
}

const megabytes = (bytes: number) => (bytes / 1_000_000).toFixed(1);

async function sliceOf(generator: Child<undefined>, ring: readonly RingNode[]): Promise<number> {
  const load: Load = {
    version: 1,
    mix: 'churn',
    ports: ring.map(portOf),
    connections: CONNECTIONS,
    pipelining: PIPELINING,
    warmUpMs: 0,
    measureMs: SLICE_MS,
  };
  const { requests } = await generator.ask<Outcome>('load', load);
  return requests;
}

async function lookAt(ring: readonly RingNode[], requests: number): Promise<Look> {
  const memories = await Promise.all(ring.map((node) => node.ask<Memory>('memory')));
  const infos = await Promise.all(ring.map(nodeInfo));
  return {
    requests,
    usedBytes: Math.max(...memories.map(({ usedBytes }) => usedBytes)),
    rssBytes: Math.max(...memories.map(({ rssBytes }) => rssBytes)),
    tombstones: Math.max(...infos.map(({ keys }) => keys.tombstones)),
  };
}

function figuresOf(nodes: number, looks: readonly Look[]): readonly Figure[] {
  const [first, last] = [looks[0], looks.at(-1)];
  if (first === undefined || last === undefined) return [];
  const part = '(g) memory under overwrites and deletes';
  const name = `${nodes === 1 ? '1 node' : `${nodes} nodes`}, ${KEYS} keys, ${last.requests} requests`;
  const row = (what: string, unit: string, against: string, yardstick: number, ours: number) =>
    figure({ part, what: `${name}: ${what}`, unit, better: 'less', against }, [{ ours, yardstick }]);
  const later = looks.slice(1);
  return [
    row('memory used', 'bytes', AFTER_FIRST, first.usedBytes, last.usedBytes),
    row('memory resident', 'bytes', AFTER_FIRST, first.rssBytes, last.rssBytes),
    row('tombstones', 'records', AFTER_FIRST, first.tombstones, last.tombstones),
    row(
      'slope of memory used',
      'bytes/request',
      LEAK,
      RECORD_BYTES,
      slopeOf(later, ({ usedBytes }) => usedBytes),
    ),
  ];
}

/** The slope of the line that is nearest to all points (least squares). */
function slopeOf(looks: readonly Look[], of: (look: Look) => number): number {
  const mean = (pick: (look: Look) => number) => looks.reduce((sum, look) => sum + pick(look), 0) / looks.length;
  const [meanX, meanY] = [mean(({ requests }) => requests), mean(of)];
  const products = looks.reduce((sum, look) => sum + (look.requests - meanX) * (of(look) - meanY), 0);
  return products / looks.reduce((sum, look) => sum + (look.requests - meanX) ** 2, 0);
}
