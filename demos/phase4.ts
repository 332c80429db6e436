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
import { lossProblem, open, putAll, readAll } from './clients';
import { copiesIn, copiesProblem, copiesText, locate, locationProblem } from './copies';
import { type NodeUnderShow, startProgram } from './node-under-show';
import { nameOf, REPLICAS, RingUnderShow, type StartNode } from './ring-under-show';
import { type Out, type Problem, runAsProgram, sameProblem, Stage } from './stage';

const KEYS = 300;
/** By then whoever hangs has been found out, and who keeps what has been agreed anew. */
const CHANGED_MS_MAX = 5000;
/** How long a request waits that may not be carried out: whoever should may be the one that hangs. */
const SHORT_MS = 1000;

/** Shows all of it; true where every claim held. A slow machine may be given more time. */
export async function run(out: Out, startNode: StartNode = startProgram, patience = 1): Promise<boolean> {
  const stage = new Stage(out);
  out('FunnelKVS, phase 4: three copies');
  const show = new Show(stage, new RingUnderShow(startNode, ['--anti-entropy-interval-ms', '1000']), patience);
  try {
    await show.storing();
    await show.stoppingOne();
    await show.stoppingTwo();
    await show.waking();
    await show.conflict();
    await show.deleting();
  } finally {
    await show.ending();
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

  async storing(): Promise<void> {
    const { stage, ring, acknowledged } = this;
    stage.scene(`${REPLICAS} nodes keep ${KEYS} keys`);
    await ring.start();
    await Promise.all([ring.start(), ring.start()]);
    const { tookMs, problem } = await ring.untilSettled();
    stage.check(`each key is to be kept by all, ${Math.round(tookMs)} ms after the last was ready`, problem);
    await using((client) => putAll(client, entries(KEYS), acknowledged), this.first);
    stage.check('every one was acknowledged', sameProblem('the number', acknowledged.size, KEYS));
    await this.checkCopies(`each is there ${REPLICAS} times, in one version`);
    stage.show('', ...drawLocation(await locate(ring, this.first, 'key-0')), '');
  }

  async stoppingOne(): Promise<void> {
    const { stage, acknowledged } = this;
    stage.scene(`${nameOf(this.third)} hangs (SIGSTOP): two of three are left`);
    this.third.pause?.();
    await using(async (client) => {
      const written = await this.untilDone(() => client.put('with-two', '2', SHORT));
      stage.check('a quorum write is carried out', written);
      if (written === undefined) acknowledged.set('with-two', '2');
      stage.check('a quorum read finds it', wrongValue(await client.get('with-two', QUORUM), '2'));
      stage.check('and every other key', lossProblem(acknowledged, await readAll(client, [...acknowledged.keys()])));
    }, this.first);
  }

  async stoppingTwo(): Promise<void> {
    const { stage } = this;
    stage.scene(`${nameOf(this.second)} hangs too: one is left, and cannot know what the others do`);
    this.second.pause?.();
    await using(async (client) => {
      stage.check('a quorum write is not acknowledged', refusedProblem(await client.put('with-one', '1', SHORT), true));
      stage.check('a quorum read is not answered', refusedProblem(await client.get('key-0', SHORT), false));
      stage.check('an eventual write is', wrong(await client.put('eventually', '1', EVENTUAL)));
      stage.check('and an eventual read', wrongValue(await client.get('eventually', EVENTUAL), '1'));
      stage.check('an eventual read finds what a quorum wrote', wrongValue(await client.get('key-0', EVENTUAL), '0'));
    }, this.first);
    this.acknowledged.set('eventually', '1');
  }

  async waking(): Promise<void> {
    const { stage, ring } = this;
    stage.scene('Both wake up');
    this.second.resume?.();
    this.third.resume?.();
    const { problem } = await ring.untilSettled();
    stage.check('the three agree on who keeps what', problem);
    await this.checkCopies(`every key is there ${REPLICAS} times, what was written meanwhile too`);
    for (const node of ring.nodes) {
      const found = await using((client) => readAll(client, [...this.acknowledged.keys()]), node);
      stage.check(`${nameOf(node)} finds every one`, lossProblem(this.acknowledged, found));
    }
  }

  async conflict(): Promise<void> {
    const { stage, ring } = this;
    stage.scene('Two nodes that cannot hear each other are told different values for one key');
    this.second.pause?.();
    this.third.pause?.();
    await using((client) => this.tell(client, 'left'), this.first);
    this.first.pause?.();
    this.second.resume?.();
    await using((client) => this.tell(client, 'right'), this.second);
    this.first.resume?.();
    this.third.resume?.();
    stage.show('all three hear each other again');
    const settled = await ring.untilSettled();
    stage.check('the three agree on who keeps what', settled.problem);
    const { tookMs, problem } = await ring.until(async () => this.locatedProblem('conflict', 'value'));
    stage.check(`all copies are the same, ${Math.round(tookMs)} ms later`, problem);
    for (const node of ring.nodes) {
      const found = await using((client) => client.get('conflict', QUORUM), node);
      stage.check(`${nameOf(node)} says what was written last`, wrongValue(found, 'right'));
    }
  }

  async deleting(): Promise<void> {
    const { stage, ring } = this;
    stage.scene(`${nameOf(this.third)} sleeps while a key is deleted that it has a copy of`);
    this.third.pause?.();
    await using(async (client) => {
      stage.check('the key is deleted', await this.untilDone(() => client.delete('key-1', SHORT)));
      stage.check('and not found', foundProblem(await client.get('key-1', QUORUM)));
    }, this.first);
    this.acknowledged.delete('key-1');
    this.third.resume?.();
    stage.show('it wakes up, with the old value in its memory');
    const settled = await ring.untilSettled();
    stage.check('the three agree on who keeps what', settled.problem);
    const { problem } = await ring.until(async () => this.locatedProblem('key-1', 'tombstone'));
    stage.check('all three know that it was deleted', problem);
    stage.show('', ...drawLocation(await locate(ring, this.first, 'key-1')), '');
    for (const node of ring.nodes) {
      for (const options of [QUORUM, EVENTUAL]) {
        const found = await using((client) => client.get('key-1', options), node);
        stage.check(`${nameOf(node)} does not find it (${options.consistency})`, foundProblem(found));
      }
    }
    await this.checkCopies(`every other key is there ${REPLICAS} times`);
  }

  async ending(): Promise<void> {
    const { stage, ring } = this;
    for (const node of ring.nodes) node.resume?.();
    stage.scene('The nodes are told to stop');
    const codes = await ring.stopAll();
    stage.check(
      'each ends in good order',
      sameProblem('the exit codes', codes.join(' '), codes.map(() => 0).join(' ')),
    );
  }

  /** Stores one side's value, and reads it there. */
  private async tell(client: Client, value: string): Promise<void> {
    const { stage } = this;
    const written = await this.untilDone(() => client.put('conflict', value, { ...EVENTUAL, timeoutMs: SHORT_MS }));
    stage.check(`one acknowledges "${value}"`, written);
    stage.check('and finds it', wrongValue(await client.get('conflict', EVENTUAL), value));
  }

  private async locatedProblem(key: string, kind: 'value' | 'tombstone'): Promise<Problem> {
    return locationProblem(await locate(this.ring, this.first, key), REPLICAS, kind);
  }

  private async checkCopies(claim: string): Promise<void> {
    const { stage, ring, acknowledged } = this;
    const keys = [...acknowledged.keys()];
    const { problem } = await ring.until(async () => copiesProblem(await copiesIn(ring), keys, REPLICAS));
    stage.show(copiesText(await copiesIn(ring), keys));
    stage.check(claim, problem);
  }

  /** Tries again what was refused or not answered while the others find out who hangs. Doing it twice does no harm. */
  private async untilDone(attempt: () => Promise<Result<unknown, ClientError>>): Promise<Problem> {
    const sinceMs = performance.now();
    for (;;) {
      const result = await attempt();
      if (result.ok) return undefined;
      if (performance.now() - sinceMs > CHANGED_MS_MAX * this.patience) return result.error.message;
    }
  }

  private get first(): NodeUnderShow {
    return this.ring.nodes[0] as NodeUnderShow;
  }

  private get second(): NodeUnderShow {
    return this.ring.nodes[1] as NodeUnderShow;
  }

  private get third(): NodeUnderShow {
    return this.ring.nodes[2] as NodeUnderShow;
  }
}

const QUORUM = { consistency: 'quorum' } as const;
const SHORT = { ...QUORUM, timeoutMs: SHORT_MS } as const;
const EVENTUAL = { consistency: 'eventual' } as const;

/** Has a client of this node as long as it is used. */
async function using<T>(use: (client: Client) => Promise<T>, node: NodeUnderShow): Promise<T> {
  const client = await open(node);
  const result = await use(client);
  client.disconnect();
  return result;
}

const entries = (count: number) =>
  Array.from({ length: count }, (_none, index) => [`key-${index}`, `${index}`] as const);

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
