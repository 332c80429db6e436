/** The process in which the runtime is measured: both sides in turns, in one and the same. */
import { performance } from 'node:perf_hooks';
import { answer, type Memory, settledMemory } from './answering';
import { CONTESTS, type IdleKind, makeIdle, type Workload } from './runtime-workloads';

/** One measurement of one side of a contest. */
export interface Turn {
  readonly contest: number;
  readonly side: 'ours' | 'yardstick';
  readonly measureMs: number;
}

/** How many idle processes of which kind to make. */
export interface Idle {
  readonly kind: IdleKind;
  readonly count: number;
}

const workloads = new Map<string, Workload>();

/** Operations per second. */
async function measure({ contest, side, measureMs }: Turn): Promise<number> {
  const name = `${contest} ${side}`;
  const workload = workloads.get(name) ?? (await CONTESTS[contest]?.[side]());
  if (workload === undefined) throw new Error(`Cannot measure contest ${contest}: there is none`);
  workloads.set(name, workload);
  let runs = 0;
  let tookMs = 0;
  while (tookMs < measureMs) {
    const beginMs = performance.now();
    await workload.run();
    tookMs += performance.now() - beginMs;
    runs += 1;
    workload.tidyUp?.();
  }
  return (runs * workload.operations * 1000) / tookMs;
}

/** Bytes per process. */
async function idleMemory({ kind, count }: Idle): Promise<Memory> {
  await makeIdle(kind, 100);
  const before = await settledMemory();
  const idle = await makeIdle(kind, count);
  const after = await settledMemory();
  return {
    rssBytes: (after.rssBytes - before.rssBytes) / count,
    // Looked at here, so that it is still alive while memory is measured.
    usedBytes: idle === undefined ? Number.NaN : (after.usedBytes - before.usedBytes) / count,
  };
}

answer(undefined, {
  measure: (argument) => measure(argument as Turn),
  idleMemory: (argument) => idleMemory(argument as Idle),
});
