/** What supervisors report, as Erlang's do: facts 119 and 120 of its semantics. */
import type { Pid } from '../../src/otp';
import { type Reason, supervisor } from '../../src/otp';
import { failed } from '../support/runtime';
import { inFamily } from '../support/supervision';
import { begin, CRASH, PLENTY, STRATEGIES } from '../support/supervisor-cases';

const { startChild, terminateChild, restartChild, whichChildren } = supervisor;

describe('reports', () => {
  it(
    'fact 119: each report names supervisor, context, reason and offender, as an error',
    inFamily(async (family) => {
      await family.start({ strategy: 'rest_for_one', intensity: 2 }, [
        family.child('a', { restart: 'transient', shutdown: 100 }),
        family.child('b', { type: 'supervisor', shutdown: 10 }, { stubborn: true }),
      ]);
      const [a, b] = [family.pidOf('a').toString(), family.pidOf('b').toString()];
      family.fail('a', 2);
      await family.lose(CRASH, 'a');
      await family.world.advance(10);
      const offender = { id: 'a', restart: 'transient', significant: false, shutdown: 100, type: 'worker' };
      const stubborn = { id: 'b', restart: 'permanent', significant: false, shutdown: 10, type: 'supervisor' };
      const report = (context: string, reason: Reason, child: object) => [
        'error',
        { type: 'supervisor', supervisor: 'sup', context, reason, offender: child },
      ];
      expect(family.reports.filter(([, { type }]) => type === 'supervisor')).toEqual([
        report('child_terminated', CRASH, { ...offender, pid: a }),
        report('shutdown_error', 'killed', { ...stubborn, pid: b }),
        report('start_error', 'broken', { ...offender, pid: undefined }),
        report('start_error', 'broken', { ...offender, pid: undefined }),
        report('shutdown', 'reached_max_restart_intensity', { ...offender, pid: 'restarting' }),
      ]);
    }),
  );

  it(
    'fact 119: the report on giving up names the process that died last',
    inFamily(async (family) => {
      for (const strategy of [...STRATEGIES, 'simple_one_for_one'] as const) {
        await family.start({ strategy, intensity: 0 }, [family.child('a')]);
        if (strategy === 'simple_one_for_one') await family.ask((sup) => startChild(sup, []));
        family.reports.length = 0;
        await family.lose(CRASH, 'a');
        const offenders = family.world.reportsOf('supervisor').map(({ offender }) => offender.pid);
        const dead = family.pidOf('a').toString();
        expect(offenders.slice(-2)).toEqual([dead, dead]);
      }
    }),
  );

  it(
    'fact 119: a failed startChild or restartChild is told to the caller and not reported',
    inFamily(async (family) => {
      await begin(family, {}, 'a');
      family.fail('a', 1);
      family.fail('b', 1);
      expect(await family.ask((sup) => startChild(sup, family.child('b')))).toMatchObject(failed(['broken', {}]));
      await family.ask((sup) => terminateChild(sup, 'a'));
      expect(await family.ask((sup) => restartChild(sup, 'a'))).toEqual(failed('broken'));
      expect(family.complaints()).toEqual([]);
    }),
  );

  it(
    'fact 119: a supervisor without a name is named by its pid',
    inFamily(async (family) => {
      const start = () =>
        supervisor.startLink({ init: () => ({ flags: {}, children: [family.child('a')] }) }, undefined);
      await family.start({}, [{ id: 'inner', type: 'supervisor', start }]);
      const [row] = await family.ask((sup) => whichChildren(sup));
      await family.lose(CRASH, 'a');
      expect(family.world.reportsOf('supervisor')).toMatchObject([{ supervisor: String(row?.pid) }]);
    }),
  );

  it(
    'fact 120: progress tells each start and restart, as information, but not of instances',
    inFamily(async (family) => {
      await family.start(PLENTY, [family.child('a', { shutdown: 7 })]);
      const first = family.pidOf('a').toString();
      await family.lose(CRASH, 'a');
      await family.ask((sup) => startChild(sup, family.child('b')));
      await family.ask((sup) => terminateChild(sup, 'b'));
      await family.ask((sup) => restartChild(sup, 'b'));
      expect(family.progress()).toEqual(['a', 'a', 'b', 'b']);
      expect(family.reports.find(([, { type }]) => type === 'progress')).toEqual([
        'info',
        {
          type: 'progress',
          supervisor: 'sup',
          started: { pid: first, id: 'a', restart: 'permanent', significant: false, shutdown: 7, type: 'worker' },
        },
      ]);
      await family.start({ strategy: 'simple_one_for_one' }, [family.child('x')]);
      await family.ask((sup) => startChild(sup, []));
      await family.lose(CRASH, 'x');
      expect(family.progress()).toHaveLength(4);
    }),
  );

  it(
    'fact 120: an unexpected message is an error, and an init that ignores or shuts down is silent',
    inFamily(async (family) => {
      await family.start({}, [], () => 'ignore');
      family.fail('a', 1);
      await begin(family, {}, 'a');
      expect(family.reports.map(([, { type }]) => type)).toEqual(['supervisor']);
      await family.start({}, []);
      family.world.runtime.send(family.sup as Pid<unknown>, 'hello');
      await family.world.idle();
      const last = family.reports.at(-1);
      expect(last).toEqual(['error', { type: 'unexpected_message', name: 'sup', message: 'hello' }]);
    }),
  );
});
