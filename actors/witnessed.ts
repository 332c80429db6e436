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
import type { RouteEvent } from '../src/replication/route';
import { isSameAs, type Witness, WITNESSES } from '../src/replication/testimony';
import type { View } from '../src/replication/view';
import { keepsMinted, leadsWith, mayMint, notKept, othersOf, recordMinted } from '../src/replication/witnessed';
import { carryOut, foundLatest } from '../src/store/local-coordinator';
import { isLive, type Record } from '../src/store/record';
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
  const leading = leadsWith(witness, turn.standingOf(turn.idOf(key)));
  if (target === undefined || leading === undefined) return undefined;
  const stored = target.table.get(key);
  if (!isSameAs(witness, stored)) return undefined;
  const isThere = stored !== undefined && isLive(stored, systemMs);
  return doneOf(foundLatest(stored, isThere), turn.copiesOf(leading.view.members.length), WITNESSES);
}

/** Makes a write here. `Done`: it was definitely not done. Undefined: others must be asked, and nothing was done. */
export function mintWitnessed(turn: Turn, around: Replicas, errand: Errand): Made | Done | undefined {
  const { target, systemMs } = turn;
  const { witness } = errand.asker;
  const leading = leadsWith(witness, turn.standingOf(errand.keyId));
  if (target === undefined || witness === undefined || leading === undefined) return undefined;
  const { view } = leading;
  if (!mayMint(around, turn, view, witness)) return undefined;
  const answer = carryOut(errand.request, target, systemMs, false);
  const copies = turn.copiesOf(view.members.length);
  const { record } = answer;
  if (record === undefined) return doneOf(answer, copies, 1);
  return {
    minted: { type: 'minted', version: record.version, ...copies },
    record,
    view,
    others: othersOf(leading, around.self, witness),
  };
}

/** Keeps what the primary has made of a write that this node has passed on to it: then a majority has it. */
export function keepMinted(turn: Turn, errand: Errand, minted: Minted, from: Peer): RouteEvent {
  const { testimony } = errand;
  const record = recordMinted(errand, minted);
  const isKept = testimony !== undefined && keepsMinted(turn, record, testimony, from);
  const answer = doneOf({ status: 'success', value: EMPTY, record }, minted, isKept ? WITNESSES : 1);
  return isKept ? { type: 'answered', answer } : notKept(answer);
}
