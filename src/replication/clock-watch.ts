/**
 * Clock watch: whether this node's clock is wrong, found out by comparing it with the neighbours'.
 *
 * Versions order writes by time, so a node whose clock is far off must not mint any. Nobody knows the
 * right time; but where a node is apart from most of its neighbours, it is the one that is wrong. Every
 * answer to a ping is a sample: what the other's clock showed, half a round trip ago give or take the
 * other half. Of a few samples per neighbour the median counts, since one that waited somewhere is off.
 */
import type { NodeId } from '../chord/id';
import type { Peer } from '../chord/peer';

/** How far another clock was ahead of this node's, once. */
export interface ClockSample {
  /** Negative where it was behind. */
  readonly offsetMs: number;
  /** By how much that may be wrong, either way. */
  readonly errorMs: number;
}

/** What is known of the neighbours' clocks. */
export interface ClockWatch {
  readonly neighbours: readonly Peer[];
  /** The latest samples of each neighbour, the last one at the end. */
  readonly samples: ReadonlyMap<NodeId, readonly ClockSample[]>;
}

/** How this node's clock compares with its neighbours'. */
export interface ClockReading {
  /** How far the neighbours' clocks are ahead of this node's: the median; undefined: none is known. */
  readonly offsetMs: number | undefined;
  /** Whether most neighbours' clocks are farther from this node's than clocks may be. */
  readonly isSkewed: boolean;
}

/** A watch that has seen no clock yet. */
export const NO_SAMPLES: ClockWatch = { neighbours: [], samples: new Map() };

/** Whose clocks are compared: the nearest neighbours. More would say no more. */
export const CLOCKS_MAX = 5;

/** How many samples of a neighbour count. */
const SAMPLES = 3;

/** What an answer says that came in at `systemMs` by this node's clock, after `rttMs`; undefined: it says no time. */
export function sampleOf(
  answer: { readonly systemMs?: number | undefined },
  rttMs: number,
  systemMs: number,
): ClockSample | undefined {
  const { systemMs: there } = answer;
  return there === undefined ? undefined : { offsetMs: there - (systemMs - rttMs / 2), errorMs: rttMs / 2 };
}

/** Whether the two clocks are surely farther apart than that. */
export function isBeyond({ offsetMs, errorMs }: ClockSample, maxDriftMs: number): boolean {
  return Math.abs(offsetMs) - errorMs > maxDriftMs;
}

/** The watch with one more sample of a neighbour; of anybody else none is kept. */
export function withSample(watch: ClockWatch, id: NodeId, sample: ClockSample): ClockWatch {
  if (!watch.neighbours.some((peer) => peer.id === id)) return watch;
  const known = watch.samples.get(id) ?? [];
  return { ...watch, samples: new Map(watch.samples).set(id, [...known, sample].slice(-SAMPLES)) };
}

/** The watch with these neighbours, each once, the nearest first: {@link CLOCKS_MAX} of them count. */
export function withNeighbours({ samples }: ClockWatch, peers: readonly Peer[]): ClockWatch {
  const byId = new Map(peers.map((peer) => [peer.id, peer]));
  const neighbours = [...byId.values()].slice(0, CLOCKS_MAX);
  const kept = neighbours.flatMap(({ id }) => {
    const known = samples.get(id);
    return known === undefined ? [] : [[id, known] as const];
  });
  return { neighbours, samples: new Map(kept) };
}

/** What the samples amount to. While too little is known of too few, nothing is wrong. */
export function readingOf({ neighbours, samples }: ClockWatch, maxDriftMs: number): ClockReading {
  const medians = [...samples.values()].map(medianSample);
  const apart = medians.filter((sample) => isBeyond(sample, maxDriftMs)).length;
  const offsetMs = medians.length === 0 ? undefined : medianSample(medians).offsetMs;
  return { offsetMs, isSkewed: neighbours.length > 0 && apart > neighbours.length / 2 };
}

/**
 * The latest that it can be now (Unix ms): by this node's clock or by its neighbours', whichever is earlier, and by what
 * clocks may be apart.
 */
export function latestNowMs({ offsetMs = 0 }: ClockReading, systemMs: number, maxDriftMs: number): number {
  return systemMs + Math.min(0, offsetMs) + maxDriftMs;
}

/** The one in the middle; of two, the one that says less. */
function medianSample(samples: readonly ClockSample[]): ClockSample {
  const sorted = samples.toSorted((a, b) => a.offsetMs - b.offsetMs);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  if (low === undefined || high === undefined) throw new Error('There is no median of no samples');
  return Math.abs(low.offsetMs) <= Math.abs(high.offsetMs) ? low : high;
}
