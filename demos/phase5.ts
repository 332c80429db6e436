/**
 * Phase 5: copies that mend themselves.
 *
 * Four node processes keep three copies of each key. A fifth joins, and the copies move; one is killed with `kill -9`,
 * and those that went with it are made anew from the others. After each change every copy on every node is counted,
 * until there are exactly three of each key. Then half of the copies at one node are destroyed behind its back, and a
 * repair finds and mends exactly those.
 */
import { drawRepair } from '../src/cli/replica-drawing';
import { REPAIR_QUESTION } from '../src/cli/replica-questions';
import { DamageDocument, type DamageInfo, type RepairInfo } from '../src/admin/replica-answers';
import { readerOf } from '../src/cli/ring-questions';
import { drawStatus } from '../src/cli/ring-drawing';
import { lossProblem, open, putAll, readAll } from './clients';
import { ConstantLoad } from './constant-load';
import { type Copies, copiesIn, copiesProblem, copiesText } from './copies';
import { type NodeUnderShow, startProgram } from './node-under-show';
import { nameOf, REPLICAS, RingUnderShow, type StartNode } from './ring-under-show';
import { type Out, type Problem, runAsProgram, sameProblem, Stage } from './stage';

const NODES = 4;
const KEYS = 2000;
const RESTORED_MS_MAX = 5000;
const SHARE = 0.5;

/** Shows all of it; true where every claim held. A slow machine may be given more time. */
export async function run(out: Out, startNode: StartNode = startProgram, patience = 1): Promise<boolean> {
  const stage = new Stage(out);
  out('FunnelKVS, phase 5: copies that mend themselves');
  // Nodes compare their copies so seldom by themselves that what is shown is the repair that was asked for.
  const ring = new RingUnderShow(startNode, ['--anti-entropy-interval-ms', '60000', '--cleanup-delay-ms', '1000']);
  const show = new Show(stage, ring, patience);
  try {
    await show.storing();
    await show.joining();
    await show.killing();
    await show.damaging();
    await show.repairing();
  } finally {
    await show.ending();
  }
  return stage.finish();
}

class Show {
  private readonly acknowledged = new Map<string, string>();
  private damaged: DamageInfo = { dropped: 0, replicas: 0 };

  constructor(
    private readonly stage: Stage,
    private readonly ring: RingUnderShow,
    private readonly patience: number,
  ) {}

  async storing(): Promise<void> {
    const { stage, ring, acknowledged } = this;
    stage.scene(`${NODES} nodes keep ${KEYS} keys`);
    await ring.start();
    await Promise.all(Array.from({ length: NODES - 1 }, () => ring.start()));
    const { problem } = await ring.untilSettled();
    stage.check(`the ring is whole, and each arc is kept by ${REPLICAS} nodes`, problem);
    const client = await open(this.first);
    const entries = Array.from({ length: KEYS }, (_none, index) => [`key-${index}`, `${index}`] as const);
    await putAll(client, entries, acknowledged);
    client.disconnect();
    stage.check('every key was acknowledged', sameProblem('the number', acknowledged.size, KEYS));
    await this.checkCopies(`each is there exactly ${REPLICAS} times`);
    await this.drawRing();
  }

  async joining(): Promise<void> {
    const { stage, ring } = this;
    stage.scene('A fifth node joins, while clients read without pause');
    const load = await ConstantLoad.start(ring.nodes, this.acknowledged);
    const node = await ring.start();
    stage.show(`${nameOf(node)} has joined`);
    const { tookMs, problem } = await ring.untilSettled();
    stage.check(`it leads its own arc, and has what it keeps for others, ${Math.round(tookMs)} ms later`, problem);
    await this.checkCopies(`each key is there exactly ${REPLICAS} times again`);
    await load.stop();
    stage.show(`${load.reads} reads meanwhile`);
    stage.check('not one of them failed or missed', load.problem);
    await this.drawRing();
  }

  async killing(): Promise<void> {
    const { stage, ring } = this;
    const victim = ring.nodes[1] as NodeUnderShow;
    stage.scene(`${nameOf(victim)} is killed with kill -9`);
    const sinceMs = performance.now();
    await ring.kill(victim);
    await this.checkCopies(`each key is there exactly ${REPLICAS} times within five seconds`, sinceMs, RESTORED_MS_MAX);
    await this.checkAllFound();
    await this.drawRing();
  }

  async damaging(): Promise<void> {
    const { stage, ring, acknowledged } = this;
    const settled = await ring.untilSettled();
    stage.scene(`Half of the copies that ${nameOf(this.first)} keeps for others are destroyed behind its back`);
    stage.check('all is well before', settled.problem);
    await this.checkCopies(`and each key is there exactly ${REPLICAS} times`);
    this.damaged = await ring.ask(this.first, {
      what: 'damage',
      method: 'POST',
      path: '/api/keys/damage',
      body: { share: SHARE },
      read: readerOf(DamageDocument),
    });
    const { dropped, replicas } = this.damaged;
    const copies = await copiesIn(ring);
    stage.show(`${dropped} of ${replicas} are gone`, copiesText(copies, acknowledged.keys()));
    stage.check(
      'so many keys have one copy less',
      missingProblem(copiesProblem(copies, acknowledged.keys(), REPLICAS), dropped),
    );
  }

  async repairing(): Promise<void> {
    const { stage, ring } = this;
    stage.scene('Every node is told to repair what it leads');
    const repairs: RepairInfo[] = [];
    for (const node of ring.nodes) {
      const repair = await ring.ask(node, REPAIR_QUESTION);
      stage.show(`${nameOf(node)}: ${drawRepair(repair)}`);
      repairs.push(repair);
    }
    stage.check('all copies could be compared', sameProblem('the number that could not', sum(repairs, 'failed'), 0));
    const mended = sum(repairs, 'repaired');
    stage.check('exactly what was destroyed was mended', sameProblem('the number', mended, this.damaged.dropped));
    await this.checkCopies(`each key is there exactly ${REPLICAS} times again`);
    const again = await Promise.all(ring.nodes.map((node) => ring.ask(node, REPAIR_QUESTION)));
    stage.check('another repair finds nothing', sameProblem('the number of differences', sum(again, 'differences'), 0));
    await this.checkAllFound();
  }

  async ending(): Promise<void> {
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

  private async checkCopies(
    claim: string,
    sinceMs = performance.now(),
    mostMs = Number.POSITIVE_INFINITY,
  ): Promise<void> {
    const { stage, ring, acknowledged } = this;
    const keys = [...acknowledged.keys()];
    let copies: Copies = new Map();
    const { tookMs, problem } = await ring.until(async () => {
      copies = await copiesIn(ring);
      return copiesProblem(copies, keys, REPLICAS);
    }, sinceMs);
    stage.show(`after ${Math.round(tookMs)} ms: ${copiesText(copies, keys)}`);
    const isLate = tookMs > mostMs * this.patience;
    stage.check(claim, problem ?? (isLate ? `it took ${Math.round(tookMs)} ms` : undefined));
  }

  private async checkAllFound(): Promise<void> {
    for (const node of this.ring.nodes) {
      const client = await open(node);
      const found = await readAll(client, [...this.acknowledged.keys()]);
      client.disconnect();
      this.stage.check(`${nameOf(node)} finds every one`, lossProblem(this.acknowledged, found));
    }
  }

  private async drawRing(): Promise<void> {
    this.stage.show('', ...drawStatus(await this.ring.seenBy(this.first)), '');
  }
}

const sum = (repairs: readonly RepairInfo[], name: 'failed' | 'differences' | 'repaired') =>
  repairs.reduce((total, repair) => total + repair[name], 0);

// What is a problem

/** A problem where nothing was destroyed, or it is not seen. */
export function missingProblem(found: Problem, dropped: number): Problem {
  if (dropped === 0) return 'nothing was destroyed';
  return found?.startsWith(`${dropped} keys `) ? undefined : `what is seen is: ${found ?? 'nothing'}`;
}

if (require.main === module) runAsProgram(run);
