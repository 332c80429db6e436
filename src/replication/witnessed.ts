/**
 * Witnessed: what the primary may do at once for a node that has passed a request on with its testimony, and how that node
 * keeps what has come of it (testimony.ts says why that is enough).
 *
 * Nothing is made here that is not kept: these are asked for most requests of a ring under load.
 */
import type { KeyId, NodeId } from '../chord/id';
import type { Peer } from '../chord/peer';
import type { BinaryString, Octets } from '../octets';
import type { Done, Minted } from '../protocol/rpc-data';
import type { Target } from '../store/local-write';
import { Record } from '../store/record';
import { whyUnavailable } from './quorum-write';
import { answerReplicaFrom } from './replica-answers';
import type { RouteEvent } from './route';
import type { Standing } from './standing';
import { isAheadOf, makesMajority, type Testimony, type Witness } from './testimony';
import type { View } from './view';
import type { Views } from './views';

/** How a node stands that leads a key. */
export type Leading = Standing & { readonly type: 'primary' };

/** Who makes a write for a witness. */
export interface Maker {
  readonly self: NodeId;
  /** How many members a view must have for a quorum write to be begun. @default 1 */
  readonly minReplicas?: number | undefined;
  /** Whether its clock is too far from the others' to order writes by. @default it is not */
  readonly isSkewed?: () => boolean;
  readonly isAlive: (peer: Peer) => boolean;
}

/** What a node has found in its tables in the turn in which it is made, or kept. Undefined: they are not there. */
export interface Moment {
  readonly target: Target | undefined;
  readonly views: Views | undefined;
  readonly systemMs: number;
  /** How long the write may have waited already. */
  readonly waitedMs: number;
}

/** A write that was passed on. */
export interface PassedOn {
  readonly keyId: KeyId;
  readonly request: { readonly op: string; readonly key: BinaryString; readonly value: Octets };
}

/** How this node leads a key, if it makes a majority together with this witness. */
export function leadsWith(witness: Witness | undefined, standing: Standing | undefined): Leading | undefined {
  if (witness === undefined || standing?.type !== 'primary') return undefined;
  return makesMajority(witness, standing.view) ? standing : undefined;
}

/** Whether a write may be made at once, for this witness to keep. Otherwise the others are asked, as for any write. */
export function mayMint(maker: Maker, { target, systemMs, waitedMs }: Moment, view: View, witness: Witness): boolean {
  if (target === undefined || waitedMs > 0 || maker.isSkewed?.() === true) return false;
  // What is made from now on is later than what the witness has, unless that comes from too far ahead.
  const { version } = witness.testimony;
  if (version) target.clock.observe(version, systemMs);
  if (isAheadOf(witness, target.clock.latest)) return false;
  return whyUnavailable(view, maker.self, maker.minReplicas ?? 1, maker.isAlive) === undefined;
}

/** Who is to have it besides the primary and the witness. Nobody waits for them. */
export const othersOf = ({ view, listeners }: Leading, self: NodeId, { peer }: Witness): readonly Peer[] => [
  ...view.members.filter(({ id }) => id !== self && id !== peer.id),
  ...listeners,
];

/** The record that the primary has made of a write which this node has passed on to it. */
export function recordMinted({ keyId, request: { op, key, value } }: PassedOn, { version }: Minted): Record {
  return new Record(keyId, key, version, op === 'put' ? value : undefined, undefined, false);
}

/** Keeps it as if the primary had sent it. Whether a majority has it then. */
export function keepsMinted(
  { views, target, systemMs }: Moment,
  record: Record,
  { epoch }: Testimony,
  from: Peer,
): boolean {
  if (views === undefined || target === undefined) return false;
  const question = { type: 'put_replica', epoch, record, isNew: true } as const;
  const answer = answerReplicaFrom(views, target, question, { from, systemMs });
  // What the same node has made since is as good.
  return (
    answer.type === 'stored' || (answer.type === 'superseded' && answer.version.writer.id === record.version.writer.id)
  );
}

/** Its view has changed meanwhile: whoever leads the arc now is asked whether the write is there, and then this is told. */
export const notKept = (written: Done): RouteEvent => ({
  type: 'stuck',
  written,
  why: 'it was just being settled who keeps the key',
});
