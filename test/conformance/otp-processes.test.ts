/**
 * Processes, signals, links and monitors behave as Erlang's: facts 1 to 30 of its semantics.
 *
 * Facts 23 and 29 are about lost nodes and wait for distribution.
 */
import * as fc from 'fast-check';
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
  type Reference,
  replyTo,
  Runtime,
  Self,
  type ServerRef,
  spawn,
  started,
  TIMEOUT,
} from '../../src/otp';
import { link, monitor, watch } from '../../src/otp/signals';
import { collectInto, failureOf, idler, inWorld, trapper, World } from '../support/runtime';

const MANY_SEEDS = 20;

const exitMessage = (from: Pid, reason: Reason) => ({ type: 'EXIT', from, reason });
const downMessage = (ref: Reference, from: Pid | string, reason: Reason) => ({ type: 'DOWN', ref, from, reason });

/** Everything that is in the mailbox now. */
async function drain(self: Self<unknown>): Promise<unknown[]> {
  const messages: unknown[] = [];
  for (;;) {
    const message = await self.receive<unknown>({ timeoutMs: 0 });
    if (message === TIMEOUT) return messages;
    messages.push(message);
  }
}

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

describe('ordering', () => {
  it(
    'fact 7: what one process sends to another arrives in the order of sending, whoever runs in between',
    inWorld(
      async (world) => {
        const got: [string, number][] = [];
        const receiver = world.spawn<[string, number]>((self) =>
          self.serve((message) => void got.push(message as [string, number])),
        );
        for (const name of ['a', 'b', 'c']) {
          world.spawn(async (self) => {
            for (let count = 0; count < 50; count += 1) {
              self.send(receiver, [name, count]);
              if (count % 7 === 0) await self.yield();
            }
          });
        }
        await world.idle();
        for (const name of ['a', 'b', 'c']) {
          const numbers = got.filter(([sender]) => sender === name).map(([, count]) => count);
          expect(numbers).toEqual(Array.from({ length: 50 }, (_, count) => count));
        }
      },
      { seeds: MANY_SEEDS, leaves: 1 },
    ),
  );

  it('fact 7: messages, exit signals, links and monitors of one sender take effect in order (property)', async () => {
    const action = fc.constantFrom('message', 'exit', 'monitor', 'demonitor', 'link', 'unlink');
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(action, { maxLength: 30 }), async (seed, actions) => {
        const world = new World(seed);
        const got: unknown[] = [];
        const receiver = world.spawn(collectInto(got, { trap: true }));
        await world.idle();
        let linked = false;
        const expected: unknown[] = [];
        const sender = world.spawn(async (self) => {
          let ref: Reference | undefined;
          for (const [index, kind] of actions.entries()) {
            if (kind === 'message') self.send(receiver, index);
            if (kind === 'exit') self.sendExit(receiver, index);
            if (kind === 'monitor') ref = self.monitor(receiver);
            if (kind === 'demonitor' && ref) self.demonitor(ref);
            if (kind === 'link') linked = self.link(receiver);
            if (kind === 'unlink') linked = !self.unlink(receiver);
            if (index % 5 === 4) await self.yield();
          }
          self.exit('bye');
        });
        await world.idle();
        for (const [index, kind] of actions.entries()) {
          if (kind === 'message') expected.push(index);
          if (kind === 'exit') expected.push(exitMessage(sender, index));
        }
        if (linked) expected.push(exitMessage(sender, 'bye'));
        expect(got).toEqual(expected);
        await world.end(1);
      }),
    );
  });

  it(
    'fact 8: a message that was sent just before the sender died arrives before its DOWN and its EXIT',
    inWorld(
      async (world) => {
        const got = await world.run(async (self) => {
          self.trapExit(true);
          const pid = self.spawnLink((child) => {
            child.send<unknown>(self.pid, 'last words');
            child.exit('over');
          });
          const ref = self.monitor(pid);
          const messages = [await self.receive(), await self.receive(), await self.receive()];
          expect(messages).toEqual(['last words', downMessage(ref, pid, 'over'), exitMessage(pid, 'over')]);
          return messages.length;
        });
        expect(got).toBe(3);
      },
      { seeds: MANY_SEEDS },
    ),
  );

  it(
    'fact 8: exit(kill) and then a monitor, from one process, reports noproc',
    inWorld(async (world) => {
      const pid = world.spawn(trapper);
      await world.idle();
      const down = await world.run((self) => {
        self.sendExit(pid, 'kill');
        self.monitor(pid);
        return self.receive<DownMessage>();
      });
      expect(down.reason).toBe('noproc');
    }),
  );

  it(
    'fact 9: a timer of 0 comes after what the process sends itself in the same step',
    inWorld(async (world) => {
      const got = await world.run(
        async (self) => {
          self.sendAfter<unknown>(0, self.pid, 'timer');
          self.send<unknown>(self.pid, 'first');
          self.send<unknown>(self.pid, 'second');
          return [await self.receive(), await self.receive(), await self.receive()];
        },
        { advanceMs: 1 },
      );
      expect(got).toEqual(['first', 'second', 'timer']);
    }),
  );
});

describe('exit signals', () => {
  it(
    'fact 10: normal from another process is ignored by a process that does not trap exits',
    inWorld(
      async (world) => {
        const pid = world.spawn(idler);
        await world.run((self) => self.sendExit(pid, 'normal'));
        world.spawn((self) => void self.link(pid));
        await world.idle();
        expect(world.runtime.isAlive(pid)).toBe(true);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 10: an exit signal from outside of any process comes from nobody, and normal is ignored there too',
    inWorld(
      async (world) => {
        const got: unknown[] = [];
        const plain = world.spawn(idler);
        const trapping = world.spawn(collectInto(got, { trap: true }));
        await world.idle();
        world.kill(plain, 'normal');
        world.kill(trapping, 'normal');
        await world.idle();
        expect(world.runtime.isAlive(plain)).toBe(true);
        expect(got.map((message) => isExit(message) && String(message.from))).toEqual(['<0.0.0>']);
      },
      { leaves: 2 },
    ),
  );

  it(
    'fact 10: any other reason ends the receiver with that reason and goes on along its links',
    inWorld(async (world) => {
      const reason = ['some', { reason: 1 }];
      const last = world.spawn(idler);
      const middle = world.spawn<unknown>((self) => {
        self.link(last);
        self.serve(() => {});
      });
      await world.idle();
      const endings = [world.watch(last), world.watch(middle)];
      await world.run((self) => self.sendExit(middle, reason));
      expect(endings.map((ending) => ending.reason)).toEqual([reason, reason]);
    }),
  );

  it(
    'fact 11: a trapping process gets the signal as a message, normal too, from the sender or the dead process',
    inWorld(
      async (world) => {
        const got: unknown[] = [];
        const trapping = world.spawn(collectInto(got, { trap: true }));
        await world.idle();
        const sender = world.spawn((self) => {
          self.sendExit(trapping, 'signal');
          self.sendExit(trapping, 'normal');
        });
        await world.idle();
        const linked = world.spawn((self) => void self.link(trapping));
        await world.idle();
        expect(got).toEqual([
          exitMessage(sender, 'signal'),
          exitMessage(sender, 'normal'),
          exitMessage(linked, 'normal'),
        ]);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 12: exit(kill) ends a trapping receiver, and its links and monitors see killed',
    inWorld(async (world) => {
      const pid = world.spawn(trapper);
      await world.idle();
      const got = await world.run(async (self) => {
        self.trapExit(true);
        self.link(pid);
        const ref = self.monitor(pid);
        self.sendExit(pid, 'kill');
        const messages = [await self.receive(), await self.receive()];
        expect(messages).toEqual([downMessage(ref, pid, 'killed'), exitMessage(pid, 'killed')]);
        return messages.length;
      });
      expect(got).toBe(2);
    }),
  );

  it(
    'fact 13: killed is an ordinary reason: it can be trapped, and takes a linked process along that does not',
    inWorld(async (world) => {
      const got: unknown[] = [];
      const trapping = world.spawn(collectInto(got, { trap: true }));
      const linked = world.spawn<unknown>((self) => {
        self.link(trapping);
        self.serve(() => {});
      });
      await world.idle();
      const ending = world.watch(linked);
      await world.run((self) => {
        self.sendExit(trapping, 'killed');
        self.sendExit(linked, 'killed');
      });
      expect(ending.reason).toBe('killed');
      expect(got).toEqual([expect.objectContaining({ reason: 'killed' }), exitMessage(linked, 'killed')]);
      world.kill(trapping);
    }),
  );

  it(
    'fact 14: a process that itself exits with kill ends with kill, which is trappable and ordinary for its links',
    inWorld(async (world) => {
      const got: unknown[] = [];
      const trapping = world.spawn(collectInto(got, { trap: true }));
      const plain = world.spawn(idler);
      await world.idle();
      const ending = world.watch(plain);
      const pid = world.spawn((self) => {
        self.link(trapping);
        self.link(plain);
        self.exit('kill');
      });
      await world.idle();
      expect(ending.reason).toBe('kill');
      expect(got).toEqual([exitMessage(pid, 'kill')]);
      expect(world.runtime.isAlive(trapping)).toBe(true);
      world.kill(trapping);
    }),
  );

  it(
    'fact 15: exit(self, normal) ends a process that does not trap exits, and is a message to one that does',
    inWorld(async (world) => {
      const reached: string[] = [];
      const plain = world.watch(
        world.spawn(async (self) => {
          self.sendExit(self.pid, 'normal');
          self.spawn(() => void reached.push('after'));
        }),
      );
      const got = await world.run(async (self) => {
        self.trapExit(true);
        self.sendExit(self.pid, 'normal');
        expect(await self.receive()).toEqual(exitMessage(self.pid, 'normal'));
        return 'message';
      });
      expect([plain, got, reached]).toEqual([{ ended: true, reason: 'normal' }, 'message', []]);
    }),
  );

  it(
    'fact 16: trap_exit gives the previous value and counts for signals that come after it',
    inWorld(async (world) => {
      const values = await world.run(async (self) => {
        const before = [self.trapExit(true), self.trapExit(true), self.trapExit(false), self.trapExit(true)];
        self.sendExit(self.pid, 'trapped');
        const after = self.trapExit(false);
        const message = await self.receive();
        return [...before, after, isExit(message)];
      });
      expect(values).toEqual([false, true, true, false, true, true]);
    }),
  );

  it(
    'fact 17: an exit signal to a dead process returns true and does nothing',
    inWorld(async (world) => {
      const dead = world.spawn(() => {});
      await world.idle();
      const answers = await world.run((self) => [self.sendExit(dead, 'kill'), self.sendExit(dead, 'any')]);
      expect(answers).toEqual([true, true]);
    }),
  );
});

describe('links', () => {
  it(
    'fact 18: linking twice is linking once, and one unlink from either side removes it',
    inWorld(
      async (world) => {
        const other = world.spawn(idler);
        await world.run((self) => {
          expect([self.link(other), self.link(other)]).toEqual([true, true]);
          expect(world.runtime.processInfo(other)?.links).toEqual([self.pid]);
          expect(world.runtime.processInfo(self.pid)?.links).toEqual([other]);
          self.unlink(other);
          expect(world.runtime.processInfo(other)?.links).toEqual([]);
          expect(world.runtime.processInfo(self.pid)?.links).toEqual([]);
        });
        const pid = world.spawn(async (self) => {
          self.link(other);
          await self.receive();
        });
        await world.idle();
        const unlinker = world.spawn<unknown>(idler);
        world.kill(unlinker);
        other.process?.serve(() => {});
        await world.run((self) => self.sendExit(pid, 'kill'));
        expect(world.runtime.isAlive(other)).toBe(false);
      },
      { leaves: 0 },
    ),
  );

  it(
    'fact 18: the other side may remove the link too',
    inWorld(async (world) => {
      const left = world.spawn<Pid>(async (self) => {
        self.unlink(await self.receive<Pid>());
        await self.receive();
      });
      const right = world.spawn<unknown>(async (self) => {
        self.link(left);
        self.send(left, self.pid);
        await self.receive();
      });
      await world.idle();
      world.kill(right);
      expect(world.runtime.isAlive(left)).toBe(true);
      world.kill(left);
    }),
  );

  it(
    'fact 19: spawn_link and spawn_monitor tell the true reason of a process that dies at once',
    inWorld(
      async (world) => {
        const got = await world.run(async (self) => {
          self.trapExit(true);
          const linked = self.spawnLink((child) => child.exit('at once'));
          const { pid, ref } = self.spawnMonitor((child) => child.exit('as well'));
          const messages = [await self.receive(), await self.receive()];
          expect(messages).toContainEqual(exitMessage(linked, 'at once'));
          expect(messages).toContainEqual(downMessage(ref, pid, 'as well'));
          return messages.length;
        });
        expect(got).toBe(2);
      },
      { seeds: MANY_SEEDS },
    ),
  );

  it(
    'fact 20: linking a dead process is an EXIT with noproc when trapping, and raises noproc when not',
    inWorld(async (world) => {
      const dead = world.spawn(() => {});
      await world.idle();
      await world.run(async (self) => {
        self.trapExit(true);
        expect(self.link(dead)).toBe(true);
        expect(await self.receive()).toEqual(exitMessage(dead, 'noproc'));
      });
      const ending = world.watch(world.spawn((self) => void self.link(dead)));
      await world.idle();
      expect(ending.reason).toBe('noproc');
      const caught = await failureOf(() => world.run((self) => self.link(dead)));
      expect(caught).toEqual(new Exit('noproc'));
    }),
  );

  it(
    'fact 21: after unlink no EXIT can come, but one that is in the mailbox stays',
    inWorld(async (world) => {
      await world.run(
        async (self) => {
          self.trapExit(true);
          const early = self.spawnLink((child) => child.exit('early'));
          await self.sleep(1);
          const late = self.spawnLink(idler);
          self.unlink(early);
          self.unlink(late);
          self.sendExit(late, 'late');
          expect(await drain(self)).toEqual([exitMessage(early, 'early')]);
        },
        { advanceMs: 5 },
      );
    }),
  );

  it(
    'fact 22: linking and unlinking oneself returns true and does nothing',
    inWorld(async (world) => {
      const answers = await world.run((self) => [
        self.link(self.pid),
        world.runtime.processInfo(self.pid)?.links,
        self.unlink(self.pid),
      ]);
      expect(answers).toEqual([true, [], true]);
    }),
  );
});

describe('monitors', () => {
  it(
    'fact 24: n monitors give n DOWNs, each with its own reference, each once',
    inWorld(async (world) => {
      await world.run(
        async (self) => {
          const pid = self.spawn(idler);
          const refs = [self.monitor(pid), self.monitor(pid), self.monitor(pid)];
          self.sendExit(pid, 'over');
          expect(await drain(self)).toEqual(refs.map((ref) => downMessage(ref, pid, 'over')));
          expect(world.runtime.processInfo(self.pid)?.monitors).toEqual([]);
        },
        { advanceMs: 1 },
      );
    }),
  );

  it(
    'fact 24: a monitor is one-way: the watched process does not notice the end of the watcher',
    inWorld(
      async (world) => {
        const watched = world.spawn(idler);
        const watcher = world.spawn(async (self) => {
          self.monitor(watched);
          await self.receive();
        });
        await world.idle();
        expect(world.runtime.processInfo(watched)?.monitoredBy).toEqual([watcher]);
        world.kill(watcher);
        expect(world.runtime.isAlive(watched)).toBe(true);
        expect(world.runtime.processInfo(watched)?.monitoredBy).toEqual([]);
      },
      { leaves: 1 },
    ),
  );

  it(
    'fact 25: monitoring a dead process gives a reference and a DOWN with noproc at once',
    inWorld(async (world) => {
      const dead = world.spawn((self) => self.exit('real reason'));
      await world.idle();
      await world.run(async (self) => {
        const ref = self.monitor(dead);
        expect(world.runtime.processInfo(self.pid)?.messages).toEqual([downMessage(ref, dead, 'noproc')]);
      });
    }),
  );

  it(
    'fact 26: a monitor by name follows the process, not the name, and its DOWN carries the name',
    inWorld(async (world) => {
      const first = world.spawn(idler);
      const second = world.spawn(idler);
      world.runtime.registry.register('moving', first);
      await world.run(
        async (self) => {
          const ref = self.monitor(nameOf('moving'));
          self.unregister('moving');
          self.register('moving', second);
          self.sendExit(second, 'not watched');
          self.sendExit(first, 'watched');
          const none = self.monitor(nameOf('moving'));
          expect(await drain(self)).toEqual([
            downMessage(ref, 'moving', 'watched'),
            downMessage(none, 'moving', 'noproc'),
          ]);
        },
        { advanceMs: 1 },
      );
    }),
  );

  it(
    'fact 27: demonitor returns true always; a DOWN in the mailbox stays, unless it is flushed',
    inWorld(async (world) => {
      await world.run(
        async (self) => {
          const dead = self.spawn(() => {});
          await self.sleep(1);
          const [kept, flushed] = [self.monitor(dead), self.monitor(dead)];
          expect([self.demonitor(kept), self.demonitor(kept)]).toEqual([true, true]);
          expect(self.demonitor(flushed, { flush: true })).toBe(true);
          const living = self.spawn(idler);
          const ref = self.monitor(living);
          expect(self.demonitor(ref, { flush: true })).toBe(true);
          self.sendExit(living, 'unseen');
          expect(await drain(self)).toEqual([downMessage(kept, dead, 'noproc')]);
        },
        { advanceMs: 5 },
      );
    }),
  );

  it(
    'fact 27: with info, demonitor tells whether an active monitor was removed',
    inWorld(async (world) => {
      await world.run(
        async (self) => {
          const pid = self.spawn(idler);
          const [first, second] = [self.monitor(pid), self.monitor(pid)];
          expect(self.demonitor(first, { info: true })).toBe(true);
          expect(self.demonitor(first, { info: true })).toBe(false);
          self.sendExit(pid, 'kill');
          expect(self.demonitor(second, { info: true, flush: true })).toBe(false);
          expect(await drain(self)).toEqual([]);
        },
        { advanceMs: 1 },
      );
    }),
  );

  it(
    'fact 28: a process may monitor itself, which never fires',
    inWorld(async (world) => {
      await world.run(
        async (self) => {
          const ref = self.monitor(self.pid);
          expect(await drain(self)).toEqual([]);
          expect(self.demonitor(ref)).toBe(true);
        },
        { advanceMs: 1 },
      );
    }),
  );

  it(
    'fact 30: an alias takes messages until its monitor is given up, and drops them from then on',
    inWorld(async (world) => {
      await world.run(
        async (self) => {
          const pid = self.spawn(idler);
          const ref = self.monitor(pid, { alias: true });
          self.spawn((other) => other.send(ref, 'through the alias'));
          expect(await self.receive()).toBe('through the alias');
          self.demonitor(ref);
          self.spawn((other) => other.send(ref, 'too late'));
          const plain = self.monitor(pid);
          self.spawn((other) => other.send(plain, 'no alias'));
          await self.sleep(1);
          self.demonitor(plain);
          self.sendExit(pid, 'kill');
          expect(await drain(self)).toEqual([]);
        },
        { advanceMs: 5 },
      );
    }),
  );
});

describe('monitors of others', () => {
  it(
    'fact 27: a process cannot end the monitor or the alias of another one',
    inWorld(async (world) => {
      await world.run(
        async (self) => {
          const pid = self.spawn(idler);
          const ref = self.monitor(pid, { alias: true });
          self.spawn((other) => {
            expect(other.demonitor(ref, { info: true })).toBe(false);
            other.send(ref, 'still an alias');
            other.sendExit(pid, 'over');
          });
          await self.sleep(1);
          expect(await drain(self)).toEqual(['still an alias', downMessage(ref, pid, 'over')]);
        },
        { advanceMs: 5 },
      );
    }),
  );

  it(
    'fact 30: an alias is dead once its monitor has fired',
    inWorld(async (world) => {
      await world.run(
        async (self) => {
          const dead = self.spawn(() => {});
          const ref = self.monitor(dead, { alias: true });
          const none = self.monitor(nameOf('nobody'), { alias: true });
          await self.sleep(1);
          for (const alias of [ref, none]) self.spawn((other) => other.send(alias, 'too late'));
          await self.sleep(1);
          expect(await drain(self)).toEqual([downMessage(none, 'nobody', 'noproc'), downMessage(ref, dead, 'normal')]);
        },
        { advanceMs: 5 },
      );
    }),
  );

  it(
    'fact 27: flushing while a receive waits makes it miss no message',
    inWorld(async (world) => {
      await world.run(async (self) => {
        const dead = self.spawn(() => {});
        await self.yield();
        await self.yield();
        world.kill(dead);
        const refs = [self.monitor(dead), self.monitor(dead), self.monitor(dead)];
        const waiting = self.receive({ match: (message): message is string => message === 'here' });
        await self.yield();
        for (const ref of refs) self.demonitor(ref, { flush: true });
        self.send<unknown>(self.pid, 'here');
        expect(await waiting).toBe('here');
      });
    }),
  );
});

describe('whole graphs of processes', () => {
  interface Node {
    readonly trap: boolean;
    readonly links: readonly number[];
    readonly monitors: readonly number[];
  }
  const size = 12;
  const index = fc.nat({ max: size - 1 });
  const node: fc.Arbitrary<Node> = fc.record({
    trap: fc.boolean(),
    links: fc.array(index, { maxLength: 3 }),
    monitors: fc.array(index, { maxLength: 3 }),
  });
  const signal = fc.record({ to: index, reason: fc.constantFrom('normal', 'kill', 'shutdown', 'crash') });

  /** The same in a few dull lines: who dies of what, and what the others are told. */
  function predict(nodes: readonly Node[], signals: readonly { readonly to: number; readonly reason: string }[]) {
    const linked = nodes.map(() => new Set<number>());
    for (const [a, { links }] of nodes.entries()) {
      for (const b of links) if (a !== b) void (linked[a]?.add(b), linked[b]?.add(a));
    }
    const reasons: (string | undefined)[] = nodes.map(() => undefined);
    const mail: string[][] = nodes.map(() => []);
    const die = (victim: number, reason: string): void => {
      if (reasons[victim] !== undefined) return;
      reasons[victim] = reason;
      for (const [watcher, { monitors }] of nodes.entries()) {
        if (reasons[watcher] !== undefined || watcher === victim) continue;
        for (const target of monitors) if (target === victim) mail[watcher]?.push(`DOWN ${victim} ${reason}`);
      }
      for (const other of linked[victim] ?? []) {
        if (reasons[other] !== undefined) continue;
        linked[other]?.delete(victim);
        if (nodes[other]?.trap) mail[other]?.push(`EXIT ${victim} ${reason}`);
        else if (reason !== 'normal') die(other, reason);
      }
    };
    for (const { to, reason } of signals) {
      if (reasons[to] !== undefined) continue;
      if (reason === 'kill') die(to, 'killed');
      else if (nodes[to]?.trap) mail[to]?.push(`EXIT x ${reason}`);
      else if (reason !== 'normal') die(to, reason);
    }
    return { reasons, mail: mail.map((messages, of) => (reasons[of] === undefined ? messages.sort() : [])) };
  }

  it('facts 10 to 22 and 24: exits run through any graph of links and monitors as a naive oracle says (property)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.array(node, { minLength: size, maxLength: size }),
        fc.array(signal, { maxLength: 8 }),
        async (seed, nodes, signals) => {
          const world = new World(seed);
          const pids = nodes.map(({ trap }) => world.spawn(trap ? trapper : idler));
          const pidOf = (position: number) => pids[position] as Pid<unknown>;
          const got: string[][] = nodes.map(() => []);
          const nameOfPid = (pid: unknown) =>
            pids.includes(pid as Pid<unknown>) ? String(pids.indexOf(pid as Pid<unknown>)) : 'x';
          await world.idle();
          for (const [position, { links, monitors }] of nodes.entries()) {
            const process = pidOf(position).process;
            const self = process && new Self<unknown>(process, world.runtime);
            for (const other of links) self?.link(pidOf(other));
            for (const other of monitors) self?.monitor(pidOf(other));
            self?.serve((message) => {
              const mine = got[position];
              if (isExit(message)) mine?.push(`EXIT ${nameOfPid(message.from)} ${String(message.reason)}`);
              if (isDown(message)) mine?.push(`DOWN ${nameOfPid(message.from)} ${String(message.reason)}`);
            });
          }
          const endings = pids.map((pid) => world.watch(pid));
          await world.run((self) => {
            for (const { to, reason } of signals) self.sendExit(pidOf(to), reason);
          });
          await world.idle();
          const expected = predict(nodes, signals);
          expect(endings.map((ending) => ending.reason)).toEqual(expected.reasons);
          const alive = endings.map((ending, position) => (ending.ended ? [] : (got[position] ?? []).sort()));
          expect(alive).toEqual(expected.mail);
          await world.end(endings.filter((ending) => !ending.ended).length);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('after any number of random kills the process table, links and monitors are empty again (property)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(node, { minLength: 1, maxLength: 40 }), async (seed, nodes) => {
        const world = new World(seed);
        const pids: Pid<unknown>[] = [];
        for (const { trap, links, monitors } of nodes) {
          const known = [...pids];
          pids.push(
            world.spawn<unknown>((self) => {
              self.trapExit(trap);
              for (const other of links)
                if (known[other] && world.runtime.isAlive(known[other])) self.link(known[other]);
              for (const other of monitors) if (known[other]) self.monitor(known[other]);
              self.register(`process-${pids.length}-${self.pid.id}`);
              self.sendEvery(10, 'tick');
              self.serve(() => {});
            }),
          );
          if (pids.length % 3 === 0) await world.scheduler.step();
        }
        await world.advance(25);
        await world.end(world.runtime.processCount);
      }),
      { numRuns: 50 },
    );
  });

  it(
    'a chain of 100 000 links falls without a deep stack',
    inWorld(
      async (world) => {
        const length = 100_000;
        let previous: Pid<unknown> | undefined;
        for (let count = 0; count < length; count += 1) {
          const pid = world.spawn<unknown>(idler);
          if (previous?.process) pid.process?.links.add(previous.process);
          if (pid.process) previous?.process?.links.add(pid.process);
          previous = pid;
        }
        expect(world.runtime.processCount).toBe(length);
        if (previous) world.kill(previous, 'tip');
        expect(world.runtime.processCount).toBe(0);
      },
      { seeds: 1 },
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

describe('on the scheduler of nact', () => {
  it('facts 2, 8, 12 and 19 hold there too', async () => {
    const runtime = new Runtime();
    const got = await new Promise<unknown[]>((resolve) => {
      runtime.run(() =>
        spawn<unknown>(runtime, async (self) => {
          self.trapExit(true);
          const messages: unknown[] = [];
          const brief = self.spawnLink((child) => {
            child.send<unknown>(self.pid, 'last words');
            child.exit('brief');
          });
          messages.push(await self.receive(), await self.receive());
          const stubborn = self.spawnLink(trapper);
          await self.yield();
          self.sendExit(stubborn, 'kill');
          messages.push(await self.receive());
          expect(messages).toEqual(['last words', exitMessage(brief, 'brief'), exitMessage(stubborn, 'killed')]);
          resolve(messages);
        }),
      );
    });
    expect(got).toHaveLength(3);
    expect(runtime.processCount).toBe(1);
    runtime.stop();
    expect(runtime.processCount).toBe(0);
  });

  it('100 000 processes exist at once, each answers, and all end', async () => {
    const runtime = new Runtime();
    const count = 100_000;
    let served = 0;
    await new Promise<void>((resolve) => {
      runtime.run(() => {
        for (let made = 0; made < count; made += 1) {
          const pid = spawn<unknown>(runtime, (self) =>
            self.serve(() => {
              served += 1;
              if (served === count) resolve();
            }),
          );
          runtime.send(pid, made);
        }
      });
      expect(runtime.processCount).toBe(count);
    });
    expect(runtime.processCount).toBe(count);
    for (const pid of runtime.processes()) runtime.exit(pid, 'shutdown');
    expect(runtime.processCount).toBe(0);
    runtime.stop();
  });
});

function raise(value: unknown): never {
  throw value;
}
