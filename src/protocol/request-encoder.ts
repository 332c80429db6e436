/**
 * Requests into bytes: the client's voice in both versions of the client protocol.
 *
 *   v1 GET, DELETE   "KVS" 01 op keyLen:u32 key
 *   v1 PUT           "KVS" 01 op keyLen:u32 key valLen:u32 value
 *   v1 PING, STATS   "KVS" 01 op
 *   v2               "KVS" 02 op flags:u8 requestId:u32 [deadlineMs:u32] keyLen:u32 key [valLen:u32 value]
 */
import { unreachable } from '../unreachable';
import { CONSISTENCY_BITS, MAGIC, OP_BYTES, REQUEST_FLAGS, type Request, type RequestV2 } from './client-protocol';
import { type OctetWriter, uint8, uint32 } from './octet-writer';

/**
 * Writes a request (wire format, sections 1 and 2). A key or value that its operation does not carry is left out.
 * Throws where `requestId` or `deadlineMs` does not fit its 32 bits.
 */
export function encodeRequest(request: Request, to: OctetWriter): void {
  const { op, key, value } = request;
  to.write(`${MAGIC}${uint8(request.version)}${uint8(OP_BYTES[op])}`);
  if (request.version === 2) to.write(headV2(request));
  switch (op) {
    case 'get':
    case 'delete':
      to.write(`${uint32(key.length)}${key}`);
      return;
    case 'put':
      to.write(`${uint32(key.length)}${key}${uint32(value.length)}`);
      to.write(value);
      return;
    case 'ping':
    case 'stats':
      if (request.version === 2) to.write(uint32(0));
      return;
    default:
      unreachable(op);
  }
}

function headV2(request: RequestV2): string {
  const deadline = request.deadlineMs === undefined ? '' : uint32(request.deadlineMs);
  return `${uint8(flagsOf(request))}${uint32(request.requestId)}${deadline}`;
}

function flagsOf({ consistency, direct, wantsMeta, deadlineMs }: RequestV2): number {
  return (
    CONSISTENCY_BITS[consistency] |
    (direct ? REQUEST_FLAGS.direct : 0) |
    (wantsMeta ? REQUEST_FLAGS.meta : 0) |
    (deadlineMs === undefined ? 0 : REQUEST_FLAGS.deadline)
  );
}
