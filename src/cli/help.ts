/** Help: usage, one sentence, two examples, what it takes, exit codes. In that order, and on one screen. */
import type { Command, Help } from 'commander';
import { EXIT_CODE_TEXTS } from './exit-codes';

/** The help of a command, as lines of text. */
export function formatHelp(command: Command, helper: Help, examples: readonly string[]): string {
  const parts = [
    [`Usage: ${helper.commandUsage(command)}`, `${command.description()}.`],
    section('Examples', examples),
    section(
      'Arguments',
      columns(helper.visibleArguments(command).map((it) => [helper.argumentTerm(it), it.description])),
    ),
    section('Options', columns(helper.visibleOptions(command).map((it) => [helper.optionTerm(it), it.description]))),
    section('Commands', columns(helper.visibleCommands(command).map((it) => [it.name(), it.description()]))),
    section('Exit codes', columns(EXIT_CODE_TEXTS.map(([code, text]) => [String(code), text]))),
  ];
  return `${parts
    .filter((part) => part.length > 0)
    .map((part) => part.join('\n'))
    .join('\n\n')}\n`;
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `  ${line}`)];
}

function columns(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(0, ...rows.map(([term]) => term.length));
  return rows.map(([term, text]) => `${term.padEnd(width)}  ${text}`);
}
