/**
 * RPC description: all that a node knows of the ring and holds of its data, in one answer.
 *
 *   ["described", self: peer, state, predecessor: peer | nil, successors: peers, fingers: peers, [arc, ...], keys, bytes,
 *    tombstones, copies]
 *
 *   copies   [records, led, member, learner, newcomers, least, most, unsettled, fetching, hints]
 *
 * It is for people, and for nodes that want to know every other; nobody moves a pointer on account of it.
 */
import type { Peer } from '../chord/peer';
import type { Range } from '../chord/range';
import {
  arcIn,
  arcValue,
  countIn,
  listIn,
  peerIn,
  peersIn,
  peerValue,
  peerValues,
  type Place,
  type Places,
} from './rpc-parts';
import type { RpcValue } from './rpc-values';

/** What a node is in the middle of, as others may know it. */
export type MemberState = 'joining' | 'active' | 'leaving';

/** What a node knows and holds. Nobody acts on it: for that there is `get_state`, which is one piece. */
export interface Described {
  readonly type: 'described';
  readonly self: Peer;
  readonly state: MemberState;
  readonly predecessor?: Peer | undefined;
  readonly successors: readonly Peer[];
  readonly fingers: readonly Peer[];
  /** Whose quorum operations it serves, as their primary: at most {@link ARCS_MAX}. */
  readonly arcs: readonly Range[];
  /** Values in these arcs. */
  readonly keys: number;
  /** Of everything that it holds. */
  readonly bytes: number;
  readonly tombstones: number;
  readonly copies: CopyCounts;
}

/** How many copies there are of what, as far as one node knows. */
export interface CopyCounts {
  /** Records that it holds, of whatever kind and for whatever reason. */
  readonly records: number;
  /** Arcs of which it is the primary, another voter, and a member that does not vote yet. */
  readonly led: number;
  readonly member: number;
  readonly learner: number;
  /** Nodes that are to become members of arcs that it leads. */
  readonly newcomers: number;
  /** On how many nodes the keys are kept that it leads: the fewest and the most; 0 where it leads none. */
  readonly least: number;
  readonly most: number;
  /** Arcs that it leads whose members do not all vote, or have not all been found to have the same. */
  readonly unsettled: number;
  /** Arcs that it is fetching. */
  readonly fetching: number;
  /** Records that others have missed and are yet to be given. */
  readonly hints: number;
}

/** Those of a node that keeps copies of nothing. */
export const NO_COPIES: CopyCounts = {
  records: 0,
  led: 0,
  member: 0,
  learner: 0,
  newcomers: 0,
  least: 0,
  most: 0,
  unsettled: 0,
  fetching: 0,
  hints: 0,
};

/** Most arcs that a description names. */
export const ARCS_MAX = 512;

const STATES: readonly string[] = ['joining', 'active', 'leaving'] satisfies readonly MemberState[];

/** The body of such an answer. */
export function describedBody(answer: Described): RpcValue {
  const { type, self, state, predecessor, successors, fingers, arcs, keys, bytes, tombstones, copies } = answer;
  const before = predecessor === undefined ? null : peerValue(predecessor);
  const served = arcs.slice(0, ARCS_MAX).map(arcValue);
  const [next, far] = [peerValues(successors), peerValues(fingers)];
  const counts = COPY_COUNTS.map((name) => copies[name]);
  return [type, peerValue(self), state, before, next, far, served, keys, bytes, tombstones, counts];
}

/** The description in the places behind its type. */
export function describedIn(places: Places): Described | undefined {
  const [selfPlace, state, beforePlace, nextPlace, farPlace, arcsPlace, ...rest] = places;
  const [self, successors, fingers] = [peerIn(selfPlace), peersIn(nextPlace), peersIn(farPlace)];
  const predecessor = beforePlace === null ? null : peerIn(beforePlace);
  const arcs = listIn(arcsPlace, ARCS_MAX, arcIn);
  const [keys, bytes, tombstones] = rest.slice(0, 3).map(countIn);
  const copies = copiesIn(rest[3]);
  if (self === undefined || successors === undefined || fingers === undefined || !isMemberState(state))
    return undefined;
  if (predecessor === undefined || arcs === undefined || copies === undefined) return undefined;
  if (keys === undefined || bytes === undefined || tombstones === undefined) return undefined;
  const before = predecessor !== null && { predecessor };
  return { type: 'described', self, state, ...before, successors, fingers, arcs, keys, bytes, tombstones, copies };
}

/** In the order in which they travel. */
const COPY_COUNTS = Object.keys(NO_COPIES) as readonly (keyof CopyCounts)[];

function copiesIn(place: Place): CopyCounts | undefined {
  const counts = listIn(place, COUNTS_MAX, countIn);
  if (counts === undefined || counts.length < COPY_COUNTS.length) return undefined;
  return Object.fromEntries(COPY_COUNTS.map((name, index) => [name, counts[index]])) as unknown as CopyCounts;
}

/** A newer node may count more. */
const COUNTS_MAX = 64;

function isMemberState(value: Place): value is MemberState {
  return typeof value === 'string' && STATES.includes(value);
}
