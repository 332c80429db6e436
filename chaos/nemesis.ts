/**
 * Nemesis: does to a cluster what a plan says, step by step, and writes down when.
 */
import type { ChaosNode } from './chaos-node';
import type { Cluster } from './cluster';
import { type FaultName, type FaultStep, planBeyond, planRound } from './faults';
import { later } from './later';

/** What a nemesis goes by. */
export interface NemesisOptions {
  readonly cluster: Cluster;
  readonly random: () => number;
  readonly nowMs: () => number;
  /** What may be done in a round; one of them is chosen each time. */
  readonly faults: readonly FaultName[];
  /** Breaks more than may be broken at a time, and does not wait for anything. */
  readonly isBeyond: boolean;
  readonly canCut: boolean;
  /** Hears of every step. */
  readonly tell: (line: string) => void;
}

const SETTLE_BOUND_MS = 60_000;
const START_ATTEMPTS_MAX = 5;

/** Breaks things until it is told to stop. */
export class Nemesis {
  rounds = 0;
  /** Whether a node was killed, and has lost what it had in memory. */
  hasKilled = false;
  /** What did not come to pass that should have, in words. */
  readonly problems: string[] = [];
  /** How long the ring took to settle, each time. */
  readonly settledMs: number[] = [];

  constructor(private readonly options: NemesisOptions) {}

  /** Runs rounds until this time. The last one ends as it was planned. */
  async run(untilMs: number): Promise<void> {
    const { nowMs, random, faults, cluster } = this.options;
    while (nowMs() < untilMs && this.problems.length === 0) {
      const fault = faults[Math.floor(random() * faults.length)] ?? 'quiet';
      this.rounds += 1;
      for (const step of this.plan(fault)) {
        // A round of many parts may end early, but never in the middle of one.
        if (step.type === 'settle' && nowMs() >= untilMs && cluster.nodes.every(isWell)) break;
        await this.perform(step);
      }
    }
  }

  /** Ends everything that is still broken, and waits until the ring has settled. */
  async mend(): Promise<void> {
    const { cluster } = this.options;
    cluster.options.network.heal();
    for (const node of cluster.nodes) node.resume();
    await this.perform({ type: 'settle' });
  }

  private plan(fault: FaultName): readonly FaultStep[] {
    const { cluster, random, isBeyond, canCut } = this.options;
    const nodes = cluster.up.map(({ name }) => name);
    const state = { nodes, fresh: [`n${cluster.nodes.length + 1}`], random };
    return isBeyond ? planBeyond(state, canCut) : planRound(fault, state);
  }

  private async perform(step: FaultStep): Promise<void> {
    const { cluster } = this.options;
    this.tell(step);
    switch (step.type) {
      case 'wait':
        return later(step.ms);
      case 'kill':
        this.hasKilled = true;
        return cluster.node(step.node).kill();
      case 'pause':
        return cluster.node(step.node).pause();
      case 'resume':
        return cluster.node(step.node).resume();
      case 'leave':
        return this.leave(cluster.node(step.node));
      case 'start':
        return this.start(step.node, step.clockOffsetMs);
      case 'cut':
        return this.cut(step.from, step.to);
      case 'heal':
        return cluster.options.network.heal();
      case 'settle':
        return this.settle();
    }
  }

  private async leave(node: ChaosNode): Promise<void> {
    const sinceMs = performance.now();
    if (!(await node.leave())) this.note(`${node.name} did not end by itself within 15 s of being told to`);
    this.options.tell(`${node.name} has left in ${Math.round(performance.now() - sinceMs)} ms`);
  }

  private async start(name: string, clockOffsetMs: number | undefined): Promise<void> {
    const { cluster } = this.options;
    const node = cluster.nodes.find((known) => known.name === name) ?? cluster.add();
    for (let attempt = 1; node.state !== 'up'; attempt += 1) {
      const failure = await cluster.start(node, clockOffsetMs).then(() => undefined, String);
      if (failure === undefined) return;
      this.options.tell(failure);
      // A clock that is too wrong keeps a node out of the ring, as it should. It comes back with a better one.
      if (clockOffsetMs !== undefined && clockOffsetMs !== 0) return this.start(name, Math.round(0.01 * clockOffsetMs));
      if (attempt === START_ATTEMPTS_MAX) return this.note(failure);
      await later(500);
    }
  }

  private cut(from: readonly string[], to: readonly string[]): void {
    const { cluster } = this.options;
    for (const sender of from)
      for (const receiver of to)
        cluster.options.network.cut(cluster.node(sender).number, cluster.node(receiver).number);
  }

  private async settle(): Promise<void> {
    const { tookMs, problem } = await this.options.cluster.untilSettled(SETTLE_BOUND_MS);
    if (problem !== undefined) return this.note(`not settled within ${SETTLE_BOUND_MS / 1000} s: ${problem}`);
    this.settledMs.push(tookMs);
  }

  private note(problem: string): void {
    this.problems.push(problem);
    this.options.tell(`PROBLEM: ${problem}`);
  }

  private tell(step: FaultStep): void {
    const { type, ...rest } = step;
    if (type === 'settle') return;
    const words = Object.entries(rest).map(
      ([name, value]) => `${name} ${Array.isArray(value) ? value.join(' ') : String(value)}`,
    );
    this.options.tell([type, ...words].join(' '));
  }
}

const isWell = ({ state }: ChaosNode) => state === 'up' || state === 'down';
