/**
 * gen_server: a process that answers calls and takes casts.
 *
 * One module writes callbacks; this one does what every server has in common: starting, taking
 * messages in order, answering, timing out, stopping, reporting. Callbacks may be asynchronous;
 * the mailbox is held meanwhile. The house style is that they are not: slow work comes back as a
 * message. The loop itself is in gen-server-loop.ts.
 *
 *   const counter: GenServer<number, number, Ask<'next', number>, 'reset'> = {
 *     init: (first) => started(first),
 *     handleCall: (_next, _from, count) => reply(count, count + 1),
 *     handleCast: () => noReply(0),
 *   };
 */
import {
  type AnswerOf,
  type AnyAsk,
  type AnyServer,
  exchange,
  findServer,
  type RequestId,
  type Response,
  type ResponseMessage,
  request as sendRequestTo,
  type ServerRef,
  type Speaks,
} from './call';
import { Exit } from './errors';
import type { GenServer } from './gen-server-callbacks';
import { CallMessage, CastMessage } from './gen-server-events';
import { ServerLoop } from './gen-server-loop';
import { assertNotDead, block, currentProcess, type Pid, type Process, TIMEOUT } from './process';
import {
  moduleNameOf,
  type Start,
  type StartOptions,
  type StartResult,
  start as startAlone,
  spawnLink as spawnLinked,
  startLink as startLinked,
} from './proc-lib';
import { promised } from './promised';
import type { Reference } from './reference';
import { isVia, type Via } from './registry';
import type { Self } from './self';
import { monitor } from './signals';
import { SystemMessage } from './sys-requests';
import { equalTerms, type Reason } from './term';
import { checkTimeout } from './timers';
import { watchWithin } from './watch-within';

/** What reaches a server started with these callbacks. */
export type RefOf<Server> =
  Server extends GenServer<never, infer _State, infer Call, infer Cast, infer Info, infer _Continue>
    ? ServerRef<Call, Cast, Info>
    : never;

type ServerPid<Call, Cast, Info> = Pid<Info> & Speaks<Call, Cast>;

/** Starts a server linked to the running process, which waits until `init` is over. */
export function startLink<Args, State, Call extends AnyAsk = never, Cast = never, Info = never, Continue = never>(
  callbacks: GenServer<Args, State, Call, Cast, Info, Continue>,
  args: Args,
  options: StartOptions = {},
): Promise<StartResult<ServerPid<Call, Cast, Info>>> {
  const parent = currentProcess()?.pid;
  return startLinked(ServerLoop.body(callbacks, args, parent, moduleOf(options)), options) as Promise<
    StartResult<ServerPid<Call, Cast, Info>>
  >;
}

/**
 * Starts a linked server without waiting for its `init`: for those that come by the thousand, such
 * as connections, of which a supervisor could otherwise start one in every few turns of the event
 * loop. An `init` that fails is an exit like any other.
 */
export function spawnLink<Args, State, Call extends AnyAsk = never, Cast = never, Info = never, Continue = never>(
  callbacks: GenServer<Args, State, Call, Cast, Info, Continue>,
  args: Args,
  options: Pick<StartOptions, 'module'> = {},
): ServerPid<Call, Cast, Info> {
  const parent = currentProcess()?.pid;
  return spawnLinked(ServerLoop.body(callbacks, args, parent, moduleOf(options)), options) as ServerPid<
    Call,
    Cast,
    Info
  >;
}

/** Starts a server that is linked to nobody. */
export function start<Args, State, Call extends AnyAsk = never, Cast = never, Info = never, Continue = never>(
  callbacks: GenServer<Args, State, Call, Cast, Info, Continue>,
  args: Args,
  options: StartOptions = {},
): Promise<StartResult<ServerPid<Call, Cast, Info>>> {
  return startAlone(ServerLoop.body(callbacks, args, undefined, moduleOf(options)), options) as Promise<
    StartResult<ServerPid<Call, Cast, Info>>
  >;
}

/** Starts a server and watches it: its end comes as a `DOWN` with `ref` (fact 31). */
export async function startMonitor<
  Args,
  State,
  Call extends AnyAsk = never,
  Cast = never,
  Info = never,
  Continue = never,
>(
  callbacks: GenServer<Args, State, Call, Cast, Info, Continue>,
  args: Args,
  self: Self,
  options: StartOptions = {},
): Promise<StartResult<{ readonly pid: ServerPid<Call, Cast, Info>; readonly ref: Reference }>> {
  const refs: Reference[] = [];
  const body = ServerLoop.body(callbacks, args, undefined, moduleOf(options));
  // Watched from its first step on, so that its true reason is known however soon it ends.
  const watched: Start = (inner, starting) => {
    if (self.isAlive) refs.push(monitor(self.process, inner.process, inner.pid));
    return body(inner, starting);
  };
  const result = await self.run(() => startAlone(watched, options));
  const [ref] = refs;
  if (result !== 'ignore' && result.ok && ref) {
    return { ok: true, value: { pid: result.value as ServerPid<Call, Cast, Info>, ref } };
  }
  if (ref) self.demonitor(ref, { flush: true });
  return result as StartResult<never>;
}

/**
 * Asks the server and waits for its answer.
 *
 * @param timeoutMs `Infinity` waits for ever. @default 5000
 * @throws Exit with `[cause, ['gen_server', 'call', [server, request]]]` (fact 42)
 */
export function call<Call extends AnyAsk, Type extends Call['type']>(
  server: ServerRef<Call>,
  request: NoInfer<Call> & { readonly type: Type },
  timeoutMs?: number,
): Promise<AnswerOf<Extract<Call, { readonly type: Type }>>> {
  const telling = { origin: ['gen_server', 'call'] as const, request, timeoutMs };
  return exchange(server, telling, (from) => new CallMessage(from, request)) as Promise<
    AnswerOf<Extract<Call, { readonly type: Type }>>
  >;
}

/**
 * Tells the server something. Always succeeds, whether or not anybody is there, and whatever another
 * registry says of the name (fact 48).
 *
 * @throws Error for a plain name where no runtime can be seen, as after an `await`: that is a mistake
 *   in the program, and would otherwise be a message that is lost each time. Use `self.run`
 */
export function cast<Cast>(server: ServerRef<never, Cast>, message: NoInfer<Cast>): void {
  const target = isVia(server) ? findVia(server) : findServer(server);
  target?.deliver(new CastMessage(target.kernel.sending(message)));
}

/** A registry that fails knows nobody. */
function findVia(server: Via<never>): Process | undefined {
  assertNotDead();
  try {
    return findServer(server);
  } catch {
    return undefined;
  }
}

/** Asks without waiting; the answer comes as a message with the given id. */
export function sendRequest<Call extends AnyAsk>(server: ServerRef<Call>, request: NoInfer<Call>): RequestId {
  return sendRequestTo(server, request, (from) => new CallMessage(from, request));
}

/** Waits for the response; after a timeout the request may still be waited for again. */
export async function waitResponse(self: Self, id: RequestId, timeoutMs: number): Promise<Response | 'timeout'> {
  const message = await self.receive({ match: isResponseTo(id), timeoutMs });
  return message === TIMEOUT ? 'timeout' : message.response;
}

/** Waits for the response; after a timeout the request is given up and nothing of it comes any more. */
export async function receiveResponse(self: Self, id: RequestId, timeoutMs: number): Promise<Response | 'timeout'> {
  const response = await waitResponse(self, id, timeoutMs);
  if (response === 'timeout') id.abandon();
  return response;
}

/** Whether this message is the response to that request. */
export function checkResponse(message: unknown, id: RequestId): Response | 'no_reply' {
  return isResponseTo(id)(message) ? message.response : 'no_reply';
}

/**
 * Makes the server end with `reason` and waits until it has.
 *
 * @throws Exit with `noproc`, `timeout` (the server still stops later), `calling_self`, or the
 *   reason for which it ended instead (fact 53)
 */
export function stop(
  server: AnyServer,
  reason: Reason = 'normal',
  timeoutMs = Number.POSITIVE_INFINITY,
): Promise<'ok'> {
  return promised(() => {
    const caller = currentProcess();
    const limitMs = checkTimeout(timeoutMs);
    const target = findServer(server);
    if (target === undefined) throw new Exit('noproc');
    if (target === caller) throw new Exit('calling_self');
    return block(caller, (settle) => {
      const unwatch = watchWithin(caller, target, limitMs, {
        ended: (why) => (equalTerms(why, reason) ? settle.resolve('ok') : settle.reject(new Exit(why))),
        late: () => settle.reject(new Exit('timeout')),
      });
      target.deliver(new SystemMessage(undefined, { type: 'terminate', reason }));
      return unwatch;
    });
  });
}

const moduleOf = (options: StartOptions) => moduleNameOf(options) ?? 'gen_server';

const isResponseTo =
  (id: RequestId) =>
  (message: unknown): message is ResponseMessage =>
    typeof message === 'object' && message !== null && 'id' in message && message.id === id;
