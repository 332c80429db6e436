/**
 * RPC messages: what the bodies of frames mean, typed from end to end; here the words of the ring. Those about single keys
 * are in rpc-data.ts, about the records of an arc in rpc-sync.ts, about who keeps it in rpc-views.ts, tales in rpc-tales.ts.
 *
 *   request          body                              response
 *   ping             nil                               ["pong", systemMs]
 *   ping_for         peer                              ["pong"] | ["silent"]
 *   describe         nil                               ["described", ...], see rpc-description.ts
 *   get_state        nil                               ["state", peer, peers] | busy | refused
 *   join             nil                               ["admitted", peers] | ["redirect", peer] | busy | refused
 *   find_next        [key: 20 bytes, excluded: bin]    ["owner", peer, peers] | ["candidates", peers]
 *   busy             ["busy"]
 *   refused          ["refused", reason]
 *
 * What a peer and the other parts look like is said in rpc-parts.ts. `excluded` is the identifiers of up
 * to 1024 nodes, 20 bytes each. A newer node may add places to the end of an array that stands here
 * as a body; what is not known is passed over. Nobody says who he is: that was said once, in the handshake.
 */
import type { Id, NodeId } from '../chord/id';
import type { NextHop } from '../chord/lookup';
import type { Peer } from '../chord/peer';
import type { Answer, Question, Refusal, Tale } from '../chord/ring-protocol';
import type { Writers } from '../replication/version';
import { ok, type Result } from '../result';
import { dataBytes } from '../store/record';
import {
  DATA_ANSWERS,
  type DataAnswer,
  dataAnswerBody,
  type DataAnswersTo,
  type DataQuestion,
  dataQuestionBody,
  dataQuestionIn,
} from './rpc-data';
import { type Described, describedBody, describedIn } from './rpc-description';
import {
  badBody,
  countIn,
  idBytes,
  idIn,
  type Message,
  type MessageFault,
  nodeIdsIn,
  nodeIdsValue,
  peerIn,
  peersIn,
  peerValue,
  peerValues,
  type Place,
  type Places,
  placesIn,
  understood,
  unknownMethod,
} from './rpc-parts';
import {
  SYNC_ANSWERS,
  type SyncAnswer,
  syncAnswerBody,
  type SyncAnswersTo,
  type SyncQuestion,
  syncQuestionBody,
  syncQuestionIn,
} from './rpc-sync';
import { syncQuestionBytes } from './rpc-sync-bytes';
import {
  VIEW_ANSWERS,
  type ViewAnswer,
  viewAnswerBody,
  type ViewAnswersTo,
  type ViewQuestion,
  viewQuestionBody,
  viewQuestionIn,
} from './rpc-views';
import type { RpcValue } from './rpc-values';

/**
 * Every method there is: what is asked, what is told, and the names kept for what is still to come. Of the names that
 * a ring usually has, `find_next` stands for find_successor (the asker goes on by himself), `get_state`
 * for get_predecessor, get_successor and get_successor_list (one piece, so that they belong together),
 * `leaving_before` and `leaving_after` for update_successor and update_predecessor (tales, not orders),
 * `sync_next`, `fetch` and `push` for transfer_keys and receive_keys (many small steps, each of which may be repeated),
 * and `put_replica` for delete_replica (a deletion is a record like any other).
 */
export const METHODS = {
  ping: 'asked',
  ping_for: 'asked',
  describe: 'asked',
  get_state: 'asked',
  join: 'asked',
  find_next: 'asked',
  get: 'asked',
  put: 'asked',
  delete: 'asked',
  put_replica: 'asked',
  get_replica: 'asked',
  sync_open: 'asked',
  sync_ready: 'asked',
  sync_next: 'asked',
  ranges: 'asked',
  fetch: 'asked',
  push: 'asked',
  seal: 'asked',
  view_new: 'asked',
  view_get: 'asked',
  view_voter: 'asked',
  view_blocked: 'asked',
  invite: 'asked',
  depart: 'asked',
  death_of: 'asked',
  clean_up: 'asked',
  notify: 'told',
  hint: 'told',
  leaving_before: 'told',
  leaving_after: 'told',
  transfer_keys: 'reserved',
  receive_keys: 'reserved',
  delete_replica: 'reserved',
} as const satisfies Record<RpcQuestion['type'], 'asked'> & Record<Tale['type'], 'told'> & Record<string, MethodUse>;

type MethodUse = 'asked' | 'told' | 'reserved';

/** Where would you go from here to this key, but for these? */
export interface FindNext {
  readonly type: 'find_next';
  readonly key: Id;
  readonly excluded: ReadonlySet<NodeId>;
}

/** Is this one there? I cannot reach it; perhaps you can. */
export interface PingFor {
  readonly type: 'ping_for';
  readonly target: Peer;
}

/** What do you know, and what do you hold? For people, and for those who want to know everybody. */
export interface Describe {
  readonly type: 'describe';
}

/** What a node asks another. Its type is the method. */
export type RpcQuestion = Question | FindNext | PingFor | Describe | DataQuestion | SyncQuestion | ViewQuestion;

/** Which answers a question can have. */
export interface AnswersTo extends DataAnswersTo, SyncAnswersTo, ViewAnswersTo {
  readonly ping: Pong;
  readonly ping_for: Pong | { readonly type: 'silent' };
  readonly describe: Described;
  readonly get_state: Extract<Answer, { type: 'state' | 'busy' | 'refused' }>;
  readonly join: Extract<Answer, { type: 'admitted' | 'redirect' | 'busy' | 'refused' }>;
  readonly find_next: NextHop;
}

/** I am here. */
export interface Pong {
  readonly type: 'pong';
  /** What time it is here, in Unix milliseconds; for another node nobody says it. */
  readonly systemMs?: number | undefined;
}

/** What a question is answered with. */
export type RpcAnswer =
  | Exclude<Answer, { type: 'pong' }>
  | Pong
  | NextHop
  | AnswersTo['ping_for']
  | Described
  | DataAnswer
  | SyncAnswer
  | ViewAnswer;

// Questions

/** What to send to ask this. */
export function encodeQuestion(question: RpcQuestion): Message {
  return { method: question.type, body: questionBody(question) };
}

function questionBody(question: RpcQuestion): RpcValue {
  switch (question.type) {
    case 'ping':
    case 'describe':
    case 'get_state':
    case 'join':
      return null;
    case 'ping_for':
      return peerValue(question.target);
    case 'find_next':
      return [idBytes(question.key), nodeIdsValue(question.excluded)];
    case 'get':
    case 'put':
    case 'delete':
    case 'put_replica':
    case 'get_replica':
      return dataQuestionBody(question);
    case 'sync_open':
    case 'sync_ready':
    case 'sync_next':
    case 'ranges':
    case 'fetch':
    case 'push':
      return syncQuestionBody(question);
    default:
      return viewQuestionBody(question);
  }
}

/** What is asked by a request with this method and body. `writers` are the node's, for the versions in it. */
export function decodeQuestion(method: string, body: RpcValue, writers: Writers): Result<RpcQuestion, MessageFault> {
  switch (method) {
    case 'ping':
    case 'describe':
    case 'get_state':
    case 'join':
      return body === null ? ok({ type: method }) : badBody(method);
    case 'ping_for': {
      const target = peerIn(body);
      return understood(method, target && { type: method, target });
    }
    case 'find_next':
      return understood(method, findNextOf(body));
    case 'get':
    case 'put':
    case 'delete':
    case 'put_replica':
    case 'get_replica':
      return understood(method, dataQuestionIn(method, body, writers));
    default:
      if (isAmong(SYNC_ANSWERS, method)) return understood(method, syncQuestionIn(method, body, writers));
      if (isAmong(VIEW_ANSWERS, method)) return understood(method, viewQuestionIn(method, body, writers));
      return unknownMethod(method);
  }
}

function isAmong<Methods extends object>(methods: Methods, method: string): method is keyof Methods & string {
  return Object.hasOwn(methods, method);
}

/** About how many bytes a question takes, without writing it: what is kept of it while it is under way. */
export function questionBytes(question: RpcQuestion): number {
  switch (question.type) {
    case 'put':
      return QUESTION_BYTES + question.key.length + question.value.length;
    case 'put_replica':
      return QUESTION_BYTES + dataBytes(question.record);
    case 'ranges':
    case 'fetch':
    case 'push':
      return syncQuestionBytes(question);
    case 'seal':
      return QUESTION_BYTES + peersBytes(question.members);
    case 'view_new':
      return 2 * QUESTION_BYTES + peersBytes(question.view.members);
    default:
      return QUESTION_BYTES;
  }
}

const QUESTION_BYTES = 64;
const PEER_BYTES = 36;

function peersBytes(peers: readonly Peer[]): number {
  return peers.reduce((bytes, { addr }) => bytes + PEER_BYTES + addr.length, 0);
}

// Answers

/** The body of the response that answers so. */
export function encodeAnswer(answer: RpcAnswer): RpcValue {
  switch (answer.type) {
    case 'pong':
      return 'systemMs' in answer && answer.systemMs !== undefined ? [answer.type, answer.systemMs] : [answer.type];
    case 'silent':
    case 'busy':
      return [answer.type];
    case 'described':
      return describedBody(answer);
    case 'state':
      return [answer.type, peerValue(answer.predecessor), peerValues(answer.successors)];
    case 'admitted':
      return [answer.type, peerValues(answer.successors)];
    case 'redirect':
      return [answer.type, peerValue(answer.to)];
    case 'refused':
      return [answer.type, answer.reason];
    case 'owner':
      return [answer.type, peerValue(answer.owner), peerValues(answer.rest)];
    case 'candidates':
      return [answer.type, peerValues(answer.peers)];
    case 'done':
    case 'minted':
    case 'not_owner':
    case 'stored':
    case 'superseded':
    case 'skewed':
    case 'replica':
      return dataAnswerBody(answer);
    case 'opened':
    case 'chunk':
    case 'compared':
    case 'records':
    case 'pushed':
      return syncAnswerBody(answer);
    default:
      return viewAnswerBody(answer);
  }
}

/**
 * How a question with this method was answered; `bad_request` where the response's body is none of the answers
 * to it. Whoever answers nonsense is best treated as one who does not answer.
 *
 * @example decodeAnswer('ping', ['pong'], writers) // { ok: true, value: { type: 'pong' } }
 */
export function decodeAnswer<Method extends keyof AnswersTo>(
  method: Method,
  body: RpcValue,
  writers: Writers,
): Result<AnswersTo[Method], MessageFault> {
  const places = placesIn(body);
  if (places === undefined) return badBody(method);
  return understood(method, ANSWERS[method](places[0], places.slice(1), writers));
}

/** How the places of a body become one of the answers that the question can have. */
const ANSWERS: {
  readonly [Method in keyof AnswersTo]: (
    type: Place,
    places: Places,
    writers: Writers,
  ) => AnswersTo[Method] | undefined;
} = {
  ...SYNC_ANSWERS,
  ...VIEW_ANSWERS,
  ...DATA_ANSWERS,
  ping(type, [first]) {
    if (type !== 'pong') return undefined;
    const systemMs = countIn(first);
    return systemMs === undefined ? { type } : { type, systemMs };
  },
  ping_for: (type) => (type === 'pong' || type === 'silent' ? { type } : undefined),
  describe: (type, places) => (type === 'described' ? describedIn(places) : undefined),
  get_state(type, [first, second]) {
    if (type !== 'state') return declined(type, first);
    const predecessor = peerIn(first);
    const successors = peersIn(second);
    return predecessor && successors && { type, predecessor, successors };
  },
  join(type, [first]) {
    switch (type) {
      case 'admitted': {
        const successors = peersIn(first);
        return successors && { type, successors };
      }
      case 'redirect': {
        const to = peerIn(first);
        return to && { type, to };
      }
      default:
        return declined(type, first);
    }
  },
  find_next(type, [first, second]) {
    switch (type) {
      case 'owner': {
        const owner = peerIn(first);
        const rest = peersIn(second);
        return owner && rest && { type, owner, rest };
      }
      case 'candidates': {
        const peers = peersIn(first);
        return peers && { type, peers };
      }
      default:
        return undefined;
    }
  },
};

function declined(type: Place, reason: Place): Extract<Answer, { type: 'busy' | 'refused' }> | undefined {
  if (type === 'busy') return { type };
  return type === 'refused' && isRefusal(reason) ? { type, reason } : undefined;
}

function isRefusal(reason: Place): reason is Refusal {
  return reason === 'id_taken' || reason === 'not_a_member';
}

// Parts

function findNextOf(body: RpcValue): FindNext | undefined {
  const [keyPlace, excludedPlace] = placesIn(body) ?? [];
  const key = idIn(keyPlace);
  const excluded = nodeIdsIn(excludedPlace);
  return key === undefined || excluded === undefined ? undefined : { type: 'find_next', key, excluded };
}
