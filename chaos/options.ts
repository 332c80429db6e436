/**
 * Options: what was asked for on the command line, each option with its default and its bounds, and the help that
 * lists them.
 */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { didYouMean } from '../src/nearest';
import { err, ok, type Result } from '../src/result';
import { parseWholeNumber } from '../src/units';
import { compiledProgram } from './chaos-node';
import type { RunKind } from './chaos-run';
import { EXIT_TEXTS } from './exit';
import { FAULT_NAMES, FAULTS } from './faults';
import { PLAYS } from './plays';

/** What is to be done. */
export interface ChaosOptions {
  /** Faults, and the names of plays. */
  readonly kinds: readonly string[];
  readonly seconds: number;
  readonly seed: number;
  readonly seeds: number;
  readonly nodes: number;
  readonly rate: number;
  readonly keys: number;
  readonly once: number;
  readonly beyond: boolean;
  readonly quiet: boolean;
  /** Undefined: one that is made for it. */
  readonly dir: string | undefined;
  readonly program: string;
  readonly flags: readonly string[];
}

interface NumberText {
  readonly text: string;
  readonly usual: number;
  readonly least: number;
  readonly most: number;
}

/** Every option that is a whole number. */
const NUMBERS = {
  seconds: { text: 'how long each kind goes on', usual: 60, least: 1, most: 86_400 },
  seed: { text: 'what faults, times and load follow from', usual: 1, least: 0, most: 2 ** 31 - 1 },
  seeds: { text: 'how many seeds, from that one on', usual: 1, least: 1, most: 10_000 },
  nodes: { text: 'how many nodes the ring has', usual: 5, least: 2, most: 50 },
  rate: { text: 'operations a second', usual: 300, least: 1, most: 100_000 },
  keys: { text: 'keys that all write', usual: 24, least: 1, most: 100_000 },
  once: { text: 'most keys that are written once', usual: 3000, least: 0, most: 1_000_000 },
} as const satisfies Record<string, NumberText>;

type NumberName = keyof typeof NUMBERS;

const NUMBER_NAMES = Object.keys(NUMBERS) as readonly NumberName[];
const RUN_KINDS: readonly string[] = [...FAULT_NAMES, 'mixed'];
const KINDS: readonly string[] = [...RUN_KINDS, ...Object.keys(PLAYS)];
const STRING = { type: 'string' } as const;
const SWITCH = { type: 'boolean', default: false } as const;

/** Whether this is a kind of fault, and no play. */
export const isRunKind = (kind: string): kind is RunKind => RUN_KINDS.includes(kind);

/** What these arguments ask for; `help`; or, in one line, why nothing is done. */
export function readOptions(args: readonly string[]): Result<ChaosOptions | 'help', string> {
  const parsed = parsedArgs(args);
  if (!parsed.ok) return parsed;
  const { help, kind, program = compiledProgram(), dir, beyond, quiet, flag: flags = [] } = parsed.value;
  if (help) return ok('help');
  const kinds = kind.split(',').flatMap((name) => (name === 'all' ? RUN_KINDS : [name]));
  const strange = kinds.find((name) => !KINDS.includes(name));
  if (strange !== undefined)
    return err(
      `Cannot run kind "${strange}": the kinds are all, ${KINDS.join(', ')}${didYouMean(strange, ['all', ...KINDS])}`,
    );
  const numbers = numbersIn(parsed.value);
  if (!numbers.ok) return numbers;
  if (!existsSync(program)) return err(`Cannot run nodes: there is no program ${program}`);
  return ok({ ...numbers.value, kinds, dir, beyond, quiet, program, flags });
}

function parsedArgs(args: readonly string[]) {
  const options = {
    ...(Object.fromEntries(NUMBER_NAMES.map((name) => [name, STRING])) as Record<NumberName, typeof STRING>),
    kind: { type: 'string', default: 'all' },
    beyond: SWITCH,
    quiet: SWITCH,
    dir: STRING,
    program: STRING,
    flag: { type: 'string', multiple: true },
    help: { type: 'boolean', default: false, short: 'h' },
  } as const;
  try {
    return ok(parseArgs({ args: [...args], options }).values);
  } catch (error) {
    const said = String(error).replace(/^.*?: /, '');
    const [, unknown] = /^Unknown option '--([^']*)'/.exec(said) ?? [];
    const guess = unknown === undefined ? '' : didYouMean(unknown, Object.keys(options)).replace('"', '"--');
    return err(`Cannot run: ${inOneLine(said)}${guess}`);
  }
}

/** "Unknown option '--nope'. To specify …" as the first of its sentences, in the style of every other message. */
function inOneLine(said: string): string {
  const sentence = said.replace(/\.?\n.*$/s, '').replace(/\. .*$/s, '');
  return `${sentence.charAt(0).toLowerCase()}${sentence.slice(1).replaceAll("'", '"')}`;
}

function numbersIn(
  given: Readonly<Partial<Record<NumberName, string>>>,
): Result<Readonly<Record<NumberName, number>>, string> {
  const numbers: Partial<Record<NumberName, number>> = {};
  for (const name of NUMBER_NAMES) {
    const { usual, least, most } = NUMBERS[name];
    const text = given[name] ?? String(usual);
    const number = parseWholeNumber(text);
    if (number === undefined || number < least || number > most)
      return err(`Cannot use --${name} "${text}": it is not a whole number from ${least} to ${most}`);
    numbers[name] = number;
  }
  return ok(numbers as Record<NumberName, number>);
}

/** What can be asked for. */
export function helpText(): string {
  const numbers = NUMBER_NAMES.map((name): Row => {
    const { text, usual } = NUMBERS[name];
    return [`--${name} N`, `${text} (${usual})`];
  });
  return [
    'Usage: node dist/chaos/main.js [options]',
    'Breaks rings of processes under load, and judges what clients saw.',
    '',
    'Examples:',
    '  make chaos CHAOS_ARGS="--kind kill,pause --seed 7 --seconds 30"',
    '  make chaos CHAOS_ARGS="--kind partition --seeds 5"',
    '',
    'Options:',
    ...columns([
      ['--kind KIND,…', 'what is done to the ring (all kinds, but no plays)'],
      ...numbers,
      ['--beyond', 'break more at a time than may be broken'],
      ['--quiet', 'do not tell the steps'],
      ['--dir DIR', 'where logs, steps and histories go (a new folder for temporary files)'],
      ['--program FILE', 'the program that is run as a node (the one that was built)'],
      ['--flag=FLAG', 'a flag for every node, again for each'],
      ['-h, --help', 'print this help'],
    ]),
    '',
    'Kinds:',
    ...columns([
      ...FAULT_NAMES.map((name): Row => [name, FAULTS[name].text]),
      ['mixed', 'one of these at random, but for quiet and rolling'],
    ]),
    '',
    'Plays:',
    ...columns(Object.entries(PLAYS).map(([name, play]): Row => [name, play?.text ?? ''])),
    '',
    'Exit codes:',
    ...columns(EXIT_TEXTS.map(([code, text]): Row => [String(code), text])),
  ].join('\n');
}

type Row = readonly [string, string];

function columns(rows: readonly Row[]): readonly string[] {
  const width = Math.max(...rows.map(([term]) => term.length));
  return rows.map(([term, text]) => `  ${term.padEnd(width)}  ${text}`);
}
