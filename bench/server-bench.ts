/**
 * How fast a node answers its clients, beside two bare servers that speak the same bytes.
 *
 * 50 connections, keys of 16 bytes out of 10,000 that are all there, values of 100 bytes, half GET
 * and half PUT. Each server runs in a process of its own and the load in another; they take turns,
 * each round begins with another one, and a server that is not being measured has nothing to do.
 * Processor time is that of the server only: it depends less on what else the machine does than
 * requests per second.
 *
 * Not measured: a network other than loopback, large values, replication, load below saturation.
 */
import { Child } from './child';
import { type Figure, figure } from './figures';
import type { Load, Outcome } from './load-generator';
import { KEYS } from './tape';
import { type Plan, progress } from './plan';
import { CUSTOMARY, TUNED, type Yardstick } from './yardsticks';

const CONNECTIONS = 50;

type Shape = Pick<Load, 'version' | 'pipelining'>;

const SHAPES: readonly Shape[] = [
  { version: 1, pipelining: 1 },
  { version: 1, pipelining: 16 },
  { version: 1, pipelining: 64 },
  { version: 2, pipelining: 16 },
];

const NODE = 'node-entry.js';
const SERVERS: readonly string[] = [CUSTOMARY.module, TUNED.module, NODE];

type Measured = Outcome & { readonly cpuUs: number };

/** What each server, known by its module, did in one round. */
type Taken = ReadonlyMap<string, Measured>;

/** Measures all shapes of load. */
export async function measureServers(plan: Plan): Promise<Figure[]> {
  const generator = await Child.start<undefined>('load-generator.js');
  const servers = new Map<string, Child<number>>();
  try {
    for (const module of SERVERS) {
      const server = await Child.start<number>(module);
      servers.set(module, server);
      await generator.ask('preload', { port: server.ready, keys: KEYS });
    }
    const figures: Figure[] = [];
    for (const shape of SHAPES) figures.push(...figuresOf(shape, await measureShape(generator, servers, shape, plan)));
    return figures;
  } finally {
    for (const child of [generator, ...servers.values()]) await child.stop();
  }
}

/** All rounds of one shape but the first, in which the servers are compiled for it. */
async function measureShape(
  generator: Child<undefined>,
  servers: ReadonlyMap<string, Child<number>>,
  shape: Shape,
  plan: Plan,
): Promise<readonly Taken[]> {
  const rounds: Taken[] = [];
  for (let round = 0; round <= plan.rounds; round += 1) {
    progress(`server, ${nameOf(shape)}: ${round === 0 ? 'warm-up' : `round ${round} of ${plan.rounds}`}`);
    const taken = new Map<string, Measured>();
    for (const [module, server] of beginningAt(round, [...servers])) {
      taken.set(module, await measureOne(generator, server, shape, plan));
    }
    if (round > 0) rounds.push(taken);
  }
  return rounds;
}

/** The same items in the same circle, another one first. */
function beginningAt<T>(position: number, items: readonly T[]): readonly T[] {
  const first = position % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}

async function measureOne(
  generator: Child<undefined>,
  server: Child<number>,
  shape: Shape,
  { loadMs, warmUpMs }: Pick<Plan, 'loadMs' | 'warmUpMs'>,
): Promise<Measured> {
  const load: Load = { ...shape, ports: [server.ready], connections: CONNECTIONS, warmUpMs, measureMs: loadMs };
  const cpuBeginMs = await server.ask<number>('cpuMs');
  const outcome = await generator.ask<Outcome>('load', load);
  const cpuMs = (await server.ask<number>('cpuMs')) - cpuBeginMs;
  if (outcome.busy > BUSY_MAX) progress(`the load generator was ${Math.round(outcome.busy * 100)} % busy`);
  return { ...outcome, cpuUs: (cpuMs * 1000) / outcome.requests };
}

/** Above this the load generator may have been what was slow. */
const BUSY_MAX = 0.85;

/** One thing that is measured. */
interface Quantity extends Pick<Figure, 'what' | 'unit' | 'better'> {
  readonly of: (measured: Measured) => number;
}

const QUANTITIES: readonly Quantity[] = [
  { what: 'throughput', unit: 'requests/s', better: 'more', of: ({ requestsPerSecond }) => requestsPerSecond },
  { what: "server's processor time", unit: 'µs/request', better: 'less', of: ({ cpuUs }) => cpuUs },
  { what: 'latency p50', unit: 'ms', better: 'less', of: ({ p50Ms }) => p50Ms },
  { what: 'latency p99', unit: 'ms', better: 'less', of: ({ p99Ms }) => p99Ms },
  { what: 'latency p99.9', unit: 'ms', better: 'less', of: ({ p999Ms }) => p999Ms },
];

const OPENING: Quantity = {
  what: `${CONNECTIONS} connections opened and answered`,
  unit: 'ms',
  better: 'less',
  of: ({ openedMs }) => openedMs,
};

function figuresOf(shape: Shape, rounds: readonly Taken[]): Figure[] {
  const quantities = shape.version === 1 && shape.pipelining === 1 ? [...QUANTITIES, OPENING] : QUANTITIES;
  return quantities.flatMap((quantity) =>
    [CUSTOMARY, TUNED].map((yardstick) => figureOf(shape, quantity, yardstick, rounds)),
  );
}

function figureOf(shape: Shape, { of, ...about }: Quantity, yardstick: Yardstick, rounds: readonly Taken[]): Figure {
  const by = (taken: Taken, module: string) => {
    const measured = taken.get(module);
    return measured === undefined ? Number.NaN : of(measured);
  };
  return figure(
    { ...about, part: PART, what: `${nameOf(shape)}: ${about.what}`, against: yardstick.name },
    rounds.map((taken) => ({ ours: by(taken, NODE), yardstick: by(taken, yardstick.module) })),
  );
}

const PART = `(b) a node over TCP, ${CONNECTIONS} connections`;

const nameOf = ({ version, pipelining }: Shape) => `v${version}, ${pipelining} in flight`;
