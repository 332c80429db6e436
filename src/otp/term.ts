/**
 * Terms: how Erlang's data is spelled here, and how two of them are compared.
 *
 * An atom is a string literal, a tuple is a readonly array: `{shutdown, Why}` is
 * `['shutdown', why]`. An exit reason may be any term. An uncaught `Error` is its own reason,
 * since it carries both the error and the stack of Erlang's `{Error, Stack}`; anything else that
 * is thrown ends a process with `['nocatch', value]`.
 */
import { inspect } from 'node:util';

/** Why a process ended. Compare two with {@link equalTerms}, never by identity. */
export type Reason = unknown;

/**
 * Equal by structure, as Erlang's `=:=`. Two errors are equal when name and message are: a stack
 * says where, not what. Pids, references and other objects with an identity equal only themselves.
 */
export function equalTerms(a: unknown, b: unknown): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (a instanceof Error) return b instanceof Error && a.name === b.name && a.message === b.message;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => equalTerms(item, b[index]));
  }
  return isPlain(a) && isPlain(b) && equalFields(a, b);
}

/** An exit that nobody needs to hear about: `normal`, `shutdown` or `['shutdown', why]`. */
export function isExpectedExit(reason: Reason): boolean {
  return reason === 'normal' || isShutdown(reason);
}

/** `shutdown` or `['shutdown', why]`. */
export function isShutdown(reason: Reason): boolean {
  return reason === 'shutdown' || (Array.isArray(reason) && reason.length === 2 && reason[0] === 'shutdown');
}

/** A term on one line, for people and logs: atoms bare, tuples in braces, errors without their stack. */
export function formatTerm(term: unknown): string {
  if (typeof term === 'string') return term;
  if (term instanceof Error) return `${term.name}: ${term.message}`;
  if (Array.isArray(term)) return `{${term.map(formatTerm).join(',')}}`;
  if (hasIdentity(term)) return String(term);
  return inspect(term, { depth: 3, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 200, maxArrayLength: 20 });
}

/** Pids, references and tables, which know their own short form. */
function hasIdentity(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && 'toString' in value && value.toString !== Object.prototype.toString
  );
}

function equalFields(a: Record<string, unknown>, b: Record<string, unknown>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && equalTerms(a[key], b[key]));
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
