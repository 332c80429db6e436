/** What a client can be told: every option with its unit, its default and its bounds. */
import { type Consistency, DEFAULT_LIMITS } from '../protocol/client-protocol';
import { err, ok, type Result } from '../result';
import type { AnswerMeta } from './answer-meta';
import type { BackoffOptions } from './backoff';
import { type Environment, systemEnvironment } from './environment';

/** What happens to a client's connections, told to whoever asked for it. */
export type ConnectionEvent =
  /** A connection is up. */
  | { readonly type: 'connected'; readonly address: string }
  /** A connection is gone or given up. The next request opens another. */
  | { readonly type: 'lost'; readonly address: string; readonly message: string };

/** Who finds the node that a key belongs to. */
export type Routing = 'by_node' | 'direct';

/** Everything that a client goes by. */
export interface ClientSettings extends BackoffOptions {
  /**
   * The version of the client protocol. Version 1 knows no consistency and answers in the order of the requests.
   * @default 2
   */
  readonly protocolVersion: 1 | 2;
  /**
   * Most connections at a time. Another is opened when all that are open are busy. Requests that are under way on
   * different connections may overtake each other.
   * @default 1
   */
  readonly connections: number;
  /**
   * How long a request may take, from the call to the answer, retries included.
   * @default 5_000
   */
  readonly timeoutMs: number;
  /**
   * How long one attempt to connect may take.
   * @default 2_000
   */
  readonly connectTimeoutMs: number;
  /**
   * Most requests that are sent and not answered, over all connections. Further ones wait for their turn.
   * @default 1_024
   */
  readonly inFlightMax: number;
  /**
   * Most requests that wait for their turn. Further ones are refused with `overloaded`.
   * @default 16_384
   */
  readonly waitingMax: number;
  /**
   * Send a put or a delete again when the connection was lost after it had been written. It may then overtake what
   * somebody else has written since. Reads are always sent again.
   * @default false
   */
  readonly retryIndeterminate: boolean;
  /**
   * Send a request again, after a wait, while nodes answer that they cannot do it now: `server_error` and
   * `not_responsible` are definite, so nothing can happen twice. It ends with `timeoutMs`.
   * @default true
   */
  readonly retryRefused: boolean;
  /**
   * Who finds the node that a key belongs to: the node that is asked (`by_node`), or the client, which learns from
   * the answers and saves the way between (`direct`). Version 2 only. Each node takes a connection of its own.
   * @default 'by_node'
   */
  readonly routing: Routing;
  /**
   * Whose answer suffices where a call does not say it. Version 2 only.
   * @default 'default', the node's own choice
   */
  readonly consistency: Consistency;
  /**
   * Longest key that is sent. What a node accepts is its own setting of the same name.
   * @default 65_536
   */
  readonly keyBytesMax: number;
  /**
   * Longest value that is sent or taken.
   * @default 16_777_216
   */
  readonly valueBytesMax: number;
  /** Called when a connection comes or goes. It must not throw. @default nobody is told */
  readonly onConnectionEvent: (event: ConnectionEvent) => void;
  /** Time and chance. @default the machine's */
  readonly environment: Environment;
}

/** What a client can be told; what is left out is as in {@link DEFAULT_CLIENT_SETTINGS}. */
export type ClientOptions = Partial<ClientSettings>;

/** What one request can be told apart from the client's own options. */
export interface RequestOptions {
  /** How long this request may take. @default the client's */
  readonly timeoutMs?: number;
  /** Whose answer suffices. Version 2 only. @default the client's */
  readonly consistency?: Consistency;
  /**
   * Takes what the node says about its answer, just before the answer comes: the version, how many copies. Of a
   * request that was tried several times, that of the last try. Version 2 only. It must not throw. @default nobody
   */
  readonly onMeta?: (meta: AnswerMeta) => void;
}

/** What one put or delete can be told. */
export interface WriteOptions extends RequestOptions {
  /** See the client's option of this name. @default the client's */
  readonly retryIndeterminate?: boolean;
}

/** A client that was told nothing. */
export const DEFAULT_CLIENT_SETTINGS: ClientSettings = {
  protocolVersion: 2,
  connections: 1,
  timeoutMs: 5000,
  connectTimeoutMs: 2000,
  inFlightMax: 1024,
  waitingMax: 16_384,
  backoffMinMs: 50,
  backoffMaxMs: 1000,
  retryIndeterminate: false,
  retryRefused: true,
  routing: 'by_node',
  consistency: 'default',
  keyBytesMax: DEFAULT_LIMITS.keyBytesMax,
  valueBytesMax: DEFAULT_LIMITS.valueBytesMax,
  onConnectionEvent: () => {},
  environment: systemEnvironment,
};

const TIME_MS_MAX = 2 ** 31 - 1;
const BYTES_MAX = 2 ** 32 - 1;

/** The least and the most of each option that is a number. */
const RANGES = {
  protocolVersion: [1, 2],
  connections: [1, 1024],
  timeoutMs: [1, TIME_MS_MAX],
  connectTimeoutMs: [1, TIME_MS_MAX],
  inFlightMax: [1, 1_000_000],
  waitingMax: [0, 10_000_000],
  backoffMinMs: [1, TIME_MS_MAX],
  backoffMaxMs: [1, TIME_MS_MAX],
  keyBytesMax: [0, BYTES_MAX],
  valueBytesMax: [0, BYTES_MAX],
} as const satisfies Partial<Record<keyof ClientSettings, readonly [number, number]>>;

type Ranged = keyof typeof RANGES;

/** The options with the defaults filled in, or the sentence that says which cannot be used. */
export function validateClientOptions(options: ClientOptions): Result<ClientSettings, string> {
  const settings = { ...DEFAULT_CLIENT_SETTINGS, ...withoutUndefined(options) };
  for (const name of Object.keys(RANGES) as Ranged[]) {
    const problem = rangeProblem(name, settings[name]);
    if (problem !== undefined) return err(problem);
  }
  if (settings.backoffMaxMs < settings.backoffMinMs) {
    return err(`Cannot use backoffMaxMs ${settings.backoffMaxMs}: it is less than backoffMinMs`);
  }
  const problem = routingProblem(settings) ?? consistencyProblem(settings.consistency, settings.protocolVersion);
  return problem === undefined ? ok(settings) : err(problem);
}

/** Why `value` cannot be the option `name`; undefined where it can. */
export function rangeProblem(name: Ranged, value: number): string | undefined {
  const [least, most] = RANGES[name];
  if (Number.isInteger(value) && value >= least && value <= most) return undefined;
  return `Cannot use ${name} ${value}: it is not a whole number from ${least} to ${most}`;
}

function routingProblem({ routing, protocolVersion }: ClientSettings): string | undefined {
  if (routing !== 'by_node' && routing !== 'direct')
    return `Cannot use routing "${String(routing)}": it is by_node or direct`;
  if (routing === 'by_node' || protocolVersion === 2) return undefined;
  return 'Cannot use routing "direct": version 1 of the protocol has no word for it';
}

/** Why this consistency cannot be asked for; undefined where it can. */
export function consistencyProblem(consistency: Consistency, protocolVersion: 1 | 2): string | undefined {
  if (protocolVersion === 2 || consistency === 'default') return undefined;
  return `Cannot use consistency "${consistency}": version 1 of the protocol has no word for it`;
}

/** An option that is spelled out as undefined is an option that was left out. */
function withoutUndefined(options: ClientOptions): ClientOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
