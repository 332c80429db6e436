/** Handoff between a table of its own and neighbours that are played by the test. What it decides is tested with src/replication. */
import * as handoff from '../../actors/handoff';
import * as handoffProcess from '../../actors/handoff-process';
import * as kvStore from '../../actors/kv-store';
import type { RpcReply } from '../../actors/rpc-reply';
import * as tableHeir from '../../actors/table-heir';
import { type Id, keyId, nodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import { inRange } from '../../src/chord/range';
import { fromUtf8 } from '../../src/octets';
import { currentSelf, genServer, nameOf, type Pid, supervisor } from '../../src/otp';
import type { SyncQuestion } from '../../src/protocol/rpc-sync';
import type { RpcAnswer } from '../../src/protocol/rpc-messages';
import type { ViewQuestion } from '../../src/protocol/rpc-views';
import type { RingView } from '../../src/replication/ring-view';
import { versionOf, Writers, writerId } from '../../src/replication/version';
import type { View } from '../../src/replication/view';
import { holdsWholeRing, standingOf } from '../../src/replication/views';
import { DROP_SLICE, type SyncJob, type ViewsQuestion } from '../../src/replication/views-protocol';
import { putLocally } from '../../src/store/local-write';
import { testSettings } from '../support/node';
import { recordOf } from '../replication/replicas';
import { inWorld, type World } from '../support/runtime';

const peer = (port: number): Peer => ({
  id: nodeId('127.0.0.1', port),
  addr: `127.0.0.1:${port}`,
  inc: BigInt(100 + port),
});

// In ring order: 045c, 09c8, 0d1e, 2373, 6ce5, 7fc5.
const [BEFORE, SELF, AFTER] = [peer(3), peer(5), peer(6)];

const ALONE: RingView = { isMember: true, predecessor: SELF, successors: [SELF], isSettled: true, isComplete: true };
const BETWEEN: RingView = { ...ALONE, predecessor: BEFORE, successors: [AFTER, BEFORE] };
const OUTSIDE: RingView = { ...ALONE, isMember: false };

const RING = { lo: SELF.id as Id, hi: SELF.id as Id };
const ARC = { lo: BEFORE.id, hi: SELF.id };
const WRITERS = new Writers();
const OTHER_WRITER = WRITERS.intern(writerId(AFTER.id, 1n));
const KEY = fromUtf8('k');

/** A view that another node leads, of which this one is a member. */
const THEIRS: View = {
  epoch: { n: 50, by: AFTER.inc },
  arc: ARC,
  members: [SELF, AFTER],
  primary: AFTER.id,
  voters: [AFTER.id],
  syncs: 1,
  floor: versionOf(1, 0, OTHER_WRITER),
};

const SEAL = {
  type: 'seal',
  epoch: { n: 1000, by: AFTER.inc },
  arc: ARC,
  members: [SELF, AFTER],
  since: { n: 0, by: 0n },
} as const;

interface Asked {
  readonly to: Peer;
  readonly question: ViewQuestion | SyncQuestion;
  readonly tag: handoffProcess.Tag;
  readonly pid: Pid;
}

/** A node that is all handoff; what lies around it is in the hands of the test. */
class Stage {
  view: RingView;
  readonly asks: Asked[] = [];
  readonly jobs: SyncJob[] = [];
  readonly cancelled: number[] = [];
  readonly life: { state: 'joining' | 'active'; hasHadViews?: boolean } = { state: 'joining' };
  /** Whether the key-value table can be seen. */
  hasStore = true;
  private readonly replies: RpcReply[] = [];
  private readonly clerk: Pid<RpcReply>;

  constructor(
    readonly world: World,
    view: RingView,
  ) {
    this.view = view;
    this.clerk = world.spawn<RpcReply>((self) => self.serve((message) => void this.replies.push(message as RpcReply)));
  }

  static async start(world: World, view: RingView): Promise<Stage> {
    const stage = new Stage(world, view);
    const around: handoffProcess.Surroundings = {
      ring: () => stage.view,
      store: () => (stage.hasStore ? kvStore.open() : undefined),
      horizons: kvStore.horizons,
      beginAnew: kvStore.beginAnew,
      ask: (to, question, { tag }) => void stage.asks.push({ to, question, tag, pid: currentSelf().pid }),
      sync: (job) => void stage.jobs.push(job),
      cancelSync: (job) => void stage.cancelled.push(job),
      random: () => 0.5,
    };
    const store = { self: SELF, settings: testSettings(), writers: WRITERS, life: { state: 'joining' as const } };
    world.spawn(async (self) => {
      self.trapExit(true);
      const children = [
        { id: 'table-heir', start: () => tableHeir.startLink() },
        { id: 'kv-store', start: () => kvStore.startLink(store) },
        { id: 'handoff', start: () => handoffProcess.startLink({ self: SELF, replicas: 3, life: stage.life, around }) },
      ];
      await self.run(() => supervisor.startLink({ init: () => ({ flags: { intensity: 100 }, children }) }, undefined));
      self.serve(() => {});
    });
    await world.idle();
    return stage;
  }

  get views() {
    const row = this.world.runtime.run(handoff.read);
    if (row === undefined) throw new Error('There is no row');
    return row.views;
  }

  get target() {
    const target = this.world.runtime.run(kvStore.open);
    if (target === undefined) throw new Error('There is no table');
    return target;
  }

  get standing() {
    return standingOf(this.views, keyId(KEY)).type;
  }

  put(): void {
    putLocally(this.target, { key: KEY, value: fromUtf8('v'), expireAtMs: undefined, ev: false }, this.nowMs());
  }

  nowMs(): number {
    return this.world.runtime.clock.systemMs();
  }

  async tell(message: handoff.Cast): Promise<void> {
    this.world.runtime.run(() => genServer.cast(handoff.NAME, message));
    await this.world.idle();
  }

  /** The pointers change. */
  async turn(view: RingView): Promise<void> {
    this.view = view;
    await this.tell({ type: 'ring_changed' });
    await this.world.advance(100);
  }

  async create(): Promise<void> {
    this.view = ALONE;
    await this.world.outside(handoff.create);
  }

  async answer({ pid, tag, to }: Asked, answer: RpcAnswer): Promise<void> {
    this.world.runtime.send(pid as Pid<unknown>, { type: 'rpc_answered', tag, from: to, answer, rttMs: 1 });
    await this.world.idle();
  }

  async fail(asked: Asked): Promise<void> {
    const failure = { isRefused: true };
    this.world.runtime.send(asked.pid as Pid<unknown>, { type: 'rpc_failed', tag: asked.tag, to: asked.to, failure });
    await this.world.idle();
  }

  /** Another node asks; what it is answered at once, if anything. */
  async ask(from: Peer, question: ViewsQuestion): Promise<RpcAnswer | undefined> {
    const replyTo = { pid: this.clerk, correlationId: 1, from };
    this.world.runtime.send(nameOf('handoff'), { type: 'rpc_asked', question, replyTo } as never);
    await this.world.idle();
    const reply = this.replies.pop();
    return reply && 'answer' in reply ? reply.answer : undefined;
  }

  kill(name: string): void {
    const pid = this.world.runtime.whereis(name);
    if (pid === undefined) throw new Error(`Nobody is ${name}`);
    this.world.kill(pid);
  }
}

/** The test's supervisor, its child and three below, and the clerk. */
const LEAVES = 6;
const onStage = (view: RingView, body: (stage: Stage) => Promise<void>) =>
  inWorld(async (world) => body(await Stage.start(world, view)), { leaves: LEAVES });

describe('handoff', () => {
  it(
    'keeps the whole ring once it has made one, and nothing before',
    onStage(OUTSIDE, async (stage) => {
      await stage.turn(ALONE);
      expect(stage.standing).toBe('elsewhere');
      await stage.create();
      expect(holdsWholeRing(stage.views)).toBe(true);
      expect(stage.standing).toBe('primary');
      expect(stage.asks).toEqual([]);
    }),
  );

  it(
    'publishes a promise before it tells anybody, with its clock, and keeps it',
    onStage(ALONE, async (stage) => {
      await stage.create();
      stage.put();
      const epoch = { n: 1000, by: AFTER.inc };
      const since = { n: 0, by: 0n };
      const seal = { type: 'seal', epoch, arc: RING, members: [SELF, AFTER], since } as const;
      const answer = await stage.ask(AFTER, seal);
      expect(answer).toMatchObject({ type: 'sealed', pieces: [{ role: 'voter', view: { primary: SELF.id } }] });
      expect(answer?.type === 'sealed' && answer.clock).toEqual(stage.target.clock.latest);
      expect(stage.standing).toBe('changing');
      stage.kill('handoff');
      await stage.world.idle();
      const older = { ...seal, epoch: { n: 999, by: BEFORE.inc } };
      expect(await stage.ask(BEFORE, older)).toMatchObject({ type: 'nack', promised: epoch });
    }),
  );

  it(
    'has fetched what it is to keep, again when the syncer has begun anew, and votes once all has come',
    onStage(BETWEEN, async (stage) => {
      await stage.ask(AFTER, { type: 'view_new', view: THEIRS });
      await stage.world.advance(1000);
      const job = stage.jobs.at(-1);
      expect(job).toMatchObject({ source: AFTER, mode: 'adopt', purpose: 'learn', epoch: THEIRS.epoch });
      const before = stage.jobs.length;
      await stage.tell({ type: 'syncer_started' });
      expect(stage.jobs.slice(before)).toEqual([job]);
      await stage.tell({ type: 'synced', job: job?.id ?? 0, outcome: 'done' });
      await stage.tell({ type: 'syncer_started' });
      expect(stage.jobs.length).toBe(before + 1);
      await stage.world.advance(200);
      expect(stage.asks.map(({ to, question }) => [to, question.type])).toContainEqual([AFTER, 'view_voter']);
    }),
  );

  it(
    'tells whoever begins to fetch an arc what there is, and up to when it is equal everywhere',
    onStage(ALONE, async (stage) => {
      await stage.create();
      stage.put();
      const [view] = stage.views.holdings.map((holding) => holding.view);
      if (view === undefined) throw new Error('There is no view');
      await stage.turn({ ...ALONE, predecessor: AFTER, successors: [AFTER] });
      await stage.world.advance(1000);
      const invite = stage.asks.find(({ question }) => question.type === 'invite')?.question;
      if (invite?.type !== 'invite') throw new Error('Nobody was invited');
      stage.world.runtime.run(() => kvStore.raiseHorizon(RING, 77_000, 77_000));
      const { arc, epoch } = invite;
      const answer = await stage.ask(AFTER, { type: 'sync_open', arc, epoch, purpose: 'listen' });
      const { table } = stage.target;
      expect(answer).toMatchObject({
        type: 'opened',
        horizons: [{ arc, horizonMs: 77_000 }],
        digest: table.digest(arc),
      });
    }),
  );

  it(
    'answers nobody and forgets nothing while the key-value table cannot be seen',
    onStage(OUTSIDE, async (stage) => {
      stage.hasStore = false;
      expect(await stage.ask(AFTER, { type: 'view_get', arc: RING })).toBeUndefined();
      stage.view = ALONE;
      await stage.world.outside(handoff.create);
      expect(stage.standing).toBe('elsewhere');
      stage.hasStore = true;
      await stage.world.advance(200);
      expect(holdsWholeRing(stage.views)).toBe(true);
      expect(await stage.ask(AFTER, { type: 'view_get', arc: RING })).toMatchObject({ type: 'views' });
    }),
  );

  it(
    'ends when the key-value table was lost on which others count, and not when it was kept',
    inWorld(
      async (world) => {
        const stage = await Stage.start(world, BETWEEN);
        await stage.ask(AFTER, { type: 'view_new', view: { ...THEIRS, epoch: { n: 51, by: AFTER.inc } } });
        const roles = () => stage.views.holdings.map(({ role }) => role);
        const before = roles();
        expect(before).toContain('learner');
        stage.kill('kv-store');
        await world.advance(300);
        expect(roles()).toEqual(before);
        stage.kill('table-heir');
        stage.kill('kv-store');
        await world.advance(1000);
        expect(world.runtime.whereis(handoff.NAME)).toBeUndefined();
      },
      // The test's supervisor has given up; who waits for it and the clerk are left.
      { leaves: 2 },
    ),
  );

  it(
    'goes on with an empty key-value table where nobody else counts on it',
    onStage(ALONE, async (stage) => {
      await stage.create();
      stage.kill('table-heir');
      stage.kill('kv-store');
      await stage.world.advance(500);
      expect(holdsWholeRing(stage.views)).toBe(true);
      const lost = stage.world.reportsOf('event').filter(({ event }) => event === 'possible_loss');
      expect(lost).toHaveLength(1);
    }),
  );

  it(
    'begins again after a crash and keeps what it has adopted',
    onStage(ALONE, async (stage) => {
      await stage.create();
      const { epoch } = stage.views.holdings[0]?.view ?? {};
      stage.kill('handoff');
      await stage.world.idle();
      expect(holdsWholeRing(stage.views)).toBe(true);
      expect(stage.views.holdings[0]?.view?.epoch).toEqual(epoch);
    }),
  );

  it(
    'does not begin anew, as if it had promised nothing, when its table was lost',
    inWorld(
      async (world) => {
        const stage = await Stage.start(world, ALONE);
        await stage.create();
        stage.life.state = 'active';
        stage.kill('table-heir');
        stage.kill('handoff');
        await world.advance(1000);
        expect(world.runtime.whereis(handoff.NAME)).toBeUndefined();
      },
      // The test's supervisor has given up; who waits for it and the clerk are left.
      { leaves: 2 },
    ),
  );

  it.each<[string, (stage: Stage) => Promise<unknown>]>([
    ['has promised something', (stage) => stage.ask(AFTER, SEAL)],
    ['is a member', (stage) => stage.ask(AFTER, { type: 'view_new', view: THEIRS })],
  ])('does not begin anew before the node is ready either, once it %s', (_what, happens) =>
    inWorld(
      async (world) => {
        const stage = await Stage.start(world, BETWEEN);
        await happens(stage);
        stage.kill('table-heir');
        stage.kill('handoff');
        await world.advance(1000);
        expect(world.runtime.whereis(handoff.NAME)).toBeUndefined();
      },
      { leaves: 2 },
    )(),
  );

  it(
    'begins anew where nothing was lost with its table',
    onStage(OUTSIDE, async (stage) => {
      await stage.ask(AFTER, { type: 'view_get', arc: RING });
      stage.kill('table-heir');
      stage.kill('handoff');
      await stage.world.advance(1000);
      expect(stage.views.holdings).toEqual([]);
    }),
  );

  it(
    'says at once that there is nobody to hand over to, or nothing',
    onStage(ALONE, async (stage) => {
      await stage.create();
      stage.put();
      expect(await stage.world.run(() => handoff.leave(), { advanceMs: 500 })).toEqual({
        outcome: 'alone',
        recordsLeft: 1,
      });
    }),
  );

  it(
    'gives up a ring of its own for another, and makes it anew when nothing came of that',
    onStage(ALONE, async (stage) => {
      await stage.create();
      await stage.world.outside(() => handoff.moveOut(1000));
      expect(stage.standing).not.toBe('primary');
      await stage.world.outside(() => handoff.moveOut(0));
      await stage.world.advance(200);
      expect(stage.standing).toBe('primary');
    }),
  );

  it(
    'compares what was written in eventual mode with the primary before it drops what it need not keep',
    onStage(BETWEEN, async (stage) => {
      await stage.ask(AFTER, { type: 'view_new', view: THEIRS });
      const ends = {
        ...THEIRS,
        epoch: { n: 51, by: AFTER.inc },
        members: [AFTER, BEFORE],
        voters: [AFTER.id, BEFORE.id],
      };
      await stage.ask(AFTER, { type: 'view_new', view: ends });
      const { target } = stage;
      // Some key of the arc that is kept no longer.
      const key = Array.from({ length: 1000 }, (_none, n) => fromUtf8(`k${n}`)).find((text) =>
        inRange(keyId(text), ARC),
      );
      if (key === undefined) throw new Error('There is none');
      putLocally(target, { key, value: fromUtf8('v'), expireAtMs: undefined, ev: true }, stage.nowMs());
      await stage.world.advance(31_000);
      const asked = (type: string) => {
        const found = stage.asks.findLast(({ question }) => question.type === type);
        if (found === undefined) throw new Error(`Nobody was asked ${type}`);
        return found;
      };
      await stage.answer(asked('clean_up'), { type: 'clean' });
      expect([asked('ranges').to, target.table.stats().keys]).toEqual([AFTER, 1]);
      await stage.fail(asked('ranges'));
      expect(target.table.stats().keys).toBe(1);
      await stage.world.advance(2500);
      await stage.answer(asked('clean_up'), { type: 'clean' });
      await stage.answer(asked('ranges'), { type: 'compared', ranges: [undefined] });
      expect([target.table.stats().keys, stage.views.surplus]).toEqual([0, []]);
    }),
  );

  it(
    'drops what it need not keep a slice at a time, with turns for others between, and no more once it is to keep it again',
    onStage(BETWEEN, async (stage) => {
      const { table } = stage.target;
      await stage.ask(AFTER, { type: 'view_new', view: THEIRS });
      const others = { members: [AFTER, BEFORE], voters: [AFTER.id, BEFORE.id] };
      await stage.ask(AFTER, { type: 'view_new', view: { ...THEIRS, epoch: { n: 51, by: AFTER.inc }, ...others } });
      const within = Array.from({ length: 40 * DROP_SLICE }, (_none, n) => recordOf(n, { value: 'v' })).filter(
        ({ keyId: id }) => inRange(id, ARC),
      );
      for (const record of within.slice(0, 3 * DROP_SLICE + 1)) table.merge(record);
      await stage.world.advance(31_000);
      const asked = stage.asks.findLast(({ question }) => question.type === 'clean_up');
      if (asked === undefined) throw new Error('Nobody was asked');
      await stage.answer(asked, { type: 'clean' });
      expect(table.stats().keys).toBe(2 * DROP_SLICE + 1);
      await stage.world.advance(5);
      expect(table.stats().keys).toBe(DROP_SLICE + 1);
      await stage.ask(AFTER, { type: 'view_new', view: { ...THEIRS, epoch: { n: 52, by: AFTER.inc } } });
      await stage.world.advance(60_000);
      expect(table.stats().keys).toBe(DROP_SLICE + 1);
    }),
  );

  it(
    'beats',
    onStage(ALONE, async (stage) => {
      const beat = () => stage.world.runtime.run(handoff.read)?.beatMs ?? 0;
      const before = beat();
      await stage.world.advance(1000);
      expect(beat() - before).toBeGreaterThanOrEqual(900);
    }),
  );

  it(
    'invites whoever comes before it and is not yet a member',
    onStage(ALONE, async (stage) => {
      await stage.create();
      await stage.turn({ ...ALONE, predecessor: AFTER, successors: [AFTER] });
      await stage.world.advance(1000);
      const invite = stage.asks.find(({ question }) => question.type === 'invite');
      expect(invite?.to).toEqual(AFTER);
      if (invite) await stage.fail(invite);
      expect(stage.standing).toBe('primary');
    }),
  );
});
