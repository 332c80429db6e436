/**
 * The network of the simulator: it decides of each message when it arrives, whether twice, or not at all.
 *
 * Every message takes its own time, so messages overtake each other. Beside what happens by chance,
 * ways can be cut: between two groups of addresses, or from one address to another only.
 */
import type { Random } from './random';

/** How a message's time on the way is drawn. */
export type Delay =
  | { readonly type: 'even'; readonly fromMs: number; readonly toMs: number }
  /** Most are quick, a few are very late; the mean is what both papers' simulators took. */
  | { readonly type: 'exponential'; readonly meanMs: number };

/** What becomes of messages by chance. */
export interface Conditions {
  readonly delay: Delay;
  /** The share of messages that never arrive. */
  readonly loss: number;
  /** The share that arrives twice. */
  readonly duplication: number;
}

const NOBODY: readonly number[] = [];

/** The ways between all nodes. */
export class Network {
  /** Which side of a cut an address is on; whoever is in none reaches everybody. */
  private sides = new Map<string, number>();
  private readonly oneWayCuts = new Set<string>();
  /** How many messages were sent, and how many of them never arrive. */
  sent = 0;
  lost = 0;

  constructor(
    public conditions: Conditions,
    private readonly random: Random,
  ) {}

  /** After how many milliseconds a message arrives: once, twice or never. */
  deliveries(from: string, to: string): readonly number[] {
    const { loss, duplication } = this.conditions;
    this.sent += 1;
    if (this.isCut(from, to) || this.random.chance(loss)) {
      this.lost += 1;
      return NOBODY;
    }
    return this.random.chance(duplication) ? [this.delayMs(), this.delayMs()] : [this.delayMs()];
  }

  /** Parts the addresses into groups that do not reach each other. */
  partition(groups: readonly (readonly string[])[]): void {
    this.sides = new Map(groups.flatMap((group, side) => group.map((addr) => [addr, side] as const)));
  }

  /** Cuts the way from one address to another; the way back stays. */
  cutOneWay(from: string, to: string): void {
    this.oneWayCuts.add(`${from} ${to}`);
  }

  /** Joins what was cut. */
  heal(): void {
    this.sides.clear();
    this.oneWayCuts.clear();
  }

  private isCut(from: string, to: string): boolean {
    const [side, other] = [this.sides.get(from), this.sides.get(to)];
    if (side !== undefined && other !== undefined && side !== other) return true;
    return this.oneWayCuts.size > 0 && this.oneWayCuts.has(`${from} ${to}`);
  }

  private delayMs(): number {
    const { delay } = this.conditions;
    return delay.type === 'even'
      ? this.random.between(delay.fromMs, delay.toMs)
      : this.random.exponential(delay.meanMs);
  }
}
