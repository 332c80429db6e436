/**
 * The work of a supervisor: starting, stopping and restarting its children.
 *
 * It waits inside its handlers, as Erlang's does: while a child starts or stops, the supervisor's
 * other messages stay queued. What a group restart cannot finish, because a start failed, it asks
 * itself to try again by a message, so that its API answers in between (fact 78).
 */
import type { ChildSpec, Flags, FullChildSpec, StartedChild } from './child-spec';
import { DeadProcess, reasonOf } from './errors';
import type { Offender } from './logger';
import type { Mailbox } from './mailbox';
import { isStartResult } from './proc-lib';
import { Pid, type Process } from './process';
import { addRestart, isReportable, type Restarts, shouldRestart } from './restart-policy';
import { err, ok, type Result } from '../result';
import type { Self } from './self';
import { isExit } from './signals';
import { Child, Children } from './supervisor-children';
import { isExpectedExit, type Reason } from './term';
import { watchWithin } from './watch-within';

/** A supervisor's message to itself: the last start of this child failed. */
export interface TryAgain {
  readonly type: 'try_again';
  readonly child: Child;
}

/** What a child's end leads to. */
export type Verdict = 'go_on' | 'shut_down';

/** A child that is up: its pid (none if it was ignored) and what its start told besides. */
export interface Launched {
  readonly pid: Pid | undefined;
  readonly info: unknown;
}

/** A supervisor's state and what it does with it; one per process. */
export class SupervisorLoop {
  readonly children: Children;
  private restarts: Restarts = [];

  constructor(
    readonly self: Self<TryAgain>,
    readonly flags: Flags,
    /** The one specification of a simple_one_for_one supervisor. */
    readonly template: FullChildSpec | undefined,
  ) {
    this.children = new Children(template !== undefined);
  }

  // Starting

  /** Starts the children in order; if one fails, those before it are stopped again (fact 63). */
  async startAll(specs: readonly FullChildSpec[]): Promise<Result<void, Reason>> {
    for (const spec of specs) {
      const child = new Child(spec);
      this.children.add(child);
      const launched = await this.launch(child);
      if (launched.ok) this.forgetIfIgnored(child);
      else {
        this.report('start_error', launched.error, child);
        this.children.remove(child);
        await this.stopAll();
        return err(['shutdown', ['failed_to_start_child', spec.id, launched.error]]);
      }
    }
    return ok(undefined);
  }

  /**
   * Starts a child that was not there before; nothing is kept of one that fails (fact 82). Whoever
   * asked is told, so there is no report.
   */
  async addChild(child: Child): Promise<Result<Launched, Reason>> {
    const launched = await this.launch(child);
    if (!launched.ok || (launched.value.pid === undefined && this.isDropped(child))) return launched;
    this.children.add(child);
    return launched;
  }

  /** Runs the start function, as this supervisor. */
  async launch(child: Child): Promise<Result<Launched, Reason>> {
    const outcome = await this.callStart(child);
    if (outcome === 'ignore') {
      this.children.setPid(child, undefined);
      return ok({ pid: undefined, info: undefined });
    }
    if (!outcome.ok) return outcome;
    child.dropArgs();
    this.children.setPid(child, outcome.value);
    if (!this.template) this.reportProgress(child);
    return ok({ pid: outcome.value, info: outcome.info });
  }

  private async callStart({ spec, args }: Child): Promise<StartedChild> {
    const outcome = await this.outcomeOf(() => spec.start(...(args as never[])));
    // A supervisor that was killed while it waited has nothing more to do or to report (fact 5).
    if (!this.self.isAlive) throw new DeadProcess();
    return outcome;
  }

  private async outcomeOf(start: () => StartedChild | Promise<StartedChild>): Promise<StartedChild> {
    try {
      const outcome: unknown = await this.self.run(start);
      return isStartResult(outcome) ? outcome : err(outcome);
    } catch (thrown) {
      return err(['EXIT', reasonOf(thrown)]);
    }
  }

  /** An ignored child is kept without a pid; a temporary one, or an instance, is dropped (facts 64 and 80). */
  private forgetIfIgnored(child: Child): void {
    if (child.pid === undefined && this.isDropped(child)) this.children.remove(child);
  }

  private isDropped(child: Child): boolean {
    return child.spec.restart === 'temporary' || this.template !== undefined;
  }

  // Stopping

  /** Stops every child: one after the other from the last, or all at once where there is no order. */
  async stopAll(): Promise<void> {
    if (this.template) await this.stopTogether();
    else await this.stopInOrder(this.children.list());
  }

  /** Stops these children, the last one first, waiting for each (fact 65). */
  private async stopInOrder(children: readonly Child[]): Promise<void> {
    const exits = this.exitsOf(children);
    for (const child of children.toReversed()) await this.stopChild(child, exits);
  }

  /** Instances have no order: all are told, and then all are waited for (fact 68). */
  private async stopTogether(): Promise<void> {
    const children = this.children.list();
    const exits = this.exitsOf(children);
    await Promise.all(children.map((child) => this.stopChild(child, exits)));
  }

  /** Stops a child if it runs, and cancels a restart that is pending. Its specification stays. */
  async stopChild(child: Child, exits = this.exitsOf([child])): Promise<void> {
    const { pid, spec } = child;
    if (pid instanceof Pid) {
      const reason = pid.process ? await this.shutDown(pid.process, spec) : exits.reasonOf(pid);
      if (!isExpectedStop(spec, reason)) this.report('shutdown_error', reason, child);
    }
    this.forgetProcess(child);
  }

  /** Of a child that ended for good the specification stays; of a temporary one, or an instance, nothing. */
  private forgetProcess(child: Child): void {
    if (this.isDropped(child)) this.children.remove(child);
    else this.children.setPid(child, undefined);
  }

  /** Asks, waits, and kills in the end, each as the specification says (fact 66). Tells why it ended. */
  private async shutDown(target: Process, { shutdown }: FullChildSpec): Promise<Reason> {
    const { self } = this;
    const { pid } = target;
    return self.process.block<Reason>((settle) => {
      const timeoutMs = typeof shutdown === 'number' ? shutdown : Number.POSITIVE_INFINITY;
      const unwatch = watchWithin(self.process, target, timeoutMs, {
        ended: settle.resolve,
        late: () => void self.sendExit(pid, 'kill'),
      });
      // From here on its end comes through the watch alone.
      self.unlink(pid);
      self.sendExit(pid, shutdown === 'brutal_kill' ? 'kill' : 'shutdown');
      return unwatch;
    });
  }

  private exitsOf(children: readonly Child[]): Exits {
    return new Exits(
      this.self.process.mailbox,
      new Set(children.flatMap(({ pid }) => (pid instanceof Pid ? pid : []))),
    );
  }

  // Restarting

  /** A child has ended by itself (facts 71, 72 and 90). */
  async childExited(child: Child, reason: Reason): Promise<Verdict> {
    const { spec } = child;
    this.report('child_terminated', reason, child, isReportable(spec.restart, reason));
    if (shouldRestart(spec.restart, reason)) return this.restart(child);
    this.forgetProcess(child);
    return this.endsSupervisor(spec) ? 'shut_down' : 'go_on';
  }

  /** The child's last start failed; try again unless something else has happened to it since. */
  async tryAgain(child: Child): Promise<Verdict> {
    return this.children.has(child) && child.pid === 'restarting' ? this.restart(child) : 'go_on';
  }

  private async restart(child: Child): Promise<Verdict> {
    const { restarts, exceeded } = addRestart(this.restarts, this.self.nowMs(), this.flags);
    this.restarts = restarts;
    if (exceeded) {
      this.report('shutdown', 'reached_max_restart_intensity', child);
      this.forgetProcess(child);
      return 'shut_down';
    }
    if (!this.template) this.children.setPid(child, undefined);
    const group = this.groupOf(child);
    await this.stopInOrder(group.filter((member) => member !== child));
    await this.startAgain(group.filter((member) => this.children.has(member)));
    return 'go_on';
  }

  /** Who is restarted together with the child, in start order (fact 73). */
  private groupOf(child: Child): readonly Child[] {
    if (this.flags.strategy === 'one_for_all') return this.children.list();
    return this.flags.strategy === 'rest_for_one' ? this.children.from(child) : [child];
  }

  /** If one cannot start, those before it run on; those after it wait for the next attempt (fact 79). */
  private async startAgain(group: readonly Child[]): Promise<void> {
    for (const child of group) {
      const launched = await this.launch(child);
      if (!launched.ok) return this.startAgainLater(child, launched.error);
      child.restarts += 1;
      this.forgetIfIgnored(child);
    }
  }

  /** By a message, so that whoever has asked something meanwhile is answered first (fact 78). */
  private startAgainLater(child: Child, reason: Reason): void {
    this.report('start_error', reason, child);
    this.children.setPid(child, 'restarting');
    this.self.send(this.self.pid, { type: 'try_again', child });
  }

  private endsSupervisor({ significant }: FullChildSpec): boolean {
    if (!significant || this.flags.autoShutdown === 'never') return false;
    if (this.flags.autoShutdown === 'any_significant') return true;
    return !this.children.list().some((child) => child.spec.significant && child.pid !== undefined);
  }

  // Reports

  private report(
    context: 'child_terminated' | 'start_error' | 'shutdown_error' | 'shutdown',
    reason: Reason,
    child: Child,
    wanted = true,
  ): void {
    if (!wanted) return;
    const { process, runtime } = this.self;
    const report = {
      type: 'supervisor',
      supervisor: process.label,
      context,
      reason,
      offender: offenderOf(child),
    } as const;
    runtime.logger.report('error', report);
  }

  private reportProgress(child: Child): void {
    const { process, runtime } = this.self;
    runtime.logger.report('info', { type: 'progress', supervisor: process.label, started: offenderOf(child) });
  }
}

/**
 * Why those of a group ended that end before they are stopped, perhaps while another one of the
 * group is being waited for. Their exits are taken out of the mailbox: they are dealt with here,
 * and count no more (fact 75). It is looked through only when one of them turns out to be dead,
 * and then for all that are.
 */
class Exits {
  private readonly reasons = new Map<Pid, Reason>();

  constructor(
    private readonly mailbox: Mailbox,
    private readonly group: ReadonlySet<Pid>,
  ) {}

  /** Of a dead child; `noproc` when it had unlinked itself. */
  reasonOf(pid: Pid): Reason {
    if (!this.reasons.has(pid)) this.take();
    return this.reasons.has(pid) ? this.reasons.get(pid) : 'noproc';
  }

  private take(): void {
    this.mailbox.discard((message) => {
      if (!isExit(message) || !this.group.has(message.from) || message.from.process) return false;
      this.reasons.set(message.from, message.reason);
      return true;
    });
  }
}

/** What a start function was asked for, as reports show it. */
export function offenderOf({ spec, pid }: Child): Offender {
  const { id, restart, significant, shutdown, type } = spec;
  return { pid: pid?.toString(), id, restart, significant, shutdown, type };
}

/** What it was asked to end with is no error; nor is any quiet end of a child that may end (fact 67). */
function isExpectedStop({ shutdown, restart }: ChildSpec, reason: Reason): boolean {
  if (reason === (shutdown === 'brutal_kill' ? 'killed' : 'shutdown')) return true;
  return restart !== 'permanent' && isExpectedExit(reason);
}
