/**
 * Supervisors restart what has ended as Erlang's do: facts 71 to 75 of its semantics.
 *
 * Restart types and exit reasons, and strategies and what happens under them, are products: a case
 * that is missing would be a gap in the list of names.
 */
import type { Pid } from '../../src/otp';
import { formatTerm, supervisor } from '../../src/otp';
import { failed } from '../support/runtime';
import { inFamily } from '../support/supervision';
import { begin, CRASH, ENDINGS, GROUPS, isExpected, PLENTY, STRATEGIES, TABLE } from '../support/supervisor-cases';

const { startChild, terminateChild, restartChild, whichChildren, countChildren } = supervisor;

describe('restarting', () => {
  describe.each(STRATEGIES)('%s', (strategy) => {
    it.each(TABLE)('fact 71: %s_%s: the child is %s', async (restart, ending, outcome) => {
      await inFamily(async (family) => {
        await family.start({ strategy, intensity: 1 }, [family.child('a', { restart })]);
        await family.lose(ENDINGS[ending], 'a');
        const states = { restarted: [['a', 2]], kept: [['a', 'down']], removed: [] };
        expect(await family.state()).toEqual(states[outcome]);
        const reason = ending === 'killed' ? 'killed' : ENDINGS[ending];
        const isReported = restart === 'permanent' || !isExpected(ending);
        expect(family.complaints()).toEqual(isReported ? [`child_terminated a ${formatTerm(reason)}`] : []);
      })();
    });

    it.each(TABLE)('fact 71: %s_%s: the budget is charged only if %s', async (restart, ending, outcome) => {
      await inFamily(async (family) => {
        await family.start({ strategy, intensity: 0 }, [family.child('a', { restart })]);
        await family.lose(ENDINGS[ending], 'a');
        expect(family.end).toEqual(
          outcome === 'restarted' ? { ended: true, reason: 'shutdown' } : { ended: false, reason: undefined },
        );
      })();
    });

    it.each(TABLE.filter(([, , outcome]) => outcome !== 'restarted'))(
      'fact 74: %s_%s: a death without a restart does not touch the siblings',
      async (restart, ending) => {
        await inFamily(async (family) => {
          await family.start({ strategy, intensity: 0 }, [
            family.child('a'),
            family.child('b', { restart }),
            family.child('c'),
          ]);
          family.takeEvents();
          await family.lose(ENDINGS[ending], 'b');
          expect(family.takeEvents()).toEqual(['-b']);
        })();
      },
    );

    const affected = { one_for_one: 'b', one_for_all: 'abcd', rest_for_one: 'bcd' }[strategy];
    it(
      'fact 73: restart, order and position: the group stops in reverse, starts in order, and keeps its places',
      inFamily(async (family) => {
        await begin(family, { strategy, ...PLENTY }, 'abcd');
        family.takeEvents();
        await family.lose(CRASH, 'b');
        const others = affected.split('').filter((id) => id !== 'b');
        expect(family.takeEvents()).toEqual([
          '-b',
          ...others.toReversed().map((id) => `-${id}`),
          ...affected.split('').map((id) => `+${id}`),
        ]);
        expect(await family.state()).toEqual('abcd'.split('').map((id) => [id, affected.includes(id) ? 2 : 1]));
      }),
    );

    it(
      'fact 73: children added later come last, and stay there',
      inFamily(async (family) => {
        await begin(family, { strategy, ...PLENTY }, 'ab');
        await family.ask((sup) => startChild(sup, family.child('0')));
        for (const id of ['a', 'b', '0', 'b', 'a']) await family.lose(CRASH, id);
        expect((await family.state()).map(([id]) => id)).toEqual(['a', 'b', '0']);
        const { first, last } = await family.ask(async (sup) => {
          const rows = await whichChildren(sup);
          return { first: rows[0]?.id, last: rows.at(-1)?.id };
        });
        expect({ first, last }).toEqual({ first: '0', last: 'a' });
      }),
    );

    it(
      'fact 77: escalation: one restart too many, and the rest stops in reverse, with shutdown',
      inFamily(async (family) => {
        await begin(family, { strategy, intensity: 2, periodMs: 1000 }, 'abc');
        await family.lose(CRASH, 'b');
        await family.lose(CRASH, 'b');
        expect(family.end.ended).toBe(false);
        family.takeEvents();
        await family.lose(CRASH, 'b');
        expect(family.takeEvents()).toEqual(['-b', '-c', '-a']);
        expect(family.end).toEqual({ ended: true, reason: 'shutdown' });
        expect(family.complaints().slice(-2)).toEqual([
          'child_terminated b Error: crash',
          'shutdown b reached_max_restart_intensity',
        ]);
      }),
    );

    it(
      'fact 78: escalation: with intensity n a child that cannot start again is tried n times',
      inFamily(async (family) => {
        await begin(family, { strategy, intensity: 5 }, 'abc');
        family.fail('b', 100);
        await family.lose(CRASH, 'b');
        expect(family.end).toEqual({ ended: true, reason: 'shutdown' });
        expect(family.complaints()).toEqual([
          'child_terminated b Error: crash',
          ...Array.from({ length: 5 }, () => 'start_error b broken'),
          'shutdown b reached_max_restart_intensity',
        ]);
      }),
    );
  });
  it(
    'fact 72: a transient child that is done can be started by hand, a temporary one leaves its id free',
    inFamily(async (family) => {
      await family.start({ intensity: 0 }, [
        family.child('a', { restart: 'transient' }),
        family.child('b', { restart: 'temporary' }),
      ]);
      await family.lose('normal', 'a');
      await family.lose(CRASH, 'b');
      expect(await family.state()).toEqual([['a', 'down']]);
      expect(await family.ask((sup) => restartChild(sup, 'a'))).toMatchObject({ ok: true });
      expect(await family.ask((sup) => restartChild(sup, 'b'))).toEqual(failed('not_found'));
      expect(await family.ask((sup) => startChild(sup, family.child('b')))).toMatchObject({ ok: true });
      expect(await family.state()).toEqual([
        ['a', 2],
        ['b', 2],
      ]);
    }),
  );
  it(
    'fact 74: a group restart also starts those that were stopped before, and drops temporary ones',
    inFamily(async (family) => {
      for (const strategy of GROUPS) {
        await family.start({ strategy, ...PLENTY }, [
          family.child('a'),
          family.child('t', { restart: 'temporary' }),
          family.child('n', { restart: 'transient' }),
          family.child('s'),
          family.child('z'),
        ]);
        await family.lose('normal', 'n');
        await family.ask((sup) => terminateChild(sup, 's'));
        const before = await family.state();
        expect(before.map(([, state]) => state === 'down')).toEqual([false, false, true, true, false]);
        family.takeEvents();
        await family.lose(CRASH, 'a');
        expect(family.takeEvents()).toEqual(['-a', '-z', '-t', '+a', '+n', '+s', '+z']);
        expect((await family.state()).map(([id]) => id)).toEqual(['a', 'n', 's', 'z']);
        family.endOwner();
        await family.world.idle();
      }
    }),
  );
  it(
    'fact 75: two one_for_all children that die together cause one restart',
    inFamily(
      async (family) => {
        await begin(family, { strategy: 'one_for_all', intensity: 1 }, 'abc');
        await family.lose(CRASH, 'c', 'a');
        expect(await family.state()).toEqual([
          ['a', 2],
          ['b', 2],
          ['c', 2],
        ]);
        expect(family.complaints()).toEqual(['child_terminated c Error: crash', 'shutdown_error a Error: crash']);
      },
      { seeds: 10 },
    ),
  );
  it(
    'fact 75: a sibling that dies while the group is being stopped counts no more either',
    inFamily(async (family) => {
      await family.start({ strategy: 'one_for_all', intensity: 1 }, [
        family.child('a'),
        family.child('b'),
        family.child('c', {}, { stopMs: 100 }),
      ]);
      await family.lose(CRASH, 'a');
      await family.lose(CRASH, 'b');
      await family.world.advance(100);
      expect(await family.state()).toEqual([
        ['a', 2],
        ['b', 2],
        ['c', 2],
      ]);
      expect(family.complaints()).toEqual(['child_terminated a Error: crash', 'shutdown_error b Error: crash']);
    }),
  );
  it(
    'fact 75: rest_for_one children that die together cause one restart if the first is seen first, else two',
    inFamily(async (family) => {
      await begin(family, { strategy: 'rest_for_one', ...PLENTY }, 'abc');
      await family.lose(CRASH, 'a', 'b', 'c');
      expect(await family.state()).toEqual([
        ['a', 2],
        ['b', 2],
        ['c', 2],
      ]);
      await family.lose(CRASH, 'c', 'b', 'a');
      expect(await family.state()).toEqual([
        ['a', 3],
        ['b', 4],
        ['c', 5],
      ]);
    }),
  );
  it(
    'fact 75: one_for_one children that die together count two',
    inFamily(async (family) => {
      await begin(family, { intensity: 1 }, 'abc');
      await family.lose(CRASH, 'c', 'a');
      expect(family.end).toEqual({ ended: true, reason: 'shutdown' });
    }),
  );
  it(
    'fact 75: swallowing the exit of one sibling leaves the messages of all others where they were',
    inFamily(async (family) => {
      const { world } = family;
      await begin(family, { strategy: 'one_for_all', ...PLENTY }, 'abc');
      family.die(CRASH, 'a', 'b');
      world.runtime.send(family.sup as Pid<unknown>, 'first');
      world.kill(family.sup, 'stranger');
      world.runtime.send(family.sup as Pid<unknown>, { type: 'EXIT' });
      world.runtime.send(family.sup as Pid<unknown>, 'second');
      const counting = family.request((sup) => countChildren(sup));
      await world.idle();
      expect(await counting).toMatchObject({ active: 3 });
      const unexpected = world.reportsOf('unexpected_message').map(({ message }) => message);
      expect(unexpected).toEqual(['first', 'second']);
    }),
  );
});
