/**
 * Runtime: one node of processes, as an Erlang node is one.
 *
 * It holds the process table, the names, the timers, the tables and the logger, and implements
 * what process.ts needs of its surroundings. Several runtimes live in one Node process without
 * knowing of each other. Code that runs inside a process finds its runtime by itself; code
 * outside (a main program, a test) enters one with {@link Runtime.run}.
 */
import { performance } from 'node:perf_hooks';
import { type Clock, systemClock } from './clock';
import { BadArgument, reasonOf } from './errors';
import { Logger } from './logger';
import { nactScheduler } from './nact-scheduler';
import {
  assertNotDead,
  type Body,
  currentProcess,
  type Kernel,
  type Origin,
  Pid,
  Process,
  runAs,
  type Status,
} from './process';
import { Reference } from './reference';
import { type Destination, type Name, Registry, type Via } from './registry';
import type { Scheduler } from './scheduler';
import { end, sendExit } from './signals';
import type { Reason } from './term';
import { checkTimeout, type Timer, Timers } from './timers';

/** What a runtime is made of and how it watches its processes. The defaults are those of service, not of tests. */
export interface RuntimeOptions {
  /** Who wakes processes. @default one nact system */
  readonly scheduler?: Scheduler;
  /** What time it is. @default the machine's clock */
  readonly clock?: Clock;
  /** Most messages that a process takes in one turn of the event loop, 1 or more. @default 256 */
  readonly batchMessagesMax?: number;
  /** Report a turn of one process that takes longer: nothing can pre-empt JavaScript. From 0 on. @default Infinity, no report */
  readonly longStepMs?: number;
  /** Freeze plain messages when they are sent, so that sharing one by mistake throws. @default false */
  readonly freezeMessages?: boolean;
}

/** Where a spawned process comes from; what is left out is taken from the spawning process. */
export type SpawnOptions = Partial<Pick<Origin, 'initialCall' | 'application'>>;

/** What can be asked of a living process (fact 6a). */
export interface ProcessInfo {
  readonly pid: Pid;
  readonly registeredName: string | undefined;
  readonly status: Status;
  readonly links: readonly Pid[];
  readonly monitors: readonly Pid[];
  readonly monitoredBy: readonly Pid[];
  readonly trapExit: boolean;
  readonly messageQueueLength: number;
  readonly messages: readonly unknown[];
  readonly ancestors: readonly string[];
  readonly initialCall: string;
  readonly application: string | undefined;
  /** Messages handled so far: the nearest thing to Erlang's reductions. */
  readonly handled: number;
}

/** Who sends a signal that comes from outside of any process; the first process is number 1. */
const NOBODY = new Pid(0);

let entered: Runtime | undefined;

/**
 * The runtime whose code is running.
 *
 * @throws Error outside of any, which includes a handler after its first `await`: use `self.run`
 */
export function currentRuntime(): Runtime {
  const kernel = currentProcess()?.kernel;
  const runtime = kernel instanceof Runtime ? kernel : entered;
  if (!runtime) throw new Error('Cannot tell which runtime is meant: after an await, go through self.run(…)');
  return runtime;
}

/** One node: what its processes share. It is running once it is made, and until {@link Runtime.stop}; then it does nothing more. */
export class Runtime implements Kernel {
  readonly clock: Clock;
  readonly logger = new Logger();
  readonly registry = new Registry();
  readonly batchMessagesMax: number;
  /** What other parts of the runtime keep per node, such as its named tables. */
  readonly parts = new Map<symbol, unknown>();

  private readonly scheduler: Scheduler;
  private readonly timers: Timers;
  private readonly table = new Map<number, Process>();
  private readonly options: RuntimeOptions;
  private lastId = 0;
  private stopped = false;

  /** @throws BadArgument when an option makes no sense */
  constructor(options: RuntimeOptions = {}) {
    checkOptions(options);
    this.options = options;
    this.clock = options.clock ?? systemClock();
    this.scheduler = options.scheduler ?? nactScheduler((thrown) => this.reportFault('wake_up_failed', thrown));
    this.timers = new Timers(this.clock, (thrown) => this.reportFault('timer_failed', thrown));
    this.batchMessagesMax = options.batchMessagesMax ?? 256;
  }

  /** Runs `action` in this runtime but outside of any process. */
  run<T>(action: () => T): T {
    const outer = entered;
    entered = this;
    try {
      return runAs(undefined, action);
    } finally {
      entered = outer;
    }
  }

  /**
   * Starts a process. It runs later, never inside this call.
   *
   * @throws BadArgument once the runtime has been stopped
   */
  spawnProcess(body: Body, options: SpawnOptions = {}): Process {
    assertNotDead();
    this.assertRunning('spawn a process');
    const parent = currentProcess();
    const origin: Origin = {
      parent: parent?.pid,
      initialCall: options.initialCall ?? (body.name || 'anonymous'),
      application: options.application ?? parent?.origin.application,
    };
    this.lastId += 1;
    const process = new Process(this.lastId, this, origin, body, this.addToScheduler);
    this.table.set(this.lastId, process);
    return process;
  }

  /** Sends a message. A pid that is dead takes it silently; so does an alias that was given up. */
  send<M>(to: Destination<M>, message: M): void {
    assertNotDead();
    this.sending(message);
    if (to instanceof Pid) to.process?.deliver(message);
    else if (to instanceof Reference) to.alias?.(message);
    else this.holderOf(to).deliver(message);
  }

  /** What every message passes on its way; freezes it where the options say so. */
  sending<T>(message: T): T {
    if (this.options.freezeMessages) deepFreeze(message);
    return message;
  }

  /** `exit(Pid, Reason)` from outside of any process. */
  exit(to: Pid, reason: Reason): true {
    assertNotDead();
    return sendExit(currentProcess()?.pid ?? NOBODY, to, reason);
  }

  /** Who holds the name now; undefined when nobody does (fact 94). */
  whereis(name: string): Pid | undefined {
    return this.registry.whereis(name);
  }

  /** False from the moment the process ends, before anybody is told. */
  isAlive(pid: Pid): boolean {
    return pid.process !== undefined;
  }

  /** The pids of all living processes, oldest first. */
  processes(): Pid[] {
    return [...this.table.values()].map((process) => process.pid);
  }

  /** How many live: what to compare before and after, to find a leak. */
  get processCount(): number {
    return this.table.size;
  }

  /** Undefined for a dead process. */
  processInfo(pid: Pid): ProcessInfo | undefined {
    const process = pid.process;
    if (process === undefined) return undefined;
    return {
      pid,
      registeredName: process.name,
      status: process.status,
      links: [...process.links].map((linked) => linked.pid),
      monitors: [...process.monitors].flatMap((held) => held.target?.pid ?? []),
      monitoredBy: [...process.monitoredBy].flatMap((held) => held.watcher?.pid ?? []),
      trapExit: process.trapExit,
      messageQueueLength: process.mailbox.length,
      messages: process.mailbox.toArray(),
      ancestors: process.ancestors,
      initialCall: process.origin.initialCall,
      application: process.origin.application,
      handled: process.handled,
    };
  }

  /** Kills every process and lets go of the scheduler and the timers. For the end of a program or a test. */
  stop(): void {
    if (this.stopped) return;
    // First of all, so that what the dying set off leaves nothing behind.
    this.stopped = true;
    for (const process of [...this.table.values()].toReversed()) end(process, 'killed');
    this.timers.clear();
    this.scheduler.stop();
  }

  /** From the moment in which {@link Runtime.stop} begins. */
  get isStopped(): boolean {
    return this.stopped;
  }

  /**
   * Calls `fire` once, outside of any process; for messages there is `Self.sendAfter`. What `fire`
   * throws is reported.
   *
   * @param delayMs a whole number from 0 on, or Infinity
   * @throws BadArgument when it is not, and once the runtime has been stopped
   */
  startTimer(delayMs: number, fire: () => void): Timer {
    this.assertRunning('start a timer');
    return this.timers.start(checkTimeout(delayMs), fire);
  }

  cancelTimer(timer: Timer): number | false {
    return this.timers.cancel(timer);
  }

  readTimer(timer: Timer): number | false {
    return this.timers.read(timer);
  }

  /** How many timers are pending. */
  get timerCount(): number {
    return this.timers.size;
  }

  terminate(process: Process, reason: Reason): void {
    end(process, reason);
  }

  ended(process: Process): void {
    this.table.delete(process.pid.id);
    this.registry.free(process);
  }

  reportUncaught(process: Process, reason: Reason): void {
    const { initialCall } = process.origin;
    this.logger.report('error', { type: 'error', pid: process.pid.toString(), initialCall, reason });
  }

  /** Something outside of any process threw, and nothing else is to suffer from it. */
  private reportFault(event: string, thrown: unknown): void {
    this.logger.event('error', event, { reason: reasonOf(thrown) });
  }

  goOn(process: Process, action: () => void): void {
    const { longStepMs } = this.options;
    if (longStepMs === undefined) runAs(process, action);
    else this.timed(process.pid.id, () => runAs(process, action), longStepMs);
  }

  private readonly addToScheduler = (id: number, run: () => void) => {
    const { longStepMs } = this.options;
    return this.scheduler.add(id, longStepMs === undefined ? run : () => this.timed(id, run, longStepMs));
  };

  private timed(id: number, run: () => void, longStepMs: number): void {
    const startMs = performance.now();
    run();
    const durationMs = performance.now() - startMs;
    if (durationMs <= longStepMs) return;
    const name = this.table.get(id)?.label ?? 'ended';
    this.logger.report('warning', { type: 'long_step', pid: `<0.${id}.0>`, name, durationMs });
  }

  private assertRunning(action: string): void {
    if (this.stopped) throw new BadArgument(`Cannot ${action}: the runtime has been stopped`);
  }

  private holderOf(to: Name<never> | Via<never>): Process {
    const holder = this.registry.find(to);
    if (holder === undefined)
      throw new BadArgument(`Cannot send: nobody is "${typeof to === 'string' ? to : to.name}"`);
    return holder;
  }
}

function checkOptions({ batchMessagesMax = 1, longStepMs = 0 }: RuntimeOptions): void {
  if (!Number.isSafeInteger(batchMessagesMax) || batchMessagesMax < 1)
    throw new BadArgument(
      `Cannot start a runtime: batchMessagesMax "${batchMessagesMax}" is no whole number from 1 on`,
    );
  // The opposite comparison would let NaN through.
  if (!(longStepMs >= 0))
    throw new BadArgument(`Cannot start a runtime: longStepMs "${longStepMs}" is no number from 0 on`);
}

function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== Array.prototype) return;
  Object.freeze(value);
  for (const field of Object.values(value)) deepFreeze(field);
}
