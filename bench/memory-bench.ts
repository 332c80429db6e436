/**
 * What a stored key costs: keys of 16 bytes with values of 100, in a node and in the bare server.
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
import { TUNED } from './yardsticks';

/** Measures one load of keys on each side: memory hardly differs from run to run. */
export async function measureKeys({ keys }: Plan): Promise<Figure[]> {
  const yardstick = await growthOf(TUNED.module, keys);
  const ours = await growthOf('node-entry.js', keys);
  const row = (what: string, pick: (memory: Memory) => number) =>
    figure({ part: `(c) ${keys} keys`, what, unit: 'bytes/key', better: 'less', against: TUNED.name }, [
      { ours: pick(ours), yardstick: pick(yardstick) },
    ]);
  return [row('memory used', ({ usedBytes }) => usedBytes), row('memory resident', ({ rssBytes }) => rssBytes)];
}

async function growthOf(server: string, keys: number): Promise<Memory> {
  progress(`memory of ${keys} keys: ${server}`);
  const generator = await Child.start<undefined>('load-generator.js');
  const child = await Child.start<number>(server);
  try {
    // Code that has run once is compiled and its buffers are there: that is not the keys' memory.
    await generator.ask('preload', { port: child.ready, keys: WARM_UP_KEYS });
    const before = await child.ask<Memory>('memory');
    await generator.ask('preload', { port: child.ready, keys: WARM_UP_KEYS + keys });
    const after = await child.ask<Memory>('memory');
    return {
      rssBytes: (after.rssBytes - before.rssBytes) / keys,
      usedBytes: (after.usedBytes - before.usedBytes) / keys,
    };
  } finally {
    await child.stop();
    await generator.stop();
  }
}

const WARM_UP_KEYS = 1000;
