/**
 * Measure: how soon a ring is whole again after a kill, and what its clients notice meanwhile.
 *
 * Whoever looks whether all copies are back reads every key of every node, which is more work than all clients make. So
 * the first kill shows when they are, and the others, which nobody looks at, what clients notice until then: in as long a
 * time as it took until all nodes said that they had all copies. Clients know all nodes, as they should, and those of the
 * node that is killed go on at another.
 *
 * The goals are told beside the figures. They decide nothing here, for times depend on the machine; what is
 * lost decides.
 */
import { randomFrom } from '../src/otp';
import { History, type Operation } from './history';
import { later } from './later';
import { Load } from './load';
import { quantile } from './quantile';
import { Stage, type StageOptions } from './stage';

const KEYS = 10_000;
const VALUE_BYTES = 100;
const PER_SECOND = 500;
/** Nodes that have just started are slower than they will be. */
const WARMING_MS = 1000;
const QUIET_MS = 2500;
/** Kills after which nobody looks at the nodes. */
const UNSEEN_KILLS = 6;
/** What clients notice is looked at for so long at least. */
const WINDOW_MS_MIN = 1000;

/** A kill, as the clients see it. */
interface Kill {
  readonly atMs: number;
  readonly quiet: readonly Operation[];
  readonly recovering: readonly Operation[];
}

/** Kills one of five under load, several times, then one of three. */
export async function measureRecovery(options: StageOptions): Promise<readonly string[]> {
  return [...(await measureRing(5, options)), ...(await measureRing(3, options))];
}

async function measureRing(nodes: number, options: StageOptions): Promise<readonly string[]> {
  // They say no more than a node does as a rule: what is written costs time as well.
  const flags = ['--log-level', 'info', ...options.flags];
  const stage = new Stage(`measure-${nodes}`, { ...options, flags });
  try {
    await stage.start(nodes);
    await stage.store(KEYS, VALUE_BYTES);
    await stage.checkCopies('before the kill');
    const history = new History();
    const load = loadOn(stage, history);
    await later(WARMING_MS);
    const windowMs = Math.max(await timeRestoration(stage), WINDOW_MS_MIN);
    const killedAtMs: number[] = [];
    for (let number = 0; number < UNSEEN_KILLS; number += 1) {
      killedAtMs.push(await killUnseen(stage, number, windowMs));
    }
    await load.stop();
    const kills = killedAtMs.map((atMs) => killOf(history.operations, atMs, windowMs));
    stage.tell(
      `1 of ${nodes} killed, ${UNSEEN_KILLS} times more, and nobody looked at its nodes for ${Math.round(windowMs)} ms:`,
    );
    tellLatencies(stage, kills);
    tellErrors(stage, kills);
    await stage.settle();
    await stage.checkCopies('after all kills');
    await stage.checkKeys('after all kills');
  } finally {
    await stage.close();
  }
  return stage.problems;
}

function loadOn({ cluster, nowMs }: Stage, history: History): Load {
  return new Load({
    history,
    eventual: history,
    // Those of a node that is dead as well: its clients do not go away with it.
    targets: () => cluster.nodes,
    alsoKnown: () => cluster.nodes,
    random: randomFrom(1),
    nowMs,
    perSecond: PER_SECOND,
    hotKeys: 1000,
    onceKeys: 0,
    hurriedShare: 0,
  });
}

/** Kills one, and waits until every key has all its copies; gives when all nodes had said that they were safe to stop. */
async function timeRestoration(stage: Stage): Promise<number> {
  const nodes = stage.cluster.up.length;
  const sinceMs = performance.now();
  const dying = killOne(stage, 0);
  await stage.settle();
  const settledMs = performance.now() - sinceMs;
  await stage.checkCopies('after the first kill');
  const restoredMs = performance.now() - sinceMs;
  await dying;
  const copies = Math.min(3, nodes - 1);
  stage.tell(`1 of ${nodes} killed, ${KEYS} keys: all safe to stop after ${(settledMs / 1000).toFixed(2)} s`);
  stage.tell(`  ${copies} copies of each key counted after ${(restoredMs / 1000).toFixed(2)} s (goal: 5 s, aim 2 s)`);
  return settledMs;
}

/** Has whoever is down start again, lets the ring be, kills one, and lets it be; gives when that was. */
async function killUnseen(stage: Stage, number: number, windowMs: number): Promise<number> {
  const { cluster } = stage;
  for (const node of cluster.nodes) if (node.state === 'down') await cluster.start(node);
  await stage.settle();
  await later(QUIET_MS);
  const killedMs = stage.nowMs();
  const dying = killOne(stage, number);
  await later(windowMs);
  await dying;
  return killedMs;
}

/** Not the first node, through which others join, and a different one each time. */
async function killOne({ cluster }: Stage, number: number): Promise<void> {
  const [, ...others] = cluster.up;
  await others[number % others.length]?.kill();
}

function killOf(operations: readonly Operation[], atMs: number, windowMs: number): Kill {
  const isQuiet = ({ invokedMs, returnedMs }: Operation) => invokedMs >= atMs - QUIET_MS && returnedMs < atMs;
  const isRecovering = ({ invokedMs, returnedMs }: Operation) => returnedMs >= atMs && invokedMs < atMs + windowMs;
  return { atMs, quiet: operations.filter(isQuiet), recovering: operations.filter(isRecovering) };
}

function tellLatencies(stage: Stage, kills: readonly Kill[]): void {
  const before = kills.flatMap(({ quiet }) => quiet);
  const after = kills.flatMap(({ recovering }) => recovering);
  const first = kills.flatMap(({ recovering, atMs }) =>
    recovering.filter(({ invokedMs }) => invokedMs < atMs + WINDOW_MS_MIN),
  );
  const [quiet, busy, worst] = [p99(before), p99(after), p99(first)];
  stage.tell(
    `  p99 ${quiet.toFixed(1)} ms before, ${busy.toFixed(1)} ms after: ${(busy / quiet).toFixed(1)} times (goal: 3), ${before.length} and ${after.length} requests`,
  );
  // The longer it takes until all is restored, the less do the requests count that wait just after the kill.
  stage.tell(`  ${worst.toFixed(1)} ms in the first second: ${(worst / quiet).toFixed(1)} times`);
}

function tellErrors(stage: Stage, kills: readonly Kill[]): void {
  const failed = kills.flatMap(({ recovering, atMs }) =>
    recovering.filter(isFailed).map((operation) => ({ ...operation, afterMs: operation.invokedMs - atMs })),
  );
  const count = kills.reduce((sum, { recovering }) => sum + recovering.length, 0);
  const lastMs = Math.max(0, ...failed.map(({ afterMs }) => afterMs));
  const refused = failed.filter(({ outcome }) => outcome === 'refused').length;
  stage.tell(
    `  ${failed.length} errors (${refused} definite) of ${count}; none of a request later than ${Math.round(lastMs)} ms after the kill (goal: 1000 ms)`,
  );
  const said = new Set(failed.map((operation) => operation.said ?? ''));
  for (const words of [...said].slice(0, 3)) stage.tell(`    ${words}`);
}

const isFailed = ({ outcome }: Operation) => outcome === 'refused' || outcome === 'unknown';

function p99(operations: readonly Operation[]): number {
  const took = operations.map(({ invokedMs, returnedMs }) => returnedMs - invokedMs).sort((a, b) => a - b);
  return quantile(took, 0.99);
}
