/** Applications stop, and end with their top supervisors, as Erlang's do: facts 113 and 114 of its semantics. */
import { application, currentSelf, type Pid, type Reason, Self, supervisor, type Supervisor } from '../../src/otp';
import type { Process } from '../../src/otp/process';
import type { Journal } from '../support/applications';
import { NEVER_EXIT, OK, withJournal } from '../support/applications';
import { failed, idler, trapper } from '../support/runtime';

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
