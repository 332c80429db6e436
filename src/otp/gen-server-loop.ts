/**
 * The loop of a gen_server: one message in, one callback, one result carried out.
 *
 * `invoke` calls the callback for an event and `carryOut` does what its result says. What a
 * result asks to be done at once (a continue, an idle timeout of 0) is the next event, and runs
 * before any other message (fact 38). A callback that throws stops the server; what `terminate`
 * throws replaces the reason (fact 52). All of it stays synchronous as long as the callbacks are.
 */
import type { AnyAsk } from './call';
import { DeadProcess, Exit, reasonOf } from './errors';
import type { Callbacks, InitResult, Then } from './gen-server-callbacks';
import {
  type CallbackResult,
  CallMessage,
  CastMessage,
  ContinueEvent,
  hasNext,
  IdleTimeout,
  isTagged,
  resultOf,
  visible,
} from './gen-server-events';
import type { Pid } from './process';
import { reportCrash, type Start, type Starting } from './proc-lib';
import type { Self } from './self';
import { type ExitMessage, isExit } from './signals';
import type { ServerStatus } from './sys';
import { Debug, type DebugEvent } from './sys-debug';
import { CallbackFailed, SystemMessage, type SystemRequest } from './sys-requests';
import { isExpectedExit, type Reason } from './term';
import { isThenable } from './thenable';
import { unreachable } from '../unreachable';

type AnyCallbacks = Callbacks<unknown, unknown, AnyAsk, unknown, unknown, unknown>;

/** What carrying out a result leaves to do: another event at once, something to wait for, or nothing. */
type Step = Now | Promise<Now>;
type Now = { readonly event: unknown } | undefined;

/** One running gen_server: its state, and what it does with each message. */
export class ServerLoop {
  private state: unknown;
  private debug: Debug | undefined;
  private idle: IdleTimeout | undefined;

  private constructor(
    private readonly callbacks: AnyCallbacks,
    private readonly self: Self<unknown>,
    private readonly parent: Pid | undefined,
    private readonly module: string,
  ) {}

  /** The body of a process that runs these callbacks. */
  static body<Args, State, Call extends AnyAsk, Cast, Info, Continue>(
    callbacks: Callbacks<Args, State, Call, Cast, Info, Continue>,
    args: Args,
    parent: Pid | undefined,
    module: string,
  ): Start {
    return (self, starting) => new ServerLoop(callbacks, self as Self<unknown>, parent, module).begin(args, starting);
  }

  private begin(args: unknown, starting: Starting): void | Promise<void> {
    const failed = (thrown: unknown) => {
      if (!this.self.isAlive) throw new DeadProcess();
      this.initFailed(reasonOf(thrown), starting);
    };
    let result: unknown;
    try {
      result = this.callbacks.init(args, this.self);
    } catch (thrown) {
      return failed(thrown);
    }
    if (!isThenable(result)) return this.begun(result, starting);
    return Promise.resolve(result).then((value: unknown) => this.begun(value, starting), failed);
  }

  private begun(value: unknown, starting: Starting): void | Promise<void> {
    if (!this.self.isAlive) throw new DeadProcess();
    const result = isTagged(value) && hasNext(value) ? (value as InitResult<unknown, unknown>) : undefined;
    switch (result?.type) {
      case 'started':
        this.state = result.state;
        starting.started();
        return this.serveAfter(this.proceed(this.next(result.next)));
      case 'ignore':
        return starting.failed('ignore', 'normal');
      case 'stop':
        return this.initFailed(result.reason, starting);
      case 'error':
        return starting.failed({ ok: false, error: result.reason }, 'normal');
      default:
        return this.initFailed(['bad_return_value', value], starting);
    }
  }

  /** No message is taken before a continue of `init` is over, however long it takes (fact 38). */
  private serveAfter(first: void | Promise<void>): void | Promise<void> {
    if (first) return first.then(() => this.self.serve(this.onMessage));
    return this.self.serve(this.onMessage);
  }

  private initFailed(reason: Reason, starting: Starting): void {
    reportCrash(this.self, reason);
    starting.failed({ ok: false, error: reason }, reason);
  }

  private readonly onMessage = (message: unknown): void | Promise<void> => {
    if (message instanceof SystemMessage) return this.onSystemMessage(message);
    if (message instanceof IdleTimeout && message !== this.idle) return undefined;
    if (this.idle) this.stopIdle(this.idle);
    if (this.isParentExit(message)) return this.terminate(message.reason, message);
    if (this.debug) this.note({ type: 'in', message: visible(message) });
    return this.proceed({ event: message });
  };

  /** Runs events until none follows at once; synchronously as long as the callbacks are. */
  private proceed(first: Step): void | Promise<void> {
    const turnsMax = this.self.runtime.batchMessagesMax;
    let step = first;
    for (let turns = 0; step && !isThenable(step) && turns < turnsMax; turns += 1) step = this.take(step.event);
    return step && this.proceedLater(step);
  }

  /**
   * The rest of what `proceed` does, in one promise however long it is. A server that always has
   * something to do next gives others a turn after every batch.
   */
  private async proceedLater(first: Step): Promise<void> {
    const turnsMax = this.self.runtime.batchMessagesMax;
    let step = first;
    for (let turns = 0; step; turns += 1) {
      if (isThenable(step)) step = await step;
      else if (turns % turnsMax > 0) step = this.take(step.event);
      else step = await this.takeAfterOthers(step.event);
    }
  }

  private async takeAfterOthers(event: unknown): Promise<Now> {
    await this.self.yield();
    const step = event instanceof IdleTimeout ? this.expireAtOnce() : { event };
    return step && this.take(event);
  }

  /** One event: its callback, and what the result of that says. */
  private take(event: unknown): Step {
    let result: unknown;
    try {
      result = this.invoke(event);
    } catch (thrown) {
      return this.callbackFailed(thrown, event);
    }
    return isThenable(result) ? this.takeLater(result, event) : this.carryOut(result, event);
  }

  private async takeLater(pending: PromiseLike<unknown>, event: unknown): Promise<Now> {
    let result: unknown;
    try {
      result = await pending;
    } catch (thrown) {
      return this.callbackFailed(thrown, event);
    }
    return this.carryOut(result, event);
  }

  private callbackFailed(thrown: unknown, event: unknown): Promise<undefined> | undefined {
    if (!this.self.isAlive) throw new DeadProcess();
    return this.terminate(reasonOf(thrown), event);
  }

  private invoke(event: unknown): unknown {
    const { callbacks, state, self } = this;
    if (event instanceof CallMessage) {
      if (!callbacks.handleCall) throw this.undefinedCallback('handleCall');
      return callbacks.handleCall(event.request as AnyAsk, event.from, state, self);
    }
    if (event instanceof CastMessage) {
      if (!callbacks.handleCast) throw this.undefinedCallback('handleCast');
      return callbacks.handleCast(event.message, state, self);
    }
    if (event instanceof ContinueEvent) {
      if (!callbacks.handleContinue) throw this.undefinedCallback('handleContinue');
      return callbacks.handleContinue(event.message, state, self);
    }
    if (!callbacks.handleInfo) return this.ignoreInfo(event);
    return callbacks.handleInfo(event instanceof IdleTimeout ? { type: 'timeout' } : event, state, self);
  }

  /** Erlang's `undef`: the module lacks a callback that is needed (fact 40). */
  private undefinedCallback(name: string): Exit {
    return new Exit(['undef', [this.module, name]]);
  }

  private ignoreInfo(message: unknown): CallbackResult {
    const name = this.self.process.label;
    this.self.runtime.logger.report('warning', { type: 'unexpected_message', name, message });
    return { type: 'noreply', state: this.state, next: undefined };
  }

  private carryOut(value: unknown, event: unknown): Step {
    // A callback that was still running when its process was killed has nothing more to say.
    if (!this.self.isAlive) throw new DeadProcess();
    const result = resultOf(value, event);
    if (result === undefined) return this.terminate(['bad_return_value', value], event);
    this.state = result.state;
    switch (result.type) {
      case 'noreply':
        if (this.debug) this.note({ type: 'noreply', state: this.state });
        return this.next(result.next);
      case 'reply':
        this.answer(event as CallMessage, result.answer);
        return this.next(result.next);
      case 'stop':
        return this.terminate(result.reason, event);
      case 'stop_reply':
        return this.terminate(result.reason, event, () => this.answer(event as CallMessage, result.answer));
    }
  }

  private answer({ from }: CallMessage, answer: unknown): void {
    from.answer(answer);
    if (this.debug) this.note({ type: 'out', message: answer, to: from.pid?.toString() });
  }

  private next(next: Then<unknown> | undefined): Step {
    if (next === undefined || next === 'hibernate') return undefined;
    if ('continue' in next) return { event: new ContinueEvent(next.continue) };
    if (next.timeoutMs === 0) return this.expireAtOnce();
    if (next.timeoutMs !== Number.POSITIVE_INFINITY) this.startIdle(next.timeoutMs);
    return undefined;
  }

  /** A timeout of 0: a message that is already here wins; a system request only goes first (fact 39). */
  private expireAtOnce(): Step {
    const { mailbox } = this.self.process;
    if (mailbox.length === 0) return { event: new IdleTimeout() };
    for (let position = 0; position < mailbox.length; position += 1) {
      const message = mailbox.at(position);
      if (!(message instanceof SystemMessage || message instanceof IdleTimeout)) return undefined;
    }
    this.startIdle(0);
    return undefined;
  }

  private startIdle(timeoutMs: number): void {
    this.idle = new IdleTimeout();
    this.idle.start(this.self.process, timeoutMs);
  }

  private stopIdle(idle: IdleTimeout): void {
    idle.stop(this.self.process);
    this.idle = undefined;
  }

  private isParentExit(message: unknown): message is ExitMessage {
    return this.parent !== undefined && isExit(message) && message.from === this.parent;
  }

  /** Last words, then the end (facts 49 to 52). A waiting caller is answered in between (fact 47). */
  private terminate(reason: Reason, lastEvent: unknown, answer = () => {}): Promise<undefined> | undefined {
    const end = (why: Reason): never => {
      if (!this.self.isAlive) throw new DeadProcess();
      answer();
      this.report(why, lastEvent);
      throw new Exit(why);
    };
    const failed = (thrown: unknown) => end(thrown instanceof Error ? reasonOf(thrown) : reason);
    let pending: unknown;
    try {
      pending = this.callbacks.terminate?.(reason, this.state, this.self);
    } catch (thrown) {
      return failed(thrown);
    }
    return isThenable(pending) ? Promise.resolve(pending).then(() => end(reason), failed) : end(reason);
  }

  private report(reason: Reason, lastEvent: unknown): void {
    if (isExpectedExit(reason)) return;
    this.self.runtime.logger.report('error', {
      type: 'terminate',
      name: this.self.process.label,
      module: this.module,
      lastMessage: visible(lastEvent),
      state: this.visibleState(),
      reason,
      client: lastEvent instanceof CallMessage ? lastEvent.from.pid?.toString() : undefined,
      log: this.debug?.log ?? [],
    });
    reportCrash(this.self, reason);
  }

  // System requests

  private onSystemMessage({ from, request }: SystemMessage): void | Promise<void> {
    switch (request.type) {
      case 'suspend':
        from?.answer('ok');
        return this.self.process.suspended ? undefined : this.beSuspended();
      case 'terminate':
        from?.answer('ok');
        return this.terminate(request.reason, undefined);
      default:
        return from?.answer(this.answerTo(request));
    }
  }

  /** Takes system requests and the parent's exit until resumed; the rest stays queued in order (fact 55). */
  private async beSuspended(): Promise<void> {
    const { process } = this.self;
    process.suspended = true;
    const match = (message: unknown): message is unknown =>
      message instanceof SystemMessage || this.isParentExit(message);
    while (process.suspended) await this.onMessage(await this.self.receive({ match }));
  }

  private answerTo(request: Exclude<SystemRequest, { type: 'suspend' | 'terminate' }>): unknown {
    const { process, runtime } = this.self;
    switch (request.type) {
      case 'get_state':
        return this.state;
      case 'get_status':
        return this.status();
      case 'replace_state':
        return this.replaceState('replace_state', () => request.replace(this.state)) ?? this.state;
      case 'change_code':
        if (!process.suspended) return new CallbackFailed('change_code', 'not_suspended');
        return this.replaceState('change_code', () => this.convert(request.oldVersion, request.extra)) ?? 'ok';
      case 'resume':
        process.suspended = false;
        return 'ok';
      case 'statistics':
        return this.withDebug((debug) => debug.askStatistics(request.flag, runtime.clock.nowMs(), process.handled));
      case 'log':
        return this.withDebug((debug) => debug.askLog(request.flag));
      case 'install':
        return this.withDebug((debug) => debug.install(request.name, request.debugFunction, request.state)) ?? 'ok';
      case 'remove':
        return this.withDebug((debug) => debug.remove(request.name)) ?? 'ok';
      default:
        return unreachable(request);
    }
  }

  private replaceState(operation: string, replacement: () => unknown): CallbackFailed | undefined {
    try {
      const state = replacement();
      // A state that is still to come is none: whoever wants to wait does so before it is asked for.
      if (isThenable(state)) return new CallbackFailed(operation, notAState(state));
      this.state = state;
      return undefined;
    } catch (thrown) {
      return new CallbackFailed(operation, reasonOf(thrown));
    }
  }

  private convert(oldVersion: unknown, extra: unknown): unknown {
    return this.callbacks.codeChange ? this.callbacks.codeChange(oldVersion, this.state, extra) : this.state;
  }

  /** Debugging exists only while something of it is on, so that it costs nothing when it is off. */
  private withDebug<T>(action: (debug: Debug) => T): T {
    const debug = this.debug ?? new Debug();
    const answer = action(debug);
    this.debug = debug.isIdle ? undefined : debug;
    return answer;
  }

  private note(event: DebugEvent): void {
    this.debug?.note(event, this.self.process.label);
    if (this.debug?.isIdle) this.debug = undefined;
  }

  private status(): ServerStatus {
    const { process } = this.self;
    return {
      status: process.suspended ? 'suspended' : 'running',
      pid: process.pid.toString(),
      module: this.module,
      parent: this.parent?.toString(),
      log: this.debug?.log ?? [],
      state: this.visibleState(),
    };
  }

  /** A `formatStatus` that fails shows nothing: it is there to hide something. */
  private visibleState(): unknown {
    try {
      return this.callbacks.formatStatus ? this.callbacks.formatStatus(this.state) : this.state;
    } catch {
      return ['failed', 'formatStatus'];
    }
  }
}

/** What it comes to, a failure included, concerns nobody. */
function notAState(promise: PromiseLike<unknown>): Reason {
  void Promise.resolve(promise).catch(() => {});
  return ['bad_return_value', promise];
}
