/**
 * Connection: one client's socket, and the requests that come through it.
 *
 * Bytes arrive as one message per chunk. All requests of a chunk are answered in the same turn
 * and their answers leave in one write, so a request costs no hop and no promise. The process
 * holds nothing that is worth saving: after a crash the client sees a closed socket and every
 * other client sees nothing. Decoding is in src/protocol, answering in src/store. Started by
 * supervisors/connection-sup.ts, one for each socket that the acceptor lets in.
 *
 * Bounds: while answers wait to be taken by a slow reader, requests stay undecoded and the socket
 * unread, so that a client that never reads costs `pendingAnswerBytesMax` and one answer more. A
 * request that stops half-way ends the connection after `idleRequestTimeoutMs`, and so does one that
 * is large while all connections together hold more than `arrivingBytesMax` of such requests.
 */
import type { Socket } from 'node:net';
import type { NodeSettings } from '../src/config';
import { fromUtf8 } from '../src/octets';
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
import type { Request, Status } from '../src/protocol/client-protocol';
import { OctetWriter } from '../src/protocol/octet-writer';
import { RequestDecoder } from '../src/protocol/request-decoder';
import { encodeResponse } from '../src/protocol/response-encoder';
import { answerRequest, unavailable } from '../src/store/local-coordinator';
import type { Target } from '../src/store/local-write';
import type { Inflow } from './inflow';
import * as kvStore from './kv-store';

// API

export interface Args {
  readonly socket: Socket;
  readonly settings: NodeSettings;
  /** What all connections together are receiving. */
  readonly inflow: Inflow;
}

/**
 * Starts a connection, without waiting for it: they come by the thousand. The socket is the
 * connection's from the first moment, so that it is closed even if the process never runs.
 */
export function startLink(args: Args): StartResult {
  const socket = currentSelf().openPort(() => args.socket.destroy());
  const pid = genServer.spawnLink(callbacks, args, { module: 'connection' });
  socket.connect(pid);
  return { ok: true, value: pid };
}

// State and messages

/** Mutable, and the same object for the life of the connection: this is the hottest path of a node. */
interface State extends Args {
  decoder: RequestDecoder;
  readonly writer: OctetWriter;
  /** Bytes that were read from the socket and not yet looked at. */
  unseenBytes: number;
  /** Bytes of a request that is not complete: this connection's share of the inflow. */
  arrivingBytes: number;
  /** The reader is slow: nothing is decoded until it has taken what it was sent. */
  stalled: boolean;
  /** The client has sent its last byte. */
  ended: boolean;
  /** Nothing more is read or decoded: the socket closes when the answers have left. */
  closing: boolean;
}

/** What a socket has to say. */
type Info =
  | { readonly type: 'data'; readonly chunk: Buffer }
  | { readonly type: 'drain' | 'end' | 'closed' | 'timeout' }
  | ExitMessage;

/** How long a connection whose framing is lost may take to read its last answer. */
const LINGER_MS = 1000;

// Callbacks

const callbacks: GenServer<Args, State, never, never, Info> = {
  init({ socket, settings, inflow }, self) {
    self.trapExit(true);
    const state: State = {
      socket,
      settings,
      inflow,
      decoder: new RequestDecoder(settings),
      writer: new OctetWriter(),
      unseenBytes: 0,
      arrivingBytes: 0,
      stalled: false,
      ended: false,
      closing: false,
    };
    self.openPort(() => inflow.change(-state.arrivingBytes));
    listenTo(state, self.pid, self);
    return started(state);
  },

  handleInfo(message, state, self) {
    switch (message.type) {
      case 'data':
        return receive(message.chunk, state, self);
      case 'drain':
        state.stalled = false;
        return serve(state, self);
      case 'end':
        state.ended = true;
        return serve(state, self);
      case 'timeout':
        return giveUp(state, self, 'invalid_request', 'the rest of it did not come in time');
      case 'closed':
        // By itself, or because what was left to send has had its time.
        state.socket.destroy();
        return stop('normal', state);
      case 'EXIT':
        return stop(message.reason, state);
    }
  },

  /** What was answered still leaves, as long as the supervisor waits. */
  terminate: (_reason, { socket }, self) => self.wait(flushed(socket)),

  formatStatus: ({ socket, decoder, stalled, ended, closing }) => ({
    peer: `${socket.remoteAddress}:${socket.remotePort}`,
    bytesBuffered: decoder.bytesBuffered,
    bytesUnsent: socket.writableLength,
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
  if (!state.closing) state.decoder.push(chunk);
  return serve(state, self);
}

/** Answers what can be decoded, sends the answers, and decides whether to read on. */
function serve(state: State, self: Self<Info>): Handled<State> {
  const { socket, decoder, settings } = state;
  if (state.closing) return noReply(state);
  if (!state.stalled) answerAll(state, self.systemMs());
  send(state);
  if (state.closing) return close(state, self);
  if (state.stalled) return waitForReader(state, self);
  countArriving(state);
  if (isOneTooMany(state)) return giveUp(state, self, 'server_error', 'the node is receiving too much at a time');
  if (state.ended) socket.end();
  else if (socket.isPaused() && state.unseenBytes === 0) socket.resume();
  return decoder.midRequest ? noReply(state, { timeoutMs: settings.idleRequestTimeoutMs }) : noReply(state);
}

/** Whether the node has too much on its way, and this connection a part of it that matters. */
const isOneTooMany = ({ arrivingBytes, inflow }: State) => arrivingBytes > SMALL_BYTES_MAX && inflow.isFull;

/** Keeps count of this connection's share of what is arriving. */
function countArriving(state: State): void {
  const arrivingBytes = state.decoder.bytesBuffered;
  if (arrivingBytes === state.arrivingBytes) return;
  state.inflow.change(arrivingBytes - state.arrivingBytes);
  state.arrivingBytes = arrivingBytes;
}

function answerAll(state: State, nowMs: number): void {
  const { decoder, writer, socket, settings } = state;
  const target = kvStore.open();
  const roomBytes = settings.pendingAnswerBytesMax - socket.writableLength;
  for (let found = decoder.next(); found !== undefined; found = decoder.next()) {
    if (found.type === 'request') encodeResponse(answer(found, target, nowMs), writer);
    else {
      if (found.answer) encodeResponse(found.answer, writer);
      state.closing = found.fatal;
    }
    if (writer.bytes > roomBytes) {
      state.stalled = true;
      return;
    }
  }
}

const answer = (request: Request, target: Target | undefined, nowMs: number) =>
  target ? answerRequest(request, target, nowMs) : unavailable(request);

/** Everything that this turn has answered leaves in one write. */
function send({ socket, writer }: State): void {
  const pieces = writer.takeAll();
  if (pieces.length > 1) socket.cork();
  for (const piece of pieces) {
    if (typeof piece === 'string') socket.write(piece, 'latin1');
    else socket.write(piece);
  }
  if (pieces.length > 1) socket.uncork();
}

/** Reads and decodes nothing until the socket has drained; if it took everything at once, it already has. */
function waitForReader(state: State, self: Self<Info>): Handled<State> {
  if (state.socket.writableNeedDrain) state.socket.pause();
  else self.send(self.pid, { type: 'drain' });
  return noReply(state);
}

/**
 * The last answer leaves; then the socket goes, whether or not the client closes its side. Until then
 * what it sends is dropped unseen: a socket that is closed with bytes unread takes its last answer along.
 */
function close(state: State, self: Self<Info>): Handled<State> {
  state.socket.end();
  state.socket.removeAllListeners('data').resume();
  self.sendAfter(LINGER_MS, self.pid, { type: 'closed' });
  return noReply(state);
}

/** Ends the connection in the middle of a request, with a word why. */
function giveUp(state: State, self: Self<Info>, status: Status, why: string): Handled<State> {
  const value = fromUtf8(`Cannot read request: ${why}`);
  encodeResponse({ type: 'response', version: 1, status, value }, state.writer);
  state.closing = true;
  // What has come of the request is let go at once, not when the client has gone.
  state.decoder = new RequestDecoder(state.settings);
  countArriving(state);
  send(state);
  return close(state, self);
}

function flushed(socket: Socket): Promise<void> {
  if (socket.destroyed || socket.writableFinished) return Promise.resolve();
  return new Promise((resolve) => {
    socket.once('finish', resolve);
    socket.once('close', () => resolve());
    socket.end();
  });
}
