/**
 * Keys of tables: what can be one, when two are the same, and which comes first.
 *
 * A `set` takes two keys for one when they are equal by structure and type, an `ordered_set` when
 * neither comes before the other (fact 105). JavaScript has one type of number, so what Erlang
 * says of 1 and 1.0 holds here for the number 1 and the bigint 1n: two keys of a `set`, one key
 * of an `ordered_set`.
 *
 * The term order, smallest first: numbers and bigints by value, `false`, `true`, `null`, strings
 * by their UTF-16 code units, references and pids by age, arrays element by element (a shorter
 * one first when it is the beginning of the longer), plain objects by size, then by sorted field
 * names, then by values, and bytes. Erlang puts a shorter tuple before every longer one; here a
 * key's beginning stands before all that continue it, so that a walk can start at a prefix.
 */
import { BadArgument } from './errors';
import { Pid } from './process';
import { Reference } from './reference';
import { formatTerm } from './term';

/** Deeper than any sensible key or row; one that contains itself gets there long before the stack is full. */
export const NESTING_MAX = 1000;

/** What can be a key. Anything else, NaN and undefined included, is refused with {@link BadArgument}. */
export type Key =
  | number
  | bigint
  | boolean
  | null
  | string
  | Reference
  | Pid
  | Uint8Array
  | readonly unknown[]
  | { readonly [field: string]: unknown };

/** @throws BadArgument when `key` cannot be a key (fact 104: a bad element) */
export function checkKey(key: unknown, depth = 0): void {
  if (typeof key === 'string') return;
  checkDepth(depth);
  if (Number.isNaN(key)) throw new BadArgument('Cannot use NaN as a key: it equals nothing');
  const parts: readonly unknown[] = rankOf(key) === 'array' ? (key as unknown[]) : fieldsOf(key);
  for (const part of parts) checkKey(part, depth + 1);
}

function checkDepth(depth: number): void {
  if (depth > NESTING_MAX) throw new BadArgument('Cannot use a key: it contains itself, or is nested too deep');
}

/** Something that a `Map` finds equal when and only when the two keys are equal by structure and type. */
export function hashOf(key: unknown): unknown {
  if (typeof key === 'string') return key.charCodeAt(0) === 0 ? `\0s${key}` : key;
  if (typeof key !== 'object' || key === null || hasIdentity(key)) return key;
  return `\0t${encode(key)}`;
}

/**
 * Which of two keys comes first: negative for `a`, positive for `b`, 0 for neither.
 *
 * @throws BadArgument when one of them cannot be a key
 */
export function compareKeys(a: unknown, b: unknown): number {
  if (typeof a === 'string' && typeof b === 'string') return compareValues(a, b);
  if (typeof a === 'number' && typeof b === 'number') return compareNumbers(a, b);
  const rank = rankOf(a);
  const difference = RANKS.indexOf(rank) - RANKS.indexOf(rankOf(b));
  if (difference !== 0) return difference;
  switch (rank) {
    case 'number':
      return compareNumbers(a as number, b as number);
    case 'boolean':
    case 'string':
      return compareValues(a as string, b as string);
    case 'null':
      return 0;
    case 'reference':
    case 'pid':
      return compareIdentities(a as Reference, b as Reference);
    case 'array':
      return compareArrays(a as unknown[], b as unknown[]);
    case 'object':
      return compareObjects(a as object, b as object);
    case 'bytes':
      return Buffer.compare(a as Uint8Array, b as Uint8Array);
  }
}

type Rank = 'number' | 'boolean' | 'null' | 'string' | 'reference' | 'pid' | 'array' | 'object' | 'bytes';
const RANKS: readonly Rank[] = ['number', 'boolean', 'null', 'string', 'reference', 'pid', 'array', 'object', 'bytes'];

function rankOf(key: unknown): Rank {
  switch (typeof key) {
    case 'number':
    case 'bigint':
      return 'number';
    case 'boolean':
    case 'string':
      return typeof key as 'boolean' | 'string';
    case 'object':
      return rankOfObject(key);
    default:
      throw notAKey(key);
  }
}

function rankOfObject(key: object | null): Rank {
  if (key === null) return 'null';
  if (Array.isArray(key)) return 'array';
  if (key instanceof Reference) return 'reference';
  if (key instanceof Pid) return 'pid';
  if (key instanceof Uint8Array) return 'bytes';
  const prototype: unknown = Object.getPrototypeOf(key);
  if (prototype === Object.prototype || prototype === null) return 'object';
  throw notAKey(key);
}

const notAKey = (key: unknown) => new BadArgument(`Cannot use "${formatTerm(key)}" as a key`);

function compareNumbers(a: number | bigint, b: number | bigint): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a >= b) return 0;
  throw notAKey(Number.NaN);
}

function compareValues(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** By number; those of two runtimes may share one, and are told apart by which was seen first. */
function compareIdentities(a: Reference | Pid, b: Reference | Pid): number {
  if (a === b) return 0;
  return a.id - b.id || identityOf(a) - identityOf(b);
}

function compareArrays(a: readonly unknown[], b: readonly unknown[]): number {
  const common = Math.min(a.length, b.length);
  for (let index = 0; index < common; index += 1) {
    const difference = compareKeys(a[index], b[index]);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function compareObjects(a: object, b: object): number {
  const [fieldsA, fieldsB] = [Object.keys(a).sort(), Object.keys(b).sort()];
  if (fieldsA.length !== fieldsB.length) return fieldsA.length - fieldsB.length;
  return compareArrays(fieldsA, fieldsB) || compareArrays(valuesOf(a, fieldsA), valuesOf(b, fieldsB));
}

const valuesOf = (object: object, fields: readonly string[]) =>
  fields.map((field) => (object as Record<string, unknown>)[field]);

const fieldsOf = (key: unknown): readonly unknown[] =>
  typeof key === 'object' && key !== null && rankOf(key) === 'object' ? Object.values(key) : [];

// Encoding

/** Every part says what it is and how long it is, so that no two structures read the same. */
function encode(key: unknown, depth = 0): string {
  checkDepth(depth);
  if (Array.isArray(key)) return `a${key.length}:${encodeAll(key, depth)}`;
  if (key instanceof Uint8Array) return text('b', Buffer.from(key).toString('latin1'));
  if (typeof key === 'string') return text('s', key);
  if (typeof key !== 'object' || key === null) return text(typeof key === 'bigint' ? 'i' : 'v', String(key));
  return hasIdentity(key) ? text('r', String(identityOf(key))) : encodeFields(key, depth);
}

function encodeFields(key: object, depth: number): string {
  const fields = Object.keys(key).sort();
  const names = fields.map((field) => text('s', field)).join('');
  return `o${fields.length}:${names}${encodeAll(valuesOf(key, fields), depth)}`;
}

const encodeAll = (parts: readonly unknown[], depth: number) => parts.map((part) => encode(part, depth + 1)).join('');

const text = (tag: string, value: string) => `${tag}${value.length}:${value}`;

function hasIdentity(key: object): boolean {
  if (Array.isArray(key) || key instanceof Uint8Array) return false;
  const prototype: unknown = Object.getPrototypeOf(key);
  return prototype !== Object.prototype && prototype !== null;
}

const identities = new WeakMap<object, number>();
let identified = 0;

function identityOf(object: object): number {
  const known = identities.get(object);
  if (known !== undefined) return known;
  identified += 1;
  identities.set(object, identified);
  return identified;
}
