/**
 * Rings of processes that lose a node: killed, it is gone at once for its neighbours; stopped, it
 * only falls silent, and when it goes on it is taken back in.
 */
import { closeAll, GET, inShort, PUT, RawClient, until } from '../support/node';
import { ProcessRing } from '../support/process-ring';

afterEach(closeAll);

describe('a ring of processes', () => {
  it('becomes whole when four nodes start one after the other', async () => {
    const ring = await ProcessRing.start(4);
    await ring.untilWhole();
  }, 60_000);

  it('becomes whole when ten nodes start, nine of them at once', async () => {
    const ring = await ProcessRing.start(10, { atOnce: true });
    await ring.untilWhole();
  }, 60_000);

  it('mends itself when a node is killed', async () => {
    const ring = await ProcessRing.start(4);
    await ring.untilWhole();
    ring.nodes[2]?.kill();
    await until('the node is dead', () => ring.nodes[2]?.isRunning === false);
    await ring.untilWhole();
    for (const node of ring.living) expect(await putAndGet(node.port)).toBe('success kept');
  }, 60_000);

  it('mends itself when a node is stopped, and takes it back in when it goes on', async () => {
    const ring = await ProcessRing.start(4);
    await ring.untilWhole();
    const [, paused] = ring.nodes;
    paused?.pause();
    await ring.untilWhole(() => ring.living.filter((node) => node !== paused));
    paused?.resume();
    await ring.untilWhole();
    for (const node of ring.living) expect(await putAndGet(node.port)).toBe('success kept');
  }, 60_000);

  it('takes a node back in that was killed and started again under its address, with an empty store', async () => {
    const ring = await ProcessRing.start(3);
    await ring.untilWhole();
    const [, victim] = ring.nodes;
    const port = String(victim?.port);
    victim?.kill();
    await until('the node is dead', () => victim?.isRunning === false);
    await ring.add(['--port', port]);
    await ring.untilWhole();
    for (const node of ring.living) expect(await putAndGet(node.port)).toBe('success kept');
  }, 60_000);
});

/** Writes a hundred keys through this node and reads them back; the last answer, or the first that is wrong. */
async function putAndGet(port: number): Promise<string> {
  const client = await RawClient.connect(port);
  for (let i = 0; i < 100; i += 1) {
    const stored = inShort(await client.ask(PUT(`key-${port}-${i}`, 'kept')));
    if (stored !== 'success') return `put: ${stored}`;
    const found = inShort(await client.ask(GET(`key-${port}-${i}`)));
    if (found !== 'success kept') return `get: ${found}`;
  }
  client.close();
  return 'success kept';
}
