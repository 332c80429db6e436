/**
 * The client protocol: the words that a client and a node say to each other.
 *
 * Version 1 is what existing clients speak; version 2 adds an identifier to every request, so
 * that answers may come in any order, and says how a request is to be carried out. Both may be
 * mixed on one connection. How these words look as bytes stands beside the codecs:
 * request-encoder.ts, request-decoder.ts, response-encoder.ts, response-decoder.ts.
 */
import type { BinaryString, Octets } from '../octets';
import { err, ok, type Result } from '../result';

/** What every message of either direction begins with. */
export const MAGIC = 'KVS';

/** What a client can ask for, and the byte that says so (wire format, section 1). */
export const OP_BYTES = { get: 0x01, put: 0x02, delete: 0x03, ping: 0x04, stats: 0x05 } as const;

/** What a client can ask for. */
export type Op = keyof typeof OP_BYTES;

/** How a request ended, and the byte that says so (wire format, section 1). */
export const STATUS_BYTES = {
  success: 0x00,
  not_found: 0x01,
  invalid_request: 0x02,
  server_error: 0x03,
  timeout: 0x04,
  not_responsible: 0x05,
} as const;

/**
 * How a request ended.
 *
 * - `success`: done.
 * - `not_found`: there is no such key.
 * - `invalid_request`: the request could not be understood or breaks a limit.
 * - `server_error`: the node could not do it. Definite: no effect, now or later.
 * - `timeout`: no quorum in time. A write may or may not take effect.
 * - `not_responsible`: this node cannot serve or route the key now; ask another.
 */
export type Status = keyof typeof STATUS_BYTES;

/** What two replicas must agree on before an answer counts, and its two flag bits (wire format, section 2). */
export const CONSISTENCY_BITS = { default: 0, eventual: 1, quorum: 2 } as const;

/** Whose answer suffices: the node's own choice, any one replica, or a majority of them. */
export type Consistency = keyof typeof CONSISTENCY_BITS;

/** The bits of a version 2 request's flags byte (wire format, section 2). The others are zero. */
export const REQUEST_FLAGS = { consistency: 0x03, direct: 0x04, meta: 0x08, deadline: 0x10 } as const;

/** The bits of a version 2 response's flags byte (wire format, section 2). The others are zero. */
export const RESPONSE_FLAGS = { meta: 0x01 } as const;

/** The parts that requests of both versions have. */
interface AnyRequest {
  readonly type: 'request';
  readonly op: Op;
  /** Empty for `ping` and `stats`. */
  readonly key: BinaryString;
  /** Empty for every operation but `put`. */
  readonly value: Octets;
}

/** A request whose answer is known by its place in the order of answers. */
export interface RequestV1 extends AnyRequest {
  readonly version: 1;
}

/** A request whose answer is known by `requestId`. */
export interface RequestV2 extends AnyRequest {
  readonly version: 2;
  /** Chosen by the client, 0 to 2^32 - 1, and repeated in the answer. */
  readonly requestId: number;
  readonly consistency: Consistency;
  /** Do not route: a node that is not the key's primary answers `not_responsible` with the primary's `host:port`. */
  readonly direct: boolean;
  /** Answer with meta: see meta.ts. */
  readonly wantsMeta: boolean;
  /** The client waits this long, 0 to 2^32 - 1; work whose time is over is dropped. Absent: the node decides. */
  readonly deadlineMs?: number | undefined;
}

/** What a client asks. */
export type Request = RequestV1 | RequestV2;

/** The parts that responses of both versions have. */
interface AnyResponse {
  readonly type: 'response';
  readonly status: Status;
  /** The value asked for; with every status but `success` and `not_found`, a short message in UTF-8 or nothing. */
  readonly value: Octets;
}

/** The answer to the oldest version 1 request that has none yet. */
export interface ResponseV1 extends AnyResponse {
  readonly version: 1;
}

/** The answer to the version 2 request with the same `requestId`. */
export interface ResponseV2 extends AnyResponse {
  readonly version: 2;
  readonly requestId: number;
  /** What the node knows about the value, as encodeMeta() wrote it: at most 64 KiB. */
  readonly meta?: Octets | undefined;
}

/** What a node answers. */
export type Response = ResponseV1 | ResponseV2;

/** How much a peer may ask a decoder to hold or to read past. */
export interface Limits {
  /**
   * Longest key.
   * @default 65_536
   */
  readonly keyBytesMax: number;
  /**
   * Longest value.
   * @default 16_777_216
   */
  readonly valueBytesMax: number;
  /**
   * Longest request that is read past when it is refused, its head included; the connection of a longer one is
   * closed. At least `keyBytesMax + valueBytesMax` and the longest head, {@link REQUEST_HEAD_BYTES_MAX}.
   * @default 67_108_864
   */
  readonly requestBytesMax: number;
}

/** All of a version 2 PUT but its key and its value. */
export const REQUEST_HEAD_BYTES_MAX = 22;

const KIB = 1024;
const MIB = 1024 * KIB;
const UINT32_MAX = 0xff_ff_ff_ff;

/** The limits of a node that was told nothing else (wire format, section 1). */
export const DEFAULT_LIMITS: Limits = { keyBytesMax: 64 * KIB, valueBytesMax: 16 * MIB, requestBytesMax: 64 * MIB };

/** The same limits, or the sentence that says why no decoder can keep them. */
export function validateLimits(limits: Limits): Result<Limits, string> {
  const { keyBytesMax, valueBytesMax, requestBytesMax } = limits;
  for (const [name, bytes] of Object.entries({ keyBytesMax, valueBytesMax })) {
    if (!Number.isInteger(bytes) || bytes < 1 || bytes > UINT32_MAX) {
      return err(`Cannot use limits: ${name} is ${bytes}, not a whole number from 1 to ${UINT32_MAX}`);
    }
  }
  const leastBytes = keyBytesMax + valueBytesMax + REQUEST_HEAD_BYTES_MAX;
  if (!Number.isSafeInteger(requestBytesMax) || requestBytesMax < leastBytes) {
    return err(`Cannot use limits: requestBytesMax is ${requestBytesMax}, not a whole number from ${leastBytes} up`);
  }
  return ok(limits);
}

/** The operation that `byte` stands for, or undefined where none does. */
export function opOfByte(byte: number): Op | undefined {
  return OPS[byte];
}

/** The status that `byte` stands for, or undefined where none does. */
export function statusOfByte(byte: number): Status | undefined {
  return STATUSES[byte];
}

/** The consistency that the lowest two bits of `flags` stand for, or undefined where none does. */
export function consistencyOfFlags(flags: number): Consistency | undefined {
  return CONSISTENCIES[flags & REQUEST_FLAGS.consistency];
}

const OPS = byNumber(OP_BYTES);
const STATUSES = byNumber(STATUS_BYTES);
const CONSISTENCIES = byNumber(CONSISTENCY_BITS);

function byNumber<Name extends string>(numbers: Readonly<Record<Name, number>>): readonly (Name | undefined)[] {
  const names: (Name | undefined)[] = [];
  for (const name in numbers) names[numbers[name]] = name;
  return Array.from(names);
}
