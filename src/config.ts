/**
 * The settings of a node: one table that is the only source of their names, ranges, defaults and texts.
 *
 * Flags, environment, config file, help, validation and `--print-config` all read it. A setting is
 * spelled `keyBytesMax` in a config file, `--key-bytes-max` as a flag and `FUNNELKVS_KEY_BYTES_MAX`
 * in the environment. Flags win over the environment, it over the file, and that over the default,
 * setting by setting. A name carries its unit, so a plain number is in that unit; `30s` and `64KiB`
 * are understood too.
 */
import * as v from 'valibot';
import { parseAddress } from './client/address';
import { didYouMean } from './nearest';
import { DEFAULT_LIMITS, validateLimits } from './protocol/client-protocol';
import { FRAME_BYTES_MAX, FRAME_HEAD_BYTES_MAX } from './protocol/rpc-limits';
import { err, ok, type Result } from './result';
import { parseDuration, parseSize, parseWholeNumber } from './units';

/** One row of the table. */
export interface Setting<T> {
  /** Takes the value as JSON has it, or as text. */
  readonly schema: v.GenericSchema<unknown, T>;
  /** What a value must be, as it reads on after "is not". */
  readonly range: string;
  /** What a value looks like in a usage line; undefined for a switch, whose flag takes none. */
  readonly placeholder: string | undefined;
  /** The default, or how it follows from the port. */
  readonly default: T | ((port: number) => T);
  /** The default in help, where the value does not speak for itself. */
  readonly defaultText?: string;
  /** What it is for, as a phrase. */
  readonly text: string;
}

const PORT_MAX = 65_535;
const ADMIN_PORT_DISTANCE = 10_000;
const TIME_MS_MAX = 2 ** 31 - 1;
const KIB = 1024;
const MIB = KIB * KIB;
const GIB = KIB * MIB;

/** Every setting of a node, in the order in which help and `--print-config` show them. */
export const NODE_SETTINGS = {
  nodeId: count({ least: 1, most: TIME_MS_MAX, default: 1, text: 'number of the node, for people and logs' }),
  host: text({ default: '127.0.0.1', text: 'address that clients and other nodes connect to' }),
  port: count({ least: 0, most: PORT_MAX, default: 8001, text: 'port for clients and other nodes; 0: any free one' }),
  adminHost: loopback({ default: '127.0.0.1', text: 'address of the admin server' }),
  adminPort: count({
    least: 0,
    most: PORT_MAX,
    default: defaultAdminPort,
    defaultText: 'port + 10000, or - 10000 where that is no port',
    text: 'port of the admin server; 0: any free one',
  }),
  cluster: name({ default: 'funnelkvs', text: 'name of the cluster: only nodes of one name speak with each other' }),
  join: addresses({ default: '', text: 'members of the ring to join, HOST:PORT,…; empty: the first of a new ring' }),
  logLevel: choice({
    choices: ['error', 'warn', 'info', 'debug', 'trace'],
    default: 'info',
    text: 'least important kind of log line to write',
  }),
  allowChaos: flag({ text: 'let the admin server kill processes of this node' }),
  keyBytesMax: bytes({ most: 2 ** 32 - 1, default: DEFAULT_LIMITS.keyBytesMax, text: 'longest key' }),
  valueBytesMax: bytes({ most: 2 ** 32 - 1, default: DEFAULT_LIMITS.valueBytesMax, text: 'longest value' }),
  requestBytesMax: bytes({
    most: 2 ** 33,
    default: DEFAULT_LIMITS.requestBytesMax,
    text: 'longest refused request after which a connection goes on',
  }),
  connectionsMax: count({
    least: 1,
    most: 1_000_000,
    default: 10_000,
    text: 'most connections at a time, of clients and nodes',
  }),
  idleRequestTimeoutMs: duration({ default: 30_000, text: 'how long a half-sent request may stand still' }),
  pendingAnswerBytesMax: bytes({
    most: GIB,
    default: MIB,
    text: 'answers that may wait for a slow reader before its requests do',
  }),
  arrivingBytesMax: bytes({
    most: Number.MAX_SAFE_INTEGER,
    default: 256 * MIB,
    text: 'half-received requests, all connections together, beyond which large ones are refused',
  }),
  successorListMax: count({
    least: 3,
    most: 64,
    default: 8,
    text: 'how many of the nodes after it a node keeps in its list',
  }),
  stabilizeIntervalMs: duration({
    default: 500,
    text: 'how often a node looks whether its successor is the right one',
  }),
  fixFingersIntervalMs: duration({ default: 500, text: 'how often a node looks after its fingers' }),
  checkPredecessorIntervalMs: duration({ default: 1000, text: 'how often a node looks whether its predecessor lives' }),
  ringProbeIntervalMs: duration({
    default: 2000,
    text: 'how often a node looks for a part of the ring that was cut off',
  }),
  requestTimeoutMs: duration({ default: 5000, text: 'how long a request may take that names no deadline' }),
  storeBytesMax: bytes({ most: Number.MAX_SAFE_INTEGER, default: GIB, text: 'most bytes of keys and values stored' }),
} as const satisfies Record<string, Setting<never> | Setting<number> | Setting<string> | Setting<boolean>>;

/** The name of a setting, as a config file and {@link NodeSettings} spell it. */
export type SettingName = keyof typeof NODE_SETTINGS;

/** A node's settings, complete and valid. */
export type NodeSettings = {
  readonly [Name in SettingName]: (typeof NODE_SETTINGS)[Name] extends Setting<infer T> ? T : never;
};

/** Every name, in the order of the table. */
export const SETTING_NAMES = Object.keys(NODE_SETTINGS) as readonly SettingName[];

/** A value that somebody gave to a setting, and where. */
export interface Given {
  readonly name: SettingName;
  readonly value: unknown;
  /** Such as `flag --port` or `file ring.json, line 3`. */
  readonly origin: string;
}

/** What a source gives, and what is wrong with it, one sentence each. */
export interface Source {
  readonly given: readonly Given[];
  readonly problems: readonly string[];
}

/** Settings together with where each of them comes from. */
export interface MergedSettings {
  readonly settings: NodeSettings;
  readonly origins: Readonly<Record<SettingName, string>>;
}

/** The admin port that goes with a client port: 10000 higher, or lower where there is no port so high. */
export function defaultAdminPort(port: number): number {
  if (port === 0) return 0;
  return port + ADMIN_PORT_DISTANCE > PORT_MAX ? port - ADMIN_PORT_DISTANCE : port + ADMIN_PORT_DISTANCE;
}

/** The flag of a setting: `--key-bytes-max`. */
export function flagOf(name: SettingName): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The environment variable of a setting: `FUNNELKVS_KEY_BYTES_MAX`. */
export function variableOf(name: SettingName): string {
  return `${VARIABLE_PREFIX}${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** The default of a setting as help shows it. */
export function defaultTextOf(name: SettingName): string {
  const setting: Setting<unknown> = NODE_SETTINGS[name];
  return setting.defaultText ?? String(setting.default);
}

// Sources

/** What the flags of a command line give; those that were not used are undefined. */
export function givenByFlags(flags: Partial<Record<SettingName, unknown>>): Source {
  const used = SETTING_NAMES.filter((name) => flags[name] !== undefined);
  return { given: used.map((name) => ({ name, value: flags[name], origin: `flag ${flagOf(name)}` })), problems: [] };
}

/** What the environment gives. A `FUNNELKVS_` variable that nothing reads is a problem: it was meant to do something. */
export function givenByEnvironment(environment: Readonly<Record<string, string | undefined>>): Source {
  const names = new Map<string, SettingName>(SETTING_NAMES.map((name) => [variableOf(name), name]));
  const given: Given[] = [];
  const problems: string[] = [];
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith(VARIABLE_PREFIX) || value === undefined) continue;
    const name = names.get(variable);
    if (name !== undefined) given.push({ name, value, origin: `environment ${variable}` });
    else if (!OTHER_VARIABLES.includes(variable)) {
      problems.push(`Cannot use environment variable "${variable}": ${unknown(variable, [...names.keys()])}`);
    }
  }
  return { given, problems };
}

/** What a config file gives: one JSON object of settings by name. */
export function givenByFile(path: string, content: string): Source {
  const object = parseObject(content);
  if (!object.ok) return { given: [], problems: [`Cannot read config file "${path}": ${object.error}`] };
  const given: Given[] = [];
  const problems: string[] = [];
  for (const [name, value] of Object.entries(object.value)) {
    const origin = `file ${path}, line ${lineOf(content, name)}`;
    if (isSettingName(name)) given.push({ name, value, origin });
    else problems.push(`Cannot use setting "${name}" (${origin}): ${unknown(name, SETTING_NAMES)}`);
  }
  return { given, problems };
}

/**
 * The settings that these sources amount to, the later ones winning; or everything that is wrong with them.
 *
 * A value that another one overrides is checked as well: it would be a surprise one day.
 */
export function mergeSettings(sources: readonly Source[]): Result<MergedSettings, readonly string[]> {
  const problems = sources.flatMap((source) => source.problems);
  const values: Partial<Record<SettingName, unknown>> = {};
  const origins: Partial<Record<SettingName, string>> = {};
  for (const { name, value, origin } of sources.flatMap((source) => source.given)) {
    const parsed = v.safeParse(NODE_SETTINGS[name].schema, value);
    if (!parsed.success) problems.push(invalid(name, value, origin));
    values[name] = parsed.output;
    origins[name] = origin;
  }
  if (problems.length > 0) return err(problems);
  return withDefaults(values, origins);
}

/** A node's settings where only these differ from the defaults; or everything that is wrong with them. */
export function nodeSettings(options: Partial<NodeSettings> = {}): Result<NodeSettings, readonly string[]> {
  const given = SETTING_NAMES.filter((name) => options[name] !== undefined);
  const source = { given: given.map((name) => ({ name, value: options[name], origin: 'option' })), problems: [] };
  const merged = mergeSettings([source]);
  return merged.ok ? ok(merged.value.settings) : merged;
}

/** Whether there is a setting of this name. */
export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(NODE_SETTINGS, name);
}

// Internal

const VARIABLE_PREFIX = 'FUNNELKVS_';

/** Variables that the program reads besides the settings of a node. */
const OTHER_VARIABLES: readonly string[] = ['FUNNELKVS_CONFIG', 'FUNNELKVS_CONNECT', 'FUNNELKVS_TIMEOUT'];

function withDefaults(
  values: Partial<Record<SettingName, unknown>>,
  origins: Partial<Record<SettingName, string>>,
): Result<MergedSettings, readonly string[]> {
  const port = (values.port ?? NODE_SETTINGS.port.default) as number;
  for (const name of SETTING_NAMES) {
    if (origins[name] !== undefined) continue;
    const fallback: unknown = NODE_SETTINGS[name].default;
    values[name] = typeof fallback === 'function' ? fallback(port) : fallback;
    origins[name] = 'default';
  }
  const merged = { settings: values as NodeSettings, origins: origins as Record<SettingName, string> };
  const problem = relationProblem(merged.settings);
  return problem === undefined ? ok(merged) : err([problem]);
}

/** What is wrong with settings that are right one by one. */
function relationProblem(settings: NodeSettings): string | undefined {
  const { port, adminPort, keyBytesMax, valueBytesMax } = settings;
  if (port !== 0 && port === adminPort) return `Cannot use adminPort ${adminPort}: it is the port for clients too`;
  if (keyBytesMax + valueBytesMax + FRAME_HEAD_BYTES_MAX > FRAME_BYTES_MAX) {
    return `Cannot use valueBytesMax ${valueBytesMax} with keyBytesMax ${keyBytesMax}: together they do not fit into a message between nodes, which has up to ${FRAME_BYTES_MAX} bytes`;
  }
  const limits = validateLimits(settings);
  return limits.ok ? undefined : limits.error;
}

function invalid(name: SettingName, value: unknown, origin: string): string {
  return `Cannot use ${name} ${JSON.stringify(value)} (${origin}): it is not ${NODE_SETTINGS[name].range}`;
}

function unknown(name: string, names: readonly string[]): string {
  return `there is no such setting${didYouMean(name, names)}`;
}

function parseObject(content: string): Result<object, string> {
  try {
    const parsed: unknown = JSON.parse(content);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return ok(parsed);
    return err('it is not a JSON object');
  } catch (error) {
    return err(`it is not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
}

/** The line on which a key of a JSON text stands, or would stand. */
function lineOf(content: string, name: string): number {
  const at = content.indexOf(JSON.stringify(name));
  return content.slice(0, Math.max(0, at)).split('\n').length;
}

// Kinds of settings. Functions, so that the table can stand first.

interface Bounds {
  readonly least?: number;
  readonly most: number;
}

type Row<T> = Pick<Setting<T>, 'default' | 'text' | 'defaultText'>;

function count({ least = 0, most, ...row }: Bounds & Row<number>): Setting<number> {
  const range = `a whole number from ${least} to ${most}`;
  return { schema: numberFrom(parseWholeNumber, { least, most }), range, placeholder: 'N', ...row };
}

function bytes({ most, ...row }: Bounds & Row<number>): Setting<number> {
  const parse = (size: string) => parseWholeNumber(size) ?? parseSize(size);
  const range = `a size from 1 to ${most} bytes, such as 65536 or 64KiB`;
  return { schema: numberFrom(parse, { least: 1, most }), range, placeholder: 'SIZE', ...row };
}

function duration(row: Row<number>): Setting<number> {
  const parse = (time: string) => parseWholeNumber(time) ?? parseDuration(time);
  const range = `a duration from 1 to ${TIME_MS_MAX} ms, such as 500 or 30s`;
  return { schema: numberFrom(parse, { least: 1, most: TIME_MS_MAX }), range, placeholder: 'TIME', ...row };
}

function text(row: Row<string>): Setting<string> {
  const schema = v.pipe(v.string(), v.trim(), v.nonEmpty());
  return { schema, range: 'a text', placeholder: 'ADDRESS', ...row };
}

function name(row: Row<string>): Setting<string> {
  const schema = v.pipe(v.string(), v.trim(), v.regex(/^[^\s\p{Cc}]{1,64}$/u));
  return { schema, range: 'a name of 1 to 64 characters without blanks', placeholder: 'NAME', ...row };
}

function addresses(row: Row<string>): Setting<string> {
  const schema = v.pipe(
    v.string(),
    v.trim(),
    v.check((list) => list === '' || list.split(',').every((address) => parseAddress(address.trim()).ok)),
  );
  return { schema, range: 'a list of addresses such as 127.0.0.1:8001', placeholder: 'HOST:PORT', ...row };
}

function loopback(row: Row<string>): Setting<string> {
  const schema = v.pipe(v.string(), v.regex(/^(localhost|::1|127(\.\d{1,3}){3})$/));
  return { schema, range: 'an address of this machine, such as 127.0.0.1', placeholder: 'ADDRESS', ...row };
}

function choice<const Choice extends string>({
  choices,
  ...row
}: { readonly choices: readonly Choice[] } & Row<NoInfer<Choice>>): Setting<Choice> {
  return { schema: v.picklist(choices), range: `one of ${choices.join(', ')}`, placeholder: 'LEVEL', ...row };
}

function flag(row: Omit<Row<boolean>, 'default'>): Setting<boolean> {
  const words = v.pipe(
    v.picklist(['true', 'false', '1', '0']),
    v.transform((word) => word === 'true' || word === '1'),
  );
  return {
    schema: v.union([v.boolean(), words]),
    range: 'true or false',
    placeholder: undefined,
    default: false,
    ...row,
  };
}

function numberFrom(
  parse: (text: string) => number | undefined,
  { least = 0, most }: Bounds,
): v.GenericSchema<unknown, number> {
  const words = v.pipe(v.string(), v.transform(parse));
  return v.pipe(v.union([v.number(), words]), v.number(), v.integer(), v.minValue(least), v.maxValue(most));
}
