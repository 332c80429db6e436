/** The admin routes as a table of requests and answers. */
import { type AdminRequest, type Check, type NodeView, route } from '../../src/admin/routes';
import type { TreeNode } from '../../src/otp';

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
      state: 'active',
      ring: { predecessor: null, successor: null, successorList: [], fingers: [] },
      keys: { primary: 0, replica: 0, tombstones: 0, bytes: 0 },
      uptimeMs: 1,
      version: '0',
    }),
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
