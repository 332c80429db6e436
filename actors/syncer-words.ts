/**
 * Syncer words: what the replica syncer sees of its node, and what comes to it. Apart from the process, so that
 * the desks which do its work can name them.
 */
import type { Peer } from '../src/chord/peer';
import type { Range } from '../src/chord/range';
import type { NodeSettings } from '../src/config';
import type { Self } from '../src/otp';
import type { SyncAnswer, SyncQuestion, UnderView } from '../src/protocol/rpc-sync';
import { syncQuestionBytes } from '../src/protocol/rpc-sync-bytes';
import { compareEpochs, type Epoch } from '../src/replication/epoch';
import type { Horizons } from '../src/replication/horizons';
import type { View } from '../src/replication/view';
import type { Views } from '../src/replication/views';
import type { SyncOutcome } from '../src/replication/views-protocol';
import type { Target } from '../src/store/local-write';
import type { RpcOutcome } from './peer-link';

/** What the replica syncer sees of its node, and what it can ask of it. The real one is in syncer-surroundings.ts. */
export interface Surroundings {
  /** What this node holds; undefined while it is in nobody's hands. */
  views(): Views | undefined;
  /** The key-value table; undefined while it is being restarted. */
  store(): Target | undefined;
  /** Asks another node; the outcome comes to the running process. */
  ask(to: Peer, question: SyncQuestion, options: { readonly tag: Tag; readonly timeoutMs: number | undefined }): void;
  /** Up to when replicas are known to agree, see src/replication/horizons.ts. */
  horizons(): Horizons;
  /** The replicas of an arc have been found to agree up to then (Unix ms, as is the time of day). */
  raiseHorizon(arc: Range, horizonMs: number, systemMs: number): void;
  /** All of an arc has been fetched from a node that knows these of it. */
  takeHorizons(arc: Range, ofSource: Horizons, systemMs: number): void;
  /** How many records were refused because their deletion may have been forgotten, by whatever serves other nodes. */
  refused(): number;
  /** Whether a node is taken for alive. */
  isTrusted(peer: Peer): boolean;
  /** From 0 up to 1. */
  random(): number;
  /** Who has arcs fetched, and is told what has been found out about views. */
  readonly handoff: {
    started(): void;
    synced(job: number, outcome: SyncOutcome): void;
    agreed(arc: Range, epoch: Epoch): void;
    heardOf(view: View): void;
    unaware(peer: Peer, arc: Range): void;
  };
}

/** Which question an outcome is about. */
export type Tag =
  | { readonly type: 'job'; readonly id: number; readonly request: number }
  | { readonly type: 'comparison'; readonly key: string; readonly request: number }
  | { readonly type: 'hints'; readonly to: Peer; readonly request: number };

/** What has become of a question. */
export type SyncerOutcome = RpcOutcome<Tag, SyncAnswer>;

/** What comes to the process by itself. */
export type Info = { readonly type: 'tick' } | { readonly type: 'due'; readonly tag: Tag } | SyncerOutcome;

/** How much may be done in what time. */
export type SyncerSettings = Pick<
  NodeSettings,
  'antiEntropyIntervalMs' | 'hintTtlMs' | 'syncBytesPerSecond' | 'tombstoneGraceMs'
>;

/** What carries records may take longer than a peer's usual answer. */
const RECORDS_TIMEOUT_MS = 5000;
const RANGES_TIMEOUT_MS = 2000;
const QUESTION_TIMEOUT_MS = 1000;

/** Longer than any question or wait takes: the answer has got lost in this node itself. */
export const LOST_MS = 10_000;

/** The way out: numbers what is asked, and counts its bytes. */
export class Outbox {
  /** About how many bytes have been sent. */
  bytesSent = 0;
  private lastRequest = 0;

  constructor(
    readonly around: Surroundings,
    readonly self: Self<Info>,
  ) {}

  /** A number that no other question has. */
  nextRequest(): number {
    this.lastRequest += 1;
    return this.lastRequest;
  }

  /** Asks a node; the outcome, or that it may be asked now, comes back with the tag. */
  ask(to: Peer, question: SyncQuestion, tag: Tag): void {
    this.bytesSent += syncQuestionBytes(question);
    this.around.ask(to, question, { tag, timeoutMs: timeoutOf(question) });
  }

  /** A member has refused what was asked under a view: one of the two has missed something. */
  stale(member: Peer, { arc, epoch }: UnderView, view: View | undefined): void {
    const { handoff } = this.around;
    const order = view ? compareEpochs(view.epoch, epoch) : -1;
    if (view && order > 0) handoff.heardOf(view);
    if (order < 0) handoff.unaware(member, arc);
  }

  /** Has the tag come back after a while. */
  later(ms: number, tag: Tag): void {
    this.self.sendAfter(Math.max(1, Math.ceil(ms)), this.self.pid, { type: 'due', tag });
  }
}

function timeoutOf({ type }: SyncQuestion): number {
  if (type === 'sync_open' || type === 'sync_ready') return QUESTION_TIMEOUT_MS;
  return type === 'ranges' ? RANGES_TIMEOUT_MS : RECORDS_TIMEOUT_MS;
}
