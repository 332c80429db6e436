/**
 * What a ring of processes does: how fast requests go through it, and how soon it is whole.
 *
 * Every node has a process of its own, all on this machine: with more nodes than processors they take
 * turns, so that times to wholeness and throughput are those of a machine that is far too small for
 * the ring. Of three nodes each keeps every key. Requests of one kind stand beside the bare server that is
 * meant by one Map, mixed ones beside one node, which has nobody to ask; times stand beside what was set as
 * a goal for them.
 *
 * What is aimed at for quorum puts: 0.20 of the bare server with one request in flight on each connection, 0.08
 * with 16; for quorum gets as much as for puts; for eventual requests more than for quorum ones.
 */
import { Child } from './child';
import { type Figure, figure, median } from './figures';
import { measureKills } from './kill-bench';
import type { Load, Outcome } from './load-generator';
import { type Plan, progress } from './plan';
import { getJson, portOf, type RingNode, startRing, untilSettled, untilWhole, withRing } from './ring-nodes';
import { KEYS, type Shape } from './tape';
import { CUSTOMARY } from './yardsticks';

const CONNECTIONS = 50;
const GOAL = 'the goal';

/** Measures everything that is said above. */
export async function measureRings(plan: Plan): Promise<Figure[]> {
  return [...(await throughThree(plan)), ...(await wholeness(plan)), ...(await measureKills(PART))];
}

// Requests through a ring

/** A kind of load, and what it is measured beside. */
interface Way extends Shape {
  readonly what: string;
  readonly pipelining: number;
  readonly against: 'bare' | 'one node';
}

const IN_FLIGHT = [1, 16];

const WAYS: readonly Way[] = [
  ...IN_FLIGHT.map(
    (pipelining): Way => ({
      what: `3 nodes, half get, half put, ${pipelining} in flight`,
      version: 1,
      pipelining,
      against: 'one node',
    }),
  ),
  ...(['quorum', 'eventual'] as const).flatMap((consistency) =>
    (['put', 'get'] as const).flatMap((mix) =>
      IN_FLIGHT.map(
        (pipelining): Way => ({
          what: `3 nodes, ${consistency} ${mix}${aimOf(consistency, mix, pipelining)}, ${pipelining} in flight`,
          version: 2,
          mix,
          consistency,
          pipelining,
          against: 'bare',
        }),
      ),
    ),
  ),
];

function aimOf(consistency: 'quorum' | 'eventual', mix: 'put' | 'get', pipelining: number): string {
  if (consistency === 'eventual' || mix === 'get') return '';
  return ` (aim ${pipelining === 1 ? '0.20' : '0.08'})`;
}

async function throughThree(plan: Plan): Promise<Figure[]> {
  const generator = await Child.start<undefined>('load-generator.js');
  const bare = await Child.start<number>(CUSTOMARY.module);
  const one = await startRing(1);
  const three = await startRing(3);
  try {
    await untilSettled(three);
    const [onePorts, threePorts] = [one.map(portOf), three.map(portOf)];
    for (const port of [bare.ready, onePorts[0], threePorts[0]]) await generator.ask('preload', { port, keys: KEYS });
    await untilSettled(three);
    const ports = { bare: [bare.ready], 'one node': onePorts };
    const taken = WAYS.map((way) => ({ way, rounds: [] as Sides<Outcome>[] }));
    for (let round = 0; round <= plan.rounds; round += 1) {
      progress(`ring, requests: ${round === 0 ? 'warm-up' : `round ${round} of ${plan.rounds}`}`);
      for (const { way, rounds } of taken) {
        const yardstick = await load(plan, generator, way, ports[way.against]);
        const ours = await load(plan, generator, way, threePorts);
        if (round > 0) rounds.push({ ours, yardstick });
      }
    }
    return [...taken.flatMap(({ way, rounds }) => figuresOf(way, rounds)), ...(await lookups(three))];
  } finally {
    for (const child of [generator, bare, ...one, ...three]) await child.stop();
  }
}

interface Sides<T> {
  readonly ours: T;
  readonly yardstick: T;
}

function load(
  { loadMs, warmUpMs }: Plan,
  generator: Child<undefined>,
  { version, mix, consistency, pipelining }: Way,
  ports: readonly number[],
): Promise<Outcome> {
  const asked: Load = {
    version,
    mix,
    consistency,
    pipelining,
    ports,
    connections: CONNECTIONS,
    warmUpMs,
    measureMs: loadMs,
  };
  return generator.ask<Outcome>('load', asked);
}

function figuresOf({ what, against }: Way, taken: readonly Sides<Outcome>[]): readonly Figure[] {
  const name = against === 'bare' ? CUSTOMARY.name : against;
  const row = (quantity: string, unit: string, better: Figure['better'], pick: (outcome: Outcome) => number) =>
    figure(
      { part: PART, what: `${what}: ${quantity}`, unit, better, against: name },
      taken.map(({ ours, yardstick }) => ({ ours: pick(ours), yardstick: pick(yardstick) })),
    );
  return [
    row('throughput', 'requests/s', 'more', ({ requestsPerSecond }) => requestsPerSecond),
    row('latency p50', 'ms', 'less', ({ p50Ms }) => p50Ms),
    row('latency p99', 'ms', 'less', ({ p99Ms }) => p99Ms),
  ];
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
