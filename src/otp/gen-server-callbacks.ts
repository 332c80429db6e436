/**
 * The callbacks of a gen_server, and what they give back: the next state, and what happens next.
 *
 * Each result is made by a function, so that a callback reads as a sentence:
 * `return reply(count, state)`, `return stop('normal', state)`.
 */
import type { AnswerOf, AnyAsk, From } from './call';
import type { Self } from './self';
import type { Reason } from './term';

/** What follows a callback: an idle timeout, a continue, or (as a hint only) hibernation. */
export type Then<Continue> =
  /** If no message is taken for this long, handle the info `{ type: 'timeout' }` once (fact 39). */
  | { readonly timeoutMs: number }
  /** Run `handleContinue` with this before any other message (fact 38). */
  | { readonly continue: Continue }
  | 'hibernate';

/** `{ok, State}` of `init`: whoever started the server goes on. Made by {@link started}. */
export interface Started<State, Continue> {
  readonly type: 'started';
  readonly state: State;
  readonly next: Then<Continue> | undefined;
}

/** `{noreply, State}`: a caller, if there is one, keeps waiting for `replyTo`. Made by {@link noReply}. */
export interface NoReply<State, Continue> {
  readonly type: 'noreply';
  readonly state: State;
  readonly next: Then<Continue> | undefined;
}

/** `{reply, Reply, State}`, which only `handleCall` may give. Made by {@link reply}. */
export interface Reply<Answer, State, Continue> {
  readonly type: 'reply';
  readonly answer: Answer;
  readonly state: State;
  readonly next: Then<Continue> | undefined;
}

/** `{stop, Reason, State}`: a caller is not answered and sees the end instead. Made by {@link stop}. */
export interface Stop<State> {
  readonly type: 'stop';
  readonly reason: Reason;
  readonly state: State;
}

/** `{stop, Reason, Reply, State}`, which only `handleCall` may give. Made by {@link stopReply}. */
export interface StopReply<Answer, State> {
  readonly type: 'stop_reply';
  readonly reason: Reason;
  readonly answer: Answer;
  readonly state: State;
}

/** The start fails: `stop` ends the process with the reason, `error` quietly with `normal` (fact 32). */
export interface NotStarted {
  readonly type: 'stop' | 'error';
  readonly reason: Reason;
}

/** What `init` may give; anything else fails the start with `bad_return_value` (fact 32). */
export type InitResult<State, Continue = never> = Started<State, Continue> | NotStarted | { readonly type: 'ignore' };

/** What a callback other than `handleCall` may give; anything else ends the server with `bad_return_value` (fact 37). */
export type Handled<State, Continue = never> = NoReply<State, Continue> | Stop<State>;

/** What `handleCall` may give: an answer now, an answer later, or the end. */
export type Answered<Answer, State, Continue = never> =
  | Reply<Answer, State, Continue>
  | StopReply<Answer, State>
  | Handled<State, Continue>;

/** `init` is done; this is the first state. */
export const started = <State, Continue = never>(state: State, next?: Then<Continue>): Started<State, Continue> => ({
  type: 'started',
  state,
  next,
});

/** The start fails and the process ends with `reason`. */
export const cannotStart = (reason: Reason): NotStarted => ({ type: 'stop', reason });

/** The start fails for a reason that is nobody's fault: the process ends with `normal`. */
export const startError = (reason: Reason): NotStarted => ({ type: 'error', reason });

/** There is nothing to start, and that is all right. */
export const ignore = (): { readonly type: 'ignore' } => ({ type: 'ignore' });

/** Go on with `state`. */
export const noReply = <State, Continue = never>(state: State, next?: Then<Continue>): NoReply<State, Continue> => ({
  type: 'noreply',
  state,
  next,
});

/** Answer the call and go on with `state`; see {@link answerTo} where requests have different answers. */
export const reply = <Answer, State, Continue = never>(
  answer: Answer,
  state: State,
  next?: Then<Continue>,
): Reply<Answer, State, Continue> => ({ type: 'reply', answer, state, next });

/**
 * The same, checked against the request that is answered: in a server with several, {@link reply}
 * takes the answer of any of them. `request` has been narrowed by its `type`.
 */
export const answerTo = <Request extends AnyAsk, State, Continue = never>(
  _request: Request,
  answer: NoInfer<AnswerOf<Request>>,
  state: State,
  next?: Then<Continue>,
): Reply<AnswerOf<Request>, State, Continue> => reply(answer, state, next);

/** End with `reason`, after `terminate`. */
export const stop = <State>(reason: Reason, state: State): Stop<State> => ({ type: 'stop', reason, state });

/** End with `reason`; the caller gets `answer` once `terminate` is over (fact 47). */
export const stopReply = <Answer, State>(reason: Reason, answer: Answer, state: State): StopReply<Answer, State> => ({
  type: 'stop_reply',
  reason,
  answer,
  state,
});

type MaybeAsync<T> = T | Promise<T>;

/**
 * The callbacks of a server.
 *
 * @typeParam Args what `init` is given
 * @typeParam State what the server keeps
 * @typeParam Call a union of {@link Ask}: what can be asked, and what each is answered with
 * @typeParam Cast what it is told without an answer
 * @typeParam Info every other message that it expects: signals, timeouts, plain sends
 * @typeParam Continue what it tells itself to do next
 */
export type GenServer<
  Args,
  State,
  Call extends AnyAsk = never,
  Cast = never,
  Info = never,
  Continue = never,
> = Callbacks<Args, State, Call, Cast, Info, Continue> &
  Needed<Callbacks<Args, State, Call, Cast, Info, Continue>, 'handleCall', Call> &
  Needed<Callbacks<Args, State, Call, Cast, Info, Continue>, 'handleCast', Cast>;

/** A callback without which the messages that the type promises would each be a crash. */
type Needed<All, Name extends keyof All, Message> = [Message] extends [never] ? unknown : Required<Pick<All, Name>>;

/** All callbacks, as the loop calls them; {@link GenServer} says which of them must be there. */
export interface Callbacks<Args, State, Call extends AnyAsk, Cast, Info, Continue> {
  /** Makes the first state. Runs in the new process; the starter waits for it. */
  init(args: Args, self: Self<Info>): MaybeAsync<InitResult<State, Continue>>;
  /** Answers a request, now with `reply` or later through `from`. Without it, a call is a crash with `undef` (fact 40). */
  handleCall?(
    request: Call,
    from: From<AnswerOf<Call>>,
    state: State,
    self: Self<Info>,
  ): MaybeAsync<Answered<AnswerOf<Call>, State, Continue>>;
  /** Takes what nobody waits for. Without it, a cast is a crash with `undef` (fact 40). */
  handleCast?(message: Cast, state: State, self: Self<Info>): MaybeAsync<Handled<State, Continue>>;
  /**
   * Takes every other message. Without it, each is a warning in the log (fact 40).
   *
   * `Info` is what the server expects, so that a simple one need not sort out what it never gets. Whoever
   * traps exits, monitors, sets an idle timeout or is an heir says so in it: `ExitMessage`,
   * `DownMessage`, `{ type: 'timeout' }`, `ets.TransferMessage`.
   */
  handleInfo?(message: Info, state: State, self: Self<Info>): MaybeAsync<Handled<State, Continue>>;
  /** Does what a callback put off to after its answer, before any other message (fact 38). */
  handleContinue?(message: Continue, state: State, self: Self<Info>): MaybeAsync<Handled<State, Continue>>;
  /** Last words. Called as fact 50 says: not when the process is killed. */
  terminate?(reason: Reason, state: State, self: Self<Info>): MaybeAsync<void>;
  /** What `sys.getStatus` and reports show: leave out secrets and what users stored. */
  formatStatus?(state: State): unknown;
  /** Converts the state for new code; see `sys.changeCode`. */
  codeChange?(oldVersion: unknown, state: State, extra: unknown): State;
}
