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
import { didYouMean } from './nearest';
import { DEFAULT_LIMITS, validateLimits } from './protocol/client-protocol';
import { FRAME_BYTES_MAX, FRAME_HEAD_BYTES_MAX } from './protocol/rpc-limits';
import { err, ok, type Result } from './result';
import {
  addresses,
  bytes,
  choice,
  count,
  duration,
  flag,
  loopback,
  name,
  type Setting,
  signedDuration,
  text,
  TIME_MS_MAX,
} from './setting-kinds';

const PORT_MAX = 65_535;
const ADMIN_PORT_DISTANCE = 10_000;
const KIB = 1024;
const MIB = KIB * KIB;
const GIB = KIB * MIB;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

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
  replicas: count({
    least: 1,
    most: 9,
    default: 3,
    text: 'on how many nodes each key is kept; the same on every node of a ring',
  }),
  minReplicas: count({
    least: 1,
    most: 9,
    default: 1,
    text: 'fewest nodes that must keep a key for a quorum write to be accepted; 2 where nothing may be lost',
  }),
  maxDriftMs: duration({ default: SECOND_MS, text: 'how far the clocks of two nodes may be apart' }),
  clockOffsetMs: signedDuration({
    default: 0,
    text: 'by how much to set the clock of this node wrong; only with allowChaos',
  }),
  tombstoneGraceMs: duration({
    default: HOUR_MS,
    text: 'how long a deletion is remembered at least; at least three times hintTtlMs and twice maxDriftMs',
  }),
  hintTtlMs: duration({
    default: 10 * MINUTE_MS,
    text: 'how long a node remembers which writes another one has missed',
  }),
  antiEntropyIntervalMs: duration({ default: 10 * SECOND_MS, text: 'how often the copies of an arc are compared' }),
  cleanupDelayMs: duration({
    default: 30 * SECOND_MS,
    text: 'how long a node keeps copies that it need not keep any more',
  }),
  syncBytesPerSecond: bytes({
    most: GIB,
    default: 20_000_000,
    text: 'how fast a node fetches copies from others, all together',
  }),
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

/** A write that a node has missed must have reached it, or been given up, long before a deletion is forgotten. */
const HINTS_PER_GRACE = 3;

/** Whoever says up to when all agree may be as far ahead as clocks may be apart, and whoever has deleted something as far behind. */
const DRIFTS_PER_GRACE = 2;

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
  const { port, adminPort, keyBytesMax, valueBytesMax, replicas, minReplicas } = settings;
  const { tombstoneGraceMs, hintTtlMs, maxDriftMs, clockOffsetMs, allowChaos } = settings;
  if (port !== 0 && port === adminPort) return `Cannot use adminPort ${adminPort}: it is the port for clients too`;
  if (keyBytesMax + valueBytesMax + FRAME_HEAD_BYTES_MAX > FRAME_BYTES_MAX) {
    return `Cannot use valueBytesMax ${valueBytesMax} with keyBytesMax ${keyBytesMax}: together they do not fit into a message between nodes, which has up to ${FRAME_BYTES_MAX} bytes`;
  }
  if (minReplicas > replicas) {
    return `Cannot use minReplicas ${minReplicas} with replicas ${replicas}: no key is ever kept on more than ${replicas}`;
  }
  if (tombstoneGraceMs < HINTS_PER_GRACE * hintTtlMs) {
    return `Cannot use tombstoneGraceMs ${tombstoneGraceMs} with hintTtlMs ${hintTtlMs}: less than ${HINTS_PER_GRACE} times as long, it would let deleted keys come back`;
  }
  if (tombstoneGraceMs < DRIFTS_PER_GRACE * maxDriftMs) {
    return `Cannot use tombstoneGraceMs ${tombstoneGraceMs} with maxDriftMs ${maxDriftMs}: less than ${DRIFTS_PER_GRACE} times as long, it would let deleted keys come back`;
  }
  if (clockOffsetMs !== 0 && !allowChaos) {
    return `Cannot use clockOffsetMs ${clockOffsetMs}: a clock is set wrong only for tests, with allowChaos`;
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
