/** How one process is made, what it leaves behind, and what the runtime it belongs to does for it. */
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BadArgument, formatTerm, type Report, Runtime, type Self, spawn } from '../../src/otp';
import { collectInto, failureOf, idler, inWorld, raise, World } from '../support/runtime';

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
          const endMs = performance.now() + 90;
          while (performance.now() < endMs);
          self.serve(() => {});
        });
        world.spawn(() => {});
        await world.idle();
        const reports = world.reportsOf('long_step');
        expect(reports).toEqual([{ type: 'long_step', pid: '<0.1.0>', name: 'slow', durationMs: expect.any(Number) }]);
      },
      { longStepMs: 80, leaves: 1, seeds: 1 },
    ),
  );
});

describe('a runtime', () => {
  it('longStepMs times what an asynchronous handler has held up, too', async () => {
    const world = new World(1, { longStepMs: 80 });
    const pid = world.spawn<string>((self) =>
      self.serve((message): void | Promise<void> => {
        if (message === 'wait') return Promise.resolve();
        const endMs = performance.now() + 90;
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
