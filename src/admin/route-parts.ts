/** Route parts: what a request and an answer of the admin server are made of, and what all routes read and refuse alike. */
import { didYouMean } from '../nearest';
import type { NodeView } from './node-view';

/** One request, read to its end. `host` and `origin` decide whether it may be answered at all. */
export interface AdminRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** The headers that matter. */
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly body: string;
}

/** What goes back. The body of a refusal is `{ error: { code, message } }`. */
export interface AdminResponse {
  readonly status: number;
  /** Sent as JSON, a string as plain text. */
  readonly body: unknown;
}

/** Answers a request for one path with one method. */
export type Route = (view: NodeView, request: AdminRequest, url: URL) => AdminResponse | Promise<AdminResponse>;

/** Why nothing is done for a request. */
export function refusal(status: number, code: string, message: string): AdminResponse {
  return { status, body: { error: { code, message } } };
}

/** A page in the operator's own browser must not change anything here. */
export function fromPage(what: string): AdminResponse {
  return refusal(403, 'forbidden', `Cannot ${what}: the request comes from a web page`);
}

/**
 * Why a query means nothing here: a word that this path does not know, one that is said twice, or bytes that are no text.
 * Left out, each of them would be answered as if something else had been asked.
 */
export function queryProblem({ search, searchParams }: URL, known: readonly string[]): string | undefined {
  if (!isEncodedText(search)) return 'the query is not UTF-8 in percent encoding';
  const names = [...searchParams.keys()];
  const strange = names.find((name) => !known.includes(name));
  if (strange !== undefined) return `there is no "${strange}" to say here${didYouMean(strange, known)}`;
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  return twice && `"${twice}" is said twice`;
}

function isEncodedText(search: string): boolean {
  try {
    decodeURIComponent(search);
    return true;
  } catch {
    return false;
  }
}

/** The answer to whoever asks about the ring while nobody knows. */
export const RING_RESTARTING = refusal(503, 'unavailable', 'Cannot show the ring: its actors are restarting');

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** The key that a query names, as text or in base 64; undefined: none, or two. */
export function keyOf(query: URLSearchParams): Buffer | undefined {
  const [text, base64] = [query.get('key'), query.get('key64')];
  if (text !== null) return base64 === null ? Buffer.from(text, 'utf8') : undefined;
  return base64 !== null && BASE64.test(base64) ? Buffer.from(base64, 'base64') : undefined;
}

/** What a body says; undefined: it is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
