/**
 * Schedules: random lives of small rings. A ring forms, a nemesis does to it what it likes, and then it
 * is left alone; by then it must have become whole again, and stay so.
 *
 * There are two kinds. In *guarded* ones nobody fails who may not ({@link mayFail}), and no message is
 * lost: then no property may be broken at any moment. In *wild* ones everything goes, loss, delays longer
 * than any timeout, cuts, stopped processes and any number of deaths: properties may be broken then, but
 * not for good.
 */
import type { Peer } from '../chord/peer';
import { mayFail } from './failure-guard';
import { type Act, Havoc, kindOf, type ScheduleKind } from './havoc';
import { peerAt, randomId } from './ideal-ring';
import type { Conditions } from './network';
import { type NodeSettings, REAL_NODE } from './node-settings';
import { Random } from './random';
import { type Breach, RingWatch } from './ring-watch';
import type { VirtualNode } from './virtual-node';
import { World } from './world';

/** How a schedule went. */
export interface ScheduleOutcome {
  readonly seed: number;
  readonly kind: ScheduleKind;
  readonly events: number;
  readonly looks: number;
  readonly acts: Readonly<Record<Act, number>>;
  readonly breaches: readonly Breach[];
  /** How long after the last act the ring was ideal; undefined: it never was. */
  readonly healedMs: number | undefined;
  /** Lookups at the end that did not find the owner. */
  readonly wrongLookups: number;
}

/** Whether a schedule has ended as it must. */
export function isWell({ kind, breaches, healedMs, wrongLookups }: ScheduleOutcome): boolean {
  const isWhole = healedMs !== undefined && wrongLookups === 0 && breaches.every(({ toMs }) => toMs !== undefined);
  return isWhole && (kind === 'wild' || breaches.length === 0);
}

/** Runs the schedule that this seed stands for. */
export function runSchedule(seed: number): ScheduleOutcome {
  return new Nemesis(seed, kindOf(seed)).run();
}

const NODES_MAX = 14;
const SEEDS = 3;
const START_MAX_MS = 60_000;
const HEAL_MAX_MS = 120_000;
/** Whole is what stays whole for so long. */
const QUIET_MS = 5000;
/** As long as a client waits. */
const LOOKUP_MAX_MS = 5000;
const LOOKUP_PAUSE_MS = 100;
/** Delays short enough that nobody alive is taken for dead. */
const CALM: Conditions = { delay: { type: 'even', fromMs: 0, toMs: 60 }, loss: 0, duplication: 0 };

class Nemesis {
  private readonly random: Random;
  private readonly world: World;
  private readonly watch: RingWatch;
  private readonly seeds: readonly Peer[];
  private readonly havoc: Havoc;
  private readonly acts: Record<Act, number> = { join: 0, crash: 0, leave: 0, restart: 0, pause: 0, cut: 0 };

  constructor(
    private readonly seed: number,
    private readonly kind: ScheduleKind,
  ) {
    this.random = new Random(seed);
    this.seeds = Array.from({ length: SEEDS }, (_none, n) => ({
      ...peerAt(`10.${seed % 250}.0.${n + 1}:9000`),
      inc: 0n,
    }));
    const settings: NodeSettings = {
      ...REAL_NODE,
      successorsMax: 3 + this.random.below(2),
      fingers: this.random.chance(0.1) ? REAL_NODE.fingers : { type: 'none' },
      seeds: kind === 'wild' ? this.seeds : [],
    };
    const toMs = this.random.pick([2, 20, 60]) ?? 60;
    const conditions: Conditions = {
      delay: { type: 'even', fromMs: 0, toMs },
      loss: 0,
      duplication: this.random.pick([0, 0, 0.02]) ?? 0,
    };
    this.world = new World({ seed, settings, conditions });
    this.watch = new RingWatch(this.world);
    this.havoc = new Havoc(this.world, this.random, {
      nodesMax: NODES_MAX,
      pauseMsMax: 3000,
      partings: 0.5,
      victim: () => this.victim(),
    });
  }

  run(): ScheduleOutcome {
    this.form();
    if (this.kind === 'wild') this.world.network.conditions = this.weather();
    const meanMs = this.random.pick([30, 200, 1000, 3000]) ?? 200;
    const acts = 4 + this.random.below(16);
    for (let act = 0; act < acts; act += 1) {
      this.world.run(this.random.exponential(meanMs));
      this.act();
    }
    this.calm();
    const healedMs = this.watch.runUntilIdealAndQuiet(HEAL_MAX_MS, QUIET_MS);
    this.watch.look();
    const { events } = this.world;
    return {
      seed: this.seed,
      kind: this.kind,
      events,
      looks: this.watch.looks,
      acts: this.acts,
      breaches: this.watch.breaches,
      healedMs,
      wrongLookups: healedMs === undefined ? 0 : this.wrongLookups(),
    };
  }

  /** A first node, and others that come in through it. */
  private form(): void {
    const { world, seeds } = this;
    const [first] = seeds.map((seed) => ({ ...seed, inc: world.incarnation() }));
    const others = 3 + this.random.below(5);
    if (first) world.start(first).create();
    for (let n = 1; n <= others; n += 1) {
      const seed = seeds[n];
      this.havoc.start(seed ? { ...seed, inc: world.incarnation() } : world.freshPeer());
      world.run(this.random.exponential(100));
    }
    this.watch.runUntilIdeal(START_MAX_MS);
  }

  private weather(): Conditions {
    const { random } = this;
    const slow = { type: 'even', fromMs: 0, toMs: 250 } as const;
    const delay = random.pick<Conditions['delay']>([
      this.world.network.conditions.delay,
      slow,
      { type: 'exponential', meanMs: 40 },
    ]);
    return {
      delay: delay ?? slow,
      loss: random.pick([0, 0.01, 0.05, 0.1]) ?? 0,
      duplication: random.pick([0, 0.02, 0.1]) ?? 0,
    };
  }

  private act(): void {
    const acts: readonly Act[] =
      this.kind === 'guarded'
        ? ['join', 'crash', 'crash', 'leave', 'restart']
        : ['join', 'crash', 'crash', 'leave', 'restart', 'pause', 'cut'];
    const act = this.random.pick(acts) ?? 'join';
    if (this.havoc.perform(act)) this.acts[act] += 1;
  }

  /** Somebody who may fail; in wild schedules that is everybody, as long as two are left. */
  private victim(): VirtualNode | undefined {
    const victim = this.random.pick(this.world.nodes);
    if (victim === undefined || this.havoc.members.length < 3) return undefined;
    return this.kind === 'wild' || mayFail(this.world, victim) ? victim : undefined;
  }

  /** The nemesis has had enough: what was stopped goes on, what was cut is joined, and the seeds come back. */
  private calm(): void {
    const { world } = this;
    this.havoc.end();
    if (this.kind === 'wild') world.network.conditions = CALM;
    if (this.kind === 'guarded') return;
    for (const seed of this.seeds) if (!world.at(seed.addr)) this.havoc.start({ ...seed, inc: world.incarnation() });
  }

  /** Lookups from everybody for random keys and for places of members, against what everybody together knows. */
  private wrongLookups(): number {
    const { world, random } = this;
    const ids = this.watch.snapshot().ids;
    const keys = [...Array.from({ length: 4 }, () => randomId(random)), ...ids.slice(0, 4)];
    const open = keys.flatMap((key) => world.nodes.map((node) => ({ key, node, isRight: false })));
    const ask = (question: (typeof open)[number]): void => {
      question.node.find(question.key, ({ owners: [owner] }) => {
        const expected = ids.find((id) => id >= question.key) ?? ids[0];
        question.isRight = owner?.id === expected;
        // An answer may come later than it was waited for; a wrong owner is wrong for good.
        if (owner === undefined) world.after(LOOKUP_PAUSE_MS, () => ask(question));
      });
    };
    open.forEach(ask);
    world.run(LOOKUP_MAX_MS);
    return open.filter(({ isRight }) => !isRight).length;
  }
}
