/**
 * Admin HTTP: the node's window for operators, on loopback only.
 *
 * Each request is answered by a process of its own, so that one that waits or fails holds nobody
 * up. What is answered is decided in src/admin/routes.ts; here is where its questions about the
 * node are put to the tree. A crash costs the requests under way. Started by
 * supervisors/admin-sup.ts.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { NodeState } from '../src/admin/answers';
import type { Check, NodeInfo, NodeView, ReplicaView } from '../src/admin/node-view';
import type { AdminResponse } from '../src/admin/route-parts';
import { route } from '../src/admin/routes';
import { ownState, whyNoQuorum } from '../src/admin/views-report';
import type { RingView } from '../src/admin/ring-view';
import type { NodeId } from '../src/chord/id';
import { formatAddress } from '../src/client/address';
import type { NodeSettings } from '../src/config';
import {
  cannotStart,
  findInTree,
  type GenServer,
  genServer,
  nameOf,
  noReply,
  type Runtime,
  type Self,
  started,
  type TreeNode,
  treeOf,
} from '../src/otp';
import { Door } from '../src/transport/door';
import * as acceptor from './acceptor';
import type { FrameTally } from './frame-tally';
import * as handoff from './handoff';
import * as health from './health';
import * as kvStore from './kv-store';
import * as replicaWindow from './replica-window';
import * as ringState from './ring-state';
import * as ringWindow from './ring-window';
import { registered } from './registered';

// API

export interface Args {
  readonly settings: NodeSettings;
  readonly id: NodeId;
  readonly version: string;
  /** Where the node stands in its life; the program that runs it changes this. */
  readonly life: { readonly state: NodeState; readonly startedAtMs: number };
  /** What it has said to other nodes. */
  readonly tally: FrameTally;
  /** Gives the door that was opened before the tree was built, once. */
  readonly takeDoor: () => Door | undefined;
}

/** The root of the tree that is shown. */
const ROOT = 'node-sup';
export const NAME = nameOf('admin-http');
export const startLink = (args: Args) => genServer.startLink(callbacks, args, registered(NAME));

// State and messages

interface State {
  readonly view: NodeView;
}

interface Info {
  readonly type: 'request';
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

type Body = { readonly text: string } | 'too_long' | 'aborted';

const CONNECTIONS_MAX = 100;
const BODY_BYTES_MAX = 64 * 1024;
/** A lookup may name the longest key there is by default: in base 64, each character of it percent-encoded. */
const HEAD_BYTES_MAX = 272 * 1024;
/** A client that says nothing for so long, in the middle of a request or after it, is gone. */
const IDLE_TIMEOUT_MS = 30_000;
/** It may wait longer for its answer: a repair is given a minute. */
const ANSWER_TIMEOUT_MS = 90_000;

// Callbacks

const callbacks: GenServer<Args, State, never, never, Info> = {
  async init(args, self) {
    const door = args.takeDoor() ?? (await self.wait(listen(args.settings)));
    if (!(door instanceof Door)) return cannotStart(['listen', door.code ?? door.message]);
    const server = createServer({ maxHeaderSize: HEAD_BYTES_MAX }, (request, response) =>
      self.runtime.send(self.pid, { type: 'request', request, response }),
    );
    server.setTimeout(IDLE_TIMEOUT_MS);
    const sockets = new Set<Socket>();
    self.openPort(() => close(door, sockets));
    // A connection that fails before it has become a request is the browser's affair.
    door.open(
      (socket) => {
        sockets.add(socket);
        socket.once('close', () => sockets.delete(socket));
        server.emit('connection', socket.resume());
      },
      () => {},
    );
    return started({ view: viewOf(args, self.runtime) });
  },

  handleInfo({ request, response }, state, self) {
    self.spawn((worker) => answer(worker, state.view, request, response), { initialCall: 'admin-http:answer/3' });
    return noReply(state);
  },
};

// Requests

async function answer(worker: Self, view: NodeView, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await worker.wait(bodyOf(request));
  if (body === 'aborted') return;
  if (body === 'too_long') return send(response, failure(413, 'too_large', 'Cannot read the body: it is too long'));
  response.setTimeout(ANSWER_TIMEOUT_MS);
  const { method = 'GET', url = '/' } = request;
  const { host, origin } = request.headers;
  try {
    send(response, await worker.wait(route(view, { method, url, host, origin, body: body.text })));
  } catch (error) {
    send(response, failure(500, 'internal', 'Cannot answer: an error has been logged'));
    throw error;
  }
}

const failure = (status: number, code: string, message: string): AdminResponse => ({
  status,
  body: { error: { code, message } },
});

/** The whole body as text, unless it is longer than {@link BODY_BYTES_MAX} or the client has gone. */
function bodyOf(request: IncomingMessage): Promise<Body> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
      // The rest is read and dropped, so that the client comes to read the answer.
      else resolve('too_long');
    });
    request.on('end', () => resolve({ text: Buffer.concat(chunks).toString('utf8') }));
    request.on('close', () => resolve('aborted'));
    // An error is always followed by close.
    request.on('error', () => {});
  });
}

function send(response: ServerResponse, { status, body }: AdminResponse): void {
  if (response.headersSent) return;
  const isText = typeof body === 'string';
  response.writeHead(status, {
    'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(isText ? body : `${JSON.stringify(body)}\n`);
}

// The node, as the routes see it

function viewOf(args: Args, runtime: Runtime): NodeView {
  const ring = ringWindow.open(args, runtime);
  const replicas = replicaWindow.open(runtime);
  return {
    allowChaos: args.settings.allowChaos,
    isAlive: () => runtime.whereis(ROOT) !== undefined,
    readyChecks: () => readyChecks(args, runtime),
    node: () => nodeInfo(args, ring, replicas, runtime),
    ring,
    replicas,
    tree: () => wholeTree(runtime),
    kill: (path) => kill(path, runtime),
  };
}

function readyChecks({ life }: Args, runtime: Runtime): readonly Check[] {
  const isOpen = runtime.run(kvStore.open) !== undefined;
  const isListening = runtime.whereis(acceptor.NAME) !== undefined;
  const isMember = runtime.run(ringState.read)?.phase === 'member';
  const noQuorum = runtime.run(() => whyNoQuorum(handoff.read()?.views, ({ id }) => !health.isDead(id)));
  return [
    { name: 'state', ok: life.state === 'active', reason: `the node is ${life.state}` },
    { name: 'store', ok: isOpen, reason: 'the store is restarting' },
    { name: 'ring', ok: isMember, reason: 'the node is in no ring' },
    { name: 'listener', ok: isListening, reason: 'the client port is closed' },
    { name: 'quorum', ok: noQuorum === undefined, ...(noQuorum !== undefined && { reason: noQuorum }) },
  ];
}

function nodeInfo(
  { settings, id, version, life, tally }: Args,
  ring: RingView,
  replicas: ReplicaView,
  runtime: Runtime,
): NodeInfo {
  const member = runtime.run(ringState.read);
  const hasLeft = member?.phase === 'left';
  return {
    nodeId: settings.nodeId,
    id,
    addr: formatAddress(settings),
    inc: String(replicas.views()?.self.inc ?? member?.self.inc ?? 0n),
    state: ownState(hasLeft ? 'leaving' : life.state, replicas.views()),
    ring: ringWindow.place(ring, runtime),
    ...replicaWindow.place(replicas, runtime),
    rpc: { messagesSent: tally.messagesSent, bytesSent: tally.bytesSent },
    uptimeMs: Math.round(runtime.clock.nowMs() - life.startedAtMs),
    version,
  };
}

async function wholeTree(runtime: Runtime): Promise<TreeNode | undefined> {
  const root = runtime.whereis(ROOT);
  return root && treeOf(runtime, root, ROOT);
}

async function kill(path: string, runtime: Runtime): Promise<boolean> {
  const tree = await wholeTree(runtime);
  const pid = tree && findInTree(tree, path)?.pid;
  const victim = runtime.processes().find((candidate) => candidate.toString() === pid);
  if (victim === undefined) return false;
  // The answer leaves first: the victim may be what sends it.
  setImmediate(() => runtime.exit(victim, 'kill'));
  return true;
}

/** What has been answered still leaves; the rest is cut off. */
function close(door: Door, sockets: ReadonlySet<Socket>): void {
  door.close();
  setImmediate(() => {
    for (const socket of sockets) socket.destroySoon();
  });
}

function listen({ adminHost, adminPort }: NodeSettings): Promise<Door | NodeJS.ErrnoException> {
  return Door.listen(adminHost, adminPort, CONNECTIONS_MAX).catch((error: NodeJS.ErrnoException) => error);
}
