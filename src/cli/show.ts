/** Showing: one question to a node's admin server, and its answer for people, for programs and as an exit code. */
import type { Command } from 'commander';
import { addAdminFlags, type AdminFlags, type AdminQuestion, adminTargetOf, askAdmin } from './admin-request';
import { addJsonFlag } from './command';
import { EXIT } from './exit-codes';
import { type Io, printError, printJson, printLine } from './io';

/** Adds the flags of a command that shows something. */
export function defineShow(command: Command): void {
  addJsonFlag(addAdminFlags(command));
}

/** How an answer is shown: to programs, to people, and by the exit code. */
export interface Showing<T> {
  readonly document: (answer: T) => object;
  readonly lines: (answer: T) => readonly string[];
  readonly exitCode?: (answer: T) => number;
}

/** Asks, shows what is answered, and gives the exit code. */
export async function show<T>(
  io: Io,
  flags: AdminFlags,
  question: AdminQuestion<T>,
  { document, lines, exitCode = () => EXIT.success }: Showing<T>,
): Promise<number> {
  const servers = adminTargetOf(flags, io.env);
  const answer = servers.ok ? await askAdmin(servers.value, question) : servers;
  if (!answer.ok) {
    printError(io, answer.error, flags.json === true);
    return answer.error.exitCode;
  }
  if (flags.json) printJson(io, document(answer.value));
  else for (const line of lines(answer.value)) printLine(io, line);
  return exitCode(answer.value);
}
