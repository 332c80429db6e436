/**
 * Views: who keeps copies of an arc, agreed upon and numbered.
 *
 * Two majorities have a node in common only if everybody means the same set of nodes. The ring's
 * pointers are opinions, so the set is written down: a view names the members of an arc, which of
 * them may vote, and its one primary. Every call between replicas carries the epoch of the view it is
 * made under, and a newer view is made only with the consent of a majority of the older one.
 *
 * A view holds for each key of its arc by itself. So it may be restricted to any part of the arc, and
 * the parts go their own ways from then on.
 */
import { betweenRightClosed, type Id, type NodeId } from '../chord/id';
import type { Peer } from '../chord/peer';
import type { Range } from '../chord/range';
import { compareEpochs, type Epoch } from './epoch';
import { compareTimes, compareVersions, type Version, type VersionWords } from './version';

/** Who keeps copies of an arc. Immutable; a newer one has a larger epoch. */
export interface View {
  readonly epoch: Epoch;
  readonly arc: Range;
  /** Who receives every write: one to `replicas` of them, in ring order from the end of the arc on. */
  readonly members: readonly Peer[];
  /** Who made this view, and orders all quorum operations of the arc. One of the voters. */
  readonly primary: NodeId;
  /**
   * Members whose answers count in quorum reads, as far as the primary has told. At least one, and at most
   * `quorumOf(members) - 1` of them lack any one write that was completed under an earlier view.
   */
  readonly voters: readonly NodeId[];
  /** How many of the voters, the primary among them, somebody must merge to have every write completed earlier. */
  readonly syncs: number;
  /** The primary's clock when it made the view, with its writer: what it writes under it is later, and has that writer. */
  readonly floor: Version;
}

/** The smallest majority of so many members. */
export function quorumOf(members: number): number {
  return Math.floor(members / 2) + 1;
}

/** Whether this incarnation of this node is a member. */
export function isMember({ members }: Pick<View, 'members'>, { id, inc }: Peer): boolean {
  return members.some((member) => member.id === id && member.inc === inc);
}

/**
 * Whether a record is known to be none of the leftovers that a new member may have: it was written under a view with this
 * floor, or in eventual mode, which no view orders.
 */
export function isFresh(record: VersionWords & { readonly ev: boolean }, floor: Version): boolean {
  if (record.ev) return true;
  return compareTimes(record, floor) > 0 && record.writer.id === floor.writer.id;
}

/** The primary of a view, as a peer. */
export function primaryOf({ members, primary }: View): Peer {
  const peer = members.find(({ id }) => id === primary);
  if (peer === undefined) throw new Error('The primary of a view is one of its members');
  return peer;
}

/** Whether all members vote. */
export function allVote({ members, voters }: View): boolean {
  return members.every(({ id }) => voters.includes(id));
}

/** Whether two views are one and the same decision, possibly restricted to different parts of its arc. */
export function isSameView(a: View, b: View): boolean {
  return compareEpochs(a.epoch, b.epoch) === 0;
}

/** Whether two lists name the same incarnations in the same order. */
export function arePeers(a: readonly Peer[], b: readonly Peer[]): boolean {
  return a.length === b.length && a.every(({ id, inc }, at) => id === b[at]?.id && inc === b[at].inc);
}

/** Whether two views say the same in everything but the arc that they say it about. */
export function saysTheSame(a: View, b: View): boolean {
  return (
    isSameView(a, b) &&
    a.primary === b.primary &&
    a.syncs === b.syncs &&
    a.voters.length === b.voters.length &&
    a.voters.every((voter, at) => voter === b.voters[at]) &&
    arePeers(a.members, b.members) &&
    compareVersions(a.floor, b.floor) === 0
  );
}

/** What two tellings of one view amount to: whoever votes by either, and as few to be merged as in either. */
export function updated(view: View, { voters, syncs }: Pick<View, 'voters' | 'syncs'>): View {
  const all = view.members.map(({ id }) => id).filter((id) => view.voters.includes(id) || voters.includes(id));
  return { ...view, voters: all, syncs: Math.min(view.syncs, syncs) };
}

/** The same view for a part of its arc. */
export function restricted(view: View, arc: Range): View {
  return view.arc.lo === arc.lo && view.arc.hi === arc.hi ? view : { ...view, arc };
}

/** Peers in ring order: whoever stands at or next behind `from` first. */
export function inRingOrder(peers: readonly Peer[], from: Id): readonly Peer[] {
  return [...peers].sort((a, b) => {
    if (a.id === b.id) return 0;
    // `from` itself comes first, and what comes before it last.
    if (a.id === from) return -1;
    if (b.id === from) return 1;
    return betweenRightClosed(a.id, from, b.id) ? -1 : 1;
  });
}
