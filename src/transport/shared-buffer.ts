/**
 * Shared buffer: reading many sockets into the same memory.
 *
 * For each read of an ordinary socket Node takes 64 KiB, gives back what was not filled, and lets the
 * garbage collector look after the rest. Where a read brings a hundred bytes, that is a tenth of all that
 * a node does for a request. `onread` exists to spare it, yet it can only be had for sockets
 * that connect: those that a server accepts are made without it. So an accepted socket's connection is
 * moved into a socket that has it. This takes two fields that Node does not document, though all its
 * releases have them; where one has not, the socket stays as it was made, and only costs more.
 */
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';

/**
 * The same connection in a socket that takes each `data` out of one buffer for all: as a copy, which is its
 * receiver's. It is paused and half-open, as the accepted one is, which must not be used any more. All works
 * as ever but reading by hand (`read()`, `pipe()`): what comes while nobody listens to `data` is dropped.
 *
 * @param accepted from a server with `pauseOnConnect` and `allowHalfOpen`, of which nothing has been read
 */
export function readThroughSharedBuffer(accepted: Socket): Socket {
  const from = accepted as unknown as Inside;
  const { _handle: handle, _server: server } = from;
  if (!handle || !server) return accepted;
  const socket: Socket = new Socket(optionsFor(handle, (chunk) => socket.emit('data', chunk)));
  socket.pause();
  // The server counts its connections down when this one closes.
  (socket as unknown as Inside)._server = server;
  from._handle = null;
  from._server = null;
  return socket;
}

/** What a socket is about: the connection itself, and the server that counts it. */
interface Inside {
  _handle?: object | null;
  _server?: object | null;
}

/** What it takes to make a socket as a server does, which no declaration says. */
interface Options extends SocketConstructorOpts {
  readonly handle: object;
  /** Nothing is read before somebody wants it. */
  readonly manualStart: boolean;
  readonly onread: OnReadOpts;
}

/** As much as Node would take for one read. */
const BUFFER_BYTES = 64 * 1024;
const BUFFER: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);

function optionsFor(handle: object, take: (chunk: Buffer) => void): Options {
  const callback = (bytes: number): boolean => {
    const chunk = Buffer.allocUnsafe(bytes);
    BUFFER.copy(chunk, 0, 0, bytes);
    take(chunk);
    return true;
  };
  return { handle, allowHalfOpen: true, manualStart: true, onread: { buffer: BUFFER, callback } };
}
