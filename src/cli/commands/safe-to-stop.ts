/** `funnelkvs safe-to-stop`: says whether a node can stop without anything being lost or standing still. */
import { setTimeout as later } from 'node:timers/promises';
import type { StopVerdict } from '../../admin/replica-answers';
import type { Result } from '../../result';
import { addAdminFlags, type AdminFailure, type AdminFlags, adminTargetOf, askAdmin } from '../admin-request';
import { addJsonFlag, flag, type Subcommand } from '../command';
import { EXIT } from '../exit-codes';
import { printError, printJson, printLine } from '../io';
import { drawStop } from '../replica-drawing';
import { STOP_QUESTION } from '../replica-questions';
import type { Target } from '../target';

interface Flags extends AdminFlags {
  readonly wait?: boolean;
}

const LOOK_EVERY_MS = 200;

/** Prints yes or no, and why; the exit code is 6 where it is no. */
export const subcommand: Subcommand = {
  examples: ['safe-to-stop --port 8002', 'safe-to-stop --wait --timeout 60s && kill "$PID"'],

  define(command) {
    addJsonFlag(addAdminFlags(command)).addOption(flag('--wait', 'until it is, for as long as the timeout allows'));
  },

  async run(io, _args, flags: Flags) {
    const servers = adminTargetOf(flags, io.env);
    const answer = servers.ok ? await ask(servers.value, flags.wait === true) : servers;
    if (!answer.ok) {
      printError(io, answer.error, flags.json === true);
      return answer.error.exitCode;
    }
    const { safe, reason } = answer.value;
    if (flags.json) printJson(io, { safe, reason });
    else printLine(io, drawStop(answer.value));
    return safe ? EXIT.success : EXIT.unsound;
  },
};

async function ask(servers: Target, waits: boolean): Promise<Result<StopVerdict, AdminFailure>> {
  const endMs = performance.now() + servers.timeoutMs;
  for (;;) {
    const answer = await askAdmin(servers, STOP_QUESTION);
    const isOver = performance.now() + LOOK_EVERY_MS >= endMs;
    if (!waits || isOver || (answer.ok && answer.value.safe)) return answer;
    await later(LOOK_EVERY_MS);
  }
}
