/**
 * Links and monitors behave as Erlang's do: facts 18 to 30 of its semantics.
 *
 * Facts 23 and 29 are about lost nodes and wait for distribution.
 */
import * as fc from 'fast-check';
import { Exit, isDown, isExit, nameOf, type Pid, Self } from '../../src/otp';
import { failureOf, idler, inWorld, trapper, World } from '../support/runtime';
import { downMessage, drain, exitMessage, MANY_SEEDS } from '../support/signals';

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
