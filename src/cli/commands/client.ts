/** `funnelkvs client`: an interactive session with a node, or a script of lines from a pipe. */
import * as repl from '../../../actors/repl';
import type { ClientError } from '../../client';
import { Runtime } from '../../otp';
import { addAdminFlags, type AdminFlags, adminTargetOf } from '../admin-request';
import { flag, type Subcommand } from '../command';
import { EXIT, exitCodeOf } from '../exit-codes';
import { HISTORY_LINES_MAX, historyPath, readHistory, writeHistory } from '../history-file';
import { type Io, printError } from '../io';
import { targetOf } from '../target';

interface Flags extends AdminFlags {
  readonly strict?: boolean;
}

/** Runs a session until its input or its user ends it. */
export const subcommand: Subcommand = {
  examples: ['client --port 8001', 'client --strict < commands.txt'],

  define(command) {
    addAdminFlags(command).addOption(flag('--strict', 'stop at the first failure, and end with its exit code'));
  },

  async run(io, _args, flags: Flags) {
    const target = targetOf(flags, io.env);
    if (!target.ok) {
      printError(io, { code: 'usage', message: target.error }, false);
      return EXIT.usage;
    }
    const adminServers = adminTargetOf(flags, io.env);
    if (!adminServers.ok) {
      printError(io, adminServers.error, false);
      return adminServers.error.exitCode;
    }
    const runtime = new Runtime();
    const session = await runtime.run(() =>
      repl.start({ ...target.value, adminServers: adminServers.value, ...partsOf(io, flags) }),
    );
    if (session === 'ignore' || session.ok) return session === 'ignore' ? EXIT.failure : repl.exitCode(session.value);
    const error = session.error as ClientError;
    printError(io, error, false);
    return exitCodeOf(error);
  },
};

function partsOf(io: Io, { strict = false }: Flags): Omit<repl.Args, 'addresses' | 'timeoutMs' | 'adminServers'> {
  const terminal = io.stdin.isTTY === true && io.stdout.isTTY === true;
  const path = historyPath(io.env);
  return {
    input: io.stdin,
    output: io.stdout,
    notices: io.stderr,
    terminal,
    strict,
    history: {
      lines: terminal ? readHistory(path) : [],
      linesMax: HISTORY_LINES_MAX,
      keep: (lines) => writeHistory(path, lines),
    },
  };
}
