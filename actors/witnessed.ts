/**
 * Witnessed: quorum requests that are carried out in the turn in which they come, because the node that has passed them on
 * is all that the primary needs for a majority (src/replication/testimony.ts).
 *
 * This is most of what a ring under load does. Of a get nothing is left behind; of a write the remaining members are
 * sent a copy, and nobody waits for that.
 */
import type { Peer } from '../src/chord/peer';
import { type BinaryString, EMPTY } from '../src/octets';
import type { Done, Minted } from '../src/protocol/rpc-data';
import { whyUnavailable } from '../src/replication/quorum-write';
import { answerReplicaFrom } from '../src/replication/replica-answers';
import type { RouteEvent } from '../src/replication/route';
import { isAheadOf, isSameAs, makesMajority, type Witness, WITNESSES } from '../src/replication/testimony';
import type { Version } from '../src/replication/version';
import type { View } from '../src/replication/view';
import { carryOut, found } from '../src/store/local-coordinator';
import { isLive, Record } from '../src/store/record';
import { doneOf, type Errand } from './errand';
import type { Replicas } from './replicas';
import type { Turn } from './turn';

/** A record that was just made, and who is to have it besides this node and the witness. */
export interface Made {
  readonly minted: Minted;
  readonly record: Record;
  readonly view: View;
  readonly others: readonly Peer[];
}

/** The answer, if this node leads the key's view and has just what the witness has; undefined: it has to be looked into. */
export function answerWitnessed(turn: Turn, key: BinaryString, witness: Witness): Done | undefined {
  const { target, systemMs } = turn;
  const standing = turn.standingOf(turn.idOf(key));
  if (target === undefined || standing?.type !== 'primary') return undefined;
  const { view } = standing;
  if (!makesMajority(witness, view)) return undefined;
  const stored = target.table.get(key);
  if (!isSameAs(witness, stored)) return undefined;
  const isThere = stored !== undefined && isLive(stored, systemMs);
  return doneOf(found(isThere ? stored : undefined), turn.copiesOf(view.members.length), WITNESSES);
}

/** Makes a write here. `Done`: it was definitely not done. Undefined: others must be asked, and nothing was done. */
export function mintWitnessed(turn: Turn, around: Replicas, errand: Errand): Made | Done | undefined {
  const { target, systemMs, waitedMs } = turn;
  const { witness } = errand.asker;
  const standing = turn.standingOf(errand.keyId);
  if (target === undefined || witness === undefined || standing?.type !== 'primary') return undefined;
  const { view, listeners } = standing;
  if (waitedMs > 0 || around.isSkewed?.() === true || !makesMajority(witness, view)) return undefined;
  // What is made from now on is later than what the witness has, unless that comes from too far ahead.
  if (witness.testimony.version) target.clock.observe(witness.testimony.version, systemMs);
  if (isAheadOf(witness, target.clock.latest)) return undefined;
  if (whyUnavailable(view, around.self, around.minReplicas ?? 1, around.isAlive) !== undefined) return undefined;
  const answer = carryOut(errand.request, target, systemMs, false);
  const copies = turn.copiesOf(view.members.length);
  const { record } = answer;
  if (record === undefined) return doneOf(answer, copies, 1);
  const rest = view.members.filter(({ id }) => id !== around.self && id !== witness.peer.id);
  return {
    minted: { type: 'minted', version: record.version, ...copies },
    record,
    view,
    others: [...rest, ...listeners],
  };
}

/** Keeps what the primary has made of a write that this node has passed on to it: then a majority has it. */
export function keepMinted({ views, target, systemMs }: Turn, errand: Errand, minted: Minted, from: Peer): RouteEvent {
  const { request, keyId, key, testimony } = errand;
  if (testimony === undefined || views === undefined || target === undefined) return NOT_KEPT;
  const value = request.op === 'put' ? request.value : undefined;
  const record = new Record(keyId, key, minted.version, value, undefined, false);
  const question = { type: 'put_replica', epoch: testimony.epoch, record, isNew: true } as const;
  const answer = answerReplicaFrom(views, target, question, { from, systemMs });
  if (!isKept(answer, minted.version)) return NOT_KEPT;
  return { type: 'answered', answer: doneOf({ status: 'success', value: EMPTY, record }, minted, WITNESSES) };
}

// Internal

/** What the same node has made since is as good. */
function isKept(answer: ReturnType<typeof answerReplicaFrom>, of: Version): boolean {
  return answer.type === 'stored' || (answer.type === 'superseded' && answer.version.writer.id === of.writer.id);
}

/** Its view has changed meanwhile: who has the write in the end, nobody here can tell. */
const NOT_KEPT: RouteEvent = { type: 'failed', failure: { code: 'view_changed', wasSent: true } };
