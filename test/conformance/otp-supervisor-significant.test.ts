/** Supervisors shut down with their significant children as Erlang's do: facts 89 and 90 of its semantics. */
import { supervisor } from '../../src/otp';
import { failed } from '../support/runtime';
import { inFamily } from '../support/supervision';
import { begin, CRASH, ENDINGS, PLENTY, type RestartType, TABLE } from '../support/supervisor-cases';

const { startChild, terminateChild, checkSpecs } = supervisor;
const SIGNIFICANT = ['significant', true];

const AUTO_NEVER = ['auto_shutdown', 'never'];
const OK_CHECK = { ok: true, value: 'ok' };

describe('significant children', () => {
  const RESTARTS = ['transient', 'temporary'] as const;

  it(
    'fact 89: a significant child needs a supervisor that cares, and an end: else bad_combination',
    inFamily(async (family) => {
      const caring = { autoShutdown: 'any_significant' } as const;
      const significant = (restart: RestartType) => family.child('a', { restart, significant: true });
      const notCaring = ['bad_combination', [AUTO_NEVER, SIGNIFICANT]];
      const endless = ['bad_combination', [['restart', 'permanent'], SIGNIFICANT]];
      for (const restart of RESTARTS) {
        expect(await family.start({}, [significant(restart)])).toEqual(failed(['start_spec', notCaring]));
        await family.start({}, []);
        expect(await family.ask((sup) => startChild(sup, significant(restart)))).toEqual(failed(notCaring));
        expect(checkSpecs([significant(restart)])).toEqual(failed(notCaring));
        expect(checkSpecs([significant(restart)], 'any_significant')).toEqual(OK_CHECK);
      }
      expect(await family.start(caring, [significant('permanent')])).toEqual(failed(['start_spec', endless]));
      await family.start(caring, []);
      expect(await family.ask((sup) => startChild(sup, significant('permanent')))).toEqual(failed(endless));
      expect(await family.ask((sup) => startChild(sup, significant('transient')))).toMatchObject({ ok: true });
    }),
  );

  it(
    'fact 89: simple_one_for_one does not shut down by itself',
    inFamily(async (family) => {
      const flags = { strategy: 'simple_one_for_one', autoShutdown: 'all_significant' } as const;
      const complaint = [
        'bad_combination',
        [
          ['auto_shutdown', 'all_significant'],
          ['strategy', 'simple_one_for_one'],
        ],
      ];
      expect(await family.start(flags, [family.child('a')])).toEqual(failed(['supervisor_data', complaint]));
    }),
  );

  const significantCases = RESTARTS.flatMap((restart) =>
    TABLE.filter(([type]) => type === restart).map(([, ending, outcome]) => [restart, ending, outcome] as const),
  );
  it.each(significantCases)('fact 90: any_significant: %s_%s: it is %s', async (restart, ending, outcome) => {
    await inFamily(async (family) => {
      await family.start({ autoShutdown: 'any_significant' }, [
        family.child('a'),
        family.child('b', { restart, significant: true }),
        family.child('c', { restart, significant: true }),
        family.child('d', { restart }),
      ]);
      await family.lose(ENDINGS.normal, 'd');
      expect(family.end.ended).toBe(false);
      family.takeEvents();
      await family.lose(ENDINGS[ending], 'b');
      expect(family.end.ended).toBe(outcome !== 'restarted');
      if (outcome === 'restarted') return;
      expect(family.end.reason).toBe('shutdown');
      expect(family.takeEvents()).toEqual(['-b', '-c', '-a']);
      expect(family.complaints().filter((line) => line.startsWith('shutdown'))).toEqual([]);
    })();
  });

  it.each(significantCases)('fact 90: all_significant: %s_%s: it is %s', async (restart, ending, outcome) => {
    await inFamily(async (family) => {
      await family.start({ autoShutdown: 'all_significant', ...PLENTY }, [
        family.child('a'),
        family.child('b', { restart, significant: true }),
        family.child('c', { restart, significant: true }),
      ]);
      await family.lose(ENDINGS[ending], 'b');
      expect(family.end.ended).toBe(false);
      await family.lose(ENDINGS[ending], 'c');
      expect(family.end.ended).toBe(outcome !== 'restarted');
    })();
  });

  it.each(['any_significant', 'all_significant'] as const)(
    'fact 90: %s: being terminated by terminateChild or by a sibling’s restart never triggers it',
    async (autoShutdown) => {
      await inFamily(async (family) => {
        for (const restart of RESTARTS) {
          await family.start({ strategy: 'one_for_all', autoShutdown, ...PLENTY }, [
            family.child('a'),
            family.child('s', { restart, significant: true }),
          ]);
          await family.lose(CRASH, 'a');
          expect(family.end.ended).toBe(false);
          if (restart === 'transient') await family.ask((sup) => terminateChild(sup, 's'));
          else await family.ask((sup) => startChild(sup, family.child('s', { restart, significant: true })));
          await family.ask((sup) => terminateChild(sup, 's'));
          expect(family.end.ended).toBe(false);
          expect((await family.state()).map(([id]) => id)).toEqual(restart === 'transient' ? ['a', 's'] : ['a']);
        }
      })();
    },
  );

  it(
    'fact 90: all_significant: the last one that still runs counts, not those that were stopped',
    inFamily(async (family) => {
      const significant = { restart: 'transient', significant: true } as const;
      await begin(family, { autoShutdown: 'all_significant' }, 'abc', significant);
      await family.ask((sup) => terminateChild(sup, 'a'));
      await family.lose('normal', 'b');
      expect(family.end.ended).toBe(false);
      await family.lose(['shutdown', 'done'], 'c');
      expect(family.end).toEqual({ ended: true, reason: 'shutdown' });
    }),
  );

  it(
    'fact 90: a significant child that is restarting still counts as running',
    inFamily(async (family) => {
      const significant = { restart: 'transient', significant: true } as const;
      await begin(family, { autoShutdown: 'all_significant', ...PLENTY }, 'ab', significant);
      family.fail('a', 1);
      family.die(CRASH, 'a');
      family.die('normal', 'b');
      await family.world.idle();
      expect(family.end.ended).toBe(false);
      expect(await family.state()).toEqual([
        ['a', 2],
        ['b', 'down'],
      ]);
    }),
  );
});
