/**
 * Ownership, what is left over: records that a node holds and does not own.
 *
 * What was given away with equal digests stays for a while, for the new owner may die. It is
 * dropped only while that owner, in the same incarnation, says that it still holds just these arcs.
 * What was never compared (somebody else came first, or the new owner has been heard of no more) is
 * sent to its owner record by record, and dropped once that has stored it. Nothing of it is ever
 * served, and nothing is dropped that this node owns or is about to.
 */
import { betweenOpen, type Id } from '../chord/id';
import type { Peer } from '../chord/peer';
import { inRange, rangesOverlap, withoutRange } from '../chord/range';
import { claimOf, isAlone, type Ownership, type Surplus } from './ownership';
import { isSame, type Outcome, quiet, type Random } from './ownership-changes';
import type { StraysOutcome } from './ownership-protocol';

/** How long a copy stays after its arc was given away. */
export const CLEANUP_DELAY_MS = 30_000;

/** After this long without a word from the new owner the copy is sent to whoever owns it by then. */
const PARTED_MS = 2 * CLEANUP_DELAY_MS;

/** A claim that is older says nothing about now. */
const CLAIM_AGE_MS_MAX = 2500;

/** How long stray records wait before they are sent: joining again takes most of them along. */
const STRAY_DELAY_MS = 1000;
const STRAY_RETRY_MS = 1000;

/** How many hints are followed before the search begins again. */
const HOPS_MAX = 8;

/** Drops a slice of what may go, at each beat. */
export function cleanUp(state: Ownership, nowMs: number): Outcome {
  const { surplus, owned, receiver, ring } = state;
  if (surplus.length === 0 || !ring.isMember || owned === undefined || receiver !== undefined) return quiet(state);
  const ripe = surplus.find(({ to, sinceMs }) => to !== undefined && nowMs - sinceMs >= CLEANUP_DELAY_MS);
  if (ripe === undefined) return quiet(state);
  const seen = claimOf(state, ripe.to?.id);
  const isHeard =
    seen?.atMs !== undefined && ripe.to && isSame(seen.from, ripe.to) && nowMs - seen.atMs <= CLAIM_AGE_MS_MAX;
  if (!isHeard) return quiet(nowMs - ripe.sinceMs >= PARTED_MS ? replace(state, ripe, [stray(ripe, nowMs)]) : state);
  // The new owner may have given a part of it to somebody else meanwhile.
  const elsewhere = withoutRange(ripe.arc, seen.arc);
  if (elsewhere.length === 0) return [state, [{ type: 'drop', arc: ripe.arc }]];
  const here = elsewhere.reduce((rest, arc) => rest.flatMap((each) => withoutRange(each, arc)), [ripe.arc]);
  const parts = [...here.map((arc) => ({ ...ripe, arc })), ...elsewhere.map((arc) => ({ ...stray(ripe, nowMs), arc }))];
  return quiet(replace(state, ripe, parts));
}

/** A slice of an arc was dropped. */
export function wasDropped(state: Ownership, arc: { lo: Id; hi: Id }, isAll: boolean): Ownership {
  const done = state.surplus.find((each) => each.arc.lo === arc.lo && each.arc.hi === arc.hi);
  return isAll && done ? replace(state, done, []) : state;
}

/** Sends some of the records that have to go to their owner, at each beat. */
export function sendStrays(state: Ownership, nowMs: number): Outcome {
  const { strays, surplus, ring, receiver } = state;
  if (strays.request !== undefined || nowMs < strays.dueAtMs || !ring.isMember || isAlone(state)) return quiet(state);
  const lost = surplus.find(({ to, sinceMs }) => to === undefined && nowMs - sinceMs >= STRAY_DELAY_MS);
  // What is about to be this node's is not sent away.
  if (lost === undefined || (receiver && (!receiver.arc || rangesOverlap(receiver.arc, lost.arc)))) return quiet(state);
  const request = state.lastRequest + 1;
  const nearest = nearestFrom(state, lost.arc.lo);
  const to = strays.to ?? nearest;
  // Behind a node that is known begins what is somebody else's.
  const arc = inRange(nearest.id, lost.arc) ? { lo: lost.arc.lo, hi: nearest.id } : lost.arc;
  return [
    { ...state, lastRequest: request, strays: { ...strays, request, to, arc } },
    [{ type: 'send_strays', to, arc, request }],
  ];
}

/** What became of them. */
export function straysSent(before: Ownership, outcome: StraysOutcome, nowMs: number, random: Random): Outcome {
  const { arc } = before.strays;
  const fresh = { request: undefined, to: undefined, arc: undefined, hops: 0, dueAtMs: nowMs };
  const state = { ...before, strays: fresh };
  const lost = state.surplus.find(({ to, arc: each }) => to === undefined && each.lo === arc?.lo);
  // What is being fetched again in the meantime stays.
  if (lost === undefined || arc === undefined || state.receiver) return quiet(state);
  const later = { ...state, strays: { ...fresh, dueAtMs: nowMs + STRAY_RETRY_MS * (0.5 + random()) } };
  switch (outcome.type) {
    case 'stored': {
      const sent = { lo: arc.lo, hi: outcome.after ?? arc.hi };
      const rest = withoutRange(lost.arc, sent).map((each) => ({ ...lost, arc: each }));
      return [replace(state, lost, rest), [{ type: 'drop', arc: sent }]];
    }
    case 'not_owner': {
      const { hint } = outcome;
      const hops = before.strays.hops + 1;
      if (hint === undefined || hint.id === state.self.id || hops > HOPS_MAX) return quiet(later);
      return quiet({ ...state, strays: { ...fresh, to: hint, hops } });
    }
    case 'failed':
      return quiet(later);
  }
}

const stray = (surplus: Surplus, nowMs: number): Surplus => ({ ...surplus, to: undefined, sinceMs: nowMs });

function replace(state: Ownership, old: Surplus, parts: readonly Surplus[]): Ownership {
  return { ...state, surplus: state.surplus.flatMap((each) => (each === old ? parts : [each])) };
}

/** Of the nodes it points to, the first that comes after a point: the owner, or near it. */
function nearestFrom({ ring, self }: Ownership, point: Id): Peer {
  const known = [ring.predecessor, ...ring.successors].filter(({ id }) => id !== self.id);
  return known.reduce(
    (best, peer) => (best.id === self.id || betweenOpen(peer.id, point, best.id) ? peer : best),
    known[0] ?? self,
  );
}
