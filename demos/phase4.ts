/**
 * Phase 4: three copies.
 *
 * Three node processes keep every key. One of them is stopped, as a machine is that hangs: two of three still decide,
 * so quorum operations go on. A second one is stopped: now the one that is left cannot know what the others have
 * agreed, and says so, while eventual operations are content with it. Then both sides of such a cut write the same
 * key, and end up with the same value; and a key that is deleted while a node sleeps stays deleted when it wakes.
 */
import type { Client, ClientError } from '../src/client';
import { drawLocation } from '../src/cli/replica-drawing';
import type { Result } from '../src/result';
import { lossProblem, readAll, withClient } from './clients';
import { locate, locationProblem } from './copies';
import { type NodeUnderShow, startProgram } from './node-under-show';
import { RingShow } from './ring-show';
import { nameOf, REPLICAS, RingUnderShow, type StartNode } from './ring-under-show';
import { type Out, type Problem, runAsProgram, sameProblem } from './stage';

const KEYS = 300;
/** By then whoever hangs has been found out, and who keeps what has been agreed anew. */
const CHANGED_MS_MAX = 5000;
/** How long a request waits that may not be carried out: whoever should may be the one that hangs. */
const SHORT_MS = 1000;
const QUORUM = { consistency: 'quorum' } as const;
const SHORT = { ...QUORUM, timeoutMs: SHORT_MS } as const;
const EVENTUAL = { consistency: 'eventual' } as const;

/** Shows all of it; true where every claim held. A slow machine may be given more time. */
export function run(out: Out, startNode: StartNode = startProgram, patience = 1): Promise<boolean> {
  const show = new RingShow(out, new RingUnderShow(startNode, ['--anti-entropy-interval-ms', '1000']), patience);
  return show.play('phase 4: three copies', [storing, stoppingOne, stoppingTwo, waking, conflict, deleting]);
}

const threeOf = ({ ring }: RingShow) => ring.nodes as readonly [NodeUnderShow, NodeUnderShow, NodeUnderShow];

// Scenes

async function storing(show: RingShow): Promise<void> {
  const { stage, ring } = show;
  stage.scene(`${REPLICAS} nodes keep ${KEYS} keys`);
  await ring.startAll(REPLICAS);
  const { tookMs, problem } = await ring.untilSettled();
  stage.check(`each key is to be kept by all, ${Math.round(tookMs)} ms after the last was ready`, problem);
  await show.store(KEYS);
  await show.checkCopies(`each is there ${REPLICAS} times, in one version`);
  stage.show('', ...drawLocation(await locate(ring, show.node(0), 'key-0')), '');
}

async function stoppingOne(show: RingShow): Promise<void> {
  const { stage, acknowledged } = show;
  const [first, , third] = threeOf(show);
  stage.scene(`${nameOf(third)} hangs (SIGSTOP): two of three are left`);
  third.pause?.();
  await withClient(first, async (client) => {
    const written = await untilDone(show, () => client.put('with-two', '2', SHORT));
    stage.check('a quorum write is carried out', written);
    if (written === undefined) acknowledged.set('with-two', '2');
    stage.check('a quorum read finds it', wrongValue(await client.get('with-two', QUORUM), '2'));
    stage.check('and every other key', lossProblem(acknowledged, await readAll(client, [...acknowledged.keys()])));
  });
}

async function stoppingTwo(show: RingShow): Promise<void> {
  const { stage, acknowledged } = show;
  const [first, second] = threeOf(show);
  stage.scene(`${nameOf(second)} hangs too: one is left, and cannot know what the others do`);
  second.pause?.();
  await withClient(first, async (client) => {
    stage.check('a quorum write is not acknowledged', refusedProblem(await client.put('with-one', '1', SHORT), true));
    stage.check('a quorum read is not answered', refusedProblem(await client.get('key-0', SHORT), false));
    stage.check('an eventual write is', wrong(await client.put('eventually', '1', EVENTUAL)));
    stage.check('and an eventual read', wrongValue(await client.get('eventually', EVENTUAL), '1'));
    stage.check('an eventual read finds what a quorum wrote', wrongValue(await client.get('key-0', EVENTUAL), '0'));
  });
  acknowledged.set('eventually', '1');
}

async function waking(show: RingShow): Promise<void> {
  const [, second, third] = threeOf(show);
  show.stage.scene('Both wake up');
  second.resume?.();
  third.resume?.();
  await checkAgreed(show);
  await show.checkCopies(`every key is there ${REPLICAS} times, what was written meanwhile too`);
  await show.checkAllFoundEverywhere();
}

async function conflict(show: RingShow): Promise<void> {
  const { stage, ring } = show;
  const [first, second, third] = threeOf(show);
  stage.scene('Two nodes that cannot hear each other are told different values for one key');
  second.pause?.();
  third.pause?.();
  await withClient(first, (client) => tell(show, client, 'left'));
  first.pause?.();
  second.resume?.();
  await withClient(second, (client) => tell(show, client, 'right'));
  first.resume?.();
  third.resume?.();
  stage.show('all three hear each other again');
  await checkAgreed(show);
  const { tookMs, problem } = await untilLocated(show, 'conflict', 'value');
  stage.check(`all copies are the same, ${Math.round(tookMs)} ms later`, problem);
  for (const node of ring.nodes) {
    const found = await withClient(node, (client) => client.get('conflict', QUORUM));
    stage.check(`${nameOf(node)} says what was written last`, wrongValue(found, 'right'));
  }
}

async function deleting(show: RingShow): Promise<void> {
  const { stage, ring } = show;
  const [first, , third] = threeOf(show);
  stage.scene(`${nameOf(third)} sleeps while a key is deleted that it has a copy of`);
  third.pause?.();
  await withClient(first, async (client) => {
    stage.check('the key is deleted', await untilDone(show, () => client.delete('key-1', SHORT)));
    stage.check('and not found', foundProblem(await client.get('key-1', QUORUM)));
  });
  show.acknowledged.delete('key-1');
  third.resume?.();
  stage.show('it wakes up, with the old value in its memory');
  await checkAgreed(show);
  stage.check('all three know that it was deleted', (await untilLocated(show, 'key-1', 'tombstone')).problem);
  stage.show('', ...drawLocation(await locate(ring, first, 'key-1')), '');
  for (const node of ring.nodes) {
    for (const options of [QUORUM, EVENTUAL]) {
      const found = await withClient(node, (client) => client.get('key-1', options));
      stage.check(`${nameOf(node)} does not find it (${options.consistency})`, foundProblem(found));
    }
  }
  await show.checkCopies(`every other key is there ${REPLICAS} times`);
}

/** Stores one side's value, and reads it there. */
async function tell(show: RingShow, client: Client, value: string): Promise<void> {
  const { stage } = show;
  const written = await untilDone(show, () => client.put('conflict', value, { ...EVENTUAL, timeoutMs: SHORT_MS }));
  stage.check(`one acknowledges "${value}"`, written);
  stage.check('and finds it', wrongValue(await client.get('conflict', EVENTUAL), value));
}

async function checkAgreed({ stage, ring }: RingShow): Promise<void> {
  const { problem } = await ring.untilSettled();
  stage.check('the three agree on who keeps what', problem);
}

/** Waits until all three have the same of a key, and that is of this kind. */
function untilLocated(show: RingShow, key: string, kind: 'value' | 'tombstone') {
  const { ring } = show;
  return ring.until(async () => locationProblem(await locate(ring, show.node(0), key), REPLICAS, kind));
}

/** Tries again what was refused or not answered while the others find out who hangs. Doing it twice does no harm. */
async function untilDone(
  { patience }: RingShow,
  attempt: () => Promise<Result<unknown, ClientError>>,
): Promise<Problem> {
  const sinceMs = performance.now();
  for (;;) {
    const result = await attempt();
    if (result.ok) return undefined;
    if (performance.now() - sinceMs > CHANGED_MS_MAX * patience) return result.error.message;
  }
}

// What is a problem

const wrong = (result: Result<unknown, ClientError>): Problem => (result.ok ? undefined : result.error.message);

/** A problem where another value was read, or none. */
export function wrongValue(found: Result<Buffer, ClientError>, value: string): Problem {
  return found.ok ? sameProblem('the value', found.value.toString('utf8'), value) : found.error.message;
}

/** A problem where a key was found that should not be, or nothing was answered. */
export function foundProblem(found: Result<Buffer, ClientError>): Problem {
  if (found.ok) return `it is there, as "${found.value.toString('utf8')}"`;
  return found.error.code === 'not_found' ? undefined : found.error.message;
}

/** A problem where something was done that no majority can have agreed to, or where it was called missing. */
export function refusedProblem(result: Result<unknown, ClientError>, isWrite: boolean): Problem {
  if (result.ok) return 'it was';
  const { code, message } = result.error;
  const isHonest = code === 'timeout' || code === 'server_error' || code === 'not_responsible';
  return isHonest ? undefined : `it was ${isWrite ? 'refused' : 'answered'} with: ${message}`;
}

if (require.main === module) runAsProgram(run);
