/** The client's dealings with time, on a clock that the test moves: back-off, deadlines, dialling. */
import { type Address } from '../../src/client/address';
import { backoffMs } from '../../src/client/backoff';
import { Deadlines, SLOT_MS } from '../../src/client/deadlines';
import { Dialler } from '../../src/client/dialler';
import type { Environment } from '../../src/client/environment';
import { FakeServer, freePort } from '../support/fake-server';

/** A clock that stands still until the test moves it. */
class ManualEnvironment implements Environment {
  timers: { readonly atMs: number; readonly fire: () => void }[] = [];
  private timeMs = 0;

  nowMs(): number {
    return this.timeMs;
  }

  startTimer(delayMs: number, fire: () => void): () => void {
    const timer = { atMs: this.timeMs + delayMs, fire };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  random(): number {
    return 0.5;
  }

  /** Moves time on, firing what is due in order. */
  advanceTo(ms: number): void {
    for (;;) {
      const next = this.timers.filter(({ atMs }) => atMs <= ms).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.timeMs = Math.max(this.timeMs, next.atMs);
      next.fire();
    }
    this.timeMs = ms;
  }
}

describe('backoffMs()', () => {
  const options = { backoffMinMs: 50, backoffMaxMs: 1000 };

  test('doubles with each failure up to the most', () => {
    const longest = [1, 2, 3, 4, 5, 6, 7, 100, 5000].map((failures) => backoffMs(failures, options, 1));
    expect(longest).toEqual([50, 100, 200, 400, 800, 1000, 1000, 1000, 1000]);
  });

  test('leaves half of it to chance', () => {
    expect(backoffMs(3, options, 0)).toBe(100);
    expect(backoffMs(3, options, 0.5)).toBe(150);
  });
});

describe('Deadlines', () => {
  const world = () => {
    const environment = new ManualEnvironment();
    const expired: string[] = [];
    const deadlines = new Deadlines<{ readonly name: string; readonly deadlineAtMs: number }>(environment, (item) =>
      expired.push(`${item.name}@${environment.nowMs()}`),
    );
    return { environment, expired, deadlines };
  };

  test('expire in the order of their slots, never early and at most one slot late', () => {
    const { environment, expired, deadlines } = world();
    deadlines.add({ name: 'late', deadlineAtMs: 101 });
    deadlines.add({ name: 'early', deadlineAtMs: 39 });
    environment.advanceTo(38);
    expect(expired).toEqual([]);
    environment.advanceTo(200);
    expect(expired).toEqual([`early@${2 * SLOT_MS}`, `late@${6 * SLOT_MS}`]);
  });

  test('need one timer however many there are, and none when nothing is left', () => {
    const { environment, expired, deadlines } = world();
    const items = Array.from({ length: 1000 }, (_, index) => ({ name: 'item', deadlineAtMs: index }));
    for (const item of items) deadlines.add(item);
    expect(environment.timers).toHaveLength(1);
    for (const item of items) deadlines.delete(item);
    environment.advanceTo(2000);
    expect(expired).toEqual([]);
    expect(environment.timers).toHaveLength(0);
  });

  test('do not expire after clear()', () => {
    const { environment, expired, deadlines } = world();
    deadlines.add({ name: 'item', deadlineAtMs: 10 });
    deadlines.clear();
    environment.advanceTo(100);
    expect(expired).toEqual([]);
  });
});

describe('Dialler', () => {
  const world = (addresses: readonly Address[]) => {
    const environment = new ManualEnvironment();
    const told: string[] = [];
    let heard: () => void = () => {};
    const next = () =>
      new Promise<void>((resolve) => {
        heard = resolve;
      });
    const tell = (what: string) => {
      told.push(what);
      heard();
    };
    const dialler = new Dialler(
      addresses,
      { environment, connectTimeoutMs: 10_000, backoffMinMs: 50, backoffMaxMs: 1000 },
      {
        connected({ socket, address }) {
          socket.destroy();
          tell(`connected ${address.port}`);
        },
        failed: (error) => tell(error.message),
      },
    );
    return { environment, told, next, dialler };
  };

  test('dials at once, then after growing waits', async () => {
    const port = await freePort();
    const { environment, told, next, dialler } = world([{ host: '127.0.0.1', port }]);
    let atMs = 0;
    for (const waitMs of [0, 37.5, 75, 150]) {
      const failed = next();
      dialler.start();
      if (waitMs > 0) expect(environment.timers.map((timer) => timer.atMs - atMs)).toEqual([waitMs]);
      atMs += waitMs;
      environment.advanceTo(atMs);
      await failed;
    }
    expect(told).toEqual(Array.from({ length: 4 }, () => `Cannot connect to 127.0.0.1:${port}: connection refused`));
  });

  test('waits after a connection that ended without a word, and not after one that was of use', async () => {
    const server = await FakeServer.listen();
    const { environment, dialler } = world([{ host: '127.0.0.1', port: server.port }]);
    for (const waitMs of [37.5, 75, 150]) {
      await dialler.round();
      dialler.connectionEnded(false);
      dialler.start();
      expect(environment.timers.map(({ atMs }) => atMs)).toEqual([waitMs]);
      environment.timers = [];
    }
    dialler.connectionEnded(true);
    expect((await dialler.round()).ok).toBe(true);
    dialler.start();
    // The one timer is that of an attempt under way: how long it may take.
    expect(environment.timers.map(({ atMs }) => atMs)).toEqual([10_000]);
    dialler.close();
    await server.close();
  });

  test('begins with the address that worked last', async () => {
    const dead = await freePort();
    const server = await FakeServer.listen();
    const { told, dialler } = world([dead, server.port].map((port) => ({ host: '127.0.0.1', port })));
    await dialler.round();
    expect((await dialler.round()).ok).toBe(true);
    expect(told).toEqual([`connected ${server.port}`, `connected ${server.port}`]);
    await server.close();
  });

  test('tells why none of several addresses can be reached', async () => {
    const [first, second] = [await freePort(), await freePort()];
    const { dialler } = world([first, second].map((port) => ({ host: '127.0.0.1', port })));
    const result = await dialler.round();
    expect(result).toMatchObject({
      error: { message: `Cannot connect to any of 127.0.0.1:${first}, 127.0.0.1:${second}: connection refused` },
    });
  });

  test('gives up when it is closed', async () => {
    const { told, environment, dialler } = world([{ host: '127.0.0.1', port: await freePort() }]);
    await dialler.round();
    dialler.start();
    dialler.close();
    expect(environment.timers).toHaveLength(0);
    dialler.start();
    expect(environment.timers).toHaveLength(0);
    expect(told).toHaveLength(1);
  });
});
