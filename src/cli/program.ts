/**
 * The program: from a command line to an exit code.
 *
 * The table of subcommands is all that is loaded at first. What a subcommand needs comes with it,
 * when it is the one that was asked for.
 */
import { Command, CommanderError } from 'commander';
import { didYouMean } from '../nearest';
import { VERSION } from '../version';
import type { Subcommand, SubcommandGroup } from './command';
import { EXIT } from './exit-codes';
import { formatHelp } from './help';
import { type Io, printError } from './io';

/** What is known of a subcommand before it is loaded. */
interface Entry {
  /** One sentence, without its full stop. */
  readonly summary: string;
  readonly load: () => CommandFile;
}

/** What a file in commands/ exports. */
type CommandFile = { readonly subcommand: Subcommand } | { readonly group: SubcommandGroup };

/** Every subcommand, in the order of help. */
const ENTRIES: Readonly<Record<string, Entry>> = {
  node: { summary: 'Runs a node in the foreground', load: () => require('./commands/node') as CommandFile },
  'ring-up': {
    summary: 'Runs a ring of nodes on this machine, a process each',
    load: () => require('./commands/ring-up') as CommandFile,
  },
  client: { summary: 'Talks to a node interactively', load: () => require('./commands/client') as CommandFile },
  get: { summary: 'Prints the value stored under a key', load: () => require('./commands/get') as CommandFile },
  put: { summary: 'Stores a value under a key', load: () => require('./commands/put') as CommandFile },
  delete: { summary: 'Removes a key', load: () => require('./commands/delete') as CommandFile },
  ping: { summary: 'Asks a node for a sign of life', load: () => require('./commands/ping') as CommandFile },
  stats: { summary: 'Prints what a node counts', load: () => require('./commands/stats') as CommandFile },
  ring: {
    summary: 'Shows the ring: status, nodes, fingers, lookup',
    load: () => require('./commands/ring') as CommandFile,
  },
  views: {
    summary: 'Lists who keeps copies of which arc, as a node knows it',
    load: () => require('./commands/views') as CommandFile,
  },
  locate: {
    summary: 'Finds the nodes that keep a key, and what each has of it',
    load: () => require('./commands/locate') as CommandFile,
  },
  repair: {
    summary: 'Compares the copies that a node leads with each other, and mends what differs',
    load: () => require('./commands/repair') as CommandFile,
  },
  'safe-to-stop': {
    summary: 'Says whether a node can stop without anything being lost or standing still',
    load: () => require('./commands/safe-to-stop') as CommandFile,
  },
  tree: { summary: 'Draws the supervision tree of a node', load: () => require('./commands/tree') as CommandFile },
  simulate: {
    summary: 'Simulates rings of any size, and repeats the experiments of the Chord papers',
    load: () => require('./commands/simulate') as CommandFile,
  },
};

const NAME = 'funnelkvs';
const SUMMARY = 'A distributed key-value store on the Chord protocol whose every node is a tree of supervised actors';
const EXAMPLES = ['node --port 8001', 'put user:alice "Alice Smith"'] as const;

/** Runs the program with these arguments, the program's own name left out. Expected failures are exit codes. */
export async function runProgram(given: readonly string[], io: Io): Promise<number> {
  const args = helpLast(given);
  const [first, topic] = args;
  const asked = commandOf(args);
  if (first === 'help' && asked === undefined && topic !== undefined && topic !== 'help' && !topic.startsWith('-')) {
    return mistaken(`unknown command '${topic}'`, args, io);
  }
  let exitCode: number = EXIT.success;
  const program = makeProgram(asked, io, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(commandFirst(args), { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return endedByCommander(error, args, io);
    throw error;
  }
}

/** The subcommand that is asked for, where there is such a one; of a group, its first word. */
export function commandOf(args: readonly string[]): string | undefined {
  return args[indexOfCommand(args)];
}

function indexOfCommand(args: readonly string[]): number {
  return indexOfWord(args, 0, (word) => Object.hasOwn(ENTRIES, word));
}

/** A flag before the command may have a value that reads like one: a host may be called `node`. */
function indexOfWord(args: readonly string[], from: number, is: (word: string) => boolean): number {
  return args.findIndex((arg, at) => at >= from && is(arg) && !TARGET_FLAGS.has(args[at - 1] ?? ''));
}

/** The flags with a value that most commands share; see addTargetFlags(), addAdminFlags() and addKeyFlags(). */
const TARGET_FLAGS: ReadonlySet<string> = new Set([
  '--connect',
  '--host',
  '--port',
  '--timeout',
  '--admin-port',
  '--consistency',
]);

/** Flags may stand before the command as well, or between its two words: they are its own. */
function commandFirst(args: readonly string[]): readonly string[] {
  const at = indexOfCommand(args);
  const asked = args[at];
  if (asked === undefined || !args.slice(0, at).every((arg, index) => isFlagPart(args, arg, index))) return args;
  const members = groupOf(asked)?.members ?? {};
  const memberAt = indexOfWord(args, at + 1, (word) => !word.startsWith('-'));
  const member = args.slice(memberAt, memberAt + 1).filter((word) => Object.hasOwn(members, word));
  const rest = args.filter((_arg, index) => index !== at && (index !== memberAt || member.length === 0));
  return [asked, ...member, ...rest];
}

const isFlagPart = (args: readonly string[], arg: string, index: number) =>
  arg.startsWith('-') || TARGET_FLAGS.has(args[index - 1] ?? '');

/** `help ring status` is `ring status --help`: Commander's own help knows one word only. */
function helpLast(args: readonly string[]): readonly string[] {
  const [first, word, member] = args;
  const isMember = word !== undefined && member !== undefined && Object.hasOwn(groupOf(word)?.members ?? {}, member);
  return first === 'help' && isMember ? [word, member, '--help'] : args;
}

function groupOf(name: string): SubcommandGroup | undefined {
  const file = Object.hasOwn(ENTRIES, name) ? ENTRIES[name]?.load() : undefined;
  return file !== undefined && 'group' in file ? file.group : undefined;
}

function makeProgram(asked: string | undefined, io: Io, setExitCode: (code: number) => void): Command {
  const program = prepare(new Command(NAME), EXAMPLES, io)
    .description(SUMMARY)
    .usage('COMMAND [options]')
    .version(VERSION, '-V, --version', 'print the version')
    .helpCommand('help [COMMAND]', 'Prints help for a command');
  for (const [name, { summary, load }] of Object.entries(ENTRIES)) {
    const command = program.command(name).description(summary);
    if (name !== asked) continue;
    const file = load();
    if ('group' in file) fillGroup(command, file.group, io, setExitCode);
    else fillCommand(command, file.subcommand, io, setExitCode);
  }
  return program;
}

function fillGroup(
  command: Command,
  { examples, members }: SubcommandGroup,
  io: Io,
  set: (code: number) => void,
): void {
  prepare(command, examples, io)
    .usage('COMMAND [options]')
    .version(VERSION, '-V, --version', 'print the version')
    .helpCommand(false);
  for (const [name, { summary, subcommand }] of Object.entries(members)) {
    fillCommand(command.command(name).description(summary), subcommand, io, set);
  }
}

function fillCommand(command: Command, subcommand: Subcommand, io: Io, setExitCode: (code: number) => void): void {
  prepare(command, subcommand.examples, io).version(VERSION, '-V, --version', 'print the version');
  subcommand.define(command);
  command.action(async () => setExitCode(await subcommand.run(io, command.args, command.opts())));
}

function prepare(command: Command, examples: readonly string[], io: Io): Command {
  const lines = examples.map((example) => `${NAME} ${example}`);
  return command
    .exitOverride()
    .helpOption('-h, --help', 'print this help')
    .configureHelp({ formatHelp: (helped, helper) => formatHelp(helped, helper, lines) })
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      // Said by endedByCommander(), in our own words.
      outputError: () => {},
    });
}

/** Commander ends a run by throwing: after help and the version, and at a mistake. */
function endedByCommander({ code, message, exitCode }: CommanderError, args: readonly string[], io: Io): number {
  if (exitCode === 0) return EXIT.success;
  if (code === 'commander.help') return EXIT.usage;
  return mistaken(message, args, io);
}

function mistaken(message: string, args: readonly string[], io: Io): number {
  printError(io, { code: 'usage', message: inOurWords(message, args) }, args.includes('--json'));
  return EXIT.usage;
}

/** "error: unknown command 'gte'\n(Did you mean get?)" as one line in the style of every other message. */
function inOurWords(message: string, args: readonly string[]): string {
  const [, state = '', , guess] = /^(?:error: )?(.*?)(\n\(Did you mean (?:one of )?(.*)\?\))?$/s.exec(message) ?? [];
  const [, unknown] = /^unknown command '(.*)'$/.exec(state) ?? [];
  const quoted = state.replaceAll("'", '"').replace('. Expected', ': expected').replace(/\.$/, '');
  if (unknown !== undefined) return `Cannot run: ${quoted}${didYouMean(unknown, namesFor(args))}`;
  return `Cannot run: ${quoted}${guess === undefined ? '' : `; did you mean "${guess}"?`}`;
}

/** The names that an unknown one may have been meant to be. */
function namesFor(args: readonly string[]): readonly string[] {
  const members = groupOf(commandOf(args) ?? '')?.members;
  return members ? Object.keys(members) : [...Object.keys(ENTRIES), 'help'];
}
