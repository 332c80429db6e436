/**
 * The interactive client: the process between a person, or a pipe, and a connection to a node.
 *
 * Lines arrive as messages and wait in a queue; one is evaluated at a time, and its answer comes
 * back as a message too. What a line means and how an answer reads is decided in
 * src/cli/repl-language.ts. The readline interface and the connection are ports: whatever ends the
 * process, the terminal is given back and the connection closed. A crash loses the lines that
 * wait. Started by src/cli/commands/client.ts; nobody supervises it, since nobody could type the
 * lost lines again.
 */
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { type Address, type Client, type ClientError, connectAny, formatAddress } from '../src/client';
import { askClient, type ClientWord, type Failure, withExitCode } from '../src/cli/client-words';
import { EXIT } from '../src/cli/exit-codes';
import {
  type Choice,
  completeLine,
  formatAnswer,
  GOODBYE,
  HELP,
  INVALID,
  isRingWord,
  parseLine,
  PROMPT,
  PROMPT_NOT_CONNECTED,
  type ReplAnswer,
  type ReplCommand,
} from '../src/cli/repl-language';
import type * as ringWords from '../src/cli/ring-words';
import type { Target } from '../src/cli/target';
import {
  type Ask,
  type From,
  type GenServer,
  genServer,
  type Handled,
  noReply,
  type Port,
  replyTo,
  type Self,
  startError,
  started,
  stop,
  stopReply,
} from '../src/otp';
import type { Result } from '../src/result';
import { unreachable } from '../src/unreachable';

// API

export interface Args {
  /** The nodes that can be spoken to, tried in turn. */
  readonly addresses: readonly Address[];
  /** How long one request may take. */
  readonly timeoutMs: number;
  /** Their admin servers, which know about the ring. */
  readonly adminServers: Target;
  readonly input: Readable;
  /** Takes the answers, and on a terminal the prompt and the line that is being typed. */
  readonly output: Writable;
  /** Takes what is no answer, such as that the connection is back. */
  readonly notices: Writable;
  /** Whether a person sits at the other end: prompts, editing, history. */
  readonly terminal: boolean;
  /** Stop at the first failure. */
  readonly strict: boolean;
  readonly history: History;
}

/** The lines of earlier sessions, newest first, and whoever keeps those of this one. */
export interface History {
  readonly lines: readonly string[];
  readonly linesMax: number;
  readonly keep: (lines: readonly string[]) => void;
}

export type Ref = genServer.RefOf<typeof callbacks>;

/** Connects, then reads its first line. The start fails with a {@link ClientError} where no node can be reached. */
export const start = (args: Args) => genServer.start(callbacks, args, { module: 'repl' });

/** Waits for the end of the session. The answer is the exit code of the program. */
export const exitCode = (repl: Ref) => genServer.call(repl, { type: 'exit_code' }, Number.POSITIVE_INFINITY);

// State and messages

interface State {
  readonly args: Args;
  readonly readline: Interface;
  readonly link: Link;
  /** Whose answer suffices; undefined: the node's own choice. */
  readonly consistency: Choice | undefined;
  /** Lines that wait for their turn; filled and emptied in place. */
  readonly lines: string[];
  /** What the next line has to wait for: the answer to a request, or room in the output. */
  readonly busyWith: 'nothing' | 'request' | 'output';
  readonly inputEnded: boolean;
  /** Whoever waits for the end. */
  readonly waiting: From<number> | undefined;
  /** Set once the session is over. */
  readonly exitCode: number | undefined;
}

/** The client, and the port that closes it. */
interface Link {
  readonly client: Client;
  readonly port: Port;
  readonly connected: boolean;
}

type Request = Extract<ReplCommand, { readonly type: ReplAnswer['type'] }>;

type Call = Ask<'exit_code', number>;

type Info =
  | { readonly type: 'line'; readonly line: string }
  | { readonly type: 'input_ended' }
  | { readonly type: 'interrupted' }
  | { readonly type: 'drained' }
  | { readonly type: 'connection'; readonly connected: boolean }
  | { readonly type: 'reconnected'; readonly result: Result<Client, ClientError>; readonly request: ClientWord }
  | { readonly type: 'answered'; readonly result: Result<ReplAnswer, Failure> };

/** Reading pauses while more lines than this wait. */
const LINES_WAITING_MAX = 1000;

// Callbacks

const callbacks: GenServer<Args, State, Call, never, Info> = {
  async init(args, self) {
    const connected = await self.wait(openClient(args, self), { ifEnded: disconnect });
    if (!connected.ok) return startError(connected.error);
    const state: State = {
      args,
      readline: openReadline(args, self),
      link: linkOf(connected.value, self),
      consistency: undefined,
      lines: [],
      busyWith: 'nothing',
      inputEnded: false,
      waiting: undefined,
      exitCode: undefined,
    };
    prompt(state);
    return started(state);
  },

  handleCall(_exitCode, from, state) {
    return state.exitCode === undefined
      ? noReply({ ...state, waiting: from })
      : stopReply('normal', state.exitCode, state);
  },

  handleInfo(message, state, self) {
    if (state.exitCode !== undefined) return noReply(state);
    switch (message.type) {
      case 'line':
        return takeLine(message.line, state, self);
      case 'input_ended':
        return evaluateWaiting({ ...state, inputEnded: true }, self);
      case 'interrupted':
        return finish(EXIT.interrupted, state.args.terminal ? '\n' : '', state);
      case 'drained':
        return state.busyWith === 'output' ? evaluateWaiting({ ...state, busyWith: 'nothing' }, self) : noReply(state);
      case 'connection':
        return noReply(showConnection(message.connected, state));
      case 'reconnected':
        return reconnected(message.result, message.request, state, self);
      case 'answered':
        return answered(message.result, state, self);
      default:
        return unreachable(message);
    }
  },

  /** What the terminal holds besides is the user's. */
  formatStatus: ({ link, lines, busyWith, exitCode }) => ({
    connected: link.connected,
    lines: lines.length,
    busyWith,
    exitCode,
  }),
};

// Ports

function openReadline({ input, output, terminal, history }: Args, self: Self<Info>): Interface {
  const { runtime, pid } = self;
  const readline = terminal
    ? createInterface({
        input,
        output,
        terminal,
        completer: completeLine,
        history: [...history.lines],
        historySize: history.linesMax,
        removeHistoryDuplicates: true,
        prompt: PROMPT,
      })
    : createInterface({ input, terminal, historySize: 0 });
  readline.on('line', (line) => runtime.send(pid, { type: 'line', line }));
  readline.on('close', () => runtime.send(pid, { type: 'input_ended' }));
  readline.on('SIGINT', () => runtime.send(pid, { type: 'interrupted' }));
  readline.on('history', (lines) => history.keep(withoutPrivateLine(lines)));
  output.on('drain', () => runtime.send(pid, { type: 'drained' }));
  self.openPort(() => readline.close());
  return readline;
}

/** A line that begins with a blank is not even remembered in this session: readline lets its array be changed. */
function withoutPrivateLine(lines: string[]): readonly string[] {
  if (lines[0]?.startsWith(' ')) lines.shift();
  return lines;
}

function openClient(
  { addresses, timeoutMs }: Args,
  { runtime, pid }: Self<Info>,
): Promise<Result<Client, ClientError>> {
  return connectAny(addresses, {
    timeoutMs,
    connectTimeoutMs: timeoutMs,
    onConnectionEvent: ({ type }) => runtime.send(pid, { type: 'connection', connected: type === 'connected' }),
  });
}

/** The session has ended before its connection was there. */
function disconnect(connected: Result<Client, ClientError>): void {
  if (connected.ok) connected.value.disconnect();
}

function linkOf(client: Client, self: Self<Info>): Link {
  return { client, port: self.openPort(() => client.disconnect()), connected: client.isConnected };
}

// Lines

function takeLine(line: string, state: State, self: Self<Info>): Handled<State> {
  state.lines.push(line);
  if (state.lines.length > LINES_WAITING_MAX) state.readline.pause();
  return evaluateWaiting(state, self);
}

/** Evaluates lines until one of them takes time, none is left, or the session is over. */
function evaluateWaiting(before: State, self: Self<Info>): Handled<State> {
  let state = before;
  while (state.busyWith === 'nothing') {
    const line = state.lines.shift();
    if (line === undefined) return rest(state);
    const handled = evaluate(parseLine(line), state, self);
    if (handled.type === 'stop' || handled.state.exitCode !== undefined) return handled;
    state = handled.state;
  }
  return noReply(state);
}

function rest(state: State): Handled<State> {
  if (state.inputEnded) return finish(EXIT.success, state.args.terminal ? `\n${GOODBYE}\n` : '', state);
  state.readline.resume();
  prompt(state);
  return noReply(state);
}

function evaluate(command: ReplCommand, state: State, self: Self<Info>): Handled<State> {
  switch (command.type) {
    case 'nothing':
      return noReply(state);
    case 'help':
      return noReply(print(HELP, state));
    case 'quit':
      return finish(EXIT.success, `${GOODBYE}\n`, state);
    case 'invalid':
      return failed(command.why ?? INVALID, EXIT.usage, state);
    case 'consistency':
      return noReply(choose(command.choice, state));
    case 'get':
    case 'put':
    case 'delete':
    case 'ping':
    case 'stats':
    case 'ring':
    case 'nodes':
    case 'fingers':
    case 'lookup':
    case 'views':
    case 'locate':
    case 'tree':
    case 'repair':
    case 'safe-to-stop':
      return noReply(begin(command, state, self));
    default:
      return unreachable(command);
  }
}

/** Whose answer suffices from now on, or what it is. */
function choose(choice: Choice | undefined, state: State): State {
  if (choice !== undefined) return print(['OK'], { ...state, consistency: choice });
  return print([state.consistency ?? "The node's own choice: quorum"], state);
}

// Requests

function begin(request: Request, state: State, self: Self<Info>): State {
  const { runtime, pid } = self;
  const tell = (result: Result<ReplAnswer, Failure>) => runtime.send(pid, { type: 'answered', result });
  if (isRingWord(request)) {
    // Loaded when it is needed: it draws tables, which most sessions never see.
    const { askRing } = require('../src/cli/ring-words') as typeof ringWords;
    void askRing(request, state.args.adminServers).then(tell);
  } else if (state.link.connected) {
    void askClient(request, state.link.client, state.consistency).then(tell);
  } else {
    state.link.port.close();
    void openClient(state.args, self).then((result) => runtime.send(pid, { type: 'reconnected', result, request }));
  }
  return { ...state, busyWith: 'request' };
}

function reconnected(
  result: Result<Client, ClientError>,
  request: ClientWord,
  state: State,
  self: Self<Info>,
): Handled<State> {
  const reached = withExitCode(result);
  if (!reached.ok) return answered(reached, state, self);
  const client = reached.value;
  const address = client.connectedTo;
  state.args.notices.write(`Reconnected${address === undefined ? '' : ` to ${formatAddress(address)}`}\n`);
  const connected = showConnection(true, { ...state, link: linkOf(client, self) });
  return noReply(begin(request, connected, self));
}

function answered(result: Result<ReplAnswer, Failure>, state: State, self: Self<Info>): Handled<State> {
  const idle: State = { ...state, busyWith: 'nothing' };
  const handled = result.ok
    ? noReply(print([formatAnswer(result.value)], idle))
    : failed(result.error.message, result.error.exitCode, idle);
  if (handled.type === 'stop' || handled.state.exitCode !== undefined) return handled;
  return evaluateWaiting(handled.state, self);
}

// Output

function print(lines: readonly string[], state: State): State {
  const hasRoom = state.args.output.write(lines.map((line) => `${line}\n`).join(''));
  return hasRoom ? state : { ...state, busyWith: 'output' };
}

function failed(message: string, code: number, state: State): Handled<State> {
  const printed = print([message], state);
  return state.args.strict ? finish(code, '', printed) : noReply(printed);
}

function prompt({ args, readline, link }: State): void {
  if (!args.terminal) return;
  readline.setPrompt(link.connected ? PROMPT : PROMPT_NOT_CONNECTED);
  readline.prompt();
}

/** Shows it at once where somebody is looking at the prompt. */
function showConnection(connected: boolean, state: State): State {
  const changed = { ...state, link: { ...state.link, connected } };
  if (state.args.terminal && state.busyWith === 'nothing' && connected !== state.link.connected) {
    state.readline.setPrompt(connected ? PROMPT : PROMPT_NOT_CONNECTED);
    state.readline.prompt(true);
  }
  return changed;
}

/** The last words, and the exit code for whoever waits for it now or later. */
function finish(code: number, lastWords: string, state: State): Handled<State> {
  if (lastWords !== '') state.args.output.write(lastWords);
  const finished = { ...state, exitCode: code };
  if (state.waiting === undefined) return noReply(finished);
  replyTo(state.waiting, code);
  return stop('normal', finished);
}
