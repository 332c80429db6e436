/**
 * supervisor: a process that starts other processes, and starts them again.
 *
 * A module gives the flags and the children; this one starts them left to right, stops them right
 * to left, and restarts by one of four strategies until that has happened too often. It is a
 * gen_server like any other, but for what it knows of processes: it watches the end of a child past
 * its own mailbox, and takes the exits of children that it is stopping out of it. What it checks is
 * in child-spec.ts, what it decides in restart-policy.ts, what it does in supervisor-loop.ts.
 *
 *   const counterSup: Supervisor<void> = {
 *     init: () => ({
 *       flags: { strategy: 'one_for_one', intensity: 3, periodMs: 10_000 },
 *       children: [{ id: 'counter', start: () => counter.startLink() }],
 *     }),
 *   };
 */
import type { AnswerOf, AnyServer, Ask, ServerRef } from './call';
import {
  type AutoShutdown,
  type ChildSpec,
  type ChildType,
  checkChildSpec,
  checkChildSpecs,
  checkFlags,
  type Flags,
  type FullChildSpec,
  type SpecError,
  type SupervisorFlags,
} from './child-spec';
import * as genServer from './gen-server';
import {
  cannotStart,
  type GenServer,
  type Handled,
  type InitResult,
  noReply,
  reply,
  started,
  stop,
} from './gen-server-callbacks';
import { moduleNameOf, type StartOptions, type StartResult } from './proc-lib';
import { Pid } from './process';
import { err, ok, type Result } from '../result';
import type { Self } from './self';
import { type ExitMessage, isExit } from './signals';
import { Child } from './supervisor-children';
import { type Launched, SupervisorLoop, type TryAgain, type Verdict } from './supervisor-loop';
import type { Reason } from './term';
import { unreachable } from '../unreachable';

export type {
  AutoShutdown,
  ChildSpec,
  ChildType,
  Flags,
  FullChildSpec,
  Restart,
  Shutdown,
  SpecError,
  StartedChild,
  StartFunction,
  Strategy,
  SupervisorFlags,
} from './child-spec';

/** A supervisor module: the flags and the children, or `ignore`. No other logic belongs here. */
export interface Supervisor<Args> {
  init(args: Args): SupervisorInit | 'ignore' | Promise<SupervisorInit | 'ignore'>;
}

/** What `init` gives. Children are started in their order and stopped from the last to the first. */
export interface SupervisorInit {
  readonly flags: SupervisorFlags;
  readonly children: readonly ChildSpec[];
}

/** Where a running supervisor is reached. A name outlives its restarts, a pid does not. */
export type SupervisorRef = AnyServer;

/** One line of `whichChildren`. */
export interface ChildInfo {
  /** Undefined for an instance of a simple_one_for_one supervisor. */
  readonly id: string | undefined;
  readonly pid: Pid | 'restarting' | undefined;
  readonly type: ChildType;
  readonly modules: readonly string[];
  /** How often it was started again. */
  readonly restarts: number;
}

/** What `countChildren` gives. Only `active` asks whether they run; `specs` is 1 for any number of instances. */
export interface ChildCounts {
  readonly specs: number;
  readonly active: number;
  readonly supervisors: number;
  readonly workers: number;
}

/** A child that is up, and what its start told besides. */
export interface StartedInfo {
  readonly pid: Pid | undefined;
  readonly info?: unknown;
}

type Call =
  | Ask<'start_child', Result<StartedInfo, Reason>, { spec: unknown }>
  | Ask<'terminate_child', Result<'ok', Reason>, { child: string | Pid }>
  | Ask<'restart_child', Result<StartedInfo, Reason>, { id: string }>
  | Ask<'delete_child', Result<'ok', Reason>, { id: string }>
  | Ask<'get_childspec', Result<FullChildSpec, Reason>, { child: string | Pid }>
  | Ask<'which_children', readonly ChildInfo[]>
  | Ask<'count_children', ChildCounts>
  | Ask<'get_flags', Flags>;

interface Args {
  readonly module: Supervisor<unknown>;
  readonly args: unknown;
  readonly name: string;
}

/** Starts a supervisor linked to the running process, and all its children; waits until they are up. */
export function startLink<A>(module: Supervisor<A>, args: A, options: StartOptions = {}): Promise<StartResult> {
  const name = nameOf(options);
  return genServer.startLink(callbacks, { module, args, name }, { ...options, module: name });
}

/**
 * Starts a supervisor that is linked to nobody, as from outside of any process. Only
 * `genServer.stop` ends it in good order.
 */
export function start<A>(module: Supervisor<A>, args: A, options: StartOptions = {}): Promise<StartResult> {
  const name = nameOf(options);
  return genServer.start(callbacks, { module, args, name }, { ...options, module: name });
}

/**
 * Adds a child, or an instance. Errors: `['already_started', pid]`, `already_present`, a complaint
 * about the specification, or `[reason, spec]` when its start failed (fact 82).
 *
 * @param spec a specification; for simple_one_for_one, the arguments to append
 */
export const startChild = (to: SupervisorRef, spec: ChildSpec | readonly unknown[]) =>
  ask(to, { type: 'start_child', spec }, FOREVER);

/** Stops a child and keeps its specification, unless temporary. Errors: `not_found`, `simple_one_for_one`. */
export const terminateChild = (to: SupervisorRef, child: string | Pid) =>
  ask(to, { type: 'terminate_child', child }, FOREVER);

/** Starts a child that is stopped. Errors: `running`, `restarting`, `not_found`, `simple_one_for_one`. */
export const restartChild = (to: SupervisorRef, id: string) => ask(to, { type: 'restart_child', id }, FOREVER);

/** Forgets a child that is stopped. Errors: `running`, `restarting`, `not_found`, `simple_one_for_one`. */
export const deleteChild = (to: SupervisorRef, id: string) => ask(to, { type: 'delete_child', id }, FOREVER);

/** The specification of a child, with defaults. Error: `not_found`. */
export const getChildSpec = (to: SupervisorRef, child: string | Pid) =>
  ask(to, { type: 'get_childspec', child }, FOREVER);

/** The children, last started first. */
export const whichChildren = (to: SupervisorRef, timeoutMs = FOREVER) => ask(to, { type: 'which_children' }, timeoutMs);

/** How many children there are, and how many of them live. */
export const countChildren = (to: SupervisorRef) => ask(to, { type: 'count_children' }, FOREVER);

/** The flags in force, with defaults. */
export const getFlags = (to: SupervisorRef, timeoutMs = FOREVER) => ask(to, { type: 'get_flags' }, timeoutMs);

/** Checks specifications without a supervisor (fact 59). */
export function checkSpecs(specs: readonly unknown[], autoShutdown: AutoShutdown = 'never'): Result<'ok', SpecError> {
  const checked = checkChildSpecs(specs, autoShutdown);
  return checked.ok ? ok('ok') : checked;
}

const nameOf = (options: StartOptions) => moduleNameOf(options) ?? 'supervisor';

/** Any pid will do, since that is what starts and trees give; one of something else does not understand. */
const ask = <Type extends Call['type']>(
  to: SupervisorRef,
  request: Call & { readonly type: Type },
  timeoutMs: number,
): Promise<AnswerOf<Extract<Call, { readonly type: Type }>>> =>
  genServer.call<Call, Type>(to as ServerRef<Call>, request, timeoutMs);

const FOREVER = Number.POSITIVE_INFINITY;

type State = SupervisorLoop;
type Info = TryAgain | ExitMessage;

const callbacks: GenServer<Args, State, Call, never, Info> = {
  async init(args, self) {
    self.trapExit(true);
    return initialise(args, await self.run(() => args.module.init(args.args)), self);
  },
  async handleCall(request, _from, state) {
    return reply(await answer(request, state), state);
  },
  async handleInfo(message, state) {
    return next(await react(message, state), state);
  },
  terminate: (_reason, state) => state.stopAll(),
  formatStatus: (state) => ({ flags: state.flags, children: state.children.list().map(childInfo(state)) }),
};

// Starting

async function initialise(args: Args, given: unknown, self: Self<TryAgain>): Promise<InitResult<State>> {
  if (given === 'ignore') return { type: 'ignore' };
  if (!isSupervisorInit(given)) return cannotStart(['bad_return', [args.name, 'init', given]]);
  const flags = checkFlags(given.flags);
  if (!flags.ok) return cannotStart(['supervisor_data', flags.error]);
  const simple = flags.value.strategy === 'simple_one_for_one';
  if (simple && given.children.length !== 1) return cannotStart(['bad_start_spec', given.children]);
  const specs = checkChildSpecs(given.children, flags.value.autoShutdown);
  if (!specs.ok) return cannotStart(['start_spec', specs.error]);
  const state = new SupervisorLoop(self, flags.value, simple ? specs.value[0] : undefined);
  const up = simple ? ok(undefined) : await state.startAll(specs.value);
  return up.ok ? started(state) : cannotStart(up.error);
}

const isSupervisorInit = (given: unknown): given is SupervisorInit =>
  typeof given === 'object' &&
  given !== null &&
  'flags' in given &&
  'children' in given &&
  Array.isArray(given.children);

// Messages

async function react(message: Info, state: State): Promise<Verdict> {
  if (isExit(message)) {
    const child = state.children.findByPid(message.from);
    // An instance that is restarting is known by a pid that has had its say already.
    return child && child.pid === message.from ? state.childExited(child, message.reason) : 'go_on';
  }
  if (isTryAgain(message)) return state.tryAgain(message.child);
  const { process, runtime } = state.self;
  runtime.logger.report('error', { type: 'unexpected_message', name: process.label, message });
  return 'go_on';
}

const isTryAgain = (message: unknown): message is TryAgain =>
  typeof message === 'object' && message !== null && 'child' in message && message.child instanceof Child;

const next = (verdict: Verdict, state: State): Handled<State> =>
  verdict === 'go_on' ? noReply(state) : stop('shutdown', state);

// Calls

async function answer(request: Call, state: State) {
  switch (request.type) {
    case 'start_child':
      return state.template ? startInstance(state, state.template, request.spec) : startNew(state, request.spec);
    case 'terminate_child':
      return terminate(state, request.child);
    case 'restart_child':
      return restart(state, request.id);
    case 'delete_child':
      return remove(state, request.id);
    case 'get_childspec': {
      const isTemplate = request.child === state.template?.id;
      const spec = isTemplate ? state.template : findChild(state, request.child)?.spec;
      return spec ? ok(spec) : err('not_found');
    }
    case 'which_children':
      return state.children.list().toReversed().map(childInfo(state));
    case 'count_children':
      return count(state);
    case 'get_flags':
      return state.flags;
    default:
      return unreachable(request);
  }
}

async function startNew(state: State, given: unknown): Promise<Result<StartedInfo, Reason>> {
  const spec = checkChildSpec(given, state.flags.autoShutdown);
  if (!spec.ok) return spec;
  const present = state.children.find(spec.value.id);
  if (present?.pid instanceof Pid) return err(['already_started', present.pid]);
  if (present) return err('already_present');
  const launched = await state.addChild(new Child(spec.value));
  return launched.ok ? ok(told(launched.value)) : err(startFailure(launched.error, spec.value));
}

async function startInstance(
  state: State,
  template: FullChildSpec,
  args: unknown,
): Promise<Result<StartedInfo, Reason>> {
  if (!Array.isArray(args)) return err(['invalid_arguments', args]);
  const launched = await state.addChild(new Child(template, args));
  return launched.ok ? ok(told(launched.value)) : launched;
}

/** `[reason, spec]`, but a start that found its process running already says so itself. */
function startFailure(reason: Reason, spec: FullChildSpec): Reason {
  return Array.isArray(reason) && reason[0] === 'already_started' ? reason : [reason, spec];
}

async function terminate(state: State, which: string | Pid): Promise<Result<'ok', Reason>> {
  if (state.template && !(which instanceof Pid)) return err('simple_one_for_one');
  const child = findChild(state, which);
  if (child) await state.stopChild(child);
  else if (!(state.template && which instanceof Pid && which.process === undefined)) return err('not_found');
  return ok('ok');
}

async function restart(state: State, id: string): Promise<Result<StartedInfo, Reason>> {
  const child = stoppedChild(state, id);
  if (!child.ok) return child;
  const launched = await state.launch(child.value);
  return launched.ok ? ok(told(launched.value)) : launched;
}

function remove(state: State, id: string): Result<'ok', Reason> {
  const child = stoppedChild(state, id);
  if (!child.ok) return child;
  state.children.remove(child.value);
  return ok('ok');
}

/** The child of that id, when it neither runs nor is about to (facts 84 and 85). */
function stoppedChild(state: State, id: string): Result<Child, Reason> {
  if (state.template) return err('simple_one_for_one');
  const child = state.children.find(id);
  if (!child) return err('not_found');
  if (child.pid === undefined) return ok(child);
  return err(child.pid === 'restarting' ? 'restarting' : 'running');
}

/** By id, or by pid where children have no ids (fact 86). */
function findChild(state: State, which: string | Pid): Child | undefined {
  if (!(which instanceof Pid)) return state.children.find(which);
  return state.template ? state.children.findByPid(which) : undefined;
}

const told = ({ pid, info }: Launched): StartedInfo => (info === undefined ? { pid } : { pid, info });

const childInfo =
  (state: State) =>
  ({ spec, pid, restarts }: Child): ChildInfo => {
    const id = state.template ? undefined : spec.id;
    return { id, pid, type: spec.type, modules: spec.modules, restarts };
  };

function count(state: State): ChildCounts {
  const children = state.children.list();
  const active = children.filter((child) => child.pid instanceof Pid && child.pid.process).length;
  if (state.template) {
    const isSupervisor = state.template.type === 'supervisor';
    return {
      specs: 1,
      active,
      supervisors: isSupervisor ? children.length : 0,
      workers: isSupervisor ? 0 : children.length,
    };
  }
  const supervisors = children.filter((child) => child.spec.type === 'supervisor').length;
  return { specs: children.length, active, supervisors, workers: children.length - supervisors };
}
