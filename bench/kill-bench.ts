/**
 * What clients notice when a process of a node dies: in a ring of three, every lasting process of one node is killed, one
 * after the other, while clients of all nodes put and get. The longest time for which any of them got no answer stands
 * beside the goal.
 */
import { type Client, connect } from '../src/client';
import type { TreeNode } from '../src/otp';
import { type Figure, figure } from './figures';
import { progress } from './plan';
import { getJson, later, portOf, postJson, type RingNode, untilSettled, withRing } from './ring-nodes';

const CLIENTS_PER_NODE = 2;
const KEYS = 100;
/** Clients have something else to do, too. */
const BETWEEN_MS = 2;
/** So many kills in ten seconds are an operator's; more would end the node. */
const PAUSE_MS = 600;
const BACK_BOUND_MS = 10_000;
const GOAL_MS = 1000;

/** Measures it. */
export function measureKills(part: string): Promise<Figure[]> {
  return withRing(3, {}, async (ring) => {
    await untilSettled(ring);
    const probes = await Promise.all(
      ring.flatMap((node) => Array.from({ length: CLIENTS_PER_NODE }, () => probeOf(node))),
    );
    const done = probes.map((probe) => probe.run());
    const adminPort = ring[1]?.ready.adminPort ?? 0;
    const paths = await lastingPaths(adminPort);
    let longest = { ms: 0, path: '' };
    for (const [at, path] of paths.entries()) {
      progress(`ring, killing processes: ${at + 1} of ${paths.length}`);
      for (const probe of probes) probe.forget();
      await postJson(adminPort, '/api/tree/kill', { path });
      await later(PAUSE_MS);
      await untilBack(adminPort, path);
      const ms = Math.max(...probes.map(({ longestMs }) => longestMs));
      if (ms > longest.ms) longest = { ms, path };
    }
    for (const probe of probes) probe.end();
    await Promise.all(done);
    const what = `each process of one of 3 nodes killed: longest interruption (${longest.path})`;
    return [
      figure({ part, what, unit: 'ms', better: 'less', against: 'the goal' }, [
        { ours: longest.ms, yardstick: GOAL_MS },
      ]),
    ];
  });
}

/** A client that asks on and on, and knows for how long it has waited for an answer. */
class Probe {
  private isOver = false;
  private sinceMs = performance.now();
  private longestSeenMs = 0;

  constructor(private readonly client: Client) {}

  /** Including what it waits for at the moment. */
  get longestMs(): number {
    return Math.max(this.longestSeenMs, performance.now() - this.sinceMs);
  }

  forget(): void {
    this.longestSeenMs = 0;
    this.sinceMs = performance.now();
  }

  end(): void {
    this.isOver = true;
  }

  async run(): Promise<void> {
    for (let i = 0; !this.isOver; i += 1) {
      const key = `key-${i % KEYS}`;
      const answer = await (i % 2 === 0 ? this.client.put(key, `${i}`) : this.client.get(key));
      if (answer.ok) {
        const nowMs = performance.now();
        this.longestSeenMs = Math.max(this.longestSeenMs, nowMs - this.sinceMs);
        this.sinceMs = nowMs;
      }
      await later(BETWEEN_MS);
    }
    this.client.disconnect();
  }
}

async function probeOf(node: RingNode): Promise<Probe> {
  const connected = await connect('127.0.0.1', portOf(node), { timeoutMs: GOAL_MS });
  if (!connected.ok) throw new Error(connected.error.message);
  return new Probe(connected.value);
}

/** Who is there for good: connections and links come and go. */
async function lastingPaths(adminPort: number): Promise<readonly string[]> {
  const paths = pathsIn((await getJson(adminPort, '/api/tree')) as TreeNode);
  return paths.filter((path) => !/\/(connection-sup|peer-sup)\//.test(path));
}

const pathsIn = ({ path, children }: TreeNode): readonly string[] => [path, ...children.flatMap(pathsIn)];

async function untilBack(adminPort: number, path: string): Promise<void> {
  const sinceMs = performance.now();
  for (;;) {
    const tree = await getJson(adminPort, '/api/tree').catch(() => undefined);
    if (tree !== undefined && 'children' in (tree as object) && pathsIn(tree as TreeNode).includes(path)) return;
    if (performance.now() - sinceMs > BACK_BOUND_MS) throw new Error(`Cannot go on: ${path} does not come back`);
    await later(BETWEEN_MS);
  }
}
