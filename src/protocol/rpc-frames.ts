/**
 * RPC frames: what travels between two nodes once they have shaken hands (wire format, section 3).
 *
 *   frame      length:u32 message, `length` being that of the message
 *   message    a MessagePack array, by its first element:
 *   request    [0, correlationId, method, deadlineMs | nil, body]
 *   response   [1, correlationId, body]
 *   error      [2, correlationId, code, message]
 *   tell       [3, method, body], which is not answered
 *
 * A request's correlation id, 1 to 2^32 - 1, is chosen by its sender, unique among those that he
 * has in flight on this connection, and repeated in the answer: answers come in any order. An
 * error with correlation id 0 is about the connection, which ends after it. What a body means is
 * said in rpc-messages.ts, what it may be made of in rpc-values.ts.
 */
import { toBuffer } from '../octets';
import { err, ok, type Result } from '../result';
import { unreachable } from '../unreachable';
import { OctetReader } from './octet-reader';
import { type OctetWriter, uint32 } from './octet-writer';
import { FRAME_BYTES_MAX } from './rpc-limits';
import { firstTwoNumbers, packValue, type RpcValue, unpackValue } from './rpc-values';

/** The correlation id of an error that is no answer but the end of the connection. */
export const WHOLE_CONNECTION = 0;

/** What an error can say, each with its meaning. A newer node may say more: a reader takes any other as `internal`. */
export const RPC_ERRORS = {
  unknown_method: 'The node does not speak this method',
  bad_request: 'The request cannot be understood; the same bytes will never be',
  overloaded: 'Too much is in flight: nothing was done; try again later or elsewhere',
  deadline_passed: 'The time that the request allowed was over before it was begun: nothing was done',
  not_a_member: 'The node is in no ring, or on its way out of one',
  refused: 'The node will not speak with this one; said of a whole connection',
  internal: 'Something broke that nobody had thought of; what was asked for may or may not have been done',
} as const;

/** Why a request was not answered as it would have liked. */
export type RpcErrorCode = keyof typeof RPC_ERRORS;

/** A question that waits for its answer. */
export interface RequestFrame {
  readonly type: 'request';
  readonly correlationId: number;
  readonly method: string;
  /** How long the asker will wait, from when he sent it; absent: as long as the connection lives. */
  readonly deadlineMs?: number | undefined;
  readonly body: RpcValue;
}

/** The answer to a request. */
export interface ResponseFrame {
  readonly type: 'response';
  readonly correlationId: number;
  readonly body: RpcValue;
}

/** Why there is no such answer; with {@link WHOLE_CONNECTION}, why there will be none at all. */
export interface ErrorFrame {
  readonly type: 'error';
  readonly correlationId: number;
  readonly code: RpcErrorCode;
  /** What happened this time, for a log. */
  readonly message: string;
}

/** A message that nobody answers. */
export interface TellFrame {
  readonly type: 'tell';
  readonly method: string;
  readonly body: RpcValue;
}

/** What travels. */
export type Frame = RequestFrame | ResponseFrame | ErrorFrame | TellFrame;

/** Bytes that are no frame, and what to do about them. */
export interface FrameRefusal {
  readonly type: 'refused';
  /** What is wrong, as a sentence for a log or an error frame. */
  readonly message: string;
  /** Whose frame it was, as far as it could be read: a request to answer with an error, or the answer that somebody waits for. */
  readonly about?: { readonly type: 'request' | 'answer'; readonly correlationId: number };
  /** The framing is lost and nothing more will be decoded: the connection must be closed. */
  readonly fatal: boolean;
}

/** Knows some messages at sight. */
export interface Shortcut<Short> {
  /** What a message means that lies in `bytes[start, end)`, and no more can be said of it; undefined: to be read as any other. */
  read(bytes: Buffer, start: number, end: number): Short | undefined;
}

/** What next() finds in the bytes. */
export type DecodedFrame = Frame | FrameRefusal;

const TAGS = { request: 0, response: 1, error: 2, tell: 3 } as const;
const METHOD_CHARS_MAX = 64;
const ERROR_CHARS_MAX = 1024;

/**
 * Writes a frame, and gives back how many bytes it takes; or the sentence that says why it cannot travel, with
 * nothing written. Throws on a number that has no place in a frame.
 */
export function encodeFrame(frame: Frame, writer: OctetWriter, bytesMax = FRAME_BYTES_MAX): Result<number, string> {
  return writeMessage(messageOf(frame), writer, bytesMax);
}

/** Writes a frame whose message is packed already, and gives back how many bytes it takes. */
export function writePacked(message: string, writer: OctetWriter): number {
  writer.write(uint32(message.length) + message);
  return 4 + message.length;
}

/** Writes any message as a frame, as {@link encodeFrame} does. For the handshake, whose messages are not frames of a conversation. */
export function writeMessage(message: RpcValue, writer: OctetWriter, bytesMax: number): Result<number, string> {
  const bytes = packValue(message);
  if (bytes.length > bytesMax) {
    return err(`Cannot write frame: ${bytes.length} bytes are more than the ${bytesMax} that one may have`);
  }
  writer.write(uint32(bytes.length));
  writer.write(bytes);
  return ok(4 + bytes.length);
}

/** The frame that a message stands for; undefined where it stands for none. */
export function frameOf(message: RpcValue): Frame | undefined {
  if (!Array.isArray(message)) return undefined;
  const [tag, ...fields]: readonly RpcValue[] = message;
  switch (tag) {
    case TAGS.request:
      return requestOf(fields);
    case TAGS.response:
      return responseOf(fields);
    case TAGS.error:
      return errorOf(fields);
    case TAGS.tell:
      return tellOf(fields);
    default:
      return undefined;
  }
}

/**
 * Takes one connection's bytes apart into frames.
 *
 * A frame that cannot be understood is refused, and decoding goes on behind it; only an announced
 * length beyond `bytesMax` is fatal, and nothing is set aside for it. Memory grows with what has come,
 * never with what was announced. No input throws. The bytes in a body are parts of one copy of the
 * frame: whoever keeps a few of them copies them, so as not to keep the whole.
 *
 * @example
 * decoder.push(chunk);
 * for (let found = decoder.next(); found !== undefined; found = decoder.next()) handle(found);
 */
export class FrameDecoder<Short = never> {
  private step: 'length' | 'message' | 'nothing' = 'length';
  private messageBytes = 0;

  /**
   * @param input what has come already and was not for somebody else: that of the handshake
   * @param shortcut is shown every message that came in one piece first, and may say what it means
   */
  constructor(
    private readonly bytesMax = FRAME_BYTES_MAX,
    private readonly input = new OctetReader(),
    private readonly shortcut?: Shortcut<Short>,
  ) {}

  /** More bytes of the connection. They may be overwritten once next() has answered undefined. */
  push(chunk: Uint8Array): void {
    if (this.step !== 'nothing') this.input.push(chunk);
  }

  /** How many bytes are held that have come and have not been decoded. */
  get bytesBuffered(): number {
    return this.input.bytesBuffered;
  }

  /** Whether a frame has begun and its end has not come. Tells after next() has answered undefined. */
  get midFrame(): boolean {
    return this.step === 'length' ? this.input.midField : this.step === 'message';
  }

  /** The next frame, or what is wrong with it; undefined where it takes more bytes to tell. */
  next(): DecodedFrame | Short | undefined {
    switch (this.step) {
      case 'length':
        return this.readLength();
      case 'message':
        return this.readMessage();
      case 'nothing':
        return undefined;
      default:
        return unreachable(this.step);
    }
  }

  private readLength(): DecodedFrame | Short | undefined {
    const bytes = this.input.uint32();
    if (bytes === undefined) return undefined;
    if (bytes > this.bytesMax) return this.loseFraming(bytes);
    this.messageBytes = bytes;
    this.step = 'message';
    return this.readMessage();
  }

  private readMessage(): DecodedFrame | Short | undefined {
    const short = this.readShort();
    if (short !== undefined) return short;
    const octets = this.input.octets(this.messageBytes);
    if (octets === undefined) return undefined;
    this.step = 'length';
    return decodeMessage(toBuffer(octets));
  }

  private readShort(): Short | undefined {
    const { input, messageBytes } = this;
    const { piece, pieceAt } = input;
    const end = pieceAt + messageBytes;
    if (this.shortcut === undefined || input.midField || end > piece.length) return undefined;
    const short = this.shortcut.read(piece, pieceAt, end);
    if (short === undefined) return undefined;
    this.step = 'length';
    input.passTo(end);
    return short;
  }

  private loseFraming(bytes: number): FrameRefusal {
    this.step = 'nothing';
    this.input.clear();
    const message = `Cannot read frame: ${bytes} bytes are more than the ${this.bytesMax} that one may have`;
    return { type: 'refused', message, fatal: true };
  }
}

function decodeMessage(bytes: Buffer): DecodedFrame {
  const unpacked = unpackValue(bytes);
  if (!unpacked.ok) return refusal(unpacked.error, bytes);
  return frameOf(unpacked.value) ?? refusal('it is neither request, response, error nor tell', bytes);
}

function refusal(fault: string, bytes: Uint8Array): FrameRefusal {
  const refused = { type: 'refused', message: `Cannot read frame: ${fault}`, fatal: false } as const;
  const [tag, correlationId = WHOLE_CONNECTION] = firstTwoNumbers(bytes) ?? [];
  if (correlationId === WHOLE_CONNECTION) return refused;
  switch (tag) {
    case TAGS.request:
      return { ...refused, about: { type: 'request', correlationId } };
    case TAGS.response:
    case TAGS.error:
      return { ...refused, about: { type: 'answer', correlationId } };
    default:
      return refused;
  }
}

// From frames to messages

function messageOf(frame: Frame): RpcValue {
  switch (frame.type) {
    case 'request':
      return [TAGS.request, must(isCorrelationId, frame.correlationId), frame.method, deadlineOf(frame), frame.body];
    case 'response':
      return [TAGS.response, must(isCorrelationId, frame.correlationId), frame.body];
    case 'error':
      return [TAGS.error, must(isUint32, frame.correlationId), frame.code, frame.message.slice(0, ERROR_CHARS_MAX)];
    case 'tell':
      return [TAGS.tell, frame.method, frame.body];
    default:
      return unreachable(frame);
  }
}

function deadlineOf({ deadlineMs }: RequestFrame): number | null {
  return deadlineMs === undefined ? null : must(isUint32, deadlineMs);
}

function must(isRight: (value: number) => boolean, value: number): number {
  if (!isRight(value)) throw new RangeError(`Cannot encode frame: ${value} has no place in it`);
  return value;
}

// From messages to frames: each place of the array has its type

function requestOf(fields: readonly RpcValue[]): RequestFrame | undefined {
  const [correlationId, method, deadlineMs, body] = fields;
  if (fields.length !== 4 || body === undefined || !isCorrelationId(correlationId) || !isMethod(method))
    return undefined;
  if (deadlineMs === null) return { type: 'request', correlationId, method, body };
  return isUint32(deadlineMs) ? { type: 'request', correlationId, method, deadlineMs, body } : undefined;
}

function responseOf(fields: readonly RpcValue[]): ResponseFrame | undefined {
  const [correlationId, body] = fields;
  if (fields.length !== 2 || body === undefined || !isCorrelationId(correlationId)) return undefined;
  return { type: 'response', correlationId, body };
}

function errorOf(fields: readonly RpcValue[]): ErrorFrame | undefined {
  const [correlationId, code, message] = fields;
  if (fields.length !== 3 || !isUint32(correlationId)) return undefined;
  if (typeof code !== 'string' || typeof message !== 'string') return undefined;
  const text = message.slice(0, ERROR_CHARS_MAX);
  return { type: 'error', correlationId, code: isErrorCode(code) ? code : 'internal', message: text };
}

function tellOf(fields: readonly RpcValue[]): TellFrame | undefined {
  const [method, body] = fields;
  if (fields.length !== 2 || body === undefined || !isMethod(method)) return undefined;
  return { type: 'tell', method, body };
}

function isUint32(value: unknown): value is number {
  return typeof value === 'number' && value >>> 0 === value;
}

function isCorrelationId(value: unknown): value is number {
  return isUint32(value) && value !== WHOLE_CONNECTION;
}

function isMethod(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= METHOD_CHARS_MAX;
}

function isErrorCode(code: string): code is RpcErrorCode {
  return Object.hasOwn(RPC_ERRORS, code);
}
