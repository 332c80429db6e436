/** Applications of tests, which write down what happens to them. */
import { application, type Application, currentSelf, type Pid, type Reason } from '../../src/otp';
import { inWorld, type World } from './runtime';

/** What ends the program when the node goes down: in a test, nothing should. */
export const NEVER_EXIT = () => {
  throw new Error('Expected the node to stay up');
};

/** What the applications of a test did, in order, and their top processes. */
export class Journal {
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

export const OK = { ok: true, value: 'ok' };

/** A test with a {@link Journal}; what applications it leaves running are stopped. */
export const withJournal = (body: (journal: Journal) => Promise<void>) =>
  inWorld(async (world) => {
    const journal = new Journal(world);
    await body(journal);
    await world.outside(() => application.stopAll());
  });
