/** How a process receives and waits, and how fair it is to others. */
import { BadArgument, DeadProcess, type Self, spawn, TIMEOUT } from '../../src/otp';
import { collectInto, failureOf, inWorld, raise } from '../support/runtime';

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
