/**
 * Horizons: up to when every replica of an arc is known to have everything, so that deletions may be forgotten.
 *
 * A tombstone that is gone from one replica while another still has the older value would bring that value
 * back. So it may go only once all who may have the value have been found to have the tombstone: after a
 * comparison that was begun later than it was written, and that ended in agreement with every member of a
 * view all of whose members vote, and which has as many as it should. The primary finds that out and tells
 * the others; what a horizon says stays true for ever, as new members get everything from old ones. To
 * lose a horizon is harmless: nothing is forgotten until the next comparison.
 *
 * How old a tombstone must be is counted back from the horizon, not from now, so that all replicas which
 * know the same horizon have forgotten the same, whatever their clocks say.
 *
 * Whoever has forgotten a deletion knows a horizon that is later by more than the grace. So it can tell what must not
 * come in any more: a record that is older still, of a key of which it has nothing, is that of a node which was away.
 * For the same reason horizons go with the records: whoever begins to keep an arc takes over those of its source.
 * It takes over these only: it has what the source has, so what it knew besides would only keep out what is wanted again.
 *
 * Where all who kept an arc have died, somebody makes a view of it that begins empty. What has been forgotten went with
 * them, and a node that once kept the arc may have the only copy of a key. So whoever makes such a view knows no horizon
 * there, and finds out none until something that was deleted since may be forgotten: until then no record is too old.
 *
 * A primary whose clock is ahead would have everybody forget what nobody has compared. So a horizon that lies later than
 * it can be now is believed by nobody; and where one was, before the clock was found wrong, it is given up for good: to
 * wait until that time has come would not make it true.
 */
import type { KeyId } from '../chord/id';
import { inRange, type Range, rangesOverlap, withoutRange } from '../chord/range';
import type { KvTable, Purged } from '../store/kv-table';
import { deadSinceMs, type Record } from '../store/record';
import { commonParts } from './holding';
import { allVote, type View } from './view';

/** A piece of the ring, and up to when its replicas agree: everything written before has been compared. */
export interface Horizon {
  readonly arc: Range;
  /** Unix milliseconds, by the clock of the primary that has found it out. */
  readonly horizonMs: number;
}

/** Disjoint pieces; where there is none nothing may be forgotten. */
export type Horizons = readonly Horizon[];

/** No piece of the ring has been compared. */
export const NO_HORIZONS: Horizons = [];

/** More pieces than these are not remembered: the lowest are given up. */
export const HORIZONS_MAX = 512;

/** Whether agreement in this view means anything for the horizon: all its members vote, and it has as many as it should. */
export function isComplete(view: View, replicas: number, ringSize: number): boolean {
  return allVote(view) && view.members.length >= Math.min(replicas, ringSize);
}

/** A comparison that was begun at this time has ended in agreement with every member of a view for which {@link isComplete} holds. */
export function withAgreement(horizons: Horizons, arc: Range, startedAtMs: number): Horizons {
  return withHorizon(horizons, arc, startedAtMs);
}

/** Somebody who knows has said so. A horizon is only ever raised. */
export function withHorizon(horizons: Horizons, arc: Range, horizonMs: number): Horizons {
  if (horizonMs <= 0 || lowestIn(horizons, arc) >= horizonMs) return horizons;
  const higher = horizons.filter((each) => each.horizonMs >= horizonMs && rangesOverlap(each.arc, arc));
  const raised = higher.reduce<readonly Range[]>(
    (parts, each) => parts.flatMap((part) => withoutRange(part, each.arc)),
    [arc],
  );
  const others = horizons.flatMap((each) => {
    if (each.horizonMs >= horizonMs || !rangesOverlap(each.arc, arc)) return [each];
    return withoutRange(each.arc, arc).map((part) => ({ ...each, arc: part }));
  });
  return bounded([...others, ...raised.map((part) => ({ arc: part, horizonMs }))]);
}

/** Whoever has fetched all of an arc knows what its source knows of it. */
export function withTaken(horizons: Horizons, arc: Range, ofSource: Horizons): Horizons {
  return withHorizons(withoutHorizons(horizons, arc), horizonsOf(ofSource, [arc]));
}

/** Nothing is known of an arc any more. */
export function withoutHorizons(horizons: Horizons, arc: Range): Horizons {
  return horizons.flatMap((each) =>
    rangesOverlap(each.arc, arc) ? withoutRange(each.arc, arc).map((part) => ({ ...each, arc: part })) : [each],
  );
}

/** What is left of an arc where none of these is above a horizon: arcs that began empty so late that it does not count there. */
export function partsRaised(arc: Range, horizonMs: number, least: Horizons): readonly Range[] {
  const above = least.filter((each) => each.horizonMs > horizonMs);
  return above.reduce<readonly Range[]>((parts, each) => parts.flatMap((part) => withoutRange(part, each.arc)), [arc]);
}

/**
 * Somebody has said so whose clock, or this node's, may have been wrong: nothing later than `latestMs` is believed, nor any
 * more what was believed before.
 */
export function withCredible(horizons: Horizons, arc: Range, horizonMs: number, latestMs: number): Horizons {
  const known = credible(horizons, latestMs);
  return horizonMs > latestMs ? known : withHorizon(known, arc, horizonMs);
}

/** Those that do not lie later than it can be now. */
export function credible(horizons: Horizons, latestMs: number): Horizons {
  const isLater = (each: Horizon): boolean => each.horizonMs > latestMs;
  return horizons.some(isLater) ? horizons.filter((each) => !isLater(each)) : horizons;
}

/** Somebody else has said all of this. */
export function withHorizons(horizons: Horizons, others: Horizons): Horizons {
  return others.reduce((known, { arc, horizonMs }) => withHorizon(known, arc, horizonMs), horizons);
}

/** The horizons of these arcs only: what whoever begins to keep them has to know, and nobody else. */
export function horizonsOf(horizons: Horizons, arcs: readonly Range[]): Horizons {
  return bounded(
    horizons.flatMap((each) =>
      arcs.flatMap((arc) => commonParts(each.arc, arc)).map((part) => ({ ...each, arc: part })),
    ),
  );
}

/** Up to when the replicas of a key agree; 0: nothing is known. */
export function horizonAt(horizons: Horizons, id: KeyId): number {
  for (const { arc, horizonMs } of horizons) if (inRange(id, arc)) return horizonMs;
  return 0;
}

/** Up to when the replicas of all keys of an arc agree; 0: of some of them nothing is known. */
export function lowestIn(horizons: Horizons, arc: Range): number {
  let lowestMs = Infinity;
  let unknown: readonly Range[] = [arc];
  for (const each of horizons) {
    if (!rangesOverlap(each.arc, arc)) continue;
    lowestMs = Math.min(lowestMs, each.horizonMs);
    unknown = unknown.flatMap((part) => withoutRange(part, each.arc));
  }
  return unknown.length > 0 ? 0 : lowestMs;
}

/** Whether a record that has been dead for a while may be forgotten here. */
export function mayForget(horizons: Horizons, record: Record, graceMs: number): boolean {
  const deadSince = deadSinceMs(record);
  return deadSince !== undefined && deadSince < horizonAt(horizons, record.keyId) - graceMs;
}

/**
 * Whether a record that comes from elsewhere, of a key of which nothing is here, is older than all that may have been
 * forgotten: whoever keeps it has missed a deletion, and it is not to be taken.
 */
export function isForgotten(horizons: Horizons, record: Record, graceMs: number): boolean {
  return record.version.ms < horizonAt(horizons, record.keyId) - graceMs;
}

/** Forgets, in a slice of a table, what may be forgotten. `from` as {@link Purged} has it. */
export function forgetDead(
  table: KvTable,
  horizons: Horizons,
  { graceMs, looksMax, from }: { graceMs: number; looksMax: number; from?: number | undefined },
): Purged {
  const highestMs = horizons.reduce((highest, { horizonMs }) => Math.max(highest, horizonMs), 0);
  const mayGo = (record: Record): boolean => mayForget(horizons, record, graceMs);
  return table.purgeTombstones({ olderThanMs: highestMs - graceMs, mayGo, looksMax, from });
}

// Internal

function bounded(horizons: Horizons): Horizons {
  if (horizons.length <= HORIZONS_MAX) return horizons;
  return horizons.toSorted((a, b) => b.horizonMs - a.horizonMs).slice(0, HORIZONS_MAX);
}
