/** Applications start and tell of themselves as Erlang's do: facts 110 to 112 and 115 of its semantics. */
import {
  application,
  currentSelf,
  type Pid,
  type Reason,
  spawn,
  type StartResult,
  supervisor,
  type Supervisor,
} from '../../src/otp';
import { OK, withJournal } from '../support/applications';
import { failed, failureOf, idler, trapper } from '../support/runtime';

describe('starting', () => {
  it(
    'fact 110: load, start, running; a second start and a start of what is unknown are errors',
    withJournal(async (journal) => {
      journal.load(journal.app('kv'));
      expect(journal.do(() => application.load(journal.app('kv')))).toEqual(failed(['already_loaded', 'kv']));
      expect(journal.running()).toEqual([]);
      expect(await journal.start('kv')).toEqual(OK);
      expect(journal.running()).toEqual(['kv']);
      expect(await journal.start('kv')).toEqual(failed(['already_started', 'kv']));
      expect(await journal.start('net')).toEqual(failed(['no such file or directory', 'net.app']));
      expect(journal.events).toEqual(['kv start']);
    }),
  );

  it(
    'fact 110: an application whose dependency does not run is not started',
    withJournal(async (journal) => {
      journal.load(journal.app('net'), journal.app('kv', { dependencies: ['net'] }));
      expect(await journal.start('kv')).toEqual(failed(['not_started', 'net']));
      await journal.start('net');
      expect(await journal.start('kv')).toEqual(OK);
    }),
  );

  it(
    'fact 110: start() is over when every child of the top supervisor is up, and a second caller waits too',
    withJournal(async (journal) => {
      const up: string[] = [];
      const child = (id: string) => ({
        id,
        start: async (): Promise<StartResult> => {
          const self = currentSelf();
          const pid = self.spawnLink(idler);
          await self.sleep(100);
          up.push(id);
          return { ok: true, value: pid };
        },
      });
      const top: Supervisor<number> = { init: () => ({ flags: {}, children: [child('a'), child('b')] }) };
      const kv = journal.app('kv', { start: (_type, args) => supervisor.startLink(top, args) });
      const results: unknown[] = [];
      for (let callers = 0; callers < 2; callers += 1)
        void journal.do(() => application.start(kv)).then((result) => results.push([result, [...up]]));
      await journal.world.advance(199);
      expect(results).toEqual([]);
      expect(journal.running()).toEqual([]);
      expect(journal.do(() => application.unload('kv'))).toEqual(failed(['running', 'kv']));
      await journal.world.advance(1);
      expect(results).toEqual([
        [OK, ['a', 'b']],
        [OK, ['a', 'b']],
      ]);
    }),
  );

  it(
    'fact 110: a process that starts an application is not its parent: the application outlives it',
    withJournal(async (journal) => {
      const result = await journal.world.run(() => application.start(journal.app('kv')));
      expect(result).toEqual(OK);
      expect(journal.running()).toEqual(['kv']);
      expect(journal.world.runtime.isAlive(journal.tops.get('kv') as Pid)).toBe(true);
    }),
  );

  it(
    'fact 110: an application without a start is only code: it runs without a process of its own',
    withJournal(async (journal) => {
      expect(await journal.world.outside(() => application.start({ name: 'lib', args: undefined }))).toEqual(OK);
      expect(journal.running()).toEqual(['lib']);
      expect(await journal.stop('lib')).toEqual(OK);
      expect(journal.running()).toEqual([]);
    }),
  );

  it(
    'fact 111: start() is called with normal and the arguments, in a process that traps exits',
    withJournal(async (journal) => {
      const calls: unknown[] = [];
      const kv = journal.app('kv', {
        start: (type, args, self) => {
          calls.push(type, args, self.process.trapExit, self.process.origin.application);
          return { ok: true, value: journal.top('kv') };
        },
      });
      await journal.start(kv);
      expect(calls).toEqual(['normal', 7, true, 'kv']);
    }),
  );

  const CALL = ['kv', 'start', ['normal', 7]];
  const oops = new Error('oops');
  const FAILURES: readonly (readonly [string, () => unknown, Reason])[] = [
    ['an error', () => ({ ok: false, error: 'no_disk' }), ['no_disk', CALL]],
    ['ignore', () => 'ignore', ['bad_return', [CALL, 'ignore']]],
    ['a dead answer', () => ({ ok: true, value: 'no pid' }), ['bad_return', [CALL, { ok: true, value: 'no pid' }]]],
    ['nothing', () => null, ['bad_return', [CALL, null]]],
    [
      'a crash',
      () => {
        throw oops;
      },
      ['bad_return', [CALL, ['EXIT', oops]]],
    ],
    ['an exit', () => currentSelf().exit('gone'), ['bad_return', [CALL, ['EXIT', 'gone']]]],
    ['a rejection', () => Promise.reject(oops), ['bad_return', [CALL, ['EXIT', oops]]]],
  ];
  it.each(FAILURES)(
    'fact 111: a start that ends in %s fails as Erlang says, and may be tried again',
    (_, outcome, error) =>
      withJournal(async (journal) => {
        let attempts = 0;
        const kv = journal.app('kv', {
          start: () => {
            attempts += 1;
            currentSelf().spawn(trapper);
            return attempts === 1 ? (outcome() as StartResult) : { ok: true, value: journal.top('kv') };
          },
        });
        expect(await journal.start(kv)).toEqual(failed(error));
        expect(journal.running()).toEqual([]);
        expect(journal.world.runtime.processCount).toBe(0);
        expect(journal.world.reportsOf('application_exit')).toEqual([
          { type: 'application_exit', application: 'kv', reason: error },
        ]);
        expect(await journal.start('kv')).toEqual(OK);
      })(),
  );

  it(
    'fact 111: a child that fails to start shows in the reason, and its elder siblings are down again',
    withJournal(async (journal) => {
      const top: Supervisor<number> = {
        init: () => ({
          flags: {},
          children: [
            { id: 'a', start: () => ({ ok: true, value: currentSelf().spawnLink(trapper) }), shutdown: 'brutal_kill' },
            { id: 'b', start: () => ({ ok: false, error: 'no_port' }) },
          ],
        }),
      };
      const kv = journal.app('kv', { start: (_type, args) => supervisor.startLink(top, args) });
      const reason = ['shutdown', ['failed_to_start_child', 'b', 'no_port']];
      expect(await journal.start(kv)).toEqual(failed([reason, CALL]));
      expect(journal.world.runtime.processCount).toBe(0);
    }),
  );

  it(
    'fact 111: a process that is killed while it starts the application fails the start',
    withJournal(async (journal) => {
      const kv = journal.app('kv', { start: (_type, _args, self) => self.wait(new Promise<never>(() => {})) });
      const result = journal.do(() => application.start(kv));
      await journal.world.idle();
      for (const pid of journal.world.runtime.processes()) journal.world.kill(pid);
      expect(await result).toEqual(failed('killed'));
      expect(journal.running()).toEqual([]);
    }),
  );

  it(
    'fact 112: ensureAllStarted() starts dependencies first, says what it started, and nothing if all ran',
    withJournal(async (journal) => {
      const kv = journal.app('kv', { dependencies: ['net', 'disk'] });
      journal.load(journal.app('os'), journal.app('net', { dependencies: ['os'] }));
      journal.load(journal.app('disk', { dependencies: ['os'] }));
      expect(await journal.ensure(kv)).toEqual({ ok: true, value: ['os', 'net', 'disk', 'kv'] });
      expect(await journal.ensure(kv)).toEqual({ ok: true, value: [] });
      expect(journal.events).toEqual(['os start', 'net start', 'disk start', 'kv start']);
    }),
  );

  it(
    'fact 112: when one cannot be started, those that were started on the way are stopped again',
    withJournal(async (journal) => {
      const broken = journal.app('disk', { start: () => ({ ok: false, error: 'no_disk' }) });
      journal.load(journal.app('os'), journal.app('net'), journal.app('tls'), broken);
      await journal.start('os');
      const result = await journal.ensure(journal.app('kv', { dependencies: ['os', 'net', 'tls', 'disk'] }));
      expect(result).toEqual(failed(['disk', ['no_disk', ['disk', 'start', ['normal', 7]]]]));
      expect(journal.running()).toEqual(['os']);
      expect(journal.events.filter((event) => event.endsWith('down'))).toEqual(['tls down', 'net down']);
      expect(await journal.ensure(journal.app('gui', { dependencies: ['x11'] }))).toEqual(
        failed(['x11', ['no such file or directory', 'x11.app']]),
      );
    }),
  );

  it(
    'fact 112: applications that depend on each other do not start',
    withJournal(async (journal) => {
      journal.load(journal.app('a', { dependencies: ['b'] }), journal.app('b', { dependencies: ['a'] }));
      expect(await journal.ensure('a')).toEqual(failed(['b', ['not_started', 'a']]));
      expect(journal.running()).toEqual([]);
    }),
  );

  it(
    'fact 112: stopping a dependency leaves those that depend on it running',
    withJournal(async (journal) => {
      journal.load(journal.app('net'));
      await journal.ensure(journal.app('kv', { dependencies: ['net'] }));
      expect(await journal.stop('net')).toEqual(OK);
      expect(journal.running()).toEqual(['kv']);
    }),
  );
});

describe('asking', () => {
  it(
    'fact 115: whichApplications() lists what runs with description and version, last started first',
    withJournal(async (journal) => {
      await journal.start(journal.app('net'));
      await journal.start({ name: 'kv', args: 7 });
      journal.load(journal.app('idle'));
      expect(journal.do(() => application.whichApplications())).toEqual([
        { name: 'kv', description: '', version: '' },
        { name: 'net', description: 'the net', version: '1.0' },
      ]);
    }),
  );

  it(
    'fact 115: the environment is the one of the specification until somebody changes it',
    withJournal(async (journal) => {
      journal.load(journal.app('kv', { env: { port: 1 } }));
      journal.do(() => {
        expect(application.getEnv('kv', 'port')).toBe(1);
        application.setEnv('kv', 'port', 2);
        application.setEnv('kv', 'host', 'here');
        application.setEnv('other', 'port', 3);
        expect(['port', 'host', 'none'].map((key) => application.getEnv('kv', key))).toEqual([2, 'here', undefined]);
        application.unsetEnv('kv', 'port');
        application.unsetEnv('nobody', 'port');
        expect(application.getEnv('kv', 'port')).toBeUndefined();
        application.unload('kv');
        expect([application.getEnv('kv', 'host'), application.getEnv('other', 'port')]).toEqual([undefined, 3]);
      });
    }),
  );

  it(
    'fact 115: getApplication() finds the application of whatever it has spawned, however deep',
    withJournal(async (journal) => {
      const deep: Pid[] = [];
      const stranger = journal.world.spawn(trapper);
      await journal.start(
        journal.app('kv', {
          start: (_type, _args, self) => {
            self.spawn((inner) => void deep.push(spawn(inner.runtime, idler), inner.spawn(idler)));
            return { ok: true, value: journal.top('kv'), info: 'x' };
          },
        }),
      );
      expect([...deep, ...journal.tops.values()].map(application.getApplication)).toEqual(['kv', 'kv', 'kv']);
      expect(application.getApplication(stranger)).toBeUndefined();
      await journal.stop('kv');
      expect(application.getApplication(journal.tops.get('kv') as Pid)).toBeUndefined();
      journal.world.kill(stranger);
    }),
  );

  it('start() outside of any runtime is an error', async () => {
    expect(await failureOf(() => application.start('kv'))).toBeInstanceOf(Error);
  });
});
