/** Ports: what a process holds outside the runtime goes with it. */
import { BadArgument, type Port, type Self } from '../../src/otp';
import { collectInto, failureOf, idler, inWorld } from '../support/runtime';

describe('Port', () => {
  it(
    'Port is closed once, by its owner or by the end of its owner, whatever ended it',
    inWorld(async (world) => {
      const closed: string[] = [];
      const ends: [string, (self: Self, port: Port) => void][] = [
        ['returned', () => {}],
        ['exited', (self) => self.exit('over')],
        ['killed', (self) => void self.sendExit(self.pid, 'kill')],
        ['closed', (_self, port) => port.close()],
        ['closed twice', (_self, port) => (port.close(), port.close())],
      ];
      for (const [name, end] of ends) {
        world.spawn((self) =>
          end(
            self,
            self.openPort(() => void closed.push(name)),
          ),
        );
        await world.idle();
      }
      expect(closed).toEqual(ends.map(([name]) => name));
    }),
  );

  it(
    'Port.connect() hands it to another process; a dead one closes it, and a closed one cannot be handed over',
    inWorld(async (world) => {
      const closed: string[] = [];
      const heir = world.spawn(idler);
      const dead = world.spawn(() => {});
      await world.idle();
      let second: Port | undefined;
      world.spawn((self) => {
        self.openPort(() => void closed.push('first')).connect(heir);
        second = self.openPort(() => void closed.push('second'));
        second.connect(dead);
      });
      await world.idle();
      expect(closed).toEqual(['second']);
      expect(await failureOf(() => second?.connect(heir))).toBeInstanceOf(BadArgument);
      world.kill(heir);
      expect(closed).toEqual(['second', 'first']);
    }),
  );

  it(
    'Port that fails to close does not keep its owner from ending in full',
    inWorld(
      async (world) => {
        const got: unknown[] = [];
        const closed: string[] = [];
        const watcher = world.spawn(collectInto(got, { trap: true }));
        await world.idle();
        const error = new Error('cannot close');
        const pid = world.spawn<string>((self) => {
          self.link(watcher);
          self.register('owner');
          self.sendEvery(5, 'tick');
          self.openPort(() => {
            throw error;
          });
          self.openPort(() => void closed.push('the next one'));
          self.exit('over');
        });
        await world.idle();
        expect(got).toEqual([{ type: 'EXIT', from: pid, reason: 'over' }]);
        expect(closed).toEqual(['the next one']);
        expect(world.runtime.whereis('owner')).toBeUndefined();
        expect(world.reportsOf('error').map((report) => report.reason)).toEqual([error]);
      },
      { leaves: 1 },
    ),
  );

  it(
    'Port is closed when the name of its owner is free again',
    inWorld(async (world) => {
      const holders: unknown[] = [];
      world.spawn((self) => {
        self.register('owner');
        self.openPort(() => void holders.push(world.runtime.whereis('owner'), world.runtime.processCount));
      });
      await world.idle();
      expect(holders).toEqual([undefined, 0]);
    }),
  );

  it(
    'Port that fails to close later is reported',
    inWorld(async (world) => {
      const error = new Error('cannot close');
      const asynchronous = (): unknown => Promise.reject(error);
      const dead = world.spawn(() => {});
      await world.idle();
      const owner = world.spawn((self) => {
        self.openPort(asynchronous);
        self.openPort(asynchronous).close();
        self.openPort(asynchronous).connect(dead);
      });
      await world.idle();
      const report = { type: 'error', pid: String(owner), initialCall: 'anonymous', reason: error };
      expect(world.reportsOf('error')).toEqual([report, report, report]);
    }),
  );

  it(
    'Port may use the runtime while it is closed: it runs as nobody',
    inWorld(
      async (world) => {
        const got: unknown[] = [];
        const other = world.spawn(collectInto(got));
        world.spawn((self) => {
          self.openPort(() => world.runtime.send(other, 'closed'));
          self.sendExit(self.pid, 'kill');
        });
        await world.idle();
        expect(got).toEqual(['closed']);
      },
      { leaves: 1 },
    ),
  );
});
