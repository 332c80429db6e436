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
import type { TreeNode } from '../otp/tree';
import type { ArcInfo, FingerInfo, FingersInfo, LookupInfo, NodeState, PeerInfo } from './answers';
import { lookUp } from './key-lookup';
import { isInRing, peerInfo, type RingView } from './ring-view';
import { walkRing } from './ring-walk';

/** One thing that must hold for a node to be ready. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly reason?: string;
}

/** The answer to `GET /api/node`. */
export interface NodeInfo {
  readonly nodeId: number;
  readonly id: string;
  readonly addr: string;
  readonly state: NodeState;
  readonly ring: RingPlace;
  readonly keys: {
    readonly primary: number;
    readonly replica: number;
    readonly tombstones: number;
    readonly bytes: number;
  };
  /** What it has said to other nodes since it was started: questions, answers and tales. */
  readonly rpc: { readonly messagesSent: number; readonly bytesSent: number };
  readonly uptimeMs: number;
  readonly version: string;
}

/** Where a node stands in the ring. */
export interface RingPlace {
  readonly predecessor: PeerInfo | null;
  readonly successor: PeerInfo | null;
  readonly successorList: readonly PeerInfo[];
  /** The distinct ones, nearest first. */
  readonly fingers: readonly PeerInfo[];
  /** What it owns; null while that is nothing. */
  readonly arc: ArcInfo | null;
  /** Under which number it owns that: every change of hands raises it. */
  readonly epoch: number | null;
  /** How many nodes it believes there are; null while it cannot tell. */
  readonly size: number | null;
  /** Whether so many nodes follow it that the ring holds when all but one of its list fail at once. */
  readonly safe: boolean;
}

/** What the routes need of a node. */
export interface NodeView {
  readonly allowChaos: boolean;
  isAlive(): boolean;
  readyChecks(): readonly Check[];
  node(): NodeInfo;
  readonly ring: RingView;
  /** Undefined while there is no tree. */
  tree(): Promise<TreeNode | undefined>;
  /** Kills the process at a path as `exit(Pid, kill)` would; false when there is none. */
  kill(path: string): Promise<boolean>;
}

/** One request, read to its end. `host` and `origin` decide whether it may be answered at all. */
export interface AdminRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** The headers that matter. */
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly body: string;
}

/** What goes back. The body of a refusal is `{ error: { code, message } }`. */
export interface AdminResponse {
  readonly status: number;
  /** Sent as JSON, a string as plain text. */
  readonly body: unknown;
}

type Route = (view: NodeView, request: AdminRequest, url: URL) => AdminResponse | Promise<AdminResponse>;

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
  return handler(view, request, url);
}

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

const RING_RESTARTING = refusal(503, 'unavailable', 'Cannot show the ring: its actors are restarting');

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

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

function keyOf(query: URLSearchParams): Buffer | undefined {
  const [text, base64] = [query.get('key'), query.get('key64')];
  if (text !== null) return base64 === null ? Buffer.from(text, 'utf8') : undefined;
  return base64 !== null && BASE64.test(base64) ? Buffer.from(base64, 'base64') : undefined;
}

async function tree(view: NodeView): Promise<AdminResponse> {
  const root = await view.tree();
  return root ? { status: 200, body: root } : refusal(503, 'unavailable', 'Cannot show the tree: it is restarting');
}

const KillRequest = v.object({ path: v.pipe(v.string(), v.minLength(1), v.maxLength(1000)) });

async function kill(view: NodeView, request: AdminRequest): Promise<AdminResponse> {
  if (!view.allowChaos) return refusal(403, 'forbidden', 'Cannot kill: the node runs without --allow-chaos');
  if (request.origin !== undefined) return refusal(403, 'forbidden', 'Cannot kill: the request comes from a web page');
  const wanted = v.safeParse(KillRequest, parseJson(request.body));
  if (!wanted.success) return refusal(400, 'invalid_request', 'Cannot kill: the body must be {"path": "..."}');
  const { path } = wanted.output;
  if (await view.kill(path)) return { status: 200, body: { killed: path } };
  return refusal(404, 'not_found', `Cannot kill "${path}": no process runs there`);
}

function refusal(status: number, code: string, message: string): AdminResponse {
  return { status, body: { error: { code, message } } };
}

/** Loopback by number or by its one name: anything else was resolved by somebody else's server. */
function isOwnHost(host: string | undefined): boolean {
  if (host === undefined || !URL.canParse(`http://${host}`)) return false;
  const { hostname } = new URL(`http://${host}`);
  return hostname === 'localhost' || hostname === '[::1]' || (isIP(hostname) === 4 && hostname.startsWith('127.'));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
