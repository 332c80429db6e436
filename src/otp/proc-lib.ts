/**
 * proc_lib: how behaviours start, and how they crash.
 *
 * A start is synchronous for whoever asked: it is over when `init` is over (fact 31). A start that
 * fails leaves nothing behind: the process is dead and its name free before the starter goes on,
 * and a starter that traps exits finds no stray `EXIT` in its mailbox (facts 34 and 35).
 */
import type { Settle } from './block';
import { DeadProcess, Exit } from './errors';
import { assertNotDead, block, currentProcess, Pid, type Process, runAs } from './process';
import { promised } from './promised';
import { checkName, type Name, type Via } from './registry';
import { currentRuntime, type Runtime } from './runtime';
import { currentSelf, type Self, spawn } from './self';
import { end, link, separate, unlink } from './signals';
import { isExpectedExit, type Reason } from './term';
import { checkTimeout } from './timers';
import { watchWithin } from './watch-within';

/** What starting a process gives: it runs, it did not want to, or it could not. */
export type StartResult<P = Pid> =
  | { readonly ok: true; readonly value: P; readonly info?: unknown }
  | { readonly ok: false; readonly error: Reason }
  | 'ignore';

/** What every start of a behaviour may be told, whichever behaviour it is. */
export interface StartOptions {
  /** The name to register before `init` runs, in the runtime or in another registry (facts 34 and 95). */
  readonly name?: string | Via<never>;
  /** The module that reports and trees show. @default the name */
  readonly module?: string;
  /** Kill the process when `init` takes longer. @default Infinity */
  readonly timeoutMs?: number;
  /**
   * While another process holds the name, wait this long for it to end. What a killed supervisor
   * left behind is still on its way out when the next one starts; without waiting, every attempt
   * would fail and count. @default 0: `already_started` at once
   */
  readonly nameTimeoutMs?: number;
}

/** How a starting process tells its starter how it went. */
export interface Starting {
  /** `init` is done: the starter goes on, and so does the process. */
  started(): void;
  /** The process ends with `reason`; the starter then gets `result`. Never returns. */
  failed(result: StartResult, reason: Reason): never;
}

/** The body of a behaviour: runs `init`, reports through `starting`, then serves. */
export type Start = (self: Self, starting: Starting) => void | Promise<void>;

/** Starts a process linked to the running one, and waits until it is up. */
export function startLink(body: Start, options: StartOptions): Promise<StartResult> {
  return promised(() => {
    const parent = currentProcess();
    if (parent === undefined)
      throw new Error('Cannot link: no process is running; use start, or self.run after an await');
    return startProcess(body, options, parent);
  });
}

/**
 * Starts a process linked to the running one without waiting for its `init`, as OTP's `spawn_link`
 * and `enter_loop` do. An `init` that fails is an exit like any other.
 */
export function spawnLink(body: Start, { module = 'anonymous' }: Pick<StartOptions, 'module'>): Pid {
  return currentSelf().spawnLink((self) => body(self, NOBODY_WAITS), { initialCall: `${module}:init/1` });
}

const NOBODY_WAITS: Starting = {
  started() {},
  failed(_result, reason) {
    throw new Exit(reason);
  },
};

/** Starts a process that is linked to nobody, and waits until it is up. */
export function start(body: Start, options: StartOptions): Promise<StartResult> {
  return promised(() => startProcess(body, options, undefined));
}

function startProcess(body: Start, options: StartOptions, parent: Process | undefined): Promise<StartResult> {
  assertNotDead();
  // What is wrong with the options shows before there is a process.
  if (typeof options.name === 'string') checkName(options.name);
  checkTimeout(options.timeoutMs ?? Number.POSITIVE_INFINITY);
  const runtime = currentRuntime();
  const caller = currentProcess();
  const holder = holderOf(runtime, options.name);
  if (holder === undefined) return block(caller, (settle) => launch(runtime, body, options, parent, settle));
  const { nameTimeoutMs = 0 } = options;
  if (nameTimeoutMs === 0) return Promise.resolve({ ok: false, error: ['already_started', holder.pid] });
  const again = () => startProcess(body, { ...options, nameTimeoutMs: 0 }, parent);
  return endOf(holder, caller, nameTimeoutMs).then(() => (caller ? runAs(caller, again) : runtime.run(again)));
}

/** Waits until `process` has ended, or for `timeoutMs`. */
function endOf(process: Process, caller: Process | undefined, timeoutMs: number): Promise<void> {
  return block(caller, (settle) => {
    const goOn = () => settle.resolve();
    return watchWithin(caller, process, timeoutMs, { ended: goOn, late: goOn });
  });
}

/** Who has the name that a process is to be started under. */
const holderOf = (runtime: Runtime, name: StartOptions['name']): Process | undefined =>
  name === undefined ? undefined : runtime.registry.find(name as Name<never> | Via<never>);

/** The module that reports and trees show, as the options say it. */
export const moduleNameOf = ({ module, name }: StartOptions): string | undefined =>
  module ?? (typeof name === 'object' ? name.name : name);

function launch(
  runtime: Runtime,
  body: Start,
  options: StartOptions,
  parent: Process | undefined,
  settle: Settle<StartResult>,
): () => void {
  const { name, timeoutMs = Number.POSITIVE_INFINITY } = options;
  const initialCall = `${moduleNameOf(options) ?? 'anonymous'}:init/1`;
  const pid = spawn(runtime, (self) => body(self, starting), { initialCall });
  const process = pid.process as Process;
  if (!takeName(runtime, name, process)) {
    settle.resolve({ ok: false, error: ['already_started', holderOf(runtime, name)?.pid] });
    return () => {};
  }
  if (parent) link(parent, pid);
  const unwatch = watchWithin(undefined, process, timeoutMs, {
    ended(error) {
      if (parent?.trapExit) separate(parent, process);
      settle.resolve({ ok: false, error });
    },
    late() {
      unwatch();
      if (parent) unlink(parent, pid);
      end(process, 'killed');
      settle.resolve({ ok: false, error: 'timeout' });
    },
  });
  const starting: Starting = {
    started: () => settle.resolve({ ok: true, value: pid }),
    failed(result, reason) {
      unwatch();
      if (parent?.trapExit) unlink(parent, pid);
      end(process, reason);
      settle.resolve(result);
      throw new DeadProcess();
    },
  };
  return unwatch;
}

/** Gives a process that has not run yet its name. One that cannot have it ends unseen. */
function takeName(runtime: Runtime, name: StartOptions['name'], process: Process): boolean {
  let isNamed = false;
  try {
    if (typeof name === 'string') isNamed = runtime.registry.register(name, process.pid);
    else isNamed = name === undefined || registerVia(name, process);
    return isNamed;
  } finally {
    if (!isNamed) end(process, 'normal');
  }
}

/** The name is free before anybody can see the end of its holder, as in the runtime's own registry (fact 93). */
function registerVia({ via, name }: Via<never>, process: Process): boolean {
  const { pid } = process;
  if (!via.registerName(name, pid)) return false;
  const ownerEnded = () => {
    if (via.whereisName(name) === pid) via.unregisterName(name);
  };
  process.owned.add({ ownerEnded });
  return true;
}

/** Whether this is what a start gives. Start functions are user code, and may give anything. */
export function isStartResult(value: unknown): value is StartResult {
  if (value === 'ignore') return true;
  if (typeof value !== 'object' || value === null || !('ok' in value)) return false;
  return value.ok === false ? 'error' in value : value.ok === true && 'value' in value && value.value instanceof Pid;
}

/** Reports that a behaviour's process ends by its own code (fact 117), unless that was to be expected. */
export function reportCrash(self: Self, reason: Reason): void {
  if (isExpectedExit(reason)) return;
  const { process, runtime } = self;
  runtime.logger.report('error', {
    type: 'crash',
    pid: process.pid.toString(),
    name: process.name,
    initialCall: process.origin.initialCall,
    class: classOf(reason),
    reason,
    ancestors: process.ancestors,
    messages: process.mailbox.toArray(),
    links: [...process.links].map((linked) => linked.label),
    trapExit: process.trapExit,
    neighbours: neighboursOf(process).map((neighbour) => neighbour.label),
  });
}

/** Which of Erlang's three ways to leave gives this reason. */
function classOf(reason: Reason): 'error' | 'throw' | 'exit' {
  if (reason instanceof Error) return 'error';
  return Array.isArray(reason) && reason[0] === 'nocatch' ? 'throw' : 'exit';
}

/** The processes that fall with this one: linked, directly or through each other, without trapping exits. */
function neighboursOf(process: Process): Process[] {
  const found = new Set([process]);
  for (const one of found) {
    for (const linked of one.links) if (!linked.trapExit && found.size <= NEIGHBOURS_MAX) found.add(linked);
  }
  return [...found].slice(1);
}

/** A report names no more of them, as in OTP. */
const NEIGHBOURS_MAX = 15;
