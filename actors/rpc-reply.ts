/**
 * RPC reply: how a process answers what another node has asked it.
 *
 * The question came through a connection, whose process remembers who waits for the answer there;
 * the answer goes to that process as a message. Any process may answer, at once or later, once or
 * never: a connection that has gone takes the answer silently, and the node that asked gives up in its
 * own time.
 */
import type { Peer } from '../src/chord/peer';
import { currentSelf, type Pid } from '../src/otp';
import type { RpcErrorCode } from '../src/protocol/rpc-frames';
import type { RpcAnswer, RpcQuestion } from '../src/protocol/rpc-messages';
import type { Tale } from '../src/chord/ring-protocol';
import type { Interruption } from './session';

/** Where an answer goes. */
export interface ReplyAddress {
  /** The process of the connection. */
  readonly pid: Pid<RpcReply>;
  /** Which of its questions. */
  readonly correlationId: number;
  /** Who has asked, as its hello said. */
  readonly from: Peer;
}

/** What a process is sent that is to answer: an info message to its registered name. */
export interface RpcAsked<Question extends RpcQuestion = RpcQuestion> {
  readonly type: 'rpc_asked';
  readonly question: Question;
  readonly replyTo: ReplyAddress;
}

/** What a process is sent that need not answer. */
export interface RpcTold {
  readonly type: 'rpc_told';
  readonly from: Peer;
  readonly tale: Tale;
}

/** The answer on its way back, or why there is none. */
export type RpcReply =
  | { readonly type: 'rpc_reply'; readonly correlationId: number; readonly answer: RpcAnswer }
  | { readonly type: 'rpc_reply'; readonly correlationId: number; readonly error: RpcRefusal };

/** Why a question is not answered. */
export interface RpcRefusal {
  readonly code: RpcErrorCode;
  /** What happened, as a sentence for a log. */
  readonly message: string;
}

/** What a node is told whose conversation has to end in the middle of a frame. */
export const LAST_WORDS: Readonly<Record<Interruption, readonly [RpcErrorCode, string]>> = {
  late: ['bad_request', 'Cannot read frame: the rest of it did not come in time'],
  too_much: ['overloaded', 'Cannot read frame: the node is receiving too much at a time'],
};

/** What a node is told whose conversation ends while this process goes on. */
export const PARTING: readonly [RpcErrorCode, string] = ['internal', 'This conversation ends, and another may begin'];

/** What a node is told whose conversation ends because this node has left its ring. */
export const LEAVING: readonly [RpcErrorCode, string] = ['not_a_member', 'This node has left its ring, and ends'];

export function isRpcReply(message: unknown): message is RpcReply {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === 'rpc_reply';
}

/** Answers a question. Only the first answer counts. */
export function replyRpc({ pid, correlationId }: ReplyAddress, answer: RpcAnswer): void {
  currentSelf().send(pid, { type: 'rpc_reply', correlationId, answer });
}

/** Says why a question is not answered. */
export function refuseRpc({ pid, correlationId }: ReplyAddress, code: RpcErrorCode, message: string): void {
  currentSelf().send(pid, { type: 'rpc_reply', correlationId, error: { code, message } });
}
