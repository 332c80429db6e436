/** A node that is all replica syncer, among tables and neighbours that are played by the test. */
import * as replicaSyncer from '../../actors/replica-syncer';
import type { Tag } from '../../actors/syncer-words';
import type { Peer } from '../../src/chord/peer';
import { currentSelf, type Pid, supervisor } from '../../src/otp';
import type { SyncAnswer, SyncQuestion } from '../../src/protocol/rpc-sync';
import { type Horizons, NO_HORIZONS, withHorizon, withTaken } from '../../src/replication/horizons';
import { HybridClock } from '../../src/replication/hybrid-clock';
import type { View } from '../../src/replication/view';
import type { Views } from '../../src/replication/views';
import type { SyncJob } from '../../src/replication/views-protocol';
import type { Target } from '../../src/store/local-write';
import { inWorld, type World } from '../support/runtime';
import {
  answerOf,
  jobFor,
  MEMBER,
  recordOf,
  SOURCE,
  SOURCE_WRITER,
  STRANGER,
  tableOf,
  VIEW,
  viewsOf,
} from '../replication/replicas';

export const SETTINGS = {
  antiEntropyIntervalMs: 10_000,
  hintTtlMs: 600_000,
  syncBytesPerSecond: 1_000_000,
  tombstoneGraceMs: 3_600_000,
};

export const THREE: View = {
  ...VIEW,
  members: [SOURCE, MEMBER, STRANGER],
  voters: [SOURCE.id, MEMBER.id, STRANGER.id],
};
const RING = {
  isMember: true,
  predecessor: STRANGER,
  successors: [MEMBER, STRANGER],
  isSettled: true,
  isComplete: true,
};

export const records = (count: number, { from = 0, value = 'v', ms = 1000 } = {}) =>
  Array.from({ length: count }, (_none, n) => recordOf(from + n, { value, ms }));

export interface Asked {
  readonly to: Peer;
  readonly question: SyncQuestion;
  readonly tag: Tag;
  readonly pid: Pid;
  readonly timeoutMs: number | undefined;
}

/** A node that is all replica syncer, SOURCE; what lies around it is in the hands of the test. */
export class Stage {
  views: Views | undefined;
  target: Target | undefined;
  horizons: Horizons = NO_HORIZONS;
  refused = 0;
  readonly asks: Asked[] = [];
  /** What handoff has been told. */
  readonly told: string[] = [];
  readonly dead = new Set<string>();
  /** The tables of the members, for those who answer by themselves. */
  readonly members = new Map([MEMBER, STRANGER].map(({ addr }) => [addr, tableOf([])]));
  private readonly around: replicaSyncer.Surroundings = {
    views: () => this.views,
    store: () => this.target,
    ask: (to, question, { tag, timeoutMs }) =>
      void this.asks.push({ to, question, tag, timeoutMs, pid: currentSelf().pid }),
    horizons: () => this.horizons,
    raiseHorizon: (arc, horizonMs) => {
      this.horizons = withHorizon(this.horizons, arc, horizonMs);
    },
    takeHorizons: (arc, ofSource) => {
      this.horizons = withTaken(this.horizons, arc, ofSource);
    },
    refused: () => this.refused,
    isTrusted: ({ addr }) => !this.dead.has(addr),
    random: () => 0.5,
    handoff: {
      started: () => void this.told.push('started'),
      synced: (job, outcome) => void this.told.push(`synced ${job} ${outcome}`),
      agreed: (_arc, { n }) => void this.told.push(`agreed ${n}`),
      heardOf: ({ epoch: { n } }) => void this.told.push(`heard of ${n}`),
      unaware: ({ addr }) => void this.told.push(`unaware ${addr}`),
    },
  };

  constructor(readonly world: World) {
    this.target = { table: tableOf([]), clock: new HybridClock(SOURCE_WRITER) };
  }

  static async start(world: World, held: readonly View[], settings: Partial<typeof SETTINGS>): Promise<Stage> {
    const stage = new Stage(world);
    stage.lead(held);
    world.spawn(async (self) => {
      self.trapExit(true);
      const start = () => replicaSyncer.startLink({ settings: { ...SETTINGS, ...settings }, around: stage.around });
      const children = [{ id: 'replica-syncer', start }];
      await self.run(() => supervisor.startLink({ init: () => ({ flags: { intensity: 100 }, children }) }, undefined));
      self.serve(() => {});
    });
    await world.idle();
    return stage;
  }

  get table() {
    if (this.target === undefined) throw new Error('There is no table');
    return this.target.table;
  }

  get row() {
    const row = this.world.runtime.run(replicaSyncer.read);
    if (row === undefined) throw new Error('There is no row');
    return row;
  }

  lead(held: readonly View[]): void {
    this.views = { ...viewsOf(SOURCE, held), ring: RING };
  }

  memberTable({ addr }: Peer) {
    const table = this.members.get(addr);
    if (table === undefined) throw new Error(`${addr} is no member`);
    return table;
  }

  tell(action: () => void): Promise<void> {
    this.world.runtime.run(action);
    return this.world.idle();
  }

  /** The next question of this type, which must have come within a moment. */
  async asked<Type extends SyncQuestion['type']>(type: Type, withinMs = 2000) {
    for (let waitedMs = 0; waitedMs <= withinMs; waitedMs += 10) {
      const at = this.asks.findIndex(({ question }) => question.type === type);
      const [found] = at === -1 ? [] : this.asks.splice(at, 1);
      if (found) return found as Asked & { readonly question: Extract<SyncQuestion, { type: Type }> };
      await this.world.advance(10);
    }
    throw new Error(`Nobody was asked for ${type}`);
  }

  async answer({ pid, tag, to }: Asked, answer: SyncAnswer): Promise<void> {
    this.world.runtime.send(pid as Pid<unknown>, { type: 'rpc_answered', tag, from: to, answer, rttMs: 1 });
    await this.world.idle();
  }

  async fail({ pid, tag, to }: Asked): Promise<void> {
    this.world.runtime.send(pid as Pid<unknown>, { type: 'rpc_failed', tag, to, failure: {} });
    await this.world.idle();
  }

  /** Something keeps the whole node waiting. */
  block(ms: number): Promise<void> {
    const { clock } = this.world.scheduler;
    clock.advanceTo(clock.nowMs() + ms);
    return this.world.idle();
  }

  /** Lets the members answer from their tables until nothing has been asked for a while; gives what was. */
  async play(forMs: number): Promise<Asked[]> {
    const all: Asked[] = [];
    for (let waitedMs = 0; waitedMs <= forMs; waitedMs += 5) {
      for (let ask = this.asks.shift(); ask; ask = this.asks.shift()) {
        all.push(ask);
        const { dead } = this;
        // Members have the same view, so what SOURCE would answer from their table they answer.
        if (dead.has(ask.to.addr)) await this.fail(ask);
        else await this.answer(ask, answerOf(this.memberTable(ask.to), ask.question));
      }
      await this.world.advance(5);
    }
    return all;
  }

  kill(): void {
    const pid = this.world.runtime.whereis('replica-syncer');
    if (pid === undefined) throw new Error('There is no replica syncer');
    this.world.kill(pid);
  }
}

/** The test's process, its supervisor and the child. */
const LEAVES = 3;
export const onStage = (
  held: readonly View[],
  body: (stage: Stage) => Promise<void>,
  settings: Partial<typeof SETTINGS> = {},
) => inWorld(async (world) => body(await Stage.start(world, held, settings)), { leaves: LEAVES });
export const onSlowStage = (body: (stage: Stage) => Promise<void>) => onStage([], body, { syncBytesPerSecond: 20_000 });

/** A job that fetches everything from a member. */
export const jobOfSource = (changes: Partial<SyncJob> = {}) => jobFor({ source: MEMBER, ...changes });
