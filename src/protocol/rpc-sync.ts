/**
 * RPC sync: how an arc of the ring passes from one node to another, and who holds which.
 *
 *   request     body                                     response
 *   sync_open   [after: id, kind: "join" | "leave"]      ["opened", session, arc, epoch, count, bytes] | granted | busy | not_owner
 *   sync_push   [session, records]                       ["pushed"] | no_session
 *   sync_next   [session, after: id | nil, bytesMax]     ["chunk", records, after: id | nil] | no_session
 *   sync_seal   [session]                                ["sealed", digest] | no_session
 *   sync_take   [session]                                granted | no_session
 *   take_over   [arc, epoch]                             ["accepted"] | busy | not_owner
 *   claim       [arc, epoch]                             ["agreed"] | ["contested", arc, epoch] | busy | not_owner
 *
 *   granted     ["granted", session, arc, epoch, clock: version]
 *   busy        ["busy"]
 *   not_owner   ["not_owner", peer | nil]
 *   no_session  ["no_session"]
 *
 * `session` is a whole number up to 2^53 - 1 that the source chooses. The receiver leads: it asks
 * for every chunk, says from where it goes on, and takes the arc only when it has everything; so
 * each of its questions may be asked again, and a source that forgets a session harms nothing.
 */
import type { Id } from '../chord/id';
import type { Range } from '../chord/range';
import type { Epoch } from '../replication/epoch';
import type { Version, Writers } from '../replication/version';
import type { Digest } from '../store/digest';
import type { Record } from '../store/record';
import { unreachable } from '../unreachable';
import { type NotOwner, notOwnerBody, notOwnerIn } from './rpc-data';
import {
  arcIn,
  arcValue,
  countIn,
  digestIn,
  digestValue,
  epochIn,
  epochValue,
  idBytes,
  idIn,
  type Place,
  type Places,
  placesIn,
  recordsIn,
  recordValue,
  versionIn,
  versionValue,
} from './rpc-parts';
import type { RpcValue } from './rpc-values';

/** Let me have what you hold: up to me, since I join behind `after`; or all of it, since you leave. */
export interface SyncOpen {
  readonly type: 'sync_open';
  readonly after: Id;
  readonly kind: 'join' | 'leave';
}

/** This is what I have of it already. */
export interface SyncPush {
  readonly type: 'sync_push';
  readonly session: number;
  readonly records: readonly Record[];
}

/** Give me more, from behind this key on, no more than so many bytes unless a single record has. */
export interface SyncNext {
  readonly type: 'sync_next';
  readonly session: number;
  /** Undefined: from the beginning. */
  readonly after?: Id | undefined;
  readonly bytesMax: number;
}

/** Hold writes back for a moment, and tell me what I should have by now. */
export interface SyncSeal {
  readonly type: 'sync_seal';
  readonly session: number;
}

/** I have it all: it is mine from now on. */
export interface SyncTake {
  readonly type: 'sync_take';
  readonly session: number;
}

/** I am leaving: take over what I hold. */
export interface TakeOver {
  readonly type: 'take_over';
  readonly arc: Range;
  readonly epoch: Epoch;
}

/** This is what I hold: do you agree? */
export interface Claim {
  readonly type: 'claim';
  readonly arc: Range;
  readonly epoch: Epoch;
}

/** What nodes ask each other about arcs. */
export type SyncQuestion = SyncOpen | SyncPush | SyncNext | SyncSeal | SyncTake | TakeOver | Claim;

/** The source is ready: this is what there is to fetch. */
export interface SyncOpened {
  readonly type: 'opened';
  readonly session: number;
  readonly arc: Range;
  readonly epoch: Epoch;
  readonly count: number;
  readonly bytes: number;
}

/** The arc is yours. */
export interface SyncGranted {
  readonly type: 'granted';
  readonly session: number;
  readonly arc: Range;
  readonly epoch: Epoch;
  /** The source's clock: whoever serves the arc next writes later versions than any in it. */
  readonly clock: Version;
}

/** A part of the arc, in the order of the keys' identifiers. */
export interface SyncChunk {
  readonly type: 'chunk';
  readonly records: readonly Record[];
  /** Behind which to go on; undefined: that was all. */
  readonly after?: Id | undefined;
}

/** Writes wait; this is the digest of the whole arc. */
export interface SyncSealed {
  readonly type: 'sealed';
  readonly digest: Digest;
}

/** I hold it myself, under this epoch. */
export interface Contested {
  readonly type: 'contested';
  readonly arc: Range;
  readonly epoch: Epoch;
}

/** In the middle of something else: ask again a little later. */
interface Busy {
  readonly type: 'busy';
}

/** The source knows no such session, or no more: begin again. */
interface NoSession {
  readonly type: 'no_session';
}

/** Which answers a question about arcs can have. */
export interface SyncAnswersTo {
  readonly sync_open: SyncOpened | SyncGranted | Busy | NotOwner;
  readonly sync_push: { readonly type: 'pushed' } | NoSession;
  readonly sync_next: SyncChunk | NoSession;
  readonly sync_seal: SyncSealed | NoSession;
  readonly sync_take: SyncGranted | NoSession;
  readonly take_over: { readonly type: 'accepted' } | Busy | NotOwner;
  /** `not_owner`: it holds nothing that speaks for or against it, somebody further on may. */
  readonly claim: { readonly type: 'agreed' } | Contested | Busy | NotOwner;
}

/** What a question about arcs is answered with. */
export type SyncAnswer = SyncAnswersTo[SyncQuestion['type']];

/** The body of such a question. */
export function syncQuestionBody(question: SyncQuestion): RpcValue {
  switch (question.type) {
    case 'sync_open':
      return [idBytes(question.after), question.kind];
    case 'sync_push':
      return [question.session, question.records.map(recordValue)];
    case 'sync_next':
      return [question.session, idValue(question.after), question.bytesMax];
    case 'sync_seal':
    case 'sync_take':
      return [question.session];
    case 'take_over':
    case 'claim':
      return [arcValue(question.arc), epochValue(question.epoch)];
    default:
      return unreachable(question);
  }
}

/** The question that a body holds; undefined where it holds none of this type. */
export function syncQuestionIn(type: SyncQuestion['type'], body: RpcValue, writers: Writers): SyncQuestion | undefined {
  const [first, second, third] = placesIn(body) ?? [];
  switch (type) {
    case 'sync_open': {
      const after = idIn(first);
      return after !== undefined && (second === 'join' || second === 'leave')
        ? { type, after, kind: second }
        : undefined;
    }
    case 'take_over':
    case 'claim': {
      const arc = arcIn(first);
      const epoch = epochIn(second);
      return arc && epoch && { type, arc, epoch };
    }
    default: {
      const session = countIn(first);
      return session === undefined ? undefined : inSession(type, session, [second, third], writers);
    }
  }
}

function inSession(
  type: 'sync_push' | 'sync_next' | 'sync_seal' | 'sync_take',
  session: number,
  [first, second]: Places,
  writers: Writers,
): SyncQuestion | undefined {
  switch (type) {
    case 'sync_push': {
      const records = recordsIn(first, writers);
      return records && { type, session, records };
    }
    case 'sync_next': {
      const bytesMax = countIn(second);
      if (bytesMax === undefined) return undefined;
      if (first === null) return { type, session, bytesMax };
      const after = idIn(first);
      return after === undefined ? undefined : { type, session, after, bytesMax };
    }
    case 'sync_seal':
    case 'sync_take':
      return { type, session };
    default:
      return unreachable(type);
  }
}

/** The body of such an answer. */
export function syncAnswerBody(answer: SyncAnswer): RpcValue {
  switch (answer.type) {
    case 'opened': {
      const { type, session, arc, epoch, count, bytes } = answer;
      return [type, session, arcValue(arc), epochValue(epoch), count, bytes];
    }
    case 'granted': {
      const { type, session, arc, epoch, clock } = answer;
      return [type, session, arcValue(arc), epochValue(epoch), versionValue(clock)];
    }
    case 'chunk':
      return [answer.type, answer.records.map(recordValue), idValue(answer.after)];
    case 'sealed':
      return [answer.type, digestValue(answer.digest)];
    case 'contested':
      return [answer.type, arcValue(answer.arc), epochValue(answer.epoch)];
    case 'not_owner':
      return notOwnerBody(answer);
    case 'pushed':
    case 'accepted':
    case 'agreed':
    case 'busy':
    case 'no_session':
      return [answer.type];
    default:
      return unreachable(answer);
  }
}

/** How the places of a body become one of the answers that such a question can have. */
export const SYNC_ANSWERS: {
  readonly [Method in keyof SyncAnswersTo]: (
    type: Place,
    places: Places,
    writers: Writers,
  ) => SyncAnswersTo[Method] | undefined;
} = {
  sync_open(type, places, writers) {
    switch (type) {
      case 'opened':
        return openedIn(places);
      case 'granted':
        return grantedIn(places, writers);
      case 'not_owner':
        return notOwnerIn(places);
      default:
        return type === 'busy' ? { type } : undefined;
    }
  },
  sync_push: (type) => (type === 'pushed' || type === 'no_session' ? { type } : undefined),
  sync_next: (type, places, writers) => (type === 'no_session' ? { type } : chunkIn(type, places, writers)),
  sync_seal(type, [first]) {
    if (type === 'no_session') return { type };
    const digest = type === 'sealed' ? digestIn(first) : undefined;
    return digest && { type: 'sealed', digest };
  },
  sync_take(type, places, writers) {
    if (type === 'no_session') return { type };
    return type === 'granted' ? grantedIn(places, writers) : undefined;
  },
  take_over(type, places) {
    if (type === 'not_owner') return notOwnerIn(places);
    return type === 'accepted' || type === 'busy' ? { type } : undefined;
  },
  claim(type, places) {
    if (type === 'agreed' || type === 'busy') return { type };
    if (type === 'not_owner') return notOwnerIn(places);
    const [first, second] = places;
    const arc = arcIn(first);
    const epoch = epochIn(second);
    return type === 'contested' && arc && epoch ? { type, arc, epoch } : undefined;
  },
};

function openedIn([first, second, third, fourth, fifth]: Places): SyncOpened | undefined {
  const [session, count, bytes] = [countIn(first), countIn(fourth), countIn(fifth)];
  const arc = arcIn(second);
  const epoch = epochIn(third);
  if (session === undefined || count === undefined || bytes === undefined) return undefined;
  return arc && epoch && { type: 'opened', session, arc, epoch, count, bytes };
}

function grantedIn([first, second, third, fourth]: Places, writers: Writers): SyncGranted | undefined {
  const session = countIn(first);
  const arc = arcIn(second);
  const epoch = epochIn(third);
  const clock = versionIn(fourth, writers);
  if (session === undefined || clock === undefined) return undefined;
  return arc && epoch && { type: 'granted', session, arc, epoch, clock };
}

function chunkIn(type: Place, [first, second]: Places, writers: Writers): SyncChunk | undefined {
  const records = type === 'chunk' ? recordsIn(first, writers) : undefined;
  if (records === undefined) return undefined;
  if (second === null) return { type: 'chunk', records };
  const after = idIn(second);
  return after === undefined ? undefined : { type: 'chunk', records, after };
}

function idValue(id: Id | undefined): RpcValue {
  return id === undefined ? null : idBytes(id);
}
