/** Admin requests: what a command asks the admin server of a node, and what it says when that fails. */
import { request as ask, STATUS_CODES } from 'node:http';
import type { Command } from 'commander';
import { type Address, formatAddress } from '../client';
import { isPort } from '../client/address';
import { cannotConnect, systemErrorWords } from '../client/client-error';
import { defaultAdminPort } from '../config';
import type { ErrorCode } from '../errors';
import { err, ok, type Result } from '../result';
import { parseWholeNumber } from '../units';
import { addTargetFlags, flag } from './command';
import { EXIT } from './exit-codes';
import type { Io } from './io';
import type { RequestFlags } from './request';
import { type Target, targetOf } from './target';

/** The flags of every command that asks an admin server. */
export interface AdminFlags extends RequestFlags {
  readonly adminPort?: string;
}

/** What is asked, and how its answer is read. */
export interface AdminQuestion<T> {
  /** What it is about, as one word of a sentence: "Cannot read tree". */
  readonly what: string;
  /** Path and query. */
  readonly path: string;
  /** @default 'GET' */
  readonly method?: 'GET' | 'POST';
  /** What a POST says, as JSON. */
  readonly body?: object;
  /** Which HTTP statuses are answers. @default [200] */
  readonly statuses?: readonly number[];
  /** The answer in its own type; undefined where it is something else. */
  readonly read: (document: unknown) => T | undefined;
}

/** Why there is no answer, and what the command ends with. */
export interface AdminFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly exitCode: number;
}

/** Adds the flags that say where the nodes and their admin servers are. */
export function addAdminFlags(command: Command): Command {
  return addTargetFlags(command).addOption(
    flag('--admin-port <PORT>', "the node's admin port", {
      fallback: 'port + 10000',
      variable: 'FUNNELKVS_ADMIN_PORT',
    }),
  );
}

/** Where the nodes' admin servers listen: 10000 above their ports, unless a flag or the environment says otherwise. */
export function adminTargetOf(flags: AdminFlags, env: Io['env']): Result<Target, AdminFailure> {
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

/** Asks each server in turn until one answers; the failure is that of the last. */
export async function askAdmin<T>(
  { addresses, timeoutMs }: Target,
  question: AdminQuestion<T>,
): Promise<Result<T, AdminFailure>> {
  let failure: AdminFailure = { ...cannotConnect(addresses, 'there is no address'), exitCode: EXIT.unreachable };
  for (const address of addresses) {
    const answer = await fetchFrom(address, timeoutMs, question);
    if (answer.ok) return answer;
    failure = answer.error;
  }
  return err(failure);
}

const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

function fetchFrom<T>(
  address: Address,
  timeoutMs: number,
  question: AdminQuestion<T>,
): Promise<Result<T, AdminFailure>> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const url = `http://${formatAddress(address)}${question.path}`;
    const fail = (error: NodeJS.ErrnoException) => {
      const failure = signal.aborted ? noAnswer(address, timeoutMs, question) : cannotReach(address, error);
      resolve(err(failure));
    };
    const { method = 'GET', body: said } = question;
    const request = ask(url, { method, signal, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('error', fail);
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) request.destroy(new Error('the answer is too long'));
      });
      const body = () => Buffer.concat(chunks).toString('utf8');
      response.on('end', () => resolve(answerOf(address, response.statusCode ?? 0, body(), question)));
    });
    request.on('error', fail);
    request.end(said === undefined ? undefined : JSON.stringify(said));
  });
}

function noAnswer(
  address: Address,
  timeoutMs: number,
  { what, path, method = 'GET' }: AdminQuestion<unknown>,
): AdminFailure {
  const asked = `${formatAddress(address)} (${method} ${path.split('?')[0]})`;
  const message = `Cannot read ${what}: no answer from ${asked} in ${timeoutMs} ms`;
  return { code: 'timeout', message, exitCode: EXIT.timeout };
}

/** The codes of Node's HTTP parser begin so: the port is somebody else's, such as the one for clients. */
function cannotReach(address: Address, error: NodeJS.ErrnoException): AdminFailure {
  const words = error.code?.startsWith('HPE_') ? 'it does not speak HTTP' : systemErrorWords(error);
  return { ...cannotConnect([address], words), exitCode: EXIT.unreachable };
}

function answerOf<T>(
  address: Address,
  status: number,
  body: string,
  { what, read, statuses = [200] }: AdminQuestion<T>,
): Result<T, AdminFailure> {
  const document = parse(body);
  const refused = (why: string): Result<never, AdminFailure> => {
    const message = `Cannot read ${what}: ${formatAddress(address)} answered with ${why}`;
    return err({ code: 'server_error', message, exitCode: EXIT.failure });
  };
  if (!statuses.includes(status))
    return refused(reasonIn(document) ?? `HTTP status ${status} (${STATUS_CODES[status] ?? 'unknown'})`);
  const answer = read(document);
  return answer === undefined ? refused(`something that is no ${what}`) : ok(answer);
}

/** What a refusal says in its own words. */
function reasonIn(document: unknown): string | undefined {
  const { error } = (document ?? {}) as { readonly error?: { readonly message?: unknown } };
  return typeof error?.message === 'string' ? `"${error.message}"` : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What is not JSON is none of the documents either.
    return undefined;
  }
}
