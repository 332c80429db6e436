/**
 * gen_server carries out what its callbacks give as Erlang's does: facts 37 to 41 of its semantics, and oddity 10.5.
 *
 * What is thrown counts as an error here, never as a returned value (10.5).
 */
import { setTimeout as sleepOutside } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { genServer, noReply, randomFrom, reply, replyTo, Runtime, started, sys } from '../../src/otp';
import { failureOf, inWorld, raise } from '../support/runtime';
import {
  answered,
  ask,
  badResult,
  CALL,
  type Callbacks,
  causeOf,
  MANY_SEEDS,
  type Ref,
  server,
  startIn,
} from '../support/servers';

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
