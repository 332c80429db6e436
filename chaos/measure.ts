/**
 * Measure: how soon a ring is whole again after a kill, and what its clients notice meanwhile.
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
const QUIET_MS = 10_000;
const AFTER_MS = 10_000;
const PER_SECOND = 300;

/** Kills one of five under load, then one of three. */
export async function measureRecovery(options: StageOptions): Promise<readonly string[]> {
  return [...(await killOne(5, options)), ...(await killOne(3, options))];
}

async function killOne(nodes: number, options: StageOptions): Promise<readonly string[]> {
  const stage = new Stage(`measure-${nodes}`, options);
  try {
    await stage.start(nodes);
    await stage.store(KEYS, VALUE_BYTES);
    await stage.checkCopies('before the kill');
    const history = new History();
    const { cluster, nowMs } = stage;
    const load = new Load({
      history,
      eventual: history,
      targets: () => cluster.up,
      random: randomFrom(1),
      nowMs,
      perSecond: PER_SECOND,
      hotKeys: 1000,
      onceKeys: 0,
      hurriedShare: 0,
    });
    await later(QUIET_MS);
    const [, victim] = cluster.up;
    const killedMs = nowMs();
    const dying = victim?.kill();
    const { settledMs, restoredMs } = await untilRestored(stage);
    await dying;
    await later(Math.max(0, AFTER_MS - (nowMs() - killedMs)));
    await load.stop();
    const before = history.operations.filter(({ returnedMs }) => returnedMs < killedMs);
    const after = history.operations.filter(({ returnedMs }) => returnedMs >= killedMs);
    const recovering = after.filter(({ invokedMs }) => invokedMs < killedMs + Math.max(restoredMs, 1000));
    tellTimes(stage, nodes, settledMs, restoredMs);
    tellLatencies(stage, before, recovering);
    tellErrors(stage, after, killedMs);
    await stage.checkKeys('after the kill');
  } finally {
    await stage.close();
  }
  return stage.problems;
}

/** Waits until everybody is safe to stop, and until every key has all its copies; from the kill on. */
async function untilRestored(stage: Stage): Promise<{ readonly settledMs: number; readonly restoredMs: number }> {
  const sinceMs = performance.now();
  await stage.settle();
  const settledMs = performance.now() - sinceMs;
  await stage.checkCopies('after the kill');
  return { settledMs, restoredMs: performance.now() - sinceMs };
}

function tellTimes(stage: Stage, nodes: number, settledMs: number, restoredMs: number): void {
  const copies = Math.min(3, nodes - 1);
  stage.tell(`1 of ${nodes} killed, ${KEYS} keys: all safe to stop after ${(settledMs / 1000).toFixed(2)} s`);
  stage.tell(`  ${copies} copies of each key counted after ${(restoredMs / 1000).toFixed(2)} s (goal: 5 s, aim 2 s)`);
}

function tellLatencies(stage: Stage, before: readonly Operation[], recovering: readonly Operation[]): void {
  const [quiet, busy] = [p99(before), p99(recovering)];
  stage.tell(
    `  p99 ${quiet.toFixed(1)} ms before, ${busy.toFixed(1)} ms until restored: ${(busy / quiet).toFixed(1)} times (goal: 3)`,
  );
}

function tellErrors(stage: Stage, after: readonly Operation[], killedMs: number): void {
  const failed = after.filter(({ outcome }) => outcome === 'refused' || outcome === 'unknown');
  const lastMs = Math.max(0, ...failed.map(({ invokedMs }) => invokedMs - killedMs));
  const refused = failed.filter(({ outcome }) => outcome === 'refused').length;
  stage.tell(
    `  ${failed.length} errors (${refused} definite) of ${after.length}; none of a request later than ${Math.round(lastMs)} ms after the kill (goal: 1000 ms)`,
  );
  const said = new Set(failed.map((operation) => operation.said ?? ''));
  for (const words of [...said].slice(0, 3)) stage.tell(`    ${words}`);
}

function p99(operations: readonly Operation[]): number {
  const took = operations.map(({ invokedMs, returnedMs }) => returnedMs - invokedMs).sort((a, b) => a - b);
  return quantile(took, 0.99);
}
