/**
 * Requests out of bytes: the node's ear for both versions of the client protocol.
 *
 *   v1 GET, DELETE   "KVS" 01 op keyLen:u32 key
 *   v1 PUT           "KVS" 01 op keyLen:u32 key valLen:u32 value
 *   v1 PING, STATS   "KVS" 01 op
 *   v2               "KVS" 02 op flags:u8 requestId:u32 [deadlineMs:u32] keyLen:u32 key [valLen:u32 value]
 *
 * Each step below reads one field and goes on to the next. Where bytes are lacking it notes its own
 * name, and the next call of next() resumes there. A request that is refused as soon as its length
 * is known goes on as a step too: its bytes are read past without being kept.
 */
import { type BinaryString, EMPTY, fromUtf8, type Octets } from '../octets';
import { unreachable } from '../unreachable';
import {
  consistencyOfFlags,
  DEFAULT_LIMITS,
  type Limits,
  MAGIC,
  type Op,
  opOfByte,
  REQUEST_FLAGS,
  type Request,
  type Response,
} from './client-protocol';
import { OctetReader } from './octet-reader';

/** Bytes that are no request that this node serves, and what to do about them. */
export interface Refusal {
  readonly type: 'refused';
  /** What is wrong, as a sentence for a log. */
  readonly message: string;
  /** What to answer, in its turn; absent where the same request has been answered by an earlier refusal. */
  readonly answer?: Response;
  /** Nothing more will be decoded: once the answers so far are flushed, the connection must be closed. */
  readonly fatal: boolean;
}

/** What next() finds in the bytes. */
export type DecodedRequest = Request | Refusal;

/** The field that is to be read next. */
type Step =
  | 'magic'
  | 'version'
  | 'op'
  | 'flags'
  | 'request_id'
  | 'deadline'
  | 'key_length'
  | 'key'
  | 'value_length'
  | 'value'
  | 'refused_key'
  | 'refused_value_length'
  | 'refused_value'
  | 'nothing';

/** From the magic to the key's length, a deadline not counted. */
const HEAD_BYTES = { 1: 9, 2: 14 } as const;
/** "KVS" and version 1 as one number. Read at one go it spares a get 30 ns of 330. */
const MAGIC_V1 = 0x4b_56_53_01;
const DEADLINE_BYTES = 4;
const VALUE_LENGTH_BYTES = 4;
const FLAGS_KNOWN = REQUEST_FLAGS.consistency | REQUEST_FLAGS.direct | REQUEST_FLAGS.meta | REQUEST_FLAGS.deadline;

/**
 * Takes one connection's bytes apart into requests (wire format, sections 1 and 2).
 *
 * What breaks a limit but keeps its framing is refused once, as soon as the offending length has
 * been read, and decoding goes on behind it. Where the framing is lost, or the request is longer
 * than `requestBytesMax`, the refusal is fatal. Before a version 2 identifier has been read there
 * is none to answer, and inventing one could end another request: such refusals are answered in
 * version 1. No input throws.
 *
 * @example
 * decoder.push(chunk);
 * for (let found = decoder.next(); found !== undefined; found = decoder.next()) serve(found);
 */
export class RequestDecoder {
  private readonly input = new OctetReader();
  private step: Step = 'magic';
  private version: 1 | 2 = 1;
  private op: Op = 'ping';
  private flags = 0;
  private requestId = 0;
  private deadlineMs: number | undefined = undefined;
  private key: BinaryString = EMPTY;
  /** The announced length of the key or value at hand; of a refused one, what is still to be read past. */
  private fieldBytes = 0;
  /** The length of the whole request, as far as it has been announced. */
  private requestBytes = 0;

  constructor(readonly limits: Limits = DEFAULT_LIMITS) {}

  /** More bytes of the connection. They may be overwritten once next() has answered undefined. */
  push(chunk: Uint8Array): void {
    if (this.step !== 'nothing') this.input.push(chunk);
  }

  /** Where a request begins: the bytes, for those who take whole requests off them; undefined elsewhere. */
  get betweenRequests(): OctetReader | undefined {
    return this.step === 'magic' && !this.input.midField ? this.input : undefined;
  }

  /** How many bytes are held that have come and have not been decoded. */
  get bytesBuffered(): number {
    return this.input.bytesBuffered + this.key.length;
  }

  /** Whether a request has begun and its end has not come. Tells after next() has answered undefined. */
  get midRequest(): boolean {
    return this.step === 'magic' ? this.input.midField : this.step !== 'nothing';
  }

  /** The next request, or what is wrong with it; undefined where it takes more bytes to tell. */
  next(): DecodedRequest | undefined {
    switch (this.step) {
      case 'magic':
        return this.readMagic();
      case 'version':
        return this.readVersion();
      case 'op':
        return this.readOp();
      case 'flags':
        return this.readFlags();
      case 'request_id':
        return this.readRequestId();
      case 'deadline':
        return this.readDeadline();
      case 'key_length':
        return this.readKeyLength();
      case 'key':
        return this.readKey();
      case 'value_length':
        return this.readValueLength();
      case 'value':
        return this.readValue();
      case 'refused_key':
        return this.skipKey();
      case 'refused_value_length':
        return this.skipValueLength();
      case 'refused_value':
        return this.skipValue();
      case 'nothing':
        return undefined;
      default:
        return unreachable(this.step);
    }
  }

  // The head

  private readMagic(): DecodedRequest | undefined {
    if (this.input.takesUint32(MAGIC_V1)) return this.readOpV1();
    const matches = this.input.matches(MAGIC);
    if (matches === undefined) return this.resumeAt('magic');
    return matches ? this.readVersion() : this.loseFraming('Cannot read request: it does not begin with "KVS"');
  }

  private readOpV1(): DecodedRequest | undefined {
    this.version = 1;
    return this.readOp();
  }

  private readVersion(): DecodedRequest | undefined {
    const version = this.input.uint8();
    if (version === undefined) return this.resumeAt('version');
    if (version !== 1 && version !== 2) return this.loseFraming(`Cannot read request: unknown version ${version}`);
    this.version = version;
    return this.readOp();
  }

  private readOp(): DecodedRequest | undefined {
    const byte = this.input.uint8();
    if (byte === undefined) return this.resumeAt('op');
    const op = opOfByte(byte);
    if (op === undefined) return this.loseFraming(`Cannot read request: unknown operation ${byte}`);
    this.op = op;
    if (this.version === 2) return this.readFlags();
    return this.carriesNoKey() ? this.complete(EMPTY) : this.readKeyLength();
  }

  private readFlags(): DecodedRequest | undefined {
    const flags = this.input.uint8();
    if (flags === undefined) return this.resumeAt('flags');
    this.flags = flags;
    return this.readRequestId();
  }

  private readRequestId(): DecodedRequest | undefined {
    const requestId = this.input.uint32();
    if (requestId === undefined) return this.resumeAt('request_id');
    this.requestId = requestId;
    return this.flags & REQUEST_FLAGS.deadline ? this.readDeadline() : this.readKeyLength();
  }

  private readDeadline(): DecodedRequest | undefined {
    this.deadlineMs = this.input.uint32();
    return this.deadlineMs === undefined ? this.resumeAt('deadline') : this.readKeyLength();
  }

  // Key and value

  private readKeyLength(): DecodedRequest | undefined {
    const keyBytes = this.input.uint32();
    if (keyBytes === undefined) return this.resumeAt('key_length');
    this.fieldBytes = keyBytes;
    this.requestBytes = this.headBytes() + keyBytes;
    const problem = this.headProblem(keyBytes);
    return problem === undefined ? this.readKey() : this.refuse(problem, 'refused_key');
  }

  private readKey(): DecodedRequest | undefined {
    const key = this.input.binaryString(this.fieldBytes);
    if (key === undefined) return this.resumeAt('key');
    this.key = key;
    return this.op === 'put' ? this.readValueLength() : this.complete(EMPTY);
  }

  private readValueLength(): DecodedRequest | undefined {
    const valueBytes = this.input.uint32();
    if (valueBytes === undefined) return this.resumeAt('value_length');
    this.fieldBytes = valueBytes;
    this.requestBytes += valueBytes;
    const { valueBytesMax } = this.limits;
    if (valueBytes <= valueBytesMax) return this.readValue();
    return this.refuse(tooLong('value', valueBytes, valueBytesMax), 'refused_value');
  }

  private readValue(): DecodedRequest | undefined {
    const value = this.input.octets(this.fieldBytes);
    return value === undefined ? this.resumeAt('value') : this.complete(value);
  }

  private complete(value: Octets): Request {
    const { version, op, key, flags, requestId, deadlineMs } = this;
    this.beginRequest();
    if (version === 1) return { type: 'request', version, op, key, value };
    return {
      type: 'request',
      version,
      op,
      key,
      value,
      requestId,
      // Flags that name no consistency were refused with the head.
      consistency: consistencyOfFlags(flags) ?? 'default',
      direct: (flags & REQUEST_FLAGS.direct) !== 0,
      wantsMeta: (flags & REQUEST_FLAGS.meta) !== 0,
      deadlineMs,
    };
  }

  // Reading past what was refused

  private skipKey(): DecodedRequest | undefined {
    if (!this.skipField()) return this.resumeAt('refused_key');
    return this.op === 'put' ? this.skipValueLength() : this.skipped();
  }

  private skipValueLength(): DecodedRequest | undefined {
    const valueBytes = this.input.uint32();
    if (valueBytes === undefined) return this.resumeAt('refused_value_length');
    this.fieldBytes = valueBytes;
    this.requestBytes += valueBytes;
    if (!this.tooLongToSkip()) return this.skipValue();
    const message = tooLong('request', this.requestBytes, this.limits.requestBytesMax);
    return this.close({ type: 'refused', message, fatal: true });
  }

  private skipValue(): DecodedRequest | undefined {
    return this.skipField() ? this.skipped() : this.resumeAt('refused_value');
  }

  private skipField(): boolean {
    this.fieldBytes -= this.input.skip(this.fieldBytes);
    return this.fieldBytes === 0;
  }

  private skipped(): DecodedRequest | undefined {
    this.beginRequest();
    return this.readMagic();
  }

  // Refusing

  private headProblem(keyBytes: number): string | undefined {
    const { keyBytesMax } = this.limits;
    if (this.version === 2) {
      if (this.flags & ~FLAGS_KNOWN) return `Cannot read request: unknown flags ${this.flags}`;
      if (consistencyOfFlags(this.flags) === undefined) return `Cannot read request: unknown consistency ${this.flags}`;
      if (this.carriesNoKey() && keyBytes > 0) return `Cannot read request: ${this.op} with a key`;
    }
    return keyBytes > keyBytesMax ? tooLong('key', keyBytes, keyBytesMax) : undefined;
  }

  /** Answers at once; what the request still has to send is read past, or is the end of the connection. */
  private refuse(message: string, past: 'refused_key' | 'refused_value'): Refusal {
    const refusal: Refusal = { type: 'refused', message, answer: this.answer(message), fatal: this.tooLongToSkip() };
    if (refusal.fatal) return this.close(refusal);
    this.key = EMPTY;
    this.step = past;
    return refusal;
  }

  private loseFraming(message: string): Refusal {
    return this.close({ type: 'refused', message, answer: invalidV1(message), fatal: true });
  }

  private close(refusal: Refusal): Refusal {
    this.step = 'nothing';
    this.key = EMPTY;
    this.input.clear();
    return refusal;
  }

  private answer(message: string): Response {
    if (this.version === 1) return invalidV1(message);
    const { version, requestId } = this;
    return { type: 'response', version, requestId, status: 'invalid_request', value: fromUtf8(message) };
  }

  private tooLongToSkip(): boolean {
    return this.requestBytes > this.limits.requestBytesMax;
  }

  // Steps

  private resumeAt(step: Step): undefined {
    this.step = step;
  }

  private beginRequest(): void {
    this.step = 'magic';
    this.key = EMPTY;
    this.deadlineMs = undefined;
  }

  private carriesNoKey(): boolean {
    return this.op === 'ping' || this.op === 'stats';
  }

  /** All of the request but its key and its value. */
  private headBytes(): number {
    const deadlineBytes = this.deadlineMs === undefined ? 0 : DEADLINE_BYTES;
    const valueLengthBytes = this.op === 'put' ? VALUE_LENGTH_BYTES : 0;
    return HEAD_BYTES[this.version] + deadlineBytes + valueLengthBytes;
  }
}

function tooLong(what: string, bytes: number, bytesMax: number): string {
  return `Cannot read request: ${what} of ${bytes} bytes, longer than ${bytesMax}`;
}

function invalidV1(message: string): Response {
  return { type: 'response', version: 1, status: 'invalid_request', value: fromUtf8(message) };
}
