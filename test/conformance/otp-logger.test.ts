/**
 * Reports say what Erlang's logger reports say: facts 116 to 118, 120 and 121 of its semantics.
 *
 * What supervisors report (119, and the progress of 120) is tested with them.
 */
import {
  type Ask,
  application,
  cannotStart,
  currentSelf,
  formatReport,
  type GenServer,
  genServer,
  ignore,
  type Level,
  Logger,
  nameOf,
  type Pid,
  type Reason,
  type Report,
  Self,
  startError,
  started,
  stop,
  supervisor,
  sys,
} from '../../src/otp';
import { idler, inWorld, trapper, type World } from '../support/runtime';

type State = { readonly secret: string };
type Call = Ask<'stop', never, { readonly reason: Reason }> | Ask<'fail', never>;
type Server = genServer.RefOf<typeof server> & Pid;

const oops = new Error('oops');

/** A server that ends as it is told to. */
const server: GenServer<unknown, State, Call, { readonly stop: Reason } | { readonly throw: unknown }> = {
  init: () => started({ secret: 's3cret' }),
  handleCall(request, _from, state) {
    if (request.type === 'fail') throw oops;
    return stop(request.reason, state);
  },
  handleCast(message, state) {
    if ('throw' in message) throw message.throw;
    return stop(message.stop, state);
  },
};

/** The handle that the process itself has. */
function handleOf(world: World, pid: Pid): Self<unknown> {
  if (pid.process === undefined) throw new Error('Expected a living process');
  return new Self<unknown>(pid.process, world.runtime);
}

/** Every report with its level, in order. */
function reportsWithLevels(world: World): (readonly [Level, Report['type']])[] {
  const seen: (readonly [Level, Report['type']])[] = [];
  world.runtime.logger.addHandler('levels', (level, report) => void seen.push([level, report.type]));
  return seen;
}

const types = (world: World) => world.reports.map((report) => report.type);

async function startServer(world: World, callbacks = server, name?: string): Promise<Server> {
  const options = name === undefined ? { module: 'm' } : { module: 'm', name };
  const result = await world.outside(() => genServer.start(callbacks, undefined, options));
  if (result === 'ignore' || !result.ok) throw new Error('Expected a server');
  return result.value;
}

/** What is reported when a server ends for this reason. */
async function reportsOfStop(world: World, reason: Reason) {
  const pid = await startServer(world);
  genServer.cast(pid, { stop: reason });
  await world.idle();
  return types(world);
}

describe('the end of a server', () => {
  it(
    'fact 116: terminate holds name, last message, state, reason, client and log',
    inWorld(async (world) => {
      const pid = await startServer(world, server, 'kv');
      await world.outside(() => sys.log(pid, true));
      let client: Pid | undefined;
      await world
        .run((self) => {
          client = self.pid;
          return genServer.call(pid, { type: 'fail' });
        })
        .catch(() => {});
      expect(world.reportsOf('terminate')).toEqual([
        {
          type: 'terminate',
          name: 'kv',
          module: 'm',
          lastMessage: { type: 'fail' },
          state: { secret: 's3cret' },
          reason: oops,
          client: String(client),
          log: [expect.objectContaining({ type: 'in', message: { type: 'fail' } })],
        },
      ]);
      expect(oops.stack).toContain('otp-logger.test');
    }),
  );

  it.each(['normal', 'shutdown', ['shutdown', 'why']])('fact 116: an end with %j is no report', (reason) =>
    inWorld(async (world) => expect(await reportsOfStop(world, reason)).toEqual([]))(),
  );

  it.each(['kill', 'oops', ['shutdown', 'a', 'b'], undefined])(
    'facts 116 and 117: an end with %j is two reports, both errors, in this order',
    (reason) =>
      inWorld(async (world) => {
        const seen = reportsWithLevels(world);
        await reportsOfStop(world, reason);
        expect(seen).toEqual([
          ['error', 'terminate'],
          ['error', 'crash'],
        ]);
      })(),
  );

  it(
    'fact 116: a cast that fails has no client, and a stop from outside no last message',
    inWorld(async (world) => {
      genServer.cast(await startServer(world), { throw: oops });
      await world.idle();
      const other = await startServer(world);
      await world.outside(() => genServer.stop(other, 'oops')).catch(() => {});
      expect(world.reportsOf('terminate')).toMatchObject([
        { lastMessage: { throw: oops }, client: undefined, reason: oops },
        { lastMessage: undefined, client: undefined, reason: 'oops' },
      ]);
    }),
  );

  it(
    'fact 116: formatStatus decides what of the state is shown; one that throws hides all and changes nothing',
    inWorld(async (world) => {
      const visible = await startServer(world, { ...server, formatStatus: () => 'hidden' });
      genServer.cast(visible, { stop: 'oops' });
      const broken = await startServer(world, {
        ...server,
        formatStatus: () => {
          throw new Error('broken');
        },
      });
      expect(await world.outside(() => sys.getStatus(broken))).toMatchObject({ state: ['failed', 'formatStatus'] });
      const ending = world.watch(broken);
      genServer.cast(broken, { stop: 'oops' });
      await world.idle();
      expect(ending.reason).toBe('oops');
      expect(world.reportsOf('terminate').map((report) => report.state)).toEqual([
        'hidden',
        ['failed', 'formatStatus'],
      ]);
      expect(types(world)).toEqual(['terminate', 'crash', 'terminate', 'crash']);
    }),
  );

  it(
    'fact 117: crash holds what is known about the process and who falls with it',
    inWorld(
      async (world) => {
        let pid: Server | undefined;
        const [near, far, safe] = [world.spawn(idler), world.spawn(idler), world.spawn(trapper)];
        const parent = world.spawn<unknown>(async (self) => {
          self.trapExit(true);
          self.register('parent');
          const result = await self.run(() => genServer.startLink(server, undefined, { name: 'kv', module: 'm' }));
          if (result !== 'ignore' && result.ok) pid = result.value;
          self.serve(() => {});
        });
        await world.idle();
        const self = handleOf(world, pid as Pid);
        self.link(near);
        self.link(safe);
        handleOf(world, near).link(far);
        genServer.cast(pid as Server, { throw: oops });
        self.send(self.pid, 'unread');
        await world.idle();
        expect(world.reportsOf('crash')).toEqual([
          {
            type: 'crash',
            pid: String(pid),
            name: 'kv',
            initialCall: 'm:init/1',
            class: 'error',
            reason: oops,
            ancestors: ['parent'],
            messages: ['unread'],
            links: ['parent', String(near), String(safe)],
            trapExit: false,
            neighbours: [String(near), String(far)],
          },
        ]);
        expect([near, far, safe, parent].map((one) => world.runtime.isAlive(one))).toEqual([false, false, true, true]);
      },
      { leaves: 2 },
    ),
  );

  it(
    'fact 117: the class says how the process left: error, throw or exit',
    inWorld(async (world) => {
      genServer.cast(await startServer(world), { throw: oops });
      genServer.cast(await startServer(world), { throw: 'ball' });
      genServer.cast(await startServer(world), { stop: 'oops' });
      await world.idle();
      const crashes = world.reportsOf('crash').map((report) => [report.class, report.reason]);
      expect(crashes).toHaveLength(3);
      expect(crashes).toEqual(
        expect.arrayContaining([
          ['error', oops],
          ['throw', ['nocatch', 'ball']],
          ['exit', 'oops'],
        ]),
      );
    }),
  );

  it(
    'fact 117: a server under a supervisor gives its two reports before the supervisor gives its own',
    inWorld(
      async (world) => {
        const child = {
          id: 'kv',
          restart: 'temporary' as const,
          start: () => genServer.startLink(server, undefined, { name: 'kv' }),
        };
        await world.outside(() => supervisor.start({ init: () => ({ flags: {}, children: [child] }) }, undefined));
        world.reports.length = 0;
        world.runtime.run(() => genServer.cast(nameOf('kv') as unknown as Server, { stop: 'oops' }));
        await world.idle();
        expect(types(world)).toEqual(['terminate', 'crash', 'supervisor']);
      },
      { leaves: 1 },
    ),
  );

  it.each(['oops', 'kill', 'shutdown'])(
    'fact 118: a server that an exit signal with %s ends reports nothing',
    (reason) =>
      inWorld(async (world) => {
        world.kill(await startServer(world), reason);
        await world.idle();
        expect(world.reports).toEqual([]);
      })(),
  );
});

describe('the end of a plain process', () => {
  it(
    'fact 118: an error or a throw is one report, at level error',
    inWorld(async (world) => {
      const seen = reportsWithLevels(world);
      const bodies: ((self: Self<unknown>) => void | Promise<void>)[] = [
        function failing() {
          throw oops;
        },
        () => Promise.reject(oops),
        () => {
          throw 'ball';
        },
      ];
      const pids: Pid<unknown>[] = [];
      for (const body of bodies) {
        pids.push(world.spawn(body));
        await world.idle();
      }
      const [first, second, third] = pids.map(String);
      expect(world.reports).toMatchObject([
        { type: 'error', pid: first, initialCall: 'failing', reason: oops },
        { type: 'error', pid: second, reason: oops },
        { type: 'error', pid: third, reason: ['nocatch', 'ball'] },
      ]);
      expect(seen.map(([level]) => level)).toEqual(['error', 'error', 'error']);
    }),
  );

  it(
    'fact 118: an exit is none, whatever its reason, and neither is an exit signal',
    inWorld(async (world) => {
      world.spawn(() => currentSelf().exit('oops'));
      world.spawn(async (self) => {
        await self.yield();
        self.exit('oops');
      });
      world.kill(world.spawn(idler), 'oops');
      world.kill(world.spawn(idler));
      await world.idle();
      expect(world.reports).toEqual([]);
    }),
  );
});

describe('starting', () => {
  const QUIET: readonly (readonly [string, () => ReturnType<typeof cannotStart | typeof ignore>])[] = [
    ['stop with normal', () => cannotStart('normal')],
    ['stop with shutdown', () => cannotStart('shutdown')],
    ['stop with {shutdown,Why}', () => cannotStart(['shutdown', 'why'])],
    ['error', () => startError('oops')],
    ['ignore', () => ignore()],
  ];
  it.each(QUIET)('fact 121: init that gives %s reports nothing', (_, init) =>
    inWorld(async (world) => {
      await world.outside(() => genServer.start({ init }, undefined, { module: 'm' }));
      expect(world.reports).toEqual([]);
    })(),
  );

  const LOUD: readonly (readonly [string, () => never, Reason])[] = [
    ['stop with another reason', () => cannotStart('oops') as never, 'oops'],
    [
      'an error',
      () => {
        throw oops;
      },
      oops,
    ],
    ['an exit', () => currentSelf().exit('oops'), 'oops'],
    ['a rejection', () => Promise.reject(oops) as never, oops],
    ['something else', () => 'what' as never, ['bad_return_value', 'what']],
  ];
  it.each(LOUD)('fact 121: init that ends in %s is one crash report and no terminate', (_, init, reason) =>
    inWorld(async (world) => {
      await world.outside(() => genServer.start({ init }, undefined, { module: 'm', name: 'kv' }));
      expect(world.reports).toMatchObject([{ type: 'crash', name: 'kv', initialCall: 'm:init/1', reason }]);
    })(),
  );

  it(
    'fact 120: an application that is up is reported at info, one that has ended at notice',
    inWorld(async (world) => {
      const seen = reportsWithLevels(world);
      await world.outside(() => application.start({ name: 'lib', args: undefined }));
      await world.outside(() => application.stop('lib'));
      expect(seen).toEqual([
        ['info', 'application_started'],
        ['notice', 'application_exit'],
      ]);
      expect(world.reports).toEqual([
        { type: 'application_started', application: 'lib' },
        { type: 'application_exit', application: 'lib', reason: 'stopped' },
      ]);
    }),
  );

  it(
    'fact 120: a message to a server without handleInfo is a warning, and the server goes on',
    inWorld(
      async (world) => {
        const seen = reportsWithLevels(world);
        const pid: Pid = await startServer(world, server, 'kv');
        world.runtime.send(pid as Pid<unknown>, 'hello');
        await world.idle();
        expect(seen).toEqual([['warning', 'unexpected_message']]);
        expect(world.reports).toEqual([{ type: 'unexpected_message', name: 'kv', message: 'hello' }]);
      },
      { leaves: 1 },
    ),
  );
});

describe('the logger', () => {
  const report: Report = { type: 'error', pid: '<0.1.0>', initialCall: 'f', reason: oops };

  it('report() survives handlers that throw, counts what they lost, and tells the others', () => {
    const logger = new Logger();
    const seen: Report[] = [];
    logger.addHandler('broken', () => {
      throw oops;
    });
    logger.addHandler('good', (_level, one) => void seen.push(one));
    logger.report('error', report);
    expect([seen, logger.lost]).toEqual([[report], 1]);
  });

  it('report() counts what an asynchronous handler fails with later', async () => {
    const logger = new Logger();
    logger.addHandler('broken', (): unknown => Promise.reject(oops));
    logger.addHandler('good', (): unknown => Promise.resolve());
    logger.report('error', report);
    await new Promise((resolve) => void setImmediate(resolve));
    expect(logger.lost).toBe(1);
  });

  it(
    'fact 118: a handler that throws does not change how a process ends',
    inWorld(async (world) => {
      world.runtime.logger.addHandler('broken', () => {
        throw new Error('broken');
      });
      const pid = await startServer(world);
      const ending = world.watch(pid);
      genServer.cast(pid, { stop: 'oops' });
      await world.idle();
      expect(ending.reason).toBe('oops');
      expect(world.runtime.logger.lost).toBe(2);
    }),
  );

  it('addHandler() replaces a handler of the same name, removeHandler() says whether there was one', () => {
    const logger = new Logger();
    const seen: string[] = [];
    logger.addHandler('one', () => void seen.push('first'));
    logger.addHandler('one', () => void seen.push('second'));
    logger.report('error', report);
    expect([logger.removeHandler('one'), logger.removeHandler('one')]).toEqual([true, false]);
    logger.report('error', report);
    expect(seen).toEqual(['second']);
  });

  it(
    'formatReport() names who and why on one line, and leaves out state and messages',
    inWorld(async (world) => {
      const pid = await startServer(world, server, 'kv');
      genServer.cast(pid, { throw: oops });
      await world.idle();
      const lines = world.reports.map(formatReport);
      expect(lines).toEqual(['kv terminated: Error: oops', 'kv (m:init/1) crashed: Error: oops']);
    }),
  );
});
