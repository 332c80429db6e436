/**
 * Responses out of bytes: the client's ear for both versions of the client protocol.
 *
 *   v1   "KVS" 01 status valLen:u32 value
 *   v2   "KVS" 02 status flags:u8 requestId:u32 [metaLen:u16 meta] valLen:u32 value
 *
 * Built like request-decoder.ts: each step reads one field and goes on to the next.
 */
import type { Octets } from '../octets';
import { unreachable } from '../unreachable';
import {
  DEFAULT_LIMITS,
  type Limits,
  MAGIC,
  RESPONSE_FLAGS,
  type Response,
  type Status,
  statusOfByte,
} from './client-protocol';
import { OctetReader } from './octet-reader';

/** Bytes that are no response. Nothing more will be decoded: close the connection, its requests are in doubt. */
export interface Malformed {
  readonly type: 'malformed';
  /** What is wrong, as a sentence. */
  readonly message: string;
}

/** What next() finds in the bytes. */
export type DecodedResponse = Response | Malformed;

/** The field that is to be read next. */
type Step =
  | 'magic'
  | 'version'
  | 'status'
  | 'flags'
  | 'request_id'
  | 'meta_length'
  | 'meta'
  | 'value_length'
  | 'value'
  | 'nothing';

/**
 * Takes one connection's bytes apart into responses (wire format, sections 1 and 2).
 *
 * A value longer than `valueBytesMax` is malformed as soon as its length has been read. No input throws.
 */
export class ResponseDecoder {
  private readonly input = new OctetReader();
  private step: Step = 'magic';
  private version: 1 | 2 = 1;
  private status: Status = 'success';
  private flags = 0;
  private requestId = 0;
  private meta: Octets | undefined = undefined;
  /** The announced length of the meta or value at hand. */
  private fieldBytes = 0;

  constructor(private readonly limits: Pick<Limits, 'valueBytesMax'> = DEFAULT_LIMITS) {}

  /** More bytes of the connection. They may be overwritten once next() has answered undefined. */
  push(chunk: Uint8Array): void {
    if (this.step !== 'nothing') this.input.push(chunk);
  }

  /** How many bytes are held that have come and have not been decoded. */
  get bytesBuffered(): number {
    return this.input.bytesBuffered + (this.meta?.length ?? 0);
  }

  /** Whether a response has begun and its end has not come. Tells after next() has answered undefined. */
  get midResponse(): boolean {
    return this.step === 'magic' ? this.input.midField : this.step !== 'nothing';
  }

  /** The next response, or what is wrong with it; undefined where it takes more bytes to tell. */
  next(): DecodedResponse | undefined {
    switch (this.step) {
      case 'magic':
        return this.readMagic();
      case 'version':
        return this.readVersion();
      case 'status':
        return this.readStatus();
      case 'flags':
        return this.readFlags();
      case 'request_id':
        return this.readRequestId();
      case 'meta_length':
        return this.readMetaLength();
      case 'meta':
        return this.readMeta();
      case 'value_length':
        return this.readValueLength();
      case 'value':
        return this.readValue();
      case 'nothing':
        return undefined;
      default:
        return unreachable(this.step);
    }
  }

  private readMagic(): DecodedResponse | undefined {
    const matches = this.input.matches(MAGIC);
    if (matches === undefined) return this.resumeAt('magic');
    return matches ? this.readVersion() : this.malformed('it does not begin with "KVS"');
  }

  private readVersion(): DecodedResponse | undefined {
    const version = this.input.uint8();
    if (version === undefined) return this.resumeAt('version');
    if (version !== 1 && version !== 2) return this.malformed(`unknown version ${version}`);
    this.version = version;
    return this.readStatus();
  }

  private readStatus(): DecodedResponse | undefined {
    const byte = this.input.uint8();
    if (byte === undefined) return this.resumeAt('status');
    const status = statusOfByte(byte);
    if (status === undefined) return this.malformed(`unknown status ${byte}`);
    this.status = status;
    return this.version === 1 ? this.readValueLength() : this.readFlags();
  }

  private readFlags(): DecodedResponse | undefined {
    const flags = this.input.uint8();
    if (flags === undefined) return this.resumeAt('flags');
    if (flags & ~RESPONSE_FLAGS.meta) return this.malformed(`unknown flags ${flags}`);
    this.flags = flags;
    return this.readRequestId();
  }

  private readRequestId(): DecodedResponse | undefined {
    const requestId = this.input.uint32();
    if (requestId === undefined) return this.resumeAt('request_id');
    this.requestId = requestId;
    return this.flags & RESPONSE_FLAGS.meta ? this.readMetaLength() : this.readValueLength();
  }

  private readMetaLength(): DecodedResponse | undefined {
    const metaBytes = this.input.uint16();
    if (metaBytes === undefined) return this.resumeAt('meta_length');
    this.fieldBytes = metaBytes;
    return this.readMeta();
  }

  private readMeta(): DecodedResponse | undefined {
    this.meta = this.input.octets(this.fieldBytes);
    return this.meta === undefined ? this.resumeAt('meta') : this.readValueLength();
  }

  private readValueLength(): DecodedResponse | undefined {
    const valueBytes = this.input.uint32();
    if (valueBytes === undefined) return this.resumeAt('value_length');
    const { valueBytesMax } = this.limits;
    if (valueBytes > valueBytesMax) {
      return this.malformed(`value of ${valueBytes} bytes, longer than ${valueBytesMax}`);
    }
    this.fieldBytes = valueBytes;
    return this.readValue();
  }

  private readValue(): DecodedResponse | undefined {
    const value = this.input.octets(this.fieldBytes);
    return value === undefined ? this.resumeAt('value') : this.complete(value);
  }

  private complete(value: Octets): Response {
    const { version, status, requestId, meta } = this;
    this.step = 'magic';
    this.meta = undefined;
    if (version === 1) return { type: 'response', version, status, value };
    return { type: 'response', version, status, value, requestId, meta };
  }

  private malformed(why: string): Malformed {
    this.step = 'nothing';
    this.meta = undefined;
    this.input.clear();
    return { type: 'malformed', message: `Cannot read response: ${why}` };
  }

  private resumeAt(step: Step): undefined {
    this.step = step;
  }
}
