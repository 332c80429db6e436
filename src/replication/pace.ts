/**
 * Pace: how fast a node fetches arcs.
 *
 * Clients want something of the same nodes meanwhile, so whoever fetches leaves the most of the time to them. How much
 * work an answer was, on both sides, shows in how much longer it took than the quickest of them, which was little more
 * than the way. From that follow how long the next pause is, and how much is asked for at a time: as much as keeps
 * nobody waiting noticeably. Large values are little work for their size, so they come faster than small ones. What
 * looks like work may be something else, so there is a least rate as well.
 *
 * Only what saves the last copies of an arc, which nobody serves meanwhile, has no time to lose.
 */
import type { SyncJob } from './views-protocol';

/** How a job gets on. Immutable. */
export interface Pace {
  /** How much is to be asked for at a time. A record that is larger comes by itself. */
  readonly portionBytes: number;
  /** The least that an answer has taken. */
  readonly quickestMs: number;
  /** How many bytes of records have come. */
  readonly fetchedBytes: number;
}

/** A pause is so many times as long as the work before it took. */
const PAUSE_RATIO = 6;
const PAUSE_MS = { least: 15, most: 200 };
/**
 * However much work it seems to be, no pause is longer than what has come takes at so many bytes in a millisecond. It is
 * `least` more with each `step` that a job has had: an arc that takes its time has fewer copies for as long.
 */
const BYTES_PER_MS = { least: 250, most: 4000, step: 4 * 1024 * 1024 };

/** What work a portion should be. */
const WORK_MS = 5;
const PORTION_BYTES = { least: 32 * 1024, most: 256 * 1024 };
/** A portion is changed by no more than this factor. */
const STEP = 2;

/** The pace of a job that begins. */
export const FIRST_PACE: Pace = {
  portionBytes: PORTION_BYTES.least,
  quickestMs: Number.POSITIVE_INFINITY,
  fetchedBytes: 0,
};

/** How a job goes on after an answer that took so long and held so many bytes of records. */
export function paceAfter(before: Pace, tookMs: number, bytes: number): Pace {
  const quickestMs = Math.min(before.quickestMs, tookMs);
  if (bytes === 0) return { ...before, quickestMs };
  const factor = Math.min(STEP, WORK_MS / Math.max(1, tookMs - quickestMs));
  const wanted = Math.floor(before.portionBytes * Math.max(1 / STEP, factor));
  const portionBytes = Math.min(PORTION_BYTES.most, Math.max(PORTION_BYTES.least, wanted));
  return { portionBytes, quickestMs, fetchedBytes: before.fetchedBytes + bytes };
}

/** How long a job waits between an answer that took so long and held so many bytes of records, and its next question. */
export function pauseMs(
  purpose: SyncJob['purpose'],
  { quickestMs, fetchedBytes }: Pace,
  tookMs: number,
  bytes: number,
): number {
  if (purpose === 'rescue') return 0;
  const wantedMs = PAUSE_RATIO * Math.max(0, tookMs - quickestMs);
  const { least, most, step } = BYTES_PER_MS;
  const mostMs = Math.min(PAUSE_MS.most, bytes / Math.min(most, least * (1 + fetchedBytes / step)));
  return Math.ceil(Math.max(PAUSE_MS.least, Math.min(wantedMs, mostMs)));
}

/** How much a job asks for at a time. */
export function portionBytes(purpose: SyncJob['purpose'], pace: Pace): number {
  return purpose === 'rescue' ? Number.POSITIVE_INFINITY : pace.portionBytes;
}
