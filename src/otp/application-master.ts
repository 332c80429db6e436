/**
 * Application master: the process in which an application starts and stops.
 *
 * It belongs to the application, and what it starts inherits that, so that nothing of the
 * application is left behind. It traps exits and is the parent of the top supervisor: it waits
 * without limit until that has stopped, and takes an end of the top supervisor for the end of the
 * application. It stands in no tree; the controller watches it.
 */
import type { Application } from './application-spec';
import { reasonOf } from './errors';
import type { StartResult } from './proc-lib';
import { Pid, type Process } from './process';
import type { Runtime } from './runtime';
import { type Self, spawn } from './self';
import { type DownMessage, end, isDown, isExit } from './signals';
import type { Reason } from './term';

/** How a master tells whether its application runs. */
export type Outcome = { readonly started: true } | { readonly started: false; readonly error: Reason };

/** What `start` gave: the process on top, if it is one, and what `prepStop` and `stop` are told. */
interface Top {
  readonly pid: Pid | undefined;
  readonly state: unknown;
}

/** One start of an application, from its first line to its end; starting it again makes another. */
export class ApplicationMaster {
  /** It was told to stop, and has not ended by itself before. */
  isStopped = false;
  readonly process: Process;

  constructor(
    readonly spec: Application<unknown>,
    private readonly runtime: Runtime,
    /** Called once, when the start is over. */
    private readonly onStarted: (outcome: Outcome) => void,
  ) {
    const origin = { application: spec.name, initialCall: `${spec.name}:start/2` };
    const pid = runtime.run(() => spawn<unknown>(runtime, (self) => this.run(self), origin));
    this.process = pid.process as Process;
  }

  /** Begins to stop the application. The end of the process says when that is done. */
  stop(): void {
    this.process.deliver(STOP);
  }

  private async run(self: Self<unknown>): Promise<void> {
    self.trapExit(true);
    const given = await this.attempt(self);
    const top = this.topOf(given);
    if ('error' in top) return this.fail(self, top.error);
    if (top.pid) self.link(top.pid);
    this.onStarted({ started: true });
    const reason = await this.untilToldOrEnded(self, top);
    const state = await this.callback(self, () => this.spec.prepStop?.(top.state, self) ?? top.state, top.state);
    if (this.isStopped) await this.stopTop(self, top);
    await this.callback(self, () => this.spec.stop?.(state, self), undefined);
    this.killLeftovers();
    self.exit(reason);
  }

  /** What `start` gave, or for what it threw instead `['EXIT', reason]`. */
  private async attempt(self: Self<unknown>): Promise<unknown> {
    const { spec } = this;
    if (!spec.start) return LIBRARY;
    try {
      return await self.wait(Promise.resolve(self.run(() => spec.start?.('normal', spec.args, self))));
    } catch (thrown) {
      return ['EXIT', reasonOf(thrown)];
    }
  }

  /** Fact 111. */
  private topOf(given: unknown): Top | { readonly error: Reason } {
    const call = [this.spec.name, 'start', ['normal', this.spec.args]];
    if (given === LIBRARY) return { pid: undefined, state: undefined };
    if (!isStartResult(given)) return { error: ['bad_return', [call, given]] };
    return given.ok ? { pid: given.value, state: given.info } : { error: [given.error, call] };
  }

  private fail(self: Self<unknown>, error: Reason): never {
    this.killLeftovers();
    this.onStarted({ started: false, error });
    self.exit(error);
  }

  /** Waits until the application has to end. The answer is why. */
  private async untilToldOrEnded(self: Self<unknown>, top: Top): Promise<Reason> {
    for (;;) {
      const message = await self.receive<unknown>();
      if (isExit(message) && message.from === top.pid) return message.reason;
      this.isStopped = message === STOP;
      if (this.isStopped) return 'normal';
    }
  }

  /** However long it takes (fact 113): a supervisor that waits for its children must not be cut short. */
  private async stopTop(self: Self<unknown>, { pid }: Top): Promise<void> {
    if (pid === undefined) return;
    const ref = self.monitor(pid);
    self.sendExit(pid, 'shutdown');
    await self.receive({ match: (message): message is DownMessage => isDown(message) && message.ref === ref });
  }

  /** Last words: what they throw is reported, and does not keep the application from stopping. */
  private async callback(self: Self<unknown>, action: () => unknown, otherwise: unknown): Promise<unknown> {
    try {
      return await self.wait(Promise.resolve(self.run(action)));
    } catch (thrown) {
      this.runtime.reportUncaught(self.process, reasonOf(thrown));
      return otherwise;
    }
  }

  private killLeftovers(): void {
    for (const { process } of this.runtime.processes()) {
      if (process && process !== this.process && process.origin.application === this.spec.name) end(process, 'killed');
    }
  }
}

/** Tells a master to stop. */
const STOP = Symbol('stop');

/** What stands for the start of an application that is only code: it has nothing to start. */
const LIBRARY = Symbol('library');

function isStartResult(value: unknown): value is Exclude<StartResult, 'ignore'> {
  if (typeof value !== 'object' || value === null || !('ok' in value)) return false;
  return value.ok === true ? 'value' in value && value.value instanceof Pid : value.ok === false && 'error' in value;
}
