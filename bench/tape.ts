/**
 * Tapes: cycles of encoded requests for the load, and how long the value of each answer must be.
 */
import { randomBytes } from 'node:crypto';

export const KEYS = 10_000;
export const KEY_BYTES = 16;
export const VALUE_BYTES = 100;

/** A connection's requests in flight fit into the end of the tape that repeats its beginning. */
export const IN_FLIGHT_MAX = 64;
export const TAPE_REQUESTS = 65_536;

/** What is asked for: half get and half put, one kind only, or three puts to a delete. */
export type Mix = 'mixed' | 'put' | 'get' | 'churn';

/** Which requests to make. */
export interface Shape {
  readonly version: 1 | 2;
  /** @default 'mixed' */
  readonly mix?: Mix | undefined;
  /** Version 2 only. @default left to the node: quorum */
  readonly consistency?: 'quorum' | 'eventual' | undefined;
}

/** A cycle of encoded requests; the first ones are repeated at the end, so that no slice is cut. */
export interface Tape {
  readonly bytes: Buffer;
  /** Where each request begins. */
  readonly starts: Uint32Array;
  /** How long the value of each answer must be. */
  readonly answerBytes: Uint8Array;
}

type Op = 'get' | 'put' | 'delete';

const OP_BYTES: Readonly<Record<Op, number>> = { get: 1, put: 2, delete: 3 };
const CONSISTENCY_BITS = { eventual: 1, quorum: 2 } as const;

const CHOOSE: Readonly<Record<Mix, () => Op>> = {
  mixed: () => (Math.random() < 0.5 ? 'put' : 'get'),
  put: () => 'put',
  get: () => 'get',
  churn: () => (Math.random() < 0.25 ? 'delete' : 'put'),
};

const tapes = new Map<string, Tape>();

/** The tape of a shape; the same one for the same shape. */
export function tapeOf({ version, mix = 'mixed', consistency }: Shape): Tape {
  const name = `${version} ${mix} ${consistency}`;
  const flags = consistency === undefined ? 0 : CONSISTENCY_BITS[consistency];
  const tape = tapes.get(name) ?? makeTape(version, CHOOSE[mix], flags);
  tapes.set(name, tape);
  return tape;
}

/** Puts of so many keys from `begin` on, each with a value of its own, in one piece. */
export function putsOf(begin: number, keys: number): Buffer {
  const puts = Array.from({ length: keys }, (_none, index) => encodeRequest(1, 'put', 0, 0, keyOf(begin + index)));
  return Buffer.concat(puts);
}

const keyOf = (index: number) => `key-${String(index).padStart(KEY_BYTES - 4, '0')}`;

function makeTape(version: 1 | 2, choose: () => Op, flags: number): Tape {
  const starts = new Uint32Array(TAPE_REQUESTS + IN_FLIGHT_MAX + 1);
  const answerBytes = new Uint8Array(TAPE_REQUESTS);
  const requests: Buffer[] = [];
  for (let index = 0; index < TAPE_REQUESTS; index += 1) {
    const op = choose();
    answerBytes[index] = op === 'get' ? VALUE_BYTES : 0;
    requests.push(encodeRequest(version, op, flags, index, keyOf(Math.floor(Math.random() * KEYS))));
  }
  requests.push(...requests.slice(0, IN_FLIGHT_MAX));
  requests.reduce((at, request, index) => {
    starts[index + 1] = at + request.length;
    return at + request.length;
  }, 0);
  return { bytes: Buffer.concat(requests), starts, answerBytes };
}

function encodeRequest(version: 1 | 2, op: Op, flags: number, requestId: number, key: string): Buffer {
  const head = version === 1 ? 5 : 10;
  const bytes = Buffer.alloc(head + 4 + key.length + (op === 'put' ? 4 + VALUE_BYTES : 0));
  bytes.write('KVS', 'latin1');
  bytes[3] = version;
  bytes[4] = OP_BYTES[op];
  if (version === 2) {
    bytes[5] = flags;
    bytes.writeUInt32BE(requestId, 6);
  }
  bytes.writeUInt32BE(key.length, head);
  bytes.write(key, head + 4, 'latin1');
  if (op === 'put') {
    bytes.writeUInt32BE(VALUE_BYTES, head + 4 + key.length);
    randomBytes(VALUE_BYTES).copy(bytes, head + 8 + key.length);
  }
  return bytes;
}
