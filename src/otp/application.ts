/**
 * application: a part of a program that is started and stopped as one (facts 110 to 115).
 *
 * An application names what it depends on and how its top supervisor is started. It is loaded,
 * then started, once all that it depends on runs. Whatever it spawns belongs to it and does not
 * outlive it. These functions act on the runtime of the running process or the one that was
 * entered with `runtime.run`; after an `await`, call them through `self.run`.
 *
 *   const kvStore: Application<Options> = {
 *     name: 'kv-store',
 *     dependencies: ['network'],
 *     args: options,
 *     start: (_type, options) => nodeSup.startLink(options),
 *   };
 *   await application.start(kvStore, 'permanent');
 */
import type { Result } from '../result';
import { ApplicationController } from './application-controller';
import type { Application, ApplicationInfo, ApplicationOptions, RestartType } from './application-spec';
import { currentProcess, type Pid } from './process';
import { currentRuntime } from './runtime';
import type { Reason } from './term';

export type { Application, ApplicationInfo, ApplicationOptions, RestartType } from './application-spec';

/** Says what is done at the end of applications, in this runtime. */
export function configure(options: ApplicationOptions): void {
  controller().options = options;
}

/** Makes an application known. Error: `['already_loaded', name]`. */
export const load = <Args, State>(spec: Application<Args, State>): Result<'ok', Reason> =>
  controller().load(erased(spec));

/** Forgets an application and its environment. Errors: `['running', name]`, `['not_loaded', name]`. */
export const unload = (name: string): Result<'ok', Reason> => controller().unload(name);

/**
 * Starts an application and waits until it is up; loads it first when it is given as a whole.
 *
 * Errors (facts 110, 111): `['already_started', name]`, `['not_started', dependency]`,
 * `['no such file or directory', '<name>.app']` for one that is not loaded, and for a failed start
 * `[reason, [name, 'start', ['normal', args]]]` or `['bad_return', [[name, 'start', …], value]]`,
 * where the value of a crash is `['EXIT', reason]`.
 *
 * @param type @default 'temporary'
 */
export const start = <Args, State>(
  app: string | Application<Args, State>,
  type: RestartType = 'temporary',
): Promise<Result<'ok', Reason>> => controller().start(currentProcess(), loaded(app), type);

/**
 * Starts an application after all that it depends on. The answer is what was started, in order;
 * the error is `[name, reason]`, and then all that were started on the way are stopped (fact 112).
 *
 * @param type of all that are started. @default 'temporary'
 */
export const ensureAllStarted = <Args, State>(
  app: string | Application<Args, State>,
  type: RestartType = 'temporary',
): Promise<Result<string[], Reason>> => controller().ensureAllStarted(currentProcess(), loaded(app), type);

/**
 * Stops an application: `prepStop`, the top supervisor for as long as it takes, `stop`, then
 * whatever still belongs to it is killed (fact 113). Others that depend on it go on. It stays
 * loaded. Error: `['not_started', name]`.
 */
export const stop = (name: string): Promise<Result<'ok', Reason>> => controller().stop(currentProcess(), name);

/** Stops all applications, last started first. */
export const stopAll = (): Promise<void> => controller().stopAll(currentProcess());

/** What runs, last started first (fact 115). */
export const whichApplications = (): ApplicationInfo[] => controller().whichApplications();

/** A value of an application's environment; undefined when there is none. */
export const getEnv = (name: string, key: string): unknown => controller().getEnv(name, key);

/** Sets a value of an application's environment, until it is unloaded. */
export const setEnv = (name: string, key: string, value: unknown): void => controller().setEnv(name, key, value);

/** Takes a value out of an application's environment. */
export const unsetEnv = (name: string, key: string): void => controller().unsetEnv(name, key);

/** The application that a living process belongs to (fact 115). */
export const getApplication = (pid: Pid): string | undefined => pid.process?.origin.application;

const controller = () => ApplicationController.of(currentRuntime());

/** Callbacks only ever get their own application's arguments and state. */
const erased = <Args, State>(spec: Application<Args, State>) => spec as unknown as Application<unknown>;

function loaded<Args, State>(app: string | Application<Args, State>): string {
  if (typeof app === 'string') return app;
  load(app);
  return app.name;
}
