/** A client that goes straight to the owner of a key, in a ring of real nodes that changes meanwhile. */
import { type Client, connect } from '../../src/client';
import { closeAll, closeLater, TestNode, until } from '../support/node';
import { untilOwned } from '../support/ring';

const KEYS = Array.from({ length: 300 }, (_none, index) => `key-${index}`);

afterEach(closeAll);

const nameOf = (node: TestNode) => `127.0.0.1:${node.port}`;

async function open(node: TestNode, connectedTo: Set<string> = new Set()): Promise<Client> {
  const client = await connect('127.0.0.1', node.port, {
    routing: 'direct',
    onConnectionEvent: ({ type, address }) => void (type === 'connected' && connectedTo.add(address)),
  });
  if (!client.ok) throw new Error(client.error.message);
  closeLater(() => client.value.disconnect());
  return client.value;
}

async function putAll(client: Client): Promise<void> {
  for (const key of KEYS) expect(await client.put(key, key)).toEqual({ ok: true, value: undefined });
}

async function getAll(client: Client): Promise<void> {
  for (const key of KEYS) expect(await client.get(key)).toEqual({ ok: true, value: Buffer.from(key) });
}

test('a client finds the way to every node, and to one that joins and from one that leaves', async () => {
  const first = await TestNode.start();
  const second = await TestNode.start({ join: nameOf(first) });
  await untilOwned([first, second]);
  const connectedTo = new Set<string>();
  const client = await open(first, connectedTo);
  await putAll(client);
  expect(connectedTo).toEqual(new Set([first, second].map(nameOf)));
  const third = await TestNode.start({ join: nameOf(second) });
  await untilOwned([first, second, third]);
  await getAll(client);
  expect(connectedTo).toContain(nameOf(third));
  await second.node.stop();
  await getAll(client);
  await putAll(client);
  await getAll(await open(third));
}, 30_000);

test('a client whose first node is gone goes on with those it has learnt of', async () => {
  const first = await TestNode.start();
  const second = await TestNode.start({ join: nameOf(first) });
  await untilOwned([first, second]);
  const client = await open(first);
  await putAll(client);
  await first.node.stop();
  await until('the client has noticed', () => client.connectedTo?.port !== first.port);
  await getAll(client);
  expect(client.connectedTo?.port === first.port).toBe(false);
  await getAll(await open(second));
}, 30_000);
