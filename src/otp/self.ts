/**
 * Self: what a process can do, as a handle that only its own code has.
 *
 * The handle works after an `await` too, when the runtime can no longer see whose code is
 * running. Once the process has ended, every call on it unwinds the code that is left over; what
 * such code holds outside the runtime (a socket, a file) is closed through {@link Self.openPort}.
 */
import { DeadProcess, Exit } from './errors';
import { Port } from './ports';
import { currentProcess, type Handler, type Pid, type Process, runAs, type TIMEOUT } from './process';
import {
  cancelTimer,
  readTimer,
  sendAfter,
  sendInterval,
  startTimer,
  type TimeoutMessage,
  type TimerRef,
} from './process-timers';
import { promised } from './promised';
import type { Reference } from './reference';
import { type Destination, isVia, type Name, type Via } from './registry';
import type { Runtime, SpawnOptions } from './runtime';
import {
  type DemonitorOptions,
  type DownMessage,
  demonitor,
  type ExitMessage,
  link,
  type MonitorOptions,
  monitor,
  sendExit,
  unlink,
} from './signals';
import type { Reason } from './term';
import { checkDelay } from './timers';
import { waitFor, type WaitOptions } from './wait';

/** What a process may find in its mailbox besides what it accepts. */
export type SignalMessage = ExitMessage | DownMessage | TimeoutMessage;

/** Which message a `receive` takes: Erlang's patterns, as a test. */
export interface ReceiveOptions<T> {
  /** Take the first message for which this holds. @default the first of all */
  readonly match?: (message: unknown) => message is T;
}

/** The same with an end to the waiting: Erlang's `after`. What is here already beats even a timeout of 0. */
export interface ReceiveWithin<T> extends ReceiveOptions<T> {
  /** Give up after this long and answer `TIMEOUT`. */
  readonly timeoutMs: number;
}

/** How a question about a timer is answered. */
export interface TimerAnswerOptions {
  /** As a message. @default false */
  readonly async?: boolean;
  /** At all. @default true */
  readonly info?: boolean;
}

/** The body of a process. One that returns ends its process with `normal`, unless it serves. */
export type ProcessBody<M> = (self: Self<M>) => void | Promise<void>;

/** Starts a process on behalf of the one that is running, or of nobody. */
export function spawn<M>(runtime: Runtime, body: ProcessBody<M>, options: SpawnOptions = {}): Pid<M> {
  const process = runtime.spawnProcess((started) => body(new Self<M>(started, runtime)), {
    initialCall: body.name || 'anonymous',
    ...options,
  });
  return process.pid as Pid<M>;
}

/**
 * The handle of the process whose code is running: Erlang's `self()`.
 *
 * @throws Error outside of any process, which includes a handler after its first `await`
 */
export function currentSelf(): Self {
  const process = currentProcess();
  if (process === undefined)
    throw new Error('Cannot tell whose code is running: no process is, or it is after an await');
  return new Self(process, process.kernel as Runtime);
}

/** A process as its own code sees it. Once the process has ended, whatever acts throws {@link DeadProcess}. */
export class Self<in M = never> {
  constructor(
    /** The record behind the handle; for behaviours. */
    readonly process: Process,
    readonly runtime: Runtime,
  ) {}

  /** May be given away: others send to it what this process accepts. */
  get pid(): Pid<M> {
    return this.process.pid as Pid<M>;
  }

  /** Never throws: for code that a dead process has left over. */
  get isAlive(): boolean {
    return this.process.alive;
  }

  /** Monotonic milliseconds. */
  nowMs(): number {
    return this.runtime.clock.nowMs();
  }

  /** Unix milliseconds. */
  systemMs(): number {
    return this.runtime.clock.systemMs();
  }

  /** Runs `action` as this process: for functions of the runtime that are called after an `await`. */
  run<T>(action: () => T): T {
    this.assertAlive();
    return runAs(this.process, action);
  }

  /** @throws BadArgument when nobody holds the name (fact 4); a dead pid takes it silently */
  send<N>(to: Destination<N>, message: N): void {
    this.assertAlive();
    this.runtime.send(to, message);
  }

  /** Waits for the next message that matches. The others stay queued, in order. */
  receive<T = M | SignalMessage>(options: ReceiveWithin<T>): Promise<T | typeof TIMEOUT>;
  receive<T = M | SignalMessage>(options?: ReceiveOptions<T>): Promise<T>;
  receive(options: Partial<ReceiveWithin<unknown>> = {}): Promise<unknown> {
    this.assertAlive();
    const { match = matchAny, timeoutMs = Number.POSITIVE_INFINITY } = options;
    return promised(() => this.process.receive(match, timeoutMs));
  }

  /** From now on `handler` is called for every message, instead of `receive`. */
  serve(handler: Handler): void {
    this.assertAlive();
    this.process.serve(handler);
  }

  /** Waits without taking messages. */
  sleep(ms: number): Promise<void> {
    this.assertAlive();
    return this.process.block((settle) => {
      const timer = this.runtime.startTimer(checkDelay(ms), () => settle.resolve());
      return () => this.runtime.cancelTimer(timer);
    });
  }

  /** Gives every other runnable process a turn: for long computations, which nothing can pre-empt. */
  yield(): Promise<void> {
    this.assertAlive();
    return this.process.block((settle) => {
      settle.resolve();
      return () => {};
    });
  }

  /**
   * Waits for something outside the runtime. If the process ends meanwhile, what follows never runs:
   * what the promise opens is then lost, unless `ifEnded` closes it.
   */
  wait<T>(promise: PromiseLike<T>, options: WaitOptions<T> = {}): Promise<T> {
    const waiting = waitFor(this.process, promise, options);
    this.assertAlive();
    return waiting;
  }

  /** Starts a process whose end this one does not hear of. It runs later, never inside this call. */
  spawn<N>(body: ProcessBody<N>, options?: SpawnOptions): Pid<N> {
    return this.run(() => spawn(this.runtime, body, options));
  }

  /** Atomic: a process that ends at once still reports its true reason (fact 19). */
  spawnLink<N>(body: ProcessBody<N>, options?: SpawnOptions): Pid<N> {
    const pid = this.spawn(body, options);
    link(this.process, pid);
    return pid;
  }

  /** Atomic, so that the reason of a process that ends at once is not lost (fact 25). */
  spawnMonitor<N>(body: ProcessBody<N>, options?: SpawnOptions): { readonly pid: Pid<N>; readonly ref: Reference } {
    const pid = this.spawn(body, options);
    return { pid, ref: monitor(this.process, pid.process, pid) };
  }

  /** Links both ways. A dead process is an `EXIT` with `noproc` to a trapping caller, else an exit (fact 20). */
  link(to: Pid): true {
    this.assertAlive();
    return link(this.process, to);
  }

  /** After this no new `EXIT` of that link can come (fact 21). */
  unlink(from: Pid): true {
    this.assertAlive();
    return unlink(this.process, from);
  }

  /** Watches a process; every call gives one `DOWN` with its own reference (fact 24). */
  monitor(target: Pid | Name<never> | Via<never>, options?: MonitorOptions): Reference {
    this.assertAlive();
    const from = isVia(target) ? target.name : target;
    return monitor(this.process, this.runtime.registry.find(target), from, options);
  }

  /** Ends a monitor; see the options for a `DOWN` that is already here (fact 27). */
  demonitor(ref: Reference, options?: DemonitorOptions): boolean {
    this.assertAlive();
    return demonitor(this.process, ref, options);
  }

  /** Ends this process: `exit(Reason)`. */
  exit(reason: Reason): never {
    this.assertAlive();
    throw new Exit(reason);
  }

  /** Sends an exit signal: `exit(Pid, Reason)`. */
  sendExit(to: Pid, reason: Reason): true {
    this.assertAlive();
    return sendExit(this.process.pid, to, reason);
  }

  /** Turns exit signals into messages, or back; the answer is what held before (fact 16). */
  trapExit(trap: boolean): boolean {
    this.assertAlive();
    const before = this.process.trapExit;
    this.process.trapExit = trap;
    return before;
  }

  /** @throws BadArgument when the name is taken, or the process has one already */
  register(name: string, pid: Pid = this.process.pid): true {
    this.assertAlive();
    return this.runtime.registry.register(name, pid);
  }

  /** @throws BadArgument when nobody holds the name */
  unregister(name: string): true {
    this.assertAlive();
    return this.runtime.registry.unregister(name);
  }

  /** Binds something outside the runtime to this process's life. */
  openPort(close: () => void): Port {
    this.assertAlive();
    return new Port(this.process, close);
  }

  /** Sends `message` once, after `ms`. */
  sendAfter<N>(ms: number, to: Pid<N> | Name<N>, message: N): TimerRef {
    this.assertAlive();
    return sendAfter(this.runtime, ms, to, message);
  }

  /** Sends `{ type: 'timeout', ref, message }` once, after `ms`. */
  startTimer<N>(ms: number, to: Pid<TimeoutMessage<N>> | Name<TimeoutMessage<N>>, message: N): TimerRef {
    this.assertAlive();
    return startTimer(this.runtime, ms, to, message);
  }

  /**
   * Sends `message` every `ms` until cancelled or the receiver is gone. A name outlives its holders:
   * while nobody has it, the messages are dropped.
   */
  sendInterval<N>(ms: number, to: Pid<N> | Name<N>, message: N): TimerRef {
    this.assertAlive();
    return sendInterval(this.runtime, ms, to, message);
  }

  /** Sends `message` to this process every `ms`. */
  sendEvery(ms: number, message: M): TimerRef {
    return this.sendInterval(ms, this.pid, message);
  }

  /**
   * Milliseconds that were left, or false (fact 97). With `async` they come as a message
   * `{ type: 'cancel_timer', ref, result }` instead; without `info` they do not come at all.
   */
  cancelTimer(ref: TimerRef, options: TimerAnswerOptions = {}): number | false | 'ok' {
    this.assertAlive();
    return this.answerTimer('cancel_timer', ref, cancelTimer(this.runtime, ref), options);
  }

  /** The same without cancelling; the message is a `read_timer`. */
  readTimer(ref: TimerRef, options: Pick<TimerAnswerOptions, 'async'> = {}): number | false | 'ok' {
    this.assertAlive();
    return this.answerTimer('read_timer', ref, readTimer(this.runtime, ref), options);
  }

  private answerTimer(
    type: string,
    ref: TimerRef,
    result: number | false,
    { async = false, info = true }: TimerAnswerOptions,
  ): number | false | 'ok' {
    if (info && !async) return result;
    if (info) this.process.deliver({ type, ref, result });
    return 'ok';
  }

  private assertAlive(): void {
    if (!this.process.alive) throw new DeadProcess();
  }
}

const matchAny = (_message: unknown): _message is unknown => true;
