/**
 * Calls: a request to a server and its one outcome.
 *
 * A call watches the server, sends the request and waits for the first of reply, death and
 * timeout (fact 43). The outcome does not travel through the caller's mailbox, so a full mailbox
 * slows no call down and a late reply can never be taken for anything else (facts 44 and 46).
 */
import { Exit } from './errors';
import type { Settle } from './block';
import { assertNotDead, block, currentProcess, Pid, type Process } from './process';
import { promised } from './promised';
import { Reference } from './reference';
import { isVia, type Name, type Via } from './registry';
import { currentRuntime } from './runtime';
import { watch } from './signals';
import type { Reason } from './term';
import { checkTimeout } from './timers';
import { watchWithin } from './watch-within';

/** A call's answer is due within this unless it says otherwise. */
export const CALL_TIMEOUT_MS = 5000;

declare const answers: unique symbol;
declare const protocol: unique symbol;

/** A request with tag `Type`, fields `Fields` and an answer of type `Answer`. */
export type Ask<Type extends string, Answer, Fields extends object = object> = {
  readonly type: Type;
  readonly [answers]?: { readonly of: Answer };
} & Readonly<Fields>;

/** Any {@link Ask}: the bound of a type parameter that stands for requests. */
export interface AnyAsk {
  readonly type: string;
  readonly [answers]?: { readonly of: unknown };
}

/** What a caller of this request gets back. */
export type AnswerOf<Request> = Request extends { readonly [answers]?: { readonly of: infer Answer } } ? Answer : never;

/**
 * Where a server can be reached, and what it understands: calls, casts and other messages. What
 * starts a server gives one; so does {@link serverNamed}. A pid from elsewhere says nothing of that.
 */
export type ServerRef<Call, Cast = never, Info = never> = (Pid<Info> | Name<Info> | Via<Info>) & Speaks<Call, Cast>;

/** The part of a reference that only the compiler sees. */
export interface Speaks<in Call, in Cast> {
  readonly [protocol]: (call: Call, cast: Cast) => void;
}

/** A registered name that says what the server that holds it understands. Make one with {@link serverNamed}. */
export type ServerName<Call, Cast = never, Info = never> = Name<Info> & Speaks<Call, Cast>;

/** The name of a server, with what the server understands. */
export const serverNamed = <Call, Cast = never, Info = never>(name: string): ServerName<Call, Cast, Info> =>
  name as ServerName<Call, Cast, Info>;

/** The same for a name in another registry. */
export const serverVia = <Call, Cast = never, Info = never>(name: Via<never>): Via<Info> & Speaks<Call, Cast> =>
  name as Via<Info> & Speaks<Call, Cast>;

/** The request of a client, as a server sees it: whom to answer. */
export class From<Answer = unknown> {
  declare readonly [answers]?: { readonly of: Answer };
  private settle: ((answer: unknown) => void) | undefined;

  constructor(
    /** The calling process; undefined when the call came from outside of any. */
    readonly pid: Pid | undefined,
    settle: (answer: unknown) => void,
  ) {
    this.settle = settle;
  }

  /** The first answer counts; any later one is dropped (fact 46). */
  answer(value: unknown): void {
    const settle = this.settle;
    this.settle = undefined;
    settle?.(value);
  }

  /** The caller no longer waits. */
  close(): void {
    this.settle = undefined;
  }
}

/** Answers a call that was not answered in its handler. Any process may, at any time. */
export function replyTo<Answer>(from: From<Answer>, answer: NoInfer<Answer>): void {
  assertNotDead();
  from.answer(answer);
}

/** A request that is under way, for those who do not want to wait in one piece. */
export class RequestId extends Reference {
  /** Withdraws the request; what is already in the mailbox stays. */
  abandon: () => void = () => {};
}

/** How a request made with `sendRequest` comes back: as a message. */
export interface ResponseMessage {
  readonly type: 'response';
  readonly id: RequestId;
  readonly response: Response;
}

/** The answer, or why there is none: `[cause, server]`. */
export type Response<Answer = unknown> =
  | { readonly type: 'reply'; readonly answer: Answer }
  | { readonly type: 'error'; readonly reason: Reason };

/** Anything that a server can be addressed by, whatever it speaks. */
export type AnyServer = Pid | Name<never> | Via<never>;

/** What a call is for, so that a failure can be told as Erlang tells it: `{Cause, {M, F, Args}}`. */
interface Telling {
  readonly origin: readonly [string, string];
  readonly request: unknown;
  /** As given by the caller; undefined means the default. */
  readonly timeoutMs: number | undefined;
}

/**
 * Sends what `envelope` makes to the server and waits for the answer.
 *
 * @throws Exit with `[cause, ['gen_server', 'call', [server, request]]]`, where cause is `timeout`,
 *   `noproc`, `calling_self` or the reason for which the server ended (fact 42)
 */
export function exchange(server: AnyServer, telling: Telling, envelope: (from: From) => unknown): Promise<unknown> {
  return promised(() => {
    const caller = currentProcess();
    const timeoutMs = checkTimeout(telling.timeoutMs ?? CALL_TIMEOUT_MS);
    const target = findServer(server);
    const failure = (cause: Reason) => new Exit([cause, [...telling.origin, argumentsOf(server, telling)]]);
    if (target === undefined) throw failure('noproc');
    if (target === caller) throw failure('calling_self');
    return block(caller, (settle: Settle<unknown>) => {
      target.kernel.sending(telling.request);
      const from = new From(caller?.pid, (answer) => settle.resolve(target.kernel.sending(answer)));
      const unwatch = watchWithin(caller, target, timeoutMs, {
        ended: (reason) => settle.reject(failure(reason)),
        late: () => settle.reject(failure('timeout')),
      });
      target.deliver(envelope(from));
      return () => {
        from.close();
        unwatch();
      };
    });
  });
}

/** Sends a request whose answer comes as a {@link ResponseMessage} to the running process. */
export function request(server: AnyServer, asked: unknown, envelope: (from: From) => unknown): RequestId {
  const caller = currentProcess();
  if (caller === undefined)
    throw new Error('Cannot send a request: its answer is a message, and no process is running');
  const id = new RequestId();
  const respond = (response: Response) => {
    id.abandon();
    caller.deliver({ type: 'response', id, response } satisfies ResponseMessage);
  };
  const target = findServer(server);
  if (target === undefined) {
    respond({ type: 'error', reason: ['noproc', server] });
    return id;
  }
  const from = new From(caller.pid, (answer) => respond({ type: 'reply', answer: target.kernel.sending(answer) }));
  const unwatch = watch(caller, target, (reason) => respond({ type: 'error', reason: [reason, server] }));
  id.abandon = () => {
    from.close();
    unwatch();
  };
  target.kernel.sending(asked);
  target.deliver(envelope(from));
  return id;
}

/** The living process behind a reference. Names need a runtime, pids bring theirs along. */
export function findServer(server: AnyServer): Process | undefined {
  assertNotDead();
  if (server instanceof Pid) return server.process;
  if (isVia(server)) return server.via.whereisName(server.name)?.process;
  return currentRuntime().registry.find(server);
}

function argumentsOf(server: AnyServer, { request: asked, timeoutMs }: Telling): readonly unknown[] {
  return timeoutMs === undefined ? [server, asked] : [server, asked, timeoutMs];
}
