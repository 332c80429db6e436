/**
 * gen_server starts as Erlang's does: facts 31 to 36 of its semantics, and oddity 10.5.
 *
 * What is thrown counts as an error here, never as a returned value (10.5).
 */
import {
  cannotStart,
  genServer,
  ignore,
  isDown,
  noReply,
  type Pid,
  type Reason,
  type Self,
  serverNamed,
  started,
  startError,
  stop,
  sys,
  TIMEOUT,
} from '../../src/otp';
import { failureOf, inWorld, raise } from '../support/runtime';
import {
  type Call,
  CALL,
  type Callbacks,
  type Handlers,
  MANY_SEEDS,
  server,
  startIn,
  startLinkedTo,
} from '../support/servers';

describe('start', () => {
  it(
    'fact 31: start_link and start run init in the new process and return when it has returned',
    inWorld(
      async (world) => {
        const order: string[] = [];
        await world.run(
          async (self) => {
            const init = async (_args: unknown, inner: Self<unknown>) => {
              order.push(`init in another process: ${inner.pid !== self.pid}`);
              await inner.sleep(10);
              order.push('init over');
              return started(0);
            };
            const linked = await startLinkedTo(self, { init });
            order.push('started');
            expect(world.runtime.processInfo(self.pid)?.links).toEqual([linked]);
            const alone = await self.run(() => genServer.start(server({ init }), undefined));
            order.push('started');
            expect(alone).toMatchObject({ ok: true });
            expect(world.runtime.processInfo(self.pid)?.links).toEqual([linked]);
            self.unlink(linked);
          },
          { advanceMs: 50 },
        );
        const once = ['init in another process: true', 'init over', 'started'];
        expect(order).toEqual([...once, ...once]);
      },
      { leaves: 2 },
    ),
  );

  it(
    'what a function that gives a promise has against its arguments is a rejection, not a throw',
    inWorld(
      async (world) => {
        const ref = await startIn(world, {});
        const attempts: (() => Promise<unknown>)[] = [
          () => genServer.call(ref, CALL, -1),
          () => genServer.stop(ref, 'normal', -1),
          () => genServer.start(server({}), 0, { name: '' }),
          () => genServer.start(server({}), 0, { timeoutMs: -1 }),
          () => genServer.startLink(server({}), 0),
          () => sys.getState(ref, -1),
        ];
        for (const attempt of attempts) {
          const failure = world.runtime.run(() => attempt().catch((error: unknown) => error));
          expect(await failure).toBeInstanceOf(Error);
        }
        // Outside of any runtime, a name says nothing.
        const lost = await genServer.call(serverNamed<Call>('nobody'), CALL).catch((error: unknown) => error);
        expect(lost).toBeInstanceOf(Error);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 31: start_monitor gives a pid and a reference, and no death is missed in between',
    inWorld(
      async (world) => {
        const downs = await world.run(async (self) => {
          const dying = server({ init: () => started(0, { continue: 1 }), handleContinue: () => stop('at once', 0) });
          const result = await genServer.startMonitor(dying, undefined, self);
          if (result === 'ignore' || !result.ok) return raise(result);
          const { pid, ref } = result.value;
          const down = await self.receive();
          return [isDown(down) && down.ref === ref && down.from === pid, isDown(down) && down.reason];
        });
        expect(downs).toEqual([true, 'at once']);
      },
      { seeds: MANY_SEEDS },
    ),
  );

  it(
    'fact 31: start_monitor that fails leaves no DOWN behind',
    inWorld(async (world) => {
      const left = await world.run(
        async (self) => {
          const failing = server({ init: () => cannotStart('no') });
          const taken = await genServer.startMonitor(failing, undefined, self);
          return [taken, await self.receive({ timeoutMs: 1 }), self.process.monitors.size];
        },
        { advanceMs: 5 },
      );
      expect(left).toEqual([{ ok: false, error: 'no' }, TIMEOUT, 0]);
    }),
  );

  it(
    'facts 32 and 33: what init gives is what start gives',
    inWorld(async (world) => {
      const error = new Error('broken');
      const inits: [Callbacks['init'], unknown, Reason][] = [
        [() => cannotStart('because'), { ok: false, error: 'because' }, 'because'],
        [() => startError('politely'), { ok: false, error: 'politely' }, 'normal'],
        [() => ignore(), 'ignore', 'normal'],
        [() => raise(error), { ok: false, error }, error],
        [(_args, self) => self.exit('exited'), { ok: false, error: 'exited' }, 'exited'],
        [(_args, self) => void self.sendExit(self.pid, 'kill') as never, { ok: false, error: 'killed' }, 'killed'],
      ];
      const bad: unknown[] = [undefined, null, 7, 'ok', { type: 'reply' }, { type: 'noreply', state: 1 }];
      for (const value of bad) {
        const reason = ['bad_return_value', value];
        inits.push([() => value as ReturnType<typeof ignore>, { ok: false, error: reason }, reason]);
      }
      for (const [init, result, reason] of inits) {
        for (const asynchronous of [false, true]) {
          const reasons: Reason[] = [];
          const callbacks = server({
            init(args, self) {
              reasons.push(world.watch(self.pid));
              return asynchronous ? self.yield().then(() => init(args, self)) : init(args, self);
            },
          });
          expect(await world.outside(() => genServer.start(callbacks, undefined, { name: 'one' }))).toEqual(result);
          expect(reasons).toEqual([{ ended: true, reason }]);
          expect(world.runtime.whereis('one')).toBeUndefined();
        }
      }
    }),
  );

  it(
    'fact 32: init may give a timeout, hibernate or a continue with the state',
    inWorld(
      async (world) => {
        const events: unknown[] = [];
        const handlers: Handlers = {
          handleInfo: (message, state) => noReply((events.push(message), state)),
          handleContinue: (message, state) => noReply((events.push(message), state)),
        };
        await startIn(world, { ...handlers, init: () => started(1, { timeoutMs: 10 }) });
        await world.advance(9);
        expect(events).toEqual([]);
        await world.advance(1);
        expect(events).toEqual([{ type: 'timeout' }]);
        await startIn(world, { ...handlers, init: () => started(1, { continue: 'go' }) });
        await startIn(world, { ...handlers, init: () => started(1, 'hibernate') });
        await world.advance(100);
        expect(events).toEqual([{ type: 'timeout' }, 'go']);
      },
      { leaves: 3 },
    ),
  );

  it(
    'fact 33: a bad timeout in what init gives fails the start',
    inWorld(async (world) => {
      for (const next of [{ timeoutMs: -1 }, { timeoutMs: Number.NaN }, 17, null, {}]) {
        const init = () => started(0, next as never);
        const result = await world.outside(() => genServer.start(server({ init }), undefined));
        expect(result).toEqual({ ok: false, error: ['bad_return_value', init()] });
      }
    }),
  );

  it(
    'oddity 10.5: a value that init throws is an error, not a result',
    inWorld(async (world) => {
      const result = await world.outside(() => genServer.start(server({ init: () => raise(started(0)) }), undefined));
      expect(result).toEqual({ ok: false, error: ['nocatch', started(0)] });
    }),
  );

  it(
    'fact 33: a start that takes longer than its timeout is killed, also when init never settles',
    inWorld(async (world) => {
      const inits: Callbacks['init'][] = [
        () => new Promise(() => {}),
        async (_args, self) => (await self.sleep(1000), started(0)),
        async (_args, self) => (await self.receive(), started(0)),
      ];
      for (const init of inits) {
        const endings: Reason[] = [];
        const slow = server({ init: (args, self) => (endings.push(world.watch(self.pid)), init(args, self)) });
        const result = await world.run(
          async (self) => {
            self.trapExit(true);
            const given = await self.run(() => genServer.startLink(slow, 0, { name: 'slow', timeoutMs: 50 }));
            return [given, self.nowMs() % 100, world.runtime.whereis('slow'), await self.receive({ timeoutMs: 1 })];
          },
          { advanceMs: 100 },
        );
        expect(result).toEqual([{ ok: false, error: 'timeout' }, 50, undefined, TIMEOUT]);
        expect(endings).toEqual([{ ended: true, reason: 'killed' }]);
      }
    }),
  );

  it(
    'fact 33: a name that is taken gives already_started, and init is not called',
    inWorld(
      async (world) => {
        let inits = 0;
        const first = await startIn(world, {}, { name: 'taken' });
        const second = server({ init: () => ((inits += 1), started(0)) });
        const result = await world.outside(() => genServer.start(second, undefined, { name: 'taken' }));
        expect(result).toEqual({ ok: false, error: ['already_started', first] });
        expect(inits).toBe(0);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 33: a name that is none is badarg and starts nothing',
    inWorld(async (world) => {
      await world.run(async (self) => {
        for (const name of ['', 'undefined']) {
          const failure = await failureOf(() => self.run(() => genServer.startLink(server({}), undefined, { name })));
          expect(failure).toMatchObject({ name: 'badarg' });
        }
        expect(world.runtime.processInfo(self.pid)).toMatchObject({ links: [], status: 'running' });
      });
      expect(world.runtime.processCount).toBe(0);
    }),
  );

  it(
    'fact 34: the name is registered before init runs, and a call to a server that is still in init waits',
    inWorld(
      async (world) => {
        const holders: unknown[] = [];
        const starting = world.runtime.run(() =>
          genServer.start(
            server({
              init: async (_args, self) => {
                holders.push(world.runtime.whereis('early') === self.pid);
                await self.sleep(20);
                return started('ready');
              },
            }),
            undefined,
            { name: 'early' },
          ),
        );
        const answer = world.run((self) => self.run(() => genServer.call(serverNamed<Call>('early'), CALL)), {
          advanceMs: 50,
        });
        expect(await answer).toBe('ready');
        expect(await starting).toMatchObject({ ok: true });
        expect(holders).toEqual([true]);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 35: a caller that does not trap exits dies of an init that fails, and survives one that ignores',
    inWorld(async (world) => {
      const cases: [Callbacks['init'], Reason][] = [
        [() => cannotStart('bad'), 'bad'],
        [() => raise(new Error('broken')), new Error('broken')],
        [() => ignore(), 'normal'],
        [() => startError('polite'), 'normal'],
        [(_args, self) => void self.sendExit(self.pid, 'kill') as never, 'killed'],
      ];
      for (const [init, reason] of cases) {
        const ending = world.watch(
          world.spawn(async (self) => {
            await self.run(() => genServer.startLink(server({ init }), undefined));
          }),
        );
        await world.idle();
        expect(ending).toEqual({ ended: true, reason });
      }
    }),
  );

  it(
    'fact 35: a caller that traps exits gets the error, finds the process dead and no EXIT in its mailbox',
    inWorld(
      async (world) => {
        const pids: Pid[] = [];
        const inits: [Callbacks['init'], unknown][] = [
          [() => cannotStart('bad'), { ok: false, error: 'bad' }],
          [() => raise('ball'), { ok: false, error: ['nocatch', 'ball'] }],
          [() => ignore(), 'ignore'],
          [(_args, self) => void self.sendExit(self.pid, 'kill') as never, { ok: false, error: 'killed' }],
          [async (_args, self) => (await self.yield(), self.exit('later')), { ok: false, error: 'later' }],
        ];
        for (const [init, expected] of inits) {
          const callbacks = server({ init: (args, self) => (pids.push(self.pid), init(args, self)) });
          const seen = await world.run(
            async (self) => {
              self.trapExit(true);
              const result = await self.run(() => genServer.startLink(callbacks, undefined));
              const dead = !pids.some((pid) => world.runtime.isAlive(pid));
              return [result, dead, await self.receive({ timeoutMs: 1 })];
            },
            { advanceMs: 5 },
          );
          expect(seen).toEqual([expected, true, TIMEOUT]);
        }
      },
      { seeds: MANY_SEEDS },
    ),
  );

  it(
    'fact 35: a process that is killed from outside during its init gives its reason and leaves no EXIT',
    inWorld(async (world) => {
      const seen = await world.run(
        async (self) => {
          self.trapExit(true);
          const init = async (_args: unknown, inner: Self<unknown>) => {
            self.spawn((killer) => void killer.sendExit(inner.pid, 'murder'));
            await inner.sleep(1000);
            return started(0);
          };
          const result = await self.run(() => genServer.startLink(server({ init }), undefined));
          return [result, await self.receive({ timeoutMs: 1 })];
        },
        { advanceMs: 5 },
      );
      expect(seen).toEqual([{ ok: false, error: 'murder' }, TIMEOUT]);
    }),
  );

  it(
    'fact 35: a starter that dies takes the server along, during init too',
    inWorld(async (world) => {
      const endings: unknown[] = [];
      const init = async (_args: unknown, self: Self<unknown>) => {
        endings.push(world.watch(self.pid));
        await self.sleep(1000);
        return started(0);
      };
      const starter = world.spawn(async (self) => void (await startLinkedTo(self, { init })));
      await world.idle();
      world.kill(starter, 'over');
      await world.advance(2000);
      expect(endings).toEqual([{ ended: true, reason: 'over' }]);
      expect(world.reports).toEqual([]);
    }),
  );

  it(
    'fact 36: the server remembers its parent, its ancestors and its initial call',
    inWorld(async (world) => {
      await world.run(async (self) => {
        self.register('parent');
        const result = await self.run(() => genServer.startLink(server({}), undefined, { name: 'child' }));
        if (result === 'ignore' || !result.ok) return raise(result);
        const info = world.runtime.processInfo(result.value);
        expect(info).toMatchObject({ ancestors: ['parent'], initialCall: 'child:init/1' });
        const status = await self.run(() => sys.getStatus(result.value));
        expect(status).toMatchObject({ parent: self.pid.toString(), status: 'running' });
        self.unlink(result.value);
        self.sendExit(result.value, 'kill');
        return undefined;
      });
    }),
  );
});
