/**
 * The customary yardstick: the client protocol as most would write it on `node:net` and a Map.
 *
 * Values are Buffers, copied out of the chunk, and all answers to a chunk leave in one write.
 * Nothing is done here to be fast, and nothing to be slow. As in bare-server.ts, which does the
 * same with more art, there is nothing else either: no actor, no supervisor, no version, no
 * digest, no expiry, no limit, no back-pressure, no time-out.
 */
import { createServer, type Socket } from 'node:net';
import { answer, SERVER_ANSWERS } from './answering';

const store = new Map<string, Buffer>();

const GET = 1;
const PUT = 2;
const DELETE = 3;
const PING = 4;
const STATS = 5;

const SUCCESS = 0;
const NOT_FOUND = 1;
const INVALID_REQUEST = 2;

interface Request {
  readonly version: number;
  readonly op: number;
  readonly requestId: number;
  readonly key: string;
  readonly value: Buffer;
  /** Where the next request begins. */
  readonly end: number;
}

interface Answer {
  readonly status: number;
  readonly value: Buffer;
}

const NOTHING: Buffer = Buffer.alloc(0);

function serve(socket: Socket): void {
  let rest = NOTHING;
  socket.on('data', (chunk: Buffer) => {
    const input = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const answers: Buffer[] = [];
    let at = 0;
    try {
      for (let request = parse(input, at); request !== undefined; request = parse(input, at)) {
        const { status, value } = answerTo(request);
        answers.push(headOf(request, status, value.length), value);
        at = request.end;
      }
    } catch {
      socket.end(Buffer.concat([...answers, headOf({ version: 1, requestId: 0 }, INVALID_REQUEST, 0)]));
      return;
    }
    rest = input.subarray(at);
    if (answers.length > 0) socket.write(Buffer.concat(answers));
  });
  socket.on('error', () => {});
}

/** The request that begins at `begin`; undefined where not all of it is here. Throws where there is none. */
function parse(input: Buffer, begin: number): Request | undefined {
  if (input.length - begin < 5) return undefined;
  const version = input.readUInt8(begin + 3);
  const op = input.readUInt8(begin + 4);
  if (input.readUIntBE(begin, 3) !== 0x4b5653 || version < 1 || version > 2 || op < GET || op > STATS) {
    throw new Error('Cannot read request: it is none');
  }
  let at = begin + 5;
  if (version === 1 && op >= PING) return { version, op, requestId: 0, key: '', value: NOTHING, end: at };
  let requestId = 0;
  if (version === 2) {
    if (input.length - at < 5) return undefined;
    requestId = input.readUInt32BE(at + 1);
    at += 5;
  }
  if (input.length - at < 4) return undefined;
  const keyAt = at + 4;
  const keyEnd = keyAt + input.readUInt32BE(at);
  if (input.length < keyEnd) return undefined;
  const key = input.toString('latin1', keyAt, keyEnd);
  if (op !== PUT) return { version, op, requestId, key, value: NOTHING, end: keyEnd };
  if (input.length - keyEnd < 4) return undefined;
  const valueAt = keyEnd + 4;
  const end = valueAt + input.readUInt32BE(keyEnd);
  if (input.length < end) return undefined;
  return { version, op, requestId, key, value: input.subarray(valueAt, end), end };
}

function answerTo({ op, key, value }: Request): Answer {
  switch (op) {
    case GET: {
      const found = store.get(key);
      return found === undefined ? { status: NOT_FOUND, value: NOTHING } : { status: SUCCESS, value: found };
    }
    case PUT:
      store.set(key, Buffer.from(value));
      return { status: SUCCESS, value: NOTHING };
    case DELETE:
      store.delete(key);
      return { status: SUCCESS, value: NOTHING };
    case PING:
      return { status: SUCCESS, value: Buffer.from('pong') };
    default:
      return { status: SUCCESS, value: Buffer.from(`keys: ${store.size}, size: 0`) };
  }
}

/** All of an answer but its value. */
function headOf(
  { version, requestId }: Pick<Request, 'version' | 'requestId'>,
  status: number,
  valueBytes: number,
): Buffer {
  const head = Buffer.alloc(version === 1 ? 9 : 14);
  head.write('KVS', 'latin1');
  head.writeUInt8(version, 3);
  head.writeUInt8(status, 4);
  if (version === 2) head.writeUInt32BE(requestId, 6);
  head.writeUInt32BE(valueBytes, head.length - 4);
  return head;
}

const server = createServer({ noDelay: true }, serve);
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  const address = server.address();
  if (typeof address === 'object') answer(address?.port, SERVER_ANSWERS);
});
