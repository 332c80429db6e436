/** Supervisors count restarts, give up, and try again what failed to start, as Erlang's do: facts 76 to 81 of its semantics. */
import { type ChildSpec, Pid, supervisor } from '../../src/otp';
import { failed } from '../support/runtime';
import { type Family, inFamily } from '../support/supervision';
import { begin, CRASH, GROUPS, PLENTY } from '../support/supervisor-cases';

const { startChild, terminateChild, restartChild, deleteChild, whichChildren, countChildren } = supervisor;

describe('restarting', () => {
  const edges: [string, number, number, boolean][] = [
    ['in the same second', 0, 0, true],
    ['at the far edge of the period', 999, 2000, true],
    ['nearly a second beyond the period', 0, 2999, true],
    ['in the next second', 999, 3000, false],
    ['a second and a bit beyond the period', 0, 3000, false],
  ];
  it.each(edges)('fact 76: two restarts %s (%d and %d ms) are too many: %s', async (_where, first, second, tooMany) => {
    await inFamily(async (family) => {
      await begin(family, { intensity: 1, periodMs: 2000 }, 'a');
      await family.world.advance(first);
      await family.lose(CRASH, 'a');
      await family.world.advance(second - first);
      await family.lose(CRASH, 'a');
      expect(family.end.ended).toBe(tooMany);
    })();
  });
  it(
    'fact 76: all children share one budget, and 0 makes the first restart fatal',
    inFamily(async (family) => {
      await begin(family, { intensity: 2 }, 'abc');
      for (const id of 'abc') await family.lose(CRASH, id);
      expect(family.end).toEqual({ ended: true, reason: 'shutdown' });
      await begin(family, { intensity: 0 }, 'a');
      await family.lose(CRASH, 'a');
      expect(family.end).toEqual({ ended: true, reason: 'shutdown' });
    }),
  );
  const branch = (family: Family, id: string, ids: string, spec: Partial<ChildSpec> = {}): ChildSpec => ({
    id,
    type: 'supervisor',
    start: () =>
      supervisor.startLink(
        { init: () => ({ flags: { intensity: 1 }, children: ids.split('').map((child) => family.child(child)) }) },
        undefined,
        { name: id },
      ),
    ...spec,
  });
  it(
    'fact 77: a permanent supervisor that gave up is restarted, and counts as one restart',
    inFamily(async (family) => {
      await family.start({ intensity: 1 }, [branch(family, 'inner', 'ab')]);
      await family.lose(CRASH, 'a');
      await family.lose(CRASH, 'a');
      expect(family.end.ended).toBe(false);
      expect(family.complaints().slice(-1)).toEqual(['child_terminated inner shutdown']);
      expect(family.world.runtime.whereis('inner')).toBeInstanceOf(Pid);
    }),
  );
  it(
    'fact 77: a transient supervisor that gave up is not restarted',
    inFamily(async (family) => {
      await family.start({ intensity: 0 }, [branch(family, 'inner', 'ab', { restart: 'transient' })]);
      await family.lose(CRASH, 'a', 'b');
      expect(family.end.ended).toBe(false);
      expect(await family.state()).toEqual([['inner', 'down']]);
    }),
  );
  it(
    'fact 77: intensities multiply through the levels: 1 in 1 takes four deaths to the top',
    inFamily(async (family) => {
      await family.start({ intensity: 1 }, [branch(family, 'inner', 'a')]);
      for (let deaths = 1; deaths <= 3; deaths += 1) {
        await family.lose(CRASH, 'a');
        expect(family.end.ended).toBe(false);
      }
      await family.lose(CRASH, 'a');
      expect(family.end).toEqual({ ended: true, reason: 'shutdown' });
    }),
  );
  it(
    'fact 77: giving up escalates through two levels',
    inFamily(async (family) => {
      const outer: ChildSpec = {
        id: 'outer',
        type: 'supervisor',
        start: () =>
          supervisor.startLink(
            { init: () => ({ flags: { intensity: 0 }, children: [branch(family, 'inner', 'ab')] }) },
            0,
          ),
      };
      await family.start({ intensity: 0 }, [family.child('z'), outer]);
      family.takeEvents();
      await family.lose(CRASH, 'a');
      expect(family.end.ended).toBe(false);
      await family.lose(CRASH, 'a');
      expect(family.takeEvents()).toEqual(['-a', '+a', '-a', '-b', '-z']);
      expect(family.end).toEqual({ ended: true, reason: 'shutdown' });
    }),
  );
  it(
    'fact 78: a failing restart is tried again at once, and counts every time',
    inFamily(async (family) => {
      await begin(family, { intensity: 4 }, 'a');
      family.fail('a', 3);
      await family.lose(CRASH, 'a');
      expect(await family.state()).toEqual([['a', 2]]);
      await family.lose(CRASH, 'a');
      expect(family.end.ended).toBe(true);
    }),
  );
  it(
    'fact 78: between two attempts the API answers, and says restarting',
    inFamily(async (family) => {
      await begin(family, PLENTY, 'ab');
      family.fail('a', 1);
      family.die(CRASH, 'a');
      const answers = await family.ask((sup) =>
        Promise.all([
          whichChildren(sup),
          countChildren(sup),
          restartChild(sup, 'a'),
          deleteChild(sup, 'a'),
          startChild(sup, family.child('a')),
          whichChildren(sup),
        ]),
      );
      const a = { id: 'a', pid: 'restarting' };
      expect(answers).toMatchObject([
        [{ id: 'b' }, a],
        { specs: 2, active: 1, supervisors: 0, workers: 2 },
        failed('restarting'),
        failed('restarting'),
        failed('already_present'),
        [{ id: 'b' }, a],
      ]);
      expect(await family.state()).toEqual([
        ['a', 2],
        ['b', 1],
      ]);
    }),
  );
  it(
    'fact 79: one_for_all whose k-th start fails stops those that it has started and tries all again',
    inFamily(async (family) => {
      await begin(family, { strategy: 'one_for_all', intensity: 3 }, 'abcd');
      family.takeEvents();
      family.fail('c', 2);
      await family.lose(CRASH, 'd');
      const round = ['+a', '+b', '-b', '-a'];
      expect(family.takeEvents()).toEqual(['-d', '-c', '-b', '-a', ...round, ...round, '+a', '+b', '+c', '+d']);
      expect(family.complaints()).toEqual([
        'child_terminated d Error: crash',
        'start_error c broken',
        'start_error c broken',
      ]);
    }),
  );
  it(
    'fact 79: until then those that one_for_all has started run, and only the failed one is restarting',
    inFamily(async (family) => {
      await begin(family, { strategy: 'one_for_all', ...PLENTY }, 'abc');
      family.fail('b', 1);
      family.die(CRASH, 'c');
      const between = await family.ask((sup) => whichChildren(sup));
      expect(between.map(({ pid }) => (pid instanceof Pid ? 'running' : pid))).toEqual([
        undefined,
        'restarting',
        'running',
      ]);
      expect((await family.state()).map(([id]) => id)).toEqual(['a', 'b', 'c']);
    }),
  );
  it(
    'fact 79: a retry that terminateChild cancels leaves those running that one_for_all has started',
    inFamily(async (family) => {
      await begin(family, { strategy: 'one_for_all', ...PLENTY }, 'abc');
      family.fail('b', 1);
      family.die(CRASH, 'c');
      await family.ask((sup) => terminateChild(sup, 'b'));
      expect(await family.state()).toEqual([
        ['a', 2],
        ['b', 'down'],
        ['c', 'down'],
      ]);
    }),
  );
  it(
    'fact 79: rest_for_one goes on with the child that failed; those before it stay',
    inFamily(async (family) => {
      await begin(family, { strategy: 'rest_for_one', intensity: 3 }, 'abcd');
      family.takeEvents();
      family.fail('c', 2);
      await family.lose(CRASH, 'b');
      expect(family.takeEvents()).toEqual(['-b', '-d', '-c', '+b', '+c', '+d']);
      expect(await family.state()).toEqual([
        ['a', 1],
        ['b', 2],
        ['c', 2],
        ['d', 2],
      ]);
    }),
  );
  it.each(GROUPS)('fact 79: %s: a child that dies while a retry is pending restarts its group', async (strategy) => {
    await inFamily(async (family) => {
      await begin(family, { strategy, intensity: 3 }, 'abc');
      family.fail('c', 1);
      family.next('b', () => {
        // The first one that is up again dies before the retry.
        family.die(CRASH, 'a');
        return family.startWorker('b');
      });
      await family.lose(CRASH, 'b');
      expect(family.end.ended).toBe(false);
      expect((await family.state()).every(([, state]) => typeof state === 'number')).toBe(true);
    })();
  });
  it(
    'fact 80: a restart that is ignored leaves the child without a pid',
    inFamily(async (family) => {
      await family.start(PLENTY, [family.child('a'), family.child('b', { restart: 'transient' })]);
      for (const id of 'ab') family.next(id, () => 'ignore');
      await family.lose(CRASH, 'a', 'b');
      expect(await family.state()).toEqual([
        ['a', 'down'],
        ['b', 'down'],
      ]);
    }),
  );
  it(
    'fact 80: a simple_one_for_one instance whose restart is ignored is gone',
    inFamily(async (family) => {
      await family.start({ strategy: 'simple_one_for_one' }, [family.child('x')]);
      await family.ask((sup) => startChild(sup, []));
      family.next('x', () => 'ignore');
      await family.lose(CRASH, 'x');
      expect(await family.state()).toEqual([]);
      expect(await family.ask((sup) => countChildren(sup))).toMatchObject({ specs: 1, active: 0, workers: 0 });
    }),
  );
  it(
    'fact 81: a supervisor that is restarted knows the children of its init only',
    inFamily(async (family) => {
      await family.start(PLENTY, [branch(family, 'inner', 'a')]);
      const inner = () => family.world.runtime.whereis('inner') as supervisor.SupervisorRef;
      await family.ask(() => startChild(inner(), family.child('added')));
      await family.lose(CRASH, 'added');
      expect(await family.ask(() => countChildren(inner()))).toMatchObject({ specs: 2, active: 2 });
      family.world.kill(inner() as Pid);
      await family.world.idle();
      const rows = await family.ask(() => whichChildren(inner()));
      expect(rows.map(({ id }) => id)).toEqual(['a']);
    }),
  );
});
