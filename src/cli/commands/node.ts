/** `funnelkvs node`: runs a node in the foreground. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { systemErrorWords } from '../../client/client-error';
import {
  defaultTextOf,
  flagOf,
  givenByEnvironment,
  givenByFile,
  givenByFlags,
  mergeSettings,
  type MergedSettings,
  NODE_SETTINGS,
  type NodeSettings,
  SETTING_NAMES,
  type SettingName,
  type Source,
  variableOf,
} from '../../config';
import { err, type Result } from '../../result';
import type { Setting } from '../../setting-kinds';
import { addJsonFlag, flag, type Subcommand } from '../command';
import { EXIT } from '../exit-codes';
import { type Io, printError, printJson, printLine } from '../io';

interface Flags extends Partial<Record<SettingName, string | boolean>> {
  readonly config?: string;
  readonly printConfig?: boolean;
  readonly json?: boolean;
}

/** Merges the settings, then runs the node until it ends, or only prints them. */
export const subcommand: Subcommand = {
  examples: ['node --node-id 1 --port 8001', 'node --config node.json --log-level debug'],

  define(command) {
    for (const name of SETTING_NAMES) addSettingFlag(command, name);
    command
      .addOption(
        flag('--config <FILE>', 'settings as a JSON object, named as above in camelCase', {
          variable: 'FUNNELKVS_CONFIG',
        }),
      )
      .addOption(flag('--print-config', 'print the settings and where each comes from, and start nothing'));
    addJsonFlag(command);
  },

  async run(io, _args, flags: Flags) {
    const merged = settingsOf(flags, io);
    if (!merged.ok) {
      reportProblems(io, merged.error, flags.json === true);
      return EXIT.usage;
    }
    if (!flags.printConfig) return runNode(merged.value.settings);
    printSettings(io, merged.value, flags.json === true);
    return EXIT.success;
  },
};

function addSettingFlag(command: Command, name: SettingName): void {
  const { placeholder, text }: Setting<unknown> = NODE_SETTINGS[name];
  const usage = placeholder === undefined ? flagOf(name) : `${flagOf(name)} <${placeholder}>`;
  command.addOption(flag(usage, text, { fallback: defaultTextOf(name), variable: variableOf(name) }));
}

function settingsOf(flags: Flags, { env }: Io): Result<MergedSettings, readonly string[]> {
  const path = flags.config ?? env.FUNNELKVS_CONFIG;
  const file = path === undefined ? NOTHING : readConfig(path);
  if (file.given.length === 0 && file.problems.length > 0) return err(file.problems);
  return mergeSettings([file, givenByEnvironment(env), givenByFlags(flags)]);
}

const NOTHING: Source = { given: [], problems: [] };

function readConfig(path: string): Source {
  try {
    return givenByFile(path, withoutMark(readFileSync(path, 'utf8')));
  } catch (error) {
    return { given: [], problems: [`Cannot read config file "${path}": ${fileErrorWords(error)}`] };
  }
}

/** Some editors begin a file with a byte order mark, which nobody can see. */
const withoutMark = (content: string) => content.replace(/^\uFEFF/, '');

function fileErrorWords(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EISDIR') return 'it is a folder';
  return systemErrorWords(error as NodeJS.ErrnoException);
}

function reportProblems(io: Io, problems: readonly string[], json: boolean): void {
  if (json) printError(io, { code: 'invalid_settings', message: problems.join('; ') }, json);
  else for (const message of problems) printError(io, { code: 'invalid_settings', message }, json);
}

function printSettings(io: Io, { settings, origins }: MergedSettings, json: boolean): void {
  const rows = SETTING_NAMES.map((name) => ({ name, value: settings[name], origin: origins[name] }));
  if (json) {
    printJson(io, { settings: Object.fromEntries(rows.map(({ name, value, origin }) => [name, { value, origin }])) });
    return;
  }
  const width = (texts: readonly string[]) => Math.max(...texts.map((text) => text.length));
  const nameWidth = width(rows.map(({ name }) => name));
  const valueWidth = width(rows.map(({ value }) => String(value)));
  for (const { name, value, origin } of rows) {
    printLine(io, `${name.padEnd(nameWidth)}  ${String(value).padEnd(valueWidth)}  ${origin}`);
  }
}

/** The node and its tree are loaded only here: no other command pays for them. */
function runNode(settings: NodeSettings): Promise<number> {
  const program = require('../run-node') as NodeProgram;
  return program.runNode(settings);
}

/** What `require` gives, which the compiler cannot know. */
interface NodeProgram {
  runNode(settings: NodeSettings): Promise<number>;
}
