/**
 * A node for tests of the client: the protocol's own codec, a Map, and a script of what goes wrong.
 *
 * Without a script it answers at once. A script is asked about every request and says what becomes
 * of its answer; whatever it holds back is sent, in any order, when the test says so.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { EMPTY, fromUtf8, type Octets, octetLength, toBuffer } from '../../src/octets';
import type { Request, Response, Status } from '../../src/protocol/client-protocol';
import { encodeMeta, type Meta } from '../../src/protocol/meta';
import { OctetWriter } from '../../src/protocol/octet-writer';
import { RequestDecoder } from '../../src/protocol/request-decoder';
import { encodeResponse } from '../../src/protocol/response-encoder';

/** What becomes of the answer to a request. */
export type Fate =
  /** It is sent at once. */
  | { readonly type: 'answer' }
  /** It waits for release(). */
  | { readonly type: 'hold' }
  /** It is never sent. */
  | { readonly type: 'drop' }
  /** The request has no effect; this is the answer. */
  | { readonly type: 'status'; readonly status: Status; readonly message?: string }
  /** These bytes are sent in its place. */
  | { readonly type: 'bytes'; readonly bytes: Buffer }
  /** The connection ends after so many bytes of it. */
  | { readonly type: 'cut'; readonly afterBytes: number };

/** Says what becomes of a request, given how many came before it. */
export type Script = (request: Request, before: number) => Fate;

export const ANSWER: Fate = { type: 'answer' };
export const HOLD: Fate = { type: 'hold' };
export const DROP: Fate = { type: 'drop' };

/** A server that is listening. */
export class FakeServer {
  /** Everything that was asked, in order of arrival. */
  readonly requests: Request[] = [];
  /** What is stored, by key. Servers that stand for one ring share it. */
  table = new Map<string, Octets>();
  /** How many requests each piece of input completed: what was written at once mostly arrives at once. */
  readonly requestsPerChunk: number[] = [];
  /** Also once it is closed. */
  port = 0;
  /** How many connections there have been. */
  connectionsSeen = 0;
  /** The answers that are held back. */
  readonly held: { readonly request: Request; readonly send: () => void }[] = [];
  script: Script = () => ANSWER;
  /** What it says about every answer, to those who want to know. */
  meta: Meta | undefined = undefined;

  private readonly sockets = new Set<Socket>();
  private waiters: { readonly holds: () => boolean; readonly go: () => void }[] = [];

  private constructor(private readonly server: Server) {
    server.on('connection', (socket) => this.serve(socket));
  }

  /** Listens on a free port, or on this one. */
  static async listen(port = 0): Promise<FakeServer> {
    const server = createServer();
    const fake = new FakeServer(server);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    fake.port = (server.address() as AddressInfo).port;
    return fake;
  }

  /** How many connections are open. */
  get connectionsOpen(): number {
    return this.sockets.size;
  }

  /** Resolves once this holds. It is looked at whenever something happens to the server. */
  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((go) => this.waiters.push({ holds, go }));
  }

  /** Sends the answers that are held back, in the order that `arrange` makes of them. */
  release(arrange: (held: FakeServer['held']) => FakeServer['held'] = (held) => held): void {
    for (const { send } of arrange(this.held.splice(0))) send();
  }

  /** Ends every connection, as a crash would. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Stops reading from every connection. */
  pause(): void {
    for (const socket of this.sockets) socket.pause();
  }

  /** Reads again. */
  resume(): void {
    for (const socket of this.sockets) socket.resume();
  }

  /** Stops listening, and ends every connection. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.cut();
    await closed;
  }

  private serve(socket: Socket): void {
    this.connectionsSeen += 1;
    this.sockets.add(socket);
    const decoder = new RequestDecoder();
    socket.on('error', () => {});
    socket.on('close', () => {
      this.sockets.delete(socket);
      this.happened();
    });
    socket.on('data', (chunk: Buffer) => {
      const before = this.requests.length;
      decoder.push(chunk);
      for (let found = decoder.next(); found !== undefined; found = decoder.next()) {
        if (found.type === 'request') this.take(found, socket);
        else if (found.answer) socket.write(bytesOf(found.answer));
      }
      this.requestsPerChunk.push(this.requests.length - before);
      this.happened();
    });
    this.happened();
  }

  private take(request: Request, socket: Socket): void {
    const fate = this.script(request, this.requests.length);
    this.requests.push(request);
    const answer = () => bytesOf({ ...responseTo(request, ...this.execute(request)), ...this.metaFor(request) });
    switch (fate.type) {
      case 'answer':
        socket.write(answer());
        return;
      case 'hold':
        this.held.push({ request, send: () => socket.write(answer()) });
        return;
      case 'drop':
        return;
      case 'status':
        socket.write(bytesOf(responseTo(request, fate.status, fromUtf8(fate.message ?? ''))));
        return;
      case 'bytes':
        socket.write(fate.bytes);
        return;
      case 'cut':
        socket.end(answer().subarray(0, fate.afterBytes));
    }
  }

  private metaFor(request: Request): { readonly meta?: Octets } {
    const isWanted = request.version === 2 && request.wantsMeta && this.meta !== undefined;
    return isWanted ? { meta: encodeMeta(this.meta ?? {}) } : {};
  }

  private execute({ op, key, value }: Request): readonly [Status, Octets] {
    const found = this.table.get(key);
    switch (op) {
      case 'get':
        return found === undefined ? ['not_found', EMPTY] : ['success', found];
      case 'put':
        this.table.set(key, value);
        return ['success', EMPTY];
      case 'delete':
        this.table.delete(key);
        return ['success', EMPTY];
      case 'ping':
        return ['success', fromUtf8('pong')];
      case 'stats':
        return ['success', fromUtf8(`keys: ${this.table.size}, size: ${this.size()}`)];
    }
  }

  private size(): number {
    return [...this.table].reduce((bytes, [key, value]) => bytes + key.length + octetLength(value), 0);
  }

  private happened(): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const waiter of waiters) {
      if (waiter.holds()) waiter.go();
      else this.waiters.push(waiter);
    }
  }
}

/** A port on which nobody listens. */
export async function freePort(): Promise<number> {
  const server = await FakeServer.listen();
  const { port } = server;
  await server.close();
  return port;
}

/** The bytes of a response. */
export function bytesOf(response: Response): Buffer {
  const writer = new OctetWriter();
  encodeResponse(response, writer);
  return Buffer.concat(writer.takeAll().map(toBuffer));
}

function responseTo(request: Request, status: Status, value: Octets): Response {
  if (request.version === 1) return { type: 'response', version: 1, status, value };
  return { type: 'response', version: 2, requestId: request.requestId, status, value };
}
