/**
 * Peer link: this node's connection to one other node.
 */
import type { Peer } from '../src/chord/peer';
import type { Tale } from '../src/chord/ring-protocol';
import type { RpcErrorCode } from '../src/protocol/rpc-frames';
import type { HandshakeFault } from '../src/protocol/rpc-handshake';
import type { RpcAnswer, RpcQuestion } from '../src/protocol/rpc-messages';

// API

/** How an ask may be made. */
export interface AskOptions<Tag> {
  /** Comes back with the outcome, so that the asker knows which of his questions it is about. */
  readonly tag: Tag;
  /** @default what the failure detector has learned of the peer's answering times */
  readonly timeoutMs?: number | undefined;
}

/** Why there is no answer. */
export interface RpcFailure {
  readonly code:
    | 'timeout'
    /** Nobody listens there, or nobody did a moment ago. */
    | 'unreachable'
    /** The connection broke. */
    | 'disconnected'
    | 'overloaded'
    /** The two nodes do not speak with each other: see `handshake`. */
    | 'refused'
    /** It was answered with nonsense. */
    | 'bad_answer'
    | RpcErrorCode;
  /** False: the peer has certainly not seen the question. */
  readonly wasSent: boolean;
  /** What happened, as a sentence. */
  readonly message: string;
  readonly handshake?: HandshakeFault | undefined;
}

/** What becomes of an ask: a message to the process that asked. Exactly one comes, whatever happens. */
export type RpcOutcome<Tag, A = RpcAnswer> =
  | {
      readonly type: 'rpc_answered';
      readonly tag: Tag;
      /** As its hello said, with its real incarnation. */
      readonly from: Peer;
      readonly answer: A;
      readonly rttMs: number;
    }
  | { readonly type: 'rpc_failed'; readonly tag: Tag; readonly to: Peer; readonly failure: RpcFailure };

/** Asks a node something. Returns at once; the outcome comes to the running process as an {@link RpcOutcome}. */
export function ask<Tag>(_to: Peer, _question: RpcQuestion, _options: AskOptions<Tag>): void {
  throw new Error('Cannot ask: there are no links yet');
}

/** Tells a node something. Returns at once; whether it arrives, nobody hears. */
export function tell(_to: Peer, _tale: Tale): void {
  throw new Error('Cannot tell: there are no links yet');
}
