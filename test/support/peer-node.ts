/**
 * The part of a node that speaks with other nodes, without any ring: its port, its links, and actors that
 * a test writes. Several of them live in one program, each in a runtime of its own, and meet on loopback.
 *
 * Besides, somebody at the other end of a connection who speaks in bytes: as a listener (FakePeer) or as a
 * dialler (RawPeer).
 */
import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Peer } from '../../src/chord/peer';
import { toBuffer } from '../../src/octets';
import { type Clock, type Pid, randomFrom, type Report, Runtime, type Self, spawn } from '../../src/otp';
import { OctetWriter } from '../../src/protocol/octet-writer';
import { type DecodedFrame, encodeFrame, type Frame, FrameDecoder } from '../../src/protocol/rpc-frames';
import { Handshake, type Hello, helloOf, peerOf } from '../../src/protocol/rpc-handshake';
import type { RpcQuestion } from '../../src/protocol/rpc-messages';
import { Writers } from '../../src/replication/version';
import { Door } from '../../src/transport/door';
import { clientSessions } from '../../actors/client-session';
import { FrameTally } from '../../actors/frame-tally';
import type { Told } from '../../actors/health';
import * as peerLink from '../../actors/peer-link';
import type { DataService } from '../../actors/data-service';
import { peerSessions, type PeerSessionOptions } from '../../actors/peer-session';
import type { RpcAsked, RpcTold } from '../../actors/rpc-reply';
import { surroundingsOf } from '../../actors/surroundings';
import * as listenerSup from '../../supervisors/listener-sup';
import * as peerSup from '../../supervisors/peer-sup';
import { closeLater, testSettings, until, within } from './node';

export const HOST = '127.0.0.1';

/** What an actor of a test is sent. */
export type ActorMessage = RpcAsked | RpcTold;

export type Outcome = peerLink.RpcOutcome<unknown>;

export interface PeerNodeOptions extends Partial<Omit<PeerSessionOptions, 'hello'>> {
  readonly port?: number;
  readonly cluster?: string;
  readonly inc?: bigint;
  readonly settings?: Parameters<typeof testSettings>[0];
  readonly seed?: number;
  readonly random?: () => number;
  readonly clock?: Clock;
}

export const helloAt = (port: number, { cluster = 'test', inc = 1n, replicas = 3 }: Partial<Hello> = {}): Hello =>
  helloOf({ host: HOST, port, inc, cluster, features: [], replicas });

export class PeerNode {
  /** What its failure detector was told. */
  readonly lost: Peer[] = [];
  /** Those of them whose connection ended without a word. */
  readonly severed: Peer[] = [];
  readonly missed: Peer[] = [];
  private constructor(
    readonly runtime: Runtime,
    readonly hello: Hello,
    readonly reports: readonly Report[],
  ) {}

  static async start(options: PeerNodeOptions = {}): Promise<PeerNode> {
    const door = await Door.listen(HOST, options.port ?? 0, 100);
    const runtime = new Runtime(options.clock && { clock: options.clock });
    closeLater(() => runtime.stop());
    const reports: Report[] = [];
    runtime.logger.addHandler('test', (_level, report) => void reports.push(report));
    const hello = helloAt(door.port, options);
    const writers = new Writers();
    const tally = new FrameTally();
    const openPeerSession = peerSessions({
      answerFindNext: () => undefined,
      answerDescribe: () => undefined,
      serveData: () => NO_DATA,
      writers,
      tally,
      ...options,
      hello,
    });
    const settings = testSettings(options.settings);
    const openClientSession = clientSessions({ settings, surroundings: surroundingsOf(peerOf(hello)) });
    const random = options.random ?? randomFrom(options.seed ?? 1);
    await within(
      'the node starts',
      new Promise<void>((resolve) => {
        runtime.run(() =>
          spawn(runtime, async (self) => {
            await self.run(() => peerSup.startLink({ hello, writers, random, tally }));
            const sessions = { openClientSession, openPeerSession };
            await self.run(() => listenerSup.startLink({ settings, takeDoor: () => door, ...sessions }));
            self.serve(() => {});
            resolve();
          }),
        );
      }),
    );
    return new PeerNode(runtime, hello, reports);
  }

  get peer(): Peer {
    return peerOf(this.hello);
  }

  /** Names of the processes that end links: which there are. */
  get links(): readonly string[] {
    return this.runtime.registry.registered().filter((name) => name.startsWith('peer-link '));
  }

  events(name: string): readonly Readonly<Record<string, unknown>>[] {
    return this.reports.flatMap((report) => (report.type === 'event' && report.event === name ? [report.fields] : []));
  }

  /** A process under this name that does so with each message, of whatever kind the test knows them to be. */
  actor(name: string, handle: (message: never, self: Self) => void): Pid {
    return this.runtime.run(() =>
      spawn(this.runtime, (self) => {
        self.register(name);
        self.serve((message) => {
          handle(message as never, self);
        });
      }),
    );
  }

  /** Writes down what the failure detector is told. */
  detect(): void {
    this.actor('failure-detector', ({ message }: { message: Told }) => {
      if (message.type === 'lost') this.lost.push(message.peer);
      if (message.type === 'lost' && message.isSevered) this.severed.push(message.peer);
      if (message.type === 'missed') this.missed.push(message.peer);
    });
  }

  /** Asks from a process of its own, and gives the outcome. */
  ask(to: Peer, question: RpcQuestion, timeoutMs = 5000): Promise<Outcome> {
    const asker = new Asker(this);
    asker.ask(to, question, 'only', timeoutMs);
    return within(`the outcome of ${question.type}`, asker.first, timeoutMs + 5000);
  }

  tell(to: Peer, tale: Parameters<typeof peerLink.tell>[1]): void {
    this.runtime.run(() => spawn(this.runtime, () => peerLink.tell(to, tale)));
  }

  killLink(to: Peer): void {
    const pid = this.runtime.whereis(`peer-link ${to.addr}`);
    if (pid === undefined) throw new Error(`No link to ${to.addr}`);
    this.runtime.exit(pid, 'kill');
  }
}

/** A process that asks and writes down the outcomes. */
export class Asker {
  readonly outcomes: Outcome[] = [];
  /** The first outcome. */
  readonly first: Promise<Outcome>;
  private readonly pid: Pid<() => void>;
  private begun: (outcome: Outcome) => void = () => {};

  constructor(private readonly node: PeerNode) {
    this.first = new Promise((resolve) => {
      this.begun = resolve;
    });
    this.pid = node.runtime.run(() =>
      spawn(node.runtime, (self) => {
        self.serve((message) => {
          if (typeof message === 'function') (message as () => void)();
          else this.take(message as Outcome);
        });
      }),
    );
  }

  private take(outcome: Outcome): void {
    this.outcomes.push(outcome);
    this.begun(outcome);
  }

  /** Does something as this process. */
  do(action: () => void): void {
    this.node.runtime.run(() => this.node.runtime.send(this.pid, action));
  }

  ask(to: Peer, question: RpcQuestion, tag: unknown, timeoutMs = 5000): void {
    this.do(() => peerLink.ask(to, question, { tag, timeoutMs }));
  }

  async all(count: number): Promise<readonly Outcome[]> {
    await until(`${count} outcomes (${this.outcomes.length} came)`, () => this.outcomes.length >= count);
    return this.outcomes;
  }
}

/** How an outcome has ended, in a few words: the type of the answer, or the code and whether it was sent. */
export function inShort(outcome: Outcome): string {
  if (outcome.type === 'rpc_answered') return outcome.answer.type;
  const { code, wasSent, handshake } = outcome.failure;
  return [code, wasSent ? 'sent' : 'unsent', ...(handshake ? [handshake] : [])].join(' ');
}

const NO_DATA: DataService = {
  serve: (_question, asked) => asked.refuse('internal', 'Cannot serve: this test has no data'),
  handle: () => false,
};

// Bytes

/** What can be said on a connection. */
export type Said = Frame | Buffer;

/** The bytes of frames. */
export function frames(...all: readonly Frame[]): Buffer {
  const writer = new OctetWriter();
  for (const frame of all) {
    const written = encodeFrame(frame, writer);
    if (!written.ok) throw new Error(written.error);
  }
  return Buffer.concat(writer.takeAll().map(toBuffer));
}

/** One end of a connection that shakes hands as it should and then says what a test wants. */
export class RawPeer {
  readonly received: DecodedFrame[] = [];
  /** How the handshake has ended; undefined: not yet. */
  verdict: string | undefined;
  isOver = false;
  /** All bytes that have come before the first frame. */
  bytes = Buffer.alloc(0);
  private decoder: FrameDecoder | undefined;

  constructor(
    readonly socket: Socket,
    private readonly handshake: Handshake | undefined,
    private readonly onFrame: (frame: DecodedFrame, peer: RawPeer) => void = () => {},
  ) {
    socket.on('error', () => {});
    socket.on('end', () => (this.isOver = true));
    socket.on('close', () => (this.isOver = true));
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    closeLater(() => socket.destroy());
    this.shake();
  }

  /** Dials a node as another; without a hello it says nothing by itself. */
  static async dial(port: number, hello?: Hello): Promise<RawPeer> {
    const socket = createConnection({ port, host: HOST, noDelay: true });
    await within('a connection', new Promise<void>((resolve) => socket.once('connect', resolve)));
    return new RawPeer(socket, hello && new Handshake({ role: 'dialler', self: hello }));
  }

  send(...parts: readonly Said[]): void {
    for (const part of parts) this.socket.write(Buffer.isBuffer(part) ? part : frames(part));
  }

  async accepted(): Promise<this> {
    await until('the handshake is over', () => this.verdict !== undefined || this.isOver);
    if (this.verdict !== 'accepted') throw new Error(`Not accepted: ${this.verdict}`);
    return this;
  }

  async framesCount(count: number): Promise<readonly DecodedFrame[]> {
    await until(`${count} frames (${this.received.length} came)`, () => this.received.length >= count || this.isOver);
    return this.received;
  }

  async over(): Promise<void> {
    await until('the connection ends', () => this.isOver);
  }

  private receive(chunk: Buffer): void {
    if (this.decoder === undefined) {
      this.bytes = Buffer.concat([this.bytes, chunk]);
      this.handshake?.push(chunk);
      this.shake();
    } else this.decoder.push(chunk);
    for (let found = this.decoder?.next(); found !== undefined; found = this.decoder?.next()) {
      this.received.push(found);
      this.onFrame(found, this);
    }
  }

  private shake(): void {
    const { handshake } = this;
    for (let event = handshake?.next(); event !== undefined; event = handshake?.next()) {
      if (event.type === 'send') this.socket.write(toBuffer(event.octets));
      else {
        this.verdict = event.type === 'refused' ? event.code : event.type;
        if (event.type === 'refused' && event.farewell) this.socket.end(toBuffer(event.farewell));
        if (event.type === 'accepted') this.decoder = new FrameDecoder(undefined, handshake?.input);
      }
    }
  }
}

export interface FakePeerOptions {
  readonly port?: number;
  readonly hello?: Partial<Hello>;
  /** Whether it says hello at all. */
  readonly isMute?: boolean;
  readonly onFrame?: (frame: DecodedFrame, peer: RawPeer) => void;
}

/** A listener that shakes hands and then does what a test wants. */
export class FakePeer {
  readonly connections: RawPeer[] = [];
  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async listen({ port = 0, hello, isMute = false, onFrame }: FakePeerOptions = {}): Promise<FakePeer> {
    const server = createServer({ noDelay: true });
    await new Promise<void>((resolve) => server.listen(port, HOST, resolve));
    const fake = new FakePeer(server, (server.address() as AddressInfo).port);
    const own = hello?.port === undefined ? helloAt(fake.port, hello) : helloAt(hello.port, hello);
    server.on('connection', (socket) => {
      const handshake = isMute ? undefined : new Handshake({ role: 'listener', self: own });
      fake.connections.push(new RawPeer(socket, handshake, onFrame));
    });
    closeLater(() => fake.close());
    return fake;
  }

  get peer(): Peer {
    return peerOf(helloAt(this.port));
  }

  /** Stops listening and ends every connection. */
  async close(): Promise<void> {
    for (const { socket } of this.connections) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
