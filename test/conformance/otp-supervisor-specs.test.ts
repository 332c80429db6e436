/** Supervisors check and take over what their init gives as Erlang's do: facts 57 to 61 of its semantics. */
import { type ChildSpec, Exit, genServer, type Reason, supervisor, type SupervisorFlags } from '../../src/otp';
import { currentProcess } from '../../src/otp/process';
import { failed, idler, raise } from '../support/runtime';
import { inFamily } from '../support/supervision';
import { begin, CRASH, failedChild } from '../support/supervisor-cases';

const { startChild, countChildren, getFlags, getChildSpec, checkSpecs } = supervisor;
const FOREVER = Number.POSITIVE_INFINITY;

describe('flags and specifications', () => {
  it(
    'fact 57: flags default to one_for_one, 1 restart in 5 seconds, never shutting down by itself',
    inFamily(async (family) => {
      await family.start({ unknown: 'flags are ignored' } as SupervisorFlags, []);
      expect(await family.ask((sup) => getFlags(sup))).toEqual({
        strategy: 'one_for_one',
        intensity: 1,
        periodMs: 5000,
        autoShutdown: 'never',
      });
    }),
  );

  it.each<[string, unknown, Reason]>([
    ['strategy', { strategy: 'two_for_one' }, ['invalid_strategy', 'two_for_one']],
    ['negative intensity', { intensity: -1 }, ['invalid_intensity', -1]],
    ['fractional intensity', { intensity: 1.5 }, ['invalid_intensity', 1.5]],
    ['period of 0', { periodMs: 0 }, ['invalid_period', 0]],
    ['period that is no whole number of seconds', { periodMs: 1500 }, ['invalid_period', 1500]],
    ['auto_shutdown', { autoShutdown: 'sometimes' }, ['invalid_auto_shutdown', 'sometimes']],
    ['type', 'flags', ['invalid_type', 'flags']],
    ['missing', undefined, ['invalid_type', undefined]],
  ])('fact 57: an invalid %s is supervisor_data', async (_what, flags, complaint) => {
    await inFamily(async (family) => {
      expect(await family.start(flags as SupervisorFlags, [])).toEqual(failed(['supervisor_data', complaint]));
    })();
  });

  it(
    'fact 58: a specification needs id and start; the rest has defaults',
    inFamily(async (family) => {
      const start = () => 'ignore' as const;
      await family.start({}, [
        { id: 'w', start },
        { id: 's', start, type: 'supervisor' },
        { id: 'i', start, shutdown: 'infinity' },
        { id: 'b', start, shutdown: 'brutal_kill', modules: [] },
        { id: 'z', start, shutdown: 0 },
      ]);
      const defaults = { restart: 'permanent', significant: false, type: 'worker', start };
      const spec = (id: string) => family.ask((sup) => getChildSpec(sup, id));
      expect(await spec('w')).toEqual({ ok: true, value: { ...defaults, id: 'w', shutdown: 5000, modules: ['w'] } });
      expect(await spec('s')).toMatchObject({ value: { type: 'supervisor', shutdown: 'infinity' } });
      expect(await spec('i')).toMatchObject({ value: { type: 'worker', shutdown: 'infinity' } });
      expect(await spec('b')).toMatchObject({ value: { shutdown: 'brutal_kill', modules: [] } });
      expect(await spec('z')).toMatchObject({ value: { shutdown: 0 } });
      expect(await spec('x')).toEqual(failed('not_found'));
    }),
  );

  const start = () => 'ignore' as const;
  it.each<[unknown, Reason]>([
    [{ start }, 'missing_id'],
    [{ id: 'a' }, 'missing_start'],
    ['a', ['invalid_child_spec', 'a']],
    [['a'], ['invalid_child_spec', ['a']]],
    [{ id: 'a', start: 'now' }, ['invalid_mfa', 'now']],
    [{ id: 'a', start, restart: 'often' }, ['invalid_restart_type', 'often']],
    [{ id: 'a', start, shutdown: -1 }, ['invalid_shutdown', -1]],
    [{ id: 'a', start, type: 'boss' }, ['invalid_child_type', 'boss']],
    [{ id: 'a', start, modules: 'm' }, ['invalid_modules', 'm']],
    [{ id: 'a', start, significant: 1 }, ['invalid_significant', 1]],
    [
      { id: 'a', start, restart: 'transient', significant: true },
      [
        'bad_combination',
        [
          ['auto_shutdown', 'never'],
          ['significant', true],
        ],
      ],
    ],
  ])('fact 59: %j is refused by init, by startChild and by checkSpecs', async (spec, complaint) => {
    await inFamily(async (family) => {
      expect(await family.start({}, [family.child('before'), spec])).toEqual(failed(['start_spec', complaint]));
      expect(family.events).toEqual([]);
      await family.start({}, []);
      expect(await family.ask((sup) => startChild(sup, spec as ChildSpec))).toEqual(failed(complaint));
      expect(checkSpecs([spec])).toEqual(failed(complaint));
    })();
  });

  it(
    'fact 59: two specifications of one id are refused',
    inFamily(async (family) => {
      const complaint = ['duplicate_child_name', 'a'];
      expect(await begin(family, {}, 'aba')).toEqual(failed(['start_spec', complaint]));
      expect(checkSpecs([family.child('a'), family.child('b'), family.child('a')])).toEqual(failed(complaint));
      expect(checkSpecs([family.child('a'), family.child('b')])).toEqual({ ok: true, value: 'ok' });
    }),
  );

  it(
    'fact 60: a start function runs as the supervisor',
    inFamily(async (family) => {
      const runners: unknown[] = [];
      const start = () => (runners.push(currentProcess()?.pid), 'ignore' as const);
      await family.start({}, [{ id: 'a', start }]);
      await family.ask((sup) => startChild(sup, { id: 'b', start }));
      expect(runners).toEqual([family.sup, family.sup]);
    }),
  );

  const noPromise = { ok: true, value: 'no pid' };
  it.each<[string, () => unknown, Reason]>([
    ['an error', () => failed('e'), 'e'],
    ['nothing', () => undefined, undefined],
    ['garbage', () => 42, 42],
    ['a value that is no pid', () => noPromise, noPromise],
    ['a promise of garbage', () => Promise.resolve([]), []],
    ['an Error thrown', () => raise(CRASH), ['EXIT', CRASH]],
    ['a ball thrown', () => raise('ball'), ['EXIT', ['nocatch', 'ball']]],
    ['an exit', () => raise(new Exit('tired')), ['EXIT', 'tired']],
    ['a rejection', () => Promise.reject(CRASH), ['EXIT', CRASH]],
    ['a rejection without an Error', () => Promise.reject(1), ['EXIT', ['nocatch', 1]]],
  ])('fact 60: a start function that gives %s fails', async (_what, start, reason) => {
    await inFamily(async (family) => {
      expect(await family.start({}, [family.child('a'), { id: 'b', start }])).toEqual(failedChild('b', reason));
      await family.start({}, []);
      expect(await family.ask((sup) => startChild(sup, { id: 'b', start } as ChildSpec))).toMatchObject({
        error: [reason, { id: 'b' }],
      });
      expect(await family.state()).toEqual([]);
    })();
  });

  it(
    'fact 60: a start function may await, and goes on as the supervisor through what it has kept of it',
    inFamily(async (family) => {
      const late = async () => {
        await Promise.resolve();
        return genServer.startLink({ init: () => raise('never runs') }, undefined);
      };
      const result = await family.start({}, [{ id: 'a', start: late }]);
      const message = 'Cannot link: no process is running; use start, or self.run after an await';
      expect(result).toEqual(failedChild('a', ['EXIT', new Error(message)]));
    }),
  );

  it(
    'fact 60: a start function that asks its own supervisor fails at once, and does not wait for ever',
    inFamily(async (family) => {
      await family.start({}, []);
      const start = () => countChildren(family.sup).then(() => 'ignore' as const);
      const answer = await family.ask((sup) => startChild(sup, { id: 'a', start }));
      const told = ['gen_server', 'call', [family.sup, { type: 'count_children' }, FOREVER]];
      expect(answer).toMatchObject({ error: [['EXIT', ['calling_self', told]], { id: 'a' }] });
      expect(await family.state()).toEqual([]);
    }),
  );

  it(
    'fact 60: while a child starts, the supervisor answers nobody',
    inFamily(async (family) => {
      await begin(family, {}, 'a');
      let started: (result: 'ignore') => void = () => {};
      const start = () => new Promise<'ignore'>((resolve) => (started = resolve));
      const starting = family.request((sup) => startChild(sup, { id: 'b', start }));
      const counting = family.request((sup) => countChildren(sup));
      let counted = false;
      void counting.then(() => (counted = true));
      await family.world.advance(100_000);
      expect(counted).toBe(false);
      started('ignore');
      await family.world.idle();
      expect(await starting).toEqual({ ok: true, value: { pid: undefined } });
      expect(await counting).toMatchObject({ specs: 2 });
    }),
  );

  it(
    'fact 61: a supervisor traps exits, and a failed start leaves its starter nothing but the error',
    inFamily(async (family) => {
      await begin(family, {}, 'a');
      expect(family.world.runtime.processInfo(family.sup)?.trapExit).toBe(true);
      family.endOwner();
      await family.world.idle();
      family.fail('b', 1);
      expect(await begin(family, {}, 'ab')).toEqual(failedChild('b', 'broken'));
      expect(family.inbox).toEqual([]);
      expect(family.world.runtime.whereis('sup')).toBe(undefined);
    }),
  );

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a word', 'nonsense'],
    ['children that are no list', { flags: {}, children: 'none' }],
  ])('fact 61: an init that gives %s is a bad return', async (_what, given) => {
    await inFamily(async (family) => {
      expect(await family.start({}, [], () => given)).toEqual(failed(['bad_return', ['sup', 'init', given]]));
    })();
  });

  it(
    'fact 61: an init that throws, exits, ignores or awaits does as a server’s',
    inFamily(async (family) => {
      expect(await family.start({}, [], () => raise(CRASH))).toEqual(failed(CRASH));
      expect(await family.start({}, [], () => raise(new Exit('tired')))).toEqual(failed('tired'));
      expect(await family.start({}, [], () => 'ignore')).toBe('ignore');
      const later = () => Promise.resolve({ flags: {}, children: [family.child('a')] });
      expect(await family.start({}, [], later)).toMatchObject({ ok: true });
    }),
  );

  it(
    'fact 61: a supervisor whose name is taken does not start',
    inFamily(async (family) => {
      const holder = family.world.spawn(idler);
      family.world.runtime.registry.register('sup', holder);
      expect(await begin(family, {}, 'a')).toEqual(failed(['already_started', holder]));
      expect(family.events).toEqual([]);
      family.world.kill(holder);
    }),
  );

  it(
    'fact 61: simple_one_for_one needs exactly one specification',
    inFamily(async (family) => {
      const flags = { strategy: 'simple_one_for_one' } as const;
      expect(await family.start(flags, [])).toEqual(failed(['bad_start_spec', []]));
      const two = [family.child('a'), family.child('b')];
      expect(await family.start(flags, two)).toEqual(failed(['bad_start_spec', two]));
      expect(await family.start(flags, [{ id: 'a' }])).toEqual(failed(['start_spec', 'missing_start']));
      expect(await family.start(flags, [family.child('a')])).toMatchObject({ ok: true });
      expect(family.events).toEqual([]);
    }),
  );
});
