/** Clients of a ring: any node answers for any key, and goes on doing so while nodes come and go. */
import { del, get, put } from '../../src';
import { keyId, betweenRightClosed } from '../../src/chord/id';
import { EMPTY, fromUtf8, toBuffer } from '../../src/octets';
import type { RequestV2 } from '../../src/protocol/client-protocol';
import { decodeMeta } from '../../src/protocol/meta';
import { closeAll, DELETE, GET, inShort, PING, PUT, type RawClient, type TestNode, until } from '../support/node';
import { RingLoad } from '../support/ring-load';
import { addrOf, arcOf, startMember, startRing, untilOwned } from '../support/ring';

afterEach(closeAll);

async function ownedRing(count: number): Promise<readonly TestNode[]> {
  const nodes = await startRing(count);
  await untilOwned(nodes);
  return nodes;
}

const ownerOf = (nodes: readonly TestNode[], key: string) =>
  nodes.find((node) => {
    const arc = arcOf(node);
    return arc && betweenRightClosed(keyId(fromUtf8(key)), arc.lo, arc.hi);
  }) as TestNode;

const clientsOf = (nodes: readonly TestNode[]): Promise<RawClient[]> =>
  Promise.all(nodes.map((node) => node.connect()));

const v2 = (op: 'get' | 'put', key: string, fields: Partial<RequestV2> = {}): RequestV2 => ({
  type: 'request',
  version: 2,
  op,
  key: fromUtf8(key),
  value: op === 'put' ? fromUtf8('v2') : EMPTY,
  requestId: 1,
  consistency: 'default',
  direct: false,
  wantsMeta: true,
  ...fields,
});

describe('a ring of three nodes', () => {
  it('stores, finds and removes every key through every node', async () => {
    const nodes = await ownedRing(3);
    const clients = await clientsOf(nodes);
    const keys = Array.from({ length: 60 }, (_, i) => `key-${i}`);
    for (const [i, key] of keys.entries()) {
      expect(inShort((await clients[i % 3]?.ask(PUT(key, `value-${i}`))) as never)).toBe('success');
    }
    for (const client of clients) {
      client.send(...keys.map(GET));
      expect((await client.answers(60)).map(inShort)).toEqual(keys.map((_, i) => `success value-${i}`));
    }
    await until('every node has a copy of every key', () =>
      nodes.every((node) => keys.every((key) => node.node.store()?.table.get(fromUtf8(key)) !== undefined)),
    );
    clients[0]?.send(...keys.map(DELETE));
    await clients[0]?.answers(60);
    for (const client of clients) {
      client.send(...keys.map(GET));
      expect((await client.answers(60)).map(inShort)).toEqual(keys.map(() => 'not_found'));
    }
  });

  it('answers in the order of the requests, however many are under way', async () => {
    const [node] = await ownedRing(3);
    const client = (await node?.connect()) as RawClient;
    const requests = Array.from({ length: 3000 }, (_, i) =>
      i % 3 === 2 ? PING : i % 3 === 0 ? PUT(`k${i}`, `v${i}`) : GET(`k${i - 1}`),
    );
    client.send(...requests);
    const expected = requests.map((_, i) => ['success', `success v${i - 1}`, 'success pong'][i % 3]);
    expect((await client.answers(requests.length)).map(inShort)).toEqual(expected);
  });

  it('tells a client where a key is, and how it was served', async () => {
    const nodes = await ownedRing(3);
    const [client] = await clientsOf(nodes);
    const key = Array.from({ length: 100 }, (_, i) => `key-${i}`).find(
      (each) => ownerOf(nodes, each) !== nodes[0],
    ) as string;
    const answer = await client?.ask(v2('put', key));
    const meta = answer?.version === 2 && answer.meta ? decodeMeta(answer.meta) : undefined;
    expect(meta).toMatchObject({ ok: true, value: { hops: 1, copies: 3, degraded: false } });
    expect(meta?.ok && meta.value.acks).toBeGreaterThanOrEqual(2);
    const direct = await client?.ask(v2('get', key, { direct: true, wantsMeta: false }));
    expect(direct && inShort(direct)).toBe(`not_responsible ${addrOf(ownerOf(nodes, key))}`);
    const there = await ownerOf(nodes, key).connect();
    expect(inShort(await there.ask(v2('get', key, { direct: true, wantsMeta: false })))).toBe('success v2');
  });

  it('carries values of any length', async () => {
    const nodes = await ownedRing(3);
    const clients = await clientsOf(nodes);
    for (const bytes of [0, 1, 1024, 1025, 300_000, 16 * 1024 * 1024]) {
      const value = Buffer.alloc(bytes, bytes % 251);
      for (const [i, client] of clients.entries()) {
        expect(inShort(await client.ask(PUT(`of ${bytes}`, value)))).toBe('success');
        const answer = await clients[(i + 1) % 3]?.ask(GET(`of ${bytes}`));
        expect(answer?.status).toBe('success');
        expect(Buffer.compare(toBuffer(answer?.value ?? EMPTY), value)).toBe(0);
      }
    }
  }, 30_000);

  it('serves fifty clients through all of its nodes at once', async () => {
    const nodes = await ownedRing(3);
    const work = Array.from({ length: 50 }, async (_, id) => {
      const client = await nodes[id % 3]?.connect();
      for (let round = 0; round < 10; round += 1) {
        const keys = Array.from({ length: 16 }, (_each, i) => `client-${id}-${i}`);
        client?.send(...keys.flatMap((key) => [PUT(key, `${round}`), GET(key)]));
        const answers = (await client?.answers(32)) ?? [];
        expect(answers.map(inShort)).toEqual(keys.flatMap(() => ['success', `success ${round}`]));
      }
    });
    await Promise.all(work);
  }, 30_000);

  it('serves the program that runs a node like any client', async () => {
    const nodes = await ownedRing(3);
    const calls = ({ runtime }: TestNode) =>
      runtime.processes().filter((pid) => runtime.processInfo(pid)?.initialCall === 'caller:request/2').length;
    for (let i = 0; i < 30; i += 1) {
      const [writer, reader] = [nodes[i % 3] as TestNode, nodes[(i + 1) % 3] as TestNode];
      expect(await put(writer.node, `key-${i}`, `value-${i}`)).toEqual({ ok: true, value: undefined });
      expect(await get(reader.node, `key-${i}`)).toEqual({ ok: true, value: Buffer.from(`value-${i}`) });
      expect(await del(reader.node, `key-${i}`)).toEqual({ ok: true, value: undefined });
      expect(await get(writer.node, `key-${i}`)).toMatchObject({ ok: false, error: { code: 'not_found' } });
    }
    await until('the processes of all calls have ended', () => nodes.every((node) => calls(node) === 0));
    // Whatever becomes of the node, the program has its answer.
    const pending = Array.from({ length: 30 }, (_, i) => put((nodes[0] as TestNode).node, `key-${i}`, 'v'));
    nodes[0]?.crash();
    const ends = await Promise.all(pending);
    expect(ends.some((end) => !end.ok && !end.error.definite)).toBe(true);
    expect((await put((nodes[0] as TestNode).node, 'k', 'v')).ok).toBe(false);
  });

  it('leaves nothing behind of a client that goes in the middle', async () => {
    const nodes = await ownedRing(3);
    const [node] = nodes;
    for (let round = 0; round < 20; round += 1) {
      const client = (await node?.connect()) as RawClient;
      client.send(...Array.from({ length: 200 }, (_, i) => PUT(`gone-${round}-${i}`, 'v')));
      client.close();
    }
    await until('all connections of clients are gone', async () => {
      const connections = (await node?.connections()) ?? [];
      // Those of the two other nodes stay.
      return connections.length <= 2;
    });
    const client = (await node?.connect()) as RawClient;
    expect(inShort(await client.ask(PUT('k', 'v')))).toBe('success');
  });
});

describe('a ring that changes under load', () => {
  it('never fails to read or write while nodes join and leave', async () => {
    const nodes = [...(await ownedRing(2))];
    const targets = () => nodes.map((node) => ({ port: node.port, isRunning: true }));
    const load = await RingLoad.start({ targets, seed: 1, workers: 4, keys: 100 });
    for (let round = 0; round < 3; round += 1) {
      await load.untilServed(200);
      const joiner = await startMember([nodes[0] as TestNode]);
      nodes.push(joiner);
      await untilOwned(nodes);
      await load.untilServed(200);
      const [leaver] = nodes.splice(1, 1);
      await leaver?.node.stop();
      await untilOwned(nodes);
    }
    await load.stop();
    expect(load.wrong).toEqual([]);
    expect(await load.lost(nodes[0]?.port ?? 0)).toEqual([]);
  }, 60_000);

  it('serves again when a node has died, and has lost nothing', async () => {
    const nodes = [...(await ownedRing(3))];
    const client = (await nodes[0]?.connect()) as RawClient;
    const keys = Array.from({ length: 60 }, (_, i) => `key-${i}`);
    client.send(...keys.map((key) => PUT(key, 'v')));
    await client.answers(60);
    const [dead] = nodes.splice(1, 1) as [TestNode];
    dead.crash();
    // Asked at once: the answers come when the ring has mended.
    client.send(...keys.map(GET));
    const answers = await client.answers(60);
    expect(answers.map(inShort)).toEqual(keys.map(() => 'success v'));
    client.send(...keys.map((key) => PUT(key, 'w')));
    expect((await client.answers(60)).every(({ status }) => status === 'success')).toBe(true);
    await untilOwned(nodes);
  }, 30_000);
});
