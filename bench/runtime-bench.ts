/**
 * How fast the runtime is, beside raw nact doing the same.
 *
 * Messages are sent in bursts, and the next burst when the last has been handled. Calls go one
 * after the other. What is handled does next to nothing, so the figures are those of the runtime.
 * Not measured: many calls at a time, large mailboxes, selective receive, exits and restarts.
 */
import { Child } from './child';
import type { Memory } from './answering';
import { type Figure, figure, type Round } from './figures';
import { type Plan, progress } from './plan';
import type { Idle, Turn } from './runtime-worker';
import { type Contest, CONTESTS, type IdleKind } from './runtime-workloads';

const PART = '(a) the runtime';

/** Measures messages, calls, spawns and the memory of idle processes. */
export async function measureRuntime(plan: Plan): Promise<Figure[]> {
  const worker = await Child.start<undefined>('runtime-worker.js');
  const figures: Figure[] = [];
  try {
    for (const [index, contest] of CONTESTS.entries()) figures.push(await measureContest(worker, index, contest, plan));
  } finally {
    await worker.stop();
  }
  return [...figures, ...(await measureIdle(plan))];
}

async function measureContest(
  worker: Child<undefined>,
  contest: number,
  { what, unit, against }: Contest,
  { rounds, runtimeMs }: Plan,
): Promise<Figure> {
  const taken: Round[] = [];
  const measure = (side: Turn['side']) =>
    worker.ask<number>('measure', { contest, side, measureMs: runtimeMs } satisfies Turn);
  for (let round = 0; round <= rounds; round += 1) {
    progress(`runtime, ${what}: ${round === 0 ? 'warm-up' : `round ${round} of ${rounds}`}`);
    const yardstick = await measure('yardstick');
    const ours = await measure('ours');
    if (round > 0) taken.push({ ours, yardstick });
  }
  return figure({ part: PART, what, unit, better: 'more', against }, taken);
}

async function measureIdle({ processes }: Plan): Promise<Figure[]> {
  const { usedBytes: yardstick } = await idleMemory('nact actor', processes);
  const row = async (kind: IdleKind) => {
    const { usedBytes: ours } = await idleMemory(kind, processes);
    const about = { part: PART, what: `memory of an idle ${kind}`, unit: 'bytes', better: 'less' } as const;
    return figure({ ...about, against: 'nact actor' }, [{ ours, yardstick }]);
  };
  return [await row('process'), await row('gen_server')];
}

async function idleMemory(kind: IdleKind, count: number): Promise<Memory> {
  progress(`runtime, memory of ${count} idle: ${kind}`);
  const worker = await Child.start<undefined>('runtime-worker.js');
  try {
    return await worker.ask<Memory>('idleMemory', { kind, count } satisfies Idle);
  } finally {
    await worker.stop();
  }
}
