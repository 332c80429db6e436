/** Handoff between a table of its own and neighbours that are played by the test. */
import { STRAYS_MAX } from '../../actors/arc-table';
import * as handoff from '../../actors/handoff';
import * as kvStore from '../../actors/kv-store';
import type { RpcReply } from '../../actors/rpc-reply';
import * as tableHeir from '../../actors/table-heir';
import { keyId, nodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import { inRange } from '../../src/chord/range';
import { type BinaryString, fromUtf8 } from '../../src/octets';
import { currentSelf, genServer, nameOf, type Pid, supervisor } from '../../src/otp';
import type { PutReplica } from '../../src/protocol/rpc-data';
import type { SyncAnswer, SyncQuestion } from '../../src/protocol/rpc-sync';
import { ownsWholeRing, type RingView, standingOf } from '../../src/replication/ownership';
import { versionOf, Writers, writerId } from '../../src/replication/version';
import { putLocally } from '../../src/store/local-write';
import { Record } from '../../src/store/record';
import { testSettings } from '../support/node';
import { inWorld, type World } from '../support/runtime';

const peer = (port: number, inc = 5n): Peer => ({ id: nodeId('127.0.0.1', port), addr: `127.0.0.1:${port}`, inc });

// In ring order: 045c, 09c8, 0d1e, 2373, 6ce5, 7fc5.
const [BEFORE, SELF, AFTER] = [peer(3), peer(5), peer(6)];
/** Stands between BEFORE and SELF. */
const JOINER = peer(2);

const ALONE: RingView = { isMember: true, predecessor: SELF, successors: [SELF], isSettled: true, isComplete: true };
const BETWEEN: RingView = {
  isMember: true,
  predecessor: BEFORE,
  successors: [AFTER, BEFORE],
  isSettled: true,
  isComplete: true,
};
const OUTSIDE: RingView = { ...ALONE, isMember: false };

const ARC = { lo: BEFORE.id, hi: SELF.id };
const EPOCH = { n: 7, by: 1n };
const WRITERS = new Writers();
const OTHER_WRITER = WRITERS.intern(writerId(AFTER.id, 1n));

/** Keys of this arc, in no order. */
const MINE = Array.from({ length: 2000 }, (_none, n) => fromUtf8(`k${n}`)).filter((key) => inRange(keyId(key), ARC));

const [KEY, OTHER_KEY] = MINE as [BinaryString, BinaryString];

const recordOf = (key: (typeof MINE)[number], value: string, ms = 1) =>
  new Record(keyId(key), key, versionOf(ms, 0, OTHER_WRITER), fromUtf8(value), undefined, false);

interface Asked {
  readonly to: Peer;
  readonly question: SyncQuestion | PutReplica;
  readonly tag: handoff.Tag;
  readonly pid: Pid;
}

/** A node that is all handoff; what lies around it is in the hands of the test. */
class Stage {
  view: RingView;
  readonly asks: Asked[] = [];
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
    const around: handoff.Surroundings = {
      ring: () => stage.view,
      store: kvStore.open,
      ask: (to, question, { tag }) => void stage.asks.push({ to, question, tag, pid: currentSelf().pid }),
      random: () => 0.5,
    };
    const store = { self: SELF, settings: testSettings(), writers: WRITERS, life: { state: 'joining' as const } };
    world.spawn(async (self) => {
      self.trapExit(true);
      const children = [
        { id: 'table-heir', start: () => tableHeir.startLink() },
        { id: 'kv-store', start: () => kvStore.startLink(store) },
        { id: 'handoff', start: () => handoff.startLink({ self: SELF, around }) },
      ];
      await self.run(() => supervisor.startLink({ init: () => ({ flags: { intensity: 100 }, children }) }, undefined));
      self.serve(() => {});
    });
    await world.idle();
    return stage;
  }

  get ownership() {
    const row = this.world.runtime.run(handoff.read);
    if (row === undefined) throw new Error('There is no row');
    return row.ownership;
  }

  get target() {
    const target = this.world.runtime.run(kvStore.open);
    if (target === undefined) throw new Error('There is no table');
    return target;
  }

  put(key: (typeof MINE)[number], value: string): void {
    putLocally(this.target, { key, value: fromUtf8(value), expireAtMs: undefined, ev: false }, this.nowMs());
  }

  keys(): number {
    return this.target.table.stats().keys;
  }

  nowMs(): number {
    return this.world.runtime.clock.systemMs();
  }

  tell(message: handoff.Cast): void {
    this.world.runtime.run(() => genServer.cast(handoff.NAME, message));
  }

  /** The pointers change. */
  async turn(view: RingView): Promise<void> {
    this.view = view;
    this.tell({ type: 'ring_changed' });
    await this.world.advance(100);
  }

  /** The next question of this type to another node, which must have come within a moment. */
  async asked<Type extends Asked['question']['type']>(type: Type) {
    for (let waitedMs = 0; waitedMs < 2000; waitedMs += 5) {
      const at = this.asks.findIndex(({ question }) => question.type === type);
      const [found] = at === -1 ? [] : this.asks.splice(at, 1);
      if (found) return found as Asked & { readonly question: Extract<Asked['question'], { type: Type }> };
      await this.world.advance(5);
    }
    throw new Error(`Nobody was asked to ${type}`);
  }

  async answer(asked: Asked, answer: SyncAnswer | { readonly type: 'stored' }, from = asked.to): Promise<void> {
    this.world.runtime.send(asked.pid as Pid<unknown>, {
      type: 'rpc_answered',
      tag: asked.tag,
      from,
      answer,
      rttMs: 1,
    });
    await this.world.idle();
  }

  async fail(asked: Asked): Promise<void> {
    this.world.runtime.send(asked.pid as Pid<unknown>, {
      type: 'rpc_failed',
      tag: asked.tag,
      to: asked.to,
      failure: {},
    });
    await this.world.idle();
  }

  /** Another node asks; what it is answered at once. */
  async ask(from: Peer, question: SyncQuestion): Promise<SyncAnswer> {
    const replyTo = { pid: this.clerk, correlationId: 1, from };
    this.world.runtime.send(nameOf('handoff'), { type: 'rpc_asked', question, replyTo } as never);
    await this.world.idle();
    const reply = this.replies.pop();
    if (reply === undefined || !('answer' in reply)) throw new Error(`${question.type} was not answered`);
    return reply.answer as SyncAnswer;
  }

  kill(name: string): void {
    const pid = this.world.runtime.whereis(name);
    if (pid === undefined) throw new Error(`Nobody is ${name}`);
    this.world.kill(pid);
  }

  /** Fetches the arc with the neighbour that is played here, up to owning it. */
  async join(records: readonly Record[] = []): Promise<void> {
    await this.answer(await this.asked('sync_open'), opened());
    await this.answer(await this.asked('sync_next'), { type: 'chunk', records });
    await this.answer(await this.asked('sync_seal'), { type: 'sealed', digest: this.target.table.digest(ARC) });
    await this.answer(await this.asked('sync_take'), granted());
    await this.answer(await this.asked('claim'), { type: 'agreed' });
  }

  /** Lets a joiner fetch what it gets, up to the grant. */
  async give(joiner: Peer, kind: 'join' | 'leave' = 'join'): Promise<SyncAnswer> {
    const answer = await this.ask(joiner, { type: 'sync_open', after: BEFORE.id, kind });
    if (answer.type !== 'opened') return answer;
    const { session } = answer;
    await this.ask(joiner, { type: 'sync_next', session, bytesMax: 1000 });
    await this.ask(joiner, { type: 'sync_seal', session });
    return this.ask(joiner, { type: 'sync_take', session });
  }
}

const opened = (): SyncAnswer => ({ type: 'opened', session: 1, arc: ARC, epoch: EPOCH, count: 0, bytes: 0 });
const granted = (): SyncAnswer => {
  return { type: 'granted', session: 1, arc: ARC, epoch: EPOCH, clock: versionOf(0, 1, OTHER_WRITER) };
};

/** The test's supervisor, its child and three below, and the clerk. */
const LEAVES = 6;
const onStage = (view: RingView, body: (stage: Stage) => Promise<void>) =>
  inWorld(async (world) => body(await Stage.start(world, view)), { leaves: LEAVES });

describe('handoff', () => {
  it(
    'owns the whole circle as the first of a new ring, and nothing before',
    onStage(OUTSIDE, async (stage) => {
      expect(stage.ownership.owned).toBeUndefined();
      await stage.turn(ALONE);
      expect(ownsWholeRing(stage.ownership)).toBe(true);
      expect(stage.world.runtime.run(handoff.state)).toBe('active');
      expect(stage.asks).toEqual([]);
    }),
  );

  it(
    'fetches an arc: sends what it has, takes what there is, compares, and owns it',
    onStage(OUTSIDE, async (stage) => {
      const [mine, theirs] = [KEY, OTHER_KEY];
      stage.put(mine, 'left over');
      await stage.turn(BETWEEN);
      const open = await stage.asked('sync_open');
      expect([open.to, open.question]).toEqual([AFTER, { type: 'sync_open', after: BEFORE.id, kind: 'join' }]);
      await stage.answer(open, { type: 'busy' });
      await stage.answer(await stage.asked('sync_open'), opened());
      const push = await stage.asked('sync_push');
      expect(push.question.records.map(({ key }) => key)).toEqual([mine]);
      await stage.answer(push, { type: 'pushed' });
      await stage.answer(await stage.asked('sync_next'), { type: 'chunk', records: [recordOf(theirs, 'v')] });
      expect(stage.keys()).toBe(2);
      const seal = await stage.asked('sync_seal');
      expect(standingOf(stage.ownership, keyId(theirs)).type).toBe('arriving');
      await stage.answer(seal, { type: 'sealed', digest: stage.target.table.digest(ARC) });
      const take = await stage.asked('sync_take');
      expect(stage.ownership.owned).toBeUndefined();
      const clock = versionOf(stage.nowMs() + 500, 0, OTHER_WRITER);
      await stage.answer(take, { type: 'granted', session: 1, arc: ARC, epoch: EPOCH, clock });
      expect(stage.ownership.owned).toEqual({ arc: ARC, epoch: EPOCH });
      expect(standingOf(stage.ownership, keyId(theirs))).toEqual({ type: 'mine', mirror: undefined, sealed: false });
      // What it writes from now on is newer than what it was given.
      const minted = stage.target.clock.mint(versionOf(0, 0, OTHER_WRITER), stage.nowMs());
      expect(minted.ok && minted.value.ms).toBe(stage.nowMs() + 500);
      expect((await stage.asked('claim')).question).toEqual({ type: 'claim', arc: ARC, epoch: EPOCH });
    }),
  );

  it(
    'does not take an arc before it has the same as the source: looks again, fetches again, begins again',
    onStage(BETWEEN, async (stage) => {
      await stage.answer(await stage.asked('sync_open'), opened());
      await stage.answer(await stage.asked('sync_next'), { type: 'chunk', records: [] });
      const digest = { count: 1, fp0: 1, fp1: 2 };
      for (let pass = 1; pass < 3; pass += 1) {
        await stage.answer(await stage.asked('sync_seal'), { type: 'sealed', digest });
        await stage.answer(await stage.asked('sync_next'), { type: 'chunk', records: [] });
      }
      await stage.answer(await stage.asked('sync_seal'), { type: 'sealed', digest });
      stage.put(KEY, 'only here');
      await stage.answer(await stage.asked('sync_open'), opened());
      expect((await stage.asked('sync_push')).question.records.map(({ key }) => key)).toEqual([KEY]);
      expect(stage.asks.filter(({ question }) => question.type === 'sync_take')).toEqual([]);
      expect(stage.ownership.owned).toBeUndefined();
    }),
  );

  it(
    'takes a digest as equal once the last mirrored write has come',
    onStage(BETWEEN, async (stage) => {
      const late = recordOf(KEY, 'mirrored');
      await stage.answer(await stage.asked('sync_open'), opened());
      await stage.answer(await stage.asked('sync_next'), { type: 'chunk', records: [] });
      stage.target.table.merge(late);
      const digest = stage.target.table.digest(ARC);
      stage.target.table.dropRange(ARC, 1);
      await stage.answer(await stage.asked('sync_seal'), { type: 'sealed', digest });
      await stage.world.advance(60);
      expect(stage.asks).toEqual([]);
      stage.target.table.merge(late);
      await stage.asked('sync_take');
    }),
  );

  it(
    'asks again what was not answered',
    onStage(BETWEEN, async (stage) => {
      await stage.fail(await stage.asked('sync_open'));
      await stage.answer(await stage.asked('sync_open'), opened());
      await stage.fail(await stage.asked('sync_next'));
      await stage.answer(await stage.asked('sync_next'), { type: 'chunk', records: [] });
      await stage.answer(await stage.asked('sync_seal'), { type: 'sealed', digest: stage.target.table.digest(ARC) });
      await stage.fail(await stage.asked('sync_take'));
      await stage.answer(await stage.asked('sync_take'), granted());
      expect(stage.ownership.owned?.arc).toEqual(ARC);
    }),
  );

  it(
    'gives an arc away: mirrors, holds back, grants, says so again, and shows the way',
    onStage(BETWEEN, async (stage) => {
      await stage.join(MINE.slice(0, 300).map((key) => recordOf(key, 'v')));
      // Its pointer has not come up to the joiner yet.
      const open: SyncQuestion = { type: 'sync_open', after: BEFORE.id, kind: 'join' };
      expect(await stage.ask(JOINER, open)).toEqual({ type: 'busy' });
      await stage.turn({ ...BETWEEN, predecessor: JOINER });
      const answer = await stage.ask(JOINER, open);
      const given = { lo: BEFORE.id, hi: JOINER.id };
      const { count } = stage.target.table.digest(given);
      expect(answer).toMatchObject({ type: 'opened', arc: given, epoch: EPOCH, count });
      const session = answer.type === 'opened' ? answer.session : 0;
      const key = keyId(MINE.slice(0, 300).find((each) => inRange(keyId(each), given)) ?? KEY);
      expect(standingOf(stage.ownership, key)).toEqual({ type: 'mine', mirror: JOINER, sealed: false });

      const first = await stage.ask(JOINER, { type: 'sync_next', session, bytesMax: 50 });
      const { records, after } = first.type === 'chunk' ? first : { records: [], after: undefined };
      expect(records.length).toBeLessThan(count);
      const rest = await stage.ask(JOINER, { type: 'sync_next', session, after, bytesMax: 1e9 });
      expect(rest.type === 'chunk' && [rest.after, rest.records.length + records.length]).toEqual([undefined, count]);

      const sealed = await stage.ask(JOINER, { type: 'sync_seal', session });
      expect(sealed).toEqual({ type: 'sealed', digest: stage.target.table.digest(given) });
      expect(standingOf(stage.ownership, key)).toMatchObject({ sealed: true });
      expect(await stage.ask(AFTER, { type: 'sync_take', session })).toEqual({ type: 'no_session' });
      const grant = await stage.ask(JOINER, { type: 'sync_take', session });
      expect(grant).toMatchObject({ type: 'granted', arc: given, epoch: { n: 8 } });
      expect(standingOf(stage.ownership, key)).toEqual({ type: 'elsewhere', hint: JOINER });
      expect(await stage.ask(JOINER, { type: 'sync_take', session })).toEqual(grant);
      expect(await stage.ask(JOINER, open)).toEqual(grant);
      const epoch = grant.type === 'granted' ? grant.epoch : EPOCH;
      expect(await stage.ask(JOINER, { type: 'claim', arc: given, epoch })).toEqual({ type: 'agreed' });
    }),
  );

  it(
    'holds writes back no longer than half a second, and grants nothing after that',
    onStage(BETWEEN, async (stage) => {
      await stage.join();
      await stage.turn({ ...BETWEEN, predecessor: JOINER });
      const answer = await stage.ask(JOINER, { type: 'sync_open', after: BEFORE.id, kind: 'join' });
      const session = answer.type === 'opened' ? answer.session : 0;
      await stage.ask(JOINER, { type: 'sync_seal', session });
      expect(stage.ownership.source?.sealedUntilMs).toBeDefined();
      await stage.world.advance(500);
      expect(stage.ownership.source?.sealedUntilMs).toBeUndefined();
      expect(await stage.ask(JOINER, { type: 'sync_take', session })).toEqual({ type: 'no_session' });
      expect(stage.ownership.owned?.arc).toEqual(ARC);
    }),
  );

  it(
    'gives a transfer up when a write could not be mirrored, or the receiver is dead',
    onStage(BETWEEN, async (stage) => {
      await stage.join();
      await stage.turn({ ...BETWEEN, predecessor: JOINER });
      const open: SyncQuestion = { type: 'sync_open', after: BEFORE.id, kind: 'join' };
      expect((await stage.ask(JOINER, open)).type).toBe('opened');
      stage.world.runtime.run(() => handoff.mirrorFailed(JOINER));
      await stage.world.idle();
      expect(stage.ownership.source).toBeUndefined();
      const answer = await stage.ask(JOINER, open);
      const session = answer.type === 'opened' ? answer.session : 0;
      stage.tell({ type: 'verdict', peer: JOINER, isAlive: false });
      await stage.world.idle();
      expect(await stage.ask(JOINER, { type: 'sync_seal', session })).toEqual({ type: 'no_session' });
    }),
  );

  it(
    'is killed in the middle of a transfer: what it owns stays, and the transfer begins again',
    onStage(BETWEEN, async (stage) => {
      await stage.join();
      await stage.turn({ ...BETWEEN, predecessor: JOINER });
      const answer = await stage.ask(JOINER, { type: 'sync_open', after: BEFORE.id, kind: 'join' });
      const session = answer.type === 'opened' ? answer.session : 0;
      stage.kill('handoff');
      // Not for a moment does the node not know what it owns.
      expect(stage.ownership.owned?.arc).toEqual(ARC);
      await stage.world.idle();
      expect(await stage.ask(JOINER, { type: 'sync_seal', session })).toEqual({ type: 'no_session' });
      expect((await stage.give(JOINER)).type).toBe('granted');
    }),
  );

  it(
    'asks its successor for its arc when the knowledge of it is lost',
    onStage(BETWEEN, async (stage) => {
      await stage.join();
      stage.asks.splice(0);
      stage.kill('table-heir');
      stage.kill('handoff');
      await stage.world.idle();
      expect(stage.ownership.owned).toBeUndefined();
      await stage.answer(await stage.asked('sync_open'), granted());
      expect(stage.ownership.owned).toEqual({ arc: ARC, epoch: EPOCH });
    }),
  );

  it(
    'asks before it serves again when it was stopped, and joins anew when somebody else has its arc',
    onStage(BETWEEN, async (stage) => {
      await stage.join();
      const key = keyId(KEY);
      stage.world.scheduler.clock.advanceTo(stage.world.runtime.clock.nowMs() + 1000);
      await stage.world.idle();
      expect(standingOf(stage.ownership, key).type).toBe('arriving');
      await stage.answer(await stage.asked('claim'), { type: 'agreed' });
      expect(standingOf(stage.ownership, key).type).toBe('mine');

      stage.asks.splice(0);
      stage.world.scheduler.clock.advanceTo(stage.world.runtime.clock.nowMs() + 1000);
      await stage.world.idle();
      const epoch = { n: 9, by: 2n };
      await stage.answer(await stage.asked('claim'), {
        type: 'contested',
        arc: { lo: BEFORE.id, hi: AFTER.id },
        epoch,
      });
      expect(stage.ownership.owned).toBeUndefined();
      expect((await stage.asked('sync_open')).to).toEqual(AFTER);
    }),
  );

  it(
    'takes over the arc of a predecessor that has died, when that could not be serving any more',
    onStage(BETWEEN, async (stage) => {
      await stage.join();
      const further = peer(4);
      await stage.turn({ ...BETWEEN, predecessor: further });
      const key = fromUtf8(
        Array.from({ length: 500 }, (_none, n) => `x${n}`).find((text) =>
          inRange(keyId(fromUtf8(text)), { lo: further.id, hi: BEFORE.id }),
        ) ?? '',
      );
      expect(standingOf(stage.ownership, keyId(key)).type).toBe('arriving');
      await stage.world.advance(400);
      expect(stage.ownership.owned).toMatchObject({ arc: { lo: further.id, hi: SELF.id }, epoch: { n: 9 } });
      expect(standingOf(stage.ownership, keyId(key)).type).toBe('mine');
    }),
  );

  it(
    'leaves: is fetched from, and says so when its successor knows',
    onStage(BETWEEN, async (stage) => {
      await stage.join();
      const left = stage.world.runtime.run(() => handoff.leave());
      let outcome: handoff.Left | true | undefined;
      void left.then((value) => {
        outcome = value;
      });
      const ask = await stage.asked('take_over');
      expect([ask.to, ask.question]).toEqual([AFTER, { type: 'take_over', arc: ARC, epoch: EPOCH }]);
      await stage.answer(ask, { type: 'accepted' });
      expect(await stage.give(AFTER, 'leave')).toMatchObject({ type: 'granted', arc: ARC });
      expect(standingOf(stage.ownership, keyId(KEY))).toEqual({ type: 'elsewhere', hint: AFTER });
      expect(outcome).toBeUndefined();
      const claim: SyncQuestion = { type: 'claim', arc: { lo: BEFORE.id, hi: AFTER.id }, epoch: { n: 9, by: 1n } };
      await stage.ask(AFTER, claim);
      expect(outcome).toEqual({ outcome: 'handed_over', recordsLeft: 0 });
      expect(stage.world.runtime.run(handoff.state)).toBe('leaving');
    }),
  );

  it(
    'leaves when its time is up although nobody has taken over, and says how much is left',
    onStage(BETWEEN, async (stage) => {
      await stage.join([recordOf(KEY, 'v')]);
      let outcome: handoff.Left | true | undefined;
      void stage.world.runtime
        .run(() => handoff.leave(1000))
        .then((value) => {
          outcome = value;
        });
      await stage.answer(await stage.asked('take_over'), { type: 'busy' });
      await stage.asked('take_over');
      await stage.world.advance(1000);
      expect(outcome).toEqual({ outcome: 'late', recordsLeft: 1 });
      expect(stage.ownership.owned).toBeUndefined();
    }),
  );

  it(
    'takes over from a predecessor that leaves',
    onStage(BETWEEN, async (stage) => {
      await stage.join();
      const arc = { lo: peer(1).id, hi: BEFORE.id };
      expect(await stage.ask(BEFORE, { type: 'take_over', arc, epoch: EPOCH })).toEqual({ type: 'accepted' });
      const open = await stage.asked('sync_open');
      expect([open.to, open.question]).toMatchObject([BEFORE, { kind: 'leave' }]);
      await stage.answer(open, { type: 'opened', session: 4, arc, epoch: EPOCH, count: 0, bytes: 0 });
      await stage.answer(await stage.asked('sync_next'), { type: 'chunk', records: [] });
      await stage.answer(await stage.asked('sync_seal'), { type: 'sealed', digest: stage.target.table.digest(arc) });
      const clock = versionOf(0, 1, OTHER_WRITER);
      await stage.answer(await stage.asked('sync_take'), { type: 'granted', session: 4, arc, epoch: EPOCH, clock });
      expect(stage.ownership.owned?.arc).toEqual({ lo: peer(1).id, hi: SELF.id });
      expect((await stage.asked('claim')).to).toEqual(BEFORE);
    }),
  );

  it(
    'drops what it gave away after half a minute, while its new owner says that it has it, and not otherwise',
    onStage(BETWEEN, async (stage) => {
      await stage.join(MINE.map((key) => recordOf(key, 'v')));
      await stage.turn({ ...BETWEEN, predecessor: JOINER });
      const grant = await stage.give(JOINER);
      const { arc, epoch } = grant.type === 'granted' ? grant : { arc: ARC, epoch: EPOCH };
      await stage.ask(JOINER, { type: 'claim', arc, epoch });
      await stage.world.advance(31_000);
      expect(stage.keys()).toBe(MINE.length);
      await stage.ask(JOINER, { type: 'claim', arc, epoch });
      await stage.world.advance(300);
      expect(stage.target.table.digest(arc).count).toBe(0);
      expect(stage.keys()).toBe(MINE.filter((key) => !inRange(keyId(key), arc)).length);
    }),
  );

  it(
    'sends what is left over to its owner, and drops it once that has stored it',
    onStage(BETWEEN, async (stage) => {
      const stray = fromUtf8('stray');
      await stage.join([...MINE.slice(0, 3).map((key) => recordOf(key, 'v')), recordOf(stray, 'v')]);
      // Its predecessor turns out to have held all of it for longer.
      const claim: SyncQuestion = { type: 'claim', arc: { lo: AFTER.id, hi: JOINER.id }, epoch: { n: 9, by: 1n } };
      expect(await stage.ask(JOINER, claim)).toEqual({ type: 'agreed' });
      await stage.turn({ ...BETWEEN, predecessor: JOINER });
      const lost = MINE.slice(0, 3).filter((key) => inRange(keyId(key), { lo: BEFORE.id, hi: JOINER.id }));
      await stage.world.advance(1100);
      for (const _key of lost) await stage.answer(await stage.asked('put_replica'), { type: 'stored' });
      expect(stage.target.table.digest({ lo: BEFORE.id, hi: JOINER.id }).count).toBe(0);
      expect(stage.keys()).toBe(4 - lost.length);
    }),
  );

  it(
    'sends as much of it as there is without a pause while it is taken',
    onStage(BETWEEN, async (stage) => {
      await stage.join(MINE.map((key) => recordOf(key, 'v')));
      const claim: SyncQuestion = { type: 'claim', arc: { lo: AFTER.id, hi: JOINER.id }, epoch: { n: 9, by: 1n } };
      await stage.ask(JOINER, claim);
      await stage.turn({ ...BETWEEN, predecessor: JOINER });
      const lost = MINE.filter((key) => inRange(keyId(key), { lo: BEFORE.id, hi: JOINER.id }));
      expect(lost.length).toBeGreaterThan(2 * STRAYS_MAX);
      await stage.world.advance(1100);
      const beganMs = stage.nowMs();
      for (const _key of lost) await stage.answer(await stage.asked('put_replica'), { type: 'stored' });
      expect(stage.keys()).toBe(MINE.length - lost.length);
      expect(stage.nowMs()).toBe(beganMs);
    }),
  );

  it(
    'gives up the ring of its own to join another, and makes one anew when that fails',
    onStage(ALONE, async (stage) => {
      expect(ownsWholeRing(stage.ownership)).toBe(true);
      void stage.world.runtime.run(() => handoff.moveOut(5000));
      await stage.world.advance(3000);
      expect(stage.ownership.owned).toBeUndefined();
      void stage.world.runtime.run(() => handoff.moveOut(0));
      await stage.world.idle();
      expect(ownsWholeRing(stage.ownership)).toBe(true);
      void stage.world.runtime.run(() => handoff.moveOut(5000));
      await stage.world.idle();
      await stage.turn(BETWEEN);
      await stage.join();
      expect(stage.ownership.owned).toEqual({ arc: ARC, epoch: EPOCH });
    }),
  );
});
