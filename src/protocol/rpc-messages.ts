/**
 * RPC messages: what the bodies of frames mean, typed from end to end.
 *
 *   peer             [id: 20 bytes, "host:port", inc: u64]
 *   peers            [peer, ...]
 *
 *   request          body                              response
 *   ping             nil                               ["pong"]
 *   get_state        nil                               ["state", peer, peers] | busy | refused
 *   join             nil                               ["admitted", peers] | ["redirect", peer] | busy | refused
 *   find_next        [key: 20 bytes, excluded: bin]    ["owner", peer, peers] | ["candidates", peers]
 *   busy             ["busy"]
 *   refused          ["refused", reason]
 *
 *   tell             body
 *   notify           nil
 *   hint             peer
 *   leaving_before   peers
 *   leaving_after    peer
 *
 * `excluded` is the identifiers of up to 1024 nodes, 20 bytes each. A newer node may add places to the
 * end of an array that stands here as a body; what is not known is passed over. Nobody says who he is: that was
 * said once, in the handshake. What comes from outside is checked place by place, by hand: a schema
 * library spends more on a list of peers than its decoding takes. A peer whose identifier is not the SHA-1
 * of its address is refused, for it could stand anywhere.
 */
import { type Id, type NodeId, nodeId } from '../chord/id';
import type { NextHop } from '../chord/lookup';
import type { Peer } from '../chord/peer';
import type { Answer, Question, Refusal, Tale } from '../chord/ring-protocol';
import { toBuffer } from '../octets';
import { err, ok, type Result } from '../result';
import { unreachable } from '../unreachable';
import type { RpcErrorCode } from './rpc-frames';
import { type RpcValue, uint64Of } from './rpc-values';

/**
 * Every method there is: what is asked, what is told, and the names kept for what is still to come. Of the names that
 * a ring usually has, `find_next` stands for find_successor (the asker goes on by himself), `get_state`
 * for get_predecessor, get_successor and get_successor_list (one piece, so that they belong together),
 * `leaving_before` and `leaving_after` for update_successor and update_predecessor (tales, not orders).
 */
export const METHODS = {
  ping: 'asked',
  get_state: 'asked',
  join: 'asked',
  find_next: 'asked',
  notify: 'told',
  hint: 'told',
  leaving_before: 'told',
  leaving_after: 'told',
  transfer_keys: 'reserved',
  receive_keys: 'reserved',
  put: 'reserved',
  get: 'reserved',
  delete: 'reserved',
  put_replica: 'reserved',
  get_replica: 'reserved',
  delete_replica: 'reserved',
} as const satisfies Record<RpcQuestion['type'], 'asked'> & Record<Tale['type'], 'told'> & Record<string, MethodUse>;

type MethodUse = 'asked' | 'told' | 'reserved';

/** Longest list of peers that is understood; lists of successors and candidates are far shorter. */
export const PEERS_MAX = 256;

/** Most nodes that a lookup can exclude. */
export const EXCLUDED_MAX = 1024;

/** Where would you go from here to this key, but for these? */
export interface FindNext {
  readonly type: 'find_next';
  readonly key: Id;
  readonly excluded: ReadonlySet<NodeId>;
}

/** What a node asks another. Its type is the method. */
export type RpcQuestion = Question | FindNext;

/** Which answers a question can have. */
export interface AnswersTo {
  readonly ping: Extract<Answer, { type: 'pong' }>;
  readonly get_state: Extract<Answer, { type: 'state' | 'busy' | 'refused' }>;
  readonly join: Extract<Answer, { type: 'admitted' | 'redirect' | 'busy' | 'refused' }>;
  readonly find_next: NextHop;
}

/** What a question is answered with. */
export type RpcAnswer = Answer | NextHop;

/** The body and the method of a frame to be sent. */
export interface Message {
  readonly method: string;
  readonly body: RpcValue;
}

/** Why a message is not understood: what an error frame says about it. */
export interface MessageFault {
  readonly code: Extract<RpcErrorCode, 'unknown_method' | 'bad_request'>;
  readonly message: string;
}

const ID_BYTES = 20;
const ADDR_CHARS_MAX = 261;
/** A port has no leading zeros, so that an address has one spelling and one identifier. */
const ADDR = /^([^\s\p{Cc}]+):([1-9]\d{0,4})$/u;
const PORT_MAX = 65_535;

// Questions

/** What to send to ask this. */
export function encodeQuestion(question: RpcQuestion): Message {
  switch (question.type) {
    case 'ping':
    case 'get_state':
    case 'join':
      return { method: question.type, body: null };
    case 'find_next': {
      const { key, excluded } = question;
      return { method: question.type, body: [idBytes(key), Buffer.from([...excluded].join(''), 'hex')] };
    }
    default:
      return unreachable(question);
  }
}

/** What is asked by a request with this method and body. */
export function decodeQuestion(method: string, body: RpcValue): Result<RpcQuestion, MessageFault> {
  switch (method) {
    case 'ping':
    case 'get_state':
    case 'join':
      return body === null ? ok({ type: method }) : badBody(method);
    case 'find_next':
      return understood(method, findNextOf(body));
    default:
      return unknownMethod(method);
  }
}

// Answers

/** The body of the response that answers so. */
export function encodeAnswer(answer: RpcAnswer): RpcValue {
  switch (answer.type) {
    case 'pong':
    case 'busy':
      return [answer.type];
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
    default:
      return unreachable(answer);
  }
}

/**
 * How a question with this method was answered; `bad_request` where the response's body is none of the answers
 * to it. Whoever answers nonsense is best treated as one who does not answer.
 *
 * @example decodeAnswer('ping', ['pong']) // { ok: true, value: { type: 'pong' } }
 */
export function decodeAnswer<Method extends keyof AnswersTo>(
  method: Method,
  body: RpcValue,
): Result<AnswersTo[Method], MessageFault> {
  if (!Array.isArray(body)) return badBody(method);
  const [type, first, second]: readonly RpcValue[] = body;
  return understood(method, ANSWERS[method](type, first, second));
}

type Place = RpcValue | undefined;

/** How the places of a body become one of the answers that the question can have. */
const ANSWERS: {
  readonly [Method in keyof AnswersTo]: (type: Place, first: Place, second: Place) => AnswersTo[Method] | undefined;
} = {
  ping: (type) => (type === 'pong' ? { type } : undefined),
  get_state(type, first, second) {
    if (type !== 'state') return declined(type, first);
    const predecessor = peerIn(first);
    const successors = peersIn(second);
    return predecessor && successors && { type, predecessor, successors };
  },
  join(type, first) {
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
  find_next(type, first, second) {
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

// Tales

/** What to send to tell this. */
export function encodeTale(tale: Tale): Message {
  switch (tale.type) {
    case 'notify':
      return { method: tale.type, body: null };
    case 'hint':
      return { method: tale.type, body: peerValue(tale.between) };
    case 'leaving_before':
      return { method: tale.type, body: peerValues(tale.successors) };
    case 'leaving_after':
      return { method: tale.type, body: peerValue(tale.predecessor) };
    default:
      return unreachable(tale);
  }
}

/** What is told by a frame with this method and body. */
export function decodeTale(method: string, body: RpcValue): Result<Tale, MessageFault> {
  switch (method) {
    case 'notify':
      return body === null ? ok({ type: 'notify' }) : badBody(method);
    case 'hint': {
      const between = peerIn(body);
      return understood(method, between && { type: method, between });
    }
    case 'leaving_before': {
      const successors = peersIn(body);
      return understood(method, successors && { type: method, successors });
    }
    case 'leaving_after': {
      const predecessor = peerIn(body);
      return understood(method, predecessor && { type: method, predecessor });
    }
    default:
      return unknownMethod(method);
  }
}

// Parts

function peerValue({ id, addr, inc }: Peer): RpcValue {
  return [idBytes(id), addr, inc];
}

function peerValues(peers: readonly Peer[]): RpcValue {
  return peers.map(peerValue);
}

function idBytes(id: Id): Uint8Array {
  return Buffer.from(id, 'hex');
}

function peerIn(value: Place): Peer | undefined {
  if (!Array.isArray(value) || value.length !== 3) return undefined;
  const [idIn, addr, incIn]: readonly RpcValue[] = value;
  const id = hexOf(idIn, ID_BYTES);
  const inc = uint64Of(incIn);
  if (id === undefined || inc === undefined || typeof addr !== 'string') return undefined;
  const ownId = idOfAddress(addr);
  return ownId === id ? { id: ownId, addr, inc } : undefined;
}

function peersIn(value: Place): readonly Peer[] | undefined {
  if (!Array.isArray(value) || value.length > PEERS_MAX) return undefined;
  const peers: Peer[] = [];
  for (const each of value) {
    const peer = peerIn(each);
    if (peer === undefined) return undefined;
    peers.push(peer);
  }
  return peers;
}

function findNextOf(body: RpcValue): FindNext | undefined {
  if (!Array.isArray(body)) return undefined;
  const [keyIn, excludedIn]: readonly RpcValue[] = body;
  const key = hexOf(keyIn, ID_BYTES);
  const excluded = nodeIdsIn(excludedIn);
  return key === undefined || excluded === undefined ? undefined : { type: 'find_next', key: key as Id, excluded };
}

function nodeIdsIn(value: Place): ReadonlySet<NodeId> | undefined {
  if (!(value instanceof Uint8Array)) return undefined;
  const count = value.length / ID_BYTES;
  if (!Number.isInteger(count) || count > EXCLUDED_MAX) return undefined;
  const digits = toBuffer(value).toString('hex');
  const digitsOfOne = 2 * ID_BYTES;
  return new Set(
    Array.from({ length: count }, (_, at) => digits.slice(at * digitsOfOne, (at + 1) * digitsOfOne) as NodeId),
  );
}

function hexOf(value: Place, bytes: number): string | undefined {
  return value instanceof Uint8Array && value.length === bytes ? toBuffer(value).toString('hex') : undefined;
}

function idOfAddress(addr: string): NodeId | undefined {
  const [, host, digits] = (addr.length <= ADDR_CHARS_MAX && ADDR.exec(addr)) || [];
  const port = Number(digits);
  return host === undefined || port > PORT_MAX ? undefined : nodeId(host, port);
}

function understood<T>(method: string, message: T | undefined): Result<T, MessageFault> {
  return message === undefined ? badBody(method) : ok(message);
}

function badBody(method: string): Result<never, MessageFault> {
  return err({ code: 'bad_request', message: `Cannot read ${method}: its body is none that it can have` });
}

function unknownMethod(method: string): Result<never, MessageFault> {
  return err({ code: 'unknown_method', message: `Cannot serve "${method}": it is not spoken here` });
}
