/** Settings of a simulated node: those of a real one, and those of the papers' simulators. */
import type { Peer } from '../chord/peer';

/** How a simulated node behaves. */
export interface NodeSettings {
  readonly successorsMax: number;
  /** Time between two rounds of stabilisation, drawn evenly from this range. */
  readonly stabilizeMs: readonly [from: number, to: number];
  /** Whether a change of pointers and a busy neighbour bring the next round at once, as in a real node. */
  readonly isReactive: boolean;
  /** Mean time between two ring probes; 0: none. */
  readonly ringProbeMs: number;
  /** How the dead are told from the silent. */
  readonly detection:
    | { readonly type: 'suspicion'; readonly predecessorIntervalMs: number; readonly successorIntervalMs: number }
    /** Whoever does not answer once in this time is dead: what both papers assumed. */
    | { readonly type: 'timeout'; readonly timeoutMs: number };
  /** How fingers are kept. */
  readonly fingers:
    | { readonly type: 'none' }
    /** As a real node does, so often. */
    | { readonly type: 'fixing'; readonly intervalMs: number }
    /** With each round of stabilisation one entry of list or table is refreshed, or every finger. */
    | { readonly type: 'refresh'; readonly entries: 'one' | 'all' };
  /** Whether a lookup that meets a dead member goes on with another. */
  readonly retriesLookups: boolean;
  /** Whom everybody is told of at the start and never forgets. */
  readonly seeds: readonly Peer[];
}

/** What a real node does unless it is told otherwise. */
export const REAL_NODE: NodeSettings = {
  successorsMax: 8,
  stabilizeMs: [400, 600],
  isReactive: true,
  ringProbeMs: 2000,
  detection: { type: 'suspicion', predecessorIntervalMs: 1000, successorIntervalMs: 500 },
  fingers: { type: 'fixing', intervalMs: 500 },
  retriesLookups: true,
  seeds: [],
};
