/**
 * Lookup: finding the member that a key belongs to, hop by hop, from the one who asks.
 *
 * Iterative, as both papers simulate it: the origin asks one member after the other, each nearer to
 * the key than the last that answered, until one says that the key lies between itself and its
 * successor (SIGCOMM 2001, section 4.3). Who is asked only reads its own pointers ({@link nextHop}),
 * so nobody waits for anybody but the origin. Every hop makes strict progress, hence there are no
 * loops; a member that does not answer is passed by, and when nobody is left to try, the last one
 * that answered is asked again for others, which ends in a walk along successors. An owner that
 * was only guessed is never given.
 */
import { betweenOpen, betweenRightClosed, type Id, type NodeId } from './id';
import type { Peer } from './peer';

/** Most peers that an answer names: enough for when every second one is dead, without sending the table. */
export const CANDIDATES_MAX = 8;

/** What a member knows of the way to a key. */
export type NextHop =
  /** The key lies between the member and `owner`, its successor; `rest` follow it. */
  | { readonly type: 'owner'; readonly owner: Peer; readonly rest: readonly Peer[] }
  /** Members nearer to the key, the nearest first; empty when all that are known were excluded. */
  | { readonly type: 'candidates'; readonly peers: readonly Peer[] };

/** The pointers that a member answers from. */
export interface Pointers {
  readonly self: Peer;
  /** Head first; a lone member's list holds itself. */
  readonly successors: readonly Peer[];
  /** Whomever else it knows and does not suspect: its fingers, its memory. */
  readonly others: readonly Peer[];
}

/** Where a member sends someone who looks for `key`, but not to those in `excluded`. */
export function nextHop(key: Id, { self, successors, others }: Pointers, excluded: ReadonlySet<NodeId>): NextHop {
  const usable = successors.filter(({ id }) => !excluded.has(id));
  const [head, ...rest] = usable;
  if (head !== undefined && betweenRightClosed(key, self.id, head.id)) return { type: 'owner', owner: head, rest };
  const nearest = nearestFirst(key, self.id, [...others.filter(({ id }) => !excluded.has(id)), ...usable]);
  const peers = nearest.slice(0, CANDIDATES_MAX);
  // The successor is the one pointer that correctness rests on: it is always among them.
  if (head !== undefined && !peers.some(({ id }) => id === head.id)) peers.splice(CANDIDATES_MAX - 1, 1, head);
  return { type: 'candidates', peers };
}

/** Why a lookup has ended without an owner. */
export type LookupFailure =
  /** Nobody who is left knows a way on. */
  | 'no_route'
  /** More members were asked than a ring that is well could need. */
  | 'too_many_hops';

/** What a lookup wants done, or has come to. */
export type LookupEffect =
  /** Ask `peer` for its {@link nextHop}, with these excluded. */
  | { readonly type: 'ask'; readonly peer: Peer; readonly excluded: ReadonlySet<NodeId> }
  | { readonly type: 'found'; readonly owner: Peer; readonly rest: readonly Peer[]; readonly path: readonly Peer[] }
  | { readonly type: 'failed'; readonly code: LookupFailure; readonly path: readonly Peer[] };

/** What happens to a lookup: an answer, or none in time. */
export type LookupEvent =
  | { readonly type: 'answered'; readonly from: NodeId; readonly hop: NextHop }
  | { readonly type: 'timed_out'; readonly peer: NodeId };

/** A lookup under way. */
export interface Lookup {
  readonly key: Id;
  /** The members that have answered, the origin first, each nearer to the key than the one before. */
  readonly path: readonly Peer[];
  /** Members nearer to the key than the last of the path, not asked yet, the nearest first. */
  readonly candidates: readonly Peer[];
  /** Whom the lookup is waiting for. */
  readonly asked: Peer;
  /** Who was asked and did not answer. */
  readonly silent: ReadonlySet<NodeId>;
  readonly asksLeft: number;
}

/**
 * Begins a lookup, by asking the origin itself.
 *
 * @param asksMax most members that may be asked: 2·log2 N and twice the length of a successor list
 */
export function startLookup(key: Id, origin: Peer, asksMax: number): [Lookup, LookupEffect] {
  const lookup = { key, path: [origin], candidates: [], asked: origin, silent: new Set<NodeId>(), asksLeft: asksMax };
  return [lookup, { type: 'ask', peer: origin, excluded: lookup.silent }];
}

/** Goes on after an event. One that comes from somebody who is not being waited for changes nothing. */
export function stepLookup(lookup: Lookup, event: LookupEvent): [Lookup, LookupEffect | undefined] {
  const isAwaited = lookup.asked.id === (event.type === 'answered' ? event.from : event.peer);
  if (!isAwaited) return [lookup, undefined];
  return event.type === 'answered' ? answered(lookup, event.hop) : timedOut(lookup);
}

function answered(lookup: Lookup, hop: NextHop): [Lookup, LookupEffect] {
  const { key, asked, path, candidates, silent } = lookup;
  const nearer = path.at(-1)?.id === asked.id ? path : [...path, asked];
  if (hop.type === 'owner') return [lookup, { type: 'found', owner: hop.owner, rest: hop.rest, path: nearer }];
  const fresh = [...hop.peers, ...candidates].filter(({ id }) => !silent.has(id));
  return askNext({ ...lookup, path: nearer, candidates: nearestFirst(key, asked.id, fresh) }, asked);
}

function timedOut(lookup: Lookup): [Lookup, LookupEffect] {
  const { asked, candidates, path, silent } = lookup;
  const rest = candidates.filter(({ id }) => id !== asked.id);
  return askNext({ ...lookup, candidates: rest, silent: new Set([...silent, asked.id]) }, path.at(-1) ?? asked);
}

/** Asks the nearest candidate; when there is none, whoever answered last is asked for others than the silent ones. */
function askNext(lookup: Lookup, last: Peer): [Lookup, LookupEffect] {
  const { candidates, path, asked, silent, asksLeft } = lookup;
  const [nearest] = candidates;
  const peer = nearest ?? last;
  // Whoever has just named nobody has nobody else to name.
  if (nearest === undefined && (asked.id === last.id || silent.has(last.id))) {
    return [lookup, { type: 'failed', code: 'no_route', path }];
  }
  if (asksLeft === 0) return [lookup, { type: 'failed', code: 'too_many_hops', path }];
  const rest = candidates.filter(({ id }) => id !== peer.id);
  return [
    { ...lookup, candidates: rest, asked: peer, asksLeft: asksLeft - 1 },
    { type: 'ask', peer, excluded: silent },
  ];
}

/** The peers strictly between `from` and `key`, each once, the nearest to the key first. */
function nearestFirst(key: Id, from: NodeId, peers: readonly Peer[]): Peer[] {
  const between = new Map(peers.filter(({ id }) => betweenOpen(id, from, key)).map((peer) => [peer.id, peer]));
  return [...between.values()].sort((a, b) => (betweenOpen(a.id, b.id, key) ? -1 : 1));
}
