/**
 * Testimony: what a node that passes a quorum request on has of the key itself.
 *
 * Whoever was asked by the client is often a voter of the key's view, and with the primary it makes a majority of up to
 * three members. So it says what it has as it passes the request on, and where the primary serves the same view,
 * nobody else need be waited for:
 *
 * - A get is over at once if both have the same. What it had is worth what any voter's answer is, for it was looked up
 *   after the client had asked, under the view's epoch, and before a newer one was promised.
 * - Of a write the primary makes a record and tells its version (`minted`). The other one has all the rest, and keeps it as it
 *   would keep what the primary sends it: under that epoch or not at all. Then, and not before, a majority has it.
 *
 * Whoever merely keeps the arc, or is about to change its view, has no testimony to give.
 */
import type { Peer } from '../chord/peer';
import type { Record } from '../store/record';
import { compareEpochs, type Epoch } from './epoch';
import type { Standing } from './standing';
import { ABSENT, compareVersions, type Version, type VersionWords } from './version';
import { quorumOf, type View } from './view';

/** What a voter of a view has of a key. */
export interface Testimony {
  readonly epoch: Epoch;
  /** Undefined: it had nothing. */
  readonly version: Version | undefined;
}

/** A testimony, and whose it is. */
export interface Witness {
  readonly peer: Peer;
  readonly testimony: Testimony;
}

/** What a node with this standing can say of a key of which it has this. */
export function testimonyOf(standing: Standing | undefined, stored: Record | undefined): Testimony | undefined {
  if (standing?.type !== 'member' || !standing.isVoter) return undefined;
  return { epoch: standing.view.epoch, version: stored?.version };
}

/** Whether what a node says counts in this view: as this incarnation it votes there, and spoke under just this epoch. */
export function isOfView({ peer, testimony }: Witness, { members, voters, epoch }: View): boolean {
  if (compareEpochs(testimony.epoch, epoch) !== 0 || !voters.includes(peer.id)) return false;
  return members.some(({ id, inc }) => id === peer.id && inc === peer.inc);
}

/** Whether it makes a majority of this view together with the primary. */
export const makesMajority = (witness: Witness, view: View) =>
  quorumOf(view.members.length) <= WITNESSES && isOfView(witness, view);

/** Whether it has just what the primary has. */
export const isSameAs = ({ testimony }: Witness, stored: VersionWords | undefined) =>
  compareVersions(testimony.version ?? ABSENT, stored ?? ABSENT) === 0;

/** Whether it has something that the primary has not seen. */
export const isAheadOf = ({ testimony }: Witness, stored: VersionWords | undefined) =>
  compareVersions(testimony.version ?? ABSENT, stored ?? ABSENT) > 0;

/** The primary, and whoever has passed the request on to it. */
export const WITNESSES = 2;
