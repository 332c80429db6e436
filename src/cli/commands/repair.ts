/** `funnelkvs repair`: has a node, or every node, compare the copies that it leads, and mend what differs. */
import { parseAddress } from '../../client';
import { ok, type Result } from '../../result';
import { addAdminFlags, type AdminFailure, type AdminFlags, adminTargetOf, askAdmin } from '../admin-request';
import { addJsonFlag, flag, type Subcommand } from '../command';
import { EXIT } from '../exit-codes';
import { type Io, printError, printJson, printLine } from '../io';
import { drawRepair } from '../replica-drawing';
import { REPAIR_MS, REPAIR_QUESTION } from '../replica-questions';
import { RING_QUESTION } from '../ring-questions';
import type { Target } from '../target';
import type { RepairInfo } from '../../admin/replica-answers';

interface Flags extends AdminFlags {
  readonly all?: boolean;
}

const TIMEOUT_DEFAULT = `${REPAIR_MS}ms`;

/** Prints what it has come to, a line for each node. */
export const subcommand: Subcommand = {
  examples: ['repair --port 8002', 'repair --all'],

  define(command) {
    addJsonFlag(addAdminFlags(command)).addOption(
      flag('--all', 'every node of the ring, one after the other; their admin ports must be 10000 above their ports'),
    );
  },

  async run(io, _args, flags: Flags) {
    const asJson = flags.json === true;
    const servers = adminTargetOf(
      { ...flags, timeout: flags.timeout ?? io.env.FUNNELKVS_TIMEOUT ?? TIMEOUT_DEFAULT },
      io.env,
    );
    const targets = servers.ok ? await targetsOf(servers.value, flags, io) : servers;
    if (!targets.ok) {
      printError(io, targets.error, asJson);
      return targets.error.exitCode;
    }
    const repairs: Repair[] = [];
    for (const { name, target } of targets.value) {
      const answer = await askAdmin(target, REPAIR_QUESTION);
      if (!answer.ok) {
        printError(io, answer.error, asJson);
        return answer.error.exitCode;
      }
      repairs.push({ ...name, ...answer.value });
      if (!asJson) printLine(io, `${name.addr === undefined ? '' : `${name.addr}: `}${drawRepair(answer.value)}`);
    }
    if (asJson) printJson(io, { repairs });
    return repairs.every(({ failed }) => failed === 0) ? EXIT.success : EXIT.unsound;
  },
};

/** What came of it at a node, which is named where there are several. */
type Repair = RepairInfo & { readonly addr?: string };

interface Named {
  readonly name: { readonly addr?: string };
  readonly target: Target;
}

async function targetsOf(
  servers: Target,
  { all, ...flags }: Flags,
  { env }: Io,
): Promise<Result<readonly Named[], AdminFailure>> {
  if (!all) return ok([{ name: {}, target: servers }]);
  const ring = await askAdmin(servers, RING_QUESTION);
  if (!ring.ok) return ring;
  const targets: Named[] = [];
  for (const { addr } of ring.value.nodes) {
    const { host, port } = addressOf(addr);
    const { adminPort: _ofOne, connect: _others, ...rest } = flags;
    const target = adminTargetOf({ ...rest, host, port }, { ...env, FUNNELKVS_ADMIN_PORT: undefined });
    if (!target.ok) return target;
    targets.push({ name: { addr }, target: { ...target.value, timeoutMs: servers.timeoutMs } });
  }
  return ok(targets);
}

function addressOf(addr: string): { readonly host: string; readonly port: string } {
  const address = parseAddress(addr);
  return address.ok ? { host: address.value.host, port: String(address.value.port) } : { host: addr, port: '' };
}
