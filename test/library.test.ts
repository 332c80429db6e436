/** The library as a program would use it: a node of one's own, its calls, and a client of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, del, get, type Node, put, startNode, stopNode, VERSION } from '../src';

async function started(): Promise<Node> {
  const node = await startNode(1, 0, { adminPort: 0 });
  if (!node.ok) throw new Error(node.error);
  return node.value;
}

describe('the library', () => {
  let node: Node;
  beforeEach(async () => {
    node = await started();
  });
  afterEach(() => stopNode(node));

  it('put() and get() keep bytes as they are, long ones and those that are no text too', async () => {
    for (const value of [new Uint8Array([0xff, 0xfe, 0]), Buffer.alloc(100_000, 7), Buffer.alloc(0)]) {
      await expect(put(node, new Uint8Array([0, 0xff]), value)).resolves.toEqual({ ok: true, value: undefined });
      const got = await get(node, new Uint8Array([0, 0xff]));
      expect(got.ok && got.value.equals(value)).toBe(true);
    }
  });

  it('put() copies: what the caller does with his buffer afterwards changes nothing', async () => {
    const value = Buffer.alloc(5000, 1);
    await put(node, 'k', value);
    value.fill(2);
    const got = await get(node, 'k');
    expect(got.ok && got.value.equals(Buffer.alloc(5000, 1))).toBe(true);
  });

  it('get() of a key that is not there, or was deleted, gives not_found', async () => {
    await put(node, 'k', 'v');
    await del(node, 'k');
    for (const key of ['k', 'never']) {
      await expect(get(node, key)).resolves.toMatchObject({ ok: false, error: { code: 'not_found', definite: true } });
    }
  });

  it('connect() reaches the node, and both see the same store', async () => {
    await put(node, 'k', 'v', 'eventual');
    const connected = await connect('127.0.0.1', node.settings.port);
    if (!connected.ok) throw new Error(connected.error.message);
    await expect(connected.value.get('k')).resolves.toEqual({ ok: true, value: Buffer.from('v') });
    connected.value.disconnect();
  });

  it('put() says of a node that was stopped that it was', async () => {
    await stopNode(node);
    await expect(put(node, 'k', 'v')).resolves.toMatchObject({
      ok: false,
      error: { definite: true, message: expect.stringContaining('this node has been stopped') as unknown },
    });
  });

  it('startNode() says in a sentence what is wrong with a setting or a port', async () => {
    await expect(startNode(2, node.settings.port)).resolves.toEqual({
      ok: false,
      error: `Cannot listen on 127.0.0.1:${node.settings.port}: the port is in use`,
    });
    const wrong = await startNode(0, 70_000);
    expect(wrong).toMatchObject({ ok: false, error: expect.stringContaining('port') as unknown });
  });
});

it('VERSION is that of the package', () => {
  const { version } = JSON.parse(readFileSync(join(__dirname, '../package.json'), 'utf8')) as { version: string };
  expect(VERSION).toBe(version);
});
