/**
 * Connection: one socket, of a client or of another node, and the session that speaks through it.
 *
 * Bytes arrive as one message per chunk. The first ones say which protocol they are in, and so which
 * session they are for (client-session.ts, peer-session.ts); what it answers in one turn leaves in one
 * write. The process holds nothing that is worth saving: after a crash the other side sees a closed
 * socket, and nobody else sees anything. Started by supervisors/connection-sup.ts, one for each
 * socket that the acceptor lets in.
 *
 * Bounds: while the session is full, be it that its answers wait to be taken by a slow reader or that
 * it has too much under way, the socket is not read. A request that stops half-way ends the
 * connection after `idleRequestTimeoutMs`, and so does one that is large while all connections
 * together hold more than `arrivingBytesMax` of such requests.
 */
import type { Socket } from 'node:net';
import type { NodeSettings } from '../src/config';
import {
  currentSelf,
  type ExitMessage,
  type GenServer,
  genServer,
  type Handled,
  noReply,
  type Pid,
  type Self,
  type StartResult,
  started,
  stop,
} from '../src/otp';
import { detectProtocol } from '../src/protocol/detect';
import { OctetWriter } from '../src/protocol/octet-writer';
import type { Inflow } from './inflow';
import type { Interruption, Line, OpenSession, Session } from './session';

// API

export interface Args {
  readonly socket: Socket;
  readonly settings: NodeSettings;
  /** What all connections together are receiving. */
  readonly inflow: Inflow;
  /** Begins to speak with a client, or with somebody who makes no sense. */
  readonly openClientSession: OpenSession;
  /** Begins to speak with another node. */
  readonly openPeerSession: OpenSession;
}

/**
 * Starts a connection, without waiting for it: they come by the thousand. The socket is the
 * connection's from the first moment, so that it is closed even if the process never runs.
 */
export function startLink(args: Args): StartResult {
  const socket = currentSelf().openPort(() => letGo(args.socket));
  const pid = genServer.spawnLink(callbacks, args, { module: 'connection' });
  socket.connect(pid);
  return { ok: true, value: pid };
}

// State and messages

/** Mutable, and the same object for the life of the connection: this is the hottest path of a node. */
interface State extends Args {
  readonly line: Line;
  /** Undefined until the first bytes have said which it is. */
  session: Session | undefined;
  /** The first bytes, while they do not say it: five at most. */
  firstBytes: Buffer;
  /** Bytes that were read from the socket and not yet looked at. */
  unseenBytes: number;
  /** Bytes of requests that are not complete, or not answered: this connection's share of the inflow. */
  arrivingBytes: number;
  /** The reader is slow: nothing is decoded until it has taken what it was sent. */
  stalled: boolean;
  /** A `flush` is on its way. */
  flushing: boolean;
  /** The other side has sent its last byte. */
  ended: boolean;
  /** Nothing more is read or decoded: the socket closes when the answers have left. */
  closing: boolean;
}

/** What a socket has to say, and the connection to itself. The session knows what else may come. */
type Info =
  | { readonly type: 'data'; readonly chunk: Buffer }
  | { readonly type: 'drain' | 'flush' | 'end' | 'closed' | 'timeout' }
  | ExitMessage;

/** How long a connection whose framing is lost may take to read its last answer. */
const LINGER_MS = 1000;

// Callbacks

const callbacks: GenServer<Args, State, never, never, Info> = {
  init(args, self) {
    self.trapExit(true);
    const state: State = {
      ...args,
      line: lineOf(args, self),
      session: undefined,
      firstBytes: NOTHING,
      unseenBytes: 0,
      arrivingBytes: 0,
      stalled: false,
      flushing: false,
      ended: false,
      closing: false,
    };
    self.openPort(() => args.inflow.change(-state.arrivingBytes));
    listenTo(state, self.pid, self);
    return started(state);
  },

  handleInfo(message, state, self) {
    switch (message.type) {
      case 'data':
        return receive(message.chunk, state, self);
      case 'drain':
        state.stalled = false;
        if (!state.closing) state.session?.resume();
        return proceed(state, self);
      case 'flush':
        state.flushing = false;
        return proceed(state, self);
      case 'end':
        state.ended = true;
        return proceed(state, self);
      case 'timeout':
        return giveUp(state, self, 'late');
      case 'closed':
        // By itself, or because what was left to send has had its time.
        state.socket.destroy();
        return stop('normal', state);
      case 'EXIT':
        return stop(message.reason, state);
      default:
        return handle(message, state, self);
    }
  },

  /** What was answered still leaves, as long as the supervisor waits. */
  terminate(reason, state, self) {
    if (reason !== 'normal' && !state.closing) {
      state.session?.farewell?.();
      send(state);
    }
    return self.wait(flushed(state.socket));
  },

  formatStatus: ({ socket, session, stalled, ended, closing }) => ({
    peer: `${socket.remoteAddress}:${socket.remotePort}`,
    bytesBuffered: session?.bytesBuffered ?? 0,
    bytesUnsent: socket.writableLength,
    full: session?.isFull ?? false,
    stalled,
    ended,
    closing,
  }),
};

// Internal

/** A request of which no more has come is let be, however much others send. */
const SMALL_BYTES_MAX = 64 * 1024;

/** Most bytes that may wait in the mailbox before the socket is no longer read. */
const UNSEEN_BYTES_MAX = 256 * 1024;

const NOTHING: Buffer = Buffer.alloc(0);

function lineOf({ socket, settings }: Args, self: Self<Info>): Line {
  const writer = new OctetWriter();
  return {
    self: self as Self<unknown>,
    writer,
    get roomBytes() {
      return settings.pendingAnswerBytesMax - socket.writableLength - writer.bytes;
    },
  };
}

function listenTo(state: State, pid: Pid<Info>, { runtime }: Self<Info>): void {
  const { socket } = state;
  socket.on('data', (chunk: Buffer) => {
    state.unseenBytes += chunk.length;
    if (state.unseenBytes > UNSEEN_BYTES_MAX) socket.pause();
    runtime.send(pid, { type: 'data', chunk });
  });
  socket.on('drain', () => runtime.send(pid, { type: 'drain' }));
  socket.on('end', () => runtime.send(pid, { type: 'end' }));
  socket.on('close', () => runtime.send(pid, { type: 'closed' }));
  // An error is always followed by close.
  socket.on('error', () => {});
  if (socket.destroyed) runtime.send(pid, { type: 'closed' });
  socket.resume();
}

function receive(chunk: Buffer, state: State, self: Self<Info>): Handled<State> {
  state.unseenBytes -= chunk.length;
  if (state.closing) return noReply(state);
  if (state.session === undefined) meet(chunk, state);
  else state.session.receive(chunk);
  return proceed(state, self);
}

/** Finds out from the first bytes who speaks. Whoever speaks nothing that is known is told so as a client is. */
function meet(chunk: Buffer, state: State): void {
  const firstBytes = Buffer.concat([state.firstBytes, chunk]);
  const { protocol } = detectProtocol(firstBytes);
  state.firstBytes = protocol === 'undecided' ? firstBytes : NOTHING;
  if (protocol === 'undecided') return;
  state.session = (protocol === 'rpc' ? state.openPeerSession : state.openClientSession)(state.line);
  state.session.receive(firstBytes);
}

/**
 * Something for the session. Such messages come in bursts, as many as a peer has answered at once: what they
 * make the session say leaves in one write when the last of those that are here already has been handled.
 */
function handle(message: unknown, state: State, self: Self<Info>): Handled<State> {
  if (state.closing || !state.session?.handle(message)) return noReply(state);
  if (state.flushing) return noReply(state);
  state.flushing = true;
  self.send(self.pid, { type: 'flush' });
  return noReply(state);
}

/** Sends what the session has said, and decides whether to read on. */
function proceed(state: State, self: Self<Info>): Handled<State> {
  const { socket, session } = state;
  if (state.closing) return noReply(state);
  send(state);
  if (session?.isOver && session.isIdle) return close(state, self);
  countArriving(state);
  if (session?.isFull) return waitForRoom(state, self);
  if (isOneTooMany(state)) return giveUp(state, self, 'too_much');
  if (!state.ended) {
    if (socket.isPaused() && state.unseenBytes === 0) socket.resume();
  } else if (session?.isIdle ?? true) socket.end();
  return isMidRequest(state) ? noReply(state, { timeoutMs: state.settings.idleRequestTimeoutMs }) : noReply(state);
}

const isMidRequest = ({ session, firstBytes }: State) => session?.midRequest ?? firstBytes.length > 0;

/** Whether the node has too much on its way, and this connection a part of it that matters. */
const isOneTooMany = ({ arrivingBytes, inflow, session }: State) =>
  arrivingBytes > SMALL_BYTES_MAX && inflow.isFull && (session?.midRequest ?? false);

/** Keeps count of this connection's share of what is arriving. */
function countArriving(state: State): void {
  const arrivingBytes = state.session?.bytesBuffered ?? 0;
  if (arrivingBytes === state.arrivingBytes) return;
  state.inflow.change(arrivingBytes - state.arrivingBytes);
  state.arrivingBytes = arrivingBytes;
}

/** Everything that this turn has answered leaves in one write. */
function send(state: State): void {
  const { socket, line } = state;
  if (line.writer.bytes === 0) return;
  state.stalled = line.roomBytes < 0;
  const pieces = line.writer.takeAll();
  if (pieces.length > 1) socket.cork();
  for (const piece of pieces) {
    if (typeof piece === 'string') socket.write(piece, 'latin1');
    else socket.write(piece);
  }
  if (pieces.length > 1) socket.uncork();
}

/**
 * Reads nothing until the session has room again. If its reader is what it waits for, and the socket took
 * everything at once, it has room already.
 */
function waitForRoom(state: State, self: Self<Info>): Handled<State> {
  const { socket, stalled } = state;
  if (!stalled || socket.writableNeedDrain) socket.pause();
  else self.send(self.pid, { type: 'drain' });
  return noReply(state);
}

/**
 * The last answer leaves; then the socket goes, whether or not the other side closes its own. Until then
 * what it sends is dropped unseen: a socket that is closed with bytes unread takes its last answer along.
 */
function close(state: State, self: Self<Info>): Handled<State> {
  state.closing = true;
  state.socket.end();
  state.socket.removeAllListeners('data').resume();
  self.sendAfter(LINGER_MS, self.pid, { type: 'closed' });
  return noReply(state);
}

/** Ends the connection in the middle of a request, with a word why. What is under way may still be answered. */
function giveUp(state: State, self: Self<Info>, why: Interruption): Handled<State> {
  const session = state.session ?? state.openClientSession(state.line);
  session.interrupt(why);
  state.session = session;
  // What has come of the request is let go at once, not when the other side has gone.
  countArriving(state);
  send(state);
  return session.isIdle ? close(state, self) : noReply(state);
}

/**
 * The process is gone, and the socket goes. Where a last answer has left that the other side may not have read, it first
 * has a moment for that: a socket that is closed with bytes unread takes its last answer along.
 */
function letGo(socket: Socket): void {
  if (socket.destroyed || !socket.writableEnded) return void socket.destroy();
  socket.removeAllListeners('data').resume();
  // No timer of the runtime: that may end with the process.
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

function flushed(socket: Socket): Promise<void> {
  if (socket.destroyed || socket.writableFinished) return Promise.resolve();
  return new Promise((resolve) => {
    socket.once('finish', resolve);
    socket.once('close', () => resolve());
    socket.end();
  });
}
