/** The admin server of a running node: what operators see, what a kill does, what it refuses. */
import { createConnection } from 'node:net';
import * as v from 'valibot';
import * as adminHttp from '../../actors/admin-http';
import { FrameTally } from '../../actors/frame-tally';
import { FingersDocument, LookupDocument, RingDocument } from '../../src/admin/answers';
import type { NodeInfo } from '../../src/admin/node-view';
import { betweenRightClosed, keyId, nodeId } from '../../src/chord/id';
import { fromUtf8 } from '../../src/octets';
import { type Report, Runtime, spawn, type TreeNode } from '../../src/otp';
import { Door } from '../../src/transport/door';
import { http, json } from '../support/http';
import {
  CONNECTION_SUP,
  closeAll,
  closeLater,
  flatten,
  PUT,
  TestNode,
  testSettings,
  until,
  within,
} from '../support/node';

const ADMIN = 'node-sup/services-sup/admin-sup/admin-http';

afterEach(closeAll);

const adminPort = (node: TestNode) => node.node.settings.adminPort;

async function kill(node: TestNode, path: string) {
  return http(adminPort(node), '/api/tree/kill', { method: 'POST', body: JSON.stringify({ path }) });
}

/** An admin server with a life that the test decides, and no node around it. */
async function adminAlone(life: adminHttp.Args['life']) {
  const reports: Report[] = [];
  const runtime = new Runtime();
  runtime.logger.addHandler('test', (_level, report) => void reports.push(report));
  closeLater(() => runtime.stop());
  const door = await Door.listen('127.0.0.1', 0, 10);
  const settings = testSettings({ adminPort: door.port });
  let rest: Door | undefined = door;
  const takeDoor = () => {
    const taken = rest;
    rest = undefined;
    return taken;
  };
  const started = new Promise<unknown>((resolve) => {
    spawn(runtime, async (self) => {
      const args = { settings, id: nodeId('127.0.0.1', 1), version: '0', life, tally: new FrameTally(), takeDoor };
      resolve(await self.run(() => adminHttp.startLink(args)));
      self.serve(() => {});
    });
  });
  await within('the start', started);
  return { port: door.port, runtime, reports };
}

describe('the admin server', () => {
  it('tells that the node lives and is ready', async () => {
    const node = await TestNode.start();
    for (const path of ['/healthz', '/livez']) {
      const answer = await http(adminPort(node), path);
      expect([answer.status, json(answer)]).toEqual([200, { status: 'ok' }]);
      expect(answer.headers).toMatchObject({
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      });
    }
    const ready = await http(adminPort(node), '/readyz');
    expect([ready.status, json(ready)]).toEqual([200, { status: 'ready' }]);
    const verbose = await http(adminPort(node), '/readyz?verbose');
    expect(verbose.text).toBe('[+]state ok\n[+]store ok\n[+]ring ok\n[+]listener ok\n[+]quorum ok\n');
    expect(verbose.headers['content-type']).toBe('text/plain; charset=utf-8');
  });

  it('is not ready while the node leaves, and says why', async () => {
    const life = { state: 'leaving' as const, startedAtMs: 0 };
    const { port } = await adminAlone(life);
    const answer = await http(port, '/readyz');
    expect(answer.status).toBe(503);
    expect(json(answer)).toEqual({
      status: 'not_ready',
      reason:
        'state: the node is leaving; store: the store is restarting; ring: the node is in no ring; listener: the client port is closed; quorum: what it keeps copies of is being restarted',
    });
    expect((await http(port, '/healthz')).status).toBe(503);
    expect((await http(port, '/api/tree')).status).toBe(503);
  });

  it('is not ready while too many are dead who keep what the node leads, until that is proven', async () => {
    const first = await TestNode.start();
    const second = await TestNode.start({ join: `127.0.0.1:${first.port}` });
    const shown = async () => json(await http(adminPort(first), '/api/node')) as NodeInfo;
    await until('both keep what the first one leads', async () => (await shown()).copies?.min === 2);
    second.crash();
    let reason: unknown;
    await until('it is not ready', async () => {
      const answer = await http(adminPort(first), '/readyz');
      reason = json(answer);
      return answer.status === 503;
    });
    expect(reason).toMatchObject({ reason: expect.stringMatching(/^quorum: only 1 of the 2 nodes/) as string });
    await until('it goes on alone', async () => (await http(adminPort(first), '/readyz')).status === 200);
    expect((await shown()).copies).toEqual({ min: 1, max: 1 });
  });

  it('describes the node', async () => {
    const node = await TestNode.start({ nodeId: 7 });
    const client = await node.connect();
    await client.ask(PUT('key', 'value'));
    expect(json(await http(adminPort(node), '/api/node'))).toEqual({
      nodeId: 7,
      id: node.node.id,
      addr: `127.0.0.1:${node.port}`,
      inc: expect.stringMatching(/^\d+$/) as string,
      state: 'active',
      ring: expect.objectContaining({ fingers: [], safe: false }) as object,
      keys: { primary: 1, replica: 0, surplus: 0, tombstones: 0, bytes: 8 },
      views: { led: 1, member: 0, learner: 0, newcomers: 0, unsettled: expect.any(Number) as number },
      copies: { min: 1, max: 1 },
      degraded: true,
      repairs: expect.objectContaining({ jobs: [], hintsPending: 0 }) as object,
      safeToStop: { safe: false, reason: 'it is alone: what it stores is nowhere else' },
      clock: { offsetMs: null, driftMs: expect.any(Number) as number },
      rpc: { messagesSent: 0, bytesSent: 0 },
      uptimeMs: expect.any(Number) as number,
      version: expect.any(String) as string,
    });
  });

  it('shows the ring, its fingers and the way to a key as the nodes themselves tell it', async () => {
    const first = await TestNode.start();
    const second = await TestNode.start({ join: `127.0.0.1:${first.port}` });
    const nodes = [first, second];
    const named = ({ node, port }: TestNode) => ({ id: node.id, addr: `127.0.0.1:${port}` });
    await until('the ring is whole, and each node leads its own arc', async () => {
      const answers = await Promise.all(nodes.map((node) => http(adminPort(node), '/api/ring')));
      const rings = answers.map((answer) => v.parse(RingDocument, json(answer)));
      return rings.every(
        (ring) => ring.consistent && ring.covered && ring.nodes.every(({ arcs }) => arcs.length === 1),
      );
    });
    await until('both have fetched what they are to keep', async () => {
      const answers = await Promise.all(nodes.map((node) => http(adminPort(node), '/api/node')));
      return answers.every((answer) => (json(answer) as NodeInfo).state === 'active');
    });
    for (const [index, node] of nodes.entries()) {
      const other = nodes[1 - index] as TestNode;
      expect(json(await http(adminPort(node), '/api/ring'))).toMatchObject({
        nodes: [node, other].map((shown) => ({ ...named(shown), state: 'active' })),
        consistent: true,
        covered: true,
        problems: [],
      });
      expect(json(await http(adminPort(node), '/api/node'))).toMatchObject({
        state: 'active',
        ring: {
          predecessor: named(other),
          successor: named(other),
          successorList: [named(other)],
          arcs: [{ lo: other.node.id, hi: node.node.id, epoch: expect.any(Number) as number }],
          size: 2,
          safe: false,
        },
      });
      const { rpc } = json(await http(adminPort(node), '/api/node')) as NodeInfo;
      expect(rpc.messagesSent).toBeGreaterThan(3);
      expect(rpc.bytesSent).toBeGreaterThan(10 * rpc.messagesSent);
      await until('the fingers are right', async () => {
        const { fingers } = v.parse(FingersDocument, json(await http(adminPort(node), '/api/ring/fingers')));
        return fingers.some(({ peer }) => peer.id === other.node.id);
      });
      const found = v.parse(LookupDocument, json(await http(adminPort(node), '/api/ring/lookup?key=k')));
      const owner = [first, second].find(({ node: { id } }) => id === found.owner.id) as TestNode;
      expect(found).toMatchObject({ confirmed: true, hops: owner === node ? 0 : 1 });
      expect(
        betweenRightClosed(keyId(fromUtf8('k')), owner === first ? second.node.id : first.node.id, owner.node.id),
      ).toBe(true);
    }
  });

  it('says of a node that has left its ring, and goes on running, that it is in none', async () => {
    const node = await TestNode.start();
    await node.node.leaveRing();
    const { state, ring } = json(await http(adminPort(node), '/api/node')) as NodeInfo;
    expect(state).toBe('leaving');
    expect(ring).toMatchObject({ predecessor: null, successor: null, successorList: [] });
    const { problems } = v.parse(RingDocument, json(await http(adminPort(node), '/api/ring')));
    expect(problems).toEqual([expect.stringMatching(/^127\.0\.0\.1:\d+ is in no ring: it has left$/)]);
  });

  it('looks the longest key up', async () => {
    const node = await TestNode.start();
    const key64 = Buffer.alloc(node.node.settings.keyBytesMax, 0xff).toString('base64');
    const found = await http(adminPort(node), `/api/ring/lookup?key64=${encodeURIComponent(key64)}`);
    expect(v.parse(LookupDocument, json(found)).key64).toBe(key64);
  });

  it('shows the live tree, each process as a whole', async () => {
    const node = await TestNode.start();
    await node.connect();
    await until('the connection is there', async () => (await node.connections()).length === 1);
    const tree = json(await http(adminPort(node), '/api/tree')) as TreeNode;
    const shape = flatten(tree).map(({ path, kind, strategy }) => [path, kind, strategy]);
    const services = 'node-sup/services-sup';
    expect(shape).toEqual([
      ['node-sup', 'supervisor', 'one_for_one'],
      ['node-sup/table-heir', 'worker', undefined],
      [services, 'supervisor', 'one_for_one'],
      [`${services}/kv-store`, 'worker', undefined],
      [`${services}/peer-sup`, 'supervisor', 'simple_one_for_one'],
      [`${services}/ring-sup`, 'supervisor', 'one_for_one'],
      [`${services}/ring-sup/ring-state`, 'worker', undefined],
      [`${services}/ring-sup/failure-detector`, 'worker', undefined],
      [`${services}/ring-sup/stabilizer`, 'worker', undefined],
      [`${services}/ring-sup/finger-fixer`, 'worker', undefined],
      [`${services}/replication-sup`, 'supervisor', 'one_for_one'],
      [`${services}/replication-sup/handoff`, 'worker', undefined],
      [`${services}/replication-sup/replica-syncer`, 'worker', undefined],
      [`${services}/listener-sup`, 'supervisor', 'rest_for_one'],
      [CONNECTION_SUP, 'supervisor', 'simple_one_for_one'],
      [expect.stringMatching(`^${CONNECTION_SUP}/connection-[0-9]+$`), 'worker', undefined],
      [`${services}/listener-sup/acceptor`, 'worker', undefined],
      [`${services}/admin-sup`, 'supervisor', 'one_for_one'],
      [`${services}/admin-sup/admin-http`, 'worker', undefined],
    ]);
    for (const place of flatten(tree)) {
      expect(place).toMatchObject({
        name: place.path.split('/').at(-1),
        module: expect.any(String) as string,
        status: expect.stringMatching(/^(running|waiting|blocked)$/) as string,
        restarts: 0,
        mailbox: expect.any(Number) as number,
        pid: expect.stringMatching(/^<0\.\d+\.0>$/) as string,
      });
    }
  });

  it('kills a process, which comes back with one restart more', async () => {
    const node = await TestNode.start();
    for (const path of ['node-sup/table-heir', 'node-sup/services-sup/kv-store', ADMIN]) {
      const before = await node.pidAt(path);
      const answer = await kill(node, path);
      expect([answer.status, json(answer)]).toEqual([200, { killed: path }]);
      await until('it is back', async () => {
        const place = flatten((await node.tree()) as TreeNode).find((candidate) => candidate.path === path);
        return place !== undefined && place.restarts === 1 && place.pid !== before.toString();
      });
      expect(node.runtime.isAlive(before)).toBe(false);
    }
    await until(
      'it serves',
      async () => (await http(adminPort(node), '/readyz').catch(() => undefined))?.status === 200,
    );
  });

  it.each(['node-sup', 'node-sup/services-sup', 'node-sup/services-sup/admin-sup'])(
    'answers before the kill takes it along: %s',
    async (path) => {
      const node = await TestNode.start();
      expect((await kill(node, path)).status).toBe(200);
      await until(
        'it serves',
        async () => (await http(adminPort(node), '/readyz').catch(() => undefined))?.status === 200,
      );
    },
  );

  it('kills nothing that is not there, or without permission', async () => {
    const node = await TestNode.start({ allowChaos: false });
    expect((await kill(node, ADMIN)).status).toBe(403);
    const other = await TestNode.start();
    expect((await kill(other, 'node-sup/nobody')).status).toBe(404);
    const body = JSON.stringify({ path: ADMIN });
    const forged = await http(adminPort(other), '/api/tree/kill', {
      method: 'POST',
      body,
      headers: { origin: 'http://localhost' },
    });
    expect(forged.status).toBe(403);
  });

  it('refuses what it should', async () => {
    const node = await TestNode.start();
    const port = adminPort(node);
    expect((await http(port, '/nowhere')).status).toBe(404);
    expect((await http(port, '/api/node', { method: 'DELETE' })).status).toBe(405);
    expect((await http(port, '/api/node', { headers: { host: 'evil.example' } })).status).toBe(403);
    expect((await http(port, '/api/tree/kill', { method: 'POST', body: '{"path"' })).status).toBe(400);
    const head = await http(port, '/api/node', { method: 'HEAD' });
    expect([head.status, head.text]).toEqual([200, '']);
  });

  it('refuses a long body, and the client gets to know', async () => {
    const node = await TestNode.start();
    const answer = await http(adminPort(node), '/api/tree/kill', { method: 'POST', body: Buffer.alloc(5_000_000, 97) });
    expect([answer.status, json(answer)]).toEqual([
      413,
      { error: { code: 'too_large', message: 'Cannot read the body: it is too long' } },
    ]);
  });

  it('answers 500 when a route fails, and reports it', async () => {
    const life = {
      get state(): never {
        throw new Error('on purpose');
      },
      startedAtMs: 0,
    };
    const { port, reports } = await adminAlone(life);
    const answer = await http(port, '/readyz');
    expect([answer.status, json(answer)]).toEqual([
      500,
      { error: { code: 'internal', message: 'Cannot answer: an error has been logged' } },
    ]);
    await until('it is reported', () => reports.some(({ type }) => type === 'error'));
    expect((await http(port, '/healthz')).status).toBe(503);
  });

  it('forgets a request whose client goes away, without a report', async () => {
    const node = await TestNode.start();
    const processes = node.runtime.processCount;
    const reportsBefore = node.reports.length;
    const socket = createConnection(adminPort(node), '127.0.0.1');
    socket.write('POST /api/tree/kill HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"path"');
    await until('it is being answered', () => node.runtime.processCount === processes + 1);
    socket.destroy();
    await until('it is forgotten', () => node.runtime.processCount === processes);
    expect(node.reports.slice(reportsBefore)).toEqual([]);
  });

  it('answers nonsense with 400, and lives', async () => {
    const node = await TestNode.start();
    const socket = createConnection(adminPort(node), '127.0.0.1');
    closeLater(() => socket.destroy());
    const answer = new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(chunk.toString())));
    socket.write('nonsense\r\n\r\n');
    expect(await within('the answer', answer)).toMatch(/^HTTP\/1\.1 400 /);
    expect((await http(adminPort(node), '/readyz')).status).toBe(200);
  });

  it('closes the connections that it kept alive when it dies: nobody would answer there', async () => {
    const node = await TestNode.start();
    const socket = createConnection(adminPort(node), '127.0.0.1');
    closeLater(() => socket.destroy());
    const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    const answer = new Promise<void>((resolve) => socket.once('data', () => resolve()));
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await within('the answer', answer);
    await node.killAt(ADMIN);
    await within('the end of the connection', gone, 2000);
  });
});
