/**
 * Errand: one request on its way, as a coordinator keeps it, and the words in which it travels.
 *
 * Where it goes next is decided in src/replication/route.ts, and coordinator.ts takes it there; how it is
 * served together with the other members of a view in quorum-write.ts and quorum-read.ts there, and quorums.ts does that.
 */
import { type KeyId, keyId } from '../src/chord/id';
import type { BinaryString } from '../src/octets';
import type { RequestV2 } from '../src/protocol/client-protocol';
import type { Done, Minted, NotOwner, RequestQuestion } from '../src/protocol/rpc-data';
import type { QuorumRead } from '../src/replication/quorum-read';
import type { QuorumWrite } from '../src/replication/quorum-write';
import type { Route } from '../src/replication/route';
import type { Testimony, Witness } from '../src/replication/testimony';
import { encodeVersion } from '../src/replication/version';
import type { Answer, Copies } from '../src/store/local-coordinator';
import type { Target } from '../src/store/local-write';
import type { Record } from '../src/store/record';
import type { Ordered } from './key-order';
import type { RpcOutcome, RpcOutcomes } from './peer-link';

/** A request for a single key: of a client, or passed on by a node. */
export type KeyRequest = RequestV2 & { readonly op: 'get' | 'put' | 'delete' };

/** How a request came, and who waits for its end. */
export interface Asker {
  readonly isForwarded: boolean;
  /** On the monotonic clock. */
  readonly deadlineAtMs: number;
  /** What the node that has passed it on has itself. */
  readonly witness?: Witness | undefined;
  /** Called once, in the process, perhaps at once; `hops` is how often the request was passed on. */
  answer(answer: Done | NotOwner, hops: number): void;
}

/** Another node that has passed it on. */
export interface Forwarder extends Asker {
  answer(answer: Done | Minted | NotOwner, hops: number): void;
}

/** What an errand has asked another node for; see {@link Tag}. */
export type Purpose = 'request' | 'write' | 'read' | 'fetch' | 'write_back' | 'spread' | 'repair';

/** Comes back with the outcome of an ask. One for all who were asked the same. */
export class Tag {
  constructor(
    readonly errand: Errand,
    /** Which attempt, or which round, it belongs to: what is of an earlier one comes too late. */
    readonly turn: number,
    readonly purpose: Purpose,
  ) {}
}

/** A request on its way. Mutable. */
export interface Errand extends Ordered {
  readonly request: KeyRequest;
  readonly keyId: KeyId;
  readonly asker: Asker;
  route: Route;
  /** Counts what it was waiting for: an outcome of anything earlier is none of its business. */
  attempt: number;
  /** `queued`: behind another one for its key. */
  stage: 'queued' | 'moving' | 'sending' | 'serving' | 'looking_up' | 'resting' | 'ended';
  /** When to see to it again, whatever comes. */
  wakeAtMs: number;
  /** What this node has said when it was passed on. */
  testimony: Testimony | undefined;
  /** Counts what the other members of the view were asked: see {@link Tag}. */
  round: number;
  write: QuorumWrite | undefined;
  read: QuorumRead | undefined;
  /** What it has written here and others must have too, or what was found and will be told. */
  record: Record | undefined;
  /** How many have been sent it behind the client's back, and have not answered. */
  spreadTo: number;
}

/** A request at its beginning. */
export function errandOf(request: KeyRequest, asker: Asker, route: Route, keyId: KeyId): Errand {
  return {
    request,
    key: request.key,
    isGet: request.op === 'get',
    keyId,
    asker,
    route,
    attempt: 0,
    stage: 'queued',
    wakeAtMs: Number.POSITIVE_INFINITY,
    testimony: undefined,
    round: 0,
    write: undefined,
    read: undefined,
    record: undefined,
    spreadTo: 0,
  };
}

/** A known key brings its identifier along: hashing costs more than all the rest. */
export const idOf = (key: BinaryString, target: Target | undefined): KeyId =>
  target?.table.get(key)?.keyId ?? keyId(key);

export const bytesOf = ({ key, value }: KeyRequest) => key.length + value.length;

/** What to tell of something that was carried out here, and confirmed by so many. */
export function doneOf({ status, value, record }: Answer, { copies, degraded }: Copies, acks: number): Done {
  const version = record === undefined ? undefined : encodeVersion(record);
  return { type: 'done', status, value, version, acks, copies, degraded };
}

/** What to pass on, and what this node has itself. */
export function questionOf({ op, key, value, consistency }: KeyRequest, testimony?: Testimony): RequestQuestion {
  return op === 'put' ? { type: op, key, value, consistency, testimony } : { type: op, key, consistency, testimony };
}

/** Outcomes that come together are all of what a coordinator has asked: nobody else takes them so. */
export function areOutcomes(message: unknown): message is RpcOutcomes<Tag> {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === 'rpc_outcomes';
}

export function isOutcome(message: unknown): message is RpcOutcome<Tag> {
  if (typeof message !== 'object' || message === null || !('type' in message) || !('tag' in message)) return false;
  if (message.type !== 'rpc_answered' && message.type !== 'rpc_failed') return false;
  return message.tag instanceof Tag;
}
