/**
 * Request runs: the commonest requests, answered straight from the bytes that they came in.
 *
 * What a client asks most, get a short value or put one in the place of another, needs none of what
 * the general path builds for it: no request, no record, no answer, no response. Where many requests
 * lie in one piece these objects cost more than all the rest, since each is written to memory that
 * the processor does not have at hand. So a connection first lets this take whole requests of that
 * kind off the bytes it has, as many as follow each other. The first that is anything else (longer,
 * cut, refused, with flags, the first of its key, over a value that expires) stays where it is,
 * untouched, for the decoder and the coordinator, whose rules these are; then the next run begins.
 *
 *   v1 GET   "KVS" 01 01 keyLen:u32 key
 *   v1 PUT   "KVS" 01 02 keyLen:u32 key valLen:u32 value
 *   v2 GET   "KVS" 02 01 00 requestId:u32 keyLen:u32 key
 *   v2 PUT   "KVS" 02 02 00 requestId:u32 keyLen:u32 key valLen:u32 value
 */
import { type BinaryString, OCTET_STRING_BYTES_MAX, sliceBinaryString } from '../octets';
import { OP_BYTES } from '../protocol/client-protocol';
import type { OctetWriter } from '../protocol/octet-writer';
import type { RequestDecoder } from '../protocol/request-decoder';
import { plainHead } from '../protocol/response-encoder';
import type { KvTable } from './kv-table';
import { overwriteLocally, type Target } from './local-write';

/** What a connection lends for a turn. */
export type Turn = {
  /** Where the bytes are; it goes on behind the run. */
  readonly decoder: RequestDecoder;
  /** Where the answers go, all in one piece. */
  readonly writer: OctetWriter;
  /** As soon as more than this is in the writer, the run ends. */
  readonly roomBytes: number;
  /** Unix milliseconds, an integer. */
  readonly nowMs: number;
};

/**
 * Answers the run of simple requests that the decoder has next, if there is one. Only for a node that
 * is the sole holder of every key: it looks at no key's owner, and hands no write on.
 *
 * @example
 * for (;;) {
 *   answerRun({ decoder, writer, roomBytes, nowMs }, target);
 *   const found = writer.bytes > roomBytes ? undefined : decoder.next();
 *   if (found === undefined) return;
 *   answerOne(found);
 * }
 */
export function answerRun({ decoder, writer, roomBytes, nowMs }: Turn, target: Target): void {
  const input = decoder.betweenRequests;
  if (input === undefined) return;
  const { piece } = input;
  const { keyBytesMax, valueBytesMax } = decoder.limits;
  const shortBytesMax = Math.min(valueBytesMax, OCTET_STRING_BYTES_MAX);
  const answersBytesMax = roomBytes - writer.bytes;
  let at = input.pieceAt;
  let answers = '';
  while (answers.length <= answersBytesMax) {
    const keyLengthAt = keyLengthAtOf(piece, at);
    if (keyLengthAt === undefined) break;
    const keyEnd = fieldEnd(piece, keyLengthAt, keyBytesMax);
    if (keyEnd === undefined) break;
    const isPut = piece[at + OP_AT] === OP_BYTES.put;
    const end = isPut ? fieldEnd(piece, keyEnd, shortBytesMax) : keyEnd;
    if (end === undefined) break;
    const requestId = requestIdOf(piece, at, keyLengthAt);
    const key = sliceBinaryString(piece, keyLengthAt + LENGTH_BYTES, keyEnd);
    const answer = isPut
      ? put(target, key, sliceBinaryString(piece, keyEnd + LENGTH_BYTES, end), nowMs, requestId)
      : get(target.table, key, nowMs, requestId);
    if (answer === undefined) break;
    answers += answer;
    at = end;
  }
  input.passTo(at);
  if (answers.length > 0) writer.write(answers);
}

/** "KVS" and the version as one number. */
const MAGIC_V1 = 0x4b_56_53_01;
const MAGIC_V2 = 0x4b_56_53_02;
const OP_AT = 4;
const KEY_LENGTH_AT_V1 = 5;
const FLAGS_AT = 5;
const REQUEST_ID_AT = 6;
const KEY_LENGTH_AT_V2 = 10;
const LENGTH_BYTES = 4;

/**
 * Where the length of the key is, of a get or put without flags that begins at `at`; undefined where none
 * does. Fewer bytes than the head of version 2 are left alone: nothing but an empty key is as short as that.
 */
function keyLengthAtOf(bytes: Buffer, at: number): number | undefined {
  if (bytes.length - at < KEY_LENGTH_AT_V2) return undefined;
  const op = bytes[at + OP_AT];
  if (op !== OP_BYTES.get && op !== OP_BYTES.put) return undefined;
  const magic = bytes.readUInt32BE(at);
  if (magic === MAGIC_V1) return at + KEY_LENGTH_AT_V1;
  return magic === MAGIC_V2 && bytes[at + FLAGS_AT] === 0 ? at + KEY_LENGTH_AT_V2 : undefined;
}

/** Where the field ends whose length is at `at`; undefined where it is too long, or not all of it is here. */
function fieldEnd(bytes: Buffer, at: number, bytesMax: number): number | undefined {
  if (bytes.length - at < LENGTH_BYTES) return undefined;
  const fieldBytes = bytes.readUInt32BE(at);
  const end = at + LENGTH_BYTES + fieldBytes;
  return fieldBytes <= bytesMax && end <= bytes.length ? end : undefined;
}

/** The bytes of its identifier; version 1 has none. */
function requestIdOf(bytes: Buffer, at: number, keyLengthAt: number): BinaryString | undefined {
  if (keyLengthAt - at === KEY_LENGTH_AT_V1) return undefined;
  return sliceBinaryString(bytes, at + REQUEST_ID_AT, keyLengthAt);
}

function get(
  table: KvTable,
  key: BinaryString,
  nowMs: number,
  requestId: BinaryString | undefined,
): string | undefined {
  const value = table.read(key, nowMs)?.value;
  if (value === undefined) return plainHead('not_found', 0, requestId);
  return typeof value === 'string' ? plainHead('success', value.length, requestId) + value : undefined;
}

function put(
  target: Target,
  key: BinaryString,
  value: BinaryString,
  nowMs: number,
  requestId: BinaryString | undefined,
): string | undefined {
  const { table } = target;
  const current = table.get(key);
  if (current === undefined || !table.hasRoomFor(key, value, current)) return undefined;
  return overwriteLocally(target, current, value, nowMs) ? plainHead('success', 0, requestId) : undefined;
}
