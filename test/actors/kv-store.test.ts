/** The store and its heir, killed in every order that a table can survive. */
import * as kvStore from '../../actors/kv-store';
import * as tableHeir from '../../actors/table-heir';
import { nodeId } from '../../src/chord/id';
import { ets, type Name, type Pid, supervisor } from '../../src/otp';
import { Writers } from '../../src/replication/version';
import { answerRequest } from '../../src/store/local-coordinator';
import { DELETE, GET, inShort, PUT, testSettings } from '../support/node';
import { recordOf } from '../replication/replicas';
import { inWorld, type World } from '../support/runtime';

const SECOND_MS = 1000;
const HOUR_MS = 3600 * SECOND_MS;

const args = {
  self: { id: nodeId('127.0.0.1', 1), addr: '127.0.0.1:1', inc: 1n },
  settings: testSettings(),
  writers: new Writers(),
  life: { state: 'active' as const },
};

const WHOLE = { lo: args.self.id, hi: args.self.id };

/** These trees are begun in a node that is active: the first table is reported as a loss, and so is the next. */
const STARTS_WITHOUT_TABLE = 2;

/** The heir and the store below a supervisor that never gives up. */
async function startTree(world: World): Promise<Pid> {
  let top: Pid | undefined;
  world.spawn(async (self) => {
    self.trapExit(true);
    const children = [
      { id: 'table-heir', start: () => tableHeir.startLink() },
      { id: 'kv-store', start: () => kvStore.startLink(args) },
    ];
    const module = { init: () => ({ flags: { intensity: 1000 }, children }) };
    const started = await self.run(() => supervisor.startLink(module, undefined));
    if (started !== 'ignore' && started.ok) top = started.value;
    self.serve(() => {});
  });
  await world.idle();
  if (top === undefined) throw new Error('The tree has not started');
  return top;
}

const pidOf = (world: World, name: Name<never>): Pid => {
  const pid = world.runtime.whereis(name);
  if (pid === undefined) throw new Error(`Nobody is "${name}"`);
  return pid;
};

function ask(world: World, request: Parameters<typeof answerRequest>[0]): string {
  const target = world.runtime.run(kvStore.open);
  return target ? inShort(answerRequest(request, target, world.runtime.clock.systemMs())) : 'closed';
}

describe('kv-store', () => {
  it(
    'loses nothing when it and its heir are killed in turn, a hundred times',
    inWorld(
      async (world) => {
        await startTree(world);
        for (let round = 0; round < 100; round += 1) {
          expect(ask(world, PUT(`k${round}`, `v${round}`))).toBe('success');
          world.kill(pidOf(world, round % 2 === 0 ? kvStore.NAME : tableHeir.NAME));
          // Not for a moment is there no table.
          expect(ask(world, GET(`k${round}`))).toBe(`success v${round}`);
          await world.idle();
          await world.advance(20);
        }
        for (let round = 0; round < 100; round += 1) expect(ask(world, GET(`k${round}`))).toBe(`success v${round}`);
      },
      { leaves: 4 },
    ),
  );

  it(
    'begins with an empty table when both are killed at once, and orders its writes after those of before',
    inWorld(
      async (world) => {
        await startTree(world);
        expect(ask(world, PUT('k', 'v'))).toBe('success');
        world.kill(pidOf(world, tableHeir.NAME));
        world.kill(pidOf(world, kvStore.NAME));
        expect(ask(world, GET('k'))).toBe('closed');
        await world.idle();
        expect(ask(world, GET('k'))).toBe('not_found');
        expect(world.reportsOf('event').filter(({ event }) => event === 'store_lost').length).toBe(
          STARTS_WITHOUT_TABLE,
        );
        expect(ask(world, PUT('k', 'new'))).toBe('success');
      },
      { leaves: 4 },
    ),
  );

  it(
    'keeps its clock across restarts: versions only grow',
    inWorld(
      async (world) => {
        await startTree(world);
        let last = '';
        for (let round = 0; round < 10; round += 1) {
          const target = world.runtime.run(kvStore.open);
          // The time of day steps back at every restart.
          const minted = target?.clock.mint(
            { word0: 0, word1: 0, writer: target.clock.latest.writer },
            100_000 - round * 50,
          );
          const words = minted?.ok ? [minted.value.ms, minted.value.ctr] : [];
          const text = words.map((word) => word.toString().padStart(20, '0')).join('-');
          expect(text > last).toBe(true);
          last = text;
          world.kill(pidOf(world, kvStore.NAME));
          await world.idle();
        }
      },
      { leaves: 4 },
    ),
  );

  it(
    'forgets tombstones that all replicas have for an hour, all of them, and nothing else, also after a crash',
    inWorld(
      async (world) => {
        await startTree(world);
        const tombstones = () => world.runtime.run(kvStore.open)?.table.stats().tombstones;
        for (let i = 0; i < 2500; i += 1) ask(world, PUT(`k${i}`, 'v'));
        for (let i = 1; i < 2500; i += 1) ask(world, DELETE(`k${i}`));
        // In one leap: what happens every second meanwhile is not what this is about.
        world.scheduler.clock.advanceTo(world.runtime.clock.nowMs() + 2 * HOUR_MS);
        await world.advance(30 * SECOND_MS);
        expect(tombstones()).toBe(2499);
        const agreeUntil = (ms: number) =>
          world.run(() => kvStore.raiseHorizon(WHOLE, ms, world.runtime.clock.systemMs()));
        const nowMs = world.runtime.clock.systemMs();
        await agreeUntil(nowMs - HOUR_MS - 40 * SECOND_MS);
        world.kill(pidOf(world, kvStore.NAME));
        await world.advance(30 * SECOND_MS);
        expect(tombstones()).toBe(2499);
        await agreeUntil(nowMs - HOUR_MS - 20 * SECOND_MS);
        // What was said once stays true.
        await agreeUntil(nowMs - HOUR_MS - 40 * SECOND_MS);
        world.kill(pidOf(world, kvStore.NAME));
        await world.advance(30 * SECOND_MS);
        expect(tombstones()).toBe(0);
        expect(ask(world, GET('k0'))).toBe('success v');
      },
      { seeds: 1, leaves: 4 },
    ),
  );
});

describe('table-heir', () => {
  it(
    'outlives its supervisor with what it keeps, and is adopted by the next',
    inWorld(
      async (world) => {
        const first = await startTree(world);
        ask(world, PUT('k', 'v'));
        const heir = pidOf(world, tableHeir.NAME);
        world.kill(first);
        await world.advance(4000);
        expect(world.runtime.whereis(tableHeir.NAME)).toBe(heir);
        await startTree(world);
        await world.advance(6000);
        expect(pidOf(world, tableHeir.NAME)).toBe(heir);
        expect(ask(world, GET('k'))).toBe('success v');
      },
      { leaves: 5 },
    ),
  );

  it(
    'knows what is older than all that may have been forgotten',
    inWorld(
      async (world) => {
        await startTree(world);
        const of = (ms: number) => recordOf(1, { value: 'v', ms, ev: true });
        const isForgotten = (ms: number) => world.runtime.run(() => kvStore.isForgotten(of(ms)));
        expect(isForgotten(0)).toBe(false);
        world.runtime.run(() => kvStore.raiseHorizon(WHOLE, 10 * HOUR_MS, 10 * HOUR_MS));
        expect([9 * HOUR_MS - 1, 9 * HOUR_MS].map(isForgotten)).toEqual([true, false]);
        expect(world.runtime.run(kvStore.refused)).toBe(1);
      },
      { leaves: 4 },
    ),
  );

  it(
    'believes no horizon that is later than it can be, and none any more once its clock is set right',
    inWorld(
      async (world) => {
        await startTree(world);
        const known = () => world.runtime.run(kvStore.horizons).map(({ horizonMs }) => horizonMs);
        const raise = (ms: number, nowMs: number) => world.run(() => kvStore.raiseHorizon(WHOLE, ms, nowMs));
        const nowMs = world.runtime.clock.systemMs();
        await raise(nowMs + 1001, nowMs);
        expect(known()).toEqual([]);
        await raise(nowMs + 1000, nowMs);
        expect(known()).toEqual([nowMs + 1000]);
        await raise(nowMs + HOUR_MS, nowMs + HOUR_MS);
        expect(known()).toEqual([nowMs + HOUR_MS]);
        await world.advance(30 * SECOND_MS);
        expect(known()).toEqual([]);
      },
      { leaves: 4 },
    ),
  );

  it(
    'takes nothing for too old in an arc that begins empty, until something that was deleted since may be forgotten',
    inWorld(
      async (world) => {
        await startTree(world);
        const nowMs = world.runtime.clock.systemMs();
        const known = () => world.runtime.run(kvStore.horizons).map(({ horizonMs }) => horizonMs);
        const raise = (ms: number) => world.run(() => kvStore.raiseHorizon(WHOLE, ms, ms));
        await raise(nowMs);
        await world.run(() => kvStore.beginAnew(WHOLE, nowMs));
        expect(known()).toEqual([]);
        await raise(nowMs + HOUR_MS - 1);
        expect(known()).toEqual([]);
        world.kill(pidOf(world, kvStore.NAME));
        await world.advance(5000);
        await raise(nowMs + HOUR_MS - 1);
        expect(known()).toEqual([]);
        await raise(nowMs + HOUR_MS);
        expect(known()).toEqual([nowMs + HOUR_MS]);
      },
      { leaves: 4 },
    ),
  );

  it(
    'knows of an arc that it has fetched what the source knows, and nothing that cannot be',
    inWorld(
      async (world) => {
        await startTree(world);
        const nowMs = world.runtime.clock.systemMs();
        const known = () => world.runtime.run(kvStore.horizons).map(({ horizonMs }) => horizonMs);
        const take = (ms: number) =>
          world.run(() => kvStore.takeHorizons(WHOLE, [{ arc: WHOLE, horizonMs: ms }], nowMs));
        await take(nowMs);
        await take(nowMs - 5000);
        expect(known()).toEqual([nowMs - 5000]);
        await take(nowMs + HOUR_MS);
        expect(known()).toEqual([]);
      },
      { leaves: 4 },
    ),
  );

  it(
    'ends when no supervisor comes for it',
    inWorld(
      async (world) => {
        world.kill(await startTree(world));
        await world.advance(4999);
        expect(world.runtime.whereis(tableHeir.NAME)).toBeDefined();
        await world.advance(2);
        expect(world.runtime.whereis(tableHeir.NAME)).toBeUndefined();
        expect(ets.tablesOf(world.runtime)).toEqual([]);
      },
      { leaves: 1 },
    ),
  );

  it(
    'ends when its supervisor is ended by its own parent, if no other comes',
    inWorld(
      async (world) => {
        const top = await startTree(world);
        world.kill(top, 'shutdown');
        // Only its parent may shut a supervisor down.
        await world.idle();
        expect(world.runtime.whereis(tableHeir.NAME)).toBeDefined();
        for (const pid of world.runtime.processes().slice(0, 1)) world.kill(pid, 'kill');
        await world.idle();
        expect(world.runtime.whereis(kvStore.NAME)).toBeUndefined();
        await world.advance(5001);
      },
      { leaves: 0 },
    ),
  );

  it(
    'claim() is false for a table that nobody has left',
    inWorld(
      async (world) => {
        await startTree(world);
        expect(await world.run(() => tableHeir.claim('no such table'))).toBe(false);
        expect(await world.run(() => tableHeir.claim('kv-store'))).toBe(false);
      },
      { leaves: 4 },
    ),
  );
});
