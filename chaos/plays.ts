/**
 * Plays: courses of events that are always the same, for what was promised of them in particular.
 *
 * `ten` is what the Erlang original was tested with, and lost a third of its keys in.
 */
import { later } from './later';
import { measureRecovery } from './measure';
import { Stage, type StageOptions } from './stage';

/** A play, and what it is about. It gives what was wrong, one sentence each. */
export interface Play {
  readonly text: string;
  readonly play: (options: StageOptions) => Promise<readonly string[]>;
}

const NODES = 10;
const KEYS = 1000;
const KILLED = 3;
const BETWEEN_MS = 6000;
const STOPPED = 7;

/** Every play by its name. */
export const PLAYS: Readonly<Record<string, Play | undefined>> = {
  ten: {
    text: 'ten nodes, 1,000 keys: three are killed 6 s apart, one comes back empty, seven are killed',
    play: playTen,
  },
  measure: { text: 'how soon copies are restored after a kill, and what clients notice', play: measureRecovery },
};

/**
 * Ten nodes and a thousand keys. Three nodes are killed, 6 s apart. Then ten again: one is killed and comes back empty
 * at once; then seven are killed as soon as each says that it may be.
 */
export async function playTen(options: StageOptions): Promise<readonly string[]> {
  const stage = new Stage('ten', options);
  try {
    await stage.start(NODES);
    await stage.store(KEYS);
    await stage.checkCopies('before anything happens');
    await killThree(stage);
    await restartEmpty(stage);
    await killSeven(stage);
  } finally {
    await stage.close();
  }
  return stage.problems;
}

async function killThree(stage: Stage): Promise<void> {
  const victims = [1, 4, 7].slice(0, KILLED);
  for (const [index, number] of victims.entries()) {
    if (index > 0) await later(BETWEEN_MS);
    const node = stage.cluster.node(`n${number}`);
    await node.kill();
    stage.tell(`${node.name} killed`);
  }
  await stage.checkKeys('after three of ten were killed');
  await stage.checkCopies('after three of ten were killed');
  for (const number of victims) await stage.cluster.start(stage.cluster.node(`n${number}`));
  await stage.settle();
  stage.tell('ten again');
}

async function restartEmpty(stage: Stage): Promise<void> {
  const node = stage.cluster.node('n5');
  const sinceMs = performance.now();
  await node.kill();
  await stage.cluster.start(node);
  stage.tell(`${node.name} was killed and serves again after ${Math.round(performance.now() - sinceMs)} ms, empty`);
  await stage.checkKeys('after one came back empty at once');
  await stage.settle();
  await stage.checkCopies('after one came back empty at once');
}

async function killSeven(stage: Stage): Promise<void> {
  for (const node of stage.cluster.up.slice(0, STOPPED)) {
    await stage.untilSafe(node);
    await node.kill();
    stage.tell(`${node.name} killed`);
  }
  await stage.checkKeys('after seven of ten were killed');
  await stage.checkCopies('after seven of ten were killed');
}
