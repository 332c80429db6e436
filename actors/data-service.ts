/**
 * Data service: how the conversation with another node hands on what is asked about records.
 *
 * The session (peer-session.ts) knows the words and who is waiting; whoever serves (peer-requests.ts) knows the tables.
 */
import type { Peer } from '../src/chord/peer';
import type { DataAnswer, DataQuestion, ReplicaQuestion, RpcGet } from '../src/protocol/rpc-data';
import type { RpcErrorCode } from '../src/protocol/rpc-frames';
import type { SyncAnswer, SyncQuestion } from '../src/protocol/rpc-sync';

/** What is asked about records, and answered from the tables. */
export type RecordQuestion = DataQuestion | Exclude<SyncQuestion, { type: 'sync_open' | 'sync_ready' }>;

/** Whoever answers questions about records, in the connection's own process. */
export interface DataService {
  /** Answers through `asked`, at once or later, once. */
  serve(question: RecordQuestion, asked: DataAsked): void;
  /** Answers what a replica asks, or a get that is passed on, on the spot, if it can; undefined: it has to be served. */
  answerNow?(question: RpcGet | ReplicaQuestion, from: Peer): DataAnswer | SyncAnswer | undefined;
  /** A message for it, such as the outcome of an ask. False: it is not for it. */
  handle(message: unknown): boolean;
}

/** How a question about records came, and the way back. */
export interface DataAsked {
  readonly from: Peer;
  /** On the monotonic clock; undefined: whoever asked did not say how long he waits. */
  readonly deadlineAtMs: number | undefined;
  answer(answer: DataAnswer | SyncAnswer): void;
  refuse(code: RpcErrorCode, message: string): void;
}
