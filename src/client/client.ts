/**
 * The client: what a program calls to reach a node.
 *
 *   const connected = await connect('127.0.0.1', 8001);
 *   if (!connected.ok) throw new Error(connected.error.message);
 *   const client = connected.value;
 *   await client.put('user:alice', 'Alice Smith');
 *   const alice = await client.get('user:alice');
 *   if (alice.ok) process.stdout.write(alice.value);
 *   client.disconnect();
 *
 * What can be expected to fail is a value, never a rejected promise: see client-error.ts. Any number
 * of requests may be made without waiting. Requests that are under way at the same time have no
 * order among each other: wait for the first where the second depends on it.
 */
import { copyOctets, EMPTY, fromUtf8, OCTET_STRING_BYTES_MAX, type Octets, toBinaryString, toBuffer } from '../octets';
import type { Op } from '../protocol/client-protocol';
import { err, ok, type Result } from '../result';
import { type Address, isPort } from './address';
import type { Outcome, Question } from './call';
import { type ClientError, failure } from './client-error';
import { Courier } from './courier';
import {
  type ClientOptions,
  type ClientSettings,
  consistencyProblem,
  rangeProblem,
  type RequestOptions,
  validateClientOptions,
  type WriteOptions,
} from './options';
import { Pool } from './pool';
import { parseStats, type Stats } from './stats';

/** A key or a value: bytes, or a text that stands for its bytes in UTF-8. */
export type Bytes = Uint8Array | string;

/** What a request ends with. */
export type Answer<T> = Promise<Result<T, ClientError>>;

/** The parts of a question that differ from one kind of request to the next. */
type Ask = Pick<Question, 'op'> & { readonly key?: Bytes; readonly value?: Bytes };

/** A client of one node, or of several that can stand in for each other. Made by {@link connect}. */
export class Client {
  constructor(
    private readonly pool: Pool,
    private readonly courier: Courier,
    private readonly settings: ClientSettings,
  ) {}

  /** A node with which a connection is up; undefined where none is. Requests may be made either way. */
  get connectedTo(): Address | undefined {
    return this.pool.connectedTo;
  }

  /** Whether a connection is up. */
  get isConnected(): boolean {
    return this.connectedTo !== undefined;
  }

  /**
   * Stores `value` under `key`.
   *
   * A `value` of more than 1,024 bytes is not copied: leave it as it is until the answer is here.
   */
  put(key: Bytes, value: Bytes, options: WriteOptions = {}): Answer<undefined> {
    return this.ask({ op: 'put', key, value }, options, options.retryIndeterminate, asNothing);
  }

  /** The value stored under `key`; the code is `not_found` where there is none. */
  get(key: Bytes, options: RequestOptions = {}): Answer<Buffer> {
    return this.ask({ op: 'get', key }, options, true, toBuffer);
  }

  /** Removes `key`. That it was absent is no failure. */
  delete(key: Bytes, options: WriteOptions = {}): Answer<undefined> {
    return this.ask({ op: 'delete', key }, options, options.retryIndeterminate, asNothing);
  }

  /** Asks for a sign of life, which is the text `pong`. */
  ping(options: RequestOptions = {}): Answer<string> {
    return this.ask({ op: 'ping' }, options, true, asText);
  }

  /** What the node counts. */
  stats(options: RequestOptions = {}): Answer<Stats> {
    return this.ask({ op: 'stats' }, options, true, (value) => parseStats(asText(value)));
  }

  /**
   * Ends the connections. Requests under way end with `connection_lost`: definite where nothing of them had been
   * written. Later ones end with `not_connected`.
   */
  disconnect(): void {
    this.courier.close();
  }

  private ask<T>(
    { op, key = EMPTY, value = EMPTY }: Ask,
    options: RequestOptions,
    retryIndeterminate: boolean = this.settings.retryIndeterminate,
    read: (value: Octets) => T,
  ): Answer<T> {
    const { timeoutMs = this.settings.timeoutMs, consistency = this.settings.consistency, onMeta } = options;
    const question: Question = {
      op,
      key: typeof key === 'string' ? fromUtf8(key) : toBinaryString(key),
      value: octetsOf(value),
      consistency,
      direct: false,
      timeoutMs,
      onMeta,
      retryIndeterminate,
    };
    const problem = this.problemWith(question);
    if (problem !== undefined) return Promise.resolve(err(problem));
    return new Promise((resolve) => {
      const deadlineAtMs = this.settings.environment.nowMs() + timeoutMs;
      const finish = (outcome: Outcome) => resolve(outcome.ok ? ok(read(outcome.value)) : outcome);
      this.courier.submit(question, deadlineAtMs, finish);
    });
  }

  private problemWith({ op, key, value, timeoutMs, consistency }: Question): ClientError | undefined {
    const { keyBytesMax, valueBytesMax, protocolVersion } = this.settings;
    if (key.length > keyBytesMax) return tooLarge(op, 'key', key.length, keyBytesMax);
    if (value.length > valueBytesMax) return tooLarge(op, 'value', value.length, valueBytesMax);
    const problem = rangeProblem('timeoutMs', timeoutMs) ?? consistencyProblem(consistency, protocolVersion);
    return problem === undefined ? undefined : { code: 'invalid_options', message: problem, definite: true };
  }
}

/**
 * Opens a client of one node. It fails at once where the node cannot be reached; a connection that is lost later is
 * opened again by the next request.
 *
 * @returns the client, or why there is none: `not_connected` or `invalid_options`
 */
export function connect(host: string, port: number, options: ClientOptions = {}): Answer<Client> {
  return connectAny([{ host, port }], options);
}

/** Opens a client of the first of these nodes that can be reached; the others stand in when it is lost. */
export async function connectAny(addresses: readonly Address[], options: ClientOptions = {}): Answer<Client> {
  const settings = validateClientOptions(options);
  if (!settings.ok) return failure('invalid_options', settings.error);
  const wrong = addresses.find(({ host, port }) => host === '' || !isPort(port));
  if (addresses.length === 0) return failure('invalid_options', 'Cannot connect: no address is given');
  if (wrong !== undefined) {
    return failure('invalid_options', `Cannot connect to host "${wrong.host}", port ${wrong.port}: no such address`);
  }
  const pool = new Pool(addresses, settings.value);
  const opened = await pool.open();
  const courier = new Courier(pool, settings.value);
  return opened.ok ? ok(new Client(pool, courier, settings.value)) : opened;
}

/** Short bytes are copied, so that a caller may use its buffer again at once. */
function octetsOf(bytes: Bytes): Octets {
  if (typeof bytes !== 'string') return bytes.length > OCTET_STRING_BYTES_MAX ? bytes : copyOctets(bytes);
  return bytes.length > OCTET_STRING_BYTES_MAX ? Buffer.from(bytes, 'utf8') : fromUtf8(bytes);
}

function tooLarge(op: Op, what: string, bytes: number, bytesMax: number): ClientError {
  const message = `Cannot ${op}: the ${what} has ${bytes} bytes, more than ${bytesMax}`;
  return { code: 'too_large', message, definite: true };
}

const asNothing = (): undefined => undefined;

const asText = (value: Octets) => toBuffer(value).toString('utf8');
