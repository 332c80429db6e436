/**
 * The admin server's routes: what an operator can ask a node over HTTP, and what is answered.
 *
 * A route turns a request into a status and a JSON body; sockets, processes and clocks belong to
 * whoever implements {@link NodeView}. The server is on loopback, which is no protection against
 * a web page in the operator's own browser: requests must name this server as their host (DNS
 * rebinding), and one that changes something must not come from a page.
 */
import { isIP } from 'node:net';
import * as v from 'valibot';
import { FINGERS, type FingerTable, fingerTarget } from '../chord/finger-table';
import { keyId } from '../chord/id';
import type { Peer } from '../chord/peer';
import { toBinaryString } from '../octets';
import type { FingerInfo, FingersInfo, LookupInfo } from './answers';
import { lookUp } from './key-lookup';
import type { Check, NodeView } from './node-view';
import { REPLICA_ROUTES } from './replica-routes';
import { isInRing, peerInfo } from './ring-view';
import { walkRing } from './ring-walk';
import {
  type AdminRequest,
  type AdminResponse,
  fromPage,
  keyOf,
  parseJson,
  queryProblem,
  refusal,
  RING_RESTARTING,
  type Route,
} from './route-parts';

const ROUTES: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  '/healthz': { GET: health },
  '/livez': { GET: health },
  '/readyz': { GET: ready },
  '/api/node': { GET: (view) => ({ status: 200, body: view.node() }) },
  '/api/ring': { GET: ring },
  '/api/ring/fingers': { GET: fingers },
  '/api/ring/lookup': { GET: lookup },
  '/api/tree': { GET: tree },
  '/api/tree/kill': { POST: kill },
  ...REPLICA_ROUTES,
};

/** Answers a request. Never throws for anything that a request can contain. */
export async function route(view: NodeView, request: AdminRequest): Promise<AdminResponse> {
  if (!isOwnHost(request.host)) return refusal(403, 'forbidden', 'Cannot answer: the Host header names another host');
  const url = URL.canParse(request.url, BASE) ? new URL(request.url, BASE) : undefined;
  const methods = url && Object.hasOwn(ROUTES, url.pathname) ? ROUTES[url.pathname] : undefined;
  if (url === undefined || methods === undefined) return refusal(404, 'not_found', 'Cannot answer: no such path');
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const handler = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (handler === undefined) {
    return refusal(405, 'method_not_allowed', `Cannot answer: use ${Object.keys(methods).join(' or ')}`);
  }
  const words = QUERY_WORDS[url.pathname];
  const problem = words && queryProblem(url, words);
  if (problem !== undefined) return refusal(400, 'invalid_request', `Cannot answer: ${problem}`);
  return handler(view, request, url);
}

/** What a query may say, where it says anything. Nobody reads those of other paths, and probes may carry whatever they like. */
const QUERY_WORDS: Readonly<Record<string, readonly string[]>> = {
  '/api/ring/lookup': ['key', 'key64'],
  '/api/locate': ['key', 'key64'],
  '/api/keys': ['from', 'limit'],
};

const BASE = 'http://localhost';

function health(view: NodeView): AdminResponse {
  return view.isAlive()
    ? { status: 200, body: { status: 'ok' } }
    : { status: 503, body: { status: 'failed', reason: 'the supervision tree is down' } };
}

function ready(view: NodeView, _request: AdminRequest, url: URL): AdminResponse {
  const checks = view.readyChecks();
  const failed = checks.filter((check) => !check.ok);
  const status = failed.length === 0 ? 200 : 503;
  if (url.searchParams.has('verbose')) return { status, body: checks.map(checkLine).join('') };
  const reason = failed.map(({ name, reason: why }) => `${name}: ${why ?? 'failed'}`).join('; ');
  return { status, body: status === 200 ? { status: 'ready' } : { status: 'not_ready', reason } };
}

const checkLine = ({ name, ok, reason }: Check) => (ok ? `[+]${name} ok\n` : `[-]${name} failed: ${reason ?? ''}\n`);

async function ring(view: NodeView): Promise<AdminResponse> {
  const walked = await walkRing(view.ring);
  return walked ? { status: 200, body: walked } : RING_RESTARTING;
}

function fingers({ ring: view }: NodeView): AdminResponse {
  const self = view.describeSelf()?.self;
  const known = view.fingers();
  if (self === undefined || known === undefined) return RING_RESTARTING;
  const body: FingersInfo = {
    ...peerInfo(self),
    fingers: fingerRows(self, known.fingers),
    members: known.members.map(peerInfo),
  };
  return { status: 200, body };
}

/** The fingers, a row for each peer. Those that nobody else stands behind are the node itself. */
function fingerRows(self: Peer, table: FingerTable): readonly FingerInfo[] {
  const rows: FingerInfo[] = [];
  for (let first = 0; first < FINGERS; first = (rows.at(-1)?.last ?? first) + 1) {
    const peer = table.finger(first) ?? self;
    const last = Math.min(table.after(first), FINGERS) - 1;
    rows.push({ first, last, target: fingerTarget(self.id, first), peer: peerInfo(peer) });
  }
  return rows;
}

/** A key comes as text, or as bytes in base 64. */
async function lookup({ ring: view }: NodeView, _request: AdminRequest, url: URL): Promise<AdminResponse> {
  const key = keyOf(url.searchParams);
  if (key === undefined) {
    return refusal(400, 'invalid_request', 'Cannot look up: say which key, as ?key=TEXT or ?key64=BASE64');
  }
  const self = view.describeSelf();
  if (self === undefined) return RING_RESTARTING;
  if (!isInRing(self)) return refusal(503, 'no_route', 'Cannot look up: this node is in no ring');
  const id = keyId(toBinaryString(key));
  const found = await lookUp(view, self, id);
  if (!found.ok) return refusal(503, found.error, `Cannot look up: ${LOOKUP_WORDS[found.error]}`);
  const body: LookupInfo = { key64: key.toString('base64'), keyId: id, ...found.value };
  return { status: 200, body };
}

const LOOKUP_WORDS = {
  no_route: 'no node that answers knows the way to the key',
  too_many_hops: 'the way to the key is longer than any ring that is well could have',
} as const;

async function tree(view: NodeView): Promise<AdminResponse> {
  const root = await view.tree();
  return root ? { status: 200, body: root } : refusal(503, 'unavailable', 'Cannot show the tree: it is restarting');
}

const KillRequest = v.object({ path: v.pipe(v.string(), v.minLength(1), v.maxLength(1000)) });

async function kill(view: NodeView, request: AdminRequest): Promise<AdminResponse> {
  if (!view.allowChaos) return refusal(403, 'forbidden', 'Cannot kill: the node runs without --allow-chaos');
  if (request.origin !== undefined) return fromPage('kill');
  const wanted = v.safeParse(KillRequest, parseJson(request.body));
  if (!wanted.success) return refusal(400, 'invalid_request', 'Cannot kill: the body must be {"path": "..."}');
  const { path } = wanted.output;
  if (await view.kill(path)) return { status: 200, body: { killed: path } };
  return refusal(404, 'not_found', `Cannot kill "${path}": no process runs there`);
}

/** Loopback by number or by its one name: anything else was resolved by somebody else's server. */
function isOwnHost(host: string | undefined): boolean {
  if (host === undefined || !URL.canParse(`http://${host}`)) return false;
  const { hostname } = new URL(`http://${host}`);
  return hostname === 'localhost' || hostname === '[::1]' || (isIP(hostname) === 4 && hostname.startsWith('127.'));
}
