/**
 * A node in this process and clients that speak to it in bytes.
 *
 * Every node and every client that a test makes is closed by {@link closeAll}, to be called after
 * each test. Whatever is waited for is waited for with a bound.
 */
import { createConnection, type Socket } from 'node:net';
import { type NodeSettings, nodeSettings } from '../../src/config';
import { type Node, startNode } from '../../src/node';
import { EMPTY, fromUtf8, type Octets, toBinaryString, toBuffer } from '../../src/octets';
import { findInTree, type Pid, type Report, type TreeNode, treeOf } from '../../src/otp';
import type { Op, Request, Response } from '../../src/protocol/client-protocol';
import { OctetWriter } from '../../src/protocol/octet-writer';
import { encodeRequest } from '../../src/protocol/request-encoder';
import { ResponseDecoder } from '../../src/protocol/response-decoder';

/** Anything that a test waits for comes within this. */
export const WAIT_MS = 10_000;

const open: { close(): unknown }[] = [];

/** Closes every node and every client, the last one first. */
export async function closeAll(): Promise<void> {
  for (const thing of open.splice(0).toReversed()) await thing.close();
}

/** Has something closed after the test. */
export function closeLater(close: () => unknown): void {
  open.push({ close });
}

/** Resolves when this holds; looked at every few milliseconds, and for no longer than a bound. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  boundMs: number = WAIT_MS,
): Promise<void> {
  const startMs = performance.now();
  while (!(await holds())) {
    if (performance.now() - startMs > boundMs) throw new Error(`Not within ${boundMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** The promise, or a failure when it takes longer than the bound. */
export async function within<T>(what: string, promise: Promise<T>, boundMs: number = WAIT_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`Not within ${boundMs} ms: ${what}`)), boundMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

// Nodes

/** Settings for a node on ports of the system's choice. */
export function testSettings(options: Partial<NodeSettings> = {}): NodeSettings {
  const settings = nodeSettings({ port: 0, adminPort: 0, allowChaos: true, ...options });
  if (!settings.ok) throw new Error(settings.error.join('\n'));
  return settings.value;
}

/** A running node and what a test does with it. */
export class TestNode {
  /** Why the node has ended, once it has. */
  ended: { readonly reason: unknown } | undefined;

  private constructor(
    readonly node: Node,
    readonly reports: readonly Report[],
  ) {
    void node.ended.then((reason) => {
      this.ended = { reason };
    });
  }

  static async start(options: Partial<NodeSettings> = {}): Promise<TestNode> {
    const reports: Report[] = [];
    const started = await startNode(testSettings(options), (_level, report) => void reports.push(report));
    if (!started.ok) throw new Error(started.error);
    const test = new TestNode(started.value, reports);
    closeLater(() => test.node.stop());
    return test;
  }

  get port(): number {
    return this.node.settings.port;
  }

  get runtime(): Node['runtime'] {
    return this.node.runtime;
  }

  connect(): Promise<RawClient> {
    return RawClient.connect(this.port);
  }

  /** The live tree; undefined while its root is being restarted. */
  async tree(): Promise<TreeNode | undefined> {
    const root = this.runtime.whereis('node-sup');
    return root && treeOf(this.runtime, root, 'node-sup');
  }

  /** The process at a path of the live tree. */
  async pidAt(path: string): Promise<Pid> {
    const tree = await this.tree();
    const name = tree && findInTree(tree, path)?.pid;
    const pid = this.runtime.processes().find((candidate) => candidate.toString() === name);
    if (pid === undefined) throw new Error(`Nothing runs at ${path}`);
    return pid;
  }

  /** The processes of the connections. */
  async connections(): Promise<readonly TreeNode[]> {
    const tree = await this.tree();
    return (tree && findInTree(tree, CONNECTION_SUP)?.children) ?? [];
  }

  /** `exit(Pid, kill)` from outside. */
  kill(pid: Pid): void {
    this.runtime.exit(pid, 'kill');
  }

  async killAt(path: string): Promise<void> {
    this.kill(await this.pidAt(path));
  }

  /** Ends the node without a goodbye, as the death of its program would: its sockets close, and nothing is said. */
  crash(): void {
    this.runtime.stop();
  }
}

export const CONNECTION_SUP = 'node-sup/services-sup/listener-sup/connection-sup';

/** A tree as a list, the root first. */
export function flatten(tree: TreeNode): readonly TreeNode[] {
  return [tree, ...tree.children.flatMap(flatten)];
}

/** Whether every process of a tree runs. */
export const isWhole = (tree: TreeNode) => flatten(tree).every(({ pid, status }) => pid !== null && status !== 'busy');

// Clients

/** A client that sends what it likes and reads when it likes. */
export class RawClient {
  /** What was answered and not yet taken by {@link answers}. */
  readonly received: Response[] = [];
  /** How many answers have come. */
  answersCount = 0;
  isClosed = false;
  /** The node has said that nothing more will come. */
  isEnded = false;
  /** The node's answers make no sense. */
  malformed: string | undefined;
  /** Resolves when the socket is gone, whoever closed it. */
  readonly closed: Promise<void>;
  private readonly decoder = new ResponseDecoder({ valueBytesMax: 64 * 1024 * 1024 });
  private waiters: (() => void)[] = [];

  constructor(readonly socket: Socket) {
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => this.take(chunk));
    socket.on('end', () => {
      this.isEnded = true;
      this.happened();
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.isClosed = true;
        this.happened();
        resolve();
      });
    });
    closeLater(() => this.close());
  }

  static connect(port: number): Promise<RawClient> {
    const socket = createConnection({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const connected = new Promise<RawClient>((resolve, reject) => {
      socket.once('connect', () => resolve(new RawClient(socket)));
      socket.once('error', reject);
    });
    return within(`a connection to port ${port}`, connected);
  }

  /** No more answers can come. */
  get isOver(): boolean {
    return this.isEnded || this.isClosed;
  }

  /** Sends bytes, or requests. */
  send(...parts: readonly (Uint8Array | Request)[]): void {
    for (const part of parts) this.socket.write(part instanceof Uint8Array ? part : bytesOfRequest(part));
  }

  /** The next so many answers. */
  async answers(count: number): Promise<readonly Response[]> {
    const isDone = () => this.received.length >= count || this.isOver || this.malformed !== undefined;
    while (!isDone()) await within(`${count} answers (${this.received.length} came)`, this.next());
    if (this.received.length < count) {
      throw new Error(`${this.received.length} answers of ${count}: ${this.malformed ?? 'the connection is closed'}`);
    }
    return this.received.splice(0, count);
  }

  /** Sends one request and takes its answer. */
  async ask(request: Request): Promise<Response> {
    this.send(request);
    const [answer] = await this.answers(1);
    if (answer === undefined) throw new Error('No answer');
    return answer;
  }

  /** Resolves at the end of the node's answers, or of the connection. */
  async end(): Promise<void> {
    while (!this.isOver) await within('the end of the connection', this.next());
  }

  /** Says that nothing more will be sent. */
  finish(): void {
    this.socket.end();
  }

  close(): void {
    this.socket.destroy();
  }

  private take(chunk: Buffer): void {
    this.decoder.push(chunk);
    for (let found = this.decoder.next(); found !== undefined; found = this.decoder.next()) {
      if (found.type === 'response') {
        this.received.push(found);
        this.answersCount += 1;
      } else this.malformed = found.message;
    }
    this.happened();
  }

  private next(): Promise<void> {
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  private happened(): void {
    for (const waiter of this.waiters.splice(0)) waiter();
  }
}

// Requests and answers

/** The bytes of a hex text; blanks are for people. */
export const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

const request = (op: Op, key: string, value: Octets = EMPTY): Request => ({
  type: 'request',
  version: 1,
  op,
  key: fromUtf8(key),
  value,
});

export const GET = (key: string) => request('get', key);
export const PUT = (key: string, value: string | Uint8Array) =>
  request('put', key, typeof value === 'string' ? fromUtf8(value) : value);
export const DELETE = (key: string) => request('delete', key);
export const PING = request('ping', '');
export const STATS = request('stats', '');

/** The bytes of a request, in one piece. */
export function bytesOfRequest(asked: Request): Buffer {
  const writer = new OctetWriter();
  encodeRequest(asked, writer);
  return Buffer.concat(writer.takeAll().map(toBuffer));
}

/** An answer in one word and its value as text. */
export const inShort = ({ status, value }: Response): string =>
  value.length === 0 ? status : `${status} ${Buffer.from(toBinaryString(value), 'latin1').toString('utf8')}`;

/** The text of a short value. */
export const textOf = ({ value }: Response): string => Buffer.from(toBinaryString(value), 'latin1').toString('utf8');
