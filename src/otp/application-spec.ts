/**
 * What an application is made of, and what is said of one that runs.
 */
import type { StartResult } from './proc-lib';
import type { Self } from './self';
import type { Reason } from './term';

/** A part of a program. Callbacks may be asynchronous. */
export interface Application<Args = void, State = unknown> {
  /** What others depend on and `stop` is given; one per runtime. */
  readonly name: string;
  /** One line for people. @default '' */
  readonly description?: string;
  /** @default '' */
  readonly version?: string;
  /** The applications that must run before this one is started. @default none */
  readonly dependencies?: readonly string[];
  /** What `getEnv` finds until somebody sets it. @default nothing */
  readonly env?: Readonly<Record<string, unknown>>;
  /** What `start` is given. */
  readonly args: Args;
  /**
   * Starts the top supervisor, linked to the running process, and gives what its start gave; a
   * state for the other callbacks goes in as `info`. Without it, the application is only code.
   */
  start?(type: 'normal', args: Args, self: Self): StartResult | Promise<StartResult>;
  /** Called before the top supervisor is stopped; gives the state that `stop` gets. */
  prepStop?(state: State, self: Self): State | Promise<State>;
  /** Called when the top supervisor is down: last words. */
  stop?(state: State, self: Self): void | Promise<void>;
}

/**
 * What the end of the top supervisor means when nobody asked for it (fact 114): nothing more
 * (`temporary`), the end of the program (`permanent`), or that unless its reason was `normal`.
 */
export type RestartType = 'temporary' | 'transient' | 'permanent';

/** What `whichApplications` tells of one that runs (fact 115). */
export interface ApplicationInfo {
  readonly name: string;
  readonly description: string;
  readonly version: string;
}

/** What a program may decide about the end of its applications; see `application.configure`. */
export interface ApplicationOptions {
  /**
   * What to do when an application has ended that the program cannot do without.
   *
   * @default stop all applications, last started first, then end the program with status 1
   */
  readonly nodeDown?: (application: string, reason: Reason) => void | Promise<void>;
  /** How the default of `nodeDown` ends the program. @default process.exit */
  readonly exit?: (status: number) => void;
}
