/**
 * Responses into bytes: the node's voice in both versions of the client protocol.
 *
 *   v1   "KVS" 01 status valLen:u32 value
 *   v2   "KVS" 02 status flags:u8 requestId:u32 [metaLen:u16 meta] valLen:u32 value
 */
import { toBinaryString } from '../octets';
import {
  MAGIC,
  RESPONSE_FLAGS,
  type Response,
  type ResponseV1,
  type ResponseV2,
  STATUS_BYTES,
} from './client-protocol';
import { type OctetWriter, uint8, uint16, uint32 } from './octet-writer';

/** Writes a response (wire format, sections 1 and 2). Throws where its meta is longer than 65,535 bytes. */
export function encodeResponse(response: Response, to: OctetWriter): void {
  to.write(response.version === 1 ? headV1(response) : headV2(response));
  to.write(response.value);
}

function headV1({ status, value }: ResponseV1): string {
  return `${MAGIC}\x01${uint8(STATUS_BYTES[status])}${uint32(value.length)}`;
}

function headV2({ status, requestId, meta, value }: ResponseV2): string {
  const begin = `${MAGIC}\x02${uint8(STATUS_BYTES[status])}`;
  if (meta === undefined) return `${begin}\0${uint32(requestId)}${uint32(value.length)}`;
  const metaField = `${uint16(meta.length)}${toBinaryString(meta)}`;
  return `${begin}${uint8(RESPONSE_FLAGS.meta)}${uint32(requestId)}${metaField}${uint32(value.length)}`;
}
