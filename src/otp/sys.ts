/**
 * sys: looking into a running server, and at what it does.
 *
 * A system request is a message like any other and is handled between two of them, in its turn,
 * past the server's own callbacks (fact 56). Every behaviour understands them, so an operator can
 * ask any process of a tree for its state, stop it in its tracks, or watch what goes in and out.
 */
import { type AnyServer, exchange } from './call';
import { Exit } from './errors';
import type { DebugEvent, DebugFunction, Statistics } from './sys-debug';
import { CallbackFailed, SystemMessage, type SystemRequest } from './sys-requests';
import type { Reason } from './term';

export type { DebugEvent, DebugFunction, Statistics } from './sys-debug';

/** What `getStatus` tells of a server. */
export interface ServerStatus {
  readonly status: 'running' | 'suspended';
  readonly pid: string;
  readonly module: string;
  readonly parent: string | undefined;
  readonly log: readonly DebugEvent[];
  readonly state: unknown;
}

/** The server's state as it is; `getStatus` shows it as `formatStatus` of its module does. */
export const getState = (server: AnyServer, timeoutMs?: number) => ask(server, { type: 'get_state' }, timeoutMs);

/** How the server is doing, its state as `formatStatus` of its module shows it, without what is secret. */
export const getStatus = (server: AnyServer, timeoutMs?: number) =>
  ask(server, { type: 'get_status' }, timeoutMs) as Promise<ServerStatus>;

/** The new state. If `replace` throws or gives a promise, the state is kept and the call fails with `callback_failed`. */
export const replaceState = (server: AnyServer, replace: (state: never) => unknown, timeoutMs?: number) =>
  ask(server, { type: 'replace_state', replace: replace as (state: unknown) => unknown }, timeoutMs);

/** From now on the server handles system requests and its parent's exit only; the rest waits (fact 55). */
export const suspend = (server: AnyServer, timeoutMs?: number) => ask(server, { type: 'suspend' }, timeoutMs);

/** Ends a {@link suspend}: what waits is handled in the order of arrival. */
export const resume = (server: AnyServer, timeoutMs?: number) => ask(server, { type: 'resume' }, timeoutMs);

/** Begins to count messages anew with `true`, stops with `false`, tells the figures with `get`. */
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

/** Takes out what {@link install} put in under this name; `ok` also when there is nothing. */
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
