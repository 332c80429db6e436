/** The scheduler of tests: one seed is one run, and different seeds are different runs. */
import { genServer, nameOf, noReply, randomFrom, Runtime, spawn, started, TestScheduler } from '../../src/otp';

/** A busy little world; what happened in it, in order. */
async function history(seed: number): Promise<string[]> {
  const scheduler = new TestScheduler(seed);
  const runtime = new Runtime({ scheduler, clock: scheduler.clock, batchMessagesMax: 2 });
  const events: string[] = [];
  runtime.run(() => {
    void genServer.start(
      {
        init: () => started(0),
        handleInfo: (message: unknown, count: number) => noReply((events.push(String(message)), count)),
      },
      0,
      { name: 'server' },
    );
    for (let who = 0; who < 5; who += 1) {
      spawn(runtime, async (self) => {
        await self.sleep(who % 2);
        for (let turn = 0; turn < 5; turn += 1) {
          events.push(`${who} turn ${turn}`);
          self.send(nameOf<unknown>('server'), `from ${who}`);
          await self.yield();
        }
      });
    }
  });
  await scheduler.advance(10);
  runtime.stop();
  return events;
}

describe('TestScheduler', () => {
  it('TestScheduler replays a run from its seed', async () => {
    for (let seed = 1; seed <= 10; seed += 1) expect(await history(seed)).toEqual(await history(seed));
  });

  it('TestScheduler brings about many different orders', async () => {
    const runs = new Set<string>();
    for (let seed = 1; seed <= 20; seed += 1) runs.add((await history(seed)).join());
    expect(runs.size).toBeGreaterThan(15);
  });

  it('TestScheduler lets exactly one process run in a step, and says which', async () => {
    const scheduler = new TestScheduler(1);
    const ran: number[] = [];
    const wakeups = [1, 2, 3].map((id) => scheduler.add(id, () => void ran.push(id)));
    for (const wakeup of wakeups) wakeup.wake();
    for (let steps = 1; steps <= 3; steps += 1) {
      const id = await scheduler.step();
      expect([ran.length, ran.at(-1)]).toEqual([steps, id]);
    }
    expect(await scheduler.step()).toBeUndefined();
    expect(ran.sort((a, b) => a - b)).toEqual([1, 2, 3]);
  });

  it('TestScheduler gives up on a world that never becomes idle, and names the seed', async () => {
    const scheduler = new TestScheduler(7);
    const wakeup = scheduler.add(1, () => wakeup.wake());
    wakeup.wake();
    await expect(scheduler.runUntilIdle(100)).rejects.toThrow('still busy after 100 steps (seed 7)');
    scheduler.stop();
    await scheduler.runUntilIdle();
  });

  it('TestScheduler gives up on a world in which time cannot pass, and names the seed', async () => {
    const scheduler = new TestScheduler(7);
    const runtime = new Runtime({ scheduler, clock: scheduler.clock });
    runtime.run(() =>
      spawn(runtime, async (self) => {
        for (;;) await self.receive({ timeoutMs: 0 });
      }),
    );
    await expect(scheduler.advance(10, 50)).rejects.toThrow('time stands still at 0 ms after 50 alarms (seed 7)');
    runtime.stop();
  });

  it('TestScheduler moves time alarm by alarm', async () => {
    const scheduler = new TestScheduler(1);
    const runtime = new Runtime({ scheduler, clock: scheduler.clock });
    const times: number[] = [];
    runtime.run(() =>
      spawn(runtime, async (self) => {
        for (let count = 0; count < 3; count += 1) {
          await self.sleep(7);
          times.push(self.nowMs());
        }
      }),
    );
    await scheduler.advance(20);
    expect([times, scheduler.clock.nowMs()]).toEqual([[7, 14], 20]);
    await scheduler.advance(1);
    expect(times).toEqual([7, 14, 21]);
  });

  it('randomFrom() depends on the seed alone and stays in [0, 1)', () => {
    const numbers = (seed: number) => Array.from({ length: 1000 }, randomFrom(seed));
    expect(numbers(5)).toEqual(numbers(5));
    expect(numbers(5)).not.toEqual(numbers(6));
    expect(numbers(5).every((number) => number >= 0 && number < 1)).toBe(true);
    const mean = numbers(9).reduce((sum, number) => sum + number, 0) / 1000;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.05);
  });
});
