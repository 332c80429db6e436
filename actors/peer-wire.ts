/**
 * Peer wire: the socket of a link, and what has been understood of what came through it.
 *
 * It belongs to one attempt to reach the other node: when it is of no more use, the link drops it and
 * dials another. What happens to the socket comes to the link's process as messages, each of which
 * says which wire it is of: one that was dropped has nothing more to say.
 */
import { connect, type Socket } from 'node:net';
import { addressId } from '../src/chord/id';
import type { Peer } from '../src/chord/peer';
import { parseAddress } from '../src/client/address';
import { type Octets, toBuffer } from '../src/octets';
import type { Pid, Runtime } from '../src/otp';
import { OctetWriter } from '../src/protocol/octet-writer';
import { PackedFrames, type ShortFrame } from '../src/protocol/rpc-data-packed';
import { type DecodedFrame, FrameDecoder } from '../src/protocol/rpc-frames';
import { Handshake, type HandshakeEvent, type Hello, peerOf } from '../src/protocol/rpc-handshake';
import type { Writers } from '../src/replication/version';

/** What happens to a wire. */
export type WireMessage =
  | { readonly type: 'wire_connected' | 'wire_drained'; readonly wire: PeerWire }
  | { readonly type: 'wire_data'; readonly wire: PeerWire; readonly chunk: Buffer }
  /** It is over; with the system's word for why, where there is one. */
  | { readonly type: 'wire_closed'; readonly wire: PeerWire; readonly code: string | undefined };

/** What a wire needs of its node. */
export interface WireOptions {
  /** What this node says of itself. */
  readonly hello: Hello;
  /** The node's, for the versions that come. */
  readonly writers: Writers;
}

/** How a handshake has ended. */
export type Verdict = Exclude<HandshakeEvent, { type: 'send' }>;

/** One connection to another node, dialled by this one. */
export class PeerWire {
  /** What is written here leaves with {@link flush}. */
  readonly writer = new OctetWriter();
  /** Who is at the other end; undefined until the handshake has succeeded. */
  peer: Peer | undefined;
  /** Whether anything that the other side has said after the handshake has been understood. */
  wasOfUse = false;
  private readonly socket: Socket;
  private readonly handshake: Handshake;
  private decoder: FrameDecoder<ShortFrame> | undefined;
  private code: string | undefined;
  private readonly packedFrames: PackedFrames;

  /** Throws where `addr` is no address. */
  constructor(addr: string, { hello, writers }: WireOptions, runtime: Runtime, link: Pid<WireMessage>) {
    this.packedFrames = new PackedFrames(writers);
    const address = parseAddress(addr);
    if (!address.ok) throw new RangeError(address.error);
    this.handshake = new Handshake({ role: 'dialler', self: hello, expects: addressId(addr) });
    this.socket = connect({ ...address.value, noDelay: true, keepAlive: true });
    const tell = (message: WireMessage) => runtime.send(link, message);
    this.socket
      .on('connect', () => tell({ type: 'wire_connected', wire: this }))
      .on('data', (chunk: Buffer) => tell({ type: 'wire_data', wire: this, chunk }))
      .on('drain', () => tell({ type: 'wire_drained', wire: this }))
      .on('error', ({ code }: NodeJS.ErrnoException) => {
        this.code = code;
      })
      .on('close', () => tell({ type: 'wire_closed', wire: this, code: this.code }));
  }

  /** How many bytes wait to be taken by the other side. */
  get bytesUnsent(): number {
    return this.socket.writableLength;
  }

  /** Whether the other side is slow, and should be given no more. */
  get isFull(): boolean {
    return this.socket.writableNeedDrain;
  }

  /** Goes on with the handshake, as far as what has come allows; a verdict comes once. */
  shakeHands(chunk?: Buffer): Verdict | undefined {
    if (chunk) this.handshake.push(chunk);
    for (let event = this.handshake.next(); event !== undefined; event = this.handshake.next()) {
      if (event.type === 'send') {
        this.socket.write(toBuffer(event.octets));
        continue;
      }
      if (event.type === 'accepted') {
        this.peer = peerOf(event.hello);
        this.decoder = new FrameDecoder(undefined, this.handshake.input, this.packedFrames);
      }
      return event;
    }
    return undefined;
  }

  /** More bytes, after the handshake. */
  push(chunk: Buffer): void {
    this.decoder?.push(chunk);
  }

  /** The next frame, or what is wrong with it; undefined where that takes more bytes. */
  next(): DecodedFrame | ShortFrame | undefined {
    return this.decoder?.next();
  }

  /** What has been written leaves in one piece. */
  flush(): void {
    const pieces = this.writer.takeAll();
    if (pieces.length > 1) this.socket.cork();
    for (const piece of pieces) {
      if (typeof piece === 'string') this.socket.write(piece, 'latin1');
      else this.socket.write(piece);
    }
    if (pieces.length > 1) this.socket.uncork();
  }

  /** Says a last word, if there is one, and ends. */
  end(farewell?: Octets): void {
    if (farewell !== undefined) this.socket.write(toBuffer(farewell));
    this.socket.destroySoon();
  }

  /** Ends it now. */
  destroy(): void {
    this.socket.destroy();
  }
}
