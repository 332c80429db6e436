/** What the admin server says about views and copies: documents that their readers take, and refusals. */
import * as v from 'valibot';
import type { NodeView } from '../../src/admin/node-view';
import {
  DamageDocument,
  KeysDocument,
  LocateDocument,
  RepairDocument,
  StopDocument,
  ViewsDocument,
} from '../../src/admin/replica-answers';
import type { AdminRequest } from '../../src/admin/route-parts';
import { route } from '../../src/admin/routes';
import { keyId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import { fromUtf8, toBinaryString } from '../../src/octets';
import { versionOf, Writers } from '../../src/replication/version';
import type { View } from '../../src/replication/view';
import { Record } from '../../src/store/record';
import { arcOf, leadOf, peersOf, pieceOf, ShownReplicas, viewOf, viewsOf } from '../support/shown-replicas';
import { ShownRing } from '../support/shown-ring';

const [A, B, C] = peersOf(3) as [Peer, Peer, Peer];
const CIRCLE = arcOf('0', '0');
const ring = new ShownRing(3);
const writer = new Writers().intern('12345678' as never);

/** A record of a key; with the value null, a tombstone. */
function recordOf(key: string, ms = 1, value: string | null = 'v'): Record {
  const octets = fromUtf8(key);
  const stored = value === null ? undefined : fromUtf8(value);
  return new Record(keyId(octets), octets, versionOf(ms, 0, writer), stored, undefined, false);
}

function ask(
  replicas: ShownReplicas,
  url: string,
  request: Partial<AdminRequest> = {},
  differences: Partial<NodeView> = {},
) {
  const view: NodeView = {
    allowChaos: true,
    isAlive: () => true,
    readyChecks: () => [],
    node: () => {
      throw new Error('Nobody asks for the node alone');
    },
    ring: ring.viewFrom(0),
    replicas,
    tree: async () => undefined,
    kill: async () => false,
    ...differences,
  };
  return route(view, { method: 'GET', url, host: 'localhost', origin: undefined, body: '', ...request });
}

const codeOf = (answer: { readonly status: number; readonly body: unknown }) => [
  answer.status,
  (answer.body as { readonly error?: { readonly code: string } }).error?.code,
];

const heldBy = (view: View, role: 'voter' | 'learner' = 'voter', self = A) =>
  new ShownReplicas(viewsOf(self, [pieceOf(view, role)], { leads: [leadOf(view)] }));

describe('/api/views', () => {
  it('tells every piece that is known, in the order of their ends', async () => {
    const led = viewOf(arcOf('4', '8'), [A, B], { epoch: { n: 7, by: 2n ** 64n - 1n }, voters: [A.id] });
    const followed = viewOf(arcOf('8', '4'), [B, A, C]);
    const newcomer = { peer: C, arc: led.arc, epoch: led.epoch, state: 'fetching' as const };
    const replicas = new ShownReplicas(
      viewsOf(A, [pieceOf(led, 'voter'), pieceOf(followed, 'learner', { promised: { n: 2, by: 0n } })], {
        newcomers: [{ ...newcomer, seenAtMs: 0, dueAtMs: 0, failures: 0, request: undefined }],
      }),
    );
    const { status, body } = await ask(replicas, '/api/views');
    expect(status).toBe(200);
    expect(v.parse(ViewsDocument, body)).toEqual(body);
    expect(body).toMatchObject({
      id: A.id,
      addr: A.addr,
      inc: '1',
      replicas: 3,
      views: [
        {
          arc: followed.arc,
          primary: { addr: B.addr },
          role: 'learner',
          sealed: true,
          settled: null,
          newcomers: [],
          members: [B, A, C].map(({ id, addr, inc }) => ({ id, addr, inc: String(inc) })),
        },
        {
          arc: led.arc,
          epoch: { n: 7, by: '18446744073709551615' },
          primary: { id: A.id, addr: A.addr },
          voters: [A.id],
          role: 'voter',
          sealed: false,
          settled: false,
          newcomers: [{ id: C.id, addr: C.addr, state: 'fetching' }],
        },
      ],
    });
  });

  it('says that a view is settled', async () => {
    const { body } = await ask(heldBy(viewOf(CIRCLE, [A, B])), '/api/views');
    expect(body).toMatchObject({ views: [{ settled: true, sealed: false }] });
  });
});

describe('/api/keys', () => {
  const replicas = heldBy(viewOf(CIRCLE, [A, B, C]));
  const keys = Array.from({ length: 25 }, (_none, index) => `key-${index}`);
  for (const key of keys) replicas.kept.merge(recordOf(key));
  replicas.kept.merge(recordOf('key-3', 258, null));

  it('lists all keys in the order of their identifiers, page by page, each once', async () => {
    const ids = keys.map((key) => keyId(fromUtf8(key))).sort();
    for (const limit of [1, 7, 24, 25, 26]) {
      const found: string[] = [];
      let next: string | null = '';
      while (next !== null) {
        const { status, body } = await ask(replicas, `/api/keys?limit=${limit}${next && `&from=${next}`}`);
        expect(status).toBe(200);
        const page = v.parse(KeysDocument, body);
        expect(page.keys.length).toBeLessThanOrEqual(limit);
        found.push(...page.keys.map(({ id }) => id));
        ({ next } = page);
      }
      expect(found).toEqual(ids);
    }
  });

  it('tells version, kind, size and role of each', async () => {
    const { body } = await ask(replicas, '/api/keys');
    const listed = v.parse(KeysDocument, body).keys;
    const hex = (ms: string) => `${ms}0000${Buffer.from('12345678').toString('hex')}`;
    const some = { kind: 'value', role: 'primary', ms: 1, version: hex('000000000001') };
    expect(listed.find(({ key }) => key === 'key-1')).toEqual({
      ...some,
      key: 'key-1',
      id: keyId(fromUtf8('key-1')),
      bytes: 6,
    });
    expect(listed.find(({ key }) => key === 'key-3')).toMatchObject({
      kind: 'tombstone',
      version: hex('000000000102'),
      ms: 258,
      bytes: 5,
    });
  });

  it('tells keys that are no text in base 64, and whose copies they are', async () => {
    const other = heldBy(viewOf(arcOf('0', '8'), [B, A]), 'voter');
    for (const key of ['key-1', 'key-2', 'key-3', 'key-4']) other.kept.merge(recordOf(key));
    const bytes = toBinaryString(Buffer.from([0xff]));
    other.kept.merge(new Record(keyId(bytes), bytes, versionOf(1, 0, writer), bytes, undefined, false));
    const { keys: listed } = v.parse(KeysDocument, (await ask(other, '/api/keys')).body);
    for (const { id, role } of listed) expect(role).toBe(id < '8' ? 'replica' : 'surplus');
    expect(listed.map(({ key }) => key)).toContainEqual({ base64: '/w==' });
  });

  it.each([
    'limit=0',
    'limit=1001',
    'limit=x',
    'limit=',
    'limit=1.5',
    'from=',
    'from=a',
    `from=${'A'.repeat(40)}`,
    `from=${'g'.repeat(40)}`,
  ])('refuses %s', async (query) => {
    expect(codeOf(await ask(replicas, `/api/keys?${query}`))).toEqual([400, 'invalid_request']);
  });
});

describe('/api/locate', () => {
  const view = viewOf(CIRCLE, [A, B, C], { voters: [A.id, B.id] });

  /** Members that have these copies of a key; A is the one that is asked. */
  function membersWith(copies: { readonly [addr: string]: Record | undefined }, known: View = view): ShownReplicas {
    const replicas = heldBy(known);
    const own = copies[A.addr];
    if (own !== undefined) replicas.kept.merge(own);
    replicas.answer = (peer, question) => {
      if (question.type === 'view_get') return { type: 'views', views: [view] };
      if (!(peer.addr in copies)) return undefined;
      const record = copies[peer.addr];
      return { type: 'replica', isVoter: true, version: record?.version, record };
    };
    return replicas;
  }

  const where = async (replicas: ShownReplicas, query = 'key=k') =>
    v.parse(LocateDocument, (await ask(replicas, `/api/locate?${query}`)).body);

  it('asks every member for its copy, and says that they agree', async () => {
    const record = recordOf('k', 5);
    const found = await where(membersWith({ [A.addr]: record, [B.addr]: record, [C.addr]: record }));
    expect(found).toMatchObject({ key64: 'aw==', keyId: keyId(fromUtf8('k')), arc: CIRCLE, agreed: true });
    expect(found.copies.map(({ addr, role, state, kind, bytes }) => [addr, role, state, kind, bytes])).toEqual([
      [A.addr, 'primary', 'answered', 'value', 2],
      [B.addr, 'voter', 'answered', 'value', 2],
      [C.addr, 'learner', 'answered', 'value', 2],
    ]);
    expect(new Set(found.copies.map(({ version }) => version?.ms))).toEqual(new Set([5]));
  });

  it.each<[string, { readonly [addr: string]: Record | undefined }, readonly string[]]>([
    [
      'one is older',
      { [A.addr]: recordOf('k', 2), [B.addr]: recordOf('k', 1), [C.addr]: recordOf('k', 2) },
      ['value', 'value', 'value'],
    ],
    [
      'one has nothing',
      { [A.addr]: recordOf('k'), [B.addr]: undefined, [C.addr]: recordOf('k') },
      ['value', 'absent', 'value'],
    ],
    ['one does not answer', { [A.addr]: recordOf('k'), [B.addr]: recordOf('k') }, ['value', 'value', 'silent']],
  ])('says that they do not agree where %s', async (_what, copies, right) => {
    const found = await where(membersWith(copies));
    expect(found.copies.map(({ kind, state }) => kind ?? state)).toEqual(right);
    expect(found.agreed).toBe(false);
  });

  it('says that they agree that there is nothing, or that it was deleted', async () => {
    const nothing = { [A.addr]: undefined, [B.addr]: undefined, [C.addr]: undefined };
    expect(await where(membersWith(nothing))).toMatchObject({ agreed: true, copies: [{ kind: 'absent' }, {}, {}] });
    const dead = recordOf('k', 9, null);
    const found = await where(membersWith({ [A.addr]: dead, [B.addr]: dead, [C.addr]: dead }));
    expect(found).toMatchObject({ agreed: true, copies: [{ kind: 'tombstone' }, {}, {}] });
  });

  it('goes by the newest view that anybody named knows', async () => {
    const old = viewOf(CIRCLE, [A, C]);
    const newer = viewOf(CIRCLE, [B, C], { epoch: { n: 2, by: 0n } });
    const newest = viewOf(CIRCLE, [C, B], { epoch: { n: 3, by: 0n } });
    const replicas = membersWith({}, old);
    replicas.answer = (peer, { type }) => {
      if (type === 'get_replica') return { type: 'stale' };
      return { type: 'views', views: peer.id === B.id ? [newest] : [newer] };
    };
    const found = await where(replicas);
    expect(found.epoch.n).toBe(3);
    expect(found.copies).toMatchObject([
      { addr: C.addr, state: 'stale' },
      { addr: B.addr, state: 'stale' },
    ]);
    expect(found.agreed).toBe(false);
  });

  it('says that nobody knows, and refuses what is no key', async () => {
    expect(codeOf(await ask(new ShownReplicas(viewsOf(A, [])), '/api/locate?key=k'))).toEqual([503, 'no_route']);
    for (const query of ['', 'key=a&key64=YQ==', 'key64=%21']) {
      expect(codeOf(await ask(heldBy(view), `/api/locate?${query}`))).toEqual([400, 'invalid_request']);
    }
  });
});

describe('/api/repair', () => {
  const replicas = heldBy(viewOf(CIRCLE, [A, B]));
  const repair = (shown: ShownReplicas, request: Partial<AdminRequest> = {}) =>
    ask(shown, '/api/repair', { method: 'POST', ...request });

  it('answers what it has come to', async () => {
    const { status, body } = await repair(replicas);
    expect(status).toBe(200);
    expect(v.parse(RepairDocument, body)).toEqual({ compared: 2, differences: 3, repaired: 3, failed: 0, tookMs: 0 });
  });

  it('says that it takes too long, and does nothing for a web page', async () => {
    const slow = heldBy(viewOf(CIRCLE, [A, B]));
    slow.repair = async () => undefined;
    expect(codeOf(await repair(slow))).toEqual([503, 'unavailable']);
    expect(codeOf(await repair(replicas, { origin: 'http://localhost' }))).toEqual([403, 'forbidden']);
    expect(codeOf(await ask(replicas, '/api/repair'))).toEqual([405, 'method_not_allowed']);
  });
});

describe('/api/safe-to-stop', () => {
  const three = viewOf(CIRCLE, [A, B, C]);

  it('says yes where the others have everything, answer, and can decide', async () => {
    const replicas = heldBy(three);
    replicas.answer = () => ({ type: 'views', views: [three] });
    const { status, body } = await ask(replicas, '/api/safe-to-stop');
    expect([status, v.parse(StopDocument, body)]).toEqual([200, { safe: true, reason: null }]);
  });

  it('does not count on a member that has just died, or come back without knowing the view', async () => {
    const replicas = heldBy(three);
    for (const said of [undefined, { type: 'views' as const, views: [] }]) {
      replicas.answer = (peer) => (peer === B ? said : { type: 'views', views: [three] });
      const { status, body } = await ask(replicas, '/api/safe-to-stop');
      expect(status).toBe(503);
      expect(v.parse(StopDocument, body).reason).toContain(`${B.addr}, which keeps an arc too, does not answer`);
    }
  });

  it.each<[string, ShownReplicas]>([
    ['restarted', new ShownReplicas(undefined)],
    ['in no ring', new ShownReplicas({ ...viewsOf(A, []), ring: { ...viewsOf(A, []).ring, isMember: false } })],
    ['alone', heldBy(viewOf(CIRCLE, [A]))],
    ['being changed', new ShownReplicas(viewsOf(A, [pieceOf(three, 'voter', { promised: { n: 2, by: 0n } })]))],
    [`${C.addr} of an arc has yet to fetch`, heldBy({ ...three, voters: [A.id, B.id] })],
    ['kept on 2 nodes only, and needs all of them', heldBy(viewOf(CIRCLE, [A, B]))],
  ])('says no, and why: %s', async (why, replicas) => {
    const { status, body } = await ask(replicas, '/api/safe-to-stop');
    expect(status).toBe(503);
    const { safe, reason } = v.parse(StopDocument, body);
    expect(safe).toBe(false);
    expect(reason).toContain(why);
  });
});

describe('/api/keys/damage', () => {
  const damage = (replicas: ShownReplicas, body: string, differences: Partial<NodeView> = {}) =>
    ask(replicas, '/api/keys/damage', { method: 'POST', body }, differences);

  it.each([0, 0.25, 0.5, 1])('drops a share of %d of the copies that others lead, and nothing else', async (share) => {
    const replicas = new ShownReplicas(
      viewsOf(A, [
        pieceOf(viewOf(arcOf('0', '8'), [B, A]), 'voter'),
        pieceOf(viewOf(arcOf('8', '0'), [A, B]), 'voter'),
      ]),
    );
    for (let index = 0; index < 2000; index += 1) replicas.kept.merge(recordOf(`key-${index}`));
    const others = replicas.kept.digest(arcOf('0', '8')).count;
    const { body } = await damage(replicas, JSON.stringify({ share }));
    const { dropped, replicas: all } = v.parse(DamageDocument, body);
    expect({ dropped, all }).toEqual({ dropped: Math.floor(others * share), all: others });
    expect(replicas.kept.digest(arcOf('0', '8')).count).toBe(others - dropped);
    expect(replicas.kept.digest(arcOf('8', '0')).count).toBe(2000 - others);
  });

  it('needs permission, no web page, and a share', async () => {
    const replicas = heldBy(viewOf(CIRCLE, [B, A]));
    expect(codeOf(await damage(replicas, '{"share":1}', { allowChaos: false }))).toEqual([403, 'forbidden']);
    const fromPage = await ask(replicas, '/api/keys/damage', { method: 'POST', body: '{"share":1}', origin: 'null' });
    expect(codeOf(fromPage)).toEqual([403, 'forbidden']);
    for (const body of ['', '{}', '{"share":2}', '{"share":-1}', '{"share":"1"}']) {
      expect(codeOf(await damage(replicas, body))).toEqual([400, 'invalid_request']);
    }
  });
});

test('all of them are unavailable during a restart', async () => {
  const restarting = new ShownReplicas(undefined);
  for (const url of ['/api/views', '/api/keys'])
    expect(codeOf(await ask(restarting, url))).toEqual([503, 'unavailable']);
  const damaged = await ask(restarting, '/api/keys/damage', { method: 'POST', body: '{"share":1}' });
  expect(codeOf(damaged)).toEqual([503, 'unavailable']);
});
