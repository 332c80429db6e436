/**
 * RPC tales: what nodes tell each other, without an answer.
 *
 *   tell             body
 *   notify           nil
 *   hint             peer
 *   leaving_before   peers
 *   leaving_after    peer
 */
import type { Tale } from '../chord/ring-protocol';
import { ok, type Result } from '../result';
import { unreachable } from '../unreachable';
import {
  badBody,
  type Message,
  type MessageFault,
  peerIn,
  peersIn,
  peerValue,
  peerValues,
  understood,
  unknownMethod,
} from './rpc-parts';
import type { RpcValue } from './rpc-values';

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
