/**
 * What a stored key costs: keys of 16 bytes with values of 100, in a node and in the bare server; and what each of its
 * three copies costs in a ring of three.
 *
 * Growth of memory from an empty server to a loaded one, divided by the number of keys, all
 * garbage collected before. `used` is what JavaScript values take, buffers included; `resident`
 * is what the system has handed out for it. A node keeps a version, an identifier and an entry in
 * the digest trie with each value; the bare server has a Map<string, string>.
 */
import type { Memory } from './answering';
import { Child } from './child';
import { type Figure, figure } from './figures';
import { type Plan, progress } from './plan';
import { portOf, startRing, untilSettled } from './ring-nodes';
import { TUNED } from './yardsticks';

/** Measures one load of keys on each side: memory hardly differs from run to run. */
export async function measureKeys({ keys }: Plan): Promise<Figure[]> {
  const yardstick = await growthOf(TUNED.module, keys);
  const ours = await growthOf('node-entry.js', keys);
  const copy = await growthOfCopies(keys);
  const row = (what: string, of: Memory, pick: (memory: Memory) => number) =>
    figure({ part: `(c) ${keys} keys`, what, unit: 'bytes/key', better: 'less', against: TUNED.name }, [
      { ours: pick(of), yardstick: pick(yardstick) },
    ]);
  return [
    row('memory used', ours, ({ usedBytes }) => usedBytes),
    row('memory resident', ours, ({ rssBytes }) => rssBytes),
    row('memory used by each of three copies', copy, ({ usedBytes }) => usedBytes),
    row('memory resident for each of three copies', copy, ({ rssBytes }) => rssBytes),
  ];
}

async function growthOf(server: string, keys: number): Promise<Memory> {
  progress(`memory of ${keys} keys: ${server}`);
  const child = await Child.start<number>(server);
  try {
    return await growth([child], child.ready, keys);
  } finally {
    await child.stop();
  }
}

/** Three nodes keep a copy of every key each. */
async function growthOfCopies(keys: number): Promise<Memory> {
  progress(`memory of ${keys} keys: three copies`);
  const ring = await startRing(3);
  try {
    await untilSettled(ring);
    return await growth(ring, portOf(ring[0]), keys);
  } finally {
    for (const node of ring) await node.stop();
  }
}

/** By how much these grow for each key, on average. */
async function growth(children: readonly Child<unknown>[], port: number, keys: number): Promise<Memory> {
  const generator = await Child.start<undefined>('load-generator.js');
  const memories = () => Promise.all(children.map((child) => child.ask<Memory>('memory')));
  try {
    // Code that has run once is compiled and its buffers are there: that is not the keys' memory.
    await generator.ask('preload', { port, keys: WARM_UP_KEYS });
    const before = await memories();
    await generator.ask('preload', { port, keys: WARM_UP_KEYS + keys });
    const after = await memories();
    const perKey = (pick: (memory: Memory) => number) =>
      (after.reduce((sum, each) => sum + pick(each), 0) - before.reduce((sum, each) => sum + pick(each), 0)) /
      (keys * children.length);
    return { rssBytes: perKey(({ rssBytes }) => rssBytes), usedBytes: perKey(({ usedBytes }) => usedBytes) };
  } finally {
    await generator.stop();
  }
}

const WARM_UP_KEYS = 1000;
