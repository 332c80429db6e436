/** Copy pace: how fast records may travel for one purpose in a simulated node. */
import { fullBucket, taken, type TokenBucket, waitMs } from '../../replication/token-bucket';
import type { Carried, KeptNode } from './copy-world';

/** What is carried for one purpose, and how soon more may be. */
export class CopyPace {
  private bucket: TokenBucket;

  constructor(
    private readonly keeper: KeptNode,
    private readonly what: Carried,
  ) {
    this.bucket = fullBucket(keeper.world.settings.bytesPerSecond[what], keeper.nowMs);
  }

  /** How long to wait; 0: not at all. */
  get pauseMs(): number {
    const { nowMs, world } = this.keeper;
    return world.settings.leftOut.includes('throttle') ? 0 : waitMs(this.bucket, nowMs);
  }

  /** So many bytes have been sent, or have come. */
  take(bytes: number): void {
    this.reserve(bytes);
    this.carried(bytes);
  }

  /** So many bytes are about to be sent. */
  reserve(bytes: number): void {
    this.bucket = taken(this.bucket, bytes, this.keeper.nowMs);
  }

  /** What was reserved has been sent. */
  carried(bytes: number): void {
    if (bytes > 0) this.keeper.world.carried(this.what, bytes, this.keeper.host.self);
  }
}
