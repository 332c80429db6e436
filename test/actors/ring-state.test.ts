/** The ring state: events in, effects out, and what of it survives a crash. Other nodes are played. */
import * as ringState from '../../actors/ring-state';
import type { RpcReply } from '../../actors/rpc-reply';
import * as tableHeir from '../../actors/table-heir';
import type { Peer } from '../../src/chord/peer';
import { type Pid, type Self, supervisor } from '../../src/otp';
import { testSettings } from '../support/node';
import { inWords, peersInOrder, PlayedPeers } from '../support/played-peers';
import { inWorld, type World } from '../support/runtime';

const [A, B, C, D] = peersInOrder(4) as [Peer, Peer, Peer, Peer];

/** The played peers, whoever watches the ring, a supervisor and who has started it, the heir, the ring state. */
const LEAVES = 3 + 2 + 2 + 2;

interface Scene {
  readonly peers: PlayedPeers;
  /** What the failure detector and the stabilizer were told, by `type`. */
  readonly told: { readonly type: string }[];
}

/** The ring state of node B below a supervisor that never gives up, and its surroundings. */
async function startScene(world: World, state: 'joining' | 'active' = 'joining'): Promise<Scene> {
  const peers = new PlayedPeers(world, [A, C, D]);
  const told: { readonly type: string }[] = [];
  for (const name of ['failure-detector', 'stabilizer']) {
    world.spawn((self) => {
      self.register(name);
      self.serve((cast) => void told.push((cast as { message: { type: string } }).message));
    });
  }
  const args = { self: B, settings: testSettings(), seeds: [], life: { state } };
  world.spawn(async (self) => {
    self.trapExit(true);
    const children = [
      { id: 'table-heir', start: () => tableHeir.startLink() },
      { id: 'ring-state', start: () => ringState.startLink(args) },
    ];
    await self.run(() => supervisor.startLink({ init: () => ({ flags: { intensity: 1000 }, children }) }, undefined));
    self.serve(() => {});
  });
  await world.idle();
  return { peers, told };
}

const pointers = (world: World) => {
  const member = world.runtime.run(ringState.read);
  return {
    phase: member?.phase,
    predecessor: member?.predecessor.addr,
    successors: member?.successors.map(({ addr }) => addr),
  };
};

/** Kills the ring state and has it started again. */
async function killRingState(world: World): Promise<void> {
  world.kill(world.runtime.whereis(ringState.NAME) as Pid);
  await world.idle();
  await world.advance(5);
}

/** Has node B come in between A and C. */
async function join(world: World, { peers }: Scene): Promise<void> {
  const admission = world.runtime.run(() => ringState.joinBehind(A, []));
  await world.idle();
  await peers.answer(peers.question(), { type: 'admitted', successors: [C, D, A] });
  expect(await admission).toEqual({ type: 'joined' });
  peers.take();
}

/** The next question that the ring state asks when it is time. */
async function tick(world: World, { peers }: Scene) {
  world.runtime.run(ringState.tick);
  await world.idle();
  return peers.question();
}

describe('ring-state', () => {
  it(
    'create() makes it the first of a ring once, and tells whoever watches',
    inWorld(
      async (world) => {
        const { told } = await startScene(world);
        expect(await world.outside(ringState.create)).toBe(true);
        expect(await world.outside(ringState.create)).toBe(false);
        expect(pointers(world)).toEqual({ phase: 'member', predecessor: B.addr, successors: [B.addr] });
        expect(told.map(({ type }) => type)).toEqual(['ring_changed', 'ring_changed']);
      },
      { leaves: LEAVES },
    ),
  );

  it(
    'joinBehind() brings it in where it is admitted, and its successor hears of it',
    inWorld(
      async (world) => {
        const scene = await startScene(world);
        const admission = world.runtime.run(() => ringState.joinBehind(A, [D]));
        await world.idle();
        const question = scene.peers.question();
        expect(inWords([question])).toEqual([`join ${A.addr}`]);
        await scene.peers.answer(question, { type: 'admitted', successors: [C, D, A] });
        expect(await admission).toEqual({ type: 'joined' });
        expect(inWords(scene.peers.take())).toContain(`notify ${C.addr}`);
        expect(pointers(world)).toEqual({ phase: 'member', predecessor: A.addr, successors: [C.addr, D.addr, A.addr] });
      },
      { leaves: LEAVES },
    ),
  );

  it(
    'joinBehind() follows a redirection, and says when somebody is busy, silent or refuses',
    inWorld(
      async (world) => {
        const { peers } = await startScene(world);
        const attempt = async () => {
          const admission = world.runtime.run(() => ringState.joinBehind(D, []));
          await world.idle();
          return { admission, question: peers.question() };
        };
        const busy = await attempt();
        await peers.answer(busy.question, { type: 'busy' });
        expect(await busy.admission).toEqual({ type: 'busy' });
        const silent = await attempt();
        expect(await world.outside(() => ringState.joinBehind(A, []))).toEqual({ type: 'busy' });
        await peers.fail(silent.question, 'timeout');
        expect(await silent.admission).toEqual({ type: 'failed', reason: 'contact_silent' });
        const refused = await attempt();
        await peers.answer(refused.question, { type: 'refused', reason: 'id_taken' });
        expect(await refused.admission).toEqual({ type: 'failed', reason: 'id_taken' });
        const redirected = await attempt();
        await peers.answer(redirected.question, { type: 'redirect', to: A });
        await peers.answer(peers.question(), { type: 'admitted', successors: [C] });
        expect(await redirected.admission).toEqual({ type: 'joined' });
        expect(await world.outside(() => ringState.joinBehind(D, []))).toEqual({ type: 'failed', reason: 'in_a_ring' });
      },
      { leaves: LEAVES },
    ),
  );

  it(
    'stays the ring that it was when it was alone and is not let into another',
    inWorld(
      async (world) => {
        const { peers } = await startScene(world);
        await world.outside(ringState.create);
        const admission = world.runtime.run(() => ringState.joinBehind(A, []));
        await world.idle();
        expect(pointers(world).phase).toBe('outside');
        await peers.fail(peers.question(), 'unreachable');
        expect(await admission).toEqual({ type: 'failed', reason: 'contact_silent' });
        expect(pointers(world)).toEqual({ phase: 'member', predecessor: B.addr, successors: [B.addr] });
      },
      { leaves: LEAVES },
    ),
  );

  it(
    'has a silent successor judged, drops its step when that lives, and the successor when it is dead',
    inWorld(
      async (world) => {
        const scene = await startScene(world);
        const { peers, told } = scene;
        await join(world, scene);
        told.length = 0;
        await peers.fail(await tick(world, scene), 'timeout');
        expect(told).toContainEqual({ type: 'judge', peer: C });
        world.runtime.run(() => ringState.verdict(C, true));
        await world.idle();
        expect(told).toContainEqual({ type: 'retry_soon' });
        expect(pointers(world).successors).toEqual([C.addr, D.addr, A.addr]);
        await peers.fail(await tick(world, scene), 'timeout');
        world.runtime.run(() => ringState.verdict(C, false));
        await world.idle();
        expect(pointers(world).successors).toEqual([D.addr, A.addr]);
        expect(inWords(peers.take())).toEqual([`get_state ${D.addr}`]);
      },
      { leaves: LEAVES },
    ),
  );

  it(
    'has a question judged that never has an outcome, and acts at once where somebody else answers at an address',
    inWorld(
      async (world) => {
        const scene = await startScene(world);
        const { peers, told } = scene;
        await join(world, scene);
        await tick(world, scene);
        told.length = 0;
        await world.advance(1100);
        world.runtime.run(ringState.tick);
        await world.idle();
        expect(told).toContainEqual({ type: 'judge', peer: C });
        world.runtime.run(() => ringState.verdict(C, true));
        await world.idle();
        await peers.fail(await tick(world, scene), 'refused');
        expect(pointers(world).successors).toEqual([D.addr, A.addr]);
      },
      { leaves: LEAVES },
    ),
  );

  it(
    'goes on after a crash with its pointers and without the step that was under way',
    inWorld(
      async (world) => {
        const scene = await startScene(world);
        await join(world, scene);
        const asked = await tick(world, scene);
        const before = pointers(world);
        await killRingState(world);
        expect(pointers(world)).toEqual(before);
        expect(world.runtime.run(ringState.read)?.step).toBeUndefined();
        // The answer to the process that has died is nobody's.
        await scene.peers.answer(asked, { type: 'state', predecessor: B, successors: [A] });
        expect(pointers(world)).toEqual(before);
        await scene.peers.answer(await tick(world, scene), { type: 'state', predecessor: B, successors: [A] });
        expect(pointers(world).successors).toEqual([C.addr, A.addr]);
      },
      { leaves: LEAVES },
    ),
  );

  it(
    'keeps its table when its heir is killed and another appointed, and says so when both have died together',
    inWorld(
      async (world) => {
        const scene = await startScene(world, 'active');
        const losses = () => world.reportsOf('event').filter(({ event }) => event === 'ring_lost').length;
        expect(losses()).toBe(1);
        await world.outside(ringState.create);
        world.kill(world.runtime.whereis(tableHeir.NAME) as Pid);
        await world.idle();
        await world.advance(5);
        await killRingState(world);
        expect(pointers(world).phase).toBe('member');
        expect(losses()).toBe(1);
        world.kill(world.runtime.whereis(tableHeir.NAME) as Pid);
        world.kill(world.runtime.whereis(ringState.NAME) as Pid);
        await world.idle();
        await world.advance(5);
        expect(pointers(world).phase).toBe('outside');
        expect(losses()).toBe(2);
        expect(inWords(scene.peers.take())).toEqual([]);
      },
      { leaves: LEAVES },
    ),
  );

  it(
    'leave() tells both neighbours who comes in its place, and from then on it refuses what a member is asked',
    inWorld(
      async (world) => {
        const scene = await startScene(world);
        await join(world, scene);
        await world.outside(ringState.leave);
        expect(inWords(scene.peers.take())).toEqual([`leaving_before ${A.addr}`, `leaving_after ${C.addr}`]);
        const answer = await world.run(async (self: Self<unknown>) => {
          const replyTo = { pid: self.pid as Pid<RpcReply>, correlationId: 7, from: A };
          self.send(ringState.NAME, { type: 'rpc_asked', question: { type: 'get_state' }, replyTo });
          return self.receive<RpcReply>();
        });
        expect(answer).toMatchObject({ correlationId: 7, error: { code: 'not_a_member' } });
      },
      { leaves: LEAVES },
    ),
  );
});
