/** `funnelkvs ring-up`: runs a ring of nodes on this machine. */
import { mkdirSync } from 'node:fs';
import { isPort } from '../../client/address';
import { systemErrorWords } from '../../client/client-error';
import { defaultAdminPort } from '../../config';
import { err, ok, type Result } from '../../result';
import { parseWholeNumber } from '../../units';
import { flag, type Subcommand } from '../command';
import { EXIT } from '../exit-codes';
import { printError } from '../io';
import { type RingPlan, runRing } from '../run-ring';
import { DEFAULT_HOST, DEFAULT_PORT } from '../target';

interface Flags {
  readonly nodes?: string;
  readonly host?: string;
  readonly port?: string;
  readonly join?: string;
  readonly logLevel?: string;
  readonly logDir?: string;
  readonly allowChaos?: boolean;
}

const DEFAULT_NODES = 4;
/** A process each: more than this is more than one machine is for. */
const NODES_MAX = 128;

/** Starts the nodes, and stops them together. */
export const subcommand: Subcommand = {
  examples: ['ring-up --nodes 4 --port 8001', 'ring-up --nodes 10 --log-dir logs'],

  define(command) {
    command
      .addOption(flag('--nodes <N>', 'how many', { fallback: String(DEFAULT_NODES) }))
      .addOption(
        flag('--host <HOST>', 'address that they all listen on', {
          fallback: DEFAULT_HOST,
          variable: 'FUNNELKVS_HOST',
        }),
      )
      .addOption(
        flag('--port <PORT>', 'port of the first; the others follow. 0: any free ones', {
          fallback: String(DEFAULT_PORT),
          variable: 'FUNNELKVS_PORT',
        }),
      )
      .addOption(flag('--join <ADDRESSES>', 'join the ring of these nodes instead of creating one'))
      .addOption(flag('--log-level <LEVEL>', 'as of node'))
      .addOption(flag('--log-dir <FOLDER>', 'write a log file for each node, instead of everything to stderr'))
      .addOption(flag('--allow-chaos', 'as of node'));
  },

  async run(io, _args, flags: Flags) {
    const plan = planOf(flags, io.env);
    if (plan.ok) return runRing(plan.value, io);
    printError(io, { code: 'usage', message: plan.error }, false);
    return EXIT.usage;
  },
};

function planOf(flags: Flags, env: Readonly<Record<string, string | undefined>>): Result<RingPlan, string> {
  const nodes = parseWholeNumber(flags.nodes ?? String(DEFAULT_NODES)) ?? 0;
  if (nodes < 1 || nodes > NODES_MAX) {
    return err(`Cannot use nodes "${flags.nodes}": it is not a whole number from 1 to ${NODES_MAX}`);
  }
  const named = flags.port ?? env.FUNNELKVS_PORT ?? String(DEFAULT_PORT);
  const port = parseWholeNumber(named) ?? Number.NaN;
  if (port !== 0 && !(isPort(port) && isPort(port + nodes - 1))) {
    return err(`Cannot use port "${named}": it is not a whole number, 0 or with ${nodes} ports from there to 65535`);
  }
  const ports = port === 0 ? [] : Array.from({ length: nodes }, (_none, index) => port + index);
  if (ports.some((own) => ports.includes(defaultAdminPort(own)))) {
    return err(`Cannot use port "${named}": the admin ports of some nodes are the ports of others`);
  }
  const logDir = flags.logDir === undefined ? ok(undefined) : madeFolder(flags.logDir);
  if (!logDir.ok) return logDir;
  const { join } = flags;
  return ok({
    nodes,
    host: flags.host ?? env.FUNNELKVS_HOST ?? DEFAULT_HOST,
    port,
    join,
    logDir: logDir.value,
    flags: [
      ...(flags.logLevel === undefined ? [] : ['--log-level', flags.logLevel]),
      ...(flags.allowChaos === true ? ['--allow-chaos'] : []),
    ],
  });
}

function madeFolder(path: string): Result<string, string> {
  try {
    mkdirSync(path, { recursive: true });
    return ok(path);
  } catch (error) {
    return err(`Cannot write to folder "${path}": ${systemErrorWords(error as NodeJS.ErrnoException)}`);
  }
}
