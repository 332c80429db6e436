/**
 * What a caller gets instead of an answer: a code, a sentence, and whether the outcome is known.
 *
 * Whether a failure is definite decides what a caller may do next. Repeating a request that
 * definitely had no effect is always safe. Repeating one that may have had its effect is not: it
 * can overtake what somebody else has written since.
 */
import { type Octets, toBuffer } from '../octets';
import type { Op, Status } from '../protocol/client-protocol';
import { err, type Result } from '../result';
import type { ClientErrorCode } from '../errors';
import { type Address, formatAddress, parseAddress } from './address';

/** Why there is no answer. */
export interface ClientError {
  /** See src/errors.ts for what each means and what to do. */
  readonly code: ClientErrorCode;
  /** What happened, as one sentence for people. */
  readonly message: string;
  /** True where the request certainly had no effect and will have none; false where nobody can tell. */
  readonly definite: boolean;
  /** With `not_responsible` in answer to a direct request: the node that is responsible, where that was said. */
  readonly primary?: Address;
}

/** A status that is not success. */
type Failure = Exclude<Status, 'success'>;

const WORDS: Readonly<Record<Exclude<Failure, 'not_found'>, string>> = {
  invalid_request: 'calls the request invalid',
  server_error: 'could not do it',
  timeout: 'reached no quorum in time',
  not_responsible: 'is not responsible for the key now',
};

/** What a node's answer other than success means to the caller. */
export function failedStatus(op: Op, address: Address, status: Failure, value: Octets): Result<never, ClientError> {
  if (status === 'not_found') return failure('not_found', 'Key not found');
  const cannot = `Cannot ${op}: `;
  const said = toBuffer(value).toString('utf8');
  // Nodes begin with the same words, which need not be said twice.
  const why = said.startsWith(cannot) ? said.slice(cannot.length) : said;
  return err({
    code: status,
    message: `${cannot}${formatAddress(address)} ${WORDS[status]}${why === '' ? '' : ` (${why})`}`,
    definite: status !== 'timeout',
  });
}

/** The same failure with the node that an answer to a direct request names, if it does. */
export function withPrimary(error: ClientError, value: Octets): ClientError {
  const primary = parseAddress(toBuffer(value).toString('utf8'));
  return error.code === 'not_responsible' && primary.ok ? { ...error, primary: primary.value } : error;
}

/** A failure that certainly had no effect. */
export function failure(code: ClientErrorCode, message: string): Result<never, ClientError> {
  return err({ code, message, definite: true });
}

/** Nothing could be sent, for want of a connection. */
export function cannotConnect(addresses: readonly Address[], why: string): ClientError {
  return { code: 'not_connected', message: `Cannot connect to ${namesOf(addresses)}: ${why}`, definite: true };
}

/** The connection ended while the request was under way: definite where no byte of it had been written. */
export function connectionLost(op: Op, why: string, definite: boolean): ClientError {
  return { code: 'connection_lost', message: `Cannot ${op}: ${why}`, definite };
}

/** The request was sent, and its time is over. */
export function noAnswer(op: Op, address: Address, timeoutMs: number): ClientError {
  const message = `Cannot ${op}: no answer from ${formatAddress(address)} in ${timeoutMs} ms`;
  return { code: 'timeout', message, definite: false };
}

/** The request waited for its turn to be sent until its time was over. */
export function noTurn(op: Op, timeoutMs: number): ClientError {
  return { code: 'timeout', message: `Cannot ${op}: it waited ${timeoutMs} ms for its turn`, definite: true };
}

/** An error of the operating system in words; its code where there are none for it. */
export function systemErrorWords(error: NodeJS.ErrnoException): string {
  return SYSTEM_ERROR_WORDS.get(error.code ?? '') ?? (error.message || (error.code ?? 'unknown error'));
}

/** The addresses as a list that reads on in a sentence. */
export function namesOf(addresses: readonly Address[]): string {
  const names = addresses.map(formatAddress).join(', ');
  return addresses.length > 1 ? `any of ${names}` : names;
}

const SYSTEM_ERROR_WORDS: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'connection refused'],
  ['ECONNRESET', 'connection reset'],
  ['EPIPE', 'connection reset'],
  ['ENOTFOUND', 'unknown host'],
  ['EAI_AGAIN', 'unknown host'],
  ['EHOSTUNREACH', 'no route to host'],
  ['ENETUNREACH', 'no route to host'],
  ['ETIMEDOUT', 'no answer'],
  ['EACCES', 'not allowed'],
  ['EADDRNOTAVAIL', 'no local address left'],
]);
