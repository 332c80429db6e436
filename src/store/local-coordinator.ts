/**
 * Local coordinator: carries requests out on the node's own table.
 *
 * Each is complete in one synchronous step, so that no other write of the key can come in between.
 * Where nobody else keeps the key, that is all there is to it, and what a client is told is either
 * done or definitely not done; so it is with a get for which any copy will do. A write of which
 * others have copies is only begun by this. Which of these it is, is for the coordinator to know
 * (actors/coordinator.ts).
 */
import { EMPTY, fromUtf8, type Octets } from '../octets';
import type { Request, Response, Status } from '../protocol/client-protocol';
import { encodeMeta } from '../protocol/meta';
import type { ClockSkew } from '../replication/hybrid-clock';
import { encodeVersion } from '../replication/version';
import { unreachable } from '../unreachable';
import { deleteLocally, putLocally, type Target } from './local-write';
import type { Record } from './record';

/** What came of a request, before it is put into the words of whoever asked. */
export interface Answer {
  readonly status: Status;
  readonly value: Octets;
  /** The record that was read or written, for a client that wants to know more of it. */
  readonly record?: Record | undefined;
}

/** How many nodes keep a key. */
export interface Copies {
  /** Members of its view. */
  readonly copies: number;
  /** They are fewer than there should be. */
  readonly degraded: boolean;
}

/** Nobody else keeps the key, and others should. */
export const ALONE: Copies = { copies: 1, degraded: true };

const NOT_FOUND: Answer = { status: 'not_found', value: EMPTY };
const PONG: Answer = { status: 'success', value: fromUtf8('pong') };
const FULL: Answer = { status: 'server_error', value: fromUtf8('Cannot store the value: the store is full') };
const EXPIRED: Answer = { status: 'timeout', value: fromUtf8('Cannot answer: the deadline has passed') };

/**
 * Answers a request, all of it.
 *
 * @param nowMs Unix milliseconds, an integer
 */
export function answerRequest(request: Request, target: Target, nowMs: number, copies = ALONE): Response {
  const isSole = copies.copies === 1;
  if (request.version === 1) {
    const { status, value } = carryOut(request, target, nowMs, isSole);
    return { type: 'response', version: 1, status, value };
  }
  const { status, value, record } = request.deadlineMs === 0 ? EXPIRED : carryOut(request, target, nowMs, isSole);
  const meta = request.wantsMeta ? metaOf(record, copies) : undefined;
  return { type: 'response', version: 2, requestId: request.requestId, status, value, meta };
}

/** A refusal that holds for every request while the table is not there. */
export function unavailable(request: Request): Response {
  const value = fromUtf8('Cannot answer: the store is restarting');
  if (request.version === 1) return { type: 'response', version: 1, status: 'server_error', value };
  return { type: 'response', version: 2, requestId: request.requestId, status: 'server_error', value };
}

/**
 * Carries out a request that somebody else puts into words.
 *
 * @param isSoleHolder whether no other node keeps the key, or is about to
 */
export function carryOut(request: Request, target: Target, nowMs: number, isSoleHolder: boolean): Answer {
  switch (request.op) {
    case 'get':
      return get(request, target, nowMs);
    case 'put':
      return put(request, target, nowMs);
    case 'delete':
      return remove(request, target, nowMs, isSoleHolder);
    case 'ping':
      return PONG;
    case 'stats':
      return stats(target);
    default:
      return unreachable(request.op);
  }
}

function get({ key }: Request, { table }: Target, nowMs: number): Answer {
  return found(table.read(key, nowMs));
}

/** What to tell of a record that a client may see; undefined: there is none. */
export function found(record: Record | undefined): Answer {
  return record?.value === undefined ? NOT_FOUND : { status: 'success', value: record.value, record };
}

/** What to tell of the latest record of a key, and that it is the latest also where a client may see no value of it. */
export function foundLatest(record: Record | undefined, isThere: boolean): Answer {
  return isThere || record === undefined ? found(record) : { status: 'not_found', value: EMPTY, record };
}

function put(request: Request, target: Target, nowMs: number): Answer {
  const { key, value } = request;
  const current = target.table.get(key);
  if (!target.table.hasRoomFor(key, value, current)) return FULL;
  const written = putLocally(target, { key, value, expireAtMs: undefined, ev: isEventual(request) }, nowMs, current);
  return written.ok ? done(written.value) : skewed(written.error);
}

function remove(request: Request, target: Target, nowMs: number, isSoleHolder: boolean): Answer {
  const written = deleteLocally(target, { key: request.key, ev: isEventual(request), isSoleHolder }, nowMs);
  return written.ok ? done(written.value) : skewed(written.error);
}

function stats({ table }: Target): Answer {
  const { keys, bytes } = table.stats();
  return { status: 'success', value: fromUtf8(`keys: ${keys}, size: ${bytes}`) };
}

function done(record: Record | undefined): Answer {
  return { status: 'success', value: EMPTY, record };
}

function skewed({ aheadMs }: ClockSkew): Answer {
  return { status: 'server_error', value: fromUtf8(`Cannot write: this node's clock is ${aheadMs} ms behind`) };
}

/** Whether one copy is enough for the client. */
export const isEventual = (request: Request) => request.version === 2 && request.consistency === 'eventual';

/** What was done here alone has one confirmation. */
function metaOf(record: Record | undefined, { copies, degraded }: Copies): Octets {
  const standing = { acks: 1, copies, degraded, hops: 0 };
  return encodeMeta(record === undefined ? standing : { ...standing, version: encodeVersion(record) });
}
