/** What simulated nodes send each other: the words of the ring, of lookups and of copies, in an envelope. */
import type { Id, NodeId } from '../chord/id';
import type { NextHop } from '../chord/lookup';
import type { Peer } from '../chord/peer';
import type { Answer, Question, Tale } from '../chord/ring-protocol';
import type { DataAnswer, DataQuestion } from '../protocol/rpc-data';
import type { SyncAnswer, SyncQuestion } from '../protocol/rpc-sync';
import type { ViewAnswer, ViewQuestion } from '../protocol/rpc-views';

/** What nodes that keep copies of keys ask each other. */
export type CopyQuestion = ViewQuestion | SyncQuestion | DataQuestion;

/** What they answer. */
export type CopyAnswer = ViewAnswer | SyncAnswer | DataAnswer;

/** Everything that a node may be asked. */
export type Asking =
  | Question
  | { readonly type: 'find_next'; readonly key: Id; readonly excluded: ReadonlySet<NodeId> }
  /** Ping the target for us. */
  | { readonly type: 'ping_for'; readonly target: Peer }
  | { readonly type: 'copies'; readonly question: CopyQuestion };

/** Everything that it may answer. */
export type Answering =
  | Exclude<Answer, { type: 'pong' }>
  /** With what time it is there, in Unix milliseconds, where copies are kept. */
  | { readonly type: 'pong'; readonly systemMs?: number }
  | NextHop
  | { readonly type: 'silent' }
  | { readonly type: 'copies'; readonly answer: CopyAnswer };

/** A message on its way. */
export type Packet =
  | { readonly type: 'ask'; readonly from: Peer; readonly to: Peer; readonly number: number; readonly asking: Asking }
  /** Only the process that has asked gets it: one that was started at the same address later does not. */
  | {
      readonly type: 'answer';
      readonly from: Peer;
      readonly to: Peer;
      readonly number: number;
      readonly answering: Answering;
    }
  | { readonly type: 'tell'; readonly from: Peer; readonly to: Peer; readonly tale: Tale }
  /** The machine is there, and nobody listens at the port. */
  | { readonly type: 'refusal'; readonly from: Peer; readonly to: Peer; readonly number: number };

/** How a question ended for the one who asked. */
export type AskOutcome =
  | { readonly type: 'answered'; readonly from: Peer; readonly answering: Answering; readonly rttMs: number }
  | { readonly type: 'failed'; readonly to: Peer; readonly code: 'timeout' | 'unreachable' };
