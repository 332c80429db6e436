/**
 * Supervisors behave as Erlang's: facts 57 to 90 of its semantics, and their reports (119 and 120).
 *
 * Restart types and exit reasons, and strategies and what happens under them, are products: a case
 * that is missing would be a gap in the list of names.
 */
import {
  type ChildSpec,
  Exit,
  formatTerm,
  type GenServer,
  genServer,
  isExit,
  Pid,
  randomFrom,
  type Reason,
  Runtime,
  type Self,
  spawn,
  type StartResult,
  started,
  type SupervisorFlags,
  supervisor,
  sys,
} from '../../src/otp';
import { startLink as startProcess } from '../../src/otp/proc-lib';
import { currentProcess } from '../../src/otp/process';
import { link } from '../../src/otp/signals';
import type { SupervisorLoop } from '../../src/otp/supervisor-loop';
import { failureOf, idler } from '../support/runtime';
import { endProcess, type Family, inFamily } from '../support/supervision';

const {
  startChild,
  terminateChild,
  restartChild,
  deleteChild,
  whichChildren,
  countChildren,
  getFlags,
  getChildSpec,
  checkSpecs,
} = supervisor;

type RestartType = NonNullable<ChildSpec['restart']>;
type Strategy = NonNullable<SupervisorFlags['strategy']>;

const CRASH = new Error('crash');
const PLENTY: SupervisorFlags = { intensity: 100, periodMs: 1000 };
const GROUPS = ['one_for_all', 'rest_for_one'] as const;
const STRATEGIES = ['one_for_one', ...GROUPS] as const;

const failed = (error: Reason) => ({ ok: false, error });
const failedChild = (id: string, reason: Reason) => failed(['shutdown', ['failed_to_start_child', id, reason]]);
const raise = (thrown: unknown): never => {
  throw thrown;
};

/** Starts a family with these children, all alike. */
const begin = (family: Family, flags: SupervisorFlags, ids: string, spec: Partial<ChildSpec> = {}) =>
  family.start(
    flags,
    ids.split('').map((id) => family.child(id, spec)),
  );

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

describe('starting and stopping', () => {
  it(
    'fact 62: children start in the order of the list, one after the other, before startLink returns',
    inFamily(async (family) => {
      const slow = (id: string): ChildSpec => ({
        id,
        start: async () => {
          family.events.push(`begin ${id}`);
          await Promise.resolve();
          family.events.push(`end ${id}`);
          return 'ignore' as const;
        },
      });
      await family.start({}, [slow('a'), slow('b'), family.child('c')]);
      expect(family.events).toEqual(['begin a', 'end a', 'begin b', 'end b', '+c']);
    }),
  );

  it(
    'fact 63: when a child cannot start, those before it stop in reverse and the start fails',
    inFamily(async (family) => {
      family.fail('d', 1);
      expect(await begin(family, {}, 'abcde')).toEqual(failedChild('d', 'broken'));
      expect(family.events).toEqual(['+a', '+b', '+c', '-c', '-b', '-a']);
    }),
  );

  it(
    'fact 63: a child that died before its sibling failed to start is no hindrance',
    inFamily(async (family) => {
      family.next('c', () => (family.die(CRASH, 'b'), failed('broken')));
      expect(await begin(family, {}, 'abc')).toEqual(failedChild('c', 'broken'));
      expect(family.complaints()).toEqual(['start_error c broken', 'shutdown_error b Error: crash']);
    }),
  );

  it(
    'fact 64: an ignored child is kept without a pid, unless temporary',
    inFamily(async (family) => {
      for (const id of 'abc') family.next(id, () => 'ignore');
      const children = (['permanent', 'transient', 'temporary'] as const).map((restart, index) =>
        family.child(['a', 'b', 'c'][index] ?? '', { restart }),
      );
      await family.start({}, children);
      expect(await family.state()).toEqual([
        ['a', 'down'],
        ['b', 'down'],
      ]);
      expect(family.progress()).toEqual([]);
      expect(await family.ask((sup) => restartChild(sup, 'a'))).toMatchObject({ ok: true });
      expect(await family.state()).toEqual([
        ['a', 1],
        ['b', 'down'],
      ]);
    }),
  );

  it.each(STRATEGIES)('fact 65: %s children stop in reverse, each waited for', async (strategy) => {
    await inFamily(async (family) => {
      const { world } = family;
      await family.start({ strategy }, [
        family.child('a', {}, { stopMs: 100 }),
        family.child('b'),
        family.child('c', {}, { stopMs: 300 }),
      ]);
      family.takeEvents();
      family.endOwner('kill');
      await world.advance(299);
      expect(family.takeEvents()).toEqual([]);
      await world.advance(1);
      expect(family.takeEvents()).toEqual(['-c', '-b']);
      expect(family.end.ended).toBe(false);
      await world.advance(100);
      expect(family.takeEvents()).toEqual(['-a']);
      expect(family.end).toEqual({ ended: true, reason: 'killed' });
    })();
  });

  it(
    'fact 65: a supervisor stops its whole subtree before its parent goes on, over three levels',
    inFamily(async (family) => {
      const branch = (id: string, children: readonly ChildSpec[]): ChildSpec => ({
        id,
        type: 'supervisor',
        start: () => supervisor.startLink({ init: () => ({ flags: {}, children }) }, undefined, { name: id }),
      });
      const leaf = (id: string) => family.child(id, { shutdown: 'infinity' }, { stopMs: 50 });
      await family.start({}, [
        leaf('a'),
        branch('B', [leaf('b1'), branch('C', [leaf('c1'), leaf('c2')]), leaf('b2')]),
        leaf('d'),
      ]);
      expect(family.takeEvents()).toEqual(['+a', '+b1', '+c1', '+c2', '+b2', '+d']);
      family.endOwner('kill');
      await family.world.advance(1000);
      expect(family.events).toEqual(['-d', '-b2', '-c2', '-c1', '-b1', '-a']);
      expect(family.complaints()).toEqual([]);
    }),
  );

  it(
    'fact 66: brutal_kill kills at once, whatever the child does',
    inFamily(async (family) => {
      await family.start({}, [
        family.child('a', { shutdown: 'brutal_kill' }, { stopMs: 1000 }),
        family.child('b', { shutdown: 'brutal_kill' }, { stubborn: true }),
      ]);
      const ends = ['a', 'b'].map((id) => family.world.watch(family.pidOf(id)));
      await family.ask((sup) => terminateChild(sup, 'a'));
      await family.ask((sup) => terminateChild(sup, 'b'));
      expect(ends.map(({ reason }) => reason)).toEqual(['killed', 'killed']);
      expect(family.complaints()).toEqual([]);
    }),
  );

  it(
    'fact 66: a number gives the child that long, and then it is killed',
    inFamily(async (family) => {
      const { world } = family;
      await family.start({}, [
        family.child('polite', { shutdown: 500 }, { stopMs: 499 }),
        family.child('stubborn', { shutdown: 500 }, { stubborn: true }),
      ]);
      const polite = world.watch(family.pidOf('polite'));
      const stubborn = world.watch(family.pidOf('stubborn'));
      const stops = ['polite', 'stubborn'].map((id) => family.request((sup) => terminateChild(sup, id)));
      await world.advance(498);
      expect(polite.ended).toBe(false);
      await world.advance(1);
      expect(polite).toEqual({ ended: true, reason: 'shutdown' });
      await world.advance(499);
      expect(stubborn.ended).toBe(false);
      await world.advance(1);
      expect(stubborn).toEqual({ ended: true, reason: 'killed' });
      expect(await Promise.all(stops)).toEqual([
        { ok: true, value: 'ok' },
        { ok: true, value: 'ok' },
      ]);
      expect(family.complaints()).toEqual(['shutdown_error stubborn killed']);
    }),
  );

  it(
    'fact 66: 0 tells the child to stop and kills it unless it has',
    inFamily(async (family) => {
      await family.start({}, [
        family.child('quick', { shutdown: 0 }),
        family.child('slow', { shutdown: 0 }, { stopMs: 1 }),
      ]);
      const ends = ['quick', 'slow'].map((id) => family.world.watch(family.pidOf(id)));
      for (const id of ['quick', 'slow']) void family.request((sup) => terminateChild(sup, id));
      await family.world.advance(0);
      expect(ends.map(({ reason }) => reason)).toEqual(['shutdown', 'killed']);
    }),
  );

  it(
    'fact 66: infinity waits without limit, for workers too',
    inFamily(async (family) => {
      const dayMs = 24 * 3600 * 1000;
      await family.start({}, [family.child('a', { shutdown: 'infinity' }, { stopMs: dayMs })]);
      const ending = family.world.watch(family.pidOf('a'));
      void family.request((sup) => terminateChild(sup, 'a'));
      await family.world.advance(dayMs - 1);
      expect(ending.ended).toBe(false);
      await family.world.advance(1);
      expect(ending).toEqual({ ended: true, reason: 'shutdown' });
    }),
  );

  it(
    'fact 66: a child that is dead already, or has unlinked itself, is stopped too',
    inFamily(async (family) => {
      let leaver: Self | undefined;
      const leave = () =>
        startProcess((self, starting) => {
          leaver = self;
          self.trapExit(true);
          starting.started();
          self.serve(() => {});
        }, {});
      await family.start({}, [family.child('a', { shutdown: 100 }), { id: 'b', start: leave, shutdown: 100 }]);
      leaver?.unlink(family.sup);
      const ending = family.world.watch(leaver?.pid as Pid);
      const stops = [family.request((sup) => terminateChild(sup, 'b'))];
      family.die('normal', 'a');
      stops.push(family.request((sup) => terminateChild(sup, 'a')));
      await family.world.advance(100);
      expect(ending).toEqual({ ended: true, reason: 'killed' });
      expect(await Promise.all(stops)).toEqual([
        { ok: true, value: 'ok' },
        { ok: true, value: 'ok' },
      ]);
      expect(await family.state()).toMatchObject([
        ['a', expect.anything()],
        ['b', 'down'],
      ]);
    }),
  );

  it(
    'fact 66: a child that unlinked itself and died long ago is stopped too, for which there is no reason left',
    inFamily(async (family) => {
      let leaver: Self | undefined;
      const leave = () =>
        startProcess((self, starting) => {
          leaver = self;
          starting.started();
          self.serve(() => {});
        }, {});
      await family.start({}, [{ id: 'a', start: leave }]);
      leaver?.unlink(family.sup);
      family.world.kill(leaver?.pid as Pid);
      await family.world.idle();
      expect(await family.ask((sup) => countChildren(sup))).toMatchObject({ specs: 1, active: 0 });
      expect(await family.ask((sup) => terminateChild(sup, 'a'))).toEqual({ ok: true, value: 'ok' });
      expect(family.complaints()).toEqual(['shutdown_error a noproc']);
    }),
  );

  const STOPS: readonly ('shutdown' | 'brutal_kill')[] = ['shutdown', 'brutal_kill'];
  const ENDS = ['normal', 'shutdown', ['shutdown', 'why'], 'killed', CRASH] as const;
  const expectedEnd = (restart: RestartType, stop: (typeof STOPS)[number], end: Reason) => {
    if (end === (stop === 'brutal_kill' ? 'killed' : 'shutdown')) return true;
    return restart !== 'permanent' && end !== 'killed' && end !== CRASH;
  };
  it.each(
    STOPS.flatMap((stop) =>
      (['permanent', 'transient', 'temporary'] as const).flatMap((restart) =>
        ENDS.map((end) => [restart, stop, formatTerm(end), end, expectedEnd(restart, stop, end)] as const),
      ),
    ),
  )('fact 67: a %s child, stopped by %s, that ended with %s', async (restart, stop, _end, end, expected) => {
    await inFamily(async (family) => {
      const shutdown = stop === 'brutal_kill' ? stop : 1000;
      await family.start({}, [family.child('a', { restart, shutdown })]);
      const stopping = family.request((sup) => terminateChild(sup, 'a'));
      family.die(end, 'a');
      await family.world.idle();
      expect(await stopping).toEqual({ ok: true, value: 'ok' });
      expect(family.complaints()).toEqual(expected ? [] : [`shutdown_error a ${formatTerm(end)}`]);
    })();
  });

  it(
    'fact 67: the shutdown goes on after a child that ended badly, and every one is reported',
    inFamily(async (family) => {
      await family.start({}, [
        family.child('a'),
        family.child('b', { shutdown: 10 }, { stubborn: true }),
        family.child('c', { shutdown: 10 }, { stubborn: true }),
      ]);
      family.takeEvents();
      family.endOwner();
      await family.world.advance(20);
      expect(family.takeEvents()).toEqual(['-c', '-b', '-a']);
      expect(family.complaints()).toEqual(['shutdown_error c killed', 'shutdown_error b killed']);
    }),
  );

  it(
    'fact 67: a sibling that dies while another is being stopped is reported with its own reason',
    inFamily(async (family) => {
      await family.start({}, [family.child('a'), family.child('b'), family.child('c', {}, { stopMs: 100 })]);
      family.endOwner();
      await family.world.advance(50);
      family.die(CRASH, 'a');
      family.die(['shutdown', 'early'], 'b');
      await family.world.advance(50);
      expect(family.complaints()).toEqual(['shutdown_error b {shutdown,early}', 'shutdown_error a Error: crash']);
      expect(family.end).toEqual({ ended: true, reason: 'killed' });
    }),
  );

  it(
    'fact 68: simple_one_for_one stops all instances together, with one common time limit',
    inFamily(async (family) => {
      const flags = { strategy: 'simple_one_for_one' } as const;
      const start = (id: string, stopMs: number) =>
        family.startWorker(id, stopMs < 0 ? { stubborn: true } : { stopMs });
      await family.start(flags, [{ id: 'x', start, restart: 'temporary', shutdown: 300 }]);
      const instances = { a: 100, b: 200, c: 100, d: -1 };
      for (const args of Object.entries(instances)) await family.ask((sup) => startChild(sup, args));
      family.takeEvents();
      family.endOwner();
      await family.world.advance(99);
      expect(family.takeEvents()).toEqual([]);
      await family.world.advance(1);
      expect(family.takeEvents().sort()).toEqual(['-a', '-c']);
      await family.world.advance(100);
      expect(family.takeEvents()).toEqual(['-b']);
      await family.world.advance(100);
      expect(family.takeEvents()).toEqual(['-d']);
      expect(family.end.ended).toBe(true);
      expect(family.complaints()).toEqual(['shutdown_error x killed']);
    }),
  );

  it(
    'fact 68: simple_one_for_one with brutal_kill kills all instances at once',
    inFamily(async (family) => {
      const start = (id: string) => family.startWorker(id, { stubborn: true });
      await family.start({ strategy: 'simple_one_for_one' }, [{ id: 'x', start, shutdown: 'brutal_kill' }]);
      for (const id of 'abc') await family.ask((sup) => startChild(sup, [id]));
      family.endOwner();
      await family.world.idle();
      expect(family.end.ended).toBe(true);
      expect(family.complaints()).toEqual([]);
    }),
  );

  it(
    'fact 69: a killed supervisor stops nobody; its children see their link break with killed',
    inFamily(async (family) => {
      await family.start({}, [family.child('a'), family.child('b', {}, { stopMs: 10 }), family.child('c')]);
      const ends = ['a', 'b', 'c'].map((id) => family.world.watch(family.pidOf(id)));
      family.takeEvents();
      family.world.kill(family.sup);
      expect(family.takeEvents().sort()).toEqual(['-a', '-c']);
      await family.world.advance(10);
      expect(ends.map(({ reason }) => reason)).toEqual(['killed', 'killed', 'killed']);
      expect(family.inbox).toMatchObject([{ type: 'EXIT', reason: 'killed' }]);
      expect(family.complaints()).toEqual([]);
    }),
  );

  it.each<Reason>(['normal', 'shutdown', ['shutdown', 'why'], 'killed', 'tired'])(
    'fact 70: the parent’s end with %j ends the supervisor with it, after its children',
    async (reason) => {
      await inFamily(async (family) => {
        await begin(family, {}, 'ab');
        family.takeEvents();
        family.endOwner(reason);
        await family.world.idle();
        expect(family.takeEvents()).toEqual(['-b', '-a']);
        expect(family.end).toEqual({ ended: true, reason });
      })();
    },
  );

  it(
    'fact 70: exit signals from strangers, from linked non-children and unknown messages end nothing',
    inFamily(async (family) => {
      const { world } = family;
      await begin(family, {}, 'a');
      const friend = world.spawn(idler);
      const { process } = family.sup;
      if (process) link(process, friend);
      for (const reason of ['normal', 'shutdown', CRASH]) world.kill(family.sup, reason);
      world.kill(friend, CRASH);
      world.runtime.send(family.sup as Pid<unknown>, { type: 'hello' });
      world.runtime.send(family.sup as Pid<unknown>, 'hello');
      world.runtime.send(family.sup as Pid<unknown>, { type: 'EXIT', from: 'nobody', reason: 'forged' });
      await world.idle();
      expect(family.end.ended).toBe(false);
      expect(await family.state()).toEqual([['a', 1]]);
      expect(family.reports.filter(([, report]) => report.type === 'unexpected_message')).toEqual([
        ['error', { type: 'unexpected_message', name: 'sup', message: { type: 'hello' } }],
        ['error', { type: 'unexpected_message', name: 'sup', message: 'hello' }],
      ]);
    }),
  );

  it(
    'fact 70: genServer.stop stops a supervisor with its children, and gives its reason',
    inFamily(async (family) => {
      await begin(family, {}, 'abc');
      family.takeEvents();
      expect(await family.ask((sup) => genServer.stop(sup, 'shutdown'))).toBe('ok');
      expect(family.takeEvents()).toEqual(['-c', '-b', '-a']);
      expect(family.end).toEqual({ ended: true, reason: 'shutdown' });
    }),
  );
});

const ENDINGS = {
  normal: 'normal',
  shutdown: 'shutdown',
  shutdown_with_a_term: ['shutdown', 'why'],
  killed: 'kill',
  abnormal: CRASH,
} as const satisfies Record<string, Reason>;

type EndingName = keyof typeof ENDINGS;
const isExpected = (ending: EndingName) => ending !== 'killed' && ending !== 'abnormal';
const RESTART_TYPES = ['permanent', 'transient', 'temporary'] as const;

const afterwards = (restart: RestartType, ending: EndingName): 'restarted' | 'kept' | 'removed' => {
  if (restart === 'permanent' || (restart === 'transient' && !isExpected(ending))) return 'restarted';
  return restart === 'transient' ? 'kept' : 'removed';
};

const TABLE = RESTART_TYPES.flatMap((restart) =>
  (Object.keys(ENDINGS) as EndingName[]).map((ending) => [restart, ending, afterwards(restart, ending)] as const),
);

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

const FOREVER = Number.POSITIVE_INFINITY;

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

const SIGNIFICANT = ['significant', true];
const AUTO_NEVER = ['auto_shutdown', 'never'];
const OK_CHECK = { ok: true, value: 'ok' };

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
