/**
 * Peer requests: what another node asks about single keys and arcs, served in the process of its connection.
 *
 * A get, put or delete that was passed on is carried out here or sent back with a hint, never passed on
 * again. What one replica asks of another is answered on the spot, from the tables as they are: whether this
 * node still serves the view under which it is asked is looked up in the same turn.
 */
import type { NodeSettings } from '../src/config';
import { keyId } from '../src/chord/id';
import { EMPTY } from '../src/octets';
import type { Peer } from '../src/chord/peer';
import { inRange } from '../src/chord/range';
import type { GetReplica, PutReplica, ReplicaAnswer, ReplicaQuestion, RequestQuestion } from '../src/protocol/rpc-data';
import { holdingAt } from '../src/replication/holding';
import { answerSync, copyOf, type SourceAnswer, type SourceQuestion } from '../src/replication/sync-source';
import { compareVersions, msOf } from '../src/replication/version';
import { replicaStanding, type Views } from '../src/replication/views';
import type { Target } from '../src/store/local-write';
import type { Record } from '../src/store/record';
import { Coordinator, type Surroundings } from './coordinator';
import type { KeyRequest } from './errand';
import type { DataAsked, DataService, RecordQuestion } from './peer-session';
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
  switch (question.type) {
    case 'put_replica':
      return keep(question, arcs.views, target, systemMs);
    case 'get_replica':
      return have(question, arcs.views, target);
    default:
      return answerSync(arcs.views, target, question, from);
  }
}

// Internal

class PeerRequests implements DataService {
  private readonly coordinator: Coordinator;

  constructor(
    private readonly line: Line,
    private readonly surroundings: Surroundings,
    private readonly timeoutMs: number,
  ) {
    this.coordinator = new Coordinator(line.self, surroundings);
  }

  serve(question: RecordQuestion, asked: DataAsked): void {
    if (question.type !== 'get' && question.type !== 'put' && question.type !== 'delete') {
      const answer = answerReplica(question, asked.from, this.surroundings, this.line.self.systemMs());
      if (answer) return asked.answer(answer);
      return asked.refuse('overloaded', `Cannot answer ${question.type}: this node is being restarted`);
    }
    this.coordinator.look();
    this.coordinator.serve(requestOf(question), {
      isForwarded: true,
      deadlineAtMs: asked.deadlineAtMs ?? this.line.self.nowMs() + this.timeoutMs,
      answer: (answer) => asked.answer(answer),
    });
  }

  handle(message: unknown): boolean {
    return this.coordinator.handle(message);
  }
}

function requestOf(question: RequestQuestion): KeyRequest {
  const { type: op, key, consistency } = question;
  const value = question.type === 'put' ? question.value : EMPTY;
  return { type: 'request', version: 2, op, key, value, requestId: 0, consistency, direct: false, wantsMeta: false };
}

function keep({ record, epoch, isNew }: PutReplica, views: Views, target: Target, systemMs: number): ReplicaAnswer {
  const { table, clock } = target;
  const standing = replicaStanding(views, record.keyId, epoch);
  if (standing.type === 'stale' && !(record.ev && isKept(views, record))) return { type: 'stale', view: standing.view };
  const current = table.get(record.key);
  const order = current === undefined ? -1 : compareVersions(current, record);
  if (current !== undefined && order > 0) return { type: 'superseded', version: current.version };
  if (isNew && isAhead(record, current, clock.maxDriftMs, systemMs)) return { type: 'skewed' };
  clock.observe(record.version, systemMs);
  table.merge(record, current);
  return { type: 'stored' };
}

/** What was written without a quorum is nobody's promise: whoever has the arc, or has not given it away yet, takes it. */
function isKept({ holdings, surplus }: Views, { keyId }: Record): boolean {
  const role = holdingAt(holdings, keyId)?.role ?? 'none';
  return role !== 'none' || surplus.some(({ arc }) => inRange(keyId, arc));
}

/** A clock that is wrong must not draw a key into the future, unless it is there already. */
function isAhead(record: Record, current: Record | undefined, maxDriftMs: number, systemMs: number): boolean {
  const latestMs = systemMs + maxDriftMs;
  return msOf(record) > latestMs && (current === undefined || msOf(current) <= latestMs);
}

function have({ key, epoch, wantsValue }: GetReplica, views: Views, { table }: Target): ReplicaAnswer {
  const current = table.get(key);
  const standing = replicaStanding(views, current?.keyId ?? keyId(key), epoch);
  if (standing.type === 'stale') return { type: 'stale', view: standing.view };
  const isVoter = standing.type === 'member' && standing.isVoter;
  if (current === undefined) return { type: 'replica', isVoter, version: undefined };
  const { version } = current;
  return wantsValue
    ? { type: 'replica', isVoter, version, record: copyOf(current) }
    : { type: 'replica', isVoter, version };
}
