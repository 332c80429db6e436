/** Registered names and timers behave as Erlang's: facts 91 to 99 of its semantics. */
import {
  type Ask,
  BadArgument,
  cannotStart,
  type GenServer,
  genServer,
  nameOf,
  type Pid,
  reply,
  Runtime,
  type Self,
  serverVia,
  spawn,
  started,
  TIMEOUT,
  type TimerRef,
  type ViaRegistry,
} from '../../src/otp';
import { collectInto, failureOf, idler, inWorld, raise } from '../support/runtime';

const MANY_SEEDS = 10;

/** A registry of somebody else's, as one that spans nodes would be. */
const registryIn = (names: Map<string, Pid>): ViaRegistry => ({
  registerName: (name, pid) => !names.has(name) && names.set(name, pid).has(name),
  unregisterName: (name) => void names.delete(name),
  whereisName: (name) => names.get(name),
});

const silent: GenServer<unknown, undefined> = { init: () => started(undefined) };

describe('registered names', () => {
  it(
    'fact 91: register gives true, and badarg for a taken name, a named or dead process, and what is no name',
    inWorld(
      async (world) => {
        const { registry } = world.runtime;
        const [first, second] = [world.spawn(idler), world.spawn(idler)];
        const dead = world.spawn(() => {});
        await world.idle();
        expect(registry.register('first', first)).toBe(true);
        const bad: [string, Pid][] = [
          ['first', second],
          ['first', first],
          ['other', first],
          ['dead', dead],
          ['undefined', second],
          ['', second],
        ];
        for (const [name, pid] of bad) {
          expect(await failureOf(() => registry.register(name, pid))).toBeInstanceOf(BadArgument);
        }
        expect(registry.registered()).toEqual(['first']);
        expect(world.runtime.processInfo(first)?.registeredName).toBe('first');
      },
      { leaves: 2 },
    ),
  );

  it(
    'fact 91: names are any text, also what objects have as properties',
    inWorld(
      async (world) => {
        const names = ['a b', 'größe', '<0.1.0>', '__proto__', 'constructor', '/:@#'];
        for (const name of names) world.runtime.registry.register(name, world.spawn(idler));
        expect(world.runtime.registry.registered()).toEqual(names);
        expect(world.runtime.whereis('toString')).toBeUndefined();
      },
      { leaves: 6 },
    ),
  );

  it(
    'fact 92: whereis gives the pid or undefined, and any process registers and unregisters any',
    inWorld(
      async (world) => {
        const pid = world.spawn(idler);
        await world.run((self) => self.register('named', pid));
        expect([world.runtime.whereis('named'), world.runtime.whereis('other')]).toEqual([pid, undefined]);
        expect(await world.run((self) => self.unregister('named'))).toBe(true);
        expect(world.runtime.whereis('named')).toBeUndefined();
        expect(await failureOf(() => world.run((self) => self.unregister('named')))).toBeInstanceOf(BadArgument);
        await world.run((self) => self.register('renamed', pid));
        expect(world.runtime.processInfo(pid)?.registeredName).toBe('renamed');
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 93: whoever sees the DOWN can start under the same name again',
    inWorld(
      async (world) => {
        const results = await world.run(async (self) => {
          const ok: unknown[] = [];
          const server = { init: () => started(0) };
          for (let count = 0; count < 5; count += 1) {
            const result = await self.run(() => genServer.start(server, 0, { name: 'phoenix' }));
            if (result === 'ignore' || !result.ok) return [result];
            self.monitor(result.value);
            self.sendExit(result.value, count % 2 === 0 ? 'kill' : 'shutdown');
            ok.push(await self.receive());
          }
          return ok;
        });
        expect(results).toHaveLength(5);
      },
      { seeds: MANY_SEEDS },
    ),
  );

  it(
    'fact 94: a name means whoever holds it when something is sent',
    inWorld(
      async (world) => {
        const [first, second]: [unknown[], unknown[]] = [[], []];
        const pids = [world.spawn(collectInto(first)), world.spawn(collectInto(second))] as const;
        const name = nameOf<unknown>('moving');
        await world.run((self) => {
          self.register('moving', pids[0]);
          self.send(name, 1);
          self.sendAfter(10, name, 'timer');
          self.unregister('moving');
          self.register('moving', pids[1]);
          self.send(name, 2);
        });
        await world.advance(20);
        expect([first, second]).toEqual([[1], [2, 'timer']]);
      },
      { leaves: 2 },
    ),
  );

  it(
    'fact 95: a name in another registry works for sends, casts, calls and monitors',
    inWorld(async (world) => {
      const registry = registryIn(new Map());
      type Call = Ask<'get', number>;
      const server: GenServer<number, number, Call, number, unknown> = {
        init: (first) => started(first),
        handleCall: (_get, _from, state) => reply(state, state),
        handleCast: (added, state) => ({ type: 'noreply', state: state + added, next: undefined }),
        handleInfo: (_message, state) => ({ type: 'noreply', state: state + 100, next: undefined }),
      };
      const result = await world.outside(() => genServer.start(server, 1));
      if (result === 'ignore' || !result.ok) throw new Error('Cannot start');
      expect(registry.registerName('far', result.value)).toBe(true);
      expect(registry.registerName('far', result.value)).toBe(false);
      const to = serverVia<Call, number, unknown>({ via: registry, name: 'far' });
      const got = await world.run(async (self) => {
        self.send<unknown>(to, 'info');
        self.run(() => genServer.cast(to, 10));
        const answer = await self.run(() => genServer.call(to, { type: 'get' }));
        self.monitor(to);
        self.sendExit(result.value, 'kill');
        const down = await self.receive();
        return [answer, down];
      });
      expect(got).toEqual([111, expect.objectContaining({ type: 'DOWN', from: 'far', reason: 'killed' })]);
      registry.unregisterName('far');
      expect(await failureOf(() => world.run((self) => self.send<unknown>(to, 1)))).toBeInstanceOf(BadArgument);
    }),
  );
});

describe('starting under a name in another registry', () => {
  const startFar = (via: ViaRegistry, callbacks = silent) =>
    genServer.start(callbacks, undefined, { name: { via, name: 'far' } });

  it(
    'fact 95: the name is taken before init, taken once only, and free before the end can be seen',
    inWorld(
      async (world) => {
        const names = new Map<string, Pid>();
        const via = registryIn(names);
        const held: (Pid | undefined)[] = [];
        const first = await world.outside(() =>
          startFar(via, {
            init: (_none, self) => {
              held.push(self.pid, names.get('far'));
              return started(undefined);
            },
          }),
        );
        const [pid] = held;
        expect(held).toEqual([pid, pid]);
        expect(first).toEqual({ ok: true, value: pid });
        expect(await world.outside(() => startFar(via))).toEqual({ ok: false, error: ['already_started', pid] });
        const again = await world.run(async (self) => {
          if (pid === undefined) throw new Error('Cannot go on: there is no server');
          self.monitor(pid);
          self.sendExit(pid, 'kill');
          await self.receive();
          return self.run(() => startFar(via));
        });
        expect(again).toMatchObject({ ok: true });
        expect(names.size).toBe(1);
      },
      { leaves: 1 },
    ),
  );

  it(
    'facts 33 and 34: a start that fails frees the name, one that a registry refuses is no process at all',
    inWorld(async (world) => {
      const names = new Map<string, Pid>();
      const failed = await world.outside(() => startFar(registryIn(names), { init: () => cannotStart('no') }));
      expect([failed, names.size]).toEqual([{ ok: false, error: 'no' }, 0]);
      const refusing = { ...registryIn(names), registerName: () => false };
      expect(await world.outside(() => startFar(refusing))).toEqual({
        ok: false,
        error: ['already_started', undefined],
      });
      const broken = { ...registryIn(names), registerName: () => raise(new Error('no quorum')) };
      expect(await failureOf(() => world.outside(() => startFar(broken)))).toEqual(new Error('no quorum'));
      expect(world.runtime.processCount).toBe(0);
    }),
  );

  it(
    'fact 95: a name that somebody else has by now is left to them',
    inWorld(
      async (world) => {
        const names = new Map<string, Pid>();
        const result = await world.outside(() => startFar(registryIn(names)));
        if (result === 'ignore' || !result.ok) throw new Error('Cannot start');
        const other = world.spawn(idler);
        names.set('far', other);
        world.kill(result.value);
        expect(names.get('far')).toBe(other);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 48: a cast succeeds even where the registry fails',
    inWorld(async (world) => {
      const via = { ...registryIn(new Map()), whereisName: () => raise(new Error('no quorum')) };
      await world.run((self) => self.run(() => genServer.cast(serverVia<never, string>({ via, name: 'far' }), 'lost')));
    }),
  );
});

describe('timers', () => {
  it(
    'fact 96: send_after sends the message and start_timer a timeout with its reference, neither early',
    inWorld(async (world) => {
      const got = await world.run(
        async (self) => {
          const times: unknown[] = [];
          self.sendAfter<unknown>(10, self.pid, 'message');
          const ref = self.startTimer<unknown>(20, self.pid, 'wrapped');
          times.push(await self.receive(), self.nowMs(), await self.receive(), self.nowMs());
          return { times, ref };
        },
        { advanceMs: 30 },
      );
      expect(got.times).toEqual(['message', 10, { type: 'timeout', ref: got.ref, message: 'wrapped' }, 20]);
    }),
  );

  it(
    'fact 96: equal deadlines fire in the order of creation, 0 is asynchronous, and far more than 2^32 ms is legal',
    inWorld(
      async (world) => {
        const got: unknown[] = [];
        const pid = world.spawn(collectInto(got));
        await world.run(async (self) => {
          for (let count = 0; count < 20; count += 1) self.sendAfter<unknown>(10, pid, count);
          self.sendAfter<unknown>(0, pid, 'at once');
          expect(got).toEqual([]);
          self.sendAfter<unknown>(2 ** 45, pid, 'far away');
        });
        await world.advance(10);
        expect(got).toEqual(['at once', ...Array.from({ length: 20 }, (_, count) => count)]);
        await world.advance(2 ** 45 - 11);
        expect(got).toHaveLength(21);
        await world.advance(1);
        expect(got).toHaveLength(22);
      },
      { leaves: 1, seeds: MANY_SEEDS },
    ),
  );

  it(
    'fact 96: a time that is negative or no whole number is badarg',
    inWorld(async (world) => {
      await world.run(async (self) => {
        const starts: ((ms: number) => unknown)[] = [
          (ms) => self.sendAfter<unknown>(ms, self.pid, 1),
          (ms) => self.startTimer<unknown>(ms, self.pid, 1),
          (ms) => self.sendInterval<unknown>(ms, self.pid, 1),
          (ms) => self.sleep(ms),
        ];
        for (const start of starts) {
          for (const ms of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
            expect(await failureOf(() => start(ms))).toBeInstanceOf(BadArgument);
          }
        }
        expect(await failureOf(() => self.sendInterval<unknown>(0, self.pid, 1))).toBeInstanceOf(BadArgument);
      });
      expect(world.runtime.timerCount).toBe(0);
    }),
  );

  it(
    'fact 97: cancel gives what was left, and the message does not come; false once it fired or was cancelled',
    inWorld(async (world) => {
      const seen = await world.run(
        async (self) => {
          const [a, b] = [self.sendAfter<unknown>(30, self.pid, 'a'), self.sendAfter<unknown>(5, self.pid, 'b')];
          await self.sleep(10);
          const read = [self.readTimer(a), self.readTimer(b)];
          const cancelled = [self.cancelTimer(a), self.cancelTimer(a), self.cancelTimer(b), self.readTimer(a)];
          return [read, cancelled, await self.receive(), await self.receive({ timeoutMs: 50 })];
        },
        { advanceMs: 100 },
      );
      expect(seen).toEqual([[20, false], [20, false, false, false], 'b', TIMEOUT]);
    }),
  );

  it(
    'fact 97: with async the result comes as a message, and without info there is none',
    inWorld(async (world) => {
      await world.run(
        async (self) => {
          const refs = [1, 2, 3, 4].map(() => self.sendAfter<unknown>(30, self.pid, 'never'));
          const [a, b, c, d] = refs as [TimerRef, TimerRef, TimerRef, TimerRef];
          expect(self.readTimer(a, { async: true })).toBe('ok');
          expect(await self.receive()).toEqual({ type: 'read_timer', ref: a, result: 30 });
          expect(self.cancelTimer(a, { async: true })).toBe('ok');
          expect(await self.receive()).toEqual({ type: 'cancel_timer', ref: a, result: 30 });
          expect(self.cancelTimer(b, { info: false })).toBe('ok');
          expect(self.cancelTimer(c, { async: true, info: false })).toBe('ok');
          expect(self.cancelTimer(d, { info: true })).toBe(30);
          expect(await self.receive({ timeoutMs: 50 })).toBe(TIMEOUT);
        },
        { advanceMs: 100 },
      );
    }),
  );

  it(
    'fact 98: a timer dies with the pid that it is aimed at, and survives its creator',
    inWorld(
      async (world) => {
        const got: unknown[] = [];
        const survivor = world.spawn(collectInto(got));
        const victim = world.spawn(idler);
        const refs: TimerRef[] = [];
        await world.run((self) => {
          refs.push(self.sendAfter<unknown>(50, victim, 'lost'), self.sendInterval<unknown>(50, victim, 'lost'));
          self.sendAfter<unknown>(50, survivor, 'arrives');
        });
        world.kill(victim);
        expect(world.runtime.timerCount).toBe(1);
        const answers = await world.run((self) => [
          ...refs.map((ref) => self.cancelTimer(ref)),
          self.cancelTimer(self.sendAfter<unknown>(5, victim, 'to the dead')),
        ]);
        expect(answers).toEqual([false, false, false]);
        await world.advance(100);
        expect(got).toEqual(['arrives']);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 98: a message to a name that does not exist at expiry is dropped',
    inWorld(async (world) => {
      await world.run((self) => void self.sendAfter(5, nameOf<string>('nobody'), 'dropped'));
      await world.advance(10);
      expect(world.reports).toEqual([]);
    }),
  );

  it(
    'fact 99: any process may cancel, and an interval repeats until it is cancelled',
    inWorld(
      async (world) => {
        const got: number[] = [];
        const pid = world.spawn<string>((self) => self.serve(() => void got.push(self.nowMs())));
        const refs: TimerRef[] = [];
        await world.run((self) => void refs.push(self.sendInterval(10, pid, 'tick')));
        await world.advance(35);
        expect(got).toEqual([10, 20, 30]);
        const left = await world.run((self) => refs.map((ref) => self.cancelTimer(ref)));
        expect(left).toEqual([5]);
        await world.advance(100);
        expect(got).toEqual([10, 20, 30]);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 99: an interval ends when its receiver is gone',
    inWorld(async (world) => {
      const pid = world.spawn((self: Self<string>) => {
        self.sendEvery(10, 'tick');
        self.serve(() => {});
      });
      await world.advance(25);
      expect(world.runtime.timerCount).toBe(1);
      world.kill(pid);
      expect(world.runtime.timerCount).toBe(0);
    }),
  );

  it(
    'facts 94 and 99: an interval to a name finds whoever has it, and only drops a message while nobody does',
    inWorld(
      async (world) => {
        const got: string[] = [];
        const holder = (who: string) =>
          world.spawn((self: Self<string>) => {
            self.register('ticked');
            self.serve(() => void got.push(`${who} at ${self.nowMs()}`));
          });
        const first = holder('first');
        const refs: TimerRef[] = [];
        await world.run((self) => void refs.push(self.sendInterval(10, nameOf<string>('ticked'), 'tick')));
        await world.advance(15);
        world.kill(first);
        await world.advance(10);
        holder('second');
        await world.advance(20);
        expect(got).toEqual(['first at 10', 'second at 30', 'second at 40']);
        expect(await world.run((self) => refs.map((ref) => self.cancelTimer(ref)))).toEqual([5]);
        await world.advance(20);
        expect([got.length, world.runtime.timerCount]).toEqual([3, 0]);
      },
      { leaves: 1 },
    ),
  );

  it('facts 96 to 99 hold on the scheduler of nact and the clock of the machine', async () => {
    const runtime = new Runtime();
    const seen = await new Promise<unknown[]>((resolve) => {
      runtime.run(() =>
        spawn<unknown>(runtime, async (self) => {
          const startMs = self.nowMs();
          const far = self.sendAfter<unknown>(2 ** 40, self.pid, 'far away');
          self.sendAfter<unknown>(20, self.pid, 'second');
          self.sendAfter<unknown>(10, self.pid, 'first');
          const messages = [await self.receive(), await self.receive()];
          const early = self.nowMs() - startMs < 20;
          resolve([...messages, early, Number(self.cancelTimer(far)) > 2 ** 39]);
        }),
      );
    });
    expect(seen).toEqual(['first', 'second', false, true]);
    runtime.stop();
    expect(runtime.timerCount).toBe(0);
  });
});
