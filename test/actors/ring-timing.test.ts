/** When the ring is looked after: by moved time, with the failure detector, the stabilizer and the finger fixer alone. */
import * as failureDetector from '../../actors/failure-detector';
import * as fingerFixer from '../../actors/finger-fixer';
import * as health from '../../actors/health';
import * as keptTable from '../../actors/kept-table';
import * as ringState from '../../actors/ring-state';
import * as routes from '../../actors/routes';
import type { RpcReply } from '../../actors/rpc-reply';
import * as stabilizer from '../../actors/stabilizer';
import type { Peer } from '../../src/chord/peer';
import { createRing, type RingMember } from '../../src/chord/ring-member';
import { ets, genServer, type Pid, randomFrom, type Self } from '../../src/otp';
import { NO_COPIES } from '../../src/protocol/rpc-description';
import { testSettings } from '../support/node';
import { inWords, peerAt, PlayedPeers, peersInOrder } from '../support/played-peers';
import { inWorld, type World } from '../support/runtime';

const [A, B, C, D] = peersInOrder(4) as [Peer, Peer, Peer, Peer];

const settings = testSettings();

/** A process that holds the name and the table of the ring state, with these pointers, and keeps what it is told. */
function playRingState(world: World, pointers: Partial<RingMember>): { readonly type: string; atMs: number }[] {
  const casts: { readonly type: string; atMs: number }[] = [];
  const RING = ets.tableName<{ id: 'ring'; member: RingMember }, 'id'>('ring');
  world.spawn((self) => {
    self.register(ringState.NAME);
    keptTable.create(RING, 'public');
    ets.insert(RING, { id: 'ring', member: { ...createRing(B, 8), ...pointers } });
    self.serve((message) => {
      const cast = (message as { message: { type: string } }).message;
      casts.push({ ...cast, atMs: self.nowMs() });
    });
  });
  return casts;
}

async function startServer(world: World, start: () => Promise<unknown>): Promise<void> {
  world.spawn(async (self) => {
    await start();
    self.serve(() => {});
  });
  await world.idle();
}

const args = (world: World) => ({ self: B, settings, random: randomFrom(world.seed) });

describe('stabilizer', () => {
  it(
    'ticks often while the ring changes, and in its interval when nothing has changed for a while',
    inWorld(
      async (world) => {
        const casts = playRingState(world, {});
        await world.idle();
        await startServer(world, () => stabilizer.startLink(args(world)));
        await world.advance(10_000);
        const gaps = casts.slice(1).map(({ atMs }, index) => atMs - (casts[index]?.atMs ?? 0));
        const quiet = gaps.slice(-10);
        expect(Math.min(...quiet)).toBeGreaterThanOrEqual(400);
        expect(Math.max(...quiet)).toBeLessThanOrEqual(601);
        expect(gaps.slice(0, 10).every((gap) => gap >= 80 && gap <= 121)).toBe(true);
        // At once, but for a pause after the last one.
        const before = casts.length;
        world.runtime.run(() => genServer.cast(stabilizer.NAME, { type: 'ring_changed' }));
        await world.advance(51);
        expect(casts.length).toBe(before + 1);
        for (let i = 0; i < 100; i += 1) {
          world.runtime.run(() => genServer.cast(stabilizer.NAME, { type: 'ring_changed' }));
          await world.advance(10);
        }
        expect(casts.length - before).toBeLessThanOrEqual(22);
      },
      { leaves: 3 },
    ),
  );

  it(
    'ticks within a moment when somebody was busy',
    inWorld(
      async (world) => {
        const casts = playRingState(world, {});
        await world.idle();
        await startServer(world, () => stabilizer.startLink(args(world)));
        await world.advance(5000);
        const before = casts.length;
        world.runtime.run(() => genServer.cast(stabilizer.NAME, { type: 'retry_soon' }));
        await world.advance(101);
        expect(casts.length).toBe(before + 1);
      },
      { leaves: 3 },
    ),
  );

  it(
    'probes for another part of the ring through somebody remembered, and tells of whomever it finds',
    inWorld(
      async (world) => {
        const stranger = peerAt(99);
        const { memory } = createRing(B, 8, [stranger]);
        const casts = playRingState(world, { predecessor: A, successors: [D, A], memory });
        const peers = new PlayedPeers(world, [A, C, D, stranger]);
        await startServer(world, () => stabilizer.startLink(args(world)));
        let asked = peers.take();
        for (let i = 0; i < 40 && asked.length === 0; i += 1) {
          await world.advance(100);
          asked = peers.take();
        }
        expect(inWords(asked)).toEqual([`find_next ${stranger.addr}`]);
        const [ask] = asked;
        if (ask?.type !== 'ask') throw new Error('nothing was asked');
        await peers.answer(ask, { type: 'owner', owner: C, rest: [D] });
        expect(casts.filter(({ type }) => type === 'consider')).toMatchObject([{ candidate: C }]);
      },
      { leaves: 3 + 4 },
    ),
  );
});

describe('failure-detector', () => {
  it(
    'finds a neighbour dead that does not answer, and no other, and says so to whoever acts on it',
    inWorld(
      async (world) => {
        const casts = playRingState(world, { predecessor: A, successors: [C, D, A] });
        const peers = new PlayedPeers(world, [A, C, D]);
        await startServer(world, () => failureDetector.startLink(args(world)));
        for (let ms = 0; ms < 3000; ms += 10) {
          await world.advance(10);
          for (const item of peers.take()) {
            if (item.type !== 'ask') continue;
            const isForDead = item.to.id === C.id;
            if (item.question.type === 'ping' && !isForDead) await peers.answer(item, { type: 'pong' });
            else if (item.question.type === 'ping_for') await peers.answer(item, { type: 'silent' });
            else await peers.fail(item, 'timeout');
          }
        }
        const verdicts = casts.filter(({ type }) => type === 'verdict');
        expect(verdicts[0]?.atMs).toBeLessThan(1000);
        // As long as it is somebody's neighbour, it is looked after again.
        for (const verdict of verdicts) expect(verdict).toMatchObject({ peer: C, isAlive: false });
        // The log tells it once, however often somebody asks.
        expect(verdicts.length).toBeGreaterThan(1);
        expect(world.reports.filter((report) => JSON.stringify(report).includes('peer_dead'))).toHaveLength(1);
        const trusted = [A, C, D].map(({ id }) => world.runtime.run(() => health.isTrusted(id)));
        expect(trusted).toEqual([true, false, true]);
        world.runtime.run(() => health.heard(C, 1));
        await world.idle();
        expect(world.runtime.run(() => health.isTrusted(C.id))).toBe(true);
      },
      { leaves: 3 + 3 },
    ),
  );

  it(
    'gives a verdict to whoever asks for one, also when the peer lives',
    inWorld(
      async (world) => {
        const casts = playRingState(world, {});
        const peers = new PlayedPeers(world, [C]);
        await startServer(world, () => failureDetector.startLink(args(world)));
        world.runtime.run(() => health.judge(C));
        await world.idle();
        await peers.answer(peers.question(), { type: 'pong' });
        expect(casts).toMatchObject([{ type: 'verdict', peer: C, isAlive: true }]);
      },
      { leaves: 3 + 1 },
    ),
  );

  it(
    'pings for another node, but not for too many at a time',
    inWorld(
      async (world) => {
        playRingState(world, {});
        const peers = new PlayedPeers(world, [C]);
        await startServer(world, () => failureDetector.startLink(args(world)));
        const replies = await world.run(async (self: Self<unknown>) => {
          const detector = self.runtime.whereis(health.NAME) as Pid<unknown>;
          const askFor = (correlationId: number) => {
            const replyTo = { pid: self.pid as Pid<RpcReply>, correlationId, from: A };
            self.send(detector, { type: 'rpc_asked', question: { type: 'ping_for', target: C }, replyTo });
          };
          for (let i = 1; i <= 65; i += 1) askFor(i);
          const overloaded = await self.receive<RpcReply>();
          const [first, second] = peers.take();
          if (first?.type !== 'ask' || second?.type !== 'ask') throw new Error('nobody was pinged');
          void peers.answer(first, { type: 'pong' });
          const pong = await self.receive<RpcReply>();
          void peers.fail(second, 'timeout');
          return [overloaded, pong, await self.receive<RpcReply>()];
        });
        expect(replies).toMatchObject([
          { correlationId: 65, error: { code: 'overloaded' } },
          { correlationId: 1, answer: { type: 'pong' } },
          { correlationId: 2, answer: { type: 'silent' } },
        ]);
      },
      { leaves: 3 + 1 },
    ),
  );
});

describe('finger-fixer', () => {
  const known = (world: World) => {
    const found = world.runtime.run(routes.read);
    return { members: found?.members.map(({ addr }) => addr), fingers: found?.fingers.peers.map(({ addr }) => addr) };
  };

  it(
    'knows everybody where the successor list goes round the ring, and forgets whoever has died',
    inWorld(
      async (world) => {
        playRingState(world, { predecessor: A, successors: [C, D, A] });
        await world.idle();
        await startServer(world, () => fingerFixer.startLink(args(world)));
        await world.advance(1000);
        expect(known(world).members).toEqual([B, C, D, A].map(({ addr }) => addr));
        expect(known(world).fingers?.length).toBeGreaterThan(0);
        world.runtime.run(() => genServer.cast(fingerFixer.NAME, { type: 'verdict', peer: C, isAlive: false }));
        await world.idle();
        expect(known(world).members).toEqual([B, D, A].map(({ addr }) => addr));
        expect(known(world).fingers).not.toContain(C.addr);
      },
      { leaves: 3 },
    ),
  );

  it(
    'walks on beyond the successor list, past whoever does not answer',
    inWorld(
      async (world) => {
        playRingState(world, { predecessor: A, successors: [C], successorsMax: 1 });
        const peers = new PlayedPeers(world, [A, C, D]);
        await startServer(world, () => fingerFixer.startLink({ ...args(world) }));
        await world.advance(100);
        const described = {
          type: 'described',
          state: 'active',
          fingers: [],
          arcs: [],
          keys: 0,
          bytes: 0,
          tombstones: 0,
          copies: NO_COPIES,
        } as const;
        const successorsOf = new Map([
          [C.addr, [D, A]],
          [A.addr, [B]],
        ]);
        for (let i = 0; i < 50; i += 1) {
          for (const item of peers.take()) {
            if (item.type !== 'ask') continue;
            const successors = successorsOf.get(item.to.addr);
            const isWalk = item.question.type === 'describe' && successors !== undefined;
            if (isWalk) await peers.answer(item, { ...described, self: item.to, successors });
            else await peers.fail(item, 'timeout');
          }
          await world.advance(20);
        }
        expect(known(world).members).toEqual([B, C, D, A].map(({ addr }) => addr));
      },
      { leaves: 3 + 3 },
    ),
  );
});
