/**
 * Killing every process of a node's tree, one after the other, in a ring of three under load: every key has three copies,
 * so nothing that was acknowledged may be missing, or answered wrongly, at any moment, through any node. Afterwards all
 * copies are what they were: as many as there should be, all of them voting.
 *
 * Some of these kills close the node's door for a moment. On a busy machine that may be long enough for the others to go
 * on without it; it then comes back as one that has to learn. Meanwhile a request may fail, and be told so.
 */
import type { TreeNode } from '../../src/otp';
import { http, json } from '../support/http';
import { closeAll, flatten, isWhole, until } from '../support/node';
import { ProcessRing, type RingNode } from '../support/process-ring';
import { RingLoad } from '../support/ring-load';

const SEED = Number(process.env['SEED'] ?? 1);
/** So many kills in ten seconds are an operator's; more would end the node. */
const PAUSE_MS = 600;
/** By then requests are answered again, on a busy machine too. On a quiet one it takes less than one second: bench/kill-bench.ts. */
const SERVED_BOUND_MS = 5_000;
const ALIKE_BOUND_MS = 15_000;
/** Set it to see how long each kill was felt; the longest is told anyway. */
const isTold = process.env['KILL_TIMES'] !== undefined;

afterEach(closeAll);

async function treeOf(node: RingNode): Promise<TreeNode | undefined> {
  const answer = await http(node.adminPort, '/api/tree').catch(() => undefined);
  return answer?.status === 200 ? (json(answer) as TreeNode) : undefined;
}

async function kill(node: RingNode, path: string): Promise<void> {
  const body = JSON.stringify({ path });
  const answer = await http(node.adminPort, '/api/tree/kill', { method: 'POST', body });
  if (answer.status !== 200) throw new Error(`Cannot kill ${path}: ${answer.text}`);
}

/** Whoever is there for good: connections and links come and go. */
const isLasting = ({ path }: TreeNode) => !/\/(connection-sup|peer-sup)\//.test(path);

async function lastingPaths(node: RingNode): Promise<readonly string[]> {
  const tree = await treeOf(node);
  return tree === undefined
    ? []
    : flatten(tree)
        .filter(isLasting)
        .map(({ path }) => path);
}

async function untilThere(node: RingNode, path: string): Promise<void> {
  await until(`${path} is there`, async () => {
    const now = await treeOf(node);
    return now !== undefined && isWhole(now) && flatten(now).some((each) => each.path === path);
  });
}

/** What each node has: every key with its version. */
async function storedBy(node: RingNode): Promise<string> {
  const answer = await http(node.adminPort, '/api/keys?limit=1000');
  const { keys, next } = json(answer) as { keys: { id: string; version: string; kind: string }[]; next: unknown };
  if (next !== null) throw new Error('More keys than one page holds');
  return keys.map(({ id, version, kind }) => `${id} ${version} ${kind}`).join('\n');
}

describe(`a ring of three under load (SEED=${SEED})`, () => {
  it('loses nothing and answers nothing wrongly, whichever process of a node is killed', async () => {
    const ring = await ProcessRing.start(3);
    await ring.untilSettled(3);
    const [, victim] = ring.nodes;
    if (victim === undefined) throw new Error('No such node');
    const load = await RingLoad.start({
      targets: () => ring.living,
      seed: SEED,
      deletes: true,
      tolerated: ['server_error', 'timeout', 'not_responsible'],
    });
    const paths = await lastingPaths(victim);
    expect(paths.length).toBeGreaterThanOrEqual(18);
    let longest = { path: '', servedMs: 0 };
    for (const path of paths) {
      await untilThere(victim, path);
      const before = { failures: load.failures, cutOff: load.cutOff };
      const killedMs = performance.now();
      await kill(victim, path);
      await load.untilServed(100, SERVED_BOUND_MS);
      const servedMs = performance.now() - killedMs;
      if (servedMs > longest.servedMs) longest = { path, servedMs };
      const settledMs = await ring.untilSettled(3);
      if (isTold) process.stderr.write(`${path}: ${told(load, before, killedMs, settledMs)}\n`);
      expect({ path, wrong: load.wrong }).toEqual({ path, wrong: [] });
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    process.stderr.write(`${Math.round(longest.servedMs)} ms until 100 requests were answered after ${longest.path}\n`);
    await load.stop();
    for (const node of ring.living) expect(await load.lost(node.port)).toEqual([]);
    expect(ring.living).toHaveLength(3);
    await until(
      'all nodes have the same',
      async () => new Set(await Promise.all(ring.living.map(storedBy))).size === 1,
      ALIKE_BOUND_MS,
    );
  }, 240_000);
});

/** How a kill was felt. */
function told(
  { failures, cutOff, lastTroubleAtMs }: RingLoad,
  before: { failures: number; cutOff: number },
  killedMs: number,
  settledMs: number,
): string {
  const felt = Math.max(0, Math.round(lastTroubleAtMs - killedMs));
  return `${failures - before.failures} failed, ${cutOff - before.cutOff} cut off, felt for ${felt} ms, settled after ${Math.round(settledMs)} ms more`;
}
