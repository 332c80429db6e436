/** The admin routes as a table of requests and answers. */
import type { Check, NodeView } from '../../src/admin/node-view';
import type { AdminRequest } from '../../src/admin/route-parts';
import { route } from '../../src/admin/routes';
import { FingersDocument, LookupDocument, RingDocument } from '../../src/admin/answers';
import { FINGERS, fingerTarget } from '../../src/chord/finger-table';
import { keyId } from '../../src/chord/id';
import { fromUtf8, toBinaryString } from '../../src/octets';
import type { TreeNode } from '../../src/otp';
import { repairsInfo, stopVerdict } from '../../src/admin/views-report';
import { ShownReplicas } from '../support/shown-replicas';
import { ShownRing } from '../support/shown-ring';
import * as v from 'valibot';

const TREE: TreeNode = {
  name: 'node-sup',
  path: 'node-sup',
  kind: 'supervisor',
  module: 'node-sup',
  strategy: 'one_for_one',
  status: 'waiting',
  restarts: 0,
  mailbox: 0,
  pid: '<0.1.0>',
  children: [],
};

const WELL: readonly Check[] = [
  { name: 'state', ok: true },
  { name: 'store', ok: true, reason: 'not shown' },
];

function viewWith(differences: Partial<NodeView> = {}): NodeView {
  return {
    allowChaos: true,
    isAlive: () => true,
    readyChecks: () => WELL,
    node: () => ({
      nodeId: 1,
      id: 'id',
      addr: '127.0.0.1:8001',
      inc: '1',
      state: 'active',
      ring: {
        predecessor: null,
        successor: null,
        successorList: [],
        fingers: [],
        arcs: [],
        size: null,
        safe: false,
      },
      keys: { primary: 0, replica: 0, surplus: 0, tombstones: 0, bytes: 0 },
      views: { led: 0, member: 0, learner: 0, newcomers: 0, unsettled: 0 },
      copies: null,
      degraded: false,
      repairs: repairsInfo(undefined, 0),
      safeToStop: stopVerdict(undefined, () => true),
      clock: { offsetMs: null, driftMs: null },
      rpc: { messagesSent: 0, bytesSent: 0 },
      uptimeMs: 1,
      version: '0',
    }),
    ring: new ShownRing(3).viewFrom(0),
    replicas: new ShownReplicas(undefined),
    tree: async () => TREE,
    kill: async (path) => path === 'node-sup',
    ...differences,
  };
}

const ask = (url: string, request: Partial<AdminRequest> = {}, view: Partial<NodeView> = {}) =>
  route(viewWith(view), { method: 'GET', url, host: 'localhost:18001', origin: undefined, body: '', ...request });

const kill = (body: string, request: Partial<AdminRequest> = {}, view: Partial<NodeView> = {}) =>
  ask('/api/tree/kill', { method: 'POST', body, ...request }, view);

const codeOf = (answer: { readonly status: number; readonly body: unknown }) => [
  answer.status,
  (answer.body as { readonly error?: { readonly code: string } }).error?.code,
];

describe('route()', () => {
  it.each([
    ['/healthz', 200],
    ['/livez', 200],
    ['/readyz', 200],
    ['/readyz?verbose', 200],
    ['/api/node', 200],
    ['/api/node?x=1#y', 200],
    ['/api/tree', 200],
    ['/api/ring', 200],
    ['/api/ring/fingers', 200],
    ['/api/ring/lookup?key=k', 200],
    ['/api/ring/lookup', 400],
    ['/api/tree/', 404],
    ['/nowhere', 404],
    ['//', 404],
    ['http://[', 404],
    ['/constructor', 404],
    ['/api/../healthz', 200],
  ])('answers GET %s with %d', async (url, status) => {
    expect((await ask(url)).status).toBe(status);
  });

  it('answers HEAD as GET, and says which method is meant instead of another', async () => {
    expect(await ask('/healthz', { method: 'HEAD' })).toEqual(await ask('/healthz'));
    for (const method of ['POST', 'DELETE', 'constructor', 'get']) {
      const answer = await ask('/healthz', { method });
      expect(codeOf(answer)).toEqual([405, 'method_not_allowed']);
      expect(JSON.stringify(answer.body)).toMatch(/use GET/);
    }
    expect((await ask('/api/tree/kill')).status).toBe(405);
  });

  it.each([
    ['localhost', 200],
    ['localhost:1', 200],
    ['127.0.0.1:18001', 200],
    ['127.8.9.1', 200],
    ['[::1]:18001', 200],
    ['LOCALHOST', 200],
    ['evil.example', 403],
    ['127.0.0.1.evil.example', 403],
    ['localhost.evil.example', 403],
    ['10.0.0.1', 403],
    ['', 403],
    ['a b', 403],
    [undefined, 403],
  ])('answers a request for host %s with %d', async (host, status) => {
    expect((await ask('/healthz', { host })).status).toBe(status);
  });

  it('tells which checks fail, and why', async () => {
    const readyChecks = () => [...WELL, { name: 'ring', ok: false, reason: 'no successor' }, { name: 'x', ok: false }];
    const view = { readyChecks };
    expect(await ask('/readyz', {}, view)).toEqual({
      status: 503,
      body: { status: 'not_ready', reason: 'ring: no successor; x: failed' },
    });
    expect(await ask('/readyz?verbose', {}, view)).toEqual({
      status: 503,
      body: '[+]state ok\n[+]store ok\n[-]ring failed: no successor\n[-]x failed: \n',
    });
    expect((await ask('/healthz', {}, { isAlive: () => false })).status).toBe(503);
    expect(codeOf(await ask('/api/tree', {}, { tree: async () => undefined }))).toEqual([503, 'unavailable']);
  });

  it('kills what runs, and only with permission, from no web page, and when asked in order', async () => {
    expect(await kill('{"path":"node-sup"}')).toEqual({ status: 200, body: { killed: 'node-sup' } });
    expect(codeOf(await kill('{"path":"nobody"}'))).toEqual([404, 'not_found']);
    expect(codeOf(await kill('{"path":"node-sup"}', {}, { allowChaos: false }))).toEqual([403, 'forbidden']);
    for (const origin of ['http://evil.example', 'http://localhost:18001', 'null', '']) {
      expect(codeOf(await kill('{"path":"node-sup"}', { origin }))).toEqual([403, 'forbidden']);
    }
    const long = JSON.stringify({ path: 'x'.repeat(1001) });
    for (const body of ['', '{', 'null', '[]', '"node-sup"', '{}', '{"path":1}', '{"path":""}', long]) {
      expect(codeOf(await kill(body))).toEqual([400, 'invalid_request']);
    }
  });
});

describe('the ring', () => {
  const ring = new ShownRing(16);
  const restarting = { ...ring.viewFrom(0), describeSelf: () => undefined };

  it('is walked', async () => {
    const { body } = await ask('/api/ring', {}, { ring: ring.viewFrom(3) });
    const walked = v.parse(RingDocument, body);
    expect(walked).toEqual(body);
    expect(walked.nodes.map(({ addr }) => addr)).toEqual(ring.peers.map((_peer, place) => ring.at(3 + place).addr));
    expect(walked.consistent).toBe(true);
  });

  it('has a row for every run of fingers that are the same, from 0 to 159', async () => {
    const { body } = await ask('/api/ring/fingers', {}, { ring: ring.viewFrom(3) });
    const { id, addr, fingers, members } = v.parse(FingersDocument, body);
    expect({ id, addr }).toEqual({ id: ring.at(3).id, addr: ring.at(3).addr });
    expect(members).toHaveLength(16);
    const all = fingers.flatMap(({ first, last, peer }) => Array.from({ length: last - first + 1 }, () => peer.id));
    const right = Array.from(
      { length: FINGERS },
      (_none, index) => ring.ownerOf(fingerTarget(ring.at(3).id, index)).id,
    );
    expect(all).toEqual(right);
    expect(fingers.map(({ target }) => target)).toEqual(fingers.map(({ first }) => fingerTarget(ring.at(3).id, first)));
    expect(fingers.length).toBeLessThan(10);
  });

  it('looks a key up, given as text or in base 64', async () => {
    const bytes = Buffer.from([0xff, 0x00, 0x2b]);
    for (const [query, key] of [
      ['key=user%3Aalice', 'user:alice'],
      ['key=Zo%C3%AB', 'Zo\u00eb'],
      ['key=', ''],
      [`key64=${encodeURIComponent(bytes.toString('base64'))}`, bytes],
    ] as const) {
      const { body } = await ask(`/api/ring/lookup?${query}`, {}, { ring: ring.viewFrom(5) });
      const found = v.parse(LookupDocument, body);
      const id = keyId(typeof key === 'string' ? fromUtf8(key) : toBinaryString(key));
      expect(found).toMatchObject({ key64: Buffer.from(key).toString('base64'), keyId: id, confirmed: true });
      expect(found.owner.addr).toBe(ring.ownerOf(id).addr);
    }
  });

  it('refuses a lookup of no key, of two, and of one that is not base 64', async () => {
    for (const query of ['', 'key=a&key64=YQ==', 'key64=%21', 'kez=a']) {
      expect(codeOf(await ask(`/api/ring/lookup?${query}`))).toEqual([400, 'invalid_request']);
    }
  });

  it.each([
    ['/api/keys?form=aa', 'there is no "form" to say here; did you mean "from"?'],
    ['/api/keys?limit=1&limit=2', '"limit" is said twice'],
    ['/api/locate?key=a&verbose', 'there is no "verbose" to say here'],
    ['/api/ring/lookup?key=%ff%fe', 'the query is not UTF-8 in percent encoding'],
    ['/api/locate?key=%zz', 'the query is not UTF-8 in percent encoding'],
  ])('refuses %s', async (path, why) => {
    const refused = await ask(path);
    expect(codeOf(refused)).toEqual([400, 'invalid_request']);
    expect(refused.body).toMatchObject({ error: { message: `Cannot answer: ${why}` } });
  });

  it('takes a key with any sign in it', async () => {
    const { body } = await ask('/api/ring/lookup?key=%EF%BF%BD', {}, { ring: ring.viewFrom(5) });
    expect(v.parse(LookupDocument, body).key64).toBe(Buffer.from('\u{fffd}').toString('base64'));
  });

  it('says of a lookup that this node is in no ring', async () => {
    const ring = new ShownRing(1);
    ring.bend(0, { state: 'leaving', predecessor: null, successors: [], arcs: [] });
    const refused = await ask('/api/ring/lookup?key=a', {}, { ring: ring.viewFrom(0) });
    expect(codeOf(refused)).toEqual([503, 'no_route']);
    expect(refused.body).toMatchObject({ error: { message: 'Cannot look up: this node is in no ring' } });
  });

  it('says that no way leads to a key', async () => {
    const lost = { ...ring.viewFrom(0), findNext: async () => undefined };
    const answers = await Promise.all(
      ['a', 'b', 'c', 'd'].map((key) => ask(`/api/ring/lookup?key=${key}`, {}, { ring: lost })),
    );
    expect(answers.map(codeOf)).toContainEqual([503, 'no_route']);
  });

  it.each(['/api/ring', '/api/ring/fingers', '/api/ring/lookup?key=a'])(
    'is unavailable during a restart: %s',
    async (url) => {
      expect(codeOf(await ask(url, {}, { ring: restarting }))).toEqual([503, 'unavailable']);
    },
  );
});
