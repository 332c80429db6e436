/**
 * A network in memory in which every message takes its own time and may be lost, and the nodes that it connects.
 *
 * Time is virtual, and whatever happens by chance comes from one seed: the same seed is the same run.
 */
import type { Peer } from '../../src/chord/peer';
import { randomFrom } from '../../src/otp';
import type { HybridClock } from '../../src/replication/hybrid-clock';
import type { Views } from '../../src/replication/views';
import type { ViewsEffect, ViewsEvent } from '../../src/replication/views-protocol';
import { EventQueue } from '../../src/simulation/event-queue';
import type { MemoryTable } from '../../src/store/memory-table';

/** When whoever asks hears that nobody answers. */
const SILENCE_MS = 1000;

export interface ViewNode {
  readonly self: Peer;
  views: Views;
  readonly table: MemoryTable;
  readonly clock: HybridClock;
  isDead: boolean;
  isPaused: boolean;
  /** In the ring, as the others see it. */
  isIn: boolean;
  left: string | undefined;
  readonly cancelled: Set<number>;
  readonly inbox: (() => void)[];
}

export abstract class SmallNetwork {
  readonly nodes: ViewNode[] = [];
  latencyMaxMs = 20;
  loss = 0;
  nowMs = 0;
  sent = 0;
  trace: string[] | undefined;
  protected readonly random: () => number;
  private readonly queue = new EventQueue<() => void>();
  private readonly cut = new Set<string>();

  constructor(readonly seed: number) {
    this.random = randomFrom(seed);
  }

  /** Something happens to a node. */
  abstract tell(node: ViewNode, event: ViewsEvent): readonly ViewsEffect[];

  get alive(): readonly ViewNode[] {
    return this.nodes.filter(({ isDead }) => !isDead);
  }

  at({ id, inc }: Peer): ViewNode | undefined {
    return this.nodes.find(({ self }) => self.id === id && self.inc === inc);
  }

  // Chance

  /** From 0 up to but not including 1. */
  number(): number {
    return this.random();
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  pick<T>(things: readonly T[]): T | undefined {
    return things[Math.floor(this.random() * things.length)];
  }

  // Time

  run(ms: number): void {
    const endMs = this.nowMs + ms;
    for (let dueMs = this.queue.nextMs; dueMs !== undefined && dueMs <= endMs; dueMs = this.queue.nextMs) {
      this.nowMs = dueMs;
      this.queue.pop()?.();
    }
    this.nowMs = endMs;
  }

  runUntil(condition: () => boolean, ms: number): boolean {
    const endMs = this.nowMs + ms;
    while (this.nowMs < endMs) {
      if (condition()) return true;
      this.run(50);
    }
    return condition();
  }

  after(ms: number, run: () => void): void {
    this.queue.push(this.nowMs + ms, run);
  }

  /** The time of day of all of them. */
  wall(): number {
    return Math.floor(this.nowMs) + 1_000_000;
  }

  // The network

  /** A question and its answer, each of which may be late or lost; `then` hears undefined when there is no answer. */
  exchange<T>(
    from: ViewNode,
    to: Peer,
    serve: (node: ViewNode) => T | undefined,
    then: (answer: T | undefined) => void,
  ): void {
    this.sent += 1;
    let isOver = false;
    const end = (answer: T | undefined) => {
      if (isOver || from.isDead) return;
      isOver = true;
      then(answer);
    };
    const target = this.at(to);
    const latency = () => this.latencyMaxMs * this.random();
    this.after(target === undefined || target.isDead ? latency() : SILENCE_MS, () => end(undefined));
    if (this.isLost(from.self, to)) return;
    this.after(latency(), () => {
      const node = this.at(to);
      if (node === undefined || node.isDead) return;
      const run = () => {
        const answer = serve(node);
        if (!this.isLost(to, from.self)) this.after(latency(), () => end(answer));
      };
      if (node.isPaused) node.inbox.push(run);
      else run();
    });
  }

  private isLost(from: Peer, to: Peer): boolean {
    return this.isCut(from, to) || this.chance(this.loss);
  }

  /** From now on nothing passes between the two. */
  protected separate(a: Peer, b: Peer): void {
    this.cut.add(link(a, b)).add(link(b, a));
  }

  protected isCut(a: Peer, b: Peer): boolean {
    return this.cut.has(link(a, b));
  }

  protected reconnect(): void {
    this.cut.clear();
  }

  say(text: string): void {
    this.trace?.push(`${this.nowMs.toFixed(0)} ${text}`);
  }
}

const link = (a: Peer, b: Peer) => `${a.id}>${b.id}`;
