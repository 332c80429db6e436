/** A node for a demo, in this process: quicker to start than a program of its own. */
import { addressesIn, type NodeUnderShow } from '../../demos/node-under-show';
import { nodeSettings } from '../../src/config';
import { readyLine, startNode } from '../../src/node';

/** Starts a node on free ports; of the flags of the program it knows `--join`. */
export async function startHere(flags: readonly string[] = []): Promise<NodeUnderShow> {
  const [, join = ''] = flags;
  const settings = nodeSettings({ port: 0, adminPort: 0, allowChaos: true, join });
  if (!settings.ok) throw new Error(settings.error.join('; '));
  const started = await startNode(settings.value);
  if (!started.ok) throw new Error(started.error);
  const node = started.value;
  const addresses = addressesIn(readyLine(node));
  if (addresses === undefined) throw new Error('Expected a ready line');
  return {
    ...addresses,
    async stop() {
      await node.stop();
      return 0;
    },
    kill: async () => node.runtime.stop(),
  };
}

/** Starts one that does not end in good order. */
export async function startBroken(flags: readonly string[] = []): Promise<NodeUnderShow> {
  const node = await startHere(flags);
  return { ...node, stop: async () => ((await node.stop()) ?? 0) + 1 };
}
