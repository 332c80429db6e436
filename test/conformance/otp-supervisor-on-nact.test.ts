/** Supervisors do on the scheduler of nact what all other tests of them see in moved time. */
import type { Pid } from '../../src/otp';
import {
  type ChildSpec,
  genServer,
  type GenServer,
  isExit,
  Runtime,
  type Self,
  spawn,
  started,
  supervisor,
  type SupervisorFlags,
} from '../../src/otp';
import { startLink as startProcess } from '../../src/otp/proc-lib';
import { CRASH, PLENTY, STRATEGIES } from '../support/supervisor-cases';

const { startChild, terminateChild, whichChildren } = supervisor;

describe('on the real scheduler', () => {
  /** Runs `scenario` as a process of a runtime of its own, on nact and the machine's clock. */
  async function onNact<T>(scenario: (self: Self, runtime: Runtime) => Promise<T>): Promise<T> {
    const runtime = new Runtime();
    try {
      return await new Promise<T>((resolve, reject) => {
        runtime.run(() => spawn(runtime, (self) => scenario(self, runtime).then(resolve, reject)));
      });
    } finally {
      runtime.stop();
    }
  }

  const counter: GenServer<string, string> = { init: (name) => started(name) };
  const named = (id: string): ChildSpec => ({
    id,
    start: () => genServer.startLink(counter, id, { name: id }),
    shutdown: 1000,
  });
  const startTree = async (self: Self, flags: SupervisorFlags, ids: string) => {
    self.trapExit(true);
    const tree = { init: () => ({ flags, children: ids.split('').map(named) }) };
    const result = await self.run(() => supervisor.startLink(tree, undefined));
    if (result === 'ignore' || !result.ok) throw new Error('Expected a supervisor');
    return result.value as Pid & supervisor.SupervisorRef;
  };
  const pidsOf = async (self: Self, sup: supervisor.SupervisorRef) => {
    const rows = await self.run(() => whichChildren(sup));
    return Object.fromEntries(rows.map(({ id, pid }) => [id, pid]));
  };

  it.each(STRATEGIES)('fact 73: %s restarts its children under their names', async (strategy) => {
    await onNact(async (self, runtime) => {
      const sup = await startTree(self, { strategy, ...PLENTY }, 'abc');
      const before = await pidsOf(self, sup);
      self.sendExit(before['b'] as Pid, 'kill');
      const after = await pidsOf(self, sup);
      const changed = 'abc'.split('').filter((id) => before[id] !== after[id]);
      expect(changed.join('')).toBe({ one_for_one: 'b', one_for_all: 'abc', rest_for_one: 'bc' }[strategy]);
      expect(runtime.whereis('b')).toBe(after['b']);
    });
  });

  it('fact 77: giving up reaches the parent as an exit with shutdown, and leaves nobody behind', async () => {
    await onNact(async (self, runtime) => {
      const sup = await startTree(self, { intensity: 1 }, 'abc');
      for (let deaths = 0; deaths < 2; deaths += 1) {
        const { a } = await pidsOf(self, sup);
        self.sendExit(a as Pid, CRASH);
      }
      expect(await self.receive({ match: isExit })).toMatchObject({ from: sup, reason: 'shutdown' });
      expect(runtime.processes()).toEqual([self.pid]);
    });
  });

  it('fact 66: a child that ignores shutdown is killed when its time is over', async () => {
    await onNact(async (self) => {
      const sup = await startTree(self, {}, '');
      const stubborn = () =>
        startProcess((process, starting) => {
          process.trapExit(true);
          starting.started();
          process.serve(() => {});
        }, {});
      await self.run(() => startChild(sup, { id: 'a', start: stubborn, shutdown: 30 }));
      const { a } = await pidsOf(self, sup);
      const ref = self.monitor(a as Pid);
      const startMs = self.nowMs();
      await self.run(() => terminateChild(sup, 'a'));
      expect(self.nowMs() - startMs).toBeGreaterThanOrEqual(30);
      expect(await self.receive()).toEqual({ type: 'DOWN', ref, from: a, reason: 'killed' });
    });
  });
});
