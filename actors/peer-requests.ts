/**
 * Peer requests: what another node asks about single keys and arcs, served in the process of its connection.
 *
 * A get, put or delete that was passed on is carried out here or sent back with a hint, never passed on
 * again. What one replica asks of another is answered on the spot, from the tables as they are: whether this
 * node still serves the view under which it is asked is looked up in the same turn. Only what is asked under a view of
 * which it has not heard yet waits for that, for moments (early-questions.ts).
 */
import type { NodeSettings } from '../src/config';
import { EMPTY } from '../src/octets';
import type { Peer } from '../src/chord/peer';
import type { DataAnswer, ReplicaAnswer, ReplicaQuestion, RequestQuestion, RpcGet } from '../src/protocol/rpc-data';
import { answerReplicaFrom } from '../src/replication/replica-answers';
import type { SourceAnswer, SourceQuestion } from '../src/replication/sync-source';
import type { Witness } from '../src/replication/testimony';
import { Coordinator, type Surroundings } from './coordinator';
import type { KeyRequest } from './errand';
import * as handoff from './handoff';
import * as kvStore from './kv-store';
import type { DataAsked, DataService, RecordQuestion } from './data-service';
import { EarlyQuestions, isEarly } from './early-questions';
import * as outflowTable from './outflow-table';
import type { Line } from './session';
import { storeOf, type Tables } from './turn';

// API

/** Gives what begins to serve another node. */
export function dataServices(
  surroundings: Surroundings,
  { requestTimeoutMs }: Pick<NodeSettings, 'requestTimeoutMs'>,
): (line: Line) => DataService {
  return (line) => new PeerRequests(line, surroundings, requestTimeoutMs);
}

/** What another replica is answered; undefined while this node's tables are not there. */
export function answerReplica(
  question: ReplicaQuestion | SourceQuestion,
  from: Peer,
  tables: Tables,
  systemMs: number,
): ReplicaAnswer | SourceAnswer | undefined {
  const arcs = tables.arcs();
  const target = arcs && storeOf(tables.store(), arcs);
  if (arcs === undefined || target === undefined) return undefined;
  const asker = { from, systemMs, isForgotten: kvStore.isForgotten };
  const answerNow = () => answerReplicaFrom(arcs.views, target, question, asker);
  const given = { views: arcs.views, table: target.table };
  const answer = question.type === 'sync_next' ? outflowTable.inTurn(question, from, given, answerNow) : answerNow();
  // A newcomer that fetches is given time; one that does not is forgotten.
  const isFetching = question.type === 'sync_next' || question.type === 'ranges' || question.type === 'fetch';
  if (isFetching && arcs.views.newcomers.some(({ peer }) => peer.id === from.id))
    handoff.listenerSeen(from, question.arc);
  // Only who leads an arc compares it, and it knows up to when all replicas agree.
  if (question.type === 'ranges' && answer.type === 'compared')
    kvStore.raiseHorizon(question.arc, question.horizonMs, systemMs);
  return answer;
}

// Internal

class PeerRequests implements DataService {
  private readonly coordinator: Coordinator;
  private readonly early: EarlyQuestions;

  constructor(
    private readonly line: Line,
    private readonly surroundings: Surroundings,
    private readonly timeoutMs: number,
  ) {
    this.coordinator = new Coordinator(line.self, surroundings);
    this.early = new EarlyQuestions(line.self);
  }

  serve(question: RecordQuestion, asked: DataAsked): void {
    if (question.type !== 'get' && question.type !== 'put' && question.type !== 'delete') {
      if (!this.answered(question, asked, false)) this.early.keep((isLast) => this.answered(question, asked, isLast));
      return;
    }
    this.coordinator.look();
    this.coordinator.serveFor(requestOf(question), {
      isForwarded: true,
      witness: witnessOf(question, asked.from),
      deadlineAtMs: asked.deadlineAtMs ?? this.line.self.nowMs() + this.timeoutMs,
      answer: (answer) => asked.answer(answer),
    });
  }

  answerNow(question: RpcGet | ReplicaQuestion, from: Peer): DataAnswer | SourceAnswer | undefined {
    if (question.type !== 'get') {
      const answer = answerReplica(question, from, this.surroundings, this.line.self.systemMs());
      return answer && isEarly(question, answer) ? undefined : answer;
    }
    const witness = witnessOf(question, from);
    if (witness === undefined) return undefined;
    this.coordinator.look();
    return this.coordinator.confirm(question.key, witness);
  }

  handle(message: unknown): boolean {
    return this.early.handle(message) || this.coordinator.handle(message);
  }

  /** Answers what a replica asks; false: not yet, for it is early, and this is not the last look. */
  private answered(question: ReplicaQuestion | SourceQuestion, asked: DataAsked, isLast: boolean): boolean {
    const answer = answerReplica(question, asked.from, this.surroundings, this.line.self.systemMs());
    if (answer && !isLast && isReplicaQuestion(question) && isEarly(question, answer)) return false;
    if (answer) asked.answer(answer);
    else asked.refuse('overloaded', `Cannot answer ${question.type}: this node is being restarted`);
    return true;
  }
}

const isReplicaQuestion = (question: ReplicaQuestion | SourceQuestion): question is ReplicaQuestion =>
  question.type === 'put_replica' || question.type === 'get_replica';

function witnessOf({ testimony }: RequestQuestion, peer: Peer): Witness | undefined {
  return testimony && { peer, testimony };
}

function requestOf(question: RequestQuestion): KeyRequest {
  const { type: op, key, consistency } = question;
  const value = question.type === 'put' ? question.value : EMPTY;
  return { type: 'request', version: 2, op, key, value, requestId: 0, consistency, direct: false, wantsMeta: false };
}
