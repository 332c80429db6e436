/** How one process runs: what it receives, how fair it is, what it leaves behind, what it is cut off from. */
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BadArgument, DeadProcess, formatTerm, type Report, Runtime, type Self, spawn, TIMEOUT } from '../../src/otp';
import { collectInto, failureOf, idler, inWorld, World } from '../support/runtime';

const BATCH = 256;
const MANY = 100_000;

const equals =
  <T>(expected: T) =>
  (message: unknown): message is T =>
    message === expected;

describe('receive()', () => {
  it(
    'receive() takes the first message that matches and leaves the others in order',
    inWorld(async (world) => {
      await world.run(async (self) => {
        for (const message of ['a', 'b', 'c', 'b', 'd']) self.send<unknown>(self.pid, message);
        expect(await self.receive({ match: equals('b') })).toBe('b');
        expect(await self.receive({ match: equals('d') })).toBe('d');
        expect([await self.receive(), await self.receive(), await self.receive()]).toEqual(['a', 'c', 'b']);
      });
    }),
  );

  it(
    'receive() waits for a message that matches, whatever comes before it',
    inWorld(async (world) => {
      let got: unknown;
      const pid = world.spawn<unknown>(async (self) => {
        const chosen = await self.receive({ match: equals('right') });
        got = [chosen, await self.receive(), await self.receive()];
      });
      for (const message of ['wrong', 'worse', 'right']) {
        await world.idle();
        world.runtime.send(pid, message);
      }
      await world.idle();
      expect(got).toEqual(['right', 'wrong', 'worse']);
    }),
  );

  it(
    'receive() delivers falsy messages, and so does serve()',
    inWorld(
      async (world) => {
        const falsy = [0, '', undefined, null, false, Number.NaN, -0];
        const served: unknown[] = [];
        const server = world.spawn(collectInto(served));
        const received = await world.run(async (self) => {
          const messages: unknown[] = [];
          for (const message of falsy) {
            self.send<unknown>(server, message);
            self.send<unknown>(self.pid, message);
            messages.push(await self.receive());
            const waiting = self.receive();
            self.send<unknown>(self.pid, message);
            messages.push(await waiting);
          }
          return messages;
        });
        expect(served).toEqual(falsy);
        expect(received).toEqual(falsy.flatMap((message) => [message, message]));
      },
      { leaves: 1 },
    ),
  );

  it(
    'receive() with a timeout answers TIMEOUT when it is over, not before, and takes later messages as usual',
    inWorld(async (world) => {
      const times = await world.run(
        async (self) => {
          const startMs = self.nowMs();
          const nothing = await self.receive({ timeoutMs: 20 });
          const waitedMs = self.nowMs() - startMs;
          self.sendAfter<unknown>(5, self.pid, 'late');
          return [nothing, waitedMs, await self.receive({ timeoutMs: 20 }), self.nowMs() - startMs];
        },
        { advanceMs: 100 },
      );
      expect(times).toEqual([TIMEOUT, 20, 'late', 25]);
    }),
  );

  it(
    'receive() loses no message that comes at the instant of its timeout',
    inWorld(
      async (world) => {
        await world.run(
          async (self) => {
            for (const early of [true, false]) {
              if (early) self.sendAfter<unknown>(10, self.pid, 'ball');
              const waiting = self.receive({ timeoutMs: 10 });
              if (!early) self.sendAfter<unknown>(10, self.pid, 'ball');
              const first = await waiting;
              if (first === TIMEOUT) expect(await self.receive({ timeoutMs: 0 })).toBe('ball');
              else expect(first).toBe('ball');
              expect(await self.receive({ timeoutMs: 0 })).toBe(TIMEOUT);
            }
          },
          { advanceMs: 100 },
        );
      },
      { seeds: 20 },
    ),
  );

  it(
    'receive() of a queued message beats a timeout of 0 even when the batch of this turn is used up',
    inWorld(async (world) => {
      const received = await world.run(
        async (self) => {
          for (let count = 0; count < 2 * BATCH; count += 1) self.send<unknown>(self.pid, count);
          const messages: unknown[] = [];
          for (;;) {
            // With the clock standing still, the timer may ring before the process has its next turn.
            if (messages.length === BATCH) queueMicrotask(() => world.scheduler.clock.advanceTo(self.nowMs()));
            const message = await self.receive({ timeoutMs: 0 });
            if (message === TIMEOUT) return messages.length;
            messages.push(message);
          }
        },
        { advanceMs: 10 },
      );
      expect(received).toBe(2 * BATCH);
    }),
  );

  it(
    'receive() refuses a timeout that is no whole number of milliseconds',
    inWorld(async (world) => {
      await world.run(async (self) => {
        for (const timeoutMs of [-1, Number.NaN, 0.5]) {
          expect(await failureOf(() => self.receive({ timeoutMs }))).toBeInstanceOf(BadArgument);
        }
        self.send<unknown>(self.pid, 1);
        expect(await self.receive({ timeoutMs: Number.POSITIVE_INFINITY })).toBe(1);
      });
    }),
  );

  it(
    'receive() can wait once at a time only',
    inWorld(async (world) => {
      await world.run(async (self) => {
        const waiting = self.receive();
        expect(await failureOf(() => self.receive())).toBeInstanceOf(Error);
        self.send<unknown>(self.pid, 1);
        expect(await waiting).toBe(1);
      });
    }),
  );

  it(
    'receive() ends the process when what it matches with throws',
    inWorld(async (world) => {
      const error = new Error('no match');
      const pid = world.spawn<unknown>(async (self) => {
        await self.receive({
          match: (message): message is unknown => {
            if (message === 'poison') throw error;
            return false;
          },
        });
      });
      const ending = world.watch(pid);
      world.runtime.send<unknown>(pid, 'harmless');
      await world.idle();
      world.runtime.send<unknown>(pid, 'poison');
      await world.idle();
      expect(ending.reason).toBe(error);
      expect(world.reportsOf('error')).toHaveLength(1);
    }),
  );
});

describe('fairness', () => {
  it(
    'a body that receives in a loop lets others run in between',
    inWorld(async (world) => {
      let taken = 0;
      let seenByOther = -1;
      const greedy = world.spawn<unknown>(async (self) => {
        for (; taken < MANY; taken += 1) await self.receive();
      });
      for (let count = 0; count < MANY; count += 1) world.runtime.send<unknown>(greedy, count);
      await world.scheduler.step();
      world.spawn(() => {
        seenByOther = taken;
      });
      await world.scheduler.step();
      await world.scheduler.step();
      await world.scheduler.step();
      expect(taken).toBeGreaterThan(0);
      expect(taken).toBeLessThanOrEqual(4 * BATCH);
      await world.idle();
      expect(seenByOther).toBeGreaterThan(0);
      expect(seenByOther).toBeLessThan(MANY / 2);
    }),
  );

  it(
    'a handler takes at most a batch of messages in one turn',
    inWorld(
      async (world) => {
        const got: unknown[] = [];
        const pid = world.spawn(collectInto(got));
        for (let count = 0; count < 10 * BATCH; count += 1) world.runtime.send<unknown>(pid, count);
        await world.scheduler.step();
        expect(got).toHaveLength(BATCH);
        await world.scheduler.step();
        expect(got).toHaveLength(2 * BATCH);
      },
      { leaves: 1 },
    ),
  );

  it(
    'yield() lets every other runnable process have a turn sooner or later, sleep() waits for its time',
    inWorld(async (world) => {
      const events: string[] = [];
      const busy = world.spawn(async (self) => {
        for (;;) await self.yield();
      });
      world.spawn(async (self) => {
        await self.sleep(10);
        events.push(`slept until ${self.nowMs()}`);
        self.sendExit(busy, 'kill');
      });
      for (let steps = 0; steps < 20; steps += 1) await world.scheduler.step();
      world.scheduler.clock.advanceTo(10);
      await world.idle();
      expect(events).toEqual(['slept until 10']);
    }),
  );
});

describe('wait()', () => {
  it(
    'wait() gives what a promise gives, and throws what it throws',
    inWorld(async (world) => {
      await world.run(async (self) => {
        const error = new Error('foreign');
        expect(await self.wait(Promise.resolve(7))).toBe(7);
        expect(await failureOf(() => self.wait(Promise.reject(error)))).toBe(error);
        expect(await failureOf(() => self.wait(Promise.reject(error)))).toBe(error);
      });
    }),
  );

  it(
    'wait() passes on a rejection that is no error as it is',
    inWorld(async (world) => {
      const rejected = () => Promise.resolve().then(() => raise('ball'));
      const caught = await failureOf(() => world.run((self) => self.wait(rejected())));
      expect(caught).toBe('ball');
      const ending = world.watch(world.spawn((self) => self.wait(rejected())));
      await world.idle();
      expect(ending.reason).toEqual(['nocatch', 'ball']);
    }),
  );

  describe.each(['before it is there', 'when it is there but was not taken', 'once it was taken'])(
    'wait() for something that is opened, by a process that ends %s',
    (when) => {
      it(
        `gives it to ifEnded${when === 'once it was taken' ? ' no more' : ', once'}`,
        inWorld(async (world) => {
          const closed: unknown[] = [];
          const taken: unknown[] = [];
          let open = (_socket: string) => {};
          const opening = new Promise<string>((resolve) => {
            open = resolve;
          });
          const pid = world.spawn(async (self) => {
            taken.push(await self.wait(opening, { ifEnded: (value) => void closed.push(value) }));
            await self.receive();
          });
          await world.idle();
          if (when === 'before it is there') world.kill(pid);
          open('socket');
          await opening;
          if (when === 'once it was taken') await world.idle();
          world.kill(pid);
          await world.idle();
          const wasTaken = when === 'once it was taken';
          expect([taken, closed]).toEqual(wasTaken ? [['socket'], []] : [[], ['socket']]);
        }),
      );
    },
  );

  it(
    'wait() on the handle of a dead process gives what is opened to ifEnded, and throws; so does a failing ifEnded',
    inWorld(async (world) => {
      const closed: string[] = [];
      const handles: Self<unknown>[] = [];
      const ending = world.watch(world.spawn<unknown>((self) => void handles.push(self)));
      await world.idle();
      expect(ending.ended).toBe(true);
      const [handle] = handles;
      const ifEnded = (value: string) => {
        closed.push(value);
        throw new Error('cannot close');
      };
      expect(() => handle?.wait(Promise.resolve('socket'), { ifEnded })).toThrow(DeadProcess);
      await world.idle();
      expect(closed).toEqual(['socket']);
      expect(world.reportsOf('error').map(({ reason }) => reason)).toEqual([new Error('cannot close')]);
    }),
  );

  it(
    'run() makes the process the current one again after an await of something foreign',
    inWorld(async (world) => {
      const parents: (string | undefined)[] = [];
      await world
        .run(async (self) => {
          await new Promise((resolve) => void setImmediate(resolve));
          self.register('parent');
          const outside = () => spawn(world.runtime, () => {});
          for (const make of [outside, () => self.run(outside)]) {
            parents.push(world.runtime.processInfo(make())?.ancestors[0]);
          }
        })
        .catch(() => {});
      await new Promise((resolve) => void setImmediate(resolve));
      await world.idle();
      expect(parents).toEqual([undefined, 'parent']);
    }),
  );

  it(
    'the handle of a process that died during a foreign await has no effect any more',
    inWorld(
      async (world) => {
        const got: unknown[] = [];
        const other = world.spawn(collectInto(got));
        let finish = () => {};
        const pid = world.spawn(async (self) => {
          await new Promise<void>((resolve) => {
            finish = resolve;
          });
          self.send(other, 'zombie');
        });
        await world.idle();
        world.kill(pid);
        finish();
        await world.idle();
        expect(got).toEqual([]);
        expect(world.reports).toEqual([]);
      },
      { leaves: 1 },
    ),
  );
});

describe('what is left behind', () => {
  it(
    'a block whose start fails leaves nothing behind',
    inWorld(async (world) => {
      await world.run(async (self) => {
        const blocked = self.process.block(() => raise(new Error('cannot start')));
        expect(await failureOf(() => blocked)).toEqual(new Error('cannot start'));
        expect(world.runtime.processInfo(self.pid)?.status).toBe('running');
      });
    }),
  );

  it(
    'a process does not keep its dead ancestors in memory',
    inWorld(
      async (world) => {
        const generations: WeakRef<object>[] = [];
        const generation = (self: Self<unknown>): void => {
          generations.push(new WeakRef(self.process));
          if (generations.length < 50) self.spawn(generation);
          else self.serve(() => {});
        };
        world.runtime.spawnProcess = Runtime.prototype.spawnProcess.bind(world.runtime);
        world.spawn(generation);
        await world.idle();
        setFlagsFromString('--expose_gc');
        (runInNewContext('gc') as () => void)();
        const kept = generations.filter((reference) => reference.deref() !== undefined);
        expect(generations).toHaveLength(50);
        expect(kept.length).toBeLessThan(5);
      },
      { seeds: 1, leaves: 1 },
    ),
  );

  it(
    'a pid is shown as its number, also deep inside a term',
    inWorld(
      async (world) => {
        const pid = world.spawn(idler);
        expect(formatTerm(['down', { from: pid, all: [pid] }])).toBe('{down,{ from: <0.1.0>, all: [ <0.1.0> ] }}');
        expect(formatTerm(pid)).toBe('<0.1.0>');
        expect(JSON.stringify({ pid })).toBe('{"pid":"<0.1.0>"}');
      },
      { seeds: 1, leaves: 1 },
    ),
  );
});

describe('options', () => {
  it(
    'freezeMessages freezes plain messages deeply, and nothing else',
    inWorld(
      async (world) => {
        const got: unknown[] = [];
        const pid = world.spawn(collectInto(got));
        const map = new Map([[1, { a: 1 }]]);
        const message = { list: [{ a: 1 }], map, pid };
        world.runtime.send<unknown>(pid, message);
        await world.idle();
        expect(got).toEqual([message]);
        expect([message, message.list, message.list[0]].every(Object.isFrozen)).toBe(true);
        expect(Object.isFrozen(map)).toBe(false);
      },
      { freezeMessages: true, leaves: 1 },
    ),
  );

  it(
    'longStepMs reports a wake-up that keeps the event loop',
    inWorld(
      async (world) => {
        world.spawn(function slow(self) {
          self.register('slow');
          const endMs = performance.now() + 5;
          while (performance.now() < endMs);
          self.serve(() => {});
        });
        world.spawn(() => {});
        await world.idle();
        const reports = world.reportsOf('long_step');
        expect(reports).toEqual([{ type: 'long_step', pid: '<0.1.0>', name: 'slow', durationMs: expect.any(Number) }]);
      },
      { longStepMs: 4, leaves: 1, seeds: 1 },
    ),
  );
});

describe('a runtime', () => {
  it('longStepMs times what an asynchronous handler has held up, too', async () => {
    const world = new World(1, { longStepMs: 4 });
    const pid = world.spawn<string>((self) =>
      self.serve((message): void | Promise<void> => {
        if (message === 'wait') return Promise.resolve();
        const endMs = performance.now() + 5;
        while (performance.now() < endMs);
        return undefined;
      }),
    );
    await world.idle();
    for (const message of ['wait', 'compute']) world.runtime.send(pid, message);
    await world.idle();
    expect(world.reportsOf('long_step')).toMatchObject([{ pid: '<0.1.0>' }]);
    await world.end(1);
  });

  it.each([{ batchMessagesMax: 0 }, { batchMessagesMax: 1.5 }, { batchMessagesMax: Number.NaN }, { longStepMs: -1 }])(
    'is not made from options that make no sense: %j',
    (options) => {
      expect(() => new Runtime(options)).toThrow(BadArgument);
    },
  );

  it(
    'startTimer() takes whole milliseconds and Infinity, and reports what a timer throws',
    inWorld(async (world) => {
      for (const delayMs of [Number.NaN, -1, 0.5]) {
        expect(() => world.runtime.startTimer(delayMs, () => {})).toThrow(BadArgument);
      }
      const error = new Error('cannot fire');
      world.runtime.startTimer(3, () => raise(error));
      const never = world.runtime.startTimer(Number.POSITIVE_INFINITY, () => {});
      await world.advance(5);
      expect(world.reportsOf('event')).toEqual([{ type: 'event', event: 'timer_failed', fields: { reason: error } }]);
      expect(world.runtime.cancelTimer(never)).toBe(Number.POSITIVE_INFINITY);
    }),
  );

  it('a timer that dies with a process of another runtime dies in its own', async () => {
    const [here, there] = [new World(1), new World(2)];
    const pid = there.spawn<unknown>(idler);
    await there.idle();
    await here.run((self) => void self.sendAfter(10, pid, 'late'));
    there.kill(pid);
    expect([here.runtime.timerCount, there.runtime.timerCount]).toEqual([0, 0]);
    await here.end(0);
    await there.end(0);
  });

  it('is over when it has been stopped, whatever the ports of its processes do then', async () => {
    const world = new World(1);
    const { runtime } = world;
    const fired: string[] = [];
    const tries = [() => spawn(runtime, idler), () => runtime.startTimer(1, () => void fired.push('late'))];
    world.spawn((self) => {
      for (const attempt of tries) self.openPort(() => void attempt());
      self.serve(() => {});
    });
    await world.idle();
    expect(runtime.isStopped).toBe(false);
    runtime.stop();
    runtime.stop();
    expect(world.reportsOf('error').map(({ reason }) => reason)).toEqual([
      new BadArgument('Cannot spawn a process: the runtime has been stopped'),
      new BadArgument('Cannot start a timer: the runtime has been stopped'),
    ]);
    for (const attempt of tries) expect(() => runtime.run<unknown>(attempt)).toThrow(BadArgument);
    await world.advance(10);
    expect([fired, runtime.processCount, runtime.timerCount, runtime.isStopped]).toEqual([[], 0, 0, true]);
  });
});

describe('the logger', () => {
  it(
    'a report handler that throws harms nobody, and what it lost is counted',
    inWorld(async (world) => {
      const seen: Report[] = [];
      world.runtime.logger.addHandler('bad', () => raise(new Error('cannot write')));
      world.runtime.logger.addHandler('good', (_level, report) => void seen.push(report));
      const error = new Error('broken');
      const ending = world.watch(world.spawn(() => raise(error)));
      await world.idle();
      expect(ending.reason).toBe(error);
      expect(seen).toEqual([{ type: 'error', pid: '<0.1.0>', initialCall: 'anonymous', reason: error }]);
      expect(world.runtime.logger.lost).toBe(1);
    }),
  );
});

function raise(value: unknown): never {
  throw value;
}
