/**
 * RPC data: what nodes ask each other about single keys.
 *
 *   request       body                                             response
 *   get           [key: bin, consistency, testimony]               done | not_owner
 *   put           [key: bin, consistency, testimony, value: bin]   done | minted | not_owner
 *   delete        [key: bin, consistency, testimony]               done | minted | not_owner
 *   put_replica   [epoch, record, isNew: bool]                     ["stored"] | ["superseded", version] | ["skewed"] | stale
 *   get_replica   [epoch, key: bin, wantsValue: bool]              ["replica", isVoter: bool, record | version | nil] | stale
 *
 *   done          ["done", status, value: bin, version | nil, acks, copies, degraded: bool]
 *   minted        ["minted", version, copies, degraded: bool]
 *   not_owner     ["not_owner", peer | nil]
 *   testimony     nil | [epoch, version | nil]: what the node that passes it on has, if it votes
 *   consistency   as in the client protocol: 0 the node's default, 1 eventual, 2 quorum
 *   status        as in the client protocol: the byte of an answer's status
 *
 * A node that was asked so answers for itself: it never passes the question on, so that no request
 * can go round in circles. Where it is not the one, it says who it thinks is. The first three are what clients
 * want, passed on; the others are how the primary of a key speaks with the other members of its view, at the same
 * epoch on both sides or not at all (`stale`, see rpc-views.ts).
 */
import type { Peer } from '../chord/peer';
import { type BinaryString, type Octets, toBuffer } from '../octets';
import type { Epoch } from '../replication/epoch';
import type { Testimony } from '../replication/testimony';
import type { Version, Writers } from '../replication/version';
import type { Record } from '../store/record';
import {
  type Consistency,
  CONSISTENCY_BITS,
  consistencyOfFlags,
  type Status,
  STATUS_BYTES,
  statusOfByte,
} from './client-protocol';
import {
  countIn,
  epochIn,
  epochValue,
  keyIn,
  octetsIn,
  type Place,
  peerIn,
  peerValue,
  type Places,
  placesIn,
  recordIn,
  recordValue,
  versionIn,
  versionTextIn,
  versionValue,
} from './rpc-parts';
import type { RpcValue } from './rpc-values';
import { type Stale, staleBody, staleIn } from './rpc-views';
import { unreachable } from '../unreachable';

/** A client's get, passed on to the node that has the key. */
export interface RpcGet {
  readonly type: 'get';
  readonly key: BinaryString;
  readonly consistency: Consistency;
  /** What the node that passes it on has itself. */
  readonly testimony?: Testimony | undefined;
}

/** A client's put, passed on. */
export interface RpcPut {
  readonly type: 'put';
  readonly key: BinaryString;
  readonly value: Octets;
  readonly consistency: Consistency;
  readonly testimony?: Testimony | undefined;
}

/** A client's delete, passed on. */
export interface RpcDelete {
  readonly type: 'delete';
  readonly key: BinaryString;
  readonly consistency: Consistency;
  readonly testimony?: Testimony | undefined;
}

/**
 * Keep this record too, unless you have a newer one. What was written in eventual mode is kept by whoever is or was a
 * member, whatever the epoch.
 */
export interface PutReplica {
  readonly type: 'put_replica';
  readonly epoch: Epoch;
  readonly record: Record;
  /** It was minted for this; what is brought in line with others may be of any age. @default false */
  readonly isNew?: boolean | undefined;
  /** What it looks like in a frame, made once for all who are asked (rpc-data-packed.ts). @default made each time */
  readonly packed?: string | undefined;
}

/** What do you have of this key? */
export interface GetReplica {
  readonly type: 'get_replica';
  readonly epoch: Epoch;
  readonly key: BinaryString;
  /** Otherwise its version is enough. */
  readonly wantsValue: boolean;
}

/** A client's request that is passed on. */
export type RequestQuestion = RpcGet | RpcPut | RpcDelete;

/** What the primary of a key asks the other members. */
export type ReplicaQuestion = PutReplica | GetReplica;

/** What a node asks another about a single key. */
export type DataQuestion = RequestQuestion | ReplicaQuestion;

/** It was carried out, or definitely not, as the status says: what to tell the client. */
export interface Done {
  readonly type: 'done';
  readonly status: Status;
  readonly value: Octets;
  /** The version that was read or written, 16 bytes. */
  readonly version?: BinaryString | undefined;
  /** How many replicas had confirmed. */
  readonly acks: number;
  /** How many replicas the key should have. */
  readonly copies: number;
  /** Fewer are reachable than it should have. */
  readonly degraded: boolean;
}

/** It has this version now, here: keep it too, and it is done. Said only to whoever has given a testimony. */
export interface Minted {
  readonly type: 'minted';
  readonly version: Version;
  /** How many replicas the key should have. */
  readonly copies: number;
  readonly degraded: boolean;
}

/** It is not mine: nothing was done. */
export interface NotOwner {
  readonly type: 'not_owner';
  /** Whose it is, as far as the node that was asked knows. */
  readonly hint?: Peer | undefined;
}

/** It is stored, in exactly this version. */
export interface Stored {
  readonly type: 'stored';
}

/** Something newer is there, of this version. */
export interface Superseded {
  readonly type: 'superseded';
  readonly version: Version;
}

/** It was minted too far ahead of the clock here: it was not kept. */
export interface Skewed {
  readonly type: 'skewed';
}

/** What a member has of a key. */
export interface Replica {
  readonly type: 'replica';
  readonly isVoter: boolean;
  /** Of what it has; undefined: it has nothing. */
  readonly version: Version | undefined;
  /** What it has, where that was asked for. */
  readonly record?: Record | undefined;
}

/** How a member answers the primary. */
export type ReplicaAnswer = Stored | Superseded | Skewed | Replica | Stale;

/** What a question about a single key is answered with. */
export type DataAnswer = Done | Minted | NotOwner | ReplicaAnswer;

/** Which answers such a question can have. */
export interface DataAnswersTo {
  readonly get: Done | NotOwner;
  readonly put: Done | Minted | NotOwner;
  readonly delete: Done | Minted | NotOwner;
  readonly put_replica: Stored | Superseded | Skewed | Stale;
  readonly get_replica: Replica | Stale;
}

/** The body of such a question. */
export function dataQuestionBody(question: DataQuestion): RpcValue {
  switch (question.type) {
    case 'get':
    case 'delete':
      return requestBody(question);
    case 'put':
      return [...requestBody(question), toBuffer(question.value)];
    case 'put_replica':
      return [epochValue(question.epoch), recordValue(question.record), question.isNew === true];
    case 'get_replica':
      return [epochValue(question.epoch), toBuffer(question.key), question.wantsValue];
    default:
      return unreachable(question);
  }
}

/** The question that a body holds; undefined where it holds none of this type. */
export function dataQuestionIn(type: DataQuestion['type'], body: RpcValue, writers: Writers): DataQuestion | undefined {
  const [first, second, third, fourth] = placesIn(body) ?? [];
  if (type === 'put_replica') {
    const [epoch, record] = [epochIn(first), recordIn(second, writers)];
    if (epoch === undefined || record === undefined || typeof third !== 'boolean') return undefined;
    return { type, epoch, record, isNew: third };
  }
  if (type === 'get_replica') {
    const [epoch, key] = [epochIn(first), keyIn(second)];
    if (epoch === undefined || key === undefined || typeof third !== 'boolean') return undefined;
    return { type, epoch, key, wantsValue: third };
  }
  const key = keyIn(first);
  const consistency = consistencyIn(second);
  const testimony = third === null ? undefined : testimonyIn(third, writers);
  if (key === undefined || consistency === undefined || (testimony === undefined && third !== null)) return undefined;
  if (type !== 'put') return { type, key, consistency, testimony };
  const value = octetsIn(fourth);
  return value === undefined ? undefined : { type, key, value, consistency, testimony };
}

/** The body of such an answer. */
export function dataAnswerBody(answer: DataAnswer): RpcValue {
  switch (answer.type) {
    case 'done': {
      const { type, status, value, version, acks, copies, degraded } = answer;
      const versionValue = version === undefined ? null : toBuffer(version);
      return [type, STATUS_BYTES[status], toBuffer(value), versionValue, acks, copies, degraded];
    }
    case 'minted':
      return [answer.type, versionValue(answer.version), answer.copies, answer.degraded];
    case 'not_owner':
      return notOwnerBody(answer);
    case 'stored':
    case 'skewed':
      return [answer.type];
    case 'superseded':
      return [answer.type, versionValue(answer.version)];
    case 'replica':
      return [answer.type, answer.isVoter, heldValue(answer)];
    case 'stale':
      return staleBody(answer);
    default:
      return unreachable(answer);
  }
}

/** The body of an answer that somebody else should be asked. */
function notOwnerBody({ type, hint }: NotOwner): RpcValue {
  return [type, hint === undefined ? null : peerValue(hint)];
}

/** Such an answer, from the places behind its type. */
function notOwnerIn([hint]: Places): NotOwner | undefined {
  if (hint === null) return { type: 'not_owner' };
  const peer = peerIn(hint);
  return peer && { type: 'not_owner', hint: peer };
}

/** How a put or delete was answered; undefined where it was not. */
function writtenIn(type: Place, places: Places, writers: Writers): Done | Minted | NotOwner | undefined {
  if (type !== 'minted') return doneIn(type, places);
  const [versionPlace, copiesPlace, degraded] = places;
  const [version, copies] = [versionIn(versionPlace, writers), countIn(copiesPlace)];
  if (version === undefined || copies === undefined || typeof degraded !== 'boolean') return undefined;
  return { type, version, copies, degraded };
}

/** How a get was answered; undefined where it was not. */
function doneIn(type: Place, places: Places): Done | NotOwner | undefined {
  if (type === 'not_owner') return notOwnerIn(places);
  if (type !== 'done') return undefined;
  const [statusPlace, valuePlace, versionPlace, acksPlace, copiesPlace, degraded] = places;
  const status = typeof statusPlace === 'number' ? statusOfByte(statusPlace) : undefined;
  const value = octetsIn(valuePlace);
  const version = versionPlace === null ? undefined : versionTextIn(versionPlace);
  const acks = countIn(acksPlace);
  const copies = countIn(copiesPlace);
  if (status === undefined || value === undefined || acks === undefined || copies === undefined) return undefined;
  if ((version === undefined) !== (versionPlace === null) || typeof degraded !== 'boolean') return undefined;
  const done = { type, status, value, acks, copies, degraded } as const;
  return version === undefined ? done : { ...done, version };
}

/** How a record was taken; undefined where that was not said. */
function keptIn(type: Place, places: Places, writers: Writers): Stored | Superseded | Skewed | Stale | undefined {
  switch (type) {
    case 'stored':
    case 'skewed':
      return { type };
    case 'superseded': {
      const version = versionIn(places[0], writers);
      return version && { type, version };
    }
    case 'stale':
      return staleIn(places, writers);
    default:
      return undefined;
  }
}

/** What a member has of a key; undefined where that was not said. */
function replicaIn(type: Place, places: Places, writers: Writers): Replica | Stale | undefined {
  if (type === 'stale') return staleIn(places, writers);
  const [isVoter, held] = places;
  if (type !== 'replica' || typeof isVoter !== 'boolean') return undefined;
  if (held === null) return { type, isVoter, version: undefined };
  const record = recordIn(held, writers);
  const version = record?.version ?? versionIn(held, writers);
  return version && { type, isVoter, version, record };
}

const requestBody = ({ key, consistency, testimony }: RequestQuestion) => [
  toBuffer(key),
  CONSISTENCY_BITS[consistency],
  testimonyValue(testimony),
];

function testimonyValue(testimony: Testimony | undefined): RpcValue {
  if (testimony === undefined) return null;
  const { epoch, version } = testimony;
  return [epochValue(epoch), version === undefined ? null : versionValue(version)];
}

function testimonyIn(value: Place, writers: Writers): Testimony | undefined {
  const [epochPlace, versionPlace] = placesIn(value) ?? [];
  const epoch = epochIn(epochPlace);
  const version = versionPlace === null ? undefined : versionIn(versionPlace, writers);
  if (epoch === undefined || (version === undefined && versionPlace !== null)) return undefined;
  return { epoch, version };
}

/** How the places of a body become one of the answers that such a question can have. */
export const DATA_ANSWERS: {
  readonly [Method in keyof DataAnswersTo]: (
    type: Place,
    places: Places,
    writers: Writers,
  ) => DataAnswersTo[Method] | undefined;
} = {
  get: doneIn,
  put: writtenIn,
  delete: writtenIn,
  put_replica: keptIn,
  get_replica: replicaIn,
};

function heldValue({ version, record }: Replica): RpcValue {
  if (record !== undefined) return recordValue(record);
  return version === undefined ? null : versionValue(version);
}

function consistencyIn(value: Place): Consistency | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= CONSISTENCY_MAX
    ? consistencyOfFlags(value)
    : undefined;
}

const CONSISTENCY_MAX = Math.max(...Object.values(CONSISTENCY_BITS));
