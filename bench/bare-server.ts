/**
 * The stricter yardstick: the least that a Node process has to do to answer the client protocol.
 *
 * One `node:net` server, one Map, the same bytes as a node in both versions of the protocol, split
 * and pipelined requests included: whole requests are taken from each chunk, and all answers to a
 * chunk leave in one write. Keys and values are copied out of the network buffer. Everything else
 * is left out: no actor, no supervisor, no hash, no version, no digest, no expiry, no limit of
 * length or memory, no back-pressure, no time-out.
 *
 * Values are kept as strings of one character a byte, as in a node: with Buffers, as customary and
 * in buffer-server.ts, such a server is a good deal slower and larger, and this yardstick shall be
 * the best that is known.
 */
import { createServer, type Socket } from 'node:net';
import { answer, SERVER_ANSWERS } from './answering';

const store = new Map<string, string>();

const GET = 1;
const PUT = 2;
const DELETE = 3;
const PING = 4;
const STATS = 5;

const SUCCESS = '\x00';
const NOT_FOUND = '\x01';
const INVALID_REQUEST = '\x02';

/** From the magic to the operation, in both versions. */
const BEGIN_BYTES = 5;
const MAGIC = 0x4b5653;

function serve(socket: Socket): void {
  let pieces: Buffer[] = [];
  let piecesBytes = 0;
  /** So many bytes have to be here before there is a whole request to be found. */
  let wantedBytes = 0;
  socket.on('data', (chunk: Buffer) => {
    let input = chunk;
    if (pieces.length > 0) {
      pieces.push(chunk);
      piecesBytes += chunk.length;
      if (piecesBytes < wantedBytes) return;
      input = Buffer.concat(pieces, piecesBytes);
      pieces = [];
    }
    const batch = answerAll(input);
    if (batch.answers.length > 0) socket.write(batch.answers, 'latin1');
    if (batch.invalid) socket.end();
    else if (batch.restAt < input.length) {
      pieces = [input.subarray(batch.restAt)];
      piecesBytes = input.length - batch.restAt;
      wantedBytes = batch.wantedBytes;
    }
  });
  socket.on('error', () => {});
}

interface Batch {
  readonly answers: string;
  /** Where the first request begins whose end has not come. */
  readonly restAt: number;
  /** How many bytes of it are needed to read on. */
  readonly wantedBytes: number;
  readonly invalid: boolean;
}

/** Answers every whole request of `input`. */
function answerAll(input: Buffer): Batch {
  const end = input.length;
  let answers = '';
  let at = 0;
  const rest = (wantedBytes: number): Batch => ({ answers, restAt: at, wantedBytes, invalid: false });
  while (at < end) {
    if (end - at < BEGIN_BYTES) return rest(BEGIN_BYTES);
    const version = input[at + 3];
    const op = input[at + 4];
    if (input.readUIntBE(at, 3) !== MAGIC || (version !== 1 && version !== 2) || op === undefined || op > STATS) {
      return {
        answers: answers + answerOf(`KVS\x01${INVALID_REQUEST}`, ''),
        restAt: end,
        wantedBytes: 0,
        invalid: true,
      };
    }
    const keyLengthAt = at + BEGIN_BYTES + (version === 2 ? 5 : 0);
    if (op >= PING && version === 1) {
      answers += answerOf(`KVS\x01${SUCCESS}`, op === PING ? 'pong' : stats());
      at = keyLengthAt;
      continue;
    }
    const keyAt = keyLengthAt + 4;
    if (end < keyAt) return rest(keyAt - at);
    const keyEnd = keyAt + input.readUInt32BE(keyLengthAt);
    const valueAt = op === PUT ? keyEnd + 4 : keyEnd;
    if (end < valueAt) return rest(valueAt - at);
    const valueEnd = op === PUT ? valueAt + input.readUInt32BE(keyEnd) : valueAt;
    if (end < valueEnd) return rest(valueEnd - at);
    const key = input.toString('latin1', keyAt, keyEnd);
    let status = SUCCESS;
    let value = '';
    switch (op) {
      case GET: {
        const found = store.get(key);
        if (found === undefined) status = NOT_FOUND;
        else value = found;
        break;
      }
      case PUT:
        store.set(key, input.toString('latin1', valueAt, valueEnd));
        break;
      case DELETE:
        store.delete(key);
        break;
      case PING:
        value = 'pong';
        break;
      default:
        value = stats();
    }
    const requestId = version === 2 ? input.toString('latin1', at + 6, at + 10) : '';
    const head = version === 2 ? `KVS\x02${status}\x00${requestId}` : `KVS\x01${status}`;
    answers += answerOf(head, value);
    at = valueEnd;
  }
  return rest(0);
}

const stats = () => `keys: ${store.size}, size: 0`;

function answerOf(head: string, value: string): string {
  const { length } = value;
  return head + String.fromCharCode(length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255) + value;
}

const server = createServer({ noDelay: true }, serve);
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  const address = server.address();
  if (typeof address === 'object') answer(address?.port, SERVER_ANSWERS);
});
