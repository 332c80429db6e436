/**
 * Quorum read: how the primary of a key finds the latest of what the voters of its view have, and sees to it that
 * nobody will ever be told anything older. Pure: an event in, the next state and what is to be done out.
 *
 * A majority of the members is asked, this node included; only answers of voters count, since a learner may
 * lack what was written before it came, and may have leftovers of long ago. Of what they have the latest wins.
 * Where all have the same, a majority has it, and that is the answer. Where they differ, the write
 * may have reached a minority only: it is written back until a majority has it, and then told (Attiya, Bar-Noy and Dolev).
 *
 * The node that has passed the read on may have brought its own answer along (testimony.ts): then that is one of the
 * majority, and in a view of three the other.
 *
 * Others are asked too when somebody fails or takes his time, and now and then to find out who has missed a
 * write: he is sent what he lacks, and nobody waits for that.
 */
import type { NodeId } from '../chord/id';
import type { Peer } from '../chord/peer';
import { unreachable } from '../unreachable';
import { reminders, type Reminder } from './quorum-write';
import { ABSENT, compareVersions, type VersionWords } from './version';
import { quorumOf, type View } from './view';

/** A read on its way. */
export interface QuorumRead {
  readonly self: NodeId;
  readonly view: View;
  readonly state: 'asking' | 'fetching' | 'writing_back' | 'over';
  /** What voters have, this node first. */
  readonly answers: readonly Answer[];
  /** Whose answer is waited for. */
  readonly awaited: readonly Peer[];
  /** Who has not been asked. */
  readonly unasked: readonly Peer[];
  /** The latest that was found. */
  readonly winner: VersionWords;
  /** Who has that, or something newer. */
  readonly holders: readonly NodeId[];
}

/** What a voter has; {@link ABSENT}: nothing. */
export interface Answer {
  readonly peer: Peer;
  readonly version: VersionWords;
}

/** What a read begins with. */
export interface ReadBeginning {
  readonly view: View;
  readonly self: Peer;
  /** What this node has. */
  readonly own: VersionWords | undefined;
  /** Another voter that has answered already, under this view. */
  readonly witness?: Answer | undefined;
  readonly isTrusted: (peer: Peer) => boolean;
  /** From 0 up to 1: whom to ask. */
  readonly random: number;
}

/** What happens to a read. */
export type ReadEvent =
  | {
      readonly type: 'replica';
      readonly from: Peer;
      readonly isVoter: boolean;
      readonly version: VersionWords | undefined;
    }
  /** The winner, or something newer, is in this node's table now; undefined: it was not to be had. */
  | { readonly type: 'fetched'; readonly version: VersionWords | undefined }
  /** A member has what was written back, or something newer. */
  | { readonly type: 'stored'; readonly from: Peer }
  | { readonly type: 'stale'; readonly from: Peer; readonly view: View | undefined }
  | { readonly type: 'failed'; readonly to: Peer }
  /** {@link HEDGE_MS} have passed. */
  | { readonly type: 'slow' }
  /** All answers that are still awaited have been lost. */
  | { readonly type: 'overdue' };

/** What is to be done about a read. */
export type ReadEffect =
  /** Ask them for the version that they have. */
  | { readonly type: 'ask'; readonly to: readonly Peer[] }
  /** Ask for the record, and merge it into this node's table; then `fetched`. */
  | { readonly type: 'fetch'; readonly from: Peer }
  /** Send them what this node has now; that is what is told in the end. */
  | { readonly type: 'write_back'; readonly to: readonly Peer[] }
  /** Send them what this node has now, and do not wait. */
  | { readonly type: 'repair'; readonly to: Peer }
  /** Tell what this node had when it was looked up, or what was written back. */
  | { readonly type: 'answer' }
  /** Begin again, when something may have changed. */
  | { readonly type: 'stuck' }
  | Reminder;

type Step = readonly [QuorumRead, readonly ReadEffect[]];

/** So long a majority may take before the others are asked too. */
export const HEDGE_MS = 100;

/** One read of so many asks everybody. */
export const ASK_ALL_EVERY = 8;

/** Begins a read. With enough voters besides this one, or where this node is the only member, that is all there is to it. */
export function beginRead({ view, self, own = ABSENT, witness, isTrusted, random }: ReadBeginning): Step {
  const answers = witness ? [{ peer: self, version: own }, witness] : [{ peer: self, version: own }];
  const ordered = inOrder(view, self.id, isTrusted, random);
  const others = witness ? without(ordered, witness.peer.id) : ordered;
  const lacking = quorumOf(view.members.length) - answers.length;
  const asked = asksAll(random) ? others.length : lacking;
  const read: QuorumRead = {
    self: self.id,
    view,
    state: 'asking',
    answers,
    awaited: others.slice(0, asked),
    unasked: others.slice(asked),
    winner: witness && compareVersions(witness.version, own) > 0 ? witness.version : own,
    holders: [],
  };
  const { awaited } = read;
  const effects: readonly ReadEffect[] = awaited.length > 0 ? [{ type: 'ask', to: awaited }] : NOTHING;
  if (lacking > 0) return [read, effects];
  const [next, more] = decide(read);
  return effects.length === 0 ? [next, more] : [next, [...effects, ...more]];
}

/** Whether a read with this random number finds out what everybody has. */
export const asksAll = (random: number) => random < 1 / ASK_ALL_EVERY;

/** Goes on after an event. */
export function stepRead(read: QuorumRead, event: ReadEvent): Step {
  switch (event.type) {
    case 'replica':
      return replica(read, event);
    case 'fetched':
      return read.state === 'fetching' ? fetched(read, event.version) : [read, []];
    case 'stored':
      return read.state === 'writing_back' ? held(read, event.from) : [read, []];
    case 'stale':
      return missed(read, event.from, reminders(read.view, event.from, event.view));
    case 'failed':
      return missed(read, event.to, []);
    case 'slow':
      return read.state === 'asking' && read.unasked.length > 0 ? askAll(read, []) : [read, []];
    case 'overdue':
      return read.state === 'over' ? [read, []] : stuck({ ...read, awaited: [], unasked: [] }, []);
    default:
      return unreachable(event);
  }
}

// Internal

/** Voters that seem to be alive first, beginning at a different one from read to read; then whoever else there is. */
function inOrder(
  { members, voters }: View,
  self: NodeId,
  isTrusted: (peer: Peer) => boolean,
  random: number,
): readonly Peer[] {
  const rankOf = (peer: Peer) => (isTrusted(peer) ? 0 : 2) + (voters.includes(peer.id) ? 0 : 1);
  const others = without(members, self);
  const first = Math.floor(random * ASK_ALL_EVERY) % Math.max(1, others.length);
  const turned = first === 0 ? others : [...others.slice(first), ...others.slice(0, first)];
  return turned.every((peer) => rankOf(peer) === 0) ? turned : turned.toSorted((a, b) => rankOf(a) - rankOf(b));
}

function replica(read: QuorumRead, { from, isVoter, version = ABSENT }: ReadEvent & { type: 'replica' }): Step {
  const isOld = compareVersions(version, read.winner) < 0;
  if (read.state === 'over') return [read, isVoter && isOld ? [{ type: 'repair', to: from }] : []];
  if (read.state !== 'asking' || !isAwaited(read, from)) return [read, []];
  if (!isVoter) return missed(read, from, []);
  const answers = [...read.answers, { peer: from, version }];
  // Field by field: this happens for every answer of every read, and spreading takes ten times as long.
  const { self, view, state, unasked, holders } = read;
  const awaited = without(read.awaited, from.id);
  const winner = isOld ? read.winner : version;
  const next: QuorumRead = { self, view, state, answers, awaited, unasked, winner, holders };
  return answers.length < quorumOf(view.members.length) ? [next, []] : decide(next);
}

/** A majority of voters has answered. */
function decide(read: QuorumRead): Step {
  const { answers, winner } = read;
  const [own] = answers;
  if (answers.every(({ version }) => isSame(version, winner))) return over(read);
  if (own && isSame(own.version, winner)) return writeBack(read);
  const source = answers.find(({ version }) => isSame(version, winner));
  if (source === undefined) return stuck(read, []);
  return [{ ...read, state: 'fetching', awaited: [source.peer] }, [{ type: 'fetch', from: source.peer }]];
}

function fetched(read: QuorumRead, version: VersionWords | undefined): Step {
  if (version === undefined || compareVersions(version, read.winner) < 0) return stuck(read, []);
  return writeBack({ ...read, winner: version });
}

/** Those that have answered and lack it are alive, and make the majority full. */
function writeBack(read: QuorumRead): Step {
  const { answers, winner, self } = read;
  const lacking = answers.filter(({ peer, version }) => peer.id !== self && !isSame(version, winner));
  const to = lacking.map(({ peer }) => peer);
  const having = answers.flatMap(({ peer, version }) => (isSame(version, winner) ? [peer.id] : []));
  const holders = [self, ...having.filter((id) => id !== self)];
  const next: QuorumRead = { ...read, state: 'writing_back', holders, awaited: to };
  const sent: readonly ReadEffect[] = [{ type: 'write_back', to }];
  if (holders.length < quorumOf(read.view.members.length)) return [next, sent];
  return [{ ...next, state: 'over' }, [...sent, ANSWER]];
}

function held(read: QuorumRead, { id }: Peer): Step {
  if (read.holders.includes(id)) return [read, []];
  const next = { ...read, holders: [...read.holders, id], awaited: without(read.awaited, id) };
  return next.holders.length < quorumOf(read.view.members.length) ? [next, []] : over(next);
}

/** Somebody does not answer, or not with what counts. */
function missed(read: QuorumRead, peer: Peer, reminded: readonly Reminder[]): Step {
  const member = read.awaited.find(({ id }) => id === peer.id);
  if (member === undefined) return [read, []];
  const next = { ...read, awaited: without(read.awaited, peer.id) };
  const effects = member.inc === peer.inc ? reminded : [];
  switch (read.state) {
    case 'over':
      return [next, effects];
    case 'fetching':
      return stuck(next, effects);
    case 'asking':
    case 'writing_back':
      return askAll(next, effects);
    default:
      return unreachable(read.state);
  }
}

/** Asks everybody who has not been asked, or says that even that is not enough. */
function askAll(read: QuorumRead, effects: readonly ReadEffect[]): Step {
  const { unasked, state, answers, holders } = read;
  const next = { ...read, awaited: [...read.awaited, ...unasked], unasked: [] };
  const type = state === 'asking' ? 'ask' : 'write_back';
  const sent: readonly ReadEffect[] = unasked.length > 0 ? [...effects, { type, to: unasked }] : effects;
  const had = state === 'asking' ? answers.length : holders.length;
  return had + next.awaited.length < quorumOf(read.view.members.length) ? stuck(next, sent) : [next, sent];
}

const NOTHING: readonly ReadEffect[] = [];

const ANSWER: ReadEffect = { type: 'answer' };

const ANSWERED: readonly ReadEffect[] = [ANSWER];

function over({ self, view, answers, awaited, unasked, winner, holders }: QuorumRead): Step {
  return [{ self, view, state: 'over', answers, awaited, unasked, winner, holders }, ANSWERED];
}

const stuck = (read: QuorumRead, effects: readonly ReadEffect[]): Step => [
  { ...read, state: 'over' },
  [...effects, { type: 'stuck' }],
];

const isSame = (a: VersionWords, b: VersionWords) => compareVersions(a, b) === 0;

const isAwaited = ({ awaited }: QuorumRead, { id, inc }: Peer) =>
  awaited.some((peer) => peer.id === id && peer.inc === inc);

const without = (peers: readonly Peer[], id: NodeId) => peers.filter((peer) => peer.id !== id);
