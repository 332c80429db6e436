/**
 * How fast a node answers its clients, beside a bare server that speaks the same bytes.
 *
 * 50 connections, keys of 16 bytes out of 10,000 that are all there, values of 100 bytes, half GET
 * and half PUT. Each server runs in a process of its own and the load in another; they take turns,
 * and a server that is not being measured has nothing to do. Processor time is that of the server
 * only: it depends less on what else the machine does than requests per second.
 *
 * Not measured: a network other than loopback, large values, replication, load below saturation.
 */
import { Child } from './child';
import { type Figure, figure, type Round } from './figures';
import { KEYS, type Load, type Outcome } from './load-generator';
import { type Plan, progress } from './plan';

const CONNECTIONS = 50;

type Shape = Pick<Load, 'version' | 'pipelining'>;

const SHAPES: readonly Shape[] = [
  { version: 1, pipelining: 1 },
  { version: 1, pipelining: 16 },
  { version: 1, pipelining: 64 },
  { version: 2, pipelining: 16 },
];

type Measured = Outcome & { readonly cpuUs: number };

/** Measures all shapes of load. */
export async function measureServers({ rounds, loadMs, warmUpMs }: Plan): Promise<Figure[]> {
  const generator = await Child.start<undefined>('load-generator.js');
  const bare = await Child.start<number>('bare-server.js');
  const node = await Child.start<number>('node-entry.js');
  const measure = (server: Child<number>, shape: Shape) => measureOne(generator, server, shape, { loadMs, warmUpMs });
  try {
    for (const { ready: port } of [bare, node]) await generator.ask('preload', { port, keys: KEYS });
    const figures: Figure[] = [];
    for (const shape of SHAPES) {
      const taken: { ours: Measured; yardstick: Measured }[] = [];
      for (let round = 0; round <= rounds; round += 1) {
        progress(`server, ${nameOf(shape)}: ${round === 0 ? 'warm-up' : `round ${round} of ${rounds}`}`);
        const yardstick = await measure(bare, shape);
        const ours = await measure(node, shape);
        if (round > 0) taken.push({ ours, yardstick });
      }
      figures.push(...figuresOf(shape, taken));
    }
    return figures;
  } finally {
    for (const child of [generator, bare, node]) await child.stop();
  }
}

async function measureOne(
  generator: Child<undefined>,
  server: Child<number>,
  shape: Shape,
  { loadMs, warmUpMs }: Pick<Plan, 'loadMs' | 'warmUpMs'>,
): Promise<Measured> {
  const load: Load = { ...shape, port: server.ready, connections: CONNECTIONS, warmUpMs, measureMs: loadMs };
  const cpuBeginMs = await server.ask<number>('cpuMs');
  const outcome = await generator.ask<Outcome>('load', load);
  const cpuMs = (await server.ask<number>('cpuMs')) - cpuBeginMs;
  if (outcome.busy > BUSY_MAX) progress(`the load generator was ${Math.round(outcome.busy * 100)} % busy`);
  return { ...outcome, cpuUs: (cpuMs * 1000) / outcome.requests };
}

/** Above this the load generator may have been what was slow. */
const BUSY_MAX = 0.85;

function figuresOf(shape: Shape, taken: readonly { ours: Measured; yardstick: Measured }[]): Figure[] {
  const row = (what: string, unit: string, better: Figure['better'], pick: (measured: Measured) => number): Figure => {
    const rounds: Round[] = taken.map(({ ours, yardstick }) => ({ ours: pick(ours), yardstick: pick(yardstick) }));
    return figure(
      { part: PART, what: `${nameOf(shape)}: ${what}`, unit, better, against: 'node:net and a Map' },
      rounds,
    );
  };
  return [
    row('throughput', 'requests/s', 'more', ({ requestsPerSecond }) => requestsPerSecond),
    row("server's processor time", 'µs/request', 'less', ({ cpuUs }) => cpuUs),
    row('latency p50', 'ms', 'less', ({ p50Ms }) => p50Ms),
    row('latency p99', 'ms', 'less', ({ p99Ms }) => p99Ms),
    row('latency p99.9', 'ms', 'less', ({ p999Ms }) => p999Ms),
    ...(shape.version === 1 && shape.pipelining === 1
      ? [row(`${CONNECTIONS} connections opened and answered`, 'ms', 'less', ({ openedMs }) => openedMs)]
      : []),
  ];
}

const PART = `(b) a node over TCP, ${CONNECTIONS} connections`;

const nameOf = ({ version, pipelining }: Shape) => `v${version}, ${pipelining} in flight`;
