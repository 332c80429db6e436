/**
 * Child specifications and supervisor flags: what they mean, their defaults, and what is wrong
 * with those that cannot be used (facts 57 to 59).
 *
 *   id           what the child is called in the supervisor; unique there
 *   start        starts the child, linked to the supervisor it runs in
 *   restart      permanent: always; transient: unless it ended as expected; temporary: never
 *   shutdown     how long it may take to stop: a number of ms, for ever, or not at all
 *   type         whether it is itself a supervisor
 *   significant  whether its end can end the supervisor (autoShutdown)
 */
import type { StartResult } from './proc-lib';
import { err, ok, type Result } from '../result';

/** Who is restarted when one child ends: itself, all, or it and those after it (fact 73). */
export type Strategy = 'one_for_one' | 'one_for_all' | 'rest_for_one' | 'simple_one_for_one';
/** When a child that has ended is started again (fact 71). */
export type Restart = 'permanent' | 'transient' | 'temporary';
/** How a child is stopped: in how many ms, however long it takes, or at once (fact 66). */
export type Shutdown = number | 'infinity' | 'brutal_kill';
/** What a child is: only counted, and the reason for another default of `shutdown`. */
export type ChildType = 'worker' | 'supervisor';
/** Which significant children must have ended for the supervisor to end too (fact 90). */
export type AutoShutdown = 'never' | 'any_significant' | 'all_significant';

/** What holds for all children of a supervisor. */
export interface SupervisorFlags {
  /** Who is restarted when one child ends. @default 'one_for_one' */
  readonly strategy?: Strategy;
  /** Restarts allowed within `periodMs`; one more ends the supervisor. @default 1 */
  readonly intensity?: number;
  /** Whole seconds, in milliseconds: the window is measured in seconds (fact 76). @default 5000 */
  readonly periodMs?: number;
  /** Whether the end of significant children ends the supervisor. @default 'never' */
  readonly autoShutdown?: AutoShutdown;
}

/** A start function; in a simple_one_for_one supervisor it also gets what `startChild` was given. */
export type StartFunction = (...args: never[]) => StartedChild | Promise<StartedChild>;

/** What a start function gives: `{ ok, value: pid }`, `'ignore'`, or an error. */
export type StartedChild = StartResult;

/** What a supervisor must know of one child. */
export interface ChildSpec {
  /** What it is called in its supervisor, and nowhere else: two supervisors may use the same one. */
  readonly id: string;
  /** Starts it, linked to the supervisor, as which it runs (fact 60). */
  readonly start: StartFunction;
  /** @default 'permanent' */
  readonly restart?: Restart;
  /** @default 5000 for workers, 'infinity' for supervisors */
  readonly shutdown?: Shutdown;
  /** @default 'worker' */
  readonly type?: ChildType;
  /** @default false */
  readonly significant?: boolean;
  /** What it runs, for operators. @default [id] */
  readonly modules?: readonly string[];
}

/** The flags in force: what was left out has its default. */
export type Flags = Required<SupervisorFlags>;
/** A specification in force: what was left out has its default. */
export type FullChildSpec = Required<ChildSpec>;

/** A complaint as Erlang words it: `['invalid_intensity', -1]`, `'missing_id'`. */
export type SpecError = string | readonly [string, unknown];

const STRATEGIES: readonly unknown[] = ['one_for_one', 'one_for_all', 'rest_for_one', 'simple_one_for_one'];
const RESTART_TYPES: readonly unknown[] = ['permanent', 'transient', 'temporary'];
const CHILD_TYPES: readonly unknown[] = ['worker', 'supervisor'];
const AUTO_SHUTDOWNS: readonly unknown[] = ['never', 'any_significant', 'all_significant'];
/** What `periodMs` is a multiple of. */
export const MS_PER_SECOND = 1000;

/** The flags with their defaults, or the first that cannot be used. */
export function checkFlags(given: unknown): Result<Flags, SpecError> {
  return isFields(given) ? checkEachFlag(given) : err(['invalid_type', given]);
}

function checkEachFlag(given: SupervisorFlags): Result<Flags, SpecError> {
  const flags: Flags = {
    strategy: given.strategy ?? 'one_for_one',
    intensity: given.intensity ?? 1,
    periodMs: given.periodMs ?? 5 * MS_PER_SECOND,
    autoShutdown: given.autoShutdown ?? 'never',
  };
  if (!STRATEGIES.includes(flags.strategy)) return err(['invalid_strategy', flags.strategy]);
  if (!isWhole(flags.intensity)) return err(['invalid_intensity', flags.intensity]);
  if (!isWholeSeconds(flags.periodMs)) return err(['invalid_period', flags.periodMs]);
  if (!AUTO_SHUTDOWNS.includes(flags.autoShutdown)) return err(['invalid_auto_shutdown', flags.autoShutdown]);
  if (flags.strategy === 'simple_one_for_one' && flags.autoShutdown !== 'never') {
    return err([
      'bad_combination',
      [
        ['auto_shutdown', flags.autoShutdown],
        ['strategy', flags.strategy],
      ],
    ]);
  }
  return ok(flags);
}

/** The specification with its defaults, or the first thing that is wrong with it. */
export function checkChildSpec(given: unknown, autoShutdown: AutoShutdown): Result<FullChildSpec, SpecError> {
  if (!isFields(given)) return err(['invalid_child_spec', given]);
  const spec: Partial<ChildSpec> = given;
  if (spec.id === undefined) return err('missing_id');
  if (spec.start === undefined) return err('missing_start');
  const type = spec.type ?? 'worker';
  return checkFields(
    {
      id: spec.id,
      start: spec.start,
      restart: spec.restart ?? 'permanent',
      shutdown: spec.shutdown ?? (type === 'supervisor' ? 'infinity' : 5 * MS_PER_SECOND),
      type,
      significant: spec.significant ?? false,
      modules: spec.modules ?? [spec.id],
    },
    autoShutdown,
  );
}

/** All specifications with their defaults; ids must differ. */
export function checkChildSpecs(
  given: readonly unknown[],
  autoShutdown: AutoShutdown = 'never',
): Result<readonly FullChildSpec[], SpecError> {
  const checked: FullChildSpec[] = [];
  const ids = new Set<string>();
  for (const candidate of given) {
    const spec = checkChildSpec(candidate, autoShutdown);
    if (!spec.ok) return spec;
    if (ids.has(spec.value.id)) return err(['duplicate_child_name', spec.value.id]);
    ids.add(spec.value.id);
    checked.push(spec.value);
  }
  return ok(checked);
}

function checkFields(spec: FullChildSpec, autoShutdown: AutoShutdown): Result<FullChildSpec, SpecError> {
  if (typeof spec.start !== 'function') return err(['invalid_mfa', spec.start]);
  if (!RESTART_TYPES.includes(spec.restart)) return err(['invalid_restart_type', spec.restart]);
  if (typeof spec.significant !== 'boolean') return err(['invalid_significant', spec.significant]);
  // Somebody must care when a significant child ends, and it must be able to end for good (fact 89).
  if (spec.significant && autoShutdown === 'never') return err(badCombination('auto_shutdown', 'never'));
  if (spec.significant && spec.restart === 'permanent') return err(badCombination('restart', 'permanent'));
  if (!CHILD_TYPES.includes(spec.type)) return err(['invalid_child_type', spec.type]);
  if (!isShutdown(spec.shutdown)) return err(['invalid_shutdown', spec.shutdown]);
  if (!isListOfNames(spec.modules)) return err(['invalid_modules', spec.modules]);
  return ok(spec);
}

const badCombination = (field: string, value: string): SpecError => [
  'bad_combination',
  [
    [field, value],
    ['significant', true],
  ],
];

const isFields = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isWhole = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
const isWholeSeconds = (ms: unknown) => isWhole(ms) && (ms as number) > 0 && (ms as number) % MS_PER_SECOND === 0;
const isShutdown = (value: unknown) => value === 'brutal_kill' || value === 'infinity' || isWhole(value);
const isListOfNames = (value: unknown) => Array.isArray(value) && value.every((name) => typeof name === 'string');
