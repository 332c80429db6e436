/** Supervisors stand what ends while they are at something else, as Erlang's do: in a start, a stop, a restart, and while suspended. */
import {
  type ChildSpec,
  genServer,
  type GenServer,
  Pid,
  randomFrom,
  started,
  type StartResult,
  supervisor,
  sys,
} from '../../src/otp';
import { failed, failureOf } from '../support/runtime';
import { endProcess, inFamily } from '../support/supervision';
import { begin, CRASH, PLENTY, type Strategy } from '../support/supervisor-cases';

const { startChild, terminateChild, whichChildren, countChildren } = supervisor;

/** Every process of the tree below this supervisor, itself included. */
async function membersOf(sup: Pid & supervisor.SupervisorRef): Promise<Pid[]> {
  const members: Pid[] = [sup];
  for (const { pid, type } of await whichChildren(sup)) {
    if (!(pid instanceof Pid)) continue;
    if (type === 'worker') members.push(pid);
    else members.push(...(await membersOf(pid)));
  }
  return members;
}

describe('ends in the middle of things', () => {
  /** A start that the test finishes by hand. */
  const held = () => {
    let finish: (result: StartResult) => void = () => {};
    const start = () => new Promise<StartResult>((resolve) => (finish = resolve));
    return { start, finish: (result: StartResult) => finish(result) };
  };

  it.each<[string, StartResult]>([
    ['is ignored', 'ignore'],
    ['fails', { ok: false, error: 'broken' }],
  ])('facts 5 and 60: a supervisor that was killed in a start does nothing more when that %s', async (_how, result) => {
    await inFamily(async (family) => {
      const { start, finish } = held();
      await family.start({}, [family.child('a'), { id: 'b', start }, family.child('c')]);
      const sup = family.world.runtime.whereis('sup') as Pid;
      family.takeEvents();
      family.reports.length = 0;
      family.world.kill(sup);
      await family.world.idle();
      expect(family.result).toEqual(failed('killed'));
      expect(family.takeEvents()).toEqual(['-a']);
      finish(result);
      await family.world.idle();
      expect(family.takeEvents()).toEqual([]);
      expect(family.reports).toEqual([]);
    })();
  });

  it(
    'facts 5 and 60: nor when it was killed in a restart, or in its own init',
    inFamily(async (family) => {
      await begin(family, PLENTY, 'ab');
      const { start, finish } = held();
      family.next('a', start);
      await family.lose(CRASH, 'a');
      family.reports.length = 0;
      family.world.kill(family.sup);
      finish({ ok: false, error: 'broken' });
      await family.world.idle();
      expect(family.reports).toEqual([]);
      const inner = held();
      await family.start({}, [], inner.start);
      family.world.kill(family.world.runtime.whereis('sup') as Pid);
      await family.world.idle();
      expect(family.result).toEqual(failed('killed'));
      inner.finish('nonsense' as 'ignore');
      await family.world.idle();
      expect(family.reports).toEqual([]);
    }),
  );

  it(
    'fact 69: a supervisor that is killed in a start takes the child that is in its init along',
    inFamily(async (family) => {
      await family.start({}, []);
      const slow: GenServer<void, void> = { init: (_args, self) => self.sleep(1000).then(() => started(undefined)) };
      const starting = family.request((sup) =>
        startChild(sup, { id: 'a', start: () => genServer.startLink(slow, undefined) }),
      );
      await family.world.advance(500);
      expect(family.world.runtime.processCount).toBe(3);
      family.world.kill(family.sup);
      expect(family.world.runtime.processCount).toBe(1);
      expect(await failureOf(() => starting)).toMatchObject({ reason: ['killed', expect.anything()] });
    }),
  );

  it(
    'fact 69: a supervisor that is killed while it stops a child stops no other; those left see its end',
    inFamily(async (family) => {
      await family.start({}, [family.child('a'), family.child('b', {}, { stopMs: 100 }), family.child('c')]);
      family.takeEvents();
      family.endOwner();
      await family.world.advance(50);
      expect(family.takeEvents()).toEqual(['-c']);
      family.world.kill(family.sup);
      await family.world.advance(49);
      expect(family.takeEvents()).toEqual(['-a']);
      await family.world.advance(1);
      expect(family.takeEvents()).toEqual(['-b']);
      expect(family.complaints()).toEqual([]);
    }),
  );

  it(
    'fact 70: the parent’s end while a child starts counts when the start is over',
    inFamily(async (family) => {
      await begin(family, {}, 'a');
      const { start, finish } = held();
      const starting = family.request((sup) => startChild(sup, { id: 'b', start }));
      await family.world.idle();
      family.takeEvents();
      family.endOwner('tired');
      await family.world.advance(10_000);
      expect(family.takeEvents()).toEqual([]);
      finish('ignore');
      await family.world.idle();
      expect(await starting).toMatchObject({ ok: true });
      expect(family.takeEvents()).toEqual(['-a']);
      expect(family.end).toEqual({ ended: true, reason: 'tired' });
    }),
  );

  it(
    'fact 70: the parent’s end during the start of the supervisor counts when that is over',
    inFamily(async (family) => {
      const { start, finish } = held();
      await family.start({}, [family.child('a'), { id: 'b', start }, family.child('c')]);
      family.endOwner('tired');
      await family.world.idle();
      family.takeEvents();
      finish('ignore');
      await family.world.idle();
      expect(family.takeEvents()).toEqual(['+c', '-c', '-a']);
      expect(family.world.runtime.processCount).toBe(0);
    }),
  );

  it(
    'fact 66: a supervisor stuck in a start that never ends is killed from above when its time is over',
    inFamily(async (family) => {
      const stuck = { id: 's', start: () => new Promise<'ignore'>(() => {}) };
      const inner = () =>
        supervisor.startLink({ init: () => ({ flags: {}, children: [family.child('a')] }) }, undefined, {
          name: 'inner',
        });
      await family.start({}, [{ id: 'inner', type: 'supervisor', start: inner, shutdown: 500 }]);
      const ref = family.world.runtime.whereis('inner') as supervisor.SupervisorRef;
      const starting = family.world.runtime.run(() => startChild(ref, stuck)).catch((error: unknown) => error);
      await family.world.idle();
      family.takeEvents();
      const stopping = family.request((sup) => terminateChild(sup, 'inner'));
      await family.world.advance(499);
      expect(family.takeEvents()).toEqual([]);
      await family.world.advance(1);
      expect(await stopping).toEqual({ ok: true, value: 'ok' });
      expect(await starting).toMatchObject({ reason: ['killed', expect.anything()] });
      expect(family.takeEvents()).toEqual(['-a']);
      expect(family.complaints()).toEqual(['shutdown_error inner killed']);
    }),
  );

  it(
    'fact 75: a sibling that dies while the group starts again is restarted after it, and counts',
    inFamily(async (family) => {
      await begin(family, { strategy: 'one_for_all', intensity: 2 }, 'abc');
      family.next('c', () => {
        family.die(CRASH, 'a');
        return family.startWorker('c');
      });
      await family.lose(CRASH, 'b');
      expect(await family.state()).toEqual([
        ['a', 3],
        ['b', 3],
        ['c', 3],
      ]);
      expect(family.complaints()).toEqual(['child_terminated b Error: crash', 'child_terminated a Error: crash']);
      await family.lose(CRASH, 'a');
      expect(family.end.ended).toBe(true);
    }),
  );

  it(
    'fact 71: a child that dies before its start function returns is restarted like any other',
    inFamily(async (family) => {
      const start = async () => {
        const result = await family.startWorker('a');
        if (family.pids.get('a')?.length === 1) family.die(CRASH, 'a');
        return result;
      };
      await family.start(PLENTY, [{ id: 'a', start }]);
      expect(await family.state()).toEqual([['a', 2]]);
    }),
  );

  it(
    'fact 55: a suspended supervisor deals with its children when it is resumed, and obeys its parent meanwhile',
    inFamily(async (family) => {
      await begin(family, { intensity: 2 }, 'ab');
      await family.ask((sup) => sys.suspend(sup));
      const counting = family.request((sup) => countChildren(sup));
      await family.lose(CRASH, 'a', 'b');
      expect(family.pids.get('a')).toHaveLength(1);
      expect(await family.ask((sup) => sys.getStatus(sup))).toMatchObject({ status: 'suspended', module: 'sup' });
      await family.ask((sup) => sys.resume(sup));
      expect(await counting).toMatchObject({ active: 0 });
      expect(await family.state()).toEqual([
        ['a', 2],
        ['b', 2],
      ]);
      await family.ask((sup) => sys.suspend(sup));
      family.takeEvents();
      family.endOwner('tired');
      await family.world.idle();
      expect(family.takeEvents()).toEqual(['-b', '-a']);
      expect(family.end).toEqual({ ended: true, reason: 'tired' });
    }),
  );

  it(
    'fact 54: sys shows the flags and the children of a supervisor, and getState what it keeps',
    inFamily(async (family) => {
      await begin(family, {}, 'a');
      expect(await family.ask((sup) => sys.getStatus(sup))).toMatchObject({
        status: 'running',
        state: { flags: { intensity: 1 }, children: [{ id: 'a', pid: family.pidOf('a') }] },
      });
      expect(await family.ask((sup) => sys.getState(sup))).toMatchObject({ flags: { intensity: 1 } });
    }),
  );

  it(
    'fact 53: genServer.stop on a suspended supervisor, and with a reason that is an error',
    inFamily(async (family) => {
      await begin(family, {}, 'ab');
      await family.ask((sup) => sys.suspend(sup));
      family.takeEvents();
      expect(await family.ask((sup) => genServer.stop(sup, 'broken'))).toBe('ok');
      expect(family.takeEvents()).toEqual(['-b', '-a']);
      expect(family.end).toEqual({ ended: true, reason: 'broken' });
    }),
  );

  it(
    'facts 65 and 69: whoever is killed in a tree, and whenever, everybody left is in the tree',
    inFamily(
      async (family) => {
        const { world } = family;
        const random = randomFrom(world.seed);
        const leaf = (id: string, stopMs: number) => family.child(id, { shutdown: 50 }, { stopMs });
        const branch = (id: string, children: readonly ChildSpec[], strategy: Strategy): ChildSpec => ({
          id,
          type: 'supervisor',
          start: () => supervisor.startLink({ init: () => ({ flags: { ...PLENTY, strategy }, children }) }, undefined),
        });
        const leaves = (prefix: string) => [0, 20, 200].map((stopMs) => leaf(`${prefix}${stopMs}`, stopMs));
        const inner = branch('inner', leaves('i'), 'one_for_all');
        const outer = branch('outer', [...leaves('o'), inner], 'rest_for_one');
        await family.start(PLENTY, [outer, ...leaves('t')]);
        for (let round = 0; round < 10; round += 1) {
          for (let kills = 0; kills < 3; kills += 1) {
            const victims = world.runtime.processes().filter((pid) => pid !== family.ownerPid && pid !== family.sup);
            const victim = victims[Math.floor(random() * victims.length)];
            if (victim) endProcess(victim, random() < 0.5 ? 'kill' : CRASH);
            for (let steps = Math.floor(random() * 5); steps > 0; steps -= 1) await world.scheduler.step();
          }
          await world.advance(10_000);
          const members = await family.ask((sup) => membersOf(sup));
          const living = world.runtime.processes().filter((pid) => pid !== family.ownerPid);
          expect(new Set(members)).toEqual(new Set(living));
          expect(members).toHaveLength(12);
        }
      },
      { seeds: 20 },
    ),
  );
});
