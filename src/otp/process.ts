/**
 * Process: the record behind a pid, and how one process runs.
 *
 * A process is woken by its scheduler and then does, in this order: begin its body, go on where
 * it was blocked, and take a bounded batch of its mailbox. It takes messages in one of two ways.
 * An asynchronous body awaits `receive`, as Erlang code does. A body that hands a function to
 * `serve` is called for every message in turn instead, without a promise in between; when that
 * function returns a promise, the mailbox is held until it has settled.
 *
 * Whatever a process waits for (a message, a reply, the start of a child) is a *block*. A block
 * resumes through the wake-up of its own process, so nothing of a process runs once it has ended:
 * what was pending then stays pending for ever (fact 5).
 *
 * Links, monitors and exits stand in signals.ts; the handle that user code gets in self.ts.
 */
import { inspect } from 'node:util';
import { type Arm, type Block, blockNobody, type Settle } from './block';
import { DeadProcess, isExitThrown, reasonOf } from './errors';
import { LazySet } from './lazy-set';
import { Mailbox } from './mailbox';
import { Reference } from './reference';
import type { Wakeup } from './scheduler';
import type { Reason } from './term';
import { checkTimeout, type Timer } from './timers';

declare const accepts: unique symbol;

/**
 * The name of one incarnation of a process, for ever: a restarted process has another pid, and
 * what is sent to a dead one vanishes (fact 1). `M` is what the process accepts.
 */
export class Pid<in M = never> {
  declare readonly [accepts]: (message: M) => void;
  /** The living process; undefined once it has ended. For the runtime only. */
  process: Process | undefined;

  constructor(readonly id: number) {}

  toString(): string {
    return `<0.${this.id}.0>`;
  }

  toJSON(): string {
    return this.toString();
  }

  /** In logs and error messages a pid is its number, not all that its process holds. */
  [inspect.custom](): string {
    return this.toString();
  }
}

/** What the runtime does for its processes. runtime.ts implements it and knows processes, so this file must not know it. */
export interface Kernel {
  /** Most messages that one wake-up takes, so that no process starves the event loop. */
  readonly batchMessagesMax: number;
  /** Every message passes here on its way, so that a debugging runtime can freeze it. */
  sending<T>(message: T): T;
  startTimer(delayMs: number, fire: () => void): Timer;
  cancelTimer(timer: Timer): number | false;
  /** Runs what `process` does outside of its wake-ups, as that process. */
  goOn(process: Process, action: () => void): void;
  /** Ends `process` with `reason` and tells its links and monitors. */
  terminate(process: Process, reason: Reason): void;
  /** `process` has just ended: free its name and its place in the table. */
  ended(process: Process): void;
  /** A body threw: one line in the log before the process ends. */
  reportUncaught(process: Process, reason: Reason): void;
}

/** One end of a process to be told: who watches whom, and how. It is its own reference. */
export class Monitor extends Reference {
  constructor(
    /** Undefined when somebody outside of any process watches. */
    readonly watcher: Process | undefined,
    readonly target: Process | undefined,
    readonly notify: (reason: Reason) => void,
  ) {
    super();
  }
}

/** Something whose life is bound to its owner's, as a socket's to its process. */
export interface Owned {
  ownerEnded(): void;
}

/** Where a process comes from; kept for reports (fact 36). */
export interface Origin {
  /** Its pid, not its record: that would keep the record of every dead ancestor in memory. */
  readonly parent: Pid | undefined;
  /** What it runs, for people: `kv-store:init/1`. */
  readonly initialCall: string;
  /** The application that it belongs to, as Erlang's group leader. */
  readonly application: string | undefined;
}

/** Called for each message; a promise holds the mailbox until it settles. */
export type Handler = (message: unknown) => void | Promise<void>;

/** What a process runs from its first wake-up on; user code sees it as `ProcessBody`, with a handle. */
export type Body = (process: Process) => void | Promise<void>;

/** `waiting` for a message, `blocked` on something else, `suspended` by sys, else `running`. */
export type Status = 'running' | 'waiting' | 'blocked' | 'suspended';

interface Receiving {
  readonly match: (message: unknown) => boolean;
  readonly deliver: (message: unknown) => void;
  /** Messages before this position are known not to match. */
  scanned: number;
}

let running: Process | undefined;

/** The process whose code is running synchronously right now. */
export function currentProcess(): Process | undefined {
  return running;
}

/** Unwinds code that runs on after its own process has ended: it has no more effects (fact 5). */
export function assertNotDead(): void {
  if (running !== undefined && !running.alive) throw new DeadProcess();
}

/** Runs `action` as `process` (or as nobody); what it starts or sends is theirs. */
export function runAs<T>(process: Process | undefined, action: () => T): T {
  const outer = running;
  running = process;
  try {
    return action();
  } finally {
    running = outer;
  }
}

/** Waits for something other than a message, as `process` or as nobody. */
export function block<T>(process: Process | undefined, arm: Arm<T>): Promise<T> {
  return process ? process.block(arm) : blockNobody(arm);
}

/** The record of a process. Dead ones keep nothing that only the living need. */
export class Process {
  readonly pid: Pid;
  readonly ancestors: readonly string[];
  readonly mailbox = new Mailbox();
  readonly links = new LazySet<Process>();
  /** Monitors that this process holds on others. */
  readonly monitors = new LazySet<Monitor>();
  readonly monitoredBy = new LazySet<Monitor>();
  /** Timers aimed at this process. */
  readonly timers = new LazySet<Timer>();
  readonly owned = new LazySet<Owned>();
  alive = true;
  trapExit = false;
  suspended = false;
  name: string | undefined;
  /** Messages taken so far. */
  handled = 0;

  private readonly wakeup: Wakeup;
  private readonly blocks = new LazySet<Block>();
  private resumptions: (() => void)[] = [];
  private body: Body | undefined;
  private handler: Handler | undefined;
  private receiving: Receiving | undefined;
  private scheduled = false;
  private held = false;
  private budget = 0;

  constructor(
    id: number,
    readonly kernel: Kernel,
    readonly origin: Origin,
    body: Body,
    addToScheduler: (id: number, run: () => void) => Wakeup,
  ) {
    this.pid = new Pid(id);
    this.pid.process = this;
    this.body = body;
    const parent = origin.parent?.process;
    this.ancestors = parent ? [parent.label, ...parent.ancestors].slice(0, ANCESTORS_MAX) : [];
    this.wakeup = addToScheduler(id, () => this.run());
    this.schedule();
  }

  /** The registered name, or the pid: what people know it by. */
  get label(): string {
    return this.name ?? this.pid.toString();
  }

  get status(): Status {
    if (this.suspended) return 'suspended';
    if (this.receiving) return 'waiting';
    if (this.blocks.size > 0) return 'blocked';
    return this.handler && !this.held && this.mailbox.length === 0 ? 'waiting' : 'running';
  }

  /** Puts a message into the mailbox. A dead process takes none, silently (fact 4). */
  deliver(message: unknown): void {
    if (!this.alive) return;
    this.mailbox.push(message);
    this.schedule();
  }

  /** From now on `handler` is called for every message, those already queued included. */
  serve(handler: Handler): void {
    this.handler = handler;
    this.schedule();
  }

  /**
   * Waits for the first message that matches; the others stay queued in order. Only one receive
   * can wait at a time.
   */
  receive(match: (message: unknown) => boolean, timeoutMs: number): Promise<unknown> {
    if (this.receiving) throw new Error('Cannot receive: this process is already waiting for a message');
    checkTimeout(timeoutMs);
    const position = this.find(match, 0);
    // What is already here is taken at once, but no more in one turn than a batch.
    if (position !== undefined && this.budget > 0) return Promise.resolve(this.takeAt(position));
    return this.block((settle) => {
      this.receiving = { match, deliver: settle.resolve, scanned: position ?? this.mailbox.length };
      // A message that is here already beats every timeout: it only waits for the next turn.
      if (position !== undefined) this.schedule();
      const isTimed = position === undefined && timeoutMs !== Number.POSITIVE_INFINITY;
      const timer = isTimed ? this.startReceiveTimer(timeoutMs, settle) : undefined;
      return () => timer && this.kernel.cancelTimer(timer);
    });
  }

  /** Drops every message for which `drop` holds, as a receive that takes them all. */
  discard(drop: (message: unknown) => boolean): void {
    this.mailbox.discard(drop);
    // The messages that a waiting receive has looked at are no longer where they were.
    if (this.receiving) this.receiving.scanned = 0;
  }

  /** Waits for something other than a message; see {@link block}. */
  block<T>(arm: Arm<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const entry: Block = { disarm: () => {} };
      const settled = (resume: () => void) => {
        if (!this.blocks.delete(entry)) return;
        entry.disarm();
        this.resumptions.push(resume);
        this.schedule();
      };
      this.blocks.add(entry);
      const disarm = this.arm(arm, entry, {
        resolve: (value) => settled(() => resolve(value)),
        reject: (error) => settled(() => reject(error)),
      });
      // What settled while it was being armed is withdrawn now.
      if (this.blocks.has(entry)) entry.disarm = disarm;
      else disarm();
    });
  }

  /** Arms a block; one that cannot be armed is none. */
  private arm<T>(arm: Arm<T>, entry: Block, settle: Settle<T>): () => void {
    try {
      return arm(settle);
    } catch (error) {
      this.blocks.delete(entry);
      throw error;
    }
  }

  /** Lets go of all that only a living process needs. Called once, by signals.ts. */
  end(): void {
    this.alive = false;
    this.pid.process = undefined;
    for (const block of this.blocks.takeAll()) block.disarm();
    this.mailbox.clear();
    this.resumptions = [];
    this.receiving = undefined;
    this.handler = undefined;
    this.body = undefined;
    this.wakeup.release();
  }

  private schedule(): void {
    if (this.scheduled || !this.alive) return;
    this.scheduled = true;
    this.wakeup.wake();
  }

  private run(): void {
    this.scheduled = false;
    if (!this.alive) return;
    this.budget = this.kernel.batchMessagesMax;
    const outer = running;
    running = this;
    try {
      // What the body already waits for is due at the next wake-up, so that `yield` yields there too.
      if (this.body) this.begin(this.body);
      else if (this.resumptions.length > 0) this.resume();
      this.drain();
    } catch (error) {
      this.fail(error);
    } finally {
      running = outer;
    }
  }

  private begin(body: Body): void {
    this.body = undefined;
    const finished = body(this);
    if (finished) finished.then(this.bodyFinished, this.fail);
    else this.bodyFinished();
  }

  private readonly bodyFinished = (): void => {
    if (this.alive && !this.handler) this.kernel.terminate(this, 'normal');
  };

  private resume(): void {
    const resumptions = this.resumptions;
    this.resumptions = [];
    for (const resume of resumptions) resume();
  }

  private drain(): void {
    if (this.receiving) this.answerReceive(this.receiving);
    while (this.handler && !this.held && !this.receiving && this.mailbox.length > 0) {
      if (this.budget === 0) return this.schedule();
      this.budget -= 1;
      this.handled += 1;
      const pending = this.handler(this.mailbox.shift());
      if (pending) this.hold(pending);
    }
  }

  private hold(pending: Promise<void>): void {
    this.held = true;
    pending.then(this.goOn, this.fail);
  }

  /** What an asynchronous handler has held up goes on in the same turn, as far as the batch reaches. */
  private readonly goOn = (): void => {
    this.held = false;
    if (this.mailbox.length === 0 || !this.alive) return;
    try {
      this.kernel.goOn(this, () => this.drain());
    } catch (error) {
      this.fail(error);
    }
  };

  private answerReceive(receiving: Receiving): void {
    const position = this.find(receiving.match, receiving.scanned);
    if (position === undefined) {
      receiving.scanned = this.mailbox.length;
      return;
    }
    this.receiving = undefined;
    receiving.deliver(this.takeAt(position));
  }

  private startReceiveTimer(timeoutMs: number, settle: Settle<unknown>): Timer {
    return this.kernel.startTimer(timeoutMs, () => {
      this.receiving = undefined;
      settle.resolve(TIMEOUT);
    });
  }

  private find(match: (message: unknown) => boolean, from: number): number | undefined {
    for (let position = from; position < this.mailbox.length; position += 1) {
      if (match(this.mailbox.at(position))) return position;
    }
    return undefined;
  }

  private takeAt(position: number): unknown {
    this.budget -= 1;
    this.handled += 1;
    return this.mailbox.take(position);
  }

  /** The body threw. Nothing that is done here throws: it would reach the scheduler, or nobody. */
  private readonly fail = (thrown: unknown): void => {
    if (!this.alive) return;
    const reason = reasonOf(thrown);
    if (!isExitThrown(thrown)) this.kernel.reportUncaught(this, reason);
    this.kernel.terminate(this, reason);
  };
}

/** What a receive gives when no message came in time. */
export const TIMEOUT: unique symbol = Symbol('timeout');

/** Deeper trees than this are cut in reports. */
const ANCESTORS_MAX = 16;
