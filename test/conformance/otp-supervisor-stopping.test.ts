/** Supervisors start and stop their children as Erlang's do: facts 62 to 70 of its semantics. */
import type { Pid } from '../../src/otp';
import { type ChildSpec, formatTerm, genServer, type Reason, type Self, supervisor } from '../../src/otp';
import { startLink as startProcess } from '../../src/otp/proc-lib';
import { link } from '../../src/otp/signals';
import { failed, idler } from '../support/runtime';
import { inFamily } from '../support/supervision';
import { begin, CRASH, failedChild, type RestartType, STRATEGIES } from '../support/supervisor-cases';

const { startChild, terminateChild, restartChild, countChildren } = supervisor;

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
