/**
 * Local coordinator: answers the requests of clients from the node's own table.
 *
 * A key has one owner. Where that is this node, each request is complete in one synchronous step:
 * quorum and eventual mean the same, nothing is routed, and no other write can come in between.
 * What a client is told is either done or definitely not done. Whether it is this node is for the
 * coordinator to know (actors/coordinator.ts).
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

const NOT_FOUND: Answer = { status: 'not_found', value: EMPTY };
const PONG: Answer = { status: 'success', value: fromUtf8('pong') };
const FULL: Answer = { status: 'server_error', value: fromUtf8('Cannot store the value: the store is full') };
const EXPIRED: Answer = { status: 'timeout', value: fromUtf8('Cannot answer: the deadline has passed') };

/**
 * Carries a request out.
 *
 * @param nowMs Unix milliseconds, an integer
 */
export function answerRequest(request: Request, target: Target, nowMs: number, isSoleHolder = true): Response {
  if (request.version === 1) {
    const { status, value } = carryOut(request, target, nowMs, isSoleHolder);
    return { type: 'response', version: 1, status, value };
  }
  const { status, value, record } = request.deadlineMs === 0 ? EXPIRED : carryOut(request, target, nowMs, isSoleHolder);
  const meta = request.wantsMeta ? metaOf(record) : undefined;
  return { type: 'response', version: 2, requestId: request.requestId, status, value, meta };
}

/** A refusal that holds for every request while the table is not there. */
export function unavailable(request: Request): Response {
  const value = fromUtf8('Cannot answer: the store is restarting');
  if (request.version === 1) return { type: 'response', version: 1, status: 'server_error', value };
  return { type: 'response', version: 2, requestId: request.requestId, status: 'server_error', value };
}

/**
 * Carries out a request that somebody else puts into words: one that another node has passed on.
 *
 * @param isSoleHolder as in {@link answerRequest}
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
  const record = table.read(key, nowMs);
  return record?.value === undefined ? NOT_FOUND : { status: 'success', value: record.value, record };
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

const isEventual = (request: Request) => request.version === 2 && request.consistency === 'eventual';

/** One node holds one copy: `degraded`, and said so. */
function metaOf(record: Record | undefined): Octets {
  const standing = { acks: 1, copies: 1, degraded: true, hops: 0 };
  return encodeMeta(record === undefined ? standing : { ...standing, version: encodeVersion(record) });
}
