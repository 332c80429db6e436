/**
 * What nodes say to each other when nobody asks them anything: to stay a ring, and to keep copies alike.
 *
 * Traffic of an idle ring is that of all nodes, shared out. A comparison of two copies that agree, and one of two
 * that differ in one record, are made on purpose, with what the idle ring says meanwhile taken off.
 */
import { Child } from './child';
import { type Figure, figure } from './figures';
import { type Plan, progress } from './plan';
import {
  later,
  nodeInfo,
  portOf,
  postJson,
  type RingNode,
  type Sent,
  sentBy,
  sentPerSecond,
  untilSettled,
  withRing,
} from './ring-nodes';
import { KEY_BYTES, KEYS, VALUE_BYTES } from './tape';

const PART = '(f) traffic between nodes';
const GOAL = 'the goal';
const IDLE_NODES = 10;
/** Fingers are looked up, and copies that are not needed any more are dropped, for a while after the ring has changed. */
const QUIET_AFTER_MS = 10_000;
const COMPARED_NODES = 3;
const REPAIRS = 100;
const COMPARISON_GOAL_BYTES = 120;

/** Measures everything that is said above. */
export async function measureTraffic(plan: Plan): Promise<Figure[]> {
  return [...(await idleTraffic(plan)), ...(await comparisons(plan))];
}

async function idleTraffic({ idleMs }: Plan): Promise<Figure[]> {
  return withRing(IDLE_NODES, { atOnce: true }, async (ring) => {
    await untilSettled(ring);
    await later(QUIET_AFTER_MS);
    const without = await idleRows(ring, idleMs, 'no keys');
    await preload(ring);
    return [...without, ...(await idleRows(ring, idleMs, `${KEYS} keys on three each`))];
  });
}

async function idleRows(ring: readonly RingNode[], idleMs: number, having: string): Promise<readonly Figure[]> {
  progress(`ring, idle, ${having}: ${idleMs / 1000} s`);
  const { messages, bytes } = await sentPerSecond(ring, idleMs);
  return [
    row(`${ring.length} idle nodes, ${having}: messages`, 'per node and s', messages / ring.length, 100),
    row(`${ring.length} idle nodes, ${having}: bytes`, 'per node and s', bytes / ring.length, 100_000),
  ];
}

async function comparisons({ ringRounds, idleMs }: Plan): Promise<Figure[]> {
  return withRing(COMPARED_NODES, {}, async (ring) => {
    await untilSettled(ring);
    await preload(ring);
    const idle = await sentPerSecond(ring, idleMs);
    progress('ring, comparing copies that agree');
    const agreeing: number[] = [];
    for (let round = 0; round < ringRounds; round += 1) agreeing.push(await bytesOfAgreement(ring, idle));
    const heals: Heal[] = [];
    for (let round = 0; round < HEALS_MAX && heals.length < ringRounds; round += 1) {
      progress(`ring, healing one record of ${KEYS}`);
      heals.push(...(await healOne(ring, idle)));
    }
    const healRow = (what: string, unit: string, against: string, yardstick: number, pick: (heal: Heal) => number) =>
      figure(
        { part: PART, what: `one record of ${KEYS} healed: ${what}`, unit, better: 'less', against },
        heals.map((heal) => ({ ours: pick(heal), yardstick })),
      );
    const allBytes = KEYS * (KEY_BYTES + VALUE_BYTES);
    return [
      figure(
        { part: PART, what: `${KEYS} keys compared, two copies agree`, unit: 'bytes', better: 'less', against: GOAL },
        agreeing.map((ours) => ({ ours, yardstick: COMPARISON_GOAL_BYTES })),
      ),
      healRow('bytes', 'bytes', 'all keys and values', allBytes, ({ bytes }) => bytes),
      healRow('time', 'ms', 'a round of comparisons', ROUND_MS, ({ tookMs }) => tookMs),
    ];
  });
}

/** Copies are compared so often by themselves. */
const ROUND_MS = 10_000;
/** A record may be healed by such a round before it is asked for. */
const HEALS_MAX = 10;

/** What one comparison of two copies takes, both directions together. */
async function bytesOfAgreement(ring: readonly RingNode[], idle: Sent): Promise<number> {
  const before = await sentBy(ring);
  const beginMs = performance.now();
  let compared = 0;
  for (let i = 0; i < REPAIRS; i += 1) {
    const repaired = await repair(ring[i % ring.length]);
    if (repaired.differences > 0) throw new Error('Cannot go on: copies that should agree do not');
    compared += repaired.compared;
  }
  return bytesSince(before, await sentBy(ring), beginMs, idle) / compared;
}

interface Heal {
  readonly bytes: number;
  readonly tookMs: number;
}

/** Drops one copy of one record, and has it mended by the node that leads it; empty where that had been done. */
async function healOne(ring: readonly RingNode[], idle: Sent): Promise<readonly Heal[]> {
  const [victim, ...others] = ring;
  if (victim === undefined) return [];
  const { keys } = await nodeInfo(victim);
  // Only at one place, two thirds through, does a multiple of it pass a whole number.
  await postJson(victim.ready.adminPort, '/api/keys/damage', { share: 1.5 / keys.replica });
  for (const node of others) {
    const before = await sentBy(ring);
    const beginMs = performance.now();
    const { repaired } = await repair(node);
    const tookMs = performance.now() - beginMs;
    const bytes = bytesSince(before, await sentBy(ring), beginMs, idle);
    if (repaired > 0) return [{ bytes, tookMs }];
  }
  return [];
}

function bytesSince(before: Sent, after: Sent, beginMs: number, idle: Sent): number {
  return after.bytes - before.bytes - (idle.bytes * (performance.now() - beginMs)) / 1000;
}

interface Repaired {
  readonly compared: number;
  readonly differences: number;
  readonly repaired: number;
}

const repair = (node: RingNode | undefined) => postJson(node?.ready.adminPort ?? 0, '/api/repair') as Promise<Repaired>;

async function preload(ring: readonly RingNode[]): Promise<void> {
  const generator = await Child.start<undefined>('load-generator.js');
  await generator.ask('preload', { port: portOf(ring[0]), keys: KEYS });
  await generator.stop();
  await untilSettled(ring);
}

function row(what: string, unit: string, ours: number, goal: number): Figure {
  return figure({ part: PART, what, unit, better: 'less', against: GOAL }, [{ ours, yardstick: goal }]);
}
