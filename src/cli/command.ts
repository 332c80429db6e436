/** A subcommand: what it is called, what it takes, what it does. Each stands in its own file in commands/. */
import { type Command, Option } from 'commander';
import type { Io } from './io';
import { DEFAULT_HOST, DEFAULT_PORT, DEFAULT_TIMEOUT } from './target';

/** What a subcommand's file exports. It is loaded only when somebody asks for the subcommand. */
export interface Subcommand {
  /** Two command lines, without the program's name. */
  readonly examples: readonly [string, string];
  /** Adds its arguments and flags. */
  define(command: Command): void;
  /** Does it, and gives back the exit code. */
  run(io: Io, args: readonly string[], flags: Readonly<Record<string, unknown>>): Promise<number>;
}

/** Subcommands under a word of their own, as in `ring status`. */
export interface SubcommandGroup {
  /** Two command lines, without the program's name. */
  readonly examples: readonly [string, string];
  /** By name, in the order of help. The summary is one sentence, without its full stop. */
  readonly members: Readonly<Record<string, { readonly summary: string; readonly subcommand: Subcommand }>>;
}

/** A flag with its default and its environment variable in its text. */
export function flag(usage: string, text: string, { fallback, variable }: FlagNotes = {}): Option {
  const notes = [fallback && `default ${fallback}`, variable && `env ${variable}`].filter(Boolean);
  return new Option(usage, notes.length > 0 ? `${text} (${notes.join(', ')})` : text);
}

interface FlagNotes {
  readonly fallback?: string;
  readonly variable?: string;
}

/** The flags of every command that speaks to a node. */
export function addTargetFlags(command: Command): Command {
  return command
    .addOption(
      flag('--connect <ADDRESSES>', 'nodes to try in turn, as host:port[,host:port]', {
        variable: 'FUNNELKVS_CONNECT',
      }),
    )
    .addOption(flag('--host <HOST>', 'host of the node', { fallback: DEFAULT_HOST, variable: 'FUNNELKVS_HOST' }))
    .addOption(
      flag('--port <PORT>', 'port of the node', { fallback: String(DEFAULT_PORT), variable: 'FUNNELKVS_PORT' }),
    )
    .addOption(
      flag('--timeout <TIME>', 'how long to wait for an answer', {
        fallback: DEFAULT_TIMEOUT,
        variable: 'FUNNELKVS_TIMEOUT',
      }),
    );
}

/** The flag of every command that prints data. */
export function addJsonFlag(command: Command): Command {
  return command.addOption(flag('--json', 'print one JSON document; errors too'));
}
