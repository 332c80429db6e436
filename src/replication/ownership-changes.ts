/**
 * Ownership changes: the few moves that all of ownership's rules are made of.
 *
 * Whoever comes to hold an arc does it through {@link own}, so that nothing of it stays marked as
 * surplus and no grant of it is remembered; whoever ceases to, through {@link disown}.
 */
import type { Peer } from '../chord/peer';
import { type Range, rangesOverlap, withoutRange } from '../chord/range';
import type { SyncQuestion } from '../protocol/rpc-sync';
import type { Epoch } from './epoch';
import type { Grant, Ownership } from './ownership';
import type { OwnershipEffect, OwnershipReport } from './ownership-protocol';

/** The next state, and what is to be done. */
export type Outcome = readonly [Ownership, readonly OwnershipEffect[]];

/** A number from 0 up to but not including 1. */
export type Random = () => number;

/** How many grants are remembered. */
export const GRANTS_MAX = 16;

/** How many arcs of surplus records are told apart; with more, all that is not this node's has to be sent to its owner. */
export const SURPLUS_MAX = 64;

/** Nothing to be done. */
export const quiet = (state: Ownership): Outcome => [state, []];

/** Goes on from an outcome. */
export function andThen([state, effects]: Outcome, step: (state: Ownership) => Outcome): Outcome {
  const [next, more] = step(state);
  return more.length === 0 ? [next, effects] : [next, [...effects, ...more]];
}

/** A moment from 50 to 100 ms from now: soon, but not at the same time as everybody else. */
export const soon = (nowMs: number, random: Random) => nowMs + 50 + 50 * random();

/** Asks somebody something; the number comes back with the answer. */
export function ask(state: Ownership, to: Peer, question: SyncQuestion): [Ownership, number, OwnershipEffect] {
  const request = state.lastRequest + 1;
  return [{ ...state, lastRequest: request }, request, { type: 'ask', to, question, request }];
}

/** The epoch that comes after everything this node has heard of; by 2 where nobody has handed anything over. */
export function epochAfter({ highestN, owned, self }: Ownership, step: 1 | 2): Epoch {
  return { n: Math.max(highestN, owned?.epoch.n ?? 0) + step, by: self.inc };
}

/** Remembers an epoch that it has met. */
export function meet(state: Ownership, { n }: Epoch): Ownership {
  return n > state.highestN ? { ...state, highestN: n } : state;
}

/** Comes to hold an arc, or a larger one than before. What it is worth to the successor is asked at once. */
export function own(state: Ownership, arc: Range, epoch: Epoch, nowMs: number): Ownership {
  return meet(
    {
      ...state,
      owned: { arc, epoch },
      isNew: false,
      gapSinceMs: undefined,
      // Whoever had died before may be back, and hold what comes before this arc.
      claimsSeen: state.claimsSeen.filter(({ atMs }) => atMs !== undefined),
      grants: state.grants.filter((grant) => !rangesOverlap(grant.arc, arc)),
      surplus: state.surplus.flatMap((surplus) =>
        withoutRange(surplus.arc, arc).map((rest) => ({ ...surplus, arc: rest })),
      ),
      strays: { ...state.strays, request: undefined, to: undefined, hops: 0 },
      claim: { ...state.claim, request: undefined, dueAtMs: nowMs, turn: 0 },
    },
    epoch,
  );
}

/** Ceases to hold an arc, whose records are surplus from now on: `to` got them with equal digests, or nobody did. */
export function addSurplus(state: Ownership, arc: Range, to: Peer | undefined, nowMs: number): Ownership {
  const surplus = [...state.surplus, { arc, to, sinceMs: nowMs }];
  if (surplus.length <= SURPLUS_MAX) return { ...state, surplus };
  const rest: Range = { lo: state.self.id, hi: state.owned?.arc.lo ?? state.self.id };
  return { ...state, surplus: [{ arc: rest, to: undefined, sinceMs: nowMs }] };
}

/** Loses all that it holds to somebody who came first. The records have to be sent there. */
export function disown(state: Ownership, nowMs: number): Ownership {
  const { owned } = state;
  if (owned === undefined) return state;
  const without: Ownership = { ...state, owned: undefined, source: undefined, receiver: undefined };
  return addSurplus({ ...without, gapSinceMs: undefined }, owned.arc, undefined, nowMs);
}

/** Remembers what was given away, the latest first. */
export function rememberGrant(state: Ownership, grant: Grant): Ownership {
  const others = state.grants.filter(({ to }) => to.id !== grant.to.id);
  return { ...state, grants: [grant, ...others].slice(0, GRANTS_MAX) };
}

/** The same incarnation of the same node. */
export const isSame = (a: Peer, b: Peer) => a.id === b.id && a.inc === b.inc;

/** A line for the log. */
export function report(event: OwnershipReport, arc: Range, peer?: Peer): OwnershipEffect {
  return { type: 'report', event, peer, arc };
}
