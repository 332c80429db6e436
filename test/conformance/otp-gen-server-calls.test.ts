/**
 * gen_server is called and replies as Erlang's does: facts 42 to 48 of its semantics.
 *
 * Calls to other nodes (`nodedown`, `multi_call`) wait for distribution.
 */
import {
  Exit,
  type From,
  genServer,
  isExit,
  noReply,
  type Reason,
  reply,
  replyTo,
  type ResponseMessage,
  Runtime,
  type Self,
  serverNamed,
  stop,
  stopReply,
  TIMEOUT,
} from '../../src/otp';
import { Mailbox } from '../../src/otp/mailbox';
import { failureOf, idler, inWorld, raise } from '../support/runtime';
import {
  ask,
  type Call,
  CALL,
  callFailure,
  causeOf,
  type Handlers,
  MANY_SEEDS,
  type Ref,
  server,
  startIn,
} from '../support/servers';

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
