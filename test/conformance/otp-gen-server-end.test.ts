/** gen_server ends as Erlang's does: facts 49 to 53 of its semantics. */
import { Exit, genServer, isExit, noReply, type Reason, reply, type Self, started, stop, sys } from '../../src/otp';
import { failureOf, inWorld, raise } from '../support/runtime';
import { badResult, CALL, type Handlers, type Ref, startIn, startLinkedTo } from '../support/servers';

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
