/**
 * Phase 5: copies that mend themselves.
 *
 * Four node processes keep three copies of each key. A fifth joins, and the copies move; one is killed with `kill -9`,
 * and those that went with it are made anew from the others. After each change every copy on every node is counted,
 * until there are exactly three of each key. Then half of the copies at one node are destroyed behind its back, and a
 * repair finds and mends exactly those.
 */
import { DamageDocument, type RepairInfo } from '../src/admin/replica-answers';
import { drawRepair } from '../src/cli/replica-drawing';
import { REPAIR_QUESTION } from '../src/cli/replica-questions';
import { readerOf } from '../src/cli/ring-questions';
import { copiesIn, copiesProblem, copiesText } from './copies';
import { startProgram } from './node-under-show';
import { RingShow } from './ring-show';
import { nameOf, REPLICAS, RingUnderShow, type StartNode } from './ring-under-show';
import { type Out, type Problem, runAsProgram, sameProblem } from './stage';

const NODES = 4;
const KEYS = 2000;
const RESTORED_MS_MAX = 5000;
const SHARE = 0.5;
/** Nodes compare their copies so seldom by themselves that what is shown is the repair that was asked for. */
const FLAGS = ['--anti-entropy-interval-ms', '60000', '--cleanup-delay-ms', '1000'];

/** Shows all of it; true where every claim held. A slow machine may be given more time. */
export function run(out: Out, startNode: StartNode = startProgram, patience = 1): Promise<boolean> {
  const show = new RingShow(out, new RingUnderShow(startNode, FLAGS), patience);
  return show.play('phase 5: copies that mend themselves', [storing, joining, killing, damagingAndRepairing]);
}

// Scenes

async function storing(show: RingShow): Promise<void> {
  const { stage, ring } = show;
  stage.scene(`${NODES} nodes keep ${KEYS} keys`);
  await ring.startAll(NODES);
  const { problem } = await ring.untilSettled();
  stage.check(`the ring is whole, and each arc is kept by ${REPLICAS} nodes`, problem);
  await show.store(KEYS);
  await show.checkCopies(`each key is there exactly ${REPLICAS} times`);
  await show.drawRing();
}

async function joining(show: RingShow): Promise<void> {
  const { stage, ring } = show;
  stage.scene('A fifth node joins, while clients read without pause');
  await show.whileReading(ring.nodes, async () => {
    stage.show(`${nameOf(await ring.start())} has joined`);
    const { tookMs, problem } = await ring.untilSettled();
    stage.check(`it leads its own arc, and has what it keeps for others, ${Math.round(tookMs)} ms later`, problem);
    await show.checkCopies(`each key is there exactly ${REPLICAS} times again`);
  });
  await show.drawRing();
}

async function killing(show: RingShow): Promise<void> {
  const victim = show.node(1);
  show.stage.scene(`${nameOf(victim)} is killed with kill -9`);
  const sinceMs = performance.now();
  await show.ring.kill(victim);
  const claim = `each key is there exactly ${REPLICAS} times within five seconds`;
  await show.checkCopies(claim, { sinceMs, mostMs: RESTORED_MS_MAX });
  await show.checkAllFoundEverywhere();
  await show.drawRing();
}

async function damagingAndRepairing(show: RingShow): Promise<void> {
  const destroyed = await damaging(show);
  await repairing(show, destroyed);
}

/** Gives the number of copies that are gone. */
async function damaging(show: RingShow): Promise<number> {
  const { stage, ring, acknowledged } = show;
  const node = show.node(0);
  const settled = await ring.untilSettled();
  stage.scene(`Half of the copies that ${nameOf(node)} keeps for others are destroyed behind its back`);
  stage.check('all is well before', settled.problem);
  await show.checkCopies(`and each key is there exactly ${REPLICAS} times`);
  const { dropped, replicas } = await ring.ask(node, {
    what: 'damage',
    method: 'POST',
    path: '/api/keys/damage',
    body: { share: SHARE },
    read: readerOf(DamageDocument),
  });
  const copies = await copiesIn(ring);
  stage.show(`${dropped} of ${replicas} are gone`, copiesText(copies, acknowledged.keys()));
  const seen = copiesProblem(copies, acknowledged.keys(), REPLICAS);
  stage.check('so many keys have one copy less', missingProblem(seen, dropped));
  return dropped;
}

async function repairing(show: RingShow, destroyed: number): Promise<void> {
  const { stage, ring } = show;
  stage.scene('Every node is told to repair what it leads');
  const repairs: RepairInfo[] = [];
  for (const node of ring.nodes) {
    const repair = await ring.ask(node, REPAIR_QUESTION);
    stage.show(`${nameOf(node)}: ${drawRepair(repair)}`);
    repairs.push(repair);
  }
  stage.check('all copies could be compared', sameProblem('the number that could not', sum(repairs, 'failed'), 0));
  const mended = sum(repairs, 'repaired');
  stage.check('exactly what was destroyed was mended', sameProblem('the number', mended, destroyed));
  await show.checkCopies(`each key is there exactly ${REPLICAS} times again`);
  const again = await Promise.all(ring.nodes.map((node) => ring.ask(node, REPAIR_QUESTION)));
  stage.check('another repair finds nothing', sameProblem('the number of differences', sum(again, 'differences'), 0));
  await show.checkAllFoundEverywhere();
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
