/**
 * Request runs: the commonest requests, answered straight from the bytes that they came in.
 *
 * What a client asks most, get a short value or put one in the place of another, needs none of what
 * the general path builds for it: no request, no record, no answer, no response. Where many requests
 * lie in one piece these objects cost more than all the rest, since each is written to memory that
 * the processor does not have at hand. So a connection first lets this take whole requests of that
 * kind off the bytes it has, as many as follow each other. The first that is anything else (longer,
 * cut, refused, of version 2, the first of its key, over a value that expires) stays where it is,
 * untouched, for the decoder and the coordinator, whose rules these are; then the next run begins.
 *
 *   v1 GET   "KVS" 01 01 keyLen:u32 key
 *   v1 PUT   "KVS" 01 02 keyLen:u32 key valLen:u32 value
 */
import { type BinaryString, OCTET_STRING_BYTES_MAX, sliceBinaryString } from '../octets';
import { OP_BYTES } from '../protocol/client-protocol';
import type { OctetWriter } from '../protocol/octet-writer';
import type { RequestDecoder } from '../protocol/request-decoder';
import { headV1 } from '../protocol/response-encoder';
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
    const keyEnd = keyEndOf(piece, at, keyBytesMax);
    if (keyEnd === undefined) break;
    const isPut = piece[at + OP_AT] === OP_BYTES.put;
    const end = isPut ? valueEndOf(piece, keyEnd, shortBytesMax) : keyEnd;
    if (end === undefined) break;
    const key = sliceBinaryString(piece, at + HEAD_BYTES, keyEnd);
    const answer = isPut
      ? put(target, key, sliceBinaryString(piece, keyEnd + LENGTH_BYTES, end), nowMs)
      : get(target.table, key, nowMs);
    if (answer === undefined) break;
    answers += answer;
    at = end;
  }
  input.passTo(at);
  if (answers.length > 0) writer.write(answers);
}

/** "KVS" and version 1 as one number. */
const MAGIC_V1 = 0x4b_56_53_01;
const OP_AT = 4;
const KEY_LENGTH_AT = 5;
const HEAD_BYTES = 9;
const LENGTH_BYTES = 4;

/** Where the key ends of a get or put that begins at `at`; undefined where none does, or not all of the key is here. */
function keyEndOf(bytes: Buffer, at: number, keyBytesMax: number): number | undefined {
  if (bytes.length - at < HEAD_BYTES || bytes.readUInt32BE(at) !== MAGIC_V1) return undefined;
  const op = bytes[at + OP_AT];
  if (op !== OP_BYTES.get && op !== OP_BYTES.put) return undefined;
  return fieldEnd(bytes, at + KEY_LENGTH_AT, keyBytesMax);
}

function valueEndOf(bytes: Buffer, at: number, valueBytesMax: number): number | undefined {
  return bytes.length - at < LENGTH_BYTES ? undefined : fieldEnd(bytes, at, valueBytesMax);
}

/** Where the field ends whose length is at `at`. */
function fieldEnd(bytes: Buffer, at: number, bytesMax: number): number | undefined {
  const fieldBytes = bytes.readUInt32BE(at);
  const end = at + LENGTH_BYTES + fieldBytes;
  return fieldBytes <= bytesMax && end <= bytes.length ? end : undefined;
}

function get(table: KvTable, key: BinaryString, nowMs: number): string | undefined {
  const value = table.read(key, nowMs)?.value;
  if (value === undefined) return headV1('not_found', 0);
  return typeof value === 'string' ? headV1('success', value.length) + value : undefined;
}

function put(target: Target, key: BinaryString, value: BinaryString, nowMs: number): string | undefined {
  const { table } = target;
  const current = table.get(key);
  if (current === undefined || !table.hasRoomFor(key, value, current)) return undefined;
  return overwriteLocally(target, current, value, nowMs) ? headV1('success', 0) : undefined;
}
