/**
 * Killing every process of a node, one after the other, while clients put and get: no acknowledged
 * write is lost, the node serves again within a second, and who has nothing to do with the victim
 * notices nothing.
 */
import { ets, sys, type TreeNode } from '../../src/otp';
import { Load } from '../support/load';
import {
  CONNECTION_SUP,
  closeAll,
  flatten,
  GET,
  inShort,
  isWhole,
  PING,
  PUT,
  RawClient,
  TestNode,
  textOf,
  until,
  within,
} from '../support/node';

/** A node that lost any one process must serve again within this. */
const SERVICE_BACK_MS = 1000;
const ROUNDS = 3;
const WORKERS = 4;
const MIB = 1024 * 1024;

afterEach(closeAll);

/** Every process of a tree by path, but of the connections only the first. */
function victims(tree: TreeNode): readonly string[] {
  const connections = flatten(tree).filter(({ path }) => path.startsWith(`${CONNECTION_SUP}/`));
  const spared = new Set(connections.slice(1));
  return flatten(tree)
    .filter((node) => !spared.has(node))
    .map(({ path }) => path);
}

/** Who is cut off when this process dies: everyone, one client, or nobody. */
function cutOff(path: string): number {
  if (path.startsWith(`${CONNECTION_SUP}/`)) return 1;
  return CONNECTION_SUP.startsWith(path) ? WORKERS : 0;
}

/** The tree has all its processes again, and the load all its connections. */
async function recovered(node: TestNode, names: readonly string[]): Promise<void> {
  await until('the tree is whole again', async () => {
    const tree = await node.tree();
    if (tree === undefined || !isWhole(tree)) return false;
    const paths = new Set(flatten(tree).map(({ path }) => path));
    return names.every((name) => paths.has(name)) && (await node.connections()).length === WORKERS;
  });
}

function expectQuick(victim: string, tookMs: number): void {
  const answer = { victim, tookMs, isQuick: tookMs < SERVICE_BACK_MS };
  expect(answer).toMatchObject({ isQuick: true });
}

/** The table has an heir that lives: from now on its owner may die. */
async function inherited(node: TestNode): Promise<void> {
  await until('the table has an heir', () =>
    node.runtime.run(() => {
      const heir = ets.tablesOf(node.runtime).find(({ name }) => name === 'kv-store')?.heir;
      return heir !== undefined && node.runtime.isAlive(heir);
    }),
  );
}

/** Milliseconds until a new client, too, has been served. */
async function timeToNewClient(port: number, startMs: number): Promise<number> {
  let served = false;
  await until('a new client is served', async () => {
    const client = await RawClient.connect(port).catch(() => undefined);
    const answer = await client?.ask(PUT('a new client', 'was here')).catch(() => undefined);
    client?.close();
    served = answer?.status === 'success';
    return served;
  });
  return performance.now() - startMs;
}

describe('a node under load', () => {
  it('survives the kill of each of its processes, three times over', async () => {
    const node = await TestNode.start();
    const load = await Load.start({ port: node.port, workers: WORKERS });
    for (let round = 0; round < ROUNDS; round += 1) {
      const whole = await node.tree();
      const paths = whole ? victims(whole) : [];
      expect(paths).toHaveLength(19);
      const fixed = paths.filter((path) => !path.startsWith(`${CONNECTION_SUP}/`));
      for (const planned of paths) {
        // Connections have new names by now.
        const connection = (await node.connections())[0]?.path ?? '';
        const path = fixed.includes(planned) ? planned : connection;
        const reconnectsBefore = load.reconnects;
        const victim = await node.pidAt(path);
        const startMs = performance.now();
        node.kill(victim);
        await recovered(node, fixed);
        await Promise.all([load.untilAllServed(), timeToNewClient(node.port, startMs)]);
        const tookMs = performance.now() - startMs;
        expectQuick(path, tookMs);
        await until("the test's own client is gone", async () => (await node.connections()).length === WORKERS);
        expect({ path, cutOff: load.reconnects - reconnectsBefore }).toEqual({ path, cutOff: cutOff(path) });
      }
    }
    await load.stop();
    expect(load.surprises).toEqual([]);
    expect(await load.lost(node.port)).toEqual([]);
    expect(load.acknowledged.size).toBeGreaterThan(50);
    expect(node.ended).toBeUndefined();
  }, 60_000);

  it('survives the kills of heir and store in turn, as many as an operator is allowed', async () => {
    const node = await TestNode.start();
    const load = await Load.start({ port: node.port, workers: WORKERS });
    const paths = flatten((await node.tree()) as TreeNode)
      .map(({ path }) => path)
      .filter((path) => !path.startsWith(`${CONNECTION_SUP}/`));
    for (let round = 0; round < 9; round += 1) {
      for (const path of ['node-sup/table-heir', 'node-sup/services-sup/kv-store']) {
        await inherited(node);
        const startMs = performance.now();
        await node.killAt(path);
        await load.untilAllServed();
        expectQuick(path, performance.now() - startMs);
        await recovered(node, paths);
      }
    }
    await load.stop();
    expect(load.surprises).toEqual([]);
    expect(load.reconnects).toBe(0);
    expect(await load.lost(node.port)).toEqual([]);
    expect(node.ended).toBeUndefined();
  });

  it('survives five kills of its root, one after the other, and ends at the sixth within ten seconds', async () => {
    const node = await TestNode.start();
    const client = await node.connect();
    expect((await client.ask(PUT('k', 'kept'))).status).toBe('success');
    for (let kill = 1; kill <= 5; kill += 1) {
      const startMs = performance.now();
      await node.killAt('node-sup');
      await until('the tree is back', async () => (await node.tree()) !== undefined);
      await timeToNewClient(node.port, startMs);
      expectQuick(`node-sup for the ${kill}. time`, performance.now() - startMs);
      const reader = await node.connect();
      expect(textOf(await reader.ask(GET('k')))).toBe('kept');
      expect(node.ended).toBeUndefined();
    }
    await node.killAt('node-sup');
    expect(await within('the end of the node', node.node.ended)).toBe('shutdown');
  });

  it('serves again within a second of the kill of services-sup, when a client does not read its answers', async () => {
    const node = await TestNode.start();
    const reader = await node.connect();
    await reader.ask(PUT('long', Buffer.alloc(16 * MIB, 1)));
    reader.socket.pause();
    for (let i = 0; i < 10; i += 1) reader.send(GET('long'));
    await until('an answer cannot leave', async () => {
      const [connection] = await node.connections();
      if (connection === undefined) return false;
      const state = await sys.getStatus(await node.pidAt(connection.path));
      return JSON.stringify(state).includes('"stalled":true');
    });
    const startMs = performance.now();
    await node.killAt('node-sup/services-sup');
    const tookMs = await timeToNewClient(node.port, startMs);
    // The old listener serves until it has heard of it, so ask again when the new one is there.
    await until('the tree is whole again', async () => {
      const tree = await node.tree();
      return tree !== undefined && isWhole(tree) && flatten(tree).length >= 9;
    });
    expectQuick('services-sup', Math.max(tookMs, await timeToNewClient(node.port, startMs)));
  });
});

describe('a killed process', () => {
  it('in the listener branch leaves nobody waiting who was just being let in', async () => {
    const node = await TestNode.start();
    for (let round = 0; round < 5; round += 1) {
      const clients = await Promise.all(Array.from({ length: 50 }, () => node.connect()));
      const asked = clients.map((client) => client.ask(PING).then(inShort, () => 'cut off'));
      await node.killAt('node-sup/services-sup/listener-sup/acceptor');
      for (const outcome of await Promise.all(asked)) expect(['success pong', 'cut off']).toContain(outcome);
      await timeToNewClient(node.port, performance.now());
    }
  });
});
