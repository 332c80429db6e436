/**
 * Supervisors of many children: what one child's end costs must not depend on how many there are.
 *
 * Operations are counted, not timed; only the largest case has a limit of time, a generous one.
 */
import {
  type GenServer,
  genServer,
  type Pid,
  Runtime,
  type Self,
  spawn,
  started,
  supervisor,
  type SupervisorRef,
} from '../../src/otp';
import { Mailbox } from '../../src/otp/mailbox';
import { Children } from '../../src/otp/supervisor-children';
import { type Family, inFamily } from '../support/supervision';

const MANY = 10_000;
const ONCE = { seeds: 1 };
const CRASH = new Error('crash');
const PLENTY = { intensity: 2 * MANY, periodMs: 1000 };

const names = (count: number) => Array.from({ length: count }, (_unused, index) => `w${index}`);
const specs = (family: Family, count: number) => names(count).map((id) => family.child(id));
const handled = (pid: Pid) => pid.process?.handled ?? 0;

/** Counts the messages that are looked at to find some among them, and how often all children are listed. */
function countWork(): { readonly scans: () => number; readonly scanned: () => number; readonly lists: () => number } {
  let scanned = 0;
  const original = Reflect.get(Mailbox.prototype, 'discard');
  const discard = jest.spyOn(Mailbox.prototype, 'discard').mockImplementation(function (this: Mailbox, drop) {
    return original.call(this, (message) => ((scanned += 1), drop(message)));
  });
  const list = jest.spyOn(Children.prototype, 'list');
  return { scans: () => discard.mock.calls.length, scanned: () => scanned, lists: () => list.mock.calls.length };
}

afterEach(() => void jest.restoreAllMocks());

describe(`a supervisor of ${MANY} children`, () => {
  it(
    'restarts one of them without touching or even looking at the others',
    inFamily(async (family) => {
      await family.start({}, specs(family, MANY));
      const others = names(MANY).filter((id) => id !== 'w5000');
      const before = others.map((id) => handled(family.pidOf(id)));
      const supBefore = handled(family.sup);
      const work = countWork();
      await family.lose(CRASH, 'w5000');
      expect(family.pids.get('w5000')).toHaveLength(2);
      expect({ scans: work.scans(), lists: work.lists() }).toEqual({ scans: 0, lists: 0 });
      expect(handled(family.sup) - supBefore).toBe(1);
      expect(others.map((id) => handled(family.pidOf(id)))).toEqual(before);
      expect(others.every((id) => family.pids.get(id)?.length === 1)).toBe(true);
    }, ONCE),
  );

  it(
    'one_for_one: restarts all of them with one message each and no search when all die at once',
    inFamily(async (family) => {
      await family.start(PLENTY, specs(family, MANY));
      const supBefore = handled(family.sup);
      const work = countWork();
      await family.lose(CRASH, ...names(MANY));
      expect(handled(family.sup) - supBefore).toBe(MANY);
      expect({ scans: work.scans(), lists: work.lists() }).toEqual({ scans: 0, lists: 0 });
      expect(names(MANY).every((id) => family.pids.get(id)?.length === 2)).toBe(true);
    }, ONCE),
  );

  it(
    'one_for_all: restarts all of them once, and looks through its mailbox once, when all die at once',
    inFamily(async (family) => {
      await family.start({ ...PLENTY, strategy: 'one_for_all', intensity: 1 }, specs(family, MANY));
      const supBefore = handled(family.sup);
      const work = countWork();
      await family.lose(CRASH, ...names(MANY));
      expect(handled(family.sup) - supBefore).toBe(1);
      expect({ scans: work.scans(), scanned: work.scanned() }).toEqual({ scans: 1, scanned: MANY - 1 });
      expect(names(MANY).every((id) => family.pids.get(id)?.length === 2)).toBe(true);
    }, ONCE),
  );

  it(
    'stops all of them without a search',
    inFamily(async (family) => {
      await family.start({}, specs(family, MANY));
      const work = countWork();
      family.endOwner();
      await family.world.idle();
      expect(family.end.ended).toBe(true);
      expect({ scans: work.scans(), scanned: work.scanned() }).toEqual({ scans: 0, scanned: 0 });
    }, ONCE),
  );

  it(
    'gives up with all of them dead and looks through its mailbox once',
    inFamily(async (family) => {
      await family.start({ intensity: 0 }, specs(family, MANY));
      const work = countWork();
      await family.lose(CRASH, ...names(MANY));
      expect(family.end).toEqual({ ended: true, reason: 'shutdown' });
      expect({ scans: work.scans(), scanned: work.scanned() }).toEqual({ scans: 1, scanned: MANY - 1 });
    }, ONCE),
  );
});

describe('a simple_one_for_one supervisor', () => {
  const HUGE = 100_000;
  /** Several times as long as it takes even where all else runs beside it. */
  const PATIENCE_MS = 240_000;
  const idle: GenServer<number, number> = { init: (number) => started(number) };
  const pool: supervisor.Supervisor<void> = {
    init: () => ({
      flags: { strategy: 'simple_one_for_one' },
      children: [{ id: 'x', start: (number: number) => genServer.startLink(idle, number), shutdown: 5000 }],
    }),
  };

  it(
    `starts and stops ${HUGE} instances on the real scheduler`,
    async () => {
      const runtime = new Runtime();
      const scenario = async (self: Self) => {
        self.trapExit(true);
        const result = await self.run(() => supervisor.startLink(pool, undefined));
        if (result === 'ignore' || !result.ok) throw new Error('Expected a supervisor');
        const sup = result.value as Pid & SupervisorRef;
        for (let number = 0; number < HUGE; number += 1) await self.run(() => supervisor.startChild(sup, [number]));
        const counts = await self.run(() => supervisor.countChildren(sup));
        expect(counts).toEqual({ specs: 1, active: HUGE, supervisors: 0, workers: HUGE });
        await self.run(() => genServer.stop(sup, 'shutdown'));
      };
      await new Promise<void>((resolve, reject) => {
        runtime.run(() => spawn(runtime, (self) => scenario(self).then(resolve, reject)));
      });
      expect(runtime.timerCount).toBe(0);
      runtime.stop();
      expect(runtime.processCount).toBe(0);
    },
    PATIENCE_MS,
  );
});
