/**
 * sys: looking into a running server, and at what it does.
 *
 * A system request is a message like any other and is handled between two of them, in its turn,
 * past the server's own callbacks (fact 56). Every behaviour understands them, so an operator can
 * ask any process of a tree for its state, stop it in its tracks, or watch what goes in and out.
 */
import { type AnyServer, exchange, type From } from './call';
import { Exit } from './errors';
import type { Reason } from './term';

/** A request to the machinery of a server, not to its callbacks. */
export class SystemMessage {
  constructor(
    /** Undefined when nobody waits for an answer. */
    readonly from: From | undefined,
    readonly request: SystemRequest,
  ) {}
}

export type SystemRequest =
  | { readonly type: 'get_state' | 'get_status' | 'resume' }
  | { readonly type: 'suspend' }
  | { readonly type: 'replace_state'; readonly replace: (state: unknown) => unknown }
  | { readonly type: 'statistics' | 'log'; readonly flag: boolean | 'get' }
  | { readonly type: 'install'; readonly name: string; readonly debugFunction: DebugFunction; readonly state: unknown }
  | { readonly type: 'remove'; readonly name: string }
  | { readonly type: 'change_code'; readonly oldVersion: unknown; readonly extra: unknown }
  | { readonly type: 'terminate'; readonly reason: Reason };

/** What a server does, as debug functions see it. */
export type DebugEvent =
  | { readonly type: 'in'; readonly message: unknown }
  | { readonly type: 'out'; readonly message: unknown; readonly to: string | undefined }
  | { readonly type: 'noreply'; readonly state: unknown };

/** Gets its own state and an event, gives its next state, or `done` to be removed. */
export type DebugFunction = (state: unknown, event: DebugEvent, server: string) => unknown;

export interface Statistics {
  readonly startTimeMs: number;
  readonly currentTimeMs: number;
  /** Messages handled by the process since it began. */
  readonly reductions: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
}

/** What `getStatus` tells of a server. */
export interface ServerStatus {
  readonly status: 'running' | 'suspended';
  readonly pid: string;
  readonly module: string;
  readonly parent: string | undefined;
  readonly log: readonly DebugEvent[];
  readonly state: unknown;
}

/** Events that `log` keeps. */
const LOG_EVENTS_MAX = 10;

/** What a server has switched on; absent while nothing is, so that it costs nothing. */
export class Debug {
  private statistics: { startTimeMs: number; messagesIn: number; messagesOut: number } | undefined;
  private events: DebugEvent[] | undefined;
  private readonly functions = new Map<string, { debugFunction: DebugFunction; state: unknown }>();

  get isIdle(): boolean {
    return this.statistics === undefined && this.events === undefined && this.functions.size === 0;
  }

  get log(): readonly DebugEvent[] {
    return this.events ?? [];
  }

  note(event: DebugEvent, server: string): void {
    if (this.statistics && event.type === 'in') this.statistics.messagesIn += 1;
    if (this.statistics && event.type === 'out') this.statistics.messagesOut += 1;
    this.events?.push(event);
    if (this.events && this.events.length > LOG_EVENTS_MAX) this.events.shift();
    for (const [name, entry] of this.functions) this.callFunction(name, entry, event, server);
  }

  /** `statistics(true | false | get)`: `ok`, or the figures, or `no_statistics` when off. */
  askStatistics(flag: boolean | 'get', nowMs: number, reductions: number): 'ok' | 'no_statistics' | Statistics {
    if (flag === 'get') {
      return this.statistics ? { ...this.statistics, currentTimeMs: nowMs, reductions } : 'no_statistics';
    }
    this.statistics = flag ? { startTimeMs: nowMs, messagesIn: 0, messagesOut: 0 } : undefined;
    return 'ok';
  }

  /** `log(true | false | get)`. */
  askLog(flag: boolean | 'get'): 'ok' | readonly DebugEvent[] {
    if (flag === 'get') return [...this.log];
    this.events = flag ? (this.events ?? []) : undefined;
    return 'ok';
  }

  /** A name that is installed already keeps its function. */
  install(name: string, debugFunction: DebugFunction, state: unknown): void {
    if (!this.functions.has(name)) this.functions.set(name, { debugFunction, state });
  }

  remove(name: string): void {
    this.functions.delete(name);
  }

  /** A debug function that throws is removed: it must not harm what it watches. */
  private callFunction(
    name: string,
    entry: { debugFunction: DebugFunction; state: unknown },
    event: DebugEvent,
    server: string,
  ): void {
    try {
      entry.state = entry.debugFunction(entry.state, event, server);
      if (entry.state === 'done') this.functions.delete(name);
    } catch {
      this.functions.delete(name);
    }
  }
}

/** A failed `replaceState` or `changeCode`: the server keeps its state and the caller gets this. */
export class CallbackFailed {
  constructor(
    readonly operation: string,
    readonly reason: Reason,
  ) {}
}

/** The server's state as it is; `getStatus` shows it as `formatStatus` of its module does. */
export const getState = (server: AnyServer, timeoutMs?: number) => ask(server, { type: 'get_state' }, timeoutMs);

export const getStatus = (server: AnyServer, timeoutMs?: number) =>
  ask(server, { type: 'get_status' }, timeoutMs) as Promise<ServerStatus>;

/** The new state. If `replace` throws, the state is kept and the call fails with `callback_failed`. */
export const replaceState = (server: AnyServer, replace: (state: never) => unknown, timeoutMs?: number) =>
  ask(server, { type: 'replace_state', replace: replace as (state: unknown) => unknown }, timeoutMs);

/** From now on the server handles system requests and its parent's exit only; the rest waits (fact 55). */
export const suspend = (server: AnyServer, timeoutMs?: number) => ask(server, { type: 'suspend' }, timeoutMs);

export const resume = (server: AnyServer, timeoutMs?: number) => ask(server, { type: 'resume' }, timeoutMs);

export const statistics = (server: AnyServer, flag: boolean | 'get', timeoutMs?: number) =>
  ask(server, { type: 'statistics', flag }, timeoutMs) as Promise<'ok' | 'no_statistics' | Statistics>;

/** Keeps the last ten events, or stops, or gives them. */
export const log = (server: AnyServer, flag: boolean | 'get', timeoutMs?: number) =>
  ask(server, { type: 'log', flag }, timeoutMs) as Promise<'ok' | readonly DebugEvent[]>;

/** Shows every event to `listener`, until that is `false`. */
export const trace = (server: AnyServer, listener: ((event: DebugEvent) => void) | false, timeoutMs?: number) =>
  listener === false
    ? remove(server, 'trace', timeoutMs)
    : install(server, 'trace', (_state, event) => listener(event), undefined, timeoutMs);

/** Calls `debugFunction` for every event, under a name by which it can be removed. */
export const install = (
  server: AnyServer,
  name: string,
  debugFunction: DebugFunction,
  state: unknown,
  timeoutMs?: number,
) => ask(server, { type: 'install', name, debugFunction, state }, timeoutMs);

export const remove = (server: AnyServer, name: string, timeoutMs?: number) =>
  ask(server, { type: 'remove', name }, timeoutMs);

/** Lets a suspended server convert its state for new code. */
export const changeCode = (server: AnyServer, oldVersion: unknown, extra: unknown, timeoutMs?: number) =>
  ask(server, { type: 'change_code', oldVersion, extra }, timeoutMs);

/** Makes the server end with `reason`, its `terminate` included. */
export const terminate = (server: AnyServer, reason: Reason, timeoutMs?: number) =>
  ask(server, { type: 'terminate', reason }, timeoutMs);

async function ask(server: AnyServer, request: SystemRequest, timeoutMs: number | undefined): Promise<unknown> {
  const telling = { origin: ['sys', request.type] as const, request: request.type, timeoutMs };
  const answer = await exchange(server, telling, (from) => new SystemMessage(from, request));
  if (answer instanceof CallbackFailed) throw new Exit(['callback_failed', answer.operation, answer.reason]);
  return answer;
}
