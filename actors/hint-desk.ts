/**
 * Hint desk: tells members what they have missed, as soon as they can be reached again.
 *
 * What that is stands in src/replication/hint-batch.ts: the record as it is by then. It does not count for any write.
 */
import type { KeyId } from '../src/chord/id';
import type { Peer } from '../src/chord/peer';
import { recordsBytes } from '../src/protocol/rpc-sync-bytes';
import { type HintBatch, nextBatch } from '../src/replication/hint-batch';
import { Hints } from '../src/replication/hints';
import {
  fullRecordBucket,
  recordsAtShare,
  type RecordBucket,
  recordsTaken,
  recordsWaitMs,
} from '../src/replication/token-bucket';
import type { View } from '../src/replication/view';
import type { Outbox, SyncerOutcome, Tag } from './syncer-words';

// API

type HintsTag = Extract<Tag, { type: 'hints' }>;

/** Mutable: it belongs to the replica syncer. */
export class HintDesk {
  /** How many keys have been told of. */
  replayed = 0;
  readonly hints: Hints;
  private readonly sending = new Map<string, Sending>();
  private readonly restingUntilMs = new Map<string, number>();
  private bucket: RecordBucket;

  constructor(
    private readonly out: Outbox,
    ttlMs: number,
    /** This member has to be compared, for hints have been given up. */
    private readonly givenUp: (target: Peer) => void,
  ) {
    this.hints = new Hints(ttlMs);
    this.bucket = fullRecordBucket(HINT_RATE, out.self.nowMs());
  }

  /** A write has not reached this member. */
  add(target: Peer, id: KeyId): void {
    if (!this.hints.add(target, id, this.out.self.nowMs())) this.givenUp(target);
  }

  /** A node is there again. */
  heardOf(peer: Peer): void {
    this.hints.replaced(peer);
    this.restingUntilMs.delete(peer.id);
    this.tick();
  }

  /** Tells at this part of its rate from now on. */
  slow(share: number): void {
    this.bucket = recordsAtShare(this.bucket, share, this.out.self.nowMs());
  }

  /** Tells whoever can be told. */
  tick(): void {
    const nowMs = this.out.self.nowMs();
    for (const target of this.hints.expire(nowMs)) this.givenUp(target);
    for (const target of this.hints.targets) {
      const isResting = (this.restingUntilMs.get(target.id) ?? nowMs) > nowMs;
      const isTooFast = recordsWaitMs(this.bucket, nowMs) > 0;
      if (isResting || isTooFast || this.sending.has(target.id)) continue;
      if (this.out.around.isTrusted(target)) this.send(target, nowMs);
    }
  }

  outcome(message: SyncerOutcome, { to, request }: HintsTag): void {
    const sent = this.sending.get(to.id);
    if (sent?.request !== request) return;
    this.sending.delete(to.id);
    const answer = message.type === 'rpc_answered' ? message.answer : undefined;
    if (answer?.type !== 'pushed') {
      this.restingUntilMs.set(to.id, this.out.self.nowMs() + RETRY_MS);
      if (answer?.type === 'stale') this.out.stale(to, sent.view, answer.view);
      return;
    }
    this.restingUntilMs.delete(to.id);
    this.hints.done(to, sent.ids);
    this.replayed += sent.ids.length;
    this.tick();
  }

  /** Sends what belongs to one arc; the rest has its turn later. */
  private send(target: Peer, nowMs: number): void {
    const { around } = this.out;
    const [views, table] = [around.views(), around.store()?.table];
    if (views === undefined || table === undefined) return;
    const batch = nextBatch(this.hints, target, views.holdings, table);
    if (batch) this.push(target, batch, nowMs);
  }

  private push(target: Peer, { view, ids, records }: HintBatch, nowMs: number): void {
    const request = this.out.nextRequest();
    this.sending.set(target.id, { request, ids, view });
    this.bucket = recordsTaken(this.bucket, { records: records.length, bytes: recordsBytes(records) }, nowMs);
    const question = { type: 'push', arc: view.arc, epoch: view.epoch, records } as const;
    this.out.ask(target, question, { type: 'hints', to: target, request });
  }
}

// Internal

interface Sending {
  readonly request: number;
  readonly ids: readonly KeyId[];
  readonly view: View;
}

const HINT_RATE = { recordsPerSecond: 2000, bytesPerSecond: 4_000_000 };
/** A member that has not taken what it was told is told again after this. */
const RETRY_MS = 1000;
