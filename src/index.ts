/**
 * FunnelKVS as a library: a node inside one's own program, and the client.
 *
 *   const started = await startNode(1, 8001);
 *   if (!started.ok) throw new Error(started.error);
 *   await put(started.value, 'user:alice', 'Alice Smith');
 *   await stopNode(started.value);
 *
 * The calls on a node mirror those of the original; the client reaches nodes over TCP. The
 * runtime is a library of its own: `funnelkvs/otp`.
 */
import type { KeyRequest } from '../actors/errand';
import type { JoinError } from '../actors/joiner';
import type { Answer, Bytes, ClientError } from './client';
import { formatAddress } from './client/address';
import { failedStatus } from './client/client-error';
import { type NodeSettings, nodeSettings } from './config';
import { type Node, startNode as startWithSettings } from './node';
import { copyOctets, EMPTY, fromUtf8, type Octets, toBinaryString, toBuffer } from './octets';
import type { ReportHandler } from './otp';
import type { Consistency } from './protocol/client-protocol';
import { err, ok, type Result } from './result';

export {
  type Answer,
  type AnswerMeta,
  type Bytes,
  type Client,
  type ClientError,
  type ClientOptions,
  connect,
  connectAny,
  type RequestOptions,
  type Stats,
  type WriteOptions,
} from './client';
export type { JoinError, JoinErrorCode } from '../actors/joiner';
export type { NodeSettings } from './config';
export { ERRORS } from './errors';
export { type Node, readyLine } from './node';
export type { Result } from './result';
export { VERSION } from './version';

/** What a node in one's own program may be told besides its number and port. */
export interface NodeOptions extends Partial<Omit<NodeSettings, 'nodeId' | 'port'>> {
  /** Where its reports go. @default nowhere */
  readonly report?: ReportHandler;
}

/**
 * Starts a node in this program; port 0 takes any free one.
 *
 * @returns the node once it serves, or a sentence that says why it cannot
 */
export async function startNode(
  nodeId: number,
  port: number,
  options: NodeOptions = {},
): Promise<Result<Node, string>> {
  const { report, ...given } = options;
  const settings = nodeSettings({ ...given, nodeId, port });
  return settings.ok ? startWithSettings(settings.value, report) : err(settings.error.join('; '));
}

/** Stops a node in good order. */
export const stopNode = (node: Node): Promise<void> => node.stop();

/** Makes a node the first of a new ring, as it is already unless it was started to join one. */
export const createRing = (node: Node): Promise<Result<undefined, JoinError>> => node.createRing();

/**
 * Brings a node into the ring of the one that listens at this host and port. The node must be alone
 * in its own ring, with no data in it.
 */
export const joinRing = (node: Node, host: string, port: number): Promise<Result<undefined, JoinError>> =>
  node.joinRing([formatAddress({ host, port })]);

/** Takes a node out of its ring. It goes on running, in no ring, until it is stopped. */
export const leaveRing = (node: Node): Promise<void> => node.leaveRing();

/** Stores a copy of `value` under `key`, over whatever was there. */
export function put(node: Node, key: Bytes, value: Bytes, consistency: Consistency = 'default'): Answer<undefined> {
  return ask(node, 'put', key, octetsOf(value), consistency, () => undefined);
}

/** The value stored under a key; the code is `not_found` where there is none. */
export function get(node: Node, key: Bytes, consistency: Consistency = 'default'): Answer<Buffer> {
  return ask(node, 'get', key, EMPTY, consistency, (value) => Buffer.from(toBuffer(value)));
}

/** Removes a key. That it was absent is no failure. */
export function del(node: Node, key: Bytes, consistency: Consistency = 'default'): Answer<undefined> {
  return ask(node, 'delete', key, EMPTY, consistency, () => undefined);
}

async function ask<T>(
  node: Node,
  op: 'put' | 'get' | 'delete',
  key: Bytes,
  value: Octets,
  consistency: Consistency,
  read: (value: Octets) => T,
): Promise<Result<T, ClientError>> {
  const request: KeyRequest = {
    type: 'request',
    version: 2,
    op,
    key: typeof key === 'string' ? fromUtf8(key) : toBinaryString(key),
    value,
    requestId: 0,
    consistency,
    direct: false,
    wantsMeta: false,
  };
  const response = await node.request(request);
  if (response.status === 'success') return ok(read(response.value));
  return failedStatus(op, node.settings, response.status, response.value);
}

/** The bytes in a form of their own: the caller may go on using what he gave. */
function octetsOf(bytes: Bytes): Octets {
  return copyOctets(typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : bytes);
}
