/** Processes live and end as Erlang's do: facts 1 to 6 of its semantics. */
import type { Self } from '../../src/otp';
import {
  type Ask,
  BadArgument,
  DeadProcess,
  type DownMessage,
  Exit,
  type From,
  genServer,
  isDown,
  isExit,
  nameOf,
  type Pid,
  type Reason,
  replyTo,
  type ServerRef,
  spawn,
  started,
} from '../../src/otp';
import { link, monitor, watch } from '../../src/otp/signals';
import { collectInto, failureOf, idler, inWorld, raise, trapper } from '../support/runtime';

describe('identity and lifetime', () => {
  it(
    'fact 1: a pid denotes one incarnation, and a successor under its name gets nothing sent to the old pid',
    inWorld(
      async (world) => {
        const got: unknown[] = [];
        const first = world.spawn(idler);
        world.runtime.registry.register('worker', first);
        world.kill(first);
        const second = world.spawn(collectInto(got));
        world.runtime.registry.register('worker', second);
        world.runtime.send(first, 'to the dead');
        world.runtime.send(nameOf<unknown>('worker'), 'to the living');
        await world.idle();
        expect(got).toEqual(['to the living']);
        expect(second.id).not.toBe(first.id);
        expect(String(first)).not.toBe(String(second));
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 2: a body that returns ends with normal, an error with the error, a throw with nocatch, exit with its reason',
    inWorld(async (world) => {
      const error = new Error('broken');
      const bodies: [(self: Self) => void | Promise<void>, Reason][] = [
        [() => {}, 'normal'],
        [async () => {}, 'normal'],
        [() => raise(error), error],
        [() => Promise.reject(error), error],
        [() => raise('ball'), ['nocatch', 'ball']],
        [() => raise(undefined), ['nocatch', undefined]],
        [async (self) => void (await self.yield(), raise(7)), ['nocatch', 7]],
        [(self) => self.exit(['some', 'reason']), ['some', 'reason']],
        [async (self) => (await self.yield(), self.exit('later')), 'later'],
      ];
      for (const [body, reason] of bodies) {
        const ending = world.watch(world.spawn(body));
        await world.idle();
        expect(ending).toEqual({ ended: true, reason });
      }
    }),
  );

  it(
    'fact 2: a process ends once, with the first of two reasons',
    inWorld(async (world) => {
      const reasons: Reason[] = [];
      const pid = world.spawn(idler);
      world.spawn(async (self) => {
        self.monitor(pid);
        await self.yield();
        reasons.push((await self.receive<DownMessage>()).reason);
      });
      await world.idle();
      world.kill(pid, 'first');
      world.kill(pid, 'second');
      await world.idle();
      expect(reasons).toEqual(['first']);
    }),
  );

  it(
    'fact 2: an exit that the process catches does not end it',
    inWorld(async (world) => {
      const ending = world.watch(
        world.spawn((self) => {
          try {
            self.exit('caught');
          } catch (error) {
            expect(error).toBeInstanceOf(Exit);
          }
        }),
      );
      await world.idle();
      expect(ending.reason).toBe('normal');
    }),
  );

  it(
    'fact 3: name, links, monitors and timers of a process are gone when its DOWN or EXIT is seen',
    inWorld(async (world) => {
      const seen = await world.run(async (self) => {
        self.trapExit(true);
        const friend = self.spawnLink(trapper);
        const pid = self.spawnLink<unknown>(async (child) => {
          child.register('short-lived');
          child.link(friend);
          child.monitor(friend);
          child.sendEvery(10, 'tick');
          await child.receive({ match: (message): message is unknown => message === 'end' });
          child.exit('done');
        });
        self.monitor(pid);
        await self.yield();
        self.send(pid, 'end');
        const observations = [];
        for (let count = 0; count < 2; count += 1) {
          const message = await self.receive();
          const info = world.runtime.processInfo(friend);
          observations.push({
            type: isDown(message) ? 'DOWN' : isExit(message) && 'EXIT',
            holder: world.runtime.whereis('short-lived'),
            alive: world.runtime.isAlive(pid),
            info: world.runtime.processInfo(pid),
            linked: info?.links.includes(pid),
            monitored: info?.monitoredBy.length,
            timers: world.runtime.timerCount,
          });
        }
        self.unlink(friend);
        self.sendExit(friend, 'kill');
        return observations;
      });
      const gone = { holder: undefined, alive: false, info: undefined, linked: false, monitored: 0, timers: 0 };
      expect(seen).toEqual([
        { type: 'DOWN', ...gone },
        { type: 'EXIT', ...gone },
      ]);
    }),
  );

  it(
    'fact 4: sending to a dead pid succeeds silently, sending to an unregistered name is badarg in the sender',
    inWorld(async (world) => {
      const dead = world.spawn(() => {});
      await world.idle();
      await world.run((self) => self.send<unknown>(dead, 'anyone?'));
      const failure = await failureOf(() => world.run((self) => self.send(nameOf<string>('nobody'), 'anyone?')));
      expect(failure).toBeInstanceOf(BadArgument);
    }),
  );

  it(
    'fact 5: a queue of unread messages does not delay death',
    inWorld(async (world) => {
      const got: unknown[] = [];
      const pid = world.spawn(collectInto(got));
      for (let count = 0; count < 10_000; count += 1) world.runtime.send<unknown>(pid, count);
      world.kill(pid, 'now');
      await world.idle();
      expect(got).toEqual([]);
    }),
  );

  it(
    'fact 5: nothing of a process runs after it was killed in a receive, a sleep, a yield or a wait',
    inWorld(async (world) => {
      const ran: string[] = [];
      const blockers: ((self: Self<unknown>) => Promise<unknown>)[] = [
        (self) => self.receive(),
        (self) => self.receive({ timeoutMs: 10 }),
        (self) => self.sleep(10),
        (self) => self.yield(),
        (self) => self.wait(new Promise((resolve) => void setImmediate(resolve))),
        (self) => self.wait(Promise.reject(new Error('foreign'))),
      ];
      for (const blocker of blockers) {
        const pid = world.spawn<unknown>(async (self) => {
          try {
            await blocker(self);
            ran.push('after');
          } catch {
            ran.push('catch');
          } finally {
            ran.push('finally');
          }
        });
        await world.scheduler.step();
        world.kill(pid);
        world.runtime.send(pid, 'too late');
        await world.advance(20);
      }
      expect(ran).toEqual([]);
    }),
  );

  it(
    'fact 5: a handler that ends its own process is cut off at its next effect',
    inWorld(
      async (world) => {
        const got: unknown[] = [];
        const other = world.spawn(collectInto(got));
        const reached: string[] = [];
        const effects: ((self: Self<unknown>) => void)[] = [
          (self) => self.send(other, 'sent'),
          (self) => self.spawn(() => void got.push('spawned')),
          (self) => self.spawnLink(() => void got.push('spawned')),
          (self) => self.link(other),
          (self) => self.monitor(other),
          (self) => self.register('ghost'),
          (self) => self.sendAfter(1, other, 'timer'),
          (self) => self.sendExit(other, 'kill'),
          (self) => self.openPort(() => {}),
          (self) => self.run(() => world.runtime.send(other, 'sent')),
          (self) => self.trapExit(true),
          (self) => self.serve(() => {}),
        ];
        for (const effect of effects) {
          const pid = world.spawn<unknown>((self) => {
            self.serve(() => {
              self.sendExit(self.pid, 'mine');
              reached.push('before');
              effect(self);
              reached.push('after');
            });
          });
          const ending = world.watch(pid);
          world.runtime.send(pid, 'go');
          await world.advance(5);
          expect(ending.reason).toBe('mine');
        }
        expect(reached).toEqual(effects.map(() => 'before'));
        expect(got).toEqual([]);
        expect(world.reports).toEqual([]);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 5: the functions of the runtime are cut off too in code that outlives its process',
    inWorld(
      async (world) => {
        const got: unknown[] = [];
        const other = world.spawn(collectInto(got));
        const server = other as unknown as ServerRef<Ask<'question', string>, unknown>;
        const { runtime } = world;
        const froms: From[] = [];
        const caller = world.outside(async () =>
          genServer.call(
            world.spawn<unknown>((self) =>
              self.serve((message) => void froms.push((message as { readonly from: From }).from)),
            ) as Pid<unknown> & ServerRef<Ask<'question', string>>,
            { type: 'question' },
            Number.POSITIVE_INFINITY,
          ),
        );
        await world.idle();
        const effects: (() => unknown)[] = [
          () => runtime.send(other, 'sent'),
          () => runtime.exit(other, 'kill'),
          () => spawn(runtime, () => void got.push('spawned')),
          () => runtime.registry.register('ghost', other),
          () => genServer.cast(server, 'cast'),
          () => genServer.call(server, { type: 'question' }),
          () => genServer.sendRequest(server, { type: 'question' }),
          () => genServer.stop(other),
          () => genServer.start({ init: () => started(void got.push('started')) }, 0),
          () => genServer.startLink({ init: () => started(void got.push('started')) }, 0),
          () => froms.forEach((from) => replyTo(from, 'from beyond')),
        ];
        const thrown: unknown[] = [];
        for (const effect of effects) {
          const ending = world.watch(
            world.spawn((self) => {
              self.sendExit(self.pid, 'mine');
              try {
                effect();
              } catch (error) {
                thrown.push(error);
              }
            }),
          );
          await world.idle();
          expect(ending.reason).toBe('mine');
        }
        expect(thrown).toEqual(effects.map(() => new DeadProcess()));
        expect(got).toEqual([]);
        for (const from of froms) replyTo(from, 'at last');
        expect(await caller).toBe('at last');
      },
      { leaves: 2 },
    ),
  );

  it(
    'fact 5: code that uses the handle of a dead process fails, and does not stay behind half alive',
    inWorld(async (world) => {
      const handles: Self[] = [];
      world.spawn((self) => void handles.push(self));
      await world.idle();
      const ending = world.watch(world.spawn(() => handles.forEach((dead) => void dead.spawn(() => {}))));
      await world.idle();
      expect(ending.reason).toEqual(new DeadProcess());
    }),
  );

  it(
    'fact 5: a promise of a handler that settles after its process was killed changes nothing',
    inWorld(
      async (world) => {
        const got: unknown[] = [];
        const other = world.spawn(collectInto(got));
        for (const settle of ['resolve', 'reject'] as const) {
          let finish = () => {};
          const pid = world.spawn<unknown>((self) => {
            self.serve(async () => {
              await new Promise<void>((resolve, reject) => {
                finish = () => (settle === 'resolve' ? resolve() : reject(new Error('late')));
              });
              self.send(other, 'from beyond');
            });
          });
          world.runtime.send<unknown>(pid, 1);
          world.runtime.send<unknown>(pid, 2);
          await world.idle();
          world.kill(pid);
          finish();
          await world.idle();
        }
        expect(got).toEqual([]);
        expect(world.reports).toEqual([]);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 6: whether a process is alive, asked after an exit signal from the same process, reflects that signal',
    inWorld(async (world) => {
      const pid = world.spawn(idler);
      const trapping = world.spawn(trapper);
      await world.idle();
      const answers = await world.run((self) => {
        self.sendExit(pid, 'go');
        self.sendExit(trapping, 'go');
        const before = world.runtime.isAlive(trapping);
        self.sendExit(trapping, 'kill');
        return [world.runtime.isAlive(pid), before, world.runtime.isAlive(trapping)];
      });
      expect(answers).toEqual([false, true, false]);
    }),
  );

  it(
    'fact 6a: a process can be looked into',
    inWorld(
      async (world) => {
        const watched = world.spawn(idler);
        const parent = world.spawn(async function family(self) {
          self.register('parent');
          const child = self.spawn(async function offspring(inner) {
            inner.trapExit(true);
            inner.register('child');
            inner.link(self.pid);
            inner.monitor(watched);
            await inner.receive({ match: (message): message is unknown => message === 'never' });
          });
          self.monitor(child);
          await self.receive();
        });
        await world.idle();
        const child = world.runtime.whereis('child');
        expect(child).toBeDefined();
        if (child === undefined) return;
        world.runtime.send(child as Pid<unknown>, 'first');
        world.runtime.send(child as Pid<unknown>, 'second');
        expect(world.runtime.processInfo(child)).toEqual({
          pid: child,
          registeredName: 'child',
          status: 'waiting',
          links: [parent],
          monitors: [watched],
          monitoredBy: [parent],
          trapExit: true,
          messageQueueLength: 2,
          messages: ['first', 'second'],
          ancestors: ['parent'],
          initialCall: 'offspring',
          application: undefined,
          handled: 0,
        });
        expect(world.runtime.processes()).toEqual([watched, parent, child]);
      },
      { leaves: 3 },
    ),
  );

  it(
    'fact 6a: the status tells running, waiting and blocked apart, and handled messages are counted',
    inWorld(
      async (world) => {
        const statusOf = (pid: Pid) => world.runtime.processInfo(pid)?.status;
        const serving = world.spawn(idler);
        const sleeping = world.spawn((self) => self.sleep(1000));
        const receiving = world.spawn<unknown>(async (self) => void (await self.receive({ timeoutMs: 1000 })));
        const busy = world.spawn(() => new Promise<void>(() => {}));
        await world.idle();
        expect([serving, sleeping, receiving, busy].map(statusOf)).toEqual([
          'waiting',
          'blocked',
          'waiting',
          'running',
        ]);
        for (let count = 0; count < 5; count += 1) world.runtime.send<unknown>(serving, count);
        await world.idle();
        expect(world.runtime.processInfo(serving)?.handled).toBe(5);
      },
      { leaves: 4 },
    ),
  );
});

describe('an end that goes wrong on its way', () => {
  const cyclic: unknown[] = ['cyclic'];
  cyclic.push(cyclic);
  const mute = {
    toString: () => {
      throw new Error('mute');
    },
  };
  const unprintable: [string, Reason][] = [
    ['a cyclic reason', cyclic],
    ['a reason with a toString that throws', mute],
    ['parsed data that calls itself toString', JSON.parse('{"toString":"x"}')],
    ['an error without a text', Object.assign(new Error('x'), { message: Symbol('x') })],
    ['an error whose text is no text', Object.assign(new Error('x'), { message: Object.create(null) as string })],
  ];

  it.each(unprintable)('fact 3: %s reaches callers, monitors and links', (_name, reason) =>
    inWorld(async (world) => {
      const messages: unknown[] = [];
      const watcher = world.spawn(collectInto(messages, { trap: true }));
      const servers = [
        world.spawn<unknown>((self) => self.serve(() => self.exit(reason))),
        world.spawn<unknown>((self) => self.serve(() => Promise.reject(new Exit(reason)))),
      ];
      await world.idle();
      for (const server of servers) {
        const call = failureOf(() =>
          world.runtime.run(() =>
            genServer.call(server as Pid<unknown> & ServerRef<Ask<'any', never>>, { type: 'any' }, 1000),
          ),
        );
        if (watcher.process && server.process) monitor(watcher.process, server.process, server);
        if (watcher.process) link(watcher.process, server);
        await world.idle();
        const failure = await call;
        if (!(failure instanceof Exit)) throw new Error('Expected an exit');
        expect((failure.reason as unknown[])[0]).toBe(reason);
        expect(failure.message).toMatch(/^Exit with reason {.+,{gen_server,call,/);
      }
      world.kill(watcher);
      expect(messages.map((message) => (message as { readonly type: string }).type)).toEqual([
        'DOWN',
        'EXIT',
        'DOWN',
        'EXIT',
      ]);
      for (const message of messages) expect((message as { readonly reason: Reason }).reason).toBe(reason);
    })(),
  );

  it(
    'fact 3: a watcher that throws keeps nobody else from being told, and is reported',
    inWorld(
      async (world) => {
        const messages: unknown[] = [];
        const watcher = world.spawn(collectInto(messages, { trap: true }));
        const victim = world.spawn(idler);
        await world.idle();
        const error = new Error('cannot be told');
        if (victim.process) watch(undefined, victim.process, () => raise(error));
        if (watcher.process) monitor(watcher.process, victim.process, victim);
        if (watcher.process) link(watcher.process, victim);
        world.kill(victim, 'over');
        await world.idle();
        expect(messages).toMatchObject([
          { type: 'DOWN', reason: 'over' },
          { type: 'EXIT', reason: 'over' },
        ]);
        expect(world.reportsOf('error').map(({ reason }) => reason)).toEqual([error]);
      },
      { leaves: 1 },
    ),
  );
});
