/**
 * gen_server behaves as Erlang's: facts 31 to 53 of its semantics, and oddity 10.5.
 *
 * What is thrown counts as an error here, never as a returned value (10.5). Calls to other nodes
 * (`nodedown`, `multi_call`) wait for distribution.
 */
import { setTimeout as sleepOutside } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import {
  type Ask,
  cannotStart,
  Exit,
  type From,
  type GenServer,
  genServer,
  ignore,
  isDown,
  isExit,
  noReply,
  type Pid,
  randomFrom,
  type Reason,
  reply,
  replyTo,
  type ResponseMessage,
  Runtime,
  type Self,
  type ServerRef,
  serverNamed,
  started,
  startError,
  stop,
  stopReply,
  sys,
  TIMEOUT,
} from '../../src/otp';
import { Mailbox } from '../../src/otp/mailbox';
import { failureOf, idler, inWorld, type World } from '../support/runtime';

type Call = Ask<'do', unknown, { readonly what?: string }>;
type Callbacks = GenServer<unknown, unknown, Call, unknown, unknown, unknown>;
type Ref = Pid<unknown> & ServerRef<Call, unknown, unknown>;
type Handlers = Partial<Callbacks>;

const MANY_SEEDS = 10;
const CALL: Call = { type: 'do' };
const ask = (what: string): Call => ({ type: 'do', what });

/** A server whose callbacks say nothing special, but for those given. */
const server = (handlers: Handlers): Callbacks => ({
  init: () => started('state'),
  handleCall: ({ what }, _from, state) => reply(what ?? state, state),
  handleCast: (_message, state) => noReply(state),
  handleInfo: (_message, state) => noReply(state),
  ...handlers,
});

async function startIn(world: World, handlers: Handlers, options: { readonly name?: string } = {}): Promise<Ref> {
  const result = await world.outside(() => genServer.start(server(handlers), undefined, options));
  if (result === 'ignore' || !result.ok) throw new Error(`Cannot start: ${JSON.stringify(result)}`);
  return result.value;
}

/** Starts a linked server in the process `self`, which must succeed. */
async function startLinkedTo(self: Self<unknown>, handlers: Handlers): Promise<Ref> {
  const result = await self.run(() => genServer.startLink(server(handlers), undefined));
  if (result === 'ignore' || !result.ok) throw new Error('Cannot start');
  return result.value;
}

const raise = (value: unknown): never => {
  throw value;
};
const badResult = (value: unknown) => value as ReturnType<typeof noReply>;
const causeOf = (failure: unknown) => (failure instanceof Exit ? (failure.reason as readonly unknown[])[0] : failure);
const callFailure = async (world: World, ref: ServerRef<Call>, timeoutMs?: number) =>
  causeOf(await failureOf(() => world.outside(() => genServer.call(ref, CALL, timeoutMs))));

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

describe('callbacks', () => {
  it(
    'fact 37: every result of every callback is carried out',
    inWorld(
      async (world) => {
        const ref = await startIn(world, {
          init: () => started([]),
          handleCall: ({ what }, from, state) => {
            if (what === 'later') return replyTo(from, 'replied'), noReply([...(state as []), 'later']);
            return reply(state, [...(state as []), 'call']);
          },
          handleCast: (message, state) => noReply([...(state as []), message]),
          handleInfo: (message, state) => noReply([...(state as []), message], { continue: 'continued' }),
          handleContinue: (message, state) => noReply([...(state as []), message]),
        });
        world.runtime.run(() => genServer.cast(ref, 'cast'));
        world.runtime.send<unknown>(ref, 'info');
        expect(await world.outside(() => genServer.call(ref, CALL))).toEqual(['cast', 'info', 'continued']);
        expect(await world.outside(() => genServer.call(ref, ask('later')))).toBe('replied');
        expect(await world.outside(() => sys.getState(ref))).toEqual(['cast', 'info', 'continued', 'call', 'later']);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 37: anything else, a negative timeout too, stops the server with bad_return_value and the value',
    inWorld(async (world) => {
      const values: unknown[] = [
        undefined,
        null,
        'noreply',
        { type: 'started', state: 0 },
        { type: 'reply', answer: 1, state: 0 },
        { type: 'stop_reply', reason: 'normal', answer: 1, state: 0 },
        noReply(0, { timeoutMs: -1 }),
        noReply(0, { timeoutMs: 0.5 }),
        noReply(0, 7 as never),
        noReply(0, {} as never),
      ];
      for (const value of values) {
        for (const asynchronous of [false, true]) {
          const states: unknown[] = [];
          const ref = await startIn(world, {
            handleCast: () => (asynchronous ? Promise.resolve(badResult(value)) : badResult(value)),
            terminate: (_reason, state) => void states.push(state),
          });
          const ending = world.watch(ref);
          world.runtime.run(() => genServer.cast(ref, 1));
          await world.idle();
          expect(ending.reason).toEqual(['bad_return_value', value]);
          expect(states).toEqual(['state']);
        }
      }
    }),
  );

  it(
    'oddity 10.5: a result that is thrown is an error, not a result',
    inWorld(async (world) => {
      const ref = await startIn(world, { handleCast: (_message, state) => raise(noReply(state)) });
      const ending = world.watch(ref);
      world.runtime.run(() => genServer.cast(ref, 1));
      await world.idle();
      expect(ending.reason).toEqual(['nocatch', noReply('state')]);
    }),
  );

  it(
    'fact 38: a continue runs before any message, also those already queued, after init and after a callback',
    inWorld(
      async (world) => {
        for (const asynchronous of [false, true]) {
          const order: unknown[] = [];
          const ref = await startIn(world, {
            init: (_args, self) => {
              for (const count of [1, 2]) self.send<unknown>(self.pid, count);
              return started(0, { continue: 'after init' });
            },
            handleInfo: (message, state) => {
              order.push(message);
              return message === 1 ? noReply(state, { continue: 'after 1' }) : noReply(state);
            },
            handleContinue: async (message, state, self) => {
              order.push(`begin ${String(message)}`);
              if (asynchronous) await self.sleep(10);
              order.push(`end ${String(message)}`);
              return noReply(state);
            },
          });
          await world.advance(100);
          expect(order).toEqual(['begin after init', 'end after init', 1, 'begin after 1', 'end after 1', 2]);
          expect(world.runtime.isAlive(ref)).toBe(true);
        }
      },
      { leaves: 2, seeds: MANY_SEEDS },
    ),
  );

  it(
    'fact 38: with reply and continue the client has its reply before the continue is over',
    inWorld(
      async (world) => {
        const order: unknown[] = [];
        const ref = await startIn(world, {
          handleCall: (_request, _from, state) => reply('answer', state, { continue: 1 }),
          handleContinue: async (_message, state, self) => {
            await self.sleep(10);
            order.push('continued');
            return noReply(state);
          },
        });
        const answer = world.outside(() => genServer.call(ref, CALL)).then((value) => order.push(value));
        await answer;
        await world.advance(20);
        expect(order).toEqual(['answer', 'continued']);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 38: a chain of 100 000 continues needs no deep stack, and lets others run meanwhile',
    inWorld(
      async (world) => {
        for (const asynchronous of [false, true]) {
          const length = asynchronous ? 20_000 : 100_000;
          let reached = 0;
          const ref = await world.runtime.run(() => {
            const starting = genServer.start(
              server({
                init: () => started(0),
                handleCast: (_message, state) => noReply(state, { continue: 1 }),
                handleContinue: (count) => {
                  reached = Number(count);
                  const result = noReply(count, reached < length ? { continue: reached + 1 } : undefined);
                  return asynchronous ? Promise.resolve(result) : result;
                },
              }),
              undefined,
            );
            return world.idle().then(() => starting);
          });
          if (ref === 'ignore' || !ref.ok) return raise(ref);
          world.runtime.run(() => genServer.cast(ref.value, 1));
          await world.scheduler.step();
          if (!asynchronous) expect(reached).toBeLessThan(length);
          expect(await world.outside(() => sys.getState(ref.value))).toBe(length);
        }
        return undefined;
      },
      { leaves: 2, seeds: 1 },
    ),
  );

  it(
    'fact 39: after T ms without a message the server handles a timeout once; a message cancels it',
    inWorld(
      async (world) => {
        const times: [number, unknown][] = [];
        const ref = await startIn(world, {
          handleCast: (ms, state) => noReply(state, { timeoutMs: Number(ms) }),
          handleInfo: (message, state, self) => noReply((times.push([self.nowMs(), message]), state)),
        });
        const cast = (ms: number) => world.runtime.run(() => genServer.cast(ref, ms));
        cast(10);
        await world.advance(100);
        expect(times).toEqual([[10, { type: 'timeout' }]]);
        cast(50);
        await world.advance(40);
        world.runtime.send<unknown>(ref, 'message');
        await world.advance(100);
        expect(times.slice(1)).toEqual([[140, 'message']]);
        cast(Number.POSITIVE_INFINITY);
        await world.advance(100);
        expect(times).toHaveLength(2);
        expect(world.runtime.timerCount).toBe(0);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 98: the idle timer of a server ends with it, however many are killed at random',
    inWorld(
      async (world) => {
        const random = randomFrom(world.seed);
        const idling = { init: () => started(0, { timeoutMs: 3_600_000 }) };
        const refs = await Promise.all(Array.from({ length: 100 }, () => startIn(world, idling)));
        expect(world.runtime.timerCount).toBe(refs.length);
        for (const ref of refs) {
          if (random() < 0.5) world.runtime.send<unknown>(ref, 'no longer idle');
          if (random() < 0.5) world.kill(ref);
          else world.kill(ref, 'away with you');
          if (random() < 0.3) await world.scheduler.step();
        }
        expect([world.runtime.processCount, world.runtime.timerCount]).toEqual([0, 0]);
        expect(refs.every((ref) => ref.process === undefined)).toBe(true);
      },
      { seeds: MANY_SEEDS },
    ),
  );

  it(
    'fact 39: a system request does not cancel the timeout, one of 0 neither',
    inWorld(
      async (world) => {
        const times: number[] = [];
        const ref = await startIn(world, {
          handleCast: (ms, state) => noReply(state, { timeoutMs: Number(ms) }),
          handleInfo: (_message, state, self) => noReply((times.push(self.nowMs()), state)),
        });
        world.runtime.run(() => genServer.cast(ref, 10));
        await world.advance(5);
        await world.outside(() => sys.getState(ref));
        await world.advance(20);
        expect(times).toHaveLength(1);
        await world.outside(async () => {
          genServer.cast(ref, 0);
          await sys.getState(ref);
        });
        await world.advance(5);
        expect(times).toHaveLength(2);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 39: with a timeout of 0 a queued message wins and the timeout is dropped; without one it comes at once',
    inWorld(
      async (world) => {
        const got: unknown[] = [];
        const ref = await startIn(world, {
          handleCast: (_message, state) => noReply(state, { timeoutMs: 0 }),
          handleInfo: (message, state) => noReply((got.push(message), state)),
        });
        world.runtime.run(() => genServer.cast(ref, 0));
        world.runtime.send<unknown>(ref, 'queued');
        await world.advance(10);
        expect(got).toEqual(['queued']);
        world.runtime.run(() => genServer.cast(ref, 0));
        await world.idle();
        expect(got).toEqual(['queued', { type: 'timeout' }]);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 39: a server that asks for a timeout of 0 again and again starves neither others nor its own mailbox',
    inWorld(
      async (world) => {
        let idleTurns = 0;
        const ref = await startIn(world, {
          handleCast: (_message, state) => noReply(state, { timeoutMs: 0 }),
          handleInfo: (_message, state) => {
            idleTurns += 1;
            if (idleTurns > 100_000) throw new Error('Nobody else had a turn');
            return noReply(state, { timeoutMs: 0 });
          },
        });
        world.runtime.run(() => genServer.cast(ref, 0));
        await world.scheduler.step();
        const answer = world.runtime.run(() => genServer.call(ref, ask('hello'), Number.POSITIVE_INFINITY));
        expect(await answered(world, answer)).toBe('hello');
        expect(idleTurns).toBeGreaterThan(0);
        expect(idleTurns).toBeLessThan(10_000);
      },
      { leaves: 1, seeds: 1 },
    ),
  );

  it(
    'fact 39: a timeout that fired while an earlier message was queued is stale and dropped',
    inWorld(
      async (world) => {
        const got: unknown[] = [];
        const ref = await startIn(world, {
          handleCast: (_message, state) => noReply(state, { timeoutMs: 10 }),
          handleInfo: (message, state) => noReply((got.push(message), state)),
        });
        world.runtime.run(() => genServer.cast(ref, 0));
        await world.idle();
        world.runtime.send<unknown>(ref, 'just in time');
        world.scheduler.clock.advanceTo(world.scheduler.clock.nowMs() + 10);
        await world.advance(100);
        expect(got).toEqual(['just in time']);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 40: without handle_info a message gives a warning and the state is kept',
    inWorld(
      async (world) => {
        const result = await world.outside(() =>
          genServer.start({ init: () => started('kept') }, undefined, { name: 'deaf' }),
        );
        if (result === 'ignore' || !result.ok) return raise(result);
        world.runtime.send<never>(result.value, 'hello' as never);
        expect(await world.outside(() => sys.getState(result.value))).toBe('kept');
        expect(world.reports).toEqual([{ type: 'unexpected_message', name: 'deaf', message: 'hello' }]);
        return undefined;
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 40: without another callback the server crashes with undef',
    inWorld(async (world) => {
      const needs: [string, (ref: Ref) => unknown][] = [
        ['handleCall', (ref) => genServer.call(ref, CALL).catch(() => {})],
        ['handleCast', (ref) => genServer.cast(ref, 1)],
      ];
      for (const [name, use] of needs) {
        const bare = { init: () => started(0) } as unknown as Callbacks;
        const result = await world.outside(() => genServer.start(bare, undefined, { module: 'bare' }));
        if (result === 'ignore' || !result.ok) return raise(result);
        const ending = world.watch(result.value);
        world.runtime.run(() => use(result.value));
        await world.idle();
        expect(ending.reason).toEqual(['undef', ['bare', name]]);
      }
      const bare = { init: () => started(0, { continue: 1 }) } as unknown as Callbacks;
      const result = await world.outside(() => genServer.start(bare, undefined, { module: 'bare' }));
      expect(result).toMatchObject({ ok: true });
      expect(world.reportsOf('crash').at(-1)?.reason).toEqual(['undef', ['bare', 'handleContinue']]);
      return undefined;
    }),
  );

  it(
    'fact 41: calls and casts of one client are handled in sending order',
    inWorld(
      async (world) => {
        const got: unknown[] = [];
        const ref = await startIn(world, {
          handleCall: ({ what }, _from, state) => reply(got.push(what), state),
          handleCast: (message, state) => noReply((got.push(message), state)),
          handleInfo: (message, state) => noReply((got.push(message), state)),
        });
        for (const client of ['a', 'b']) {
          world.spawn(async (self) => {
            for (let count = 0; count < 10; count += 1) {
              self.run(() => genServer.cast(ref, `${client} ${3 * count}`));
              self.send<unknown>(ref, `${client} ${3 * count + 1}`);
              await self.run(() => genServer.call(ref, ask(`${client} ${3 * count + 2}`)));
            }
          });
        }
        await world.idle();
        for (const client of ['a', 'b']) {
          const mine = got.filter((entry) => String(entry).startsWith(client));
          expect(mine).toEqual(Array.from({ length: 30 }, (_, count) => `${client} ${count}`));
        }
      },
      { seeds: MANY_SEEDS, leaves: 1 },
    ),
  );
});

/** Steps until the promise has settled. */
async function answered<T>(world: World, promise: Promise<T>): Promise<T> {
  const settled: true[] = [];
  const done = () => void settled.push(true);
  promise.then(done, done);
  for (let steps = 0; steps < 1000 && settled.length === 0; steps += 1) await world.scheduler.step();
  if (settled.length === 0) throw new Error('no answer after 1000 steps');
  return promise;
}

describe('call and reply', () => {
  const silent: Handlers = { handleCall: (_request, _from, state) => noReply(state) };

  it(
    'fact 42: a call times out after 5 000 ms unless it says otherwise, and fails as Erlang tells it',
    inWorld(
      async (world) => {
        const ref = await startIn(world, silent);
        const failures = await world.run(
          async (self) => {
            const first = await failureOf(() => self.run(() => genServer.call(ref, CALL)));
            const firstMs = self.nowMs();
            const second = await failureOf(() => self.run(() => genServer.call(ref, CALL, 70)));
            return [first, firstMs, second, self.nowMs() - firstMs];
          },
          { advanceMs: 10_000 },
        );
        expect(failures).toEqual([
          new Exit(['timeout', ['gen_server', 'call', [ref, CALL]]]),
          5000,
          new Exit(['timeout', ['gen_server', 'call', [ref, CALL, 70]]]),
          70,
        ]);
        expect((failures[0] as Exit).reason).toEqual(['timeout', ['gen_server', 'call', [ref, CALL]]]);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 42: Infinity waits for ever, without a timer; a timeout that is no time is badarg',
    inWorld(
      async (world) => {
        const ref = await startIn(world, silent);
        const caller = world.spawn(async (self) => {
          await self.run(() => genServer.call(ref, CALL, Number.POSITIVE_INFINITY));
        });
        await world.advance(1e9);
        expect([world.runtime.isAlive(caller), world.runtime.timerCount]).toEqual([true, 0]);
        for (const timeoutMs of [-1, Number.NaN, 1.5]) {
          const failure = await failureOf(() => world.outside(async () => genServer.call(ref, CALL, timeoutMs)));
          expect(failure).toMatchObject({ name: 'badarg' });
        }
      },
      { leaves: 2 },
    ),
  );

  it(
    'fact 42: a dead pid and an unknown name are noproc at once, and a server that calls itself is told so',
    inWorld(
      async (world) => {
        const dead = world.spawn(() => {}) as unknown as Ref;
        await world.idle();
        expect(await callFailure(world, dead)).toBe('noproc');
        expect(await callFailure(world, serverNamed<Call>('nobody'))).toBe('noproc');
        const ref = await startIn(world, {
          handleCall: async (_request, _from, state, self) => {
            const failure = await failureOf(() => genServer.call(self.pid as Ref, CALL));
            return reply(causeOf(failure), state);
          },
        });
        expect(await world.outside(() => genServer.call(ref, CALL))).toBe('calling_self');
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 42: a call to a server that ends before it replies fails with the reason, any reason',
    inWorld(async (world) => {
      const error = new Error('broken');
      const ends: [(ref: Self<unknown>) => ReturnType<typeof stop>, Reason][] = [
        [() => stop('normal', 0), 'normal'],
        [() => stop('shutdown', 0), 'shutdown'],
        [() => stop(['shutdown', 1], 0), ['shutdown', 1]],
        [() => raise(error), error],
        [(self) => self.exit('exited'), 'exited'],
        [(self) => void self.sendExit(self.pid, 'kill') as never, 'killed'],
      ];
      for (const [end, reason] of ends) {
        const ref = await startIn(world, { handleCall: (_request, _from, _state, self) => end(self) });
        expect(await callFailure(world, ref)).toEqual(reason);
      }
    }),
  );

  it(
    'fact 43: a call has one outcome, a death is reported at once, and no monitor or timer stays',
    inWorld(async (world) => {
      const dying = await startIn(world, {
        handleCall: (_r, from, state) => (replyTo(from, 1), stop('normal', state)),
      });
      const silentOne = await startIn(world, silent);
      const outcome = await world.run(async (self) => {
        const answer = await self.run(() => genServer.call(dying, CALL));
        self.spawn((killer) => void killer.sendExit(silentOne, 'kill'));
        const failure = await failureOf(() =>
          self.run(() => genServer.call(silentOne, CALL, Number.POSITIVE_INFINITY)),
        );
        return [answer, causeOf(failure), self.process.monitors.size, self.process.mailbox.length, self.nowMs()];
      });
      expect(outcome).toEqual([1, 'killed', 0, 0, 0]);
      expect(world.runtime.timerCount).toBe(0);
    }),
  );

  it(
    'fact 43: a reply counts even if the server dies before the caller wakes up',
    inWorld(
      async (world) => {
        const ref = await startIn(world, {
          handleCall: (_request, _from, state, self) => {
            self.send<unknown>(self.pid, 'die');
            return reply('answer', state);
          },
          handleInfo: () => raise(new Error('dead')),
        });
        expect(await world.run((self) => self.run(() => genServer.call(ref, CALL)))).toBe('answer');
      },
      { seeds: MANY_SEEDS },
    ),
  );

  it(
    'fact 44: a call that timed out leaves the server alone, and its late reply is never seen',
    inWorld(
      async (world) => {
        const froms: From[] = [];
        const ref = await startIn(world, {
          handleCall: ({ what }, from, state) => (what ? reply(what, state) : (froms.push(from), noReply(state))),
        });
        const seen = await world.run(
          async (self) => {
            const failure = await failureOf(() => self.run(() => genServer.call(ref, CALL, 10)));
            for (const from of froms) self.run(() => replyTo(from, 'late'));
            const next = await self.run(() => genServer.call(ref, ask('next')));
            return [causeOf(failure), next, await self.receive({ timeoutMs: 1 })];
          },
          { advanceMs: 50 },
        );
        expect(seen).toEqual(['timeout', 'next', TIMEOUT]);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 45: the caller is blocked: its other messages and trapped exits wait in order',
    inWorld(
      async (world) => {
        const ref = await startIn(world, {
          handleCall: async (_request, _from, state, self) => (await self.sleep(20), reply('answer', state)),
        });
        const seen = await world.run(
          async (self) => {
            self.trapExit(true);
            const friend = self.spawnLink(idler);
            self.sendAfter<unknown>(1, self.pid, 'first');
            self.spawn(async (other) => (await other.sleep(2), void other.sendExit(friend, 'gone')));
            self.sendAfter<unknown>(3, self.pid, 'last');
            const answer = await self.run(() => genServer.call(ref, CALL));
            const messages = [await self.receive(), await self.receive(), await self.receive()];
            return [answer, ...messages.map((message) => (isExit(message) ? message.reason : message))];
          },
          { advanceMs: 50 },
        );
        expect(seen).toEqual(['answer', 'first', 'gone', 'last']);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 45: a caller that does not trap exits dies at once in its call, and its late answer is dropped',
    inWorld(
      async (world) => {
        const froms: From[] = [];
        const ref = await startIn(world, { handleCall: (_r, from, state) => (froms.push(from), noReply(state)) });
        const ran: string[] = [];
        const caller = world.spawn(async (self) => {
          try {
            await self.run(() => genServer.call(ref, CALL));
            ran.push('after');
          } finally {
            ran.push('finally');
          }
        });
        const ending = world.watch(caller);
        await world.idle();
        world.kill(caller, 'hit');
        expect(ending.reason).toBe('hit');
        expect(world.runtime.processInfo(ref)?.monitoredBy).toEqual([]);
        for (const from of froms) replyTo(from, 'to nobody');
        await world.advance(10_000);
        expect(ran).toEqual([]);
        expect(world.runtime.isAlive(ref)).toBe(true);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 46: any process may reply later, the first reply wins, and the rest is never taken for another answer',
    inWorld(
      async (world) => {
        const ref = await startIn(world, {
          handleCall: ({ what }, from, state, self) => {
            if (what) return reply(what, state);
            self.spawn((helper) => {
              helper.run(() => replyTo(from, 'first'));
              helper.run(() => replyTo(from, 'second'));
            });
            self.spawn((helper) => helper.run(() => replyTo(from, 'first')));
            return noReply(state);
          },
        });
        const seen = await world.run(
          async (self) => {
            const answers = [await self.run(() => genServer.call(ref, CALL))];
            for (const what of ['a', 'b']) answers.push(await self.run(() => genServer.call(ref, ask(what))));
            return [...answers, await self.receive({ timeoutMs: 1 })];
          },
          { advanceMs: 5 },
        );
        expect(seen).toEqual(['first', 'a', 'b', TIMEOUT]);
      },
      { leaves: 1, seeds: MANY_SEEDS },
    ),
  );

  it(
    'fact 46: falsy answers are answers',
    inWorld(
      async (world) => {
        const ref = await startIn(world, {
          handleCall: ({ what }, _from, state) => reply(JSON.parse(what ?? ''), state),
        });
        for (const value of [0, '', null, false]) {
          expect(await world.outside(() => genServer.call(ref, ask(JSON.stringify(value))))).toBe(value);
        }
      },
      { leaves: 1, seeds: 1 },
    ),
  );

  it(
    'fact 47: stop with a reply: terminate, then the reply, then the end, also when terminate raises',
    inWorld(async (world) => {
      for (const raises of [false, true]) {
        const order: string[] = [];
        const ref = await startIn(world, {
          handleCall: (_request, _from, state) => stopReply('done', 'answer', state),
          terminate: () => {
            order.push('terminate');
            if (raises) throw new Error('in terminate');
          },
        });
        const ending = world.watch(ref);
        const answer = await world.run(async (self) => {
          const given = await self.run(() => genServer.call(ref, CALL));
          order.push('reply', `alive ${world.runtime.isAlive(ref)}`);
          return given;
        });
        expect(answer).toBe('answer');
        expect(order).toEqual(['terminate', 'reply', 'alive false']);
        expect(ending.reason).toEqual(raises ? new Error('in terminate') : 'done');
      }
    }),
  );

  it(
    'after a foreign await a pid is called by nobody and a name is nobody in particular, unless through run()',
    inWorld(
      async (world) => {
        const name = serverNamed<Call, unknown>('server');
        const handlers: Handlers = { handleCall: (_request, { pid }, state) => reply(pid, state) };
        const ref = await startIn(world, handlers, { name });
        const seen: unknown[] = [];
        world.spawn(async (self) => {
          await new Promise(setImmediate);
          seen.push(await self.wait(genServer.call(ref, CALL)));
          seen.push(await self.run(() => genServer.call(name, CALL)));
          await new Promise(setImmediate);
          seen.push(await genServer.call(name, CALL).catch(() => 'rejected'));
          seen.push(await failureOf(() => genServer.cast(name, 1)), self.pid);
        });
        for (let turns = 0; turns < 5; turns += 1) {
          await new Promise(setImmediate);
          await world.idle();
        }
        const [byNobody, byItself, byName, cast, caller] = seen;
        expect([byNobody, byItself, byName]).toEqual([undefined, caller, 'rejected']);
        expect(cast).toBeInstanceOf(Error);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 48: cast always succeeds, whatever the destination',
    inWorld(async (world) => {
      const dead = world.spawn(() => {}) as unknown as Ref;
      await world.idle();
      world.runtime.run(() => {
        genServer.cast(dead, 1);
        genServer.cast(serverNamed<never, unknown>('nobody'), 1);
      });
    }),
  );

  it(
    'fact 48: a request and its response: received, waited for again, checked, abandoned, dead',
    inWorld(async (world) => {
      const ref = await startIn(world, {
        handleCall: async ({ what }, _from, state, self) => {
          await self.sleep(20);
          return what === 'die' ? stop('died', state) : reply(what, state);
        },
      });
      const dead = world.spawn(() => {}) as unknown as Ref;
      const seen = await world.run(
        async (self) => {
          const request = (to: Ref, what: string) => self.run(() => genServer.sendRequest(to, ask(what)));
          const received = await genServer.receiveResponse(self, request(ref, 'a'), 100);
          const slow = request(ref, 'b');
          const waited = [await genServer.waitResponse(self, slow, 5), await genServer.waitResponse(self, slow, 100)];
          const checked = request(ref, 'c');
          const message = await self.receive<ResponseMessage>();
          const both = [genServer.checkResponse(message, slow), genServer.checkResponse(message, checked)];
          const abandoned = await genServer.receiveResponse(self, request(ref, 'd'), 5);
          const nothing = await self.receive({ timeoutMs: 50 });
          const toDead = await genServer.receiveResponse(self, request(dead, 'e'), 5);
          const dying = await genServer.receiveResponse(self, request(ref, 'die'), 100);
          return { received, waited, both, abandoned, nothing, toDead, dying, left: self.process.monitors.size };
        },
        { advanceMs: 1000 },
      );
      expect(seen).toEqual({
        received: { type: 'reply', answer: 'a' },
        waited: ['timeout', { type: 'reply', answer: 'b' }],
        both: ['no_reply', { type: 'reply', answer: 'c' }],
        abandoned: 'timeout',
        nothing: TIMEOUT,
        toDead: { type: 'error', reason: ['noproc', dead] },
        dying: { type: 'error', reason: ['died', ref] },
        left: 0,
      });
    }),
  );

  it(
    'calls do not search the mailbox of the caller: 10 000 calls beside 500 000 queued messages',
    inWorld(
      async (world) => {
        const ref = await startIn(world, {});
        let looks = 0;
        const at = jest.spyOn(Mailbox.prototype, 'at').mockImplementation(function (this: Mailbox, position) {
          looks += 1;
          return this.toArray()[position];
        });
        try {
          const queued = await world.run(async (self) => {
            for (let count = 0; count < 500_000; count += 1) self.process.mailbox.push(count);
            for (let count = 0; count < 10_000; count += 1) await self.run(() => genServer.call(ref, CALL));
            return self.process.mailbox.length;
          });
          expect([queued, looks]).toEqual([500_000, 0]);
        } finally {
          at.mockRestore();
        }
      },
      { leaves: 1, seeds: 1 },
    ),
  );

  it(
    'freezeMessages freezes requests, casts and answers as well',
    inWorld(
      async (world) => {
        const seen: boolean[] = [];
        const look = (value: unknown) => void seen.push(Object.isFrozen(value));
        const ref = await startIn(world, {
          handleCall: (request, _from, state) => (look(request), reply({ made: 'here' }, state)),
          handleCast: (message, state) => (look(message), noReply(state)),
        });
        world.runtime.run(() => genServer.cast(ref, { a: 1 }));
        look(await world.outside(() => genServer.call(ref, { type: 'do', what: 'x' })));
        expect(seen).toEqual([true, true, true]);
      },
      { leaves: 1, seeds: 1, freezeMessages: true },
    ),
  );
});

describe('termination', () => {
  const endings: [string, Handlers, Reason][] = [
    ['a stop', { handleCast: (_m, state) => stop('reason', state) }, 'reason'],
    ['an error', { handleCast: () => raise(new Error('broken')) }, new Error('broken')],
    ['a rejection', { handleCast: () => Promise.reject(new Error('broken')) }, new Error('broken')],
    ['an exit', { handleCast: (_m, _state, self) => self.exit('exited') }, 'exited'],
    ['a throw', { handleCast: () => raise('ball') }, ['nocatch', 'ball']],
    ['a bad return', { handleCast: () => badResult(7) }, ['bad_return_value', 7]],
  ];

  for (const [name, handlers, reason] of endings) {
    it(
      `facts 49 and 50: ${name} ends the server with its reason, after terminate`,
      inWorld(async (world) => {
        for (const asynchronous of [false, true]) {
          const calls: unknown[] = [];
          const ref = await startIn(world, {
            ...handlers,
            async terminate(why, state, self) {
              if (asynchronous) await self.sleep(5);
              calls.push(why, state);
            },
          });
          const ending = world.watch(ref);
          world.runtime.run(() => genServer.cast(ref, 1));
          await world.advance(10);
          expect(ending).toEqual({ ended: true, reason });
          expect(calls).toEqual([reason, 'state']);
        }
      }),
    );
  }

  it(
    'fact 50: terminate is called by sys:terminate and stop, and by an EXIT from the parent of a trapping server',
    inWorld(async (world) => {
      const calls: unknown[] = [];
      const handlers: Handlers = {
        init: (_args, self) => (self.trapExit(true), started('state')),
        terminate: (reason) => void calls.push(reason),
      };
      const ways: ((self: Self<unknown>, ref: Ref) => unknown)[] = [
        (self, ref) => self.run(() => sys.terminate(ref, 'by sys')),
        (self, ref) => self.run(() => genServer.stop(ref, 'by stop')),
        (self, ref) => self.sendExit(ref, 'by parent'),
      ];
      for (const way of ways) {
        await world.run(async (self) => {
          self.trapExit(true);
          const ref = await startLinkedTo(self, handlers);
          await way(self, ref);
          await self.receive();
        });
      }
      expect(calls).toEqual(['by sys', 'by stop', 'by parent']);
    }),
  );

  it(
    'fact 50: terminate is not called when the server is killed, nor when one that does not trap exits is hit',
    inWorld(async (world) => {
      const calls: unknown[] = [];
      for (const [trap, reason] of [
        [true, 'kill'],
        [false, 'kill'],
        [false, 'any'],
        [false, 'shutdown'],
      ] as const) {
        const ref = await startIn(world, {
          init: (_args, self) => (self.trapExit(trap), started(0)),
          terminate: (why) => void calls.push(why),
        });
        world.kill(ref, reason);
        await world.idle();
        expect(world.runtime.isAlive(ref)).toBe(false);
      }
      expect(calls).toEqual([]);
      expect(world.reports).toEqual([]);
    }),
  );

  it(
    'fact 50: a server that is killed in its terminate is simply gone',
    inWorld(async (world) => {
      const ran: string[] = [];
      const ref = await startIn(world, {
        handleCast: (_m, state) => stop('slowly', state),
        terminate: async (_reason, _state, self) => {
          await self.sleep(100);
          ran.push('after');
        },
      });
      const ending = world.watch(ref);
      world.runtime.run(() => genServer.cast(ref, 1));
      await world.advance(10);
      world.kill(ref);
      await world.advance(200);
      expect([ending.reason, ran, world.reports]).toEqual(['killed', [], []]);
    }),
  );

  it(
    'fact 51: a trapping server ends with any reason of its parent, normal too, and handle_info never sees it',
    inWorld(async (world) => {
      for (const reason of ['normal', 'shutdown', 'other']) {
        for (const suspended of [false, true]) {
          const seen: unknown[] = [];
          let ending: unknown;
          await world.run(async (self) => {
            self.trapExit(true);
            const ref = await startLinkedTo(self, {
              init: (_args, inner) => (inner.trapExit(true), started(0)),
              handleInfo: (message, state) => noReply((seen.push(message), state)),
            });
            ending = world.watch(ref);
            if (suspended) await self.run(() => sys.suspend(ref));
            self.sendExit(ref, reason);
            await self.receive();
          });
          expect([ending, seen]).toEqual([{ ended: true, reason }, []]);
        }
      }
    }),
  );

  it(
    'fact 51: exits from others go to handle_info, and a server that does not trap survives a normal parent',
    inWorld(
      async (world) => {
        const seen: unknown[] = [];
        const trapping = await startIn(world, {
          init: (_args, self) => (self.trapExit(true), started(0)),
          handleInfo: (message, state) => noReply((seen.push(isExit(message) && message.reason), state)),
        });
        world.spawn((self) => {
          self.sendExit(trapping, 'signal');
          self.link(trapping);
        });
        world.runtime.send<unknown>(trapping, { type: 'EXIT', reason: 'forged, from nobody' });
        await world.idle();
        expect(new Set(seen)).toEqual(new Set(['forged, from nobody', 'normal', 'signal']));
        const refs: Ref[] = [];
        world.spawn(async (self) => void refs.push(await startLinkedTo(self, {})));
        await world.idle();
        expect(refs.map((ref) => world.runtime.isAlive(ref))).toEqual([true]);
      },
      { leaves: 2 },
    ),
  );

  it(
    'fact 52: an error or an exit in terminate replaces the reason, a throw is ignored',
    inWorld(async (world) => {
      const error = new Error('in terminate');
      const cases: [() => unknown, Reason][] = [
        [() => raise(error), error],
        [() => raise(new Exit('exited')), 'exited'],
        [() => raise('ball'), 'first'],
        [() => Promise.reject(error), error],
        [() => 'whatever', 'first'],
      ];
      for (const [terminate, reason] of cases) {
        const ref = await startIn(world, {
          handleCast: (_m, state) => stop('first', state),
          terminate: () => terminate() as Promise<void>,
        });
        const ending = world.watch(ref);
        world.runtime.run(() => genServer.cast(ref, 1));
        await world.idle();
        expect(ending).toEqual({ ended: true, reason });
      }
    }),
  );

  it(
    'fact 53: stop returns when the process is gone with that reason, and fails with another',
    inWorld(async (world) => {
      const ref = await startIn(world, {});
      const ending = world.watch(ref);
      const result = await world.run(async (self) => {
        const ok = await self.run(() => genServer.stop(ref, ['my', 'reason']));
        return [ok, world.runtime.isAlive(ref)];
      });
      expect([result, ending.reason]).toEqual([
        ['ok', false],
        ['my', 'reason'],
      ]);
      const stubborn = await startIn(world, { terminate: () => raise(new Exit('instead')) });
      expect(await failureOf(() => world.outside(() => genServer.stop(stubborn)))).toEqual(new Exit('instead'));
    }),
  );

  it(
    'fact 53: stop of a dead server is noproc, inside itself calling_self, too slow is timeout and still stops',
    inWorld(
      async (world) => {
        const dead = world.spawn(() => {});
        await world.idle();
        const failure = await failureOf(() => world.outside(() => genServer.stop(dead)));
        expect((failure as Exit).reason).toBe('noproc');
        const slow = await startIn(world, {
          handleCast: async (_m, state, self) => (await self.sleep(100), noReply(state)),
        });
        world.runtime.run(() => genServer.cast(slow, 1));
        const late = await world.run(
          async (self) => [
            await failureOf(() => self.run(() => genServer.stop(slow, 'normal', 10))),
            world.runtime.isAlive(slow),
          ],
          { advanceMs: 50 },
        );
        expect(late).toEqual([new Exit('timeout'), true]);
        await world.advance(100);
        expect(world.runtime.isAlive(slow)).toBe(false);
        const ref = await startIn(world, {
          handleCall: async (_request, _from, state, self) =>
            reply(await failureOf(() => genServer.stop(self.pid as Ref)), state),
        });
        expect(await world.outside(() => genServer.call(ref, CALL))).toEqual(new Exit('calling_self'));
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 53: stop works on a suspended server',
    inWorld(async (world) => {
      const calls: unknown[] = [];
      const ref = await startIn(world, { terminate: (reason) => void calls.push(reason) });
      await world.outside(() => sys.suspend(ref));
      expect(await world.outside(() => genServer.stop(ref, 'shutdown'))).toBe('ok');
      expect(calls).toEqual(['shutdown']);
    }),
  );

  it(
    'a formatStatus that throws does not change how the server ends',
    inWorld(async (world) => {
      const ref = await startIn(world, {
        handleCast: (_m, state) => stop('first', state),
        formatStatus: () => raise(new Error('cannot format')),
      });
      const ending = world.watch(ref);
      const status = await world.outside(() => sys.getStatus(ref));
      expect(JSON.stringify(status.state)).not.toContain('state');
      world.runtime.run(() => genServer.cast(ref, 1));
      await world.idle();
      expect(ending.reason).toBe('first');
      expect(world.reports.map((report) => report.type)).toEqual(['terminate', 'crash']);
    }),
  );
});

describe('a promise of another realm', () => {
  const Foreign = runInNewContext('Promise') as PromiseConstructor;
  const foreign = [
    ['one of a vm context', <T>(make: () => T) => Foreign.resolve().then(make)],
    ['one of node:timers', <T>(make: () => T) => sleepOutside(1).then(make)],
  ] as const;

  it.each(foreign)('%s from a callback holds the mailbox and gives the result', async (_what, later) => {
    const runtime = new Runtime();
    const words: unknown[] = [];
    const callbacks = server({
      init: () => later(() => started(1)),
      handleCall: (_request, _from, state) => later(() => reply(state, Number(state) + 1)),
      terminate: () => later(() => void words.push('last')),
    });
    await runtime.run(async () => {
      const result = await genServer.start(callbacks, undefined);
      if (result === 'ignore' || !result.ok) return raise(result);
      const ref = result.value;
      words.push(...(await Promise.all([genServer.call(ref, CALL), genServer.call(ref, CALL)])));
      await genServer.stop(ref);
    });
    expect(words).toEqual([1, 2, 'last']);
    runtime.stop();
  });

  it.each(foreign)('%s that fails is a callback that throws', async (_what, later) => {
    const runtime = new Runtime();
    const failing = server({ handleCall: () => later(() => raise(new Error('broken'))) });
    const cause = await runtime.run(async () => {
      const result = await genServer.start(failing, undefined);
      if (result === 'ignore' || !result.ok) return raise(result);
      return causeOf(await failureOf(() => genServer.call(result.value, CALL)));
    });
    expect(cause).toEqual(new Error('broken'));
    runtime.stop();
  });
});

describe('on the scheduler of nact', () => {
  it('facts 31, 42, 44, 46 and 53 hold there too', async () => {
    const runtime = new Runtime();
    const outcome = await runtime.run(async () => {
      const result = await genServer.start(
        server({
          handleCall: async ({ what }, _from, state, self) => {
            if (what === 'slow') await self.sleep(30);
            return what === 'crash' ? raise(new Error('broken')) : reply(what, state);
          },
        }),
        undefined,
      );
      if (result === 'ignore' || !result.ok) return raise(result);
      const ref = result.value;
      const answers = await Promise.all(['a', 'b', 'c'].map((what) => genServer.call(ref, ask(what))));
      const late = causeOf(await failureOf(() => genServer.call(ref, ask('slow'), 5)));
      const crash = causeOf(await failureOf(() => genServer.call(ref, ask('crash'))));
      return [...answers, late, crash, runtime.processCount];
    });
    expect(outcome).toEqual(['a', 'b', 'c', 'timeout', new Error('broken'), 0]);
    runtime.stop();
  });
});
