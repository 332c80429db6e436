/**
 * Application controller: which applications a runtime knows, which of them run, and what follows
 * when one of them ends.
 *
 * It is a record and not a process: what takes time is done by the masters, and whoever asked
 * waits for them in its own name.
 */
import { err, ok, type Result } from '../result';
import type { Application, ApplicationInfo, ApplicationOptions, RestartType } from './application-spec';
import { ApplicationMaster, type Outcome } from './application-master';
import { reasonOf } from './errors';
import { block, type Process } from './process';
import type { Runtime } from './runtime';
import { watch } from './signals';
import type { Reason } from './term';

/** A start that is under way, and who waits for it. */
interface Starting {
  readonly waiting: ((outcome: Outcome) => void)[];
}

interface Running {
  readonly master: ApplicationMaster;
  isStopping: boolean;
}

/** The applications of one runtime; {@link ApplicationController.of} makes it on first use. What can be expected to fail is a value. */
export class ApplicationController {
  options: ApplicationOptions = {};
  private readonly specs = new Map<string, Application<unknown>>();
  private readonly env = new Map<string, Map<string, unknown>>();
  private readonly starting = new Map<string, Starting>();
  /** In the order in which they were started. */
  private readonly running = new Map<string, Running>();
  private isGoingDown = false;

  private constructor(private readonly runtime: Runtime) {}

  static of(runtime: Runtime): ApplicationController {
    const found = runtime.parts.get(CONTROLLER);
    if (found instanceof ApplicationController) return found;
    const controller = new ApplicationController(runtime);
    runtime.parts.set(CONTROLLER, controller);
    return controller;
  }

  load(spec: Application<unknown>): Result<'ok', Reason> {
    if (this.specs.has(spec.name)) return err(['already_loaded', spec.name]);
    this.specs.set(spec.name, spec);
    for (const [key, value] of Object.entries(spec.env ?? {})) this.setEnv(spec.name, key, value);
    return ok('ok');
  }

  unload(name: string): Result<'ok', Reason> {
    if (this.running.has(name) || this.starting.has(name)) return err(['running', name]);
    if (!this.specs.delete(name)) return err(['not_loaded', name]);
    this.env.delete(name);
    return ok('ok');
  }

  async start(caller: Process | undefined, name: string, type: RestartType): Promise<Result<'ok', Reason>> {
    if (this.running.get(name)?.isStopping) await this.untilEnded(caller, name);
    const spec = this.specs.get(name);
    if (spec === undefined) return err(noSuchFile(name));
    if (this.running.has(name)) return err(['already_started', name]);
    const missing = spec.dependencies?.find((dependency) => !this.running.has(dependency));
    if (missing !== undefined) return err(['not_started', missing]);
    const outcome = await this.untilStarted(caller, spec, type);
    return outcome.started ? ok('ok') : err(outcome.error);
  }

  async ensureAllStarted(
    caller: Process | undefined,
    name: string,
    type: RestartType,
  ): Promise<Result<string[], Reason>> {
    const started: string[] = [];
    const failure = await this.ensure(caller, name, type, started, []);
    if (failure === undefined) return ok(started);
    for (const other of started.toReversed()) await this.stop(caller, other);
    return err(failure);
  }

  async stop(caller: Process | undefined, name: string): Promise<Result<'ok', Reason>> {
    const running = this.running.get(name);
    if (running === undefined) return err(['not_started', name]);
    const isFirst = !running.isStopping;
    running.isStopping = true;
    if (isFirst) running.master.stop();
    await this.untilEnded(caller, name);
    return isFirst ? ok('ok') : err(['not_started', name]);
  }

  async stopAll(caller: Process | undefined): Promise<void> {
    for (const name of [...this.running.keys()].toReversed()) await this.stop(caller, name);
  }

  /** Last started first, as in Erlang. */
  whichApplications(): ApplicationInfo[] {
    return [...this.running.values()]
      .map(({ master: { spec } }) => ({
        name: spec.name,
        description: spec.description ?? '',
        version: spec.version ?? '',
      }))
      .toReversed();
  }

  isLoaded(name: string): boolean {
    return this.specs.has(name);
  }

  getEnv(name: string, key: string): unknown {
    return this.env.get(name)?.get(key);
  }

  setEnv(name: string, key: string, value: unknown): void {
    const env = this.env.get(name) ?? new Map<string, unknown>();
    this.env.set(name, env.set(key, value));
  }

  unsetEnv(name: string, key: string): void {
    this.env.get(name)?.delete(key);
  }

  /** The answer is the first failure, if there is one: `[application, reason]`. */
  private async ensure(
    caller: Process | undefined,
    name: string,
    type: RestartType,
    started: string[],
    dependants: readonly string[],
  ): Promise<readonly [application: string, reason: Reason] | undefined> {
    // Of applications that depend on each other none can start: the last one says so.
    if (this.running.has(name) || dependants.includes(name)) return undefined;
    for (const dependency of this.specs.get(name)?.dependencies ?? []) {
      const failure = await this.ensure(caller, dependency, type, started, [...dependants, name]);
      if (failure !== undefined) return failure;
    }
    const result = await this.start(caller, name, type);
    if (!result.ok) return [name, result.error];
    started.push(name);
    return undefined;
  }

  private untilStarted(caller: Process | undefined, spec: Application<unknown>, type: RestartType): Promise<Outcome> {
    return block(caller, (settle) => {
      const starting = this.starting.get(spec.name) ?? this.launch(spec, type);
      starting.waiting.push(settle.resolve);
      return () => {};
    });
  }

  private launch(spec: Application<unknown>, type: RestartType): Starting {
    const starting: Starting = { waiting: [] };
    const settle = (outcome: Outcome) => {
      this.starting.delete(spec.name);
      if (outcome.started) this.running.set(spec.name, { master, isStopping: false });
      this.reportStart(spec.name, outcome);
      for (const resolve of starting.waiting) resolve(outcome);
    };
    const master = new ApplicationMaster(spec, this.runtime, settle);
    this.starting.set(spec.name, starting);
    watch(undefined, master.process, (reason) => {
      if (this.starting.get(spec.name) === starting) settle({ started: false, error: reason });
      else if (this.running.get(spec.name)?.master === master) this.ended(master, type, reason);
    });
    return starting;
  }

  private reportStart(application: string, outcome: Outcome): void {
    const { logger } = this.runtime;
    if (outcome.started) logger.report('info', { type: 'application_started', application });
    else logger.report('notice', { type: 'application_exit', application, reason: outcome.error });
  }

  private ended(master: ApplicationMaster, type: RestartType, reason: Reason): void {
    const application = master.spec.name;
    this.running.delete(application);
    const why = master.isStopped ? 'stopped' : reason;
    this.runtime.logger.report('notice', { type: 'application_exit', application, reason: why });
    const isFatal = type === 'permanent' || (type === 'transient' && reason !== 'normal');
    if (isFatal && !master.isStopped && !this.runtime.isStopped) this.goDown(application, reason);
  }

  /** Takes the node down, once: other applications may end on the way. */
  private goDown(application: string, reason: Reason): void {
    if (this.isGoingDown) return;
    this.isGoingDown = true;
    const down = this.options.nodeDown ?? (() => this.endProgram());
    const failed = (thrown: unknown) =>
      this.runtime.logger.event('error', 'node_down_failed', { application, reason: reasonOf(thrown) });
    void this.runtime
      .run(async () => down(application, reason))
      .catch(failed)
      .finally(() => {
        this.isGoingDown = false;
      });
  }

  private async endProgram(): Promise<void> {
    await this.stopAll(undefined);
    const { exit = (status: number) => process.exit(status) } = this.options;
    exit(EXIT_STATUS);
  }

  private untilEnded(caller: Process | undefined, name: string): Promise<void> {
    return block(caller, (settle) => {
      const process = this.running.get(name)?.master.process;
      if (process) return watch(caller, process, () => settle.resolve());
      settle.resolve();
      return () => {};
    });
  }
}

const CONTROLLER = Symbol('applications');

/** What the program ends with when an application that it cannot do without has ended. */
const EXIT_STATUS = 1;

/** What Erlang says of an application that it cannot find (fact 110). */
const noSuchFile = (name: string): Reason => ['no such file or directory', `${name}.app`];
