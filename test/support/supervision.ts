/**
 * A supervisor under test, and children that write down when they start and end.
 *
 * The supervisor is started by an owner that traps exits, so a test sees how either of them ends.
 * When the test is over the owner is killed: the supervisor then ends orderly, with all its
 * children, and the leak check of the world follows.
 */
import {
  type ChildSpec,
  formatTerm,
  type GenServer,
  genServer,
  type Level,
  Pid,
  type Reason,
  type Report,
  type Self,
  type StartResult,
  type SupervisorFlags,
  type SupervisorRef,
  started,
  supervisor,
} from '../../src/otp';
import { startLink } from '../../src/otp/proc-lib';
import { watch } from '../../src/otp/signals';
import { type Ending, inWorld, type World, type WorldOptions } from './runtime';

/** What a start function gives instead of starting its child. */
type Substitute = () => unknown;

/** How a child behaves when it is told to stop. */
interface Manners {
  /** Traps exits, and takes this long over its last words. */
  readonly stopMs?: number;
  /** Traps exits, and ignores every one of them. */
  readonly stubborn?: boolean;
}

interface WorkerArgs extends Manners {
  readonly id: string;
  readonly family: Family;
}

const worker: GenServer<WorkerArgs, WorkerArgs> = {
  init(args, self) {
    args.family.born(args.id, self);
    if (args.stopMs !== undefined) self.trapExit(true);
    return started(args);
  },
  terminate: (_reason, { stopMs = 0 }, self) => self.sleep(stopMs),
};

export class Family {
  /** `+id` for every start, `-id` for every end. */
  events: string[] = [];
  /** Every report so far, with its level. */
  readonly reports: (readonly [Level, Report])[] = [];
  /** What the owner found in its mailbox. */
  readonly inbox: unknown[] = [];
  /** Every pid that a child ever had, oldest first. */
  readonly pids = new Map<string, Pid[]>();
  /** What the last start gave; undefined while it lasts. */
  result: StartResult | undefined;
  private readonly substitutes = new Map<string, Substitute[]>();
  private owner: Pid | undefined;
  private ref: SupervisorRef | undefined;
  private ending: Ending | undefined;

  constructor(readonly world: World) {
    world.runtime.logger.addHandler('family', (level, report) => void this.reports.push([level, report]));
  }

  /** The supervisor. */
  get sup(): Pid & SupervisorRef {
    if (this.ref instanceof Pid) return this.ref;
    throw new Error('Expected a supervisor, but it did not start');
  }

  /** How the supervisor ended, if it did. */
  get end(): Ending {
    return this.ending ?? { ended: false, reason: undefined };
  }

  // Children

  child(id: string, spec: Partial<ChildSpec> = {}, manners: Manners = {}): ChildSpec {
    return { id, start: (suffix?: string) => this.startWorker(`${id}${suffix ?? ''}`, manners), ...spec };
  }

  /** The next starts of this child give these, in this order, and only then succeed again. */
  next(id: string, ...outcomes: readonly Substitute[]): void {
    this.substitutes.set(id, [...(this.substitutes.get(id) ?? []), ...outcomes]);
  }

  fail(id: string, times: number): void {
    this.next(id, ...Array.from({ length: times }, () => () => ({ ok: false, error: 'broken' })));
  }

  forgetSubstitutes(): void {
    this.substitutes.clear();
  }

  startWorker(id: string, manners: Manners = {}): Promise<StartResult> {
    const substitute = this.substitutes.get(id)?.shift();
    if (substitute) return substitute() as Promise<StartResult>;
    if (!manners.stubborn) return genServer.startLink(worker, { ...manners, id, family: this });
    return startLink((self, starting) => {
      this.born(id, self);
      self.trapExit(true);
      starting.started();
      self.serve(() => {});
    }, {});
  }

  born(id: string, self: Self): void {
    this.events.push(`+${id}`);
    this.pids.set(id, [...(this.pids.get(id) ?? []), self.pid]);
    watch(undefined, self.process, () => void this.events.push(`-${id}`));
  }

  pidOf(id: string): Pid {
    const pid = this.pids.get(id)?.at(-1);
    if (pid === undefined) throw new Error(`Expected "${id}" to have been started`);
    return pid;
  }

  /** Ends these children as if by their own code, all at the same time; `kill` kills them. */
  die(reason: Reason, ...ids: readonly string[]): void {
    for (const id of ids) endProcess(this.pidOf(id), reason);
  }

  /** Ends children one after the other and lets the supervisor deal with it. */
  async lose(reason: Reason, ...ids: readonly string[]): Promise<void> {
    this.die(reason, ...ids);
    await this.world.idle();
  }

  // The supervisor

  async start(
    flags: SupervisorFlags,
    children: readonly unknown[],
    init = (): unknown => ({ flags, children }),
  ): Promise<StartResult> {
    this.endOwner();
    await this.world.idle();
    this.result = undefined;
    const module = { init } as supervisor.Supervisor<void>;
    this.owner = this.world.spawn<unknown>(async (self) => {
      self.trapExit(true);
      self.serve((message) => void this.inbox.push(message));
      this.result = await self.run(() => supervisor.startLink(module, undefined, { name: 'sup' }));
    });
    await this.world.idle();
    return this.started();
  }

  private started(): StartResult {
    const { result } = this;
    if (result === undefined) return { ok: false, error: 'still starting' };
    if (result === 'ignore' || !result.ok) return result;
    this.ref = result.value as SupervisorRef;
    this.ending = this.world.watch(result.value);
    return result;
  }

  /** Calls the supervisor's API from outside; nothing runs until the test lets it. */
  request<T>(request: (sup: Pid & SupervisorRef) => Promise<T>): Promise<T> {
    const pending = this.world.runtime.run(() => request(this.sup));
    pending.catch(() => {});
    return pending;
  }

  /** Calls the supervisor's API from outside and lets everything run. */
  ask<T>(request: (sup: Pid & SupervisorRef) => Promise<T>): Promise<T> {
    return this.world.outside(() => request(this.sup));
  }

  /** `[id, state]` of each child, first started first; a running one is known by how often it was started. */
  async state(): Promise<(readonly [string | undefined, number | 'restarting' | 'down'])[]> {
    const rows = await this.ask((sup) => supervisor.whichChildren(sup));
    return rows.toReversed().map(({ id, pid }) => {
      if (!(pid instanceof Pid)) return [id, pid ?? 'down'] as const;
      const generation = [...this.pids.values()].map((all) => all.indexOf(pid)).find((index) => index >= 0);
      return [id, (generation ?? -1) + 1] as const;
    });
  }

  endOwner(reason: Reason = 'kill'): void {
    if (this.owner) endProcess(this.owner, reason);
  }

  get ownerPid(): Pid {
    if (this.owner) return this.owner;
    throw new Error('Expected an owner, but none was started');
  }

  /** What has been logged since the last time, and is so no more. */
  takeEvents(): string[] {
    const { events } = this;
    this.events = [];
    return events;
  }

  /** The supervisor's own reports, short: `context id reason`. */
  complaints(): string[] {
    return this.reports.flatMap(([, report]) =>
      report.type === 'supervisor' ? `${report.context} ${report.offender.id} ${formatTerm(report.reason)}` : [],
    );
  }

  progress(): string[] {
    return this.reports.flatMap(([, report]) => (report.type === 'progress' ? String(report.started.id) : []));
  }
}

/** Ends a process with a reason, as if by its own code; `kill` kills it. */
export function endProcess({ process }: Pid, reason: Reason): void {
  process?.kernel.terminate(process, reason === 'kill' ? 'killed' : reason);
}

/** The body of a test of a family, with several seeds; it may leave its supervisor running. */
export function inFamily(body: (family: Family) => Promise<void>, options: WorldOptions = {}): () => Promise<void> {
  return inWorld(async (world) => {
    const family = new Family(world);
    await body(family);
    family.forgetSubstitutes();
    family.endOwner();
    await world.advance(LONGEST_STOP_MS);
  }, options);
}

/** Longer than any child of these tests takes to stop. */
const LONGEST_STOP_MS = 60_000;
