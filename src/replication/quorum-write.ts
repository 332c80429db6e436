/**
 * Quorum write: how the primary of a key brings a record to a majority of the members of its view. Pure: an event
 * in, the next state and what is to be done out.
 *
 * The record is in this node's own table before anything here happens; whatever comes after that, the
 * write may survive. It is sent to all other members at once, and done when a majority has it, this
 * node included: every later quorum read asks one of them. The primary is the only one who writes
 * under the view's epoch, so one round trip is enough. Answers that come after that only tell who has to be
 * reminded (`hint`).
 *
 * A member may have something newer: written in eventual mode, or by a clock that ran ahead. Then the
 * write is minted anew above it and sent again, so that no acknowledged write loses to an earlier one.
 * What is newer because this node itself has written it since needs nothing of the kind. Nor is a write minted anew that
 * has come to another view with this node: what is newer may have been written by somebody who has read it, and it
 * must not take place twice.
 *
 * Who seems to be dead is spared as long as the others are enough: questions to it would only pile up.
 */
import type { NodeId } from '../chord/id';
import type { Peer } from '../chord/peer';
import { unreachable } from '../unreachable';
import { compareEpochs } from './epoch';
import type { Version, Writer } from './version';
import { quorumOf, type View } from './view';

/** A write on its way to a majority. */
export interface QuorumWrite {
  readonly self: NodeId;
  /** Who mints for this node. */
  readonly writer: Writer;
  /** Under which view it is written; undefined before the first `placed`. */
  readonly view: View | undefined;
  /** They get a copy, which does not count. */
  readonly listeners: readonly Peer[];
  /** Who has it, in the version that it has now: this node, and whoever has said so. */
  readonly holders: readonly NodeId[];
  /** Members that have been sent it and have not answered. */
  readonly awaited: readonly Peer[];
  /** Members that have not been sent it. */
  readonly spared: readonly Peer[];
  /** How often it was minted anew. */
  readonly remints: number;
  /** It was minted under an earlier view: others may have read it and written since. */
  readonly isMoved: boolean;
  /** `stuck`: a majority cannot be reached as things are. */
  readonly state: 'open' | 'confirmed' | 'stuck';
}

/** What happens to a write. */
export type WriteEvent =
  /** This node leads this view: it begins, or, after having been stuck, begins again. */
  | {
      readonly type: 'placed';
      readonly view: View;
      readonly listeners: readonly Peer[];
      readonly isAlive: (peer: Peer) => boolean;
    }
  | { readonly type: 'stored'; readonly from: Peer }
  | { readonly type: 'superseded'; readonly from: Peer; readonly version: Version }
  /** It has a newer version now, which is in this node's table. */
  | { readonly type: 'minted' }
  /** A member does not want it. */
  | { readonly type: 'refused'; readonly from: Peer }
  /** A member does not have this view, or is about to get another. */
  | { readonly type: 'stale'; readonly from: Peer; readonly view: View | undefined }
  | { readonly type: 'failed'; readonly to: Peer }
  /** All answers that are still awaited have been lost. */
  | { readonly type: 'overdue' };

/** What is to be done about a write. */
export type WriteEffect =
  | { readonly type: 'send'; readonly to: readonly Peer[] }
  /** Mint it anew, above this version; then `minted`, or nothing if the clock cannot. */
  | { readonly type: 'mint_above'; readonly version: Version }
  /** A majority has it. */
  | { readonly type: 'confirmed' }
  /** Begin again, when something may have changed. */
  | { readonly type: 'stuck' }
  | Reminder
  | { readonly type: 'hint'; readonly to: Peer };

/** What one replica finds out about another's view. */
export type Reminder =
  /** There is a newer view. */
  | { readonly type: 'heard_of'; readonly view: View }
  /** It has missed this one. */
  | { readonly type: 'unaware'; readonly peer: Peer; readonly view: View };

type Step = readonly [QuorumWrite, readonly WriteEffect[]];

/** How often a write is minted anew at most: whoever has newer records each time has a clock that nobody can follow. */
export const REMINTS_MAX = 3;

/** A write that this node has in its own table. */
export function writeOf(self: NodeId, writer: Writer): QuorumWrite {
  return {
    self,
    writer,
    view: undefined,
    listeners: [],
    holders: [self],
    awaited: [],
    spared: [],
    remints: 0,
    isMoved: false,
    state: 'open',
  };
}

/** Goes on after an event. */
export function stepWrite(write: QuorumWrite, event: WriteEvent): Step {
  switch (event.type) {
    case 'placed':
      return placed(write, event);
    case 'stored':
      return isAwaited(write, event.from) ? held(write, event.from) : [write, NOTHING];
    case 'superseded':
      return isAwaited(write, event.from) ? superseded(write, event.from, event.version) : [write, NOTHING];
    case 'minted':
      return minted(write);
    case 'refused':
      return missed(write, event.from, []);
    case 'stale':
      return missed(write, event.from, reminders(write.view, event.from, event.view));
    case 'failed':
      return missed(write, event.to, []);
    case 'overdue':
      return write.awaited.reduce<Step>(overdue, [write, NOTHING]);
    default:
      return unreachable(event);
  }
}

/** Why fewer members can be reached than a quorum needs, or are in the view than there must be; undefined: they are enough. */
export function whyUnavailable(
  { members }: View,
  self: NodeId,
  membersMin: number,
  isAlive: (peer: Peer) => boolean,
): string | undefined {
  const count = members.length;
  if (count < membersMin) return `unavailable, it would have ${count} of at least ${membersMin} copies`;
  if (count === 1) return undefined;
  let alive = 0;
  for (const member of members) if (member.id === self || isAlive(member)) alive += 1;
  const needed = quorumOf(count);
  return alive < needed
    ? `unavailable, ${alive} of ${count} copies can be reached and ${needed} are needed`
    : undefined;
}

/** What to tell whoever looks after views, when a member has answered that the view is another for it. */
export function reminders(own: View | undefined, peer: Peer, theirs: View | undefined): readonly Reminder[] {
  if (own === undefined) return [];
  const order = theirs === undefined ? -1 : compareEpochs(theirs.epoch, own.epoch);
  if (theirs !== undefined && order > 0) return [{ type: 'heard_of', view: theirs }];
  // With the same view it has promised to serve it no more: somebody is making the next.
  return order < 0 ? [{ type: 'unaware', peer, view: own }] : [];
}

// Internal

const NOTHING: readonly WriteEffect[] = [];
const CONFIRMED: readonly WriteEffect[] = [{ type: 'confirmed' }];

function placed(write: QuorumWrite, { view, listeners, isAlive }: WriteEvent & { type: 'placed' }): Step {
  // What a member has said under an older view does not count in a newer one.
  const isSame = write.view !== undefined && compareEpochs(write.view.epoch, view.epoch) === 0;
  const isMoved = write.isMoved || (write.view !== undefined && !isSame);
  const holders = isSame ? write.holders : [write.self];
  const awaited: Peer[] = [];
  const spared: Peer[] = [];
  for (const peer of view.members) {
    if (!holders.includes(peer.id)) (isAlive(peer) ? awaited : spared).push(peer);
  }
  const { self, writer, remints } = write;
  const next: QuorumWrite = {
    self,
    writer,
    view,
    listeners,
    holders,
    awaited,
    spared,
    remints,
    isMoved,
    state: 'open',
  };
  const to = listeners.length === 0 ? awaited : [...awaited, ...listeners];
  return settle(next, to.length > 0 ? [{ type: 'send', to }] : NOTHING);
}

function minted(write: QuorumWrite): Step {
  const { self, view, listeners, spared } = write;
  const awaited = view?.members.filter((peer) => peer.id !== self && !spared.includes(peer)) ?? [];
  return [{ ...write, holders: [self], awaited }, [{ type: 'send', to: [...awaited, ...listeners] }]];
}

function held(write: QuorumWrite, { id }: Peer): Step {
  // Field by field: this happens for every answer of every write, and spreading takes ten times as long.
  const { self, writer, view, listeners, spared, remints, isMoved } = write;
  const holders = [...write.holders, id];
  const awaited = without(write.awaited, id);
  const isOpen = write.state === 'open' && view !== undefined && spared.length === 0;
  const isDone = isOpen && holders.length >= quorumOf(view.members.length);
  const state = isDone ? 'confirmed' : write.state;
  const next: QuorumWrite = { self, writer, view, listeners, holders, awaited, spared, remints, isMoved, state };
  return isDone ? [next, CONFIRMED] : settle(next, NOTHING);
}

function superseded(write: QuorumWrite, from: Peer, version: Version): Step {
  const isOwn = version.writer.id === write.writer.id;
  if (isOwn || write.state !== 'open') return held(write, from);
  if (write.isMoved || write.remints >= REMINTS_MAX) return missed(write, from, []);
  return [
    { ...write, remints: write.remints + 1, holders: [write.self], awaited: [] },
    [{ type: 'mint_above', version }],
  ];
}

/** A member does not have it, and will not by itself. */
function missed(write: QuorumWrite, peer: Peer, reminded: readonly Reminder[]): Step {
  const member = write.awaited.find(({ id }) => id === peer.id);
  if (member === undefined) return [write, NOTHING];
  const rest = without(write.awaited, peer.id);
  // Somebody else at the same place in the ring: he has other ways to get what he lacks.
  const isSameNode = member.inc === peer.inc;
  const effects: readonly WriteEffect[] = isSameNode ? [...reminded, { type: 'hint', to: member }] : [];
  if (write.state !== 'open') return [{ ...write, awaited: rest }, effects];
  const { spared } = write;
  const next = { ...write, awaited: [...rest, ...spared], spared: [] };
  return settle(next, spared.length > 0 ? [...effects, { type: 'send', to: spared }] : effects);
}

function overdue([write, effects]: Step, peer: Peer): Step {
  const [next, more] = missed(write, peer, []);
  return [next, [...effects, ...more]];
}

/** Whether it is done now, or can no longer be. */
function settle(write: QuorumWrite, effects: readonly WriteEffect[]): Step {
  const { holders, awaited, spared, state, view } = write;
  if (state !== 'open' || view === undefined) return [write, effects];
  const needed = quorumOf(view.members.length);
  if (holders.length >= needed) {
    const hints = spared.map((to): WriteEffect => ({ type: 'hint', to }));
    const all = effects.length + hints.length === 0 ? CONFIRMED : [...effects, ...CONFIRMED, ...hints];
    return [{ ...write, spared: [], state: 'confirmed' }, all];
  }
  if (holders.length + awaited.length >= needed) return [write, effects];
  return [{ ...write, state: 'stuck' }, [...effects, { type: 'stuck' }]];
}

const isAwaited = ({ awaited }: QuorumWrite, { id, inc }: Peer) =>
  awaited.some((peer) => peer.id === id && peer.inc === inc);

const without = (peers: readonly Peer[], id: NodeId) => peers.filter((peer) => peer.id !== id);
