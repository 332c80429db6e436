/**
 * RPC description: all that a node knows of the ring and holds of its data, in one answer.
 *
 *   ["described", self: peer, state, predecessor: peer | nil, successors: peers, fingers: peers, arc | nil, keys, bytes, tombstones]
 *
 * It is for people, and for nodes that want to know every other; nobody moves a pointer on account of it.
 */
import type { Peer } from '../chord/peer';
import type { Range } from '../chord/range';
import { arcIn, arcValue, countIn, peerIn, peersIn, peerValue, peerValues, type Place, type Places } from './rpc-parts';
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
  /** What it serves; undefined: nothing. */
  readonly arc?: Range | undefined;
  readonly keys: number;
  readonly bytes: number;
  readonly tombstones: number;
}

const STATES: readonly string[] = ['joining', 'active', 'leaving'] satisfies readonly MemberState[];

/** The body of such an answer. */
export function describedBody(answer: Described): RpcValue {
  const { type, self, state, predecessor, successors, fingers, arc, keys, bytes, tombstones } = answer;
  const before = predecessor === undefined ? null : peerValue(predecessor);
  const served = arc === undefined ? null : arcValue(arc);
  const [next, far] = [peerValues(successors), peerValues(fingers)];
  return [type, peerValue(self), state, before, next, far, served, keys, bytes, tombstones];
}

/** The description in the places behind its type. */
export function describedIn(places: Places): Described | undefined {
  const [selfPlace, state, beforePlace, nextPlace, farPlace, arcPlace, ...counts] = places;
  const [self, successors, fingers] = [peerIn(selfPlace), peersIn(nextPlace), peersIn(farPlace)];
  const predecessor = beforePlace === null ? null : peerIn(beforePlace);
  const arc = arcPlace === null ? null : arcIn(arcPlace);
  const [keys, bytes, tombstones] = counts.map(countIn);
  if (self === undefined || successors === undefined || fingers === undefined || !isMemberState(state))
    return undefined;
  if (predecessor === undefined || arc === undefined) return undefined;
  if (keys === undefined || bytes === undefined || tombstones === undefined) return undefined;
  return {
    type: 'described',
    self,
    state,
    ...(predecessor !== null && { predecessor }),
    successors,
    fingers,
    ...(arc !== null && { arc }),
    keys,
    bytes,
    tombstones,
  };
}

function isMemberState(value: Place): value is MemberState {
  return typeof value === 'string' && STATES.includes(value);
}
