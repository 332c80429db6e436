/**
 * Peer requests: what another node asks about single keys, served in the process of its connection.
 *
 * A get, put or delete that was passed on is carried out here or sent back with a hint, never passed on
 * again. A replica is kept where this node has the key, or is about to: whoever sends it counts on it.
 */
import type { NodeSettings } from '../src/config';
import { EMPTY } from '../src/octets';
import type { DataQuestion, PutReplica } from '../src/protocol/rpc-data';
import { acceptsReplica, standingOf } from '../src/replication/ownership';
import { Coordinator, type Surroundings } from './coordinator';
import type { KeyRequest } from './errand';
import type { DataAsked, DataService } from './peer-session';
import type { Line } from './session';

// API

/** Gives what begins to serve another node. */
export function dataServices(
  surroundings: Surroundings,
  { requestTimeoutMs }: Pick<NodeSettings, 'requestTimeoutMs'>,
): (line: Line) => DataService {
  return (line) => new PeerRequests(line, surroundings, requestTimeoutMs);
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

  serve(question: DataQuestion, asked: DataAsked): void {
    if (question.type === 'put_replica') return this.keep(question, asked);
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

  private keep({ record }: PutReplica, asked: DataAsked): void {
    const store = this.surroundings.store();
    const ownership = this.surroundings.arcs()?.ownership;
    if (store === undefined || ownership === undefined) {
      return asked.refuse('overloaded', 'Cannot keep the record: this node is being restarted');
    }
    if (!acceptsReplica(ownership, record.keyId, asked.from.id)) {
      const standing = standingOf(ownership, record.keyId);
      const hint = standing.type === 'elsewhere' ? standing.hint : undefined;
      return asked.answer(hint ? { type: 'not_owner', hint } : { type: 'not_owner' });
    }
    store.clock.observe(record.version, this.line.self.systemMs());
    store.table.merge(record);
    asked.answer({ type: 'stored' });
  }
}

function requestOf(question: Exclude<DataQuestion, PutReplica>): KeyRequest {
  const { type: op, key, consistency } = question;
  const value = question.type === 'put' ? question.value : EMPTY;
  return { type: 'request', version: 2, op, key, value, requestId: 0, consistency, direct: false, wantsMeta: false };
}
