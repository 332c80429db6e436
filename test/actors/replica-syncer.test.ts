/** The replica syncer comparing and reminding, among tables and neighbours that are played by the test. */
import * as replicaSyncer from '../../actors/replica-syncer';
import type { KeyId } from '../../src/chord/id';
import type { SyncAnswer } from '../../src/protocol/rpc-sync';
import {
  answerOf,
  contentsOf,
  MEMBER,
  recordOf,
  SOURCE,
  STRANGER,
  tableOf,
  VIEW,
  WHOLE,
} from '../replication/replicas';
import { jobOfSource, onStage, records, SETTINGS, THREE } from './syncer-stage';

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
