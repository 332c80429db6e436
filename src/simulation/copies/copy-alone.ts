/**
 * Copy alone: how a simulated node serves requests in eventual mode, for which its own copy is enough. The client has
 * its answer in the same turn; what was written is sent to the others behind it.
 */
import type { Peer } from '../../chord/peer';
import { EMPTY } from '../../octets';
import type { Epoch } from '../../replication/epoch';
import { isMember, type View } from '../../replication/view';
import type { Standing, Views } from '../../replication/views';
import { type Answer, found } from '../../store/local-coordinator';
import { deleteLocally, putLocally } from '../../store/local-write';
import type { Record } from '../../store/record';
import { unreachable } from '../../unreachable';
import type { AskOutcome } from '../packet';
import type { CopyErrand, CopyRequest } from './copy-errand';
import type { KeptNode } from './copy-world';

const PATIENCE_MS = 1000;

/** Whether this node has a copy that is all that the client wants. */
export function isCopyHere({ op, consistency }: CopyRequest, standing: Standing, { self }: Views): boolean {
  if (consistency !== 'eventual') return false;
  switch (standing.type) {
    case 'primary':
      return true;
    case 'member':
      return op !== 'get' || standing.isVoter;
    case 'changing': {
      const { view } = standing;
      if (view === undefined || !isMember(view, self)) return false;
      return op !== 'get' || view.voters.includes(self.id);
    }
    case 'elsewhere':
      return false;
    default:
      return unreachable(standing);
  }
}

/** Serves a request from the node's own copy; undefined: its clock cannot order it. */
export function serveAlone(
  keeper: KeptNode,
  errand: CopyErrand,
  view: View,
  listeners: readonly Peer[],
): Answer | undefined {
  const { target, systemMs, host, world } = keeper;
  const { op, key, value } = errand.request;
  if (op === 'get') return found(target.table.read(key, systemMs));
  const isSoleHolder = view.members.length === 1 && listeners.length === 0;
  const written =
    op === 'put'
      ? putLocally(target, { key, value, expireAtMs: undefined, ev: true }, systemMs)
      : deleteLocally(target, { key, ev: true, isSoleHolder }, systemMs);
  if (!written.ok) return undefined;
  const record = written.value;
  if (record === undefined) return { status: 'success', value: EMPTY };
  world.written(record, host.self);
  const others = view.members.filter(({ id }) => id !== host.self.id);
  spread(keeper, record, view.epoch, [...others, ...listeners]);
  return { status: 'success', value: EMPTY, record };
}

/** Sends a record to others, for whom the client does not wait. */
export function spread(keeper: KeptNode, record: Record, epoch: Epoch, others: readonly Peer[]): void {
  const { host } = keeper;
  for (const peer of others) {
    if (host.isAlive(peer))
      host.askKeeper(peer, { type: 'put_replica', epoch, record }, PATIENCE_MS, (outcome) =>
        hasSpread(keeper, record, outcome),
      );
    else keeper.hint(peer, record.keyId);
  }
}

// Internal

function hasSpread(keeper: KeptNode, { keyId }: Record, outcome: AskOutcome): void {
  if (outcome.type === 'failed') return keeper.hint(outcome.to, keyId);
  const answer = outcome.answering.type === 'copies' ? outcome.answering.answer : undefined;
  if (answer?.type === 'stored' || answer?.type === 'superseded') return undefined;
  if (answer?.type === 'stale' && answer.view) keeper.happened({ type: 'heard_of', view: answer.view });
  return keeper.hint(outcome.from, keyId);
}
