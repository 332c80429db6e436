/** Messages and exit signals behave as Erlang's do: facts 7 to 17 of its semantics. */
import * as fc from 'fast-check';
import { type DownMessage, isExit, type Reference, Runtime, spawn } from '../../src/otp';
import { collectInto, idler, inWorld, trapper, World } from '../support/runtime';
import { downMessage, exitMessage, MANY_SEEDS } from '../support/signals';

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
