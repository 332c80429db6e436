/**
 * RPC handshake: how two nodes find out that they may speak with each other (wire format, section 3).
 *
 *   dialler    preamble                   hello
 *   listener             preamble hello
 *
 *   preamble   "CHRPC" version:u8
 *   hello      length:u32, then MessagePack [4, id: 20 bytes, host, port, inc, cluster, [feature, ...], replicas,
 *              proof: bin | nil]
 *   refusal    length:u32, then MessagePack [2, 0, code, message]; the connection ends after it
 *
 * A newer node may add to the end of a hello; what is not known is passed over. `proof` keeps the
 * place of a challenge and its response, for the day when a cluster has a secret: it is read and
 * not looked at. Both sides check what the other says, and whoever refuses says why, so that the
 * logs of both tell the same story. Who has been accepted speaks frames from the next byte on, and
 * what he sends needs no sender: it comes from the peer that his hello named.
 */
import { nodeAddress, type NodeId, nodeId } from '../chord/id';
import type { Peer } from '../chord/peer';
import { type Octets, toBinaryString, toBuffer } from '../octets';
import { err, ok, type Result } from '../result';
import { unreachable } from '../unreachable';
import { OctetReader } from './octet-reader';
import { OctetWriter } from './octet-writer';
import { frameOf, WHOLE_CONNECTION, writeMessage } from './rpc-frames';
import { type RpcValue, uint64Of, unpackValue } from './rpc-values';

/** What a node-to-node connection begins with, both ways. */
export const RPC_MAGIC = 'CHRPC';

/** The version of the node-to-node protocol. */
export const RPC_VERSION = 1;

/** Longest hello: 4 KiB. A stranger can make a node hold no more. */
export const HELLO_BYTES_MAX = 4096;

/** What a node says of itself before anything else. */
export interface Hello {
  /** SHA-1 of `host:port`. */
  readonly id: NodeId;
  /** The host and port that it advertises: where others dial it, not where this connection comes from. */
  readonly host: string;
  readonly port: number;
  /** The larger, the later it was started: 0 to 2^64 - 1. */
  readonly inc: bigint;
  /** Only nodes of one cluster speak with each other: 1 to 64 characters, no blanks. */
  readonly cluster: string;
  /** What it can do besides the version: at most 32 names of at most 32 characters. */
  readonly features: readonly string[];
  /** On how many nodes it means each key to be kept, 1 to 255: the same on all nodes of a ring. */
  readonly replicas: number;
  /** Not looked at yet. */
  readonly proof?: Uint8Array | undefined;
}

/** Why two nodes do not speak with each other. */
export type HandshakeFault =
  /** The other side does not speak this protocol at all. */
  | 'not_rpc'
  /** It speaks another version of it. */
  | 'version_mismatch'
  /** Its hello makes no sense. */
  | 'bad_hello'
  /** Its identifier is not the one that its address has. */
  | 'id_mismatch'
  /** It belongs to another cluster. */
  | 'cluster_mismatch'
  /** It keeps another number of copies of each key. */
  | 'replicas_mismatch'
  /** It is this very node. */
  | 'same_node'
  /** It is not the node that was dialled: an address that has changed hands, or is advertised wrongly. */
  | 'other_node'
  /** It was the other side that refused. */
  | 'refused_by_peer';

/** What a handshake wants done, or has come to. */
export type HandshakeEvent =
  | { readonly type: 'send'; readonly octets: Octets }
  /** Frames may be spoken. `features` are those that both sides have. */
  | { readonly type: 'accepted'; readonly hello: Hello; readonly features: readonly string[] }
  /** Send the farewell, if there is one, and close the connection. */
  | { readonly type: 'refused'; readonly code: HandshakeFault; readonly message: string; readonly farewell?: Octets };

/** Who shakes hands. */
export interface HandshakeOptions {
  readonly role: 'dialler' | 'listener';
  readonly self: Hello;
  /** Whom the dialler means to reach, where it knows. */
  readonly expects?: NodeId | undefined;
}

interface Fault {
  readonly code: HandshakeFault;
  readonly message: string;
}

type Step = 'open' | 'magic' | 'version' | 'hello_length' | 'hello' | 'accepted' | 'refused';

const HELLO_TAG = 4;
const ID_BYTES = 20;
const CLUSTER_CHARS_MAX = 64;
const HOST_CHARS_MAX = 255;
const FEATURES_MAX = 32;
const FEATURE_CHARS_MAX = 32;
const PROOF_BYTES_MAX = 1024;
const PORT_MAX = 65_535;
const REPLICAS_MAX = 255;
const NO_BLANKS = /^[^\s\p{Cc}]+$/u;
const PREAMBLE = RPC_MAGIC + String.fromCharCode(RPC_VERSION);

/** What a node that advertises `host:port` says of itself. */
export function helloOf(node: Omit<Hello, 'id'>): Hello {
  return { id: nodeId(node.host, node.port), ...node };
}

/** The member of the ring that a hello names. */
export function peerOf({ id, host, port, inc }: Hello): Peer {
  return { id, addr: nodeAddress(host, port), inc };
}

/**
 * One side of a handshake: bytes in; bytes to send and a verdict out. No input throws, and nothing is read past
 * the other's hello: what comes behind it is in `input`, for the decoder of frames.
 *
 * @example
 * handshake.push(chunk);
 * for (let event = handshake.next(); event !== undefined; event = handshake.next()) {
 *   if (event.type === 'send') socket.write(toBuffer(event.octets));
 *   if (event.type === 'accepted') frames = new FrameDecoder(FRAME_BYTES_MAX, handshake.input);
 * }
 */
export class Handshake {
  private step: Step;
  private helloBytes = 0;
  private readonly ownHello: string;

  /** Throws where `self` is not a hello that others would accept. */
  constructor(
    private readonly options: HandshakeOptions,
    /** What has come and belongs to nobody yet. */
    readonly input = new OctetReader(),
  ) {
    this.step = options.role === 'dialler' ? 'open' : 'magic';
    this.ownHello = written(messageOfHello(options.self));
    const checked = helloIn(Buffer.from(this.ownHello.slice(4), 'latin1'));
    if (!checked.ok) throw new RangeError(`Cannot shake hands: ${checked.error.message}`);
  }

  /**
   * More bytes of the connection. They may be overwritten once next() has answered undefined; but after it has
   * accepted, once the decoder of frames has.
   */
  push(chunk: Uint8Array): void {
    if (this.step !== 'refused') this.input.push(chunk);
  }

  /** What to do next; undefined where that takes more bytes, or it is over. A dialler asks once before any have come. */
  next(): HandshakeEvent | undefined {
    switch (this.step) {
      case 'open':
        this.step = 'magic';
        return { type: 'send', octets: toBinaryString(Buffer.from(PREAMBLE, 'latin1')) };
      case 'magic':
        return this.readMagic();
      case 'version':
        return this.readVersion();
      case 'hello_length':
        return this.readHelloLength();
      case 'hello':
        return this.readHello();
      case 'accepted':
      case 'refused':
        return undefined;
      default:
        return unreachable(this.step);
    }
  }

  private readMagic(): HandshakeEvent | undefined {
    const matches = this.input.matches(RPC_MAGIC);
    if (matches === undefined) return undefined;
    if (!matches) return this.refuse({ code: 'not_rpc', message: `the other side does not begin with "${RPC_MAGIC}"` });
    this.step = 'version';
    return this.readVersion();
  }

  private readVersion(): HandshakeEvent | undefined {
    const version = this.input.uint8();
    if (version === undefined) return undefined;
    const isListener = this.options.role === 'listener';
    if (version !== RPC_VERSION) {
      const message = `the other side speaks version ${version} of the protocol, this node version ${RPC_VERSION}`;
      return this.refuse({ code: 'version_mismatch', message }, isListener ? PREAMBLE : '');
    }
    this.step = 'hello_length';
    return { type: 'send', octets: octetsOf(isListener ? PREAMBLE + this.ownHello : this.ownHello) };
  }

  private readHelloLength(): HandshakeEvent | undefined {
    const bytes = this.input.uint32();
    if (bytes === undefined) return undefined;
    if (bytes > HELLO_BYTES_MAX) {
      const message = `the hello has ${bytes} bytes, more than the ${HELLO_BYTES_MAX} that one may have`;
      return this.refuseAloud({ code: 'bad_hello', message });
    }
    this.helloBytes = bytes;
    this.step = 'hello';
    return this.readHello();
  }

  private readHello(): HandshakeEvent | undefined {
    const octets = this.input.octets(this.helloBytes);
    if (octets === undefined) return undefined;
    const read = helloIn(toBuffer(octets));
    if (!read.ok) return read.error.code === 'refused_by_peer' ? this.refuse(read.error) : this.refuseAloud(read.error);
    const hello = read.value;
    const fault = mismatch(this.options, hello);
    if (fault !== undefined) return this.refuseAloud(fault);
    this.step = 'accepted';
    const features = this.options.self.features.filter((feature) => hello.features.includes(feature));
    return { type: 'accepted', hello, features };
  }

  /** Refuses somebody who understands an error frame. */
  private refuseAloud(fault: Fault): HandshakeEvent {
    return this.refuse(fault, written([2, WHOLE_CONNECTION, 'refused', `${fault.code}: ${fault.message}`]));
  }

  private refuse({ code, message }: Fault, farewell = ''): HandshakeEvent {
    this.step = 'refused';
    this.input.clear();
    const refused = { type: 'refused', code, message: `Cannot speak with node: ${message}` } as const;
    return farewell === '' ? refused : { ...refused, farewell: octetsOf(farewell) };
  }
}

/** Why this node does not speak with the one that said `hello`, which makes sense by itself. */
function mismatch({ self, expects }: HandshakeOptions, hello: Hello): Fault | undefined {
  const address = `${hello.host}:${hello.port}`;
  if (hello.cluster !== self.cluster) {
    const message = `${address} belongs to cluster "${hello.cluster}", ${self.host}:${self.port} to "${self.cluster}"`;
    return { code: 'cluster_mismatch', message };
  }
  if (hello.replicas !== self.replicas) {
    const message = `${address} keeps ${copies(hello)} of each key, ${self.host}:${self.port} ${copies(self)}`;
    return { code: 'replicas_mismatch', message };
  }
  if (hello.id === self.id) return { code: 'same_node', message: `${address} is this node itself` };
  if (expects !== undefined && hello.id !== expects) {
    return { code: 'other_node', message: `${address} (${hello.id}) is not the one that was dialled (${expects})` };
  }
  return undefined;
}

const copies = ({ replicas }: Hello): string => (replicas === 1 ? '1 copy' : `${replicas} copies`);

function messageOfHello({ id, host, port, inc, cluster, features, proof, replicas }: Hello): RpcValue {
  return [HELLO_TAG, Buffer.from(id, 'hex'), host, port, inc, cluster, features, replicas, proof ?? null];
}

function helloIn(bytes: Buffer): Result<Hello, Fault> {
  const bad = (what: string): Result<never, Fault> =>
    err({ code: 'bad_hello', message: `the hello is wrong: ${what}` });
  const unpacked = unpackValue(bytes);
  if (!unpacked.ok) return bad(unpacked.error);
  const frame = frameOf(unpacked.value);
  if (frame?.type === 'error')
    return err({ code: 'refused_by_peer', message: `the other side refuses, ${frame.message}` });
  if (!Array.isArray(unpacked.value) || unpacked.value[0] !== HELLO_TAG) return bad('it is something else');
  const [, id, host, port, inc, cluster, features, replicas, proof = null]: readonly unknown[] = unpacked.value;
  if (!isBytes(id, ID_BYTES) || id.length !== ID_BYTES) return bad(`"id" is not ${ID_BYTES} bytes`);
  if (!isText(host, HOST_CHARS_MAX)) return bad('"host" is no host');
  if (!isPort(port)) return bad('"port" is no port');
  const incarnation = uint64Of(inc);
  if (incarnation === undefined) return bad('"inc" is not a whole number of 64 bits');
  if (!isText(cluster, CLUSTER_CHARS_MAX)) return bad('"cluster" is no name');
  if (!isFeatures(features)) return bad('"features" are not names');
  if (proof !== null && !isBytes(proof, PROOF_BYTES_MAX)) return bad('"proof" is neither bytes nor nil');
  if (!isReplicas(replicas)) return bad(`"replicas" is not a whole number from 1 to ${REPLICAS_MAX}`);
  const hello = helloOf({ host, port, inc: incarnation, cluster, features, replicas });
  if (toBuffer(id).toString('hex') !== hello.id) {
    return err({ code: 'id_mismatch', message: `the identifier is not the SHA-1 of the address ${host}:${port}` });
  }
  return ok(proof === null ? hello : { ...hello, proof: Uint8Array.from(proof) });
}

function isBytes(value: unknown, bytesMax: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length <= bytesMax;
}

function isText(value: unknown, charsMax: number): value is string {
  return typeof value === 'string' && value.length <= charsMax && NO_BLANKS.test(value);
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= PORT_MAX;
}

function isReplicas(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= REPLICAS_MAX;
}

function isFeatures(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length > FEATURES_MAX) return false;
  return value.every((feature) => isText(feature, FEATURE_CHARS_MAX));
}

/** A message as a frame, as text: one character per byte. */
function written(message: RpcValue): string {
  const writer = new OctetWriter();
  const fits = writeMessage(message, writer, HELLO_BYTES_MAX);
  if (!fits.ok) throw new RangeError(fits.error);
  return writer.takeAll().map(toBinaryString).join('');
}

function octetsOf(text: string): Octets {
  return toBinaryString(Buffer.from(text, 'latin1'));
}
