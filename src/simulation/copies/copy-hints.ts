/** Copy hints: how a simulated node tells members what they have missed, as soon as they can be reached again. */
import type { KeyId } from '../../chord/id';
import type { Peer } from '../../chord/peer';
import { recordsBytes } from '../../protocol/rpc-sync-bytes';
import { compareEpochs } from '../../replication/epoch';
import { nextBatch } from '../../replication/hint-batch';
import { Hints } from '../../replication/hints';
import { CopyPace } from './copy-pace';
import type { KeptNode } from './copy-world';

const PATIENCE_MS = 5000;
/** A member that has not taken what it was told is told again after this. */
const RETRY_MS = 1000;

/** Those of one node. */
export class CopyHints {
  readonly hints: Hints;
  private readonly sending = new Set<string>();
  private readonly restingUntilMs = new Map<string, number>();
  private readonly pace: CopyPace;

  constructor(
    private readonly keeper: KeptNode,
    /** This member has to be compared, for hints have been given up. */
    private readonly givenUp: (target: Peer) => void,
  ) {
    const { hintTtlMs, hintsMax } = keeper.world.settings;
    this.hints = new Hints(hintTtlMs, hintsMax);
    this.pace = new CopyPace(keeper, 'hints');
  }

  /** A write has not reached this member. */
  add(target: Peer, id: KeyId): void {
    const { nowMs, world } = this.keeper;
    if (world.settings.leftOut.includes('hints')) return;
    if (!this.hints.add(target, id, nowMs)) this.givenUp(target);
  }

  /** A node is there again. */
  heardOf(peer: Peer): void {
    this.hints.replaced(peer);
    this.restingUntilMs.delete(peer.id);
    this.tick();
  }

  /** Tells whoever can be told. */
  tick(): void {
    const { nowMs, host } = this.keeper;
    for (const target of this.hints.expire(nowMs)) this.givenUp(target);
    for (const target of this.hints.targets) {
      const isResting = (this.restingUntilMs.get(target.id) ?? nowMs) > nowMs;
      if (isResting || this.pace.pauseMs > 0 || this.sending.has(target.id)) continue;
      if (host.isTrusted(target)) this.send(target);
    }
  }

  private send(target: Peer): void {
    const { keeper } = this;
    const batch = nextBatch(this.hints, target, keeper.views.holdings, keeper.target.table);
    if (batch === undefined) return;
    const { view, ids, records } = batch;
    const { arc, epoch } = view;
    this.sending.add(target.id);
    this.pace.take(recordsBytes(records));
    keeper.host.askKeeper(target, { type: 'push', arc, epoch, records }, PATIENCE_MS, (outcome) => {
      this.sending.delete(target.id);
      const answering = outcome.type === 'answered' ? outcome.answering : undefined;
      const answer = answering?.type === 'copies' ? answering.answer : undefined;
      if (answer?.type === 'pushed') {
        this.restingUntilMs.delete(target.id);
        this.hints.done(target, ids);
        return this.tick();
      }
      this.restingUntilMs.set(target.id, keeper.nowMs + RETRY_MS);
      if (answer?.type !== 'stale') return undefined;
      const order = answer.view ? compareEpochs(answer.view.epoch, epoch) : -1;
      if (answer.view && order > 0) keeper.happened({ type: 'heard_of', view: answer.view });
      if (order < 0) keeper.happened({ type: 'unaware', peer: target, arc });
    });
  }
}
