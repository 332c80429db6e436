/**
 * The show of a ring: what a demo of several nodes has at hand, and the claims that more than one of them makes. A demo
 * itself is a list of scenes, each a function that is given the show.
 */
import type { RingNode } from '../src/admin/answers';
import { drawStatus } from '../src/cli/ring-drawing';
import { entriesOf, lossProblem, putAll, readAll, withClient } from './clients';
import { ConstantLoad } from './constant-load';
import { type Copies, copiesIn, copiesProblem, copiesText } from './copies';
import type { NodeUnderShow } from './node-under-show';
import { nameOf, REPLICAS, type RingUnderShow } from './ring-under-show';
import { type Out, type Problem, sameProblem, Stage } from './stage';

/** One part of the story. */
export type Scene = (show: RingShow) => Promise<void> | void;

/** How long something may take, and since when. */
export interface InTime {
  readonly sinceMs?: number;
  readonly mostMs: number;
}

const WHENEVER: InTime = { mostMs: Number.POSITIVE_INFINITY };

export class RingShow {
  readonly stage: Stage;
  /** What clients have stored so far, and were told so. */
  readonly acknowledged = new Map<string, string>();

  /** @param patience how many times the time that is claimed a slow machine is given */
  constructor(
    private readonly out: Out,
    readonly ring: RingUnderShow,
    readonly patience = 1,
  ) {
    this.stage = new Stage(out);
  }

  /** Plays the scenes, and ends the nodes whatever happens in them; true where every claim held. */
  async play(title: string, scenes: readonly Scene[]): Promise<boolean> {
    this.out(`FunnelKVS, ${title}`);
    try {
      for (const scene of scenes) await scene(this);
    } finally {
      await this.ending();
    }
    return this.stage.finish();
  }

  private async ending(): Promise<void> {
    const { stage, ring } = this;
    stage.scene('The nodes are told to stop');
    // Whoever still hangs would not hear it.
    for (const node of ring.nodes) node.resume?.();
    const codes = await ring.stopAll();
    stage.check(
      'each ends in good order',
      sameProblem('the exit codes', codes.join(' '), codes.map(() => 0).join(' ')),
    );
  }

  /** A node that runs: 0 is the one that was started first. */
  node(index: number): NodeUnderShow {
    const found = this.ring.nodes[index];
    if (found === undefined) throw new Error(`Cannot show node ${index}: there are ${this.ring.nodes.length}`);
    return found;
  }

  /** Stores so many keys through the first node. */
  async store(count: number): Promise<void> {
    const before = this.acknowledged.size;
    await withClient(this.node(0), (client) => putAll(client, entriesOf('key', count), this.acknowledged));
    this.stage.check('every one was acknowledged', sameProblem('the number', this.acknowledged.size - before, count));
  }

  /** Claims that a node finds whatever was acknowledged. */
  async checkAllFound(claim: string, node: NodeUnderShow): Promise<void> {
    const found = await withClient(node, (client) => readAll(client, [...this.acknowledged.keys()]));
    this.stage.check(claim, lossProblem(this.acknowledged, found));
  }

  /** Claims the same of every node. */
  async checkAllFoundEverywhere(): Promise<void> {
    for (const node of this.ring.nodes) await this.checkAllFound(`${nameOf(node)} finds every key`, node);
  }

  /** Claims that each key comes to have exactly as many copies as it should. */
  async checkCopies(claim: string, { sinceMs, mostMs }: InTime = WHENEVER): Promise<void> {
    const { stage, ring, acknowledged, patience } = this;
    const keys = [...acknowledged.keys()];
    let copies: Copies = new Map();
    const { tookMs, problem } = await ring.until(async () => {
      copies = await copiesIn(ring);
      return copiesProblem(copies, keys, REPLICAS);
    }, sinceMs);
    stage.show(`after ${Math.round(tookMs)} ms: ${copiesText(copies, keys)}`);
    stage.check(claim, problem ?? lateProblem(tookMs, mostMs * patience));
  }

  /** Claims that no read fails that clients of these nodes make without pause while something happens. */
  async whileReading(nodes: readonly NodeUnderShow[], happening: () => Promise<void>): Promise<void> {
    const load = await ConstantLoad.start(nodes, this.acknowledged);
    await happening();
    await load.stop();
    this.stage.show(`${load.reads} reads meanwhile`);
    this.stage.check('not one of them failed or missed', load.problem);
  }

  /** Draws the ring as the first node sees it, once every arc has those who keep it: until then it would not be called whole. */
  async drawRing(): Promise<readonly RingNode[]> {
    await this.ring.untilSettled();
    const seen = await this.ring.seenBy(this.node(0));
    this.stage.show('', ...drawStatus(seen), '');
    return seen.nodes;
  }
}

/** A problem where something took longer than this. */
export function lateProblem(tookMs: number, mostMs: number): Problem {
  return tookMs <= mostMs ? undefined : `it took ${Math.round(tookMs)} ms`;
}
