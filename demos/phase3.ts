/**
 * Phase 3: a ring that changes.
 *
 * Four node processes form a ring, and clients store keys in it. While others read without pause, a
 * fifth node joins, and the keys of its arc move to it; then one leaves, and hands its keys over.
 * Not one read fails meanwhile. At last one is killed with `kill -9`, and the others mend the
 * ring. Nothing is lost with it: two others have copies of whatever it had, as the next phase shows.
 */
import type { RingNode } from '../src/admin/answers';
import { drawStatus } from '../src/cli/ring-drawing';
import { lossProblem, open, putAll, readAll } from './clients';
import { ConstantLoad } from './constant-load';
import { type NodeUnderShow, startProgram } from './node-under-show';
import { keysByOwner, nameOf, RingUnderShow, type StartNode } from './ring-under-show';
import { type Out, type Problem, runAsProgram, sameProblem, Stage } from './stage';

const NODES = 4;
const KEYS = 2000;
const WHOLE_MS_MAX = 2000;
const MENDED_MS_MAX = 1000;

/** Shows all of it; true where every claim held. A slow machine may be given more time. */
export async function run(out: Out, startNode: StartNode = startProgram, patience = 1): Promise<boolean> {
  const stage = new Stage(out);
  out('FunnelKVS, phase 3: a ring that changes');
  const show = new Show(stage, new RingUnderShow(startNode), patience);
  try {
    await show.forming();
    await show.storing();
    await show.joining();
    await show.leaving();
    await show.dying();
  } finally {
    await show.stopping();
  }
  return stage.finish();
}

class Show {
  private readonly acknowledged = new Map<string, string>();

  constructor(
    private readonly stage: Stage,
    private readonly ring: RingUnderShow,
    private readonly patience: number,
  ) {}

  async forming(): Promise<void> {
    const { stage, ring } = this;
    stage.scene(`${NODES} nodes form a ring: the first creates it, the others join it at once`);
    await ring.start();
    await Promise.all(Array.from({ length: NODES - 1 }, () => ring.start()));
    await this.checkWhole('it is whole within two seconds of the last ready line', WHOLE_MS_MAX);
    await this.drawRing();
  }

  async storing(): Promise<void> {
    const { stage, ring, acknowledged } = this;
    stage.scene(`${KEYS} keys are stored through the first node`);
    const client = await open(this.first);
    await putAll(client, entriesOf('key', KEYS), acknowledged);
    client.disconnect();
    stage.check('every one was acknowledged', sameProblem('the number', acknowledged.size, KEYS));
    await this.drawRing();
    for (const node of ring.nodes) await this.checkAllFound(`${nameOf(node)} finds every one`, node);
  }

  async joining(): Promise<void> {
    const { stage, ring } = this;
    stage.scene('A fifth node joins, while clients read without pause');
    const load = await ConstantLoad.start(ring.nodes, this.acknowledged);
    const node = await ring.start();
    stage.show(`${nameOf(node)} has joined`);
    await this.checkWhole('the ring of five is whole within two seconds of its ready line', WHOLE_MS_MAX);
    const { problem } = await ring.untilSettled();
    stage.check('and every key is kept by three nodes that have the same', problem);
    await load.stop();
    const seen = await this.drawRing();
    const right = keysByOwner(ring, this.acknowledged.keys()).get(node.id) ?? 0;
    stage.check(
      'the keys of its arc have moved to it',
      movedProblem(
        seen.find(({ id }) => id === node.id),
        right,
      ),
    );
    stage.show('whoever need not keep copies of them any more drops them after 30 s');
    stage.show(`${load.reads} reads meanwhile`);
    stage.check('not one of them failed or missed', load.problem);
    await this.checkAllFound('it finds every key', node);
  }

  async leaving(): Promise<void> {
    const { stage, ring } = this;
    const leaver = ring.nodes[1] as NodeUnderShow;
    stage.scene(`${nameOf(leaver)} is told to stop, while clients of the others read without pause`);
    const others = ring.nodes.filter((node) => node !== leaver);
    const load = await ConstantLoad.start(others, this.acknowledged);
    stage.check('it ends in good order', sameProblem('the exit code', await ring.stop(leaver), 0));
    await this.checkWhole('the ring of four is whole at once', MENDED_MS_MAX);
    await load.stop();
    await this.drawRing();
    stage.show(`${load.reads} reads meanwhile`);
    stage.check('not one of them failed or missed', load.problem);
    for (const node of ring.nodes) await this.checkAllFound(`${nameOf(node)} finds every key`, node);
  }

  async dying(): Promise<void> {
    const { stage, ring } = this;
    const victim = ring.nodes[1] as NodeUnderShow;
    const led = [...this.acknowledged.keys()].filter((key) => ring.ownerOf(key) === victim).length;
    stage.scene(`${nameOf(victim)} is killed with kill -9; ${led} keys belong to it`);
    const atMs = performance.now();
    await ring.kill(victim);
    await this.checkWhole('the ring of three is whole again within a second', MENDED_MS_MAX, atMs);
    await this.drawRing();
    for (const node of ring.nodes) await this.checkAllFound(`${nameOf(node)} finds every key`, node);
  }

  async stopping(): Promise<void> {
    const { stage, ring } = this;
    stage.scene('The nodes are told to stop');
    const codes = await ring.stopAll();
    stage.check(
      'each ends in good order',
      sameProblem('the exit codes', codes.join(' '), codes.map(() => 0).join(' ')),
    );
  }

  private get first(): NodeUnderShow {
    return this.ring.nodes[0] as NodeUnderShow;
  }

  private async checkWhole(claim: string, mostMs: number, sinceMs = performance.now()): Promise<void> {
    const { tookMs, problem } = await this.ring.untilWhole(sinceMs);
    this.stage.show(`whole after ${Math.round(tookMs)} ms`);
    this.stage.check(claim, problem ?? lateProblem(tookMs, mostMs * this.patience));
  }

  private async checkAllFound(claim: string, node: NodeUnderShow): Promise<void> {
    const client = await open(node);
    const found = await readAll(client, [...this.acknowledged.keys()]);
    client.disconnect();
    this.stage.check(claim, lossProblem(this.acknowledged, found));
  }

  private async drawRing(): Promise<readonly RingNode[]> {
    const seen = await this.ring.seenBy(this.first);
    this.stage.show('', ...drawStatus(seen), '');
    return seen.nodes;
  }
}

// What is a problem

/** A problem where something took longer than this. */
export function lateProblem(tookMs: number, mostMs: number): Problem {
  return tookMs <= mostMs ? undefined : `it took ${Math.round(tookMs)} ms`;
}

/** A problem where a node that has joined does not have exactly the keys that belong to it. */
export function movedProblem(node: Pick<RingNode, 'keys'> | undefined, right: number): Problem {
  if (node === undefined) return 'it is not in the ring';
  return sameProblem('the number of its keys', node.keys, right);
}

const entriesOf = (name: string, count: number) =>
  Array.from({ length: count }, (_none, index) => [`${name}-${index}`, `${index}`] as const);

if (require.main === module) runAsProgram(run);
