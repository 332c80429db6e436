/**
 * Phase 3: a ring that changes.
 *
 * Four node processes form a ring, and clients store keys in it. While others read without pause, a
 * fifth node joins, and the keys of its arc move to it; then one leaves, and hands its keys over.
 * Not one read fails meanwhile. At last one is killed with `kill -9`, and the others mend the
 * ring. Nothing is lost with it: two others have copies of whatever it had, as the next phase shows.
 */
import type { RingNode } from '../src/admin/answers';
import { startProgram } from './node-under-show';
import { type InTime, lateProblem, RingShow } from './ring-show';
import { keysByOwner, nameOf, RingUnderShow, type StartNode } from './ring-under-show';
import { type Out, type Problem, runAsProgram, sameProblem } from './stage';

const NODES = 4;
const KEYS = 2000;
const WHOLE_MS_MAX = 2000;
const MENDED_MS_MAX = 1000;

/** Shows all of it; true where every claim held. A slow machine may be given more time. */
export function run(out: Out, startNode: StartNode = startProgram, patience = 1): Promise<boolean> {
  const show = new RingShow(out, new RingUnderShow(startNode), patience);
  return show.play('phase 3: a ring that changes', [forming, storing, joining, leaving, dying]);
}

// Scenes

async function forming(show: RingShow): Promise<void> {
  const { stage, ring } = show;
  stage.scene(`${NODES} nodes form a ring: the first creates it, the others join it at once`);
  await ring.startAll(NODES);
  await checkWhole(show, 'it is whole within two seconds of the last ready line', { mostMs: WHOLE_MS_MAX });
  await show.drawRing();
}

async function storing(show: RingShow): Promise<void> {
  show.stage.scene(`${KEYS} keys are stored through the first node`);
  await show.store(KEYS);
  await show.drawRing();
  await show.checkAllFoundEverywhere();
}

async function joining(show: RingShow): Promise<void> {
  const { stage, ring } = show;
  stage.scene('A fifth node joins, while clients read without pause');
  await show.whileReading(ring.nodes, async () => {
    stage.show(`${nameOf(await ring.start())} has joined`);
    const claim = 'the ring of five is whole within two seconds of its ready line';
    await checkWhole(show, claim, { mostMs: WHOLE_MS_MAX });
    const { problem } = await ring.untilSettled();
    stage.check('and every key is kept by three nodes that have the same', problem);
  });
  const seen = await show.drawRing();
  const node = show.node(NODES);
  const right = keysByOwner(ring, show.acknowledged.keys()).get(node.id) ?? 0;
  const itself = seen.find(({ id }) => id === node.id);
  stage.check('the keys of its arc have moved to it', movedProblem(itself, right));
  stage.show('whoever need not keep copies of them any more drops them after 30 s');
  await show.checkAllFound('it finds every key', node);
}

async function leaving(show: RingShow): Promise<void> {
  const { stage, ring } = show;
  const leaver = show.node(1);
  stage.scene(`${nameOf(leaver)} is told to stop, while clients of the others read without pause`);
  const others = ring.nodes.filter((node) => node !== leaver);
  await show.whileReading(others, async () => {
    stage.check('it ends in good order', sameProblem('the exit code', await ring.stop(leaver), 0));
    await checkWhole(show, 'the ring of four is whole at once', { mostMs: MENDED_MS_MAX });
  });
  await show.drawRing();
  await show.checkAllFoundEverywhere();
}

async function dying(show: RingShow): Promise<void> {
  const { stage, ring } = show;
  const victim = show.node(1);
  const led = [...show.acknowledged.keys()].filter((key) => ring.ownerOf(key) === victim).length;
  stage.scene(`${nameOf(victim)} is killed with kill -9; ${led} keys belong to it`);
  const sinceMs = performance.now();
  await ring.kill(victim);
  await checkWhole(show, 'the ring of three is whole again within a second', { sinceMs, mostMs: MENDED_MS_MAX });
  await show.checkAllFoundEverywhere();
  await show.drawRing();
}

async function checkWhole(
  { stage, ring, patience }: RingShow,
  claim: string,
  { sinceMs, mostMs }: InTime,
): Promise<void> {
  const { tookMs, problem } = await ring.untilWhole(sinceMs);
  stage.show(`whole after ${Math.round(tookMs)} ms`);
  stage.check(claim, problem ?? lateProblem(tookMs, mostMs * patience));
}

// What is a problem

/** A problem where a node that has joined does not have exactly the keys that belong to it. */
export function movedProblem(node: Pick<RingNode, 'keys'> | undefined, right: number): Problem {
  if (node === undefined) return 'it is not in the ring';
  return sameProblem('the number of its keys', node.keys, right);
}

if (require.main === module) runAsProgram(run);
