/** Children come and go at run time as under Erlang's supervisors: facts 82 to 88 of its semantics. */
import { type ChildSpec, genServer, type Reason, supervisor, sys } from '../../src/otp';
import type { SupervisorLoop } from '../../src/otp/supervisor-loop';
import { failed, failureOf, idler, raise } from '../support/runtime';
import { inFamily } from '../support/supervision';
import { begin, CRASH, PLENTY, RESTART_TYPES, STRATEGIES } from '../support/supervisor-cases';

const { startChild, terminateChild, restartChild, deleteChild, whichChildren, countChildren, getChildSpec } =
  supervisor;
const FOREVER = Number.POSITIVE_INFINITY;

describe('the run-time API', () => {
  const OK = { ok: true, value: 'ok' };

  it(
    'fact 82: startChild gives the pid, and what the start told besides',
    inFamily(async (family) => {
      await family.start({}, []);
      expect(await family.ask((sup) => startChild(sup, family.child('a')))).toEqual({
        ok: true,
        value: { pid: family.pidOf('a') },
      });
      const told = async () => ({ ...((await family.startWorker('b')) as object), info: 'told' });
      const spec = { id: 'b', start: told } as ChildSpec;
      expect(await family.ask((sup) => startChild(sup, spec))).toEqual({
        ok: true,
        value: { pid: family.pidOf('b'), info: 'told' },
      });
      expect(await family.state()).toEqual([
        ['a', 1],
        ['b', 1],
      ]);
    }),
  );

  it(
    'fact 82: an ignored child is kept without a pid, unless temporary',
    inFamily(async (family) => {
      await family.start({}, []);
      for (const [id, restart] of [
        ['p', 'permanent'],
        ['t', 'temporary'],
      ] as const) {
        family.next(id, () => 'ignore');
        const result = await family.ask((sup) => startChild(sup, family.child(id, { restart })));
        expect(result).toEqual({ ok: true, value: { pid: undefined } });
      }
      expect(await family.state()).toEqual([['p', 'down']]);
    }),
  );

  it(
    'fact 82: startChild of an id that is there is already_started or already_present',
    inFamily(async (family) => {
      await begin(family, {}, 'ab');
      await family.ask((sup) => terminateChild(sup, 'b'));
      family.takeEvents();
      expect(await family.ask((sup) => startChild(sup, family.child('a')))).toEqual(
        failed(['already_started', family.pidOf('a')]),
      );
      expect(await family.ask((sup) => startChild(sup, family.child('b')))).toEqual(failed('already_present'));
      expect(family.takeEvents()).toEqual([]);
    }),
  );

  it(
    'fact 82: a failed startChild gives reason and specification, and saves nothing',
    inFamily(async (family) => {
      await family.start({}, []);
      family.fail('a', 1);
      const spec = family.child('a', { restart: 'transient' });
      const full = { ...spec, shutdown: 5000, type: 'worker', significant: false, modules: ['a'] };
      expect(await family.ask((sup) => startChild(sup, spec))).toEqual(failed(['broken', full]));
      expect(await family.state()).toEqual([]);
      expect(await family.ask((sup) => startChild(sup, spec))).toMatchObject({ ok: true });
    }),
  );

  it(
    'fact 82: a start that finds its process running says so itself',
    inFamily(async (family) => {
      await family.start({}, []);
      const holder = family.world.spawn(idler);
      family.world.runtime.registry.register('taken', holder);
      const start = () => genServer.startLink({ init: () => raise('never') }, undefined, { name: 'taken' });
      const answer = await family.ask((sup) => startChild(sup, { id: 'a', start }));
      expect(answer).toEqual(failed(['already_started', holder]));
      expect(await family.state()).toEqual([]);
      family.world.kill(holder);
    }),
  );

  it(
    'fact 82: simple_one_for_one appends the arguments, and gives the bare error',
    inFamily(async (family) => {
      const given: unknown[] = [];
      const start = (...args: unknown[]) => (given.push(args), family.startWorker('x'));
      await family.start({ strategy: 'simple_one_for_one' }, [{ id: 'x', start }]);
      expect(await family.ask((sup) => startChild(sup, [1, 'two']))).toEqual({
        ok: true,
        value: { pid: family.pidOf('x') },
      });
      expect(given).toEqual([[1, 'two']]);
      family.fail('x', 1);
      expect(await family.ask((sup) => startChild(sup, []))).toEqual(failed('broken'));
      family.next('x', () => raise(CRASH));
      expect(await family.ask((sup) => startChild(sup, []))).toEqual(failed(['EXIT', CRASH]));
      family.next('x', () => 'ignore');
      expect(await family.ask((sup) => startChild(sup, []))).toEqual({ ok: true, value: { pid: undefined } });
      expect(await family.ask((sup) => countChildren(sup))).toEqual({
        specs: 1,
        active: 1,
        supervisors: 0,
        workers: 1,
      });
      // A restart is given the same arguments.
      given.length = 0;
      await family.lose(CRASH, 'x');
      expect(given).toEqual([[1, 'two']]);
    }),
  );

  it.each(STRATEGIES)(
    'fact 83: %s: terminateChild stops one child only, again is ok, and never counts',
    async (strategy) => {
      await inFamily(async (family) => {
        await begin(family, { strategy, intensity: 0 }, 'abc');
        family.takeEvents();
        for (let times = 0; times < 3; times += 1) {
          expect(await family.ask((sup) => terminateChild(sup, 'b'))).toEqual(OK);
        }
        expect(family.takeEvents()).toEqual(['-b']);
        expect(await family.state()).toEqual([
          ['a', 1],
          ['b', 'down'],
          ['c', 1],
        ]);
        expect(await family.ask((sup) => terminateChild(sup, 'x'))).toEqual(failed('not_found'));
        expect(family.end.ended).toBe(false);
      })();
    },
  );

  it(
    'fact 83: terminateChild removes a temporary child',
    inFamily(async (family) => {
      await begin(family, {}, 'a', { restart: 'temporary' });
      expect(await family.ask((sup) => terminateChild(sup, 'a'))).toEqual(OK);
      expect(await family.ask((sup) => terminateChild(sup, 'a'))).toEqual(failed('not_found'));
      expect(await family.state()).toEqual([]);
    }),
  );

  it.each(STRATEGIES)('fact 83: %s: terminateChild cancels a restart that is pending', async (strategy) => {
    await inFamily(async (family) => {
      await begin(family, { strategy, intensity: 2 }, 'a');
      family.fail('a', 1);
      family.die(CRASH, 'a');
      const answers = await family.ask((sup) =>
        Promise.all([restartChild(sup, 'a'), terminateChild(sup, 'a'), restartChild(sup, 'a'), deleteChild(sup, 'a')]),
      );
      expect(answers).toMatchObject([failed('restarting'), OK, { ok: true }, failed('running')]);
      expect(await family.state()).toEqual([['a', 2]]);
    })();
  });

  it(
    'fact 83: a cancelled restart stays cancelled for a new child of that id',
    inFamily(async (family) => {
      await begin(family, { intensity: 2 }, 'a');
      family.fail('a', 1);
      family.die(CRASH, 'a');
      await family.ask((sup) =>
        Promise.all([
          terminateChild(sup, 'a'),
          deleteChild(sup, 'a'),
          startChild(sup, family.child('a', { restart: 'transient' })),
        ]),
      );
      expect(await family.state()).toEqual([['a', 2]]);
      expect(family.complaints()).toEqual(['child_terminated a Error: crash', 'start_error a broken']);
    }),
  );

  it(
    'fact 83: terminateChild of a simple_one_for_one instance that is restarting cancels that and removes it',
    inFamily(async (family) => {
      await family.start({ strategy: 'simple_one_for_one', ...PLENTY }, [family.child('x')]);
      await family.ask((sup) => startChild(sup, []));
      const pid = family.pidOf('x');
      family.fail('x', 1);
      family.die(CRASH, 'x');
      const answers = await family.ask((sup) =>
        Promise.all([whichChildren(sup), terminateChild(sup, pid), countChildren(sup), whichChildren(sup)]),
      );
      expect(answers).toEqual([
        [{ id: undefined, pid: 'restarting', type: 'worker', modules: ['x'], restarts: 0 }],
        OK,
        { specs: 1, active: 0, supervisors: 0, workers: 0 },
        [],
      ]);
      expect(await family.state()).toEqual([]);
      expect(family.pids.get('x')).toHaveLength(1);
    }),
  );

  it(
    'fact 84: restartChild starts a child that is stopped, and does not count',
    inFamily(async (family) => {
      await begin(family, { intensity: 0 }, 'a');
      for (let times = 2; times < 5; times += 1) {
        await family.ask((sup) => terminateChild(sup, 'a'));
        const answer = await family.ask((sup) => restartChild(sup, 'a'));
        expect(answer).toEqual({ ok: true, value: { pid: family.pidOf('a') } });
        expect(await family.state()).toEqual([['a', times]]);
      }
      expect(await family.ask((sup) => restartChild(sup, 'a'))).toEqual(failed('running'));
      expect(await family.ask((sup) => restartChild(sup, 'x'))).toEqual(failed('not_found'));
    }),
  );

  it(
    'fact 84: restartChild gives the info, an ignored start, and the bare error of a failed one',
    inFamily(async (family) => {
      await begin(family, {}, 'a');
      await family.ask((sup) => terminateChild(sup, 'a'));
      const again = () => family.ask((sup) => restartChild(sup, 'a'));
      family.fail('a', 1);
      expect(await again()).toEqual(failed('broken'));
      expect(await family.state()).toEqual([['a', 'down']]);
      family.next('a', () => 'ignore');
      expect(await again()).toEqual({ ok: true, value: { pid: undefined } });
      family.next('a', async () => ({ ...((await family.startWorker('a')) as object), info: 1 }));
      expect(await again()).toEqual({ ok: true, value: { pid: family.pidOf('a'), info: 1 } });
    }),
  );

  it(
    'fact 85: deleteChild forgets a child that is stopped, and no other',
    inFamily(async (family) => {
      await begin(family, PLENTY, 'abc');
      const forget = (id: string) => family.ask((sup) => deleteChild(sup, id));
      expect(await forget('b')).toEqual(failed('running'));
      expect(await forget('x')).toEqual(failed('not_found'));
      await family.ask((sup) => terminateChild(sup, 'b'));
      expect(await forget('b')).toEqual(OK);
      expect(await forget('b')).toEqual(failed('not_found'));
      expect(await family.ask((sup) => restartChild(sup, 'b'))).toEqual(failed('not_found'));
      await family.ask((sup) => startChild(sup, family.child('b')));
      expect((await family.state()).map(([id]) => id)).toEqual(['a', 'c', 'b']);
    }),
  );

  it(
    'fact 86: simple_one_for_one knows its instances by pid only',
    inFamily(async (family) => {
      await family.start({ strategy: 'simple_one_for_one', intensity: 0 }, [family.child('x')]);
      await family.ask((sup) => startChild(sup, []));
      const pid = family.pidOf('x');
      const stranger = family.world.spawn(idler);
      const refused = failed('simple_one_for_one');
      expect(await family.ask((sup) => terminateChild(sup, 'x'))).toEqual(refused);
      expect(await family.ask((sup) => restartChild(sup, 'x'))).toEqual(refused);
      expect(await family.ask((sup) => deleteChild(sup, 'x'))).toEqual(refused);
      expect(await family.ask((sup) => terminateChild(sup, stranger))).toEqual(failed('not_found'));
      expect(await family.ask((sup) => terminateChild(sup, pid))).toEqual(OK);
      expect(await family.ask((sup) => terminateChild(sup, pid))).toEqual(OK);
      family.world.kill(stranger);
      expect(await family.ask((sup) => terminateChild(sup, stranger))).toEqual(OK);
      expect(await family.state()).toEqual([]);
    }),
  );

  it(
    'fact 86: elsewhere a pid is an unknown id',
    inFamily(async (family) => {
      await begin(family, {}, 'a');
      expect(await family.ask((sup) => terminateChild(sup, family.pidOf('a')))).toEqual(failed('not_found'));
      expect(await family.state()).toEqual([['a', 1]]);
    }),
  );

  it(
    'fact 87: whichChildren and countChildren tell of every child, last started first',
    inFamily(async (family) => {
      family.next('c', () => 'ignore');
      await family.start({}, [
        family.child('a', { modules: ['m', 'n'] }),
        family.child('b', { type: 'supervisor' }),
        family.child('c'),
      ]);
      await family.ask((sup) => terminateChild(sup, 'b'));
      expect(await family.ask((sup) => whichChildren(sup))).toEqual([
        { id: 'c', pid: undefined, type: 'worker', modules: ['c'], restarts: 0 },
        { id: 'b', pid: undefined, type: 'supervisor', modules: ['b'], restarts: 0 },
        { id: 'a', pid: family.pidOf('a'), type: 'worker', modules: ['m', 'n'], restarts: 0 },
      ]);
      expect(await family.ask((sup) => countChildren(sup))).toEqual({
        specs: 3,
        active: 1,
        supervisors: 1,
        workers: 2,
      });
    }),
  );

  it(
    'fact 87: whichChildren tells how often each was started again, group restarts included',
    inFamily(async (family) => {
      await begin(family, { strategy: 'rest_for_one', ...PLENTY }, 'abc');
      for (const id of 'cbcc'.split('')) await family.lose(CRASH, id);
      const rows = await family.ask((sup) => whichChildren(sup));
      expect(rows.map(({ id, restarts }) => `${id}${restarts}`)).toEqual(['c4', 'b1', 'a0']);
    }),
  );

  it(
    'fact 86: simple_one_for_one gives its specification for its id and its instances, not for strangers',
    inFamily(async (family) => {
      await family.start({ strategy: 'simple_one_for_one' }, [family.child('x')]);
      await family.ask((sup) => startChild(sup, []));
      const stranger = family.world.spawn(idler);
      const spec = { ok: true, value: { id: 'x', restart: 'permanent' } };
      expect(await family.ask((sup) => getChildSpec(sup, 'x'))).toMatchObject(spec);
      expect(await family.ask((sup) => getChildSpec(sup, family.pidOf('x')))).toMatchObject(spec);
      expect(await family.ask((sup) => getChildSpec(sup, 'y'))).toEqual(failed('not_found'));
      expect(await family.ask((sup) => getChildSpec(sup, stranger))).toEqual(failed('not_found'));
      family.world.kill(stranger);
    }),
  );

  it(
    'fact 87: countChildren does not take a child for active whose end is not dealt with yet',
    inFamily(async (family) => {
      await begin(family, PLENTY, 'abc');
      const counting = family.request((sup) => countChildren(sup));
      family.die(CRASH, 'a', 'c');
      await family.world.idle();
      expect(await counting).toEqual({ specs: 3, active: 1, supervisors: 0, workers: 3 });
    }),
  );

  it(
    'fact 87: a simple_one_for_one supervisor counts one specification and its instances',
    inFamily(async (family) => {
      for (const type of ['worker', 'supervisor'] as const) {
        await family.start({ strategy: 'simple_one_for_one' }, [family.child('x', { type })]);
        for (const suffix of ['1', '2']) await family.ask((sup) => startChild(sup, [suffix]));
        expect(await family.ask((sup) => countChildren(sup))).toEqual({
          specs: 1,
          active: 2,
          supervisors: type === 'supervisor' ? 2 : 0,
          workers: type === 'worker' ? 2 : 0,
        });
        const rows = await family.ask((sup) => whichChildren(sup));
        expect(rows.map(({ id }) => id)).toEqual([undefined, undefined]);
        expect(new Set(rows.map(({ pid }) => pid))).toEqual(new Set([family.pidOf('x1'), family.pidOf('x2')]));
      }
    }),
  );

  it(
    'fact 87: a call to a dead supervisor exits with noproc, one that dies meanwhile with its reason',
    inFamily(async (family) => {
      await begin(family, { intensity: 0 }, 'a');
      const { sup } = family;
      const told = (cause: Reason) => [cause, ['gen_server', 'call', [sup, { type: 'count_children' }, FOREVER]]];
      family.die(CRASH, 'a');
      const counting = family.request((sup) => countChildren(sup));
      await family.world.idle();
      expect(await failureOf(() => counting)).toMatchObject({ reason: told('shutdown') });
      expect(await failureOf(() => family.ask(() => countChildren(sup)))).toMatchObject({ reason: told('noproc') });
    }),
  );

  it(
    'fact 88: what a temporary instance was started with is not kept, what others were is',
    inFamily(async (family) => {
      for (const restart of RESTART_TYPES) {
        await family.start({ strategy: 'simple_one_for_one' }, [family.child('x', { restart })]);
        await family.ask((sup) => startChild(sup, ['1']));
        const state = (await family.ask((sup) => sys.getState(sup))) as SupervisorLoop;
        expect(state.children.list().map(({ args }) => args)).toEqual([restart === 'temporary' ? [] : ['1']]);
      }
    }),
  );
});
