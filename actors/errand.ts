/**
 * Errand: one request on its way, as a coordinator keeps it, and the words in which it travels.
 *
 * Where it goes next is decided in src/replication/route.ts; coordinator.ts takes it there.
 */
import { type KeyId, keyId } from '../src/chord/id';
import type { BinaryString } from '../src/octets';
import type { RequestV2 } from '../src/protocol/client-protocol';
import type { DataAnswer, DataQuestion, Done, NotOwner } from '../src/protocol/rpc-data';
import type { RpcAnswer } from '../src/protocol/rpc-messages';
import type { Route } from '../src/replication/route';
import { encodeVersion } from '../src/replication/version';
import type { Answer } from '../src/store/local-coordinator';
import type { Target } from '../src/store/local-write';
import type { Record } from '../src/store/record';
import type { Ordered } from './key-order';
import type { RpcOutcome } from './peer-link';

/** A request for a single key: of a client, or passed on by a node. */
export type KeyRequest = RequestV2 & { readonly op: 'get' | 'put' | 'delete' };

/** How a request came, and who waits for its end. */
export interface Asker {
  readonly isForwarded: boolean;
  /** On the monotonic clock. */
  readonly deadlineAtMs: number;
  /** Called once, in the process, perhaps at once; `hops` is how often the request was passed on. */
  answer(answer: Done | NotOwner, hops: number): void;
}

/** Comes back with the outcome of an ask. */
export interface Tag {
  readonly errand: number;
  readonly attempt: number;
}

/** A request on its way. */
export interface Errand extends Ordered {
  readonly number: number;
  readonly request: KeyRequest;
  readonly keyId: KeyId;
  readonly asker: Asker;
  route: Route;
  /** Counts what it was waiting for: an outcome of anything earlier is none of its business. */
  attempt: number;
  /** `queued`: behind another one for its key. */
  stage: 'queued' | 'moving' | 'sending' | 'looking_up' | 'resting' | 'ended';
  /** When to see to it again, whatever comes. */
  wakeAtMs: number;
  /** What it has written here and others must have too. */
  record: Record | undefined;
}

/** A known key brings its identifier along: hashing costs more than all the rest. */
export const idOf = (key: BinaryString, target: Target | undefined): KeyId =>
  target?.table.get(key)?.keyId ?? keyId(key);

export const bytesOf = ({ key, value }: KeyRequest) => key.length + value.length;

/** What to tell of something that was carried out here. */
export function doneOf({ status, value, record }: Answer): Done {
  const done = { type: 'done', status, value, acks: 1, copies: 1, degraded: true } as const;
  return record === undefined ? done : { ...done, version: encodeVersion(record) };
}

export function questionOf({ op, key, value, consistency }: KeyRequest): DataQuestion {
  return op === 'put' ? { type: op, key, value, consistency } : { type: op, key, consistency };
}

export function isOutcome(message: unknown): message is RpcOutcome<Tag> {
  if (typeof message !== 'object' || message === null || !('type' in message) || !('tag' in message)) return false;
  if (message.type !== 'rpc_answered' && message.type !== 'rpc_failed') return false;
  return typeof message.tag === 'object' && message.tag !== null && 'errand' in message.tag;
}

export const isDataAnswer = (answer: RpcAnswer): answer is DataAnswer =>
  answer.type === 'done' || answer.type === 'not_owner' || answer.type === 'stored';
