/** Applications behave as Erlang's: facts 110 to 115 of its semantics. */
import {
  type Application,
  application,
  currentSelf,
  type Pid,
  type Reason,
  Self,
  type StartResult,
  spawn,
  type Supervisor,
  supervisor,
} from '../../src/otp';
import type { Process } from '../../src/otp/process';
import { failureOf, idler, inWorld, trapper, type World } from '../support/runtime';

const NEVER_EXIT = () => {
  throw new Error('Expected the node to stay up');
};

/** What the applications of a test did, in order, and their top processes. */
class Journal {
  readonly events: string[] = [];
  readonly tops = new Map<string, Pid>();

  constructor(readonly world: World) {
    this.do(() => application.configure({ exit: NEVER_EXIT }));
  }

  do<T>(action: () => T): T {
    return this.world.runtime.run(action);
  }

  /** An application whose top process does what a supervisor does: it stops when it is told to. */
  app(name: string, parts: Partial<Application<number, string>> = {}): Application<number, string> {
    return {
      name,
      description: `the ${name}`,
      version: '1.0',
      args: 7,
      start: () => {
        this.events.push(`${name} start`);
        return { ok: true, value: this.top(name), info: `state of ${name}` };
      },
      prepStop: (state) => {
        this.events.push(`${name} prepStop(${state})`);
        return `prepared ${state}`;
      },
      stop: (state) => void this.events.push(`${name} stop(${state})`),
      ...parts,
    };
  }

  /** A process on top that traps exits and ends with the reason of whatever it is sent. */
  top(name: string): Pid {
    const pid = currentSelf().spawnLink<unknown>(async (self) => {
      self.trapExit(true);
      const { reason } = (await self.receive()) as { readonly reason: Reason };
      this.events.push(`${name} down`);
      self.exit(reason);
    });
    this.tops.set(name, pid);
    return pid;
  }

  start(app: string | Application<number, string>, type?: application.RestartType) {
    return this.world.outside(() => application.start(app, type));
  }

  ensure(app: string | Application<number, string>, type?: application.RestartType) {
    return this.world.outside(() => application.ensureAllStarted(app, type));
  }

  stop(name: string) {
    return this.world.outside(() => application.stop(name));
  }

  load(...apps: readonly Application<number, string>[]): void {
    for (const app of apps) expect(this.do(() => application.load(app))).toEqual(OK);
  }

  running(): string[] {
    return this.do(() => application.whichApplications().map(({ name }) => name));
  }

  /** The top process of `name` ends by itself. */
  async topEnds(name: string, reason: Reason): Promise<void> {
    this.do(() => this.world.runtime.exit(this.tops.get(name) as Pid, reason));
    await this.world.idle();
  }
}

const OK = { ok: true, value: 'ok' };
const failed = (error: Reason) => ({ ok: false, error });

/** A test with a {@link Journal}; what applications it leaves running are stopped. */
const withJournal = (body: (journal: Journal) => Promise<void>) =>
  inWorld(async (world) => {
    const journal = new Journal(world);
    await body(journal);
    await world.outside(() => application.stopAll());
  });

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

describe('stopping', () => {
  it(
    'fact 113: prepStop, the top supervisor, stop with the state, and the application stays loaded',
    withJournal(async (journal) => {
      await journal.start(journal.app('kv'));
      expect(await journal.stop('kv')).toEqual(OK);
      expect(journal.events).toEqual([
        'kv start',
        'kv prepStop(state of kv)',
        'kv down',
        'kv stop(prepared state of kv)',
      ]);
      expect(await journal.stop('kv')).toEqual(failed(['not_started', 'kv']));
      expect(await journal.start('kv')).toEqual(OK);
      expect(journal.do(() => application.unload('kv'))).toEqual(failed(['running', 'kv']));
      await journal.stop('kv');
      expect(journal.do(() => application.unload('kv'))).toEqual(OK);
      expect(journal.do(() => application.unload('kv'))).toEqual(failed(['not_loaded', 'kv']));
    }),
  );

  it(
    'fact 113: the children of the top supervisor stop in reverse order',
    withJournal(async (journal) => {
      const child = (id: string) => ({
        id,
        start: () => ({ ok: true as const, value: journal.top(id) }),
      });
      const top: Supervisor<number> = { init: () => ({ flags: {}, children: ['a', 'b', 'c'].map(child) }) };
      await journal.start(journal.app('kv', { start: (_type, args) => supervisor.startLink(top, args) }));
      await journal.stop('kv');
      expect(journal.events).toEqual(['kv prepStop(undefined)', 'c down', 'b down', 'a down', expect.any(String)]);
    }),
  );

  it(
    'fact 113: the top supervisor is waited for without limit, and a start waits for that too',
    withJournal(async (journal) => {
      const slow = (self: Self): Pid =>
        self.spawnLink<unknown>(async (top) => {
          top.trapExit(true);
          await top.receive();
          await top.sleep(10_000_000);
        });
      await journal.start(
        journal.app('kv', { start: (_type, _args, self) => ({ ok: true, value: slow(self), info: 'x' }) }),
      );
      const results: unknown[] = [];
      const note = (result: unknown) => void results.push(result);
      void journal.do(() => application.stop('kv')).then(note);
      void journal.do(() => application.stop('kv')).then(note);
      void journal.do(() => application.start('kv')).then(note);
      await journal.world.advance(9_999_999);
      expect(results).toEqual([]);
      expect(journal.running()).toEqual(['kv']);
      await journal.world.advance(1);
      expect(results).toEqual([OK, failed(['not_started', 'kv']), OK]);
      void journal.do(() => application.stop('kv'));
      await journal.world.advance(10_000_000);
    }),
  );

  it(
    'fact 113: whatever still belongs to the application is killed, and nothing else',
    withJournal(async (journal) => {
      const escaped: Pid[] = [];
      const escape = (self: Self<unknown>) => {
        self.trapExit(true);
        escaped.push(
          self.spawn<unknown>((inner) => {
            escaped.push(inner.spawn(trapper));
            inner.serve(() => {});
          }),
        );
        self.serve(() => {});
      };
      const stranger = journal.world.spawn(trapper);
      const kv = journal.app('kv', {
        start: () => {
          escaped.push(currentSelf().spawn(escape));
          return { ok: true, value: journal.top('kv'), info: 'x' };
        },
        stop: () => {
          journal.events.push(`${escaped.filter((pid) => journal.world.runtime.isAlive(pid)).length} alive`);
        },
      });
      await journal.start(kv);
      await journal.start(journal.app('net'));
      await journal.stop('kv');
      expect(journal.events.at(-1)).toBe('3 alive');
      expect(escaped.map((pid) => journal.world.runtime.isAlive(pid))).toEqual([false, false, false]);
      expect(journal.world.runtime.isAlive(stranger)).toBe(true);
      expect(journal.running()).toEqual(['net']);
      journal.world.kill(stranger);
    }),
  );

  it(
    'fact 113: a callback that throws is reported, and the application stops all the same',
    withJournal(async (journal) => {
      const fail = () => {
        throw new Error('oops');
      };
      await journal.start(journal.app('kv', { prepStop: fail, stop: fail }));
      expect(await journal.stop('kv')).toEqual(OK);
      expect(journal.world.reportsOf('error')).toHaveLength(2);
      expect(journal.running()).toEqual([]);
    }),
  );

  it(
    'fact 113: a process of the application may ask for its end',
    withJournal(async (journal) => {
      await journal.start(journal.app('kv'));
      const self = new Self<unknown>(journal.tops.get('kv')?.process as Process, journal.world.runtime);
      void self.run(() => application.stop('kv'));
      await journal.world.idle();
      expect(journal.running()).toEqual([]);
    }),
  );
});

/** Starts net, then kv with this type, lets kv's top end with this reason, and says whether the node went down. */
async function endsBySelf(journal: Journal, type: application.RestartType, reason: Reason) {
  const downs: unknown[] = [];
  journal.do(() => application.configure({ nodeDown: (...down) => void downs.push(down) }));
  await journal.start(journal.app('net'));
  await journal.start(journal.app('kv'), type);
  await journal.topEnds('kv', reason);
  expect(journal.running()).toEqual(['net']);
  expect(journal.events.slice(2)).toEqual(['kv down', 'kv prepStop(state of kv)', 'kv stop(prepared state of kv)']);
  expect(journal.world.reportsOf('application_exit')).toEqual([
    { type: 'application_exit', application: 'kv', reason },
  ]);
  expect(await journal.start('kv')).toEqual(OK);
  return downs;
}

describe('the end of a top supervisor', () => {
  const ENDINGS: readonly (readonly [application.RestartType, Reason, boolean])[] = [
    ['temporary', 'normal', false],
    ['temporary', 'shutdown', false],
    ['temporary', 'oops', false],
    ['transient', 'normal', false],
    ['transient', 'shutdown', true],
    ['transient', 'oops', true],
    ['permanent', 'normal', true],
    ['permanent', 'shutdown', true],
    ['permanent', 'oops', true],
  ];
  it.each(ENDINGS)('fact 114: of a %s application with %s: the node goes down: %s', (type, reason, goesDown) =>
    withJournal(async (journal) => {
      expect(await endsBySelf(journal, type, reason)).toEqual(goesDown ? [['kv', reason]] : []);
    })(),
  );

  it(
    'fact 114: a process on top that its start did not link is watched all the same',
    withJournal(async (journal) => {
      const kv = journal.app('kv', {
        start: (_type, _args, self) => {
          const pid = self.spawn(idler);
          journal.tops.set('kv', pid);
          return { ok: true, value: pid, info: 'x' };
        },
      });
      await journal.start(kv);
      await journal.topEnds('kv', 'oops');
      expect(journal.running()).toEqual([]);
      expect(journal.world.reportsOf('application_exit')).toMatchObject([{ reason: 'oops' }]);
    }),
  );

  it(
    'fact 114: too many restarts are a shutdown, which is no normal end of a transient application',
    withJournal(async (journal) => {
      const downs: unknown[] = [];
      journal.do(() => application.configure({ nodeDown: (...down) => void downs.push(down) }));
      const top: Supervisor<number> = {
        init: () => ({
          flags: { intensity: 0 },
          children: [{ id: 'a', start: () => ({ ok: true, value: journal.top('a') }) }],
        }),
      };
      await journal.start(journal.app('kv', { start: (_type, args) => supervisor.startLink(top, args) }), 'transient');
      await journal.topEnds('a', 'oops');
      expect(downs).toEqual([['kv', 'shutdown']]);
    }),
  );

  it(
    'fact 114: going down stops all applications in reverse order, then ends the program with status 1',
    withJournal(async (journal) => {
      const exits: unknown[] = [];
      journal.do(() => application.configure({ exit: (status) => void exits.push([status, journal.running()]) }));
      await journal.start(journal.app('a'), 'permanent');
      await journal.start(journal.app('b'), 'permanent');
      await journal.start(journal.app('c'), 'permanent');
      await journal.topEnds('b', 'oops');
      expect(exits).toEqual([[1, []]]);
      expect(journal.events.filter((event) => event.endsWith('down'))).toEqual(['b down', 'c down', 'a down']);
    }),
  );

  it(
    'fact 114: an application that falls while the node goes down does not take it down again',
    withJournal(async (journal) => {
      const exits: number[] = [];
      journal.do(() => application.configure({ exit: (status) => void exits.push(status) }));
      await journal.start(journal.app('a'), 'permanent');
      await journal.start(journal.app('b'), 'permanent');
      journal.do(() => journal.world.runtime.exit(journal.tops.get('a') as Pid, 'oops'));
      await journal.topEnds('b', 'oops');
      expect(exits).toEqual([1]);
    }),
  );

  it(
    'fact 114: a hook that fails is reported',
    withJournal(async (journal) => {
      journal.do(() => application.configure({ nodeDown: () => Promise.reject(new Error('oops')) }));
      await journal.start(journal.app('kv'), 'permanent');
      await journal.topEnds('kv', 'normal');
      expect(journal.world.reportsOf('event')).toMatchObject([{ event: 'node_down_failed' }]);
    }),
  );

  it.each(['temporary', 'transient', 'permanent'] as const)(
    'fact 114: stopping a %s application never takes the node down',
    (type) =>
      withJournal(async (journal) => {
        journal.do(() => application.configure({ nodeDown: NEVER_EXIT }));
        await journal.start(journal.app('kv'), type);
        expect(await journal.stop('kv')).toEqual(OK);
        expect(journal.world.reportsOf('event')).toEqual([]);
        expect(journal.world.reportsOf('application_exit')).toMatchObject([{ reason: 'stopped' }]);
      })(),
  );

  it.each(['temporary', 'transient', 'permanent'] as const)(
    'fact 114: stopping the runtime under a %s application never takes the node down',
    (type) =>
      withJournal(async (journal) => {
        const downs: unknown[] = [];
        journal.do(() => application.configure({ nodeDown: (...down) => void downs.push(down) }));
        await journal.start(journal.app('kv'), type);
        journal.world.runtime.stop();
        await journal.world.idle();
        expect(downs).toEqual([]);
        expect(journal.world.reportsOf('application_exit')).toMatchObject([{ reason: 'killed' }]);
      })(),
  );

  it(
    'fact 114: when the process that holds an application is killed, the application ends',
    withJournal(async (journal) => {
      const downs: unknown[] = [];
      journal.do(() => application.configure({ nodeDown: (...down) => void downs.push(down) }));
      await journal.start(journal.app('kv'), 'permanent');
      const [master] = journal.world.runtime.processes();
      journal.world.kill(master as Pid);
      await journal.world.idle();
      expect(downs).toEqual([['kv', 'killed']]);
      expect(journal.events).toEqual(['kv start', 'kv down']);
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
