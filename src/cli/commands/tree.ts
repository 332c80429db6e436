/** `funnelkvs tree`: draws the supervision tree of a running node, as its admin server describes it. */
import { get } from 'node:http';
import { type Address, formatAddress } from '../../client';
import { isPort } from '../../client/address';
import { cannotConnect, systemErrorWords } from '../../client/client-error';
import { defaultAdminPort } from '../../config';
import type { ErrorCode } from '../../errors';
import { err, ok, type Result } from '../../result';
import { parseWholeNumber } from '../../units';
import { addJsonFlag, addTargetFlags, flag, type Subcommand } from '../command';
import { EXIT } from '../exit-codes';
import { printError, printJson, printLine } from '../io';
import { type RequestFlags } from '../request';
import { type Target, targetOf } from '../target';
import { drawTree, isTree, type TreeNode } from '../tree-drawing';

interface Flags extends RequestFlags {
  readonly adminPort?: string;
}

/** Why there is no tree, and what the command ends with. */
interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly exitCode: number;
}

/** Draws the tree, or prints it as the node describes it. */
export const subcommand: Subcommand = {
  examples: ['tree', 'tree --port 8002 --json'],

  define(command) {
    addJsonFlag(addTargetFlags(command)).addOption(
      flag('--admin-port <PORT>', "the node's admin port", {
        fallback: 'port + 10000',
        variable: 'FUNNELKVS_ADMIN_PORT',
      }),
    );
  },

  async run(io, _args, flags: Flags) {
    const servers = adminServers(flags, io.env);
    const tree = servers.ok ? await firstTree(servers.value) : servers;
    if (!tree.ok) {
      printError(io, tree.error, flags.json === true);
      return tree.error.exitCode;
    }
    if (flags.json) printJson(io, { tree: tree.value });
    else for (const line of drawTree(tree.value)) printLine(io, line);
    return EXIT.success;
  },
};

const TREE_BYTES_MAX = 16 * 1024 * 1024;

/** Where the nodes' admin servers listen: 10000 above their ports, unless a flag or the environment says otherwise. */
function adminServers(flags: Flags, env: Readonly<Record<string, string | undefined>>): Result<Target, Failure> {
  const target = targetOf(flags, env);
  if (!target.ok) return err({ code: 'usage', message: target.error, exitCode: EXIT.usage });
  const named = flags.adminPort ?? env.FUNNELKVS_ADMIN_PORT;
  const adminPort = named === undefined ? undefined : (parseWholeNumber(named) ?? Number.NaN);
  if (adminPort !== undefined && !isPort(adminPort)) {
    const message = `Cannot use admin port "${named}": it is not a whole number from 1 to 65535`;
    return err({ code: 'usage', message, exitCode: EXIT.usage });
  }
  const toAdmin = ({ host, port }: Address) => ({ host, port: adminPort ?? defaultAdminPort(port) });
  return ok({ ...target.value, addresses: target.value.addresses.map(toAdmin) });
}

async function firstTree({ addresses, timeoutMs }: Target): Promise<Result<TreeNode, Failure>> {
  let failure: Failure = { ...cannotConnect(addresses, 'there is no address'), exitCode: EXIT.unreachable };
  for (const address of addresses) {
    const tree = await fetchTree(address, timeoutMs);
    if (tree.ok || tree.error.exitCode !== EXIT.unreachable) return tree;
    failure = tree.error;
  }
  return err(failure);
}

function fetchTree(address: Address, timeoutMs: number): Promise<Result<TreeNode, Failure>> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const url = `http://${formatAddress(address)}/api/tree`;
    const fail = (error: NodeJS.ErrnoException) => resolve(err(failureOf(address, timeoutMs, signal, error)));
    const request = get(url, { signal, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('error', fail);
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > TREE_BYTES_MAX) request.destroy(new Error('the answer is too long'));
      });
      response.on('end', () => resolve(readTree(address, response.statusCode ?? 0, Buffer.concat(chunks))));
    });
    request.on('error', fail);
  });
}

function failureOf(address: Address, timeoutMs: number, signal: AbortSignal, error: Error): Failure {
  if (!signal.aborted) return { ...cannotConnect([address], failureWords(error)), exitCode: EXIT.unreachable };
  const message = `Cannot read tree: no answer from ${formatAddress(address)} (GET /api/tree) in ${timeoutMs} ms`;
  return { code: 'timeout', message, exitCode: EXIT.timeout };
}

/** The codes of Node's HTTP parser begin so: the port is somebody else's, such as the one for clients. */
function failureWords(error: NodeJS.ErrnoException): string {
  return error.code?.startsWith('HPE_') ? 'it does not speak HTTP' : systemErrorWords(error);
}

function readTree(address: Address, status: number, body: Buffer): Result<TreeNode, Failure> {
  const refused = (why: string): Result<never, Failure> =>
    err({
      code: 'server_error',
      message: `Cannot read tree: ${formatAddress(address)} ${why}`,
      exitCode: EXIT.failure,
    });
  if (status !== 200) return refused(`answered with HTTP status ${status}`);
  const tree = parse(body.toString('utf8'));
  return isTree(tree) ? ok(tree) : refused('answered with something that is no tree');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What is not JSON is no tree either.
    return undefined;
  }
}
