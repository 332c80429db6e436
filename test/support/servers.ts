/** Servers of tests: all callbacks are there and say nothing special, but for those that the test gives. */
import {
  type Ask,
  Exit,
  genServer,
  type GenServer,
  noReply,
  type Pid,
  reply,
  type Self,
  type ServerRef,
  started,
} from '../../src/otp';
import { failureOf, type World } from './runtime';

export type Call = Ask<'do', unknown, { readonly what?: string }>;
export type Callbacks = GenServer<unknown, unknown, Call, unknown, unknown, unknown>;
export type Ref = Pid<unknown> & ServerRef<Call, unknown, unknown>;
export type Handlers = Partial<Callbacks>;

/** Seeds of a test in which much depends on who runs first. */
export const MANY_SEEDS = 10;
export const CALL: Call = { type: 'do' };
export const ask = (what: string): Call => ({ type: 'do', what });

/** A server whose callbacks say nothing special, but for those given. */
export const server = (handlers: Handlers): Callbacks => ({
  init: () => started('state'),
  handleCall: ({ what }, _from, state) => reply(what ?? state, state),
  handleCast: (_message, state) => noReply(state),
  handleInfo: (_message, state) => noReply(state),
  ...handlers,
});

export async function startIn(
  world: World,
  handlers: Handlers,
  options: { readonly name?: string } = {},
): Promise<Ref> {
  const result = await world.outside(() => genServer.start(server(handlers), undefined, options));
  if (result === 'ignore' || !result.ok) throw new Error(`Cannot start: ${JSON.stringify(result)}`);
  return result.value;
}

/** Starts a linked server in the process `self`, which must succeed. */
export async function startLinkedTo(self: Self<unknown>, handlers: Handlers): Promise<Ref> {
  const result = await self.run(() => genServer.startLink(server(handlers), undefined));
  if (result === 'ignore' || !result.ok) throw new Error('Cannot start');
  return result.value;
}

/** What no callback may give, past the compiler. */
export const badResult = (value: unknown) => value as ReturnType<typeof noReply>;

/** The reason with which a call exits is this, and the call. */
export const causeOf = (failure: unknown) =>
  failure instanceof Exit ? (failure.reason as readonly unknown[])[0] : failure;

export const callFailure = async (world: World, ref: ServerRef<Call>, timeoutMs?: number) =>
  causeOf(await failureOf(() => world.outside(() => genServer.call(ref, CALL, timeoutMs))));

/** Steps until the promise has settled. */
export async function answered<T>(world: World, promise: Promise<T>): Promise<T> {
  const settled: true[] = [];
  const done = () => void settled.push(true);
  promise.then(done, done);
  for (let steps = 0; steps < 1000 && settled.length === 0; steps += 1) await world.scheduler.step();
  if (settled.length === 0) throw new Error('no answer after 1000 steps');
  return promise;
}
