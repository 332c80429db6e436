/**
 * Outflow: to how many other nodes a node gives whole arcs at a time.
 *
 * Two take what it can give. Whoever comes third is told to ask again a little later, and has its turn before all that
 * come after it, also before those who have had theirs and come again; so everybody's turn comes. Nothing is agreed
 * upon with anybody: who has not asked for a while is taken to be served, or gone, or to have found another source.
 *
 * Immutable.
 */
import type { NodeId } from '../chord/id';

/** Who is being served, and who is waiting, in their order. */
export interface Outflow {
  readonly serving: readonly Seen[];
  readonly waiting: readonly Seen[];
}

/** Somebody who counts until then (monotonic). */
interface Seen {
  readonly id: NodeId;
  readonly untilMs: number;
}

/** Nobody wants anything. */
export const NO_OUTFLOW: Outflow = { serving: [], waiting: [] };

/** Most nodes that are served at a time. */
export const SERVED_MAX = 2;

/** Longer than a receiver that holds back lets pass between two questions. */
const SERVING_MS = 2000;
/** Several times as long as whoever is told to wait waits. */
const WAITING_MS = 1000;
/** More than these are not told apart: the last of them come when others have gone. */
const WAITING_MAX = 64;

/** Somebody asks for more of an arc: whether it is served, and who is served and waits from then on. */
export function withAsking(before: Outflow, id: NodeId, nowMs: number): readonly [isServed: boolean, Outflow] {
  const serving = before.serving.filter((each) => each.untilMs > nowMs);
  const waiting = before.waiting.filter((each) => each.untilMs > nowMs);
  const known = waiting.findIndex((each) => each.id === id);
  const ahead = known === -1 ? waiting.length : known;
  const others = serving.filter((each) => each.id !== id);
  if (others.length < serving.length || serving.length + ahead < SERVED_MAX) {
    const served = { id, untilMs: nowMs + SERVING_MS };
    return [true, { serving: [...others, served], waiting: waiting.filter((each) => each.id !== id) }];
  }
  const seen = { id, untilMs: nowMs + WAITING_MS };
  const next = known === -1 ? [...waiting, seen].slice(0, WAITING_MAX) : waiting.with(known, seen);
  return [false, { serving, waiting: next }];
}

/** Somebody has got the last of an arc. */
export function withServed(before: Outflow, id: NodeId): Outflow {
  const serving = before.serving.filter((each) => each.id !== id);
  return serving.length === before.serving.length ? before : { ...before, serving };
}
