/**
 * Killing every process of a node's tree, one after the other, in a ring of four under load: the ring
 * stays or becomes whole, and what was acknowledged is still there.
 *
 * Some of these kills close the node's door for a moment. On a busy machine that may be long enough for the
 * others to bury it; until it has sent what it holds to whoever took its arc over, a read may miss.
 */
import type { TreeNode } from '../../src/otp';
import { http, json } from '../support/http';
import { closeAll, flatten, isWhole, until } from '../support/node';
import { ProcessRing, type RingNode } from '../support/process-ring';
import { RingLoad } from '../support/ring-load';

const SEED = Number(process.env['SEED'] ?? 1);
/** So many kills in ten seconds are an operator's; more would end the node. */
const PAUSE_MS = 600;

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

describe(`a ring of four under load (SEED=${SEED})`, () => {
  it('survives the kill of each process of a node', async () => {
    const ring = await ProcessRing.start(4);
    await ring.untilWhole();
    const [, victim] = ring.nodes;
    if (victim === undefined) throw new Error('No such node');
    const load = await RingLoad.start({
      targets: () => ring.living,
      seed: SEED,
      tolerated: ['server_error', 'timeout', 'not_responsible', 'not_found'],
    });
    const tree = await treeOf(victim);
    const paths = tree
      ? flatten(tree)
          .filter(isLasting)
          .map(({ path }) => path)
      : [];
    expect(paths.length).toBeGreaterThanOrEqual(16);
    for (const path of paths) {
      await until(`${path} is there`, async () => {
        const now = await treeOf(victim);
        return now !== undefined && isWhole(now) && flatten(now).some((node) => node.path === path);
      });
      await kill(victim, path);
      await ring.untilWhole();
      await load.untilServed(100);
      expect({ path, wrong: load.wrong }).toEqual({ path, wrong: [] });
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    await load.stop();
    for (const node of ring.living)
      await until('nothing is missing', async () => (await load.lost(node.port)).length === 0, 15_000);
    expect(ring.living).toHaveLength(4);
  }, 120_000);
});
