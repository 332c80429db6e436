/** What the protocol tests share: hex, arbitrary messages, and streams cut into pieces. */
import * as fc from 'fast-check';
import { copyOctets, type Octets, toBinaryString, toBuffer } from '../../src/octets';
import type { DecodedRequest } from '../../src/protocol/request-decoder';
import type { DecodedResponse } from '../../src/protocol/response-decoder';
import type { Consistency, Op, Request, Response, Status } from '../../src/protocol/client-protocol';
import { OctetWriter } from '../../src/protocol/octet-writer';
import { encodeRequest } from '../../src/protocol/request-encoder';
import { encodeResponse } from '../../src/protocol/response-encoder';
import { unreachable } from '../../src/unreachable';

/** Every property runs from this seed; `FC_SEED=n` chooses another. It stands in the title of each suite. */
export const SEED = Number(process.env.FC_SEED ?? 20_260_101);
fc.configureGlobal({ seed: SEED });

/** The bytes that hex digits stand for. Blanks may stand between them. */
export function hex(digits: string): Buffer {
  return Buffer.from(digits.replaceAll(' ', ''), 'hex');
}

/** Everything that was written, in one piece. */
export function allBytes(writer: OctetWriter): Buffer {
  return Buffer.concat(writer.takeAll().map(toBuffer));
}

export function requestBytes(...requests: readonly Request[]): Buffer {
  const writer = new OctetWriter();
  for (const request of requests) encodeRequest(request, writer);
  return allBytes(writer);
}

export function responseBytes(...responses: readonly Response[]): Buffer {
  const writer = new OctetWriter();
  for (const response of responses) encodeResponse(response, writer);
  return allBytes(writer);
}

type Message = DecodedRequest | DecodedResponse;

/** The same message with its bytes in the form in which they compare: binary strings. */
export function comparable(message: Message): unknown {
  const octets = (value: Octets | undefined) => (value === undefined ? undefined : toBinaryString(value));
  switch (message.type) {
    case 'request':
      return { ...message, value: octets(message.value) };
    case 'response':
      if (message.version === 1) return { ...message, value: octets(message.value) };
      return { ...message, value: octets(message.value), meta: octets(message.meta) };
    case 'refused':
    case 'malformed':
      return message;
    default:
      return unreachable(message);
  }
}

interface Decoder {
  push(chunk: Uint8Array): void;
  next(): Message | undefined;
}

/** All that the decoder finds now. Throws where it finds more than the bytes can hold: it would never end. */
export function drain(decoder: Decoder, messagesMax = 100_000): unknown[] {
  const found: unknown[] = [];
  for (let message = decoder.next(); message !== undefined; message = decoder.next()) {
    found.push(comparable(message));
    if (found.length > messagesMax) throw new Error('The decoder does not end');
  }
  return found;
}

/** All that the decoder finds in `bytes` that arrive in these pieces. Each piece is wiped once it has been decoded. */
export function decodePieces(decoder: Decoder, pieces: readonly Uint8Array[]): unknown[] {
  return pieces.flatMap((piece) => {
    const chunk = Uint8Array.from(piece);
    decoder.push(chunk);
    const found = drain(decoder);
    chunk.fill(0x2a);
    return found;
  });
}

/** `bytes` cut at these places, each taken modulo the length. */
export function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

export const everyByte = (bytes: Uint8Array): Uint8Array[] => Array.from(bytes, (byte) => Uint8Array.of(byte));

/** Places to cut at. */
export const places = fc.array(fc.nat(), { maxLength: 20 });

const uint32 = fc.oneof(fc.nat(9), fc.integer({ min: 0, max: 0xff_ff_ff_ff }), fc.constant(0xff_ff_ff_ff));
const bytesUpTo = (bytesMax: number) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.uint8Array({ maxLength: Math.min(30, bytesMax) }) },
    { weight: 1, arbitrary: fc.uint8Array({ minLength: bytesMax >> 1, maxLength: bytesMax, size: 'max' }) },
  );
const keys = (bytesMax: number) => bytesUpTo(bytesMax).map(toBinaryString);
const values = (bytesMax: number) => bytesUpTo(bytesMax).map((bytes) => copyOctets(bytes));

const carriesKey = (op: Op) => op !== 'ping' && op !== 'stats';

/** Any request, of either version, whose key and value are at most so long. */
export function requests(keyBytesMax = 300, valueBytesMax = 2500): fc.Arbitrary<Request> {
  const parts = fc.record({
    op: fc.constantFrom<Op>('get', 'put', 'delete', 'ping', 'stats'),
    key: keys(keyBytesMax),
    value: values(valueBytesMax),
  });
  const carried = parts.map(({ op, key, value }) => ({
    type: 'request' as const,
    op,
    key: carriesKey(op) ? key : toBinaryString(Uint8Array.of()),
    value: op === 'put' ? value : toBinaryString(Uint8Array.of()),
  }));
  const extras = fc.record({
    requestId: uint32,
    consistency: fc.constantFrom<Consistency>('default', 'eventual', 'quorum'),
    direct: fc.boolean(),
    wantsMeta: fc.boolean(),
    deadlineMs: fc.option(uint32, { nil: undefined }),
  });
  return fc.oneof(
    carried.map((request): Request => ({ ...request, version: 1 })),
    fc.tuple(carried, extras).map(([request, extra]): Request => ({ ...request, version: 2, ...extra })),
  );
}

/** Any response, of either version. */
export function responses(valueBytesMax = 2500): fc.Arbitrary<Response> {
  const parts = fc.record({
    type: fc.constant('response' as const),
    status: fc.constantFrom<Status>(
      'success',
      'not_found',
      'invalid_request',
      'server_error',
      'timeout',
      'not_responsible',
    ),
    value: values(valueBytesMax),
  });
  const extras = fc.record({ requestId: uint32, meta: fc.option(values(1500), { nil: undefined }) });
  return fc.oneof(
    parts.map((response): Response => ({ ...response, version: 1 })),
    fc.tuple(parts, extras).map(([response, extra]): Response => ({ ...response, version: 2, ...extra })),
  );
}
