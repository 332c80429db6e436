/**
 * Rounds of stabilisation: when a simulated node looks after its pointers. As a real node's stabilizer
 * does it: in random intervals as the safety net, at once after a change, a little later when somebody
 * was busy. The papers' nodes know the intervals only.
 */
import type { Alarm, Surroundings } from './surroundings';

/** Rounds that follow changes keep this distance. */
const LEAST_PAUSE_MS = 50;
/** Whoever was busy is asked again within this. */
const RETRY_MAX_MS = 100;

/** The rounds of one node. */
export class Rounds {
  private next: Alarm | undefined;
  private lastMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly world: Surroundings,
    private readonly round: () => void,
  ) {}

  /** Begins, at a random moment of the first interval for those who know nothing but intervals. */
  begin(): void {
    const { isReactive, stabilizeMs } = this.world.settings;
    this.wake(isReactive ? 0 : this.world.random.next() * stabilizeMs[1]);
  }

  /** The pointers have changed: one change is seldom the last. */
  changed(): void {
    if (this.world.settings.isReactive) this.hasten(Math.max(0, this.lastMs + LEAST_PAUSE_MS - this.world.nowMs));
  }

  /** Somebody was busy. */
  soon(): void {
    this.hasten(this.world.random.next() * RETRY_MAX_MS);
  }

  private hasten(ms: number): void {
    if (this.next === undefined || this.next.dueMs <= this.world.nowMs + ms) return;
    this.next.cancel();
    this.wake(ms);
  }

  private wake(ms: number): void {
    this.next = this.world.after(ms, () => {
      this.lastMs = this.world.nowMs;
      this.wake(this.world.random.between(...this.world.settings.stabilizeMs));
      this.round();
    });
  }
}
