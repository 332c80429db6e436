/** What the replica syncer fetches, and how fast. */
import * as replicaSyncer from '../../actors/replica-syncer';
import { JOBS_MAX } from '../../actors/job-desk';
import type { Id } from '../../src/chord/id';
import { inRange, splitRange } from '../../src/chord/range';
import type { SyncAnswer } from '../../src/protocol/rpc-sync';
import { HybridClock } from '../../src/replication/hybrid-clock';
import type { SyncJob } from '../../src/replication/views-protocol';
import {
  answerOf,
  contentsOf,
  FLOOR,
  MEMBER,
  recordOf,
  SOURCE_WRITER,
  tableOf,
  VIEW,
  WHOLE,
} from '../replication/replicas';
import { type Asked, jobOfSource, onSlowStage, onStage, records, SETTINGS } from './syncer-stage';

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
      await stage.play(400);
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
      const jobs = arcs.map((arc, n) => jobOfSource({ arc, id: n + 1, purpose: n === 4 ? 'rescue' : 'listen' }));
      for (const job of jobs) await stage.tell(() => replicaSyncer.sync(job));
      await stage.tell(() => jobs.forEach((job) => replicaSyncer.sync(job)));
      await stage.world.advance(100);
      expect(stage.asks).toHaveLength(JOBS_MAX + 1);
      expect(stage.asks.map(({ question }) => arcs.indexOf(question.arc) + 1)).toEqual([1, 2, 5]);
      expect(stage.row.jobs.map(({ id }) => id)).toEqual([1, 2, 5, 3, 4]);
      // The same again under another number takes its place.
      const [, second] = jobs;
      if (second) await stage.tell(() => replicaSyncer.sync({ ...second, id: 9 }));
      await stage.tell(() => replicaSyncer.cancel(3));
      await stage.play(2000);
      expect(stage.told.toSorted()).toEqual(['started', ...[1, 4, 5, 9].map((id) => `synced ${id} done`)].toSorted());
    }),
  );

  it(
    'does not let what saves an arc wait for those that pause, nor for their end',
    onStage([], async (stage) => {
      const arcs = splitRange(WHOLE, 5);
      const jobs = arcs.map((arc, n) => jobOfSource({ arc, id: n + 1, purpose: n < 2 ? 'learn' : 'rescue' }));
      const theirs = tableOf(records(2000));
      for (const job of jobs.slice(0, 2)) await stage.tell(() => replicaSyncer.sync(job));
      await stage.world.advance(300);
      for (let opened = 0; opened < 2; opened += 1) {
        const open = await stage.asked('sync_open');
        await stage.answer(open, answerOf(theirs, open.question));
      }
      expect([stage.asks.length, stage.row.jobs.length]).toEqual([0, 2]);
      for (const job of jobs.slice(2)) await stage.tell(() => replicaSyncer.sync(job));
      const places = stage.asks.map(({ question }) => arcs.indexOf(question.arc) + 1);
      expect(places).toEqual([3, 4]);
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
      expect(stage.asks.map(({ question }) => arcs.indexOf(question.arc) + 1)).toEqual([3, 4]);
      await stage.play(1000);
      expect(stage.told.toSorted()).toEqual(['started', ...[1, 2, 3, 4].map((id) => `synced ${id} done`)].toSorted());
    }),
  );

  it(
    'pauses for longer than an answer was work, and asks for little, but not while it saves an arc',
    onStage([], async (stage) => {
      const theirs = tableOf(records(4000, { value: 'x'.repeat(200) }));
      const { clock } = stage.world.scheduler;
      const next = () => stage.asked('sync_next');
      const begin = async (job: SyncJob) => {
        await stage.tell(() => replicaSyncer.sync(job));
        const open = await stage.asked('sync_open');
        await stage.answer(open, answerOf(theirs, open.question));
        return next();
      };
      const after = async (asked: Asked, tookMs: number) => {
        await stage.world.advance(tookMs);
        await stage.answer(asked, answerOf(theirs, asked.question));
        const sinceMs = clock.nowMs();
        const { question } = await next();
        return [clock.nowMs() - sinceMs, question.bytesMax];
      };
      const first = await begin(jobOfSource());
      expect(first.question.bytesMax).toBe(32 * 1024);
      // About six times as long, but no longer than what has come takes at the least rate; looked at every 10 ms.
      expect(await after(first, 20)).toEqual([150, 32 * 1024]);
      await stage.tell(() => replicaSyncer.cancel(1));
      stage.target = { table: tableOf([]), clock: new HybridClock(SOURCE_WRITER) };
      const rescuing = await begin(jobOfSource({ id: 2, purpose: 'rescue' }));
      expect(await after(rescuing, 40)).toEqual([0, 256 * 1024]);
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
      await stage.play(400);
      expect(stage.told.at(-1)).toBe('synced 1 done');
    }),
  );
});
