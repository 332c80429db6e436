/**
 * Copy schedules: random lives of small rings that keep copies of keys, with clients who ask for them.
 *
 * A ring forms; while clients put, get and delete, a nemesis does to it what it likes; then it is left alone. There
 * are two kinds. In *guarded* ones a node fails only while all arcs have all their copies, so that nothing may be lost,
 * ever. In *wild* ones nodes fail whenever they do: where too many have, that must be reported, and of
 * all other keys nothing may be lost either.
 */
import type { Peer } from '../../chord/peer';
import type { Range } from '../../chord/range';
import { Writers } from '../../replication/version';
import type { ViewsReport } from '../../replication/views-protocol';
import type { Conditions } from '../network';
import { REAL_NODE } from '../node-settings';
import type { Operation, Outcome } from '../operation';
import { type Act, Havoc, kindOf, type ScheduleKind } from '../havoc';
import { Random } from '../random';
import type { VirtualNode } from '../virtual-node';
import { World } from '../world';
import { disagreements, isHealthy, misjudged, uneven, unfounded, unlinearizable } from './copy-checks';
import { CopyClients } from './copy-clients';
import { CopyKeeper } from './copy-keeper';
import { CopyWatch } from './copy-watch';
import { COPY_SETTINGS, type CopySettings, EPOCH_MS } from './copy-world';

/** What a nemesis does. */
export type CopyAct = Act | 'skew';

/** What a schedule is made of. */
export interface CopyOptions {
  readonly seed: number;
  readonly kind?: ScheduleKind;
  /** For how long the nemesis is at work. @default 30 s */
  readonly busyMs?: number;
  readonly settings?: Partial<CopySettings>;
  /** What it does. @default all that it can */
  readonly acts?: readonly CopyAct[];
  /** How many nodes there are at first. @default 3 to 6 */
  readonly nodes?: number;
  /** The share of messages that are lost while it is at work. @default up to 2 % */
  readonly loss?: number;
  /** How long values are at least. @default as short as can be */
  readonly valueBytes?: number;
}

/** How a schedule went. */
export interface CopyOutcome {
  readonly seed: number;
  readonly kind: ScheduleKind;
  readonly events: number;
  readonly acts: Readonly<Record<CopyAct, number>>;
  readonly operations: readonly Operation[];
  readonly reports: Readonly<Partial<Record<ViewsReport, number>>>;
  /** How often a node has found out that its clock is wrong. */
  readonly skewed: number;
  /** How many values written in eventual mode have gone with the last node that had them. */
  readonly gone: number;
  /** How long after the last act every arc had all its copies; undefined: not in time. */
  readonly healedMs: number | undefined;
  /** What must not be, in words. */
  readonly faults: readonly string[];
}

/** How many operations have ended so. */
export const countOf = ({ operations }: CopyOutcome, outcome: Outcome): number =>
  operations.filter((operation) => operation.outcome === outcome).length;

/** Runs one schedule. */
export function runCopySchedule(options: CopyOptions): CopyOutcome {
  return new CopyNemesis(options).run();
}

const BUSY_MS = 30_000;
const NODES_MAX = 8;
const HEAL_MAX_MS = 120_000;
/** Longer than what need not be kept is kept. */
const CLEAN_MS = 60_000;
const LOOK_MS = 100;
const LEAVE_MS = 8000;
/** How wrong a clock may be; by less than deletions are remembered. */
const SKEWS_MS: readonly number[] = [0, 1500, 10_000];
const ACTS: readonly CopyAct[] = ['join', 'crash', 'crash', 'leave', 'restart', 'pause', 'cut', 'skew'];
const CALM: Conditions = { delay: { type: 'even', fromMs: 0, toMs: 5 }, loss: 0, duplication: 0 };

const NO_ACTS = { join: 0, crash: 0, leave: 0, restart: 0, pause: 0, cut: 0, skew: 0 };

class CopyNemesis {
  private readonly random: Random;
  private readonly world: World;
  private readonly clients: CopyClients;
  private readonly kind: ScheduleKind;
  private readonly settings: CopySettings;
  private readonly keepers = new Map<string, CopyKeeper>();
  private readonly offsets = new Map<string, number>();
  private readonly havoc: Havoc;
  private readonly watch: CopyWatch;
  /** How many nodes are leaving. */
  private leaving = 0;
  private skewed = 0;
  private readonly lost: Range[] = [];
  private readonly faults = new Set<string>();
  private readonly reports: Partial<Record<ViewsReport, number>> = {};
  private readonly acts: Record<CopyAct, number> = { ...NO_ACTS };

  constructor(private readonly options: CopyOptions) {
    const { seed, settings, valueBytes, kind = kindOf(seed) } = options;
    this.kind = kind;
    this.settings = { ...COPY_SETTINGS, ...settings };
    this.random = new Random(seed);
    this.world = this.makeWorld(seed);
    this.clients = new CopyClients(
      {
        nowMs: () => this.world.nowMs,
        after: (ms, action) => void this.world.after(ms, action),
        nodes: () => this.members,
      },
      this.random.fork(),
      { clients: 4, keys: { quorum: 12, eventual: 6, mixed: 2 }, pauseMs: 60, valueBytes },
    );
    this.watch = new CopyWatch(this.settings, this.clients.keysOf('eventual'), () => this.world.nowMs);
    this.havoc = this.makeHavoc();
  }

  run(): CopyOutcome {
    const { world } = this;
    this.form();
    this.look();
    this.clients.begin();
    const endMs = world.nowMs + (this.options.busyMs ?? BUSY_MS);
    world.network.conditions = this.weather();
    while (world.nowMs < endMs) {
      world.run(this.random.exponential(this.random.pick([300, 1500, 4000]) ?? 1500));
      if (this.kind === 'wild' || this.waitUntilHealthy() !== undefined) this.act();
    }
    const healedMs = this.calm();
    this.clients.stop();
    world.run(LEAVE_MS);
    this.readAll();
    world.run(CLEAN_MS);
    return this.outcome(healedMs);
  }

  // The ring

  private makeWorld(seed: number): World {
    const { settings } = this;
    const writers = new Writers();
    const chance = this.random.fork();
    const world: World = new World({
      seed,
      settings: { ...REAL_NODE, successorsMax: 5, fingers: { type: 'none' } },
      conditions: CALM,
      makeKeeper: (host) => {
        const keeper: CopyKeeper = new CopyKeeper(host, {
          settings,
          writers,
          nowMs: () => world.nowMs,
          systemMs: ({ addr }) => EPOCH_MS + Math.floor(world.nowMs) + (this.offsets.get(addr) ?? 0),
          random: chance.next,
          written: (record) => this.watch.written(record, keeper),
          carried: (what, bytes, { addr }) => this.watch.carried(what, bytes, addr),
          clockJudged: (isSkewed) => {
            this.skewed += isSkewed ? 1 : 0;
          },
          report: (event, self, arc) => this.reported(event, self, arc),
        });
        this.keepers.set(host.self.addr, keeper);
        return keeper;
      },
    });
    return world;
  }

  private makeHavoc(): Havoc {
    return new Havoc(this.world, this.random, {
      nodesMax: NODES_MAX,
      pauseMsMax: 4000,
      partings: 0.6,
      begin: (self) => this.begin(self),
      victim: () => this.victim(),
      leave: (node, go) => this.leave(node, go),
      dies: () => this.watch.look(this.keepersOf(this.nodes)),
      died: (node) => this.died(node),
    });
  }

  private reported(event: ViewsReport, { addr }: Peer, arc: Range): void {
    this.reports[event] = (this.reports[event] ?? 0) + 1;
    if (event !== 'possible_loss') return;
    this.lost.push(arc);
    if (this.kind === 'guarded') this.faults.add(`${addr} reports a possible loss, though too few have failed for one`);
  }

  private form(): void {
    const first = this.begin(this.world.freshPeer());
    first.create();
    this.keepers.get(first.self.addr)?.create();
    const others = (this.options.nodes ?? 3 + this.random.below(4)) - 1;
    for (let n = 0; n < others; n += 1) {
      this.havoc.start(this.world.freshPeer());
      this.world.run(this.random.exponential(300));
    }
    if (this.waitUntilHealthy() === undefined) this.faults.add('the ring has not formed');
  }

  private begin(self: Peer): VirtualNode {
    const range = this.kind === 'guarded' ? 300 : (this.random.pick([0, 300, 2000]) ?? 0);
    this.offsets.set(self.addr, Math.floor(this.random.between(-range, range)));
    return this.world.start(self);
  }

  private get nodes(): readonly VirtualNode[] {
    return this.world.nodes;
  }

  private keepersOf(nodes: readonly VirtualNode[]): readonly CopyKeeper[] {
    return nodes.flatMap(({ self }) => this.keepers.get(self.addr) ?? []);
  }

  private get members(): readonly CopyKeeper[] {
    return this.keepersOf(this.nodes.filter(({ member }) => member.phase === 'member'));
  }

  // Acts

  private weather(): Conditions {
    const { random } = this;
    const toMs = random.pick([2, 10, 40]) ?? 10;
    const delay = { type: 'even', fromMs: 0, toMs } as const;
    const loss = random.pick([0, 0, 0.005, 0.02]) ?? 0;
    return { delay, loss: this.options.loss ?? loss, duplication: 0 };
  }

  private act(): void {
    const act = this.random.pick(this.options.acts ?? ACTS);
    if (act !== undefined && this.perform(act)) this.acts[act] += 1;
  }

  private perform(act: CopyAct): boolean {
    return act === 'skew' ? this.skew() : this.havoc.perform(act);
  }

  /** Nobody of whom the ring could not do without. */
  private victim(): VirtualNode | undefined {
    const { nodes } = this;
    return this.members.length > 2 ? this.random.pick(nodes) : undefined;
  }

  private died({ self }: VirtualNode): void {
    const keeper = this.keepers.get(self.addr);
    if (keeper) this.clients.lost(keeper);
    this.watch.died(this.keepersOf(this.nodes));
    // Sometimes it is back before anybody can have noticed.
    if (this.random.chance(0.3)) this.world.after(this.random.between(1, 900), () => void this.havoc.restart());
  }

  private leave(node: VirtualNode, go: () => void): void {
    const keeper = this.keepers.get(node.self.addr);
    let isOver = false;
    const over = () => {
      if (!isOver) this.leaving -= 1;
      isOver = true;
    };
    this.leaving += 1;
    // Whatever comes of it, it is over by then.
    this.world.after(2 * LEAVE_MS, over);
    keeper?.leave(LEAVE_MS, () => {
      over();
      // In the turn in which it says so, others are still being told.
      this.world.after(0, () => {
        if (this.world.at(node.self.addr) === node) go();
      });
    });
  }

  /** Sets somebody's clock wrong. */
  private skew(): boolean {
    const node = this.random.pick(this.nodes);
    if (node === undefined) return false;
    const offsetMs = this.random.pick(SKEWS_MS) ?? 0;
    this.offsets.set(node.self.addr, this.random.chance(0.5) ? offsetMs : -offsetMs);
    return true;
  }

  // The end

  /** Everything goes on and is joined; how long it takes until all arcs have all their copies. */
  private calm(): number | undefined {
    const { world } = this;
    this.havoc.end();
    world.network.conditions = CALM;
    // Whoever has died without a word may be alive, as far as others can tell, and is waited for.
    world.switchOn();
    const healedMs = this.waitUntilHealthy();
    if (healedMs === undefined) this.faults.add('not all arcs have all their copies in the end');
    return healedMs;
  }

  /** Waits until all nodes are members and all arcs have all their copies. */
  private waitUntilHealthy(): number | undefined {
    const { world } = this;
    const sinceMs = world.nowMs;
    while (world.nowMs - sinceMs < HEAL_MAX_MS) {
      const { members, nodes } = this;
      const isQuiet =
        this.havoc.cuts + this.leaving === 0 &&
        members.length === nodes.length &&
        nodes.every((node) => !world.isPaused(node));
      if (isQuiet && isHealthy(members, this.settings.replicas)) return world.nowMs - sinceMs;
      world.run(LOOK_MS);
    }
    return undefined;
  }

  /** Everybody is asked for every key. */
  private readAll(): void {
    for (const key of this.clients.keys) {
      for (const keeper of this.members) this.clients.ask(keeper, 'get', key, { isFinal: true });
    }
    this.world.run(LEAVE_MS);
    const unanswered = this.clients.operations.filter(
      ({ isFinal, outcome }) => isFinal === true && (outcome === 'unknown' || outcome === 'refused'),
    );
    if (unanswered.length > 0) this.faults.add(`${unanswered.length} keys cannot be read in the end`);
  }

  /** Looks at the views of all nodes, again and again. */
  private look(): void {
    const keepers = this.keepersOf(this.nodes);
    for (const fault of disagreements(keepers)) this.faults.add(fault);
    this.watch.look(keepers);
    this.world.after(LOOK_MS, () => this.look());
  }

  private outcome(healedMs: number | undefined): CopyOutcome {
    const { clients, members, settings } = this;
    if (healedMs !== undefined) {
      for (const fault of uneven(members, clients.keys, settings.replicas)) this.faults.add(fault);
    }
    const offsetOf = (addr: string) => this.offsets.get(addr) ?? 0;
    const found = [...misjudged(members, offsetOf, settings.maxDriftMs), ...this.watch.misread(clients.operations)];
    for (const fault of [...unfounded(clients.operations), ...this.watch.faults, ...found]) this.faults.add(fault);
    for (const fault of unlinearizable(clients.operations, this.lost)) this.faults.add(fault);
    const { seed } = this.options;
    const { kind, acts, reports, skewed, watch } = this;
    const { events } = this.world;
    return {
      seed,
      kind,
      events,
      acts,
      operations: clients.operations,
      reports,
      skewed,
      gone: watch.gone,
      healedMs,
      faults: [...this.faults],
    };
  }
}
