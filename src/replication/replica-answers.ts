/**
 * Replica answers: what a node answers to another that keeps copies of the same arc, about single keys and about
 * the whole of it. All from the tables as they are, in one turn with the look at whether it still serves the view.
 */
import { keyId } from '../chord/id';
import type { Peer } from '../chord/peer';
import { inRange } from '../chord/range';
import type { GetReplica, PutReplica, ReplicaAnswer, ReplicaQuestion } from '../protocol/rpc-data';
import type { KvTable } from '../store/kv-table';
import type { Target } from '../store/local-write';
import type { Record } from '../store/record';
import { holdingAt } from './holding';
import { answerSync, copyOf, isLedBy, type SourceAnswer, type SourceQuestion } from './sync-source';
import { compareVersions, msOf } from './version';
import { isFresh, type View } from './view';
import { replicaStanding, type Views } from './views';

/** Who asks, when, and what may have been forgotten by then: see {@link answerSync}. */
export interface Asker {
  readonly from: Peer;
  readonly systemMs: number;
  readonly isForgotten?: (record: Record) => boolean;
}

/** Answers one question of another replica. */
export function answerReplicaFrom(
  views: Views,
  target: Target,
  question: ReplicaQuestion | SourceQuestion,
  asker: Asker,
): ReplicaAnswer | SourceAnswer {
  switch (question.type) {
    case 'put_replica':
      return keep(question, views, target, asker);
    case 'get_replica':
      return have(question, views, target);
    default:
      return answerSync(views, target, question, asker.from, asker.systemMs, asker.isForgotten);
  }
}

// Internal

function keep({ record, epoch, isNew }: PutReplica, views: Views, target: Target, asker: Asker): ReplicaAnswer {
  const { table, clock } = target;
  const { from, systemMs, isForgotten } = asker;
  const standing = replicaStanding(views, record.keyId, epoch);
  if (standing.type === 'stale' && !(record.ev && isKept(views, record))) return { type: 'stale', view: standing.view };
  const learning = standing.type === 'member' ? standing.unchecked : undefined;
  if (learning !== undefined) dropLeftover(record, learning, table);
  const current = table.get(record.key);
  // Its key may have been deleted while whoever sends it was away, and nobody remember that.
  const isOld = current === undefined && record.ev && isNew !== true && !isLedBy(views, record, from);
  if (isOld && isForgotten?.(record) === true) return { type: 'superseded', version: record.version };
  const order = current === undefined ? -1 : compareVersions(current, record);
  if (current !== undefined && order > 0) return { type: 'superseded', version: current.version };
  if (isNew && isAhead(record, current, clock.maxDriftMs, systemMs)) return { type: 'skewed' };
  clock.observe(record.version, systemMs);
  table.merge(record, current);
  // Whoever saves what there is here could not tell it from a leftover: so it must not count.
  return learning === undefined || isFresh(record, learning.floor)
    ? { type: 'stored' }
    : { type: 'stale', view: learning };
}

/** A leftover of earlier times is as good as nothing, however new it is. */
function dropLeftover(record: Record, { floor }: View, table: KvTable): void {
  const current = table.get(record.key);
  if (current === undefined || isFresh(current, floor) || compareVersions(current, record) <= 0) return;
  table.forget(current.key, current);
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
