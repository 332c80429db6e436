/**
 * The state of a failure detector: what it is told, what it wants done, what it thinks of whom, and
 * what can be asked of it. How it changes is decided in suspicion.ts.
 */
import type { NodeId } from './id';
import type { Peer } from './peer';
import { PeerMap } from './peer-map';

/** How often a node looks after its neighbours when it hears nothing of them. */
export interface SuspicionOptions {
  /** The predecessor is asked when it was not heard from for so long. @default 1000 */
  readonly predecessorIntervalMs: number;
  /** Time between two probes of the successor list, whose entries take turns. @default 500 */
  readonly successorIntervalMs: number;
}

/** What happens to a failure detector. */
export type SuspicionEvent =
  /** A sign of life: an answer, and how long it took, or anything else. */
  | { readonly type: 'heard'; readonly peer: Peer; readonly rttMs?: number | undefined }
  /** A question was not answered in time. */
  | { readonly type: 'missed'; readonly peer: Peer }
  /**
   * A connection to the peer broke, or was refused. `isSevered`: it was in use, and ended without the last word that a
   * process has which closes it, so that process may be gone.
   */
  | { readonly type: 'lost'; readonly peer: Peer; readonly isSevered?: boolean }
  /** Somebody wants to know whether the peer is dead: exactly one verdict follows; those who ask during one trial share it. */
  | { readonly type: 'judge'; readonly peer: Peer }
  /** A probe, or somebody who was asked to probe, has brought an answer; `from` is there if the peer itself spoke. */
  | {
      readonly type: 'probe_answered';
      readonly request: number;
      readonly from?: Peer | undefined;
      readonly rttMs?: number | undefined;
    }
  /**
   * It has not. `isRefused`: somebody is there and says that the peer is not, which an asked third party cannot tell.
   * `isShut`: it is the machine that says so, for nobody listens at the port.
   */
  | {
      readonly type: 'probe_failed';
      readonly request: number;
      readonly isRefused: boolean;
      readonly isShut?: boolean;
    }
  /** The ring's neighbours from now on, without the node itself. */
  | { readonly type: 'watch'; readonly predecessor: Peer | undefined; readonly successors: readonly Peer[] }
  /** The node's own event loop was held up for so long. */
  | { readonly type: 'lagged'; readonly ms: number }
  /** It is {@link nextTickMs}, or later. */
  | { readonly type: 'tick' };

/** What a failure detector wants done, or has found out. */
export type SuspicionEffect =
  /** Ping the peer; the answer, or that there was none, comes back as an event. */
  | { readonly type: 'probe'; readonly peer: Peer; readonly request: number; readonly timeoutMs: number }
  /** Ask `via` to ping the target for us. */
  | {
      readonly type: 'ask_others';
      readonly via: Peer;
      readonly target: Peer;
      readonly request: number;
      readonly timeoutMs: number;
    }
  /** The peer has died, or somebody wanted to know and it is alive. */
  | { readonly type: 'verdict'; readonly peer: Peer; readonly isAlive: boolean }
  | { readonly type: 'suspected'; readonly peer: Peer }
  | { readonly type: 'cleared'; readonly peer: Peer };

/** What is thought of one peer. */
export interface Health {
  readonly peer: Peer;
  readonly standing: 'alive' | 'suspect' | 'dead';
  /** When the last sign of life came; when it was first heard of, if none has. */
  readonly heardAtMs: number;
  readonly rtt: RoundTrip | undefined;
}

/** How long a peer takes to answer: the smoothed time and how much it varies. */
export interface RoundTrip {
  readonly srttMs: number;
  readonly rttvarMs: number;
}

/** A suspect that is being tried. */
export interface Trial {
  readonly peer: Peer;
  /** Whether somebody waits for the verdict, also when it is in the peer's favour. */
  readonly isAsked: boolean;
  readonly deadlineMs: number;
  readonly direct: number;
  readonly indirect: readonly number[];
  readonly refusals: number;
  /** A connection that was in use has ended without a word. */
  readonly isSevered: boolean;
  /** When others are asked to probe it, who have not been yet. */
  readonly othersAtMs: number | undefined;
  /** When a peer that has refused a connection is tried again. */
  readonly retryAtMs: number | undefined;
  readonly extensions: number;
}

/** A probe of a neighbour that was quiet. */
export interface Probe {
  readonly peer: Peer;
  readonly request: number;
  readonly endMs: number;
}

/** A failure detector's state. */
export interface SuspicionState {
  readonly self: NodeId;
  readonly options: SuspicionOptions;
  readonly known: PeerMap<Health>;
  readonly predecessor: Peer | undefined;
  readonly successors: readonly Peer[];
  readonly trials: readonly Trial[];
  readonly probes: readonly Probe[];
  /** Which successor's turn it is. */
  readonly turn: number;
  readonly predecessorAtMs: number;
  readonly successorAtMs: number;
  readonly lastRequest: number;
  /** How long the node itself was held up, and when; of late ones the longest. */
  readonly lag: { readonly ms: number; readonly atMs: number };
}

/** Bounds of a timeout, and what it is for a peer that has not answered yet. */
const RTO_MIN_MS = 50;
const RTO_MAX_MS = 400;
const RTO_FIRST_MS = 200;

/** A failure detector that trusts everybody. */
export function startSuspicion(self: NodeId, nowMs: number, options?: Partial<SuspicionOptions>): SuspicionState {
  const intervals = { predecessorIntervalMs: 1000, successorIntervalMs: 500, ...options };
  return {
    self,
    options: intervals,
    known: PeerMap.empty(),
    predecessor: undefined,
    successors: [],
    trials: [],
    probes: [],
    turn: 0,
    predecessorAtMs: nowMs + intervals.predecessorIntervalMs,
    successorAtMs: nowMs + intervals.successorIntervalMs,
    lastRequest: 0,
    lag: { ms: 0, atMs: nowMs },
  };
}

/** For how long a lag is remembered, ever less of it. */
const LAG_MEMORY_MS = 5000;
const PATIENCE_MAX_MS = 450;

/** How much of the last lag still counts. */
export function lagOf({ lag }: SuspicionState, nowMs: number): number {
  return lag.ms * Math.max(0, 1 - (nowMs - lag.atMs) / LAG_MEMORY_MS);
}

/**
 * How long whoever is held up now and then himself waits for others at least: they may share his machine, or
 * have sent what he has not looked at yet.
 */
export function patienceOf(state: SuspicionState, nowMs: number): number {
  return Math.min(PATIENCE_MAX_MS, Math.ceil(2 * lagOf(state, nowMs)));
}

/** How long to wait for an answer of this peer: smoothed round trip and four times its variation, 50 to 400 ms. */
export function rtoOf({ known }: SuspicionState, id: NodeId): number {
  const rtt = known.get(id)?.rtt;
  if (rtt === undefined) return RTO_FIRST_MS;
  return Math.min(RTO_MAX_MS, Math.max(RTO_MIN_MS, Math.ceil(rtt.srttMs + 4 * rtt.rttvarMs)));
}

/** Whether others are to be asked instead: it has failed to answer, or is dead. */
export function isSuspect({ known }: SuspicionState, id: NodeId): boolean {
  const standing = known.get(id)?.standing;
  return standing === 'suspect' || standing === 'dead';
}

/** Whether the peer was found to be dead and has not been heard of since. */
export function isDead({ known }: SuspicionState, id: NodeId): boolean {
  return known.get(id)?.standing === 'dead';
}

/** When the next `tick` is due. The sooner it comes, the sooner the dead are known; a late one is taken for lag. */
export function nextTickMs({ trials, probes, predecessorAtMs, successorAtMs }: SuspicionState): number {
  const deadlines = trials.map(({ deadlineMs, othersAtMs = deadlineMs, retryAtMs = deadlineMs }) =>
    Math.min(deadlineMs, othersAtMs, retryAtMs),
  );
  return Math.min(predecessorAtMs, successorAtMs, ...deadlines, ...probes.map(({ endMs }) => endMs));
}
