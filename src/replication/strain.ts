/**
 * Strain: whether a node has more to do than it gets done.
 *
 * It shows in a beat that comes too late, for whatever kept it waiting keeps everybody waiting. Copying and comparing can
 * wait for clients: they go on at half their rate until a second has passed in which every beat was in time.
 *
 * Immutable.
 */

/** How a node's beats have come. */
export interface Strain {
  /** When the last one came (monotonic). */
  readonly beatMs: number;
  /** Until when the node is taken to be strained. */
  readonly untilMs: number;
}

/** A beat that comes so much too late shows that others wait as well. */
export const LATE_MS = 50;

/** How long one late beat counts. */
const STRAIN_MS = 1000;

/** Which part of its rate is left to whatever can wait. */
export const STRAINED_SHARE = 0.5;

/** Nothing is known yet: it is not strained. */
export function noStrain(nowMs: number): Strain {
  return { beatMs: nowMs, untilMs: nowMs };
}

/** A beat has come that should come every `intervalMs`. */
export function withBeat({ beatMs, untilMs }: Strain, intervalMs: number, nowMs: number): Strain {
  const isLate = nowMs - beatMs - intervalMs > LATE_MS;
  return { beatMs: nowMs, untilMs: isLate ? nowMs + STRAIN_MS : untilMs };
}

/** Whether the node is strained. */
export function isStrained({ untilMs }: Strain, nowMs: number): boolean {
  return nowMs < untilMs;
}
