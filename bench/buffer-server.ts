/**
 * The customary yardstick: the client protocol as most would write it on `node:net` and a Map.
 *
 * Values are Buffers, copied out of the chunk, and all answers to a chunk leave in one Buffer.
 * Nothing is done here to be slow, nor to be fast beyond what is customary. As in bare-server.ts,
 * which does the same with more art, there is nothing else either: no actor, no supervisor, no
 * version, no digest, no expiry, no limit, no back-pressure, no time-out.
 */
import { createServer, type Socket } from 'node:net';
import { answer, SERVER_ANSWERS } from './answering';

const store = new Map<string, Buffer>();

const GET = 1;
const PUT = 2;
const DELETE = 3;
const PING = 4;
const STATS = 5;

const MAGIC = 0x4b5653;

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

interface Answer extends Pick<Request, 'version' | 'requestId'> {
  readonly status: number;
  readonly value: Buffer;
}

const NOTHING: Buffer = Buffer.alloc(0);

function serve(socket: Socket): void {
  let rest = NOTHING;
  socket.on('data', (chunk: Buffer) => {
    const input = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const answers: Answer[] = [];
    let at = 0;
    try {
      for (let request = parse(input, at); request !== undefined; request = parse(input, at)) {
        answers.push(answerTo(request));
        at = request.end;
      }
    } catch {
      socket.end(encode([...answers, { version: 1, requestId: 0, status: INVALID_REQUEST, value: NOTHING }]));
      return;
    }
    rest = input.subarray(at);
    if (answers.length > 0) socket.write(encode(answers));
  });
  socket.on('error', () => {});
}

/** The request that begins at `begin`; undefined where not all of it is here. Throws where there is none. */
function parse(input: Buffer, begin: number): Request | undefined {
  if (input.length - begin < 5) return undefined;
  const version = input.readUInt8(begin + 3);
  const op = input.readUInt8(begin + 4);
  if (input.readUIntBE(begin, 3) !== MAGIC || version < 1 || version > 2 || op < GET || op > STATS) {
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

function answerTo({ version, requestId, op, key, value }: Request): Answer {
  switch (op) {
    case GET: {
      const found = store.get(key);
      if (found === undefined) return { version, requestId, status: NOT_FOUND, value: NOTHING };
      return { version, requestId, status: SUCCESS, value: found };
    }
    case PUT:
      store.set(key, Buffer.from(value));
      return { version, requestId, status: SUCCESS, value: NOTHING };
    case DELETE:
      store.delete(key);
      return { version, requestId, status: SUCCESS, value: NOTHING };
    case PING:
      return { version, requestId, status: SUCCESS, value: Buffer.from('pong') };
    default:
      return { version, requestId, status: SUCCESS, value: Buffer.from(`keys: ${store.size}, size: 0`) };
  }
}

function encode(answers: readonly Answer[]): Buffer {
  const output = Buffer.allocUnsafe(answers.reduce((bytes, answered) => bytes + bytesOf(answered), 0));
  let at = 0;
  for (const { version, requestId, status, value } of answers) {
    at = output.writeUIntBE(MAGIC, at, 3);
    at = output.writeUInt8(version, at);
    at = output.writeUInt8(status, at);
    if (version === 2) {
      at = output.writeUInt8(0, at);
      at = output.writeUInt32BE(requestId, at);
    }
    at = output.writeUInt32BE(value.length, at);
    if (value.length > 0) at += value.copy(output, at);
  }
  return output;
}

const bytesOf = ({ version, value }: Answer) => (version === 1 ? 9 : 14) + value.length;

const server = createServer({ noDelay: true }, serve);
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  const address = server.address();
  if (typeof address === 'object') answer(address?.port, SERVER_ANSWERS);
});
