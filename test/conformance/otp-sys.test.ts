/** sys looks into servers as Erlang's does: facts 54 to 56 of its semantics. */
import {
  type Ask,
  Exit,
  type GenServer,
  genServer,
  noReply,
  type Pid,
  reply,
  Runtime,
  type ServerRef,
  started,
  sys,
} from '../../src/otp';
import { failureOf, inWorld, raise, type World } from '../support/runtime';

type Call = Ask<'get', readonly unknown[]>;
type Server = GenServer<unknown, readonly unknown[], Call, unknown, unknown>;
type Ref = Pid<unknown> & ServerRef<Call, unknown, unknown>;

const GET: Call = { type: 'get' };

/** Keeps every cast and info in its state. */
const keeper: Server = {
  init: () => started([]),
  handleCall: (_get, _from, state) => reply(state, state),
  handleCast: (message, state) => noReply([...state, message]),
  handleInfo: (message, state) => noReply([...state, message]),
};

async function startIn(world: World, changes: Partial<Server> = {}): Promise<Ref> {
  const result = await world.outside(() => genServer.start({ ...keeper, ...changes }, 0, { name: 'keeper' }));
  if (result === 'ignore' || !result.ok) throw new Error('Cannot start');
  return result.value;
}

const reasonOf = (failure: unknown) => (failure instanceof Exit ? failure.reason : failure);
const castAll = (world: World, ref: Ref, ...messages: readonly unknown[]) =>
  world.runtime.run(() => messages.forEach((message) => genServer.cast(ref, message)));

describe('sys', () => {
  it(
    'fact 54: get_state gives the state, replace_state the new one',
    inWorld(
      async (world) => {
        const ref = await startIn(world);
        castAll(world, ref, 1);
        expect(await world.outside(() => sys.getState(ref))).toEqual([1]);
        const replaced = world.outside(() => sys.replaceState(ref, (state: readonly unknown[]) => [...state, 'new']));
        expect(await replaced).toEqual([1, 'new']);
        expect(await world.outside(() => genServer.call(ref, GET))).toEqual([1, 'new']);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 54: replace_state that raises fails with callback_failed and keeps the state',
    inWorld(
      async (world) => {
        const ref = await startIn(world);
        castAll(world, ref, 'kept');
        for (const thrown of [new Error('broken'), 'ball', new Exit('exit')]) {
          const failure = await failureOf(() => world.outside(() => sys.replaceState(ref, () => raise(thrown))));
          expect(reasonOf(failure)).toMatchObject(['callback_failed', 'replace_state', expect.anything()]);
        }
        expect(await world.outside(() => sys.getState(ref))).toEqual(['kept']);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 54: a promise is no state: replace_state and change_code fail with callback_failed and keep theirs',
    inWorld(
      async (world) => {
        const ref = await startIn(world, { codeChange: () => Promise.resolve([]) as unknown as readonly unknown[] });
        castAll(world, ref, 'kept');
        for (const later of [async () => ['later'], () => Promise.reject(new Error('later'))]) {
          const failure = await failureOf(() => world.outside(() => sys.replaceState(ref, later)));
          const reason = ['bad_return_value', expect.anything()];
          expect(reasonOf(failure)).toEqual(['callback_failed', 'replace_state', reason]);
        }
        await world.outside(() => sys.suspend(ref));
        const failure = await failureOf(() => world.outside(() => sys.changeCode(ref, 1, 2)));
        expect(reasonOf(failure)).toMatchObject(['callback_failed', 'change_code', ['bad_return_value', {}]]);
        await world.outside(() => sys.resume(ref));
        expect(await world.outside(() => sys.getState(ref))).toEqual(['kept']);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 54: get_status tells status, module, parent, log and the state as formatStatus shows it',
    inWorld(
      async (world) => {
        const ref = await startIn(world, { formatStatus: (state) => `${state.length} secrets` });
        castAll(world, ref, 'secret');
        const status = { pid: ref.toString(), module: 'keeper', parent: undefined, log: [], state: '1 secrets' };
        expect(await world.outside(() => sys.getStatus(ref))).toEqual({ ...status, status: 'running' });
        await world.outside(() => sys.suspend(ref));
        expect(await world.outside(() => sys.getStatus(ref))).toEqual({ ...status, status: 'suspended' });
        expect(world.runtime.processInfo(ref)?.status).toBe('suspended');
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 54: suspend and resume are idempotent and not counted',
    inWorld(
      async (world) => {
        const ref = await startIn(world);
        const status = async () => (await world.outside(() => sys.getStatus(ref))).status;
        expect(await world.outside(() => sys.resume(ref))).toBe('ok');
        for (let count = 0; count < 3; count += 1) expect(await world.outside(() => sys.suspend(ref))).toBe('ok');
        expect(await status()).toBe('suspended');
        expect(await world.outside(() => sys.resume(ref))).toBe('ok');
        expect(await status()).toBe('running');
        expect(await world.outside(() => sys.resume(ref))).toBe('ok');
        expect(await world.outside(() => genServer.call(ref, GET))).toEqual([]);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 54: statistics count messages while they are on, and are no_statistics when off',
    inWorld(
      async (world) => {
        const ref = await startIn(world);
        const ask = (flag: boolean | 'get') => world.outside(() => sys.statistics(ref, flag));
        expect(await ask('get')).toBe('no_statistics');
        castAll(world, ref, 'before');
        expect(await ask(true)).toBe('ok');
        castAll(world, ref, 1, 2);
        await world.outside(() => genServer.call(ref, GET));
        await world.advance(50);
        expect(await ask('get')).toEqual({
          startTimeMs: 0,
          currentTimeMs: 50,
          reductions: 7,
          messagesIn: 3,
          messagesOut: 1,
        });
        expect(await ask(false)).toBe('ok');
        expect(await ask('get')).toBe('no_statistics');
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 54: log keeps the last ten events',
    inWorld(
      async (world) => {
        const ref = await startIn(world);
        const ask = (flag: boolean | 'get') => world.outside(() => sys.log(ref, flag));
        castAll(world, ref, 'before');
        expect(await ask('get')).toEqual([]);
        expect(await ask(true)).toBe('ok');
        castAll(world, ref, ...Array.from({ length: 9 }, (_, count) => count));
        await world.outside(() => genServer.call(ref, GET));
        const log = await ask('get');
        expect(log).toHaveLength(10);
        expect(log.slice(-4)).toEqual([
          { type: 'in', message: 8 },
          { type: 'noreply', state: ['before', 0, 1, 2, 3, 4, 5, 6, 7, 8] },
          { type: 'in', message: GET },
          { type: 'out', message: ['before', 0, 1, 2, 3, 4, 5, 6, 7, 8], to: undefined },
        ]);
        expect((await world.outside(() => sys.getStatus(ref))).log).toEqual(log);
        expect(await ask(false)).toBe('ok');
        expect(await ask('get')).toEqual([]);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 54: trace shows every event until it is switched off',
    inWorld(
      async (world) => {
        const ref = await startIn(world);
        const seen: unknown[] = [];
        await world.outside(() => sys.trace(ref, (event) => void seen.push(event.type)));
        castAll(world, ref, 1);
        await world.outside(() => genServer.call(ref, GET));
        await world.outside(() => sys.trace(ref, false));
        castAll(world, ref, 2);
        await world.idle();
        expect(seen).toEqual(['in', 'noreply', 'in', 'out']);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 54: a second trace takes the place of the first',
    inWorld(
      async (world) => {
        const ref = await startIn(world);
        const seen: string[] = [];
        await world.outside(() => sys.trace(ref, (event) => void seen.push(`first ${event.type}`)));
        castAll(world, ref, 1);
        await world.outside(() => sys.trace(ref, (event) => void seen.push(`second ${event.type}`)));
        castAll(world, ref, 2);
        await world.idle();
        expect(seen).toEqual(['first in', 'first noreply', 'second in', 'second noreply']);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 54: a debug function that fails later is removed and harms nobody',
    inWorld(
      async (world) => {
        const ref = await startIn(world);
        const calls: string[] = [];
        const fail = (name: string): unknown => (calls.push(name), Promise.reject(new Error('debug')));
        await world.outside(() => sys.trace(ref, () => fail('trace')));
        await world.outside(() => sys.install(ref, 'bad', () => fail('bad'), 0));
        await world.outside(() => sys.statistics(ref, true));
        await world.idle();
        const before = calls.length;
        castAll(world, ref, 1);
        await world.idle();
        castAll(world, ref, 2);
        await world.idle();
        // A cast is two events: it is taken, and nothing is answered.
        expect([before, calls]).toEqual([0, ['trace', 'bad', 'trace', 'bad']]);
        expect(await world.outside(() => sys.statistics(ref, 'get'))).toMatchObject({ messagesIn: 2 });
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 54: an installed debug function carries a state, keeps its name, and goes when it is done or removed',
    inWorld(
      async (world) => {
        const ref = await startIn(world);
        const seen: unknown[] = [];
        const countTo = (last: number) => (count: unknown) => {
          seen.push(count);
          return count === last ? 'done' : Number(count) + 1;
        };
        await world.outside(() => sys.install(ref, 'counter', countTo(3), 1));
        await world.outside(() => sys.install(ref, 'counter', countTo(99), 50));
        castAll(world, ref, 1, 2, 3);
        await world.idle();
        expect(seen).toEqual([1, 2, 3]);
        await world.outside(() => sys.install(ref, 'counter', countTo(99), 90));
        castAll(world, ref, 4);
        await world.outside(() => sys.remove(ref, 'counter'));
        castAll(world, ref, 5);
        await world.idle();
        expect(seen).toEqual([1, 2, 3, 90, 91]);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 54: a debug function that throws is removed and harms nobody',
    inWorld(
      async (world) => {
        const ref = await startIn(world);
        const calls: string[] = [];
        await world.outside(() => sys.install(ref, 'bad', () => raise((calls.push('bad'), new Error('debug'))), 0));
        await world.outside(() => sys.install(ref, 'good', () => void calls.push('good'), 0));
        castAll(world, ref, 1);
        expect(await world.outside(() => genServer.call(ref, GET))).toEqual([1]);
        expect(calls).toEqual(['bad', 'good', 'good', 'good', 'good']);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 54: change_code converts the state of a suspended server only, and keeps it when that fails',
    inWorld(
      async (world) => {
        const ref = await startIn(world, {
          codeChange: (oldVersion, state, extra) =>
            extra === 'bad' ? raise(new Error('bad')) : [...state, oldVersion, extra],
        });
        const change = (extra: unknown) => world.outside(() => sys.changeCode(ref, 1, extra));
        expect(reasonOf(await failureOf(() => change('x')))).toEqual([
          'callback_failed',
          'change_code',
          'not_suspended',
        ]);
        await world.outside(() => sys.suspend(ref));
        expect(await change('x')).toBe('ok');
        expect(reasonOf(await failureOf(() => change('bad')))).toEqual([
          'callback_failed',
          'change_code',
          new Error('bad'),
        ]);
        await world.outside(() => sys.resume(ref));
        expect(await world.outside(() => genServer.call(ref, GET))).toEqual([1, 'x']);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 54: terminate ends the server with the reason, through its terminate',
    inWorld(async (world) => {
      const calls: unknown[] = [];
      const ref = await startIn(world, { terminate: (reason, state) => void calls.push(reason, state) });
      const ending = world.watch(ref);
      expect(await world.outside(() => sys.terminate(ref, 'told to'))).toBe('ok');
      expect([ending.reason, calls]).toEqual(['told to', ['told to', []]]);
    }),
  );

  it(
    'fact 55: a suspended server keeps calls and casts in order until it is resumed, and callers may time out',
    inWorld(
      async (world) => {
        const ref = await startIn(world);
        await world.outside(() => sys.suspend(ref));
        castAll(world, ref, 1, 2);
        world.runtime.send<unknown>(ref, 3);
        const failure = await world.run((self) => failureOf(() => self.run(() => genServer.call(ref, GET, 10))), {
          advanceMs: 20,
        });
        expect(reasonOf(failure)).toEqual(['timeout', ['gen_server', 'call', [ref, GET, 10]]]);
        castAll(world, ref, 4);
        expect(await world.outside(() => sys.getState(ref))).toEqual([]);
        await world.outside(() => sys.resume(ref));
        expect(await world.outside(() => genServer.call(ref, GET))).toEqual([1, 2, 3, 4]);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 55: a suspended server can be killed, and is killed while it handles what waits',
    inWorld(async (world) => {
      const ref = await startIn(world);
      const ending = world.watch(ref);
      await world.outside(() => sys.suspend(ref));
      world.kill(ref);
      expect(ending.reason).toBe('killed');
      await world.idle();
    }),
  );

  it(
    'fact 55: a suspend that stands behind a resume in the queue counts: they are taken in order',
    inWorld(
      async (world) => {
        const ref = await startIn(world);
        await world.outside(() => sys.suspend(ref));
        castAll(world, ref, 1);
        await world.outside(async () => {
          const resumed = sys.resume(ref);
          genServer.cast(ref, 2);
          await Promise.all([resumed, sys.suspend(ref)]);
        });
        castAll(world, ref, 3);
        await world.idle();
        expect(await world.outside(() => sys.getState(ref))).toEqual([1, 2]);
        await world.outside(() => sys.resume(ref));
        expect(await world.outside(() => sys.getState(ref))).toEqual([1, 2, 3]);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 56: system requests pass the callbacks by and are handled in queue order with messages',
    inWorld(
      async (world) => {
        const ref = await startIn(world);
        const states = await world.outside(async () => {
          const pending: Promise<unknown>[] = [];
          for (let count = 0; count < 3; count += 1) {
            pending.push(sys.getState(ref));
            genServer.cast(ref, count);
          }
          return Promise.all(pending);
        });
        expect(states).toEqual([[], [0], [0, 1]]);
        expect(await world.outside(() => sys.getState(ref))).toEqual([0, 1, 2]);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 56: a system request waits until an asynchronous callback is over',
    inWorld(
      async (world) => {
        const ref = await startIn(world, {
          handleCast: async (message, state, self) => (await self.sleep(10), noReply([...state, message])),
        });
        castAll(world, ref, 1);
        const pending = world.run((self) => self.run(() => sys.getState(ref)), { advanceMs: 20 });
        expect(await pending).toEqual([1]);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 42: a system request fails as a call does, and says that it was one',
    inWorld(async (world) => {
      const dead = world.spawn(() => {});
      await world.idle();
      const failure = await failureOf(() => world.outside(() => sys.getState(dead)));
      expect(reasonOf(failure)).toEqual(['noproc', ['sys', 'get_state', [dead, 'get_state']]]);
    }),
  );

  it('facts 54 to 56 hold on the scheduler of nact', async () => {
    const runtime = new Runtime();
    const seen = await runtime.run(async () => {
      const result = await genServer.start(keeper, 0);
      if (result === 'ignore' || !result.ok) return raise(result);
      const ref = result.value;
      await sys.suspend(ref);
      genServer.cast(ref, 1);
      const before = await sys.getState(ref);
      await sys.resume(ref);
      const after = await genServer.call(ref, GET);
      await sys.terminate(ref, 'normal');
      return [before, after];
    });
    expect(seen).toEqual([[], [1]]);
    runtime.stop();
  });
});
