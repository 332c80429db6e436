/** The replica syncer among tables and neighbours that are played by the test. */
import * as replicaSyncer from '../../actors/replica-syncer';
import { JOBS_MAX } from '../../actors/job-desk';
import type { Tag } from '../../actors/syncer-words';
import type { Id, KeyId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import { inRange, splitRange } from '../../src/chord/range';
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
  contentsOf,
  FLOOR,
  jobFor,
  MEMBER,
  recordOf,
  SOURCE,
  SOURCE_WRITER,
  STRANGER,
  tableOf,
  VIEW,
  viewsOf,
  WHOLE,
} from '../replication/replicas';

const SETTINGS = {
  antiEntropyIntervalMs: 10_000,
  hintTtlMs: 600_000,
  syncBytesPerSecond: 1_000_000,
  tombstoneGraceMs: 3_600_000,
};

const THREE: View = { ...VIEW, members: [SOURCE, MEMBER, STRANGER], voters: [SOURCE.id, MEMBER.id, STRANGER.id] };
const RING = {
  isMember: true,
  predecessor: STRANGER,
  successors: [MEMBER, STRANGER],
  isSettled: true,
  isComplete: true,
};

const records = (count: number, { from = 0, value = 'v', ms = 1000 } = {}) =>
  Array.from({ length: count }, (_none, n) => recordOf(from + n, { value, ms }));

interface Asked {
  readonly to: Peer;
  readonly question: SyncQuestion;
  readonly tag: Tag;
  readonly pid: Pid;
  readonly timeoutMs: number | undefined;
}

/** A node that is all replica syncer, SOURCE; what lies around it is in the hands of the test. */
class Stage {
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
    for (let waitedMs = 0; waitedMs <= forMs; waitedMs += 20) {
      for (let ask = this.asks.shift(); ask; ask = this.asks.shift()) {
        all.push(ask);
        const { dead } = this;
        // Members have the same view, so what SOURCE would answer from their table they answer.
        if (dead.has(ask.to.addr)) await this.fail(ask);
        else await this.answer(ask, answerOf(this.memberTable(ask.to), ask.question));
      }
      await this.world.advance(20);
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
const onStage = (
  held: readonly View[],
  body: (stage: Stage) => Promise<void>,
  settings: Partial<typeof SETTINGS> = {},
) => inWorld(async (world) => body(await Stage.start(world, held, settings)), { leaves: LEAVES });
const onSlowStage = (body: (stage: Stage) => Promise<void>) => onStage([], body, { syncBytesPerSecond: 20_000 });

const jobOfSource = (changes: Partial<SyncJob> = {}) => jobFor({ source: MEMBER, ...changes });
const bigRecords = (count: number) => records(count, { value: 'x'.repeat(10_000) });

describe('the replica syncer, fetching', () => {
  it(
    'brings an arc here and says that it has',
    onStage([], async (stage) => {
      const theirs = stage.memberTable(MEMBER);
      for (const record of records(1000)) theirs.merge(record);
      await stage.tell(() => replicaSyncer.sync(jobOfSource()));
      const open = await stage.asked('sync_open');
      expect([open.to, open.timeoutMs]).toEqual([MEMBER, 1000]);
      await stage.answer(open, answerOf(theirs, open.question));
      const next = await stage.asked('sync_next');
      expect(next.timeoutMs).toBe(5000);
      await stage.answer(next, answerOf(theirs, next.question));
      await stage.world.advance(100);
      expect(stage.row.jobs).toEqual([
        { id: 1, arc: WHOLE, source: MEMBER.addr, purpose: 'learn', fetched: 256, total: 1000 },
      ]);
      await stage.play(100);
      expect(stage.told).toEqual(['started', 'synced 1 done']);
      expect(contentsOf(stage.table)).toEqual(contentsOf(theirs));
      expect(stage.row.jobs).toEqual([]);
      expect(stage.row.bytesSent).toBeGreaterThan(100);
    }),
  );

  it(
    'knows afterwards what its source knew of what may be forgotten, and counts what was too old to stay',
    onStage([], async (stage) => {
      const theirs = stage.memberTable(MEMBER);
      const arc = { lo: WHOLE.lo, hi: '8'.padEnd(40, '0') as Id };
      const old = records(8).map((_record, n) => recordOf(n, { value: 'v', ms: 999, ev: true }));
      const within = old.filter(({ keyId }) => inRange(keyId, arc));
      expect(within.length).toBeGreaterThan(0);
      for (const record of old) stage.table.merge(record);
      const fetch = async (horizonMs: number, outcome: 'done' | 'stale') => {
        await stage.tell(() => replicaSyncer.sync(jobOfSource({ id: horizonMs, mode: 'adopt', floor: FLOOR })));
        const open = await stage.asked('sync_open');
        const opened = { ...answerOf(theirs, open.question), horizons: [{ arc, horizonMs }] } as SyncAnswer;
        await stage.answer(open, opened);
        if (outcome === 'stale') await stage.answer(await stage.asked('sync_next'), { type: 'stale' });
        await stage.play(200);
        expect(stage.told.at(-1)).toBe(`synced ${horizonMs} ${outcome}`);
      };
      await fetch(SETTINGS.tombstoneGraceMs + 500, 'stale');
      expect([stage.horizons, stage.table.stats().keys]).toEqual([[], 8]);
      await fetch(SETTINGS.tombstoneGraceMs + 1000, 'done');
      expect(stage.horizons).toEqual([{ arc, horizonMs: SETTINGS.tombstoneGraceMs + 1000 }]);
      expect(stage.table.stats().keys).toBe(8 - within.length);
      stage.refused = 3;
      await stage.world.advance(100);
      expect(stage.row.forgottenDropped).toBe(within.length + 3);
    }),
  );

  it(
    'fetches two arcs at a time, what has to be saved before everything else, and each only once',
    onStage([], async (stage) => {
      const arcs = splitRange(WHOLE, 5);
      const jobs = arcs.map((arc, n) => jobOfSource({ arc, id: n + 1, purpose: n === 4 ? 'rescue' : 'learn' }));
      for (const job of jobs) await stage.tell(() => replicaSyncer.sync(job));
      await stage.tell(() => jobs.forEach((job) => replicaSyncer.sync(job)));
      expect(stage.asks).toHaveLength(JOBS_MAX);
      await stage.world.advance(100);
      expect(stage.row.jobs.map(({ id }) => id)).toEqual([1, 2, 5, 3, 4]);
      // The same again under another number takes its place.
      const [, second] = jobs;
      if (second) await stage.tell(() => replicaSyncer.sync({ ...second, id: 9 }));
      await stage.tell(() => replicaSyncer.cancel(3));
      await stage.play(200);
      expect(stage.told.toSorted()).toEqual(['started', ...[1, 4, 5, 9].map((id) => `synced ${id} done`)].toSorted());
    }),
  );

  it(
    'lets others go on while a source has no time for it, and a rescue at once',
    onStage([], async (stage) => {
      const arcs = splitRange(WHOLE, 4);
      const jobs = arcs.map((arc, n) => jobOfSource({ arc, id: n + 1, purpose: n === 3 ? 'rescue' : 'learn' }));
      for (const job of jobs.slice(0, 2)) {
        await stage.tell(() => replicaSyncer.sync(job));
        await stage.answer(await stage.asked('sync_open'), { type: 'busy' });
      }
      for (const job of jobs.slice(2)) await stage.tell(() => replicaSyncer.sync(job));
      const asked = stage.asks.map(({ question }) => arcs.indexOf(question.arc) + 1);
      expect(asked).toEqual([3, 4]);
      await stage.play(500);
      expect(stage.told.toSorted()).toEqual(['started', ...[1, 2, 3, 4].map((id) => `synced ${id} done`)].toSorted());
    }),
  );

  it(
    'fetches no faster than it may',
    onStage([], async (stage) => {
      const theirs = stage.memberTable(MEMBER);
      for (const record of bigRecords(500)) theirs.merge(record);
      await stage.tell(() => replicaSyncer.sync(jobOfSource()));
      await stage.play(1900);
      // A million bytes a second, of which the first may come at once, and a chunk more.
      const heldAfterTwoSeconds = stage.table.stats().bytes;
      expect(heldAfterTwoSeconds).toBeGreaterThan(2_000_000);
      expect(heldAfterTwoSeconds).toBeLessThan(3_500_000);
      await stage.play(4000);
      expect(stage.told).toContain('synced 1 done');
    }),
  );

  it(
    'fetches half as fast while the node has more to do than it gets done',
    onStage([], async (stage) => {
      const theirs = stage.memberTable(MEMBER);
      for (const record of bigRecords(600)) theirs.merge(record);
      await stage.tell(() => replicaSyncer.sync(jobOfSource()));
      await stage.block(200);
      for (let seconds = 0; seconds < 4; seconds += 1) {
        await stage.play(700);
        await stage.block(300);
      }
      // Half a million at once and as much in each second, and a chunk more.
      const { bytes } = stage.table.stats();
      expect(bytes).toBeGreaterThan(2_000_000);
      expect(bytes).toBeLessThan(3_300_000);
      await stage.play(2000);
      const before = stage.table.stats().bytes;
      await stage.play(1000);
      expect(stage.table.stats().bytes - before).toBeGreaterThan(700_000);
      await stage.play(4000);
      expect(stage.told).toContain('synced 1 done');
    }),
  );

  it(
    'fetches little at a time where the rate is low, and waits for what takes long even so',
    onSlowStage(async (stage) => {
      const theirs = stage.memberTable(MEMBER);
      for (const record of records(100, { value: 'x'.repeat(900) })) theirs.merge(record);
      for (const record of records(2, { from: 100, value: 'x'.repeat(300_000) })) theirs.merge(record);
      await stage.tell(() => replicaSyncer.sync(jobOfSource()));
      const asks = await stage.play(60_000);
      const portions = asks.flatMap(({ question }) => (question.type === 'sync_next' ? [question.bytesMax] : []));
      expect([portions.length > 10, new Set(portions)]).toEqual([true, new Set([10_000])]);
      expect([stage.told.at(-1), contentsOf(stage.table)]).toEqual(['synced 1 done', contentsOf(theirs)]);
    }),
  );

  it(
    'waits while the table is being restarted, and gives up a source that is dead or has another view',
    onStage([], async (stage) => {
      const { target } = stage;
      stage.target = undefined;
      await stage.tell(() => replicaSyncer.sync(jobOfSource()));
      await stage.world.advance(1000);
      expect(stage.asks).toEqual([]);
      stage.target = target;
      const open = await stage.asked('sync_open');
      await stage.fail(open);
      expect(stage.told).toEqual(['started']);
      await stage.answer(await stage.asked('sync_open'), { type: 'stale', view: VIEW });
      expect(stage.told).toEqual(['started', 'synced 1 stale']);
      await stage.tell(() => replicaSyncer.sync(jobOfSource({ id: 2 })));
      stage.dead.add(MEMBER.addr);
      await stage.fail(await stage.asked('sync_open'));
      expect(stage.told.at(-1)).toBe('synced 2 failed');
    }),
  );

  it(
    'hears nothing more of a job that was cancelled',
    onStage([], async (stage) => {
      await stage.tell(() => replicaSyncer.sync(jobOfSource()));
      const open = await stage.asked('sync_open');
      await stage.tell(() => replicaSyncer.cancel(1));
      await stage.answer(open, answerOf(tableOf(records(5)), open.question));
      await stage.world.advance(20_000);
      expect([stage.asks, stage.told]).toEqual([[], ['started']]);
    }),
  );

  it(
    'says after a crash that it has nothing to do, and then does what it is told',
    onStage([], async (stage) => {
      await stage.tell(() => replicaSyncer.sync(jobOfSource()));
      const lost = await stage.asked('sync_open');
      stage.kill();
      await stage.world.idle();
      expect(stage.told).toEqual(['started', 'started']);
      await stage.answer(lost, answerOf(tableOf([]), lost.question));
      expect(stage.row.jobs).toEqual([]);
      await stage.tell(() => replicaSyncer.sync(jobOfSource()));
      await stage.play(100);
      expect(stage.told.at(-1)).toBe('synced 1 done');
    }),
  );
});

describe('the replica syncer, comparing', () => {
  it(
    'finds that all agree: tells handoff, raises the horizon, and asks little',
    onStage([THREE], async (stage) => {
      const common = records(300);
      for (const table of [stage.table, stage.memberTable(MEMBER), stage.memberTable(STRANGER)]) {
        for (const record of common) table.merge(record);
      }
      const begunMs = stage.world.runtime.clock.systemMs();
      const first = await stage.play(1000);
      expect(first.map(({ to }) => to.addr).toSorted()).toEqual(
        [MEMBER, MEMBER, STRANGER, STRANGER].map(({ addr }) => addr).toSorted(),
      );
      expect(stage.told).toEqual(['started', 'agreed 7']);
      expect(stage.horizons).toEqual([{ arc: WHOLE, horizonMs: expect.any(Number) }]);
      expect(stage.horizons[0]?.horizonMs).toBeGreaterThanOrEqual(begunMs);
      expect(stage.row.members.map(({ agreedAtMs, differences }) => [typeof agreedAtMs, differences])).toEqual([
        ['number', 0],
        ['number', 0],
      ]);
      const sent = stage.row.bytesSent;
      const later = await stage.play(20_000);
      expect(later.map(({ question }) => question.type)).toEqual(['ranges', 'ranges', 'ranges', 'ranges']);
      expect((stage.row.bytesSent - sent) / later.length).toBeLessThanOrEqual(150);
    }),
  );

  it(
    'raises no horizon by a comparison that ends under another view: whoever is new there has not been told of it',
    onStage([THREE], async (stage) => {
      const equal: SyncAnswer = { type: 'compared', ranges: [undefined] };
      await stage.answer(await stage.asked('ranges'), equal);
      const last = await stage.asked('ranges');
      stage.lead([{ ...THREE, epoch: { n: 8, by: SOURCE.inc }, voters: [SOURCE.id, MEMBER.id] }]);
      await stage.answer(last, equal);
      expect(stage.horizons).toEqual([]);
    }),
  );

  it(
    'mends what differs on either side, and with the others what came from one',
    onStage([THREE], async (stage) => {
      for (const record of records(300)) stage.table.merge(record);
      for (const record of [...records(280), ...records(5, { from: 500 })]) stage.memberTable(MEMBER).merge(record);
      await stage.play(5000);
      const expected = contentsOf(tableOf([...records(300), ...records(5, { from: 500 })]));
      for (const table of [stage.table, stage.memberTable(MEMBER), stage.memberTable(STRANGER)]) {
        expect(contentsOf(table)).toEqual(expected);
      }
      expect(stage.told.at(-1)).toBe('agreed 7');
      const repaired = new Map(stage.row.members.map((member) => [member.addr, member.repaired]));
      expect(repaired.get(MEMBER.addr)).toBe(25);
      expect(repaired.get(STRANGER.addr)).toBe(305);
    }),
  );

  it(
    'mends no more than two thousand records a second, and fewer while the node has more to do than it gets done',
    onStage([THREE], async (stage) => {
      stage.dead.add(STRANGER.addr);
      for (const record of records(9000)) stage.table.merge(record);
      const mended = () => stage.memberTable(MEMBER).stats().keys;
      await stage.play(1000);
      expect(mended()).toBeGreaterThan(3000);
      expect(mended()).toBeLessThanOrEqual(4000 + 256);
      await stage.block(200);
      const before = mended();
      await stage.play(900);
      await stage.block(200);
      await stage.play(900);
      expect(mended() - before).toBeGreaterThan(1200);
      expect(mended() - before).toBeLessThanOrEqual(2200 + 256);
      await stage.play(4000);
      expect(mended()).toBe(9000);
    }),
  );

  it(
    'does not compare again what agrees while the node has more to do than it gets done, unless it is asked to',
    onStage([THREE], async (stage) => {
      await stage.play(3000);
      for (let beats = 0; beats < 40; beats += 1) {
        await stage.block(300);
        expect(await stage.play(300)).toEqual([]);
      }
      const repaired = stage.world.outside(() => Promise.resolve(stage.world.run(() => replicaSyncer.repair())));
      const asked = await stage.play(100);
      expect(asked.map(({ to }) => to.addr).toSorted()).toEqual([MEMBER.addr, STRANGER.addr].toSorted());
      await repaired.catch(() => {});
      expect((await stage.play(12_000)).length).toBeGreaterThan(0);
    }),
  );

  it(
    'compares everything when it is asked to, and answers when that has ended',
    onStage([THREE], async (stage) => {
      await stage.play(2000);
      for (const record of records(7)) stage.table.merge(record);
      stage.dead.add(STRANGER.addr);
      const [outcome] = await Promise.all([
        stage.world
          .outside(() => Promise.resolve(stage.world.run(() => replicaSyncer.repair(), { advanceMs: 0 })))
          .catch(() => undefined),
        stage.play(100),
      ]);
      expect(outcome).toEqual({ compared: 2, differences: 7, repaired: 7, failed: 1 });
      expect(stage.memberTable(MEMBER).stats().keys).toBe(7);
    }),
  );

  it(
    'answers at once where there is nothing to compare',
    onStage([], async (stage) => {
      const outcome = await stage.world.run(() => replicaSyncer.repair());
      expect(outcome).toEqual({ compared: 0, differences: 0, repaired: 0, failed: 0 });
    }),
  );

  it(
    'tells handoff of a view that a member knows, and of a member that has missed this one',
    onStage([VIEW], async (stage) => {
      const newer = { ...VIEW, epoch: { n: 9, by: 1n } };
      await stage.answer(await stage.asked('ranges'), { type: 'stale', view: newer });
      await stage.answer(await stage.asked('ranges'), { type: 'stale' });
      await stage.answer(await stage.asked('ranges'), { type: 'stale', view: { ...VIEW, epoch: { n: 1, by: 1n } } });
      await stage.answer(await stage.asked('ranges', 6000), { type: 'stale', view: VIEW });
      expect(stage.told).toEqual(['started', 'heard of 9', `unaware ${MEMBER.addr}`, `unaware ${MEMBER.addr}`]);
    }),
  );

  it(
    'compares what it leads anew, and no more what it leads no more',
    onStage([VIEW], async (stage) => {
      const old = await stage.asked('ranges');
      stage.lead([]);
      await stage.tell(() => replicaSyncer.viewsChanged());
      await stage.answer(old, { type: 'stale' });
      await stage.world.advance(20_000);
      expect([stage.asks, stage.told]).toEqual([[], ['started']]);
      stage.lead([{ ...VIEW, epoch: { n: 8, by: 5n } }]);
      await stage.tell(() => replicaSyncer.viewsChanged());
      expect((await stage.asked('ranges', 0)).question.epoch.n).toBe(8);
    }),
  );

  it(
    'waits for no answer that has got lost in this node',
    onStage([VIEW], async (stage) => {
      const job = jobOfSource();
      await stage.tell(() => replicaSyncer.sync(job));
      await stage.asked('sync_open');
      await stage.asked('ranges');
      await stage.asked('ranges', 12_000);
      expect(stage.told).toContain(`synced ${job.id} failed`);
    }),
  );

  it(
    'compares again soon after a crash',
    onStage([VIEW], async (stage) => {
      await stage.play(2000);
      stage.kill();
      await stage.world.idle();
      expect((await stage.play(300)).length).toBeGreaterThan(0);
    }),
  );
});

describe('the replica syncer, with hints', () => {
  const missed = records(20, { from: 100, value: 'missed' });

  it(
    'tells a member what it has missed as soon as it is there again: the record of that moment',
    onStage([VIEW], async (stage) => {
      await stage.play(2000);
      stage.dead.add(MEMBER.addr);
      for (const record of missed) {
        stage.table.merge(record);
        await stage.tell(() => replicaSyncer.hint(MEMBER, record.keyId));
      }
      await stage.world.advance(200);
      expect([stage.row.hintsPending, stage.asks]).toEqual([20, []]);
      stage.table.merge(recordOf(100, { value: 'newer', ms: 3000 }));
      stage.dead.clear();
      await stage.tell(() => replicaSyncer.heardOf(MEMBER));
      const push = await stage.asked('push', 0);
      expect(push.question.records).toHaveLength(20);
      await stage.answer(push, answerOf(stage.memberTable(MEMBER), push.question));
      await stage.world.advance(100);
      expect(stage.row).toMatchObject({ hintsPending: 0, hintsReplayed: 20, hintsDropped: 0 });
      expect(stage.memberTable(MEMBER).get(missed[0]?.key as never)?.version.ms).toBe(3000);
    }),
  );

  it(
    'tells it again what it has not taken, and that the arc has another view',
    onStage([VIEW], async (stage) => {
      await stage.play(2000);
      for (const record of missed) stage.table.merge(record);
      await stage.tell(() => replicaSyncer.hint(MEMBER, missed[0]?.keyId as KeyId));
      await stage.fail(await stage.asked('push', 200));
      const again = await stage.asked('push', 1500);
      await stage.answer(again, { type: 'stale', view: { ...VIEW, epoch: { n: 9, by: 1n } } });
      expect(stage.told.at(-1)).toBe('heard of 9');
      await stage.answer(await stage.asked('push', 1500), { type: 'pushed' });
      await stage.world.advance(100);
      expect(stage.row.hintsPending).toBe(0);
    }),
  );

  it(
    'forgets what is of no use: for another incarnation, for nobody of the view, of no record',
    onStage([VIEW], async (stage) => {
      await stage.play(2000);
      stage.dead.add(MEMBER.addr);
      const [first] = missed;
      if (first === undefined) return;
      await stage.tell(() => replicaSyncer.hint(MEMBER, first.keyId));
      await stage.tell(() => replicaSyncer.heardOf({ ...MEMBER, inc: MEMBER.inc + 1n }));
      await stage.world.advance(200);
      expect(stage.row).toMatchObject({ hintsPending: 0, hintsDropped: 1 });
      stage.table.merge(first);
      await stage.tell(() => replicaSyncer.hint(STRANGER, first.keyId));
      stage.dead.clear();
      await stage.tell(() => replicaSyncer.hint(MEMBER, recordOf(999, {}).keyId));
      await stage.world.advance(200);
      expect(stage.row.hintsPending).toBe(0);
      expect(stage.asks.filter(({ question }) => question.type === 'push')).toEqual([]);
    }),
  );

  it(
    'gives hints up after a while, and compares at once instead',
    onStage([VIEW], async (stage) => {
      await stage.play(SETTINGS.hintTtlMs % SETTINGS.antiEntropyIntervalMs);
      stage.dead.add(MEMBER.addr);
      await stage.tell(() => replicaSyncer.hint(MEMBER, recordOf(1, {}).keyId));
      const asked: number[] = [];
      const begunMs = stage.world.runtime.clock.nowMs();
      for (let waitedMs = 0; waitedMs <= SETTINGS.hintTtlMs + 200; waitedMs += 100) {
        for (const ask of stage.asks.splice(0)) {
          asked.push(stage.world.runtime.clock.nowMs() - begunMs);
          await stage.answer(ask, { type: 'compared', ranges: [undefined] });
        }
        await stage.world.advance(100);
      }
      expect(stage.row).toMatchObject({ hintsPending: 0, hintsDropped: 1 });
      expect((asked.at(-1) ?? 0) - SETTINGS.hintTtlMs).toBeGreaterThanOrEqual(-100);
      expect((asked.at(-1) ?? 0) - (asked.at(-2) ?? 0)).toBeLessThan(SETTINGS.antiEntropyIntervalMs);
    }),
  );
});
