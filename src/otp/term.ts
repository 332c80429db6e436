/**
 * Terms: how Erlang's data is spelled here, and how two of them are compared and shown.
 *
 * An atom is a string literal, a tuple is a readonly array: `{shutdown, Why}` is
 * `['shutdown', why]`. An exit reason may be any term. An uncaught `Error` is its own reason,
 * since it carries both the error and the stack of Erlang's `{Error, Stack}`; anything else that
 * is thrown ends a process with `['nocatch', value]`.
 *
 * Terms come from everywhere: parsed from what a user sent, cyclic, nested without end, with a
 * `toString` that throws. Comparing and showing them happens while processes end, so it works for
 * all of them and takes bounded space.
 */
import { inspect } from 'node:util';

/** Why a process ended. Compare two with {@link equalTerms}, never by identity. */
export type Reason = unknown;

/**
 * Equal by structure, as Erlang's `=:=`. Two errors are equal when name and message are: a stack
 * says where, not what. Pids, references and other objects with an identity equal only themselves.
 * Cyclic terms are equal when no path through them comes upon a difference.
 */
export function equalTerms(a: unknown, b: unknown): boolean {
  /** What is still to be compared, in pairs: a list and not recursion, since terms may be deep. */
  const open: unknown[] = [];
  let isEqual = compare(a, b, open);
  const compared = new Map<unknown, Set<unknown>>();
  for (let steps = 1; isEqual && open.length > 0; steps += 1) {
    const [right, left] = [open.pop(), open.pop()];
    // Few terms are large enough to be worth remembering, and no cyclic one is ever done without.
    if (steps > STEPS_UNREMEMBERED && !remember(compared, left, right)) continue;
    isEqual = compare(left, right, open);
  }
  return isEqual;
}

const STEPS_UNREMEMBERED = 100;

/** Whether two may be equal, as far as can be seen without what is inside them; that is put into `open`. */
function compare(a: unknown, b: unknown, open: unknown[]): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (a instanceof Error) return b instanceof Error && a.name === b.name && a.message === b.message;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => compareLater(item, b[index], open));
  }
  if (!isPlain(a) || !isPlain(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && compareLater(a[key], b[key], open));
}

/** Decides at once what has no inside. */
function compareLater(a: unknown, b: unknown, open: unknown[]): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object') return false;
  open.push(a, b);
  return true;
}

/** False when this pair was remembered before. */
function remember(compared: Map<unknown, Set<unknown>>, a: unknown, b: unknown): boolean {
  const partners = compared.get(a) ?? new Set();
  compared.set(a, partners);
  const isNew = !partners.has(b);
  partners.add(b);
  return isNew;
}

/** An exit that nobody needs to hear about: `normal`, `shutdown` or `['shutdown', why]`. */
export function isExpectedExit(reason: Reason): boolean {
  return reason === 'normal' || isShutdown(reason);
}

/** `shutdown` or `['shutdown', why]`. */
export function isShutdown(reason: Reason): boolean {
  return reason === 'shutdown' || (Array.isArray(reason) && reason.length === 2 && reason[0] === 'shutdown');
}

/**
 * A term on one line, for people and logs: atoms bare, tuples in braces, errors without their
 * stack. It never throws, and what is long, wide or deep is cut.
 *
 * What users stored stays out as far as it can be told: bytes are shown by their length, and of a
 * failed call or a bad return value the type and not the rest.
 */
export function formatTerm(term: unknown): string {
  return cut(new Printer().show(term, 0, false), TEXT_CHARACTERS_MAX);
}

/** Most characters of a term. */
const TEXT_CHARACTERS_MAX = 4000;
/** Most characters of an error's message, which people have written for people. */
const MESSAGE_CHARACTERS_MAX = 1000;
/** Most characters of any other string in a term. */
const STRING_CHARACTERS_MAX = 200;
/** Most items of one tuple, list or object. */
const ITEMS_MAX = 20;
/** Most things inside each other: a failed start adds two for every supervisor above it. */
const DEPTH_MAX = 24;
/** Most things that are shown at all, since a term that is bounded in width and depth may still be vast. */
const THINGS_MAX = 400;
const ON_ONE_LINE = { maxStringLength: STRING_CHARACTERS_MAX, breakLength: Number.POSITIVE_INFINITY };
/** Stands for what cannot be shown, because asking it throws. */
const UNPRINTABLE = '[unprintable]';

/** One showing of a term. */
class Printer {
  private left = THINGS_MAX;

  /** @param isField within an object, where lists have brackets and strings have quotes */
  show(term: unknown, depth: number, isField: boolean): string {
    this.left -= 1;
    if (this.left < 0 || depth > DEPTH_MAX) return '...';
    try {
      if (typeof term === 'string' && !isField) return cut(term, STRING_CHARACTERS_MAX);
      if (typeof term === 'function') return `[Function: ${cut(term.name, STRING_CHARACTERS_MAX)}]`;
      if (typeof term !== 'object' || term === null) return inspect(term, ON_ONE_LINE);
      return this.showObject(term, depth, isField);
    } catch {
      return UNPRINTABLE;
    }
  }

  private showObject(term: object, depth: number, isField: boolean): string {
    if (term instanceof Error) return this.showError(term, depth);
    if (Array.isArray(term)) return isField ? this.showList(term, depth) : this.showTuple(term, depth);
    if (ArrayBuffer.isView(term) || term instanceof ArrayBuffer) return `[${term.byteLength} bytes]`;
    if (term instanceof Map || term instanceof Set) return `[${nameOf(term)} of ${term.size}]`;
    return ownWordsOf(term) ?? this.showFields(term, depth);
  }

  private showError({ name, message }: Error, depth: number): string {
    const text =
      typeof message === 'string' ? cut(message, MESSAGE_CHARACTERS_MAX) : this.show(message, depth + 1, false);
    return `${this.show(name, depth + 1, false)}: ${text}`;
  }

  private showTuple(tuple: readonly unknown[], depth: number): string {
    return `{${this.showItems(withoutContent(tuple), depth, false).join(',')}}`;
  }

  private showList(list: readonly unknown[], depth: number): string {
    return list.length === 0 ? '[]' : `[ ${this.showItems(list, depth, true).join(', ')} ]`;
  }

  private showItems(items: readonly unknown[], depth: number, isField: boolean): string[] {
    const shown = items.slice(0, ITEMS_MAX).map((item) => this.show(item, depth + 1, isField));
    return items.length > ITEMS_MAX ? [...shown, `... ${items.length - ITEMS_MAX} more`] : shown;
  }

  private showFields(term: object, depth: number): string {
    const name = isPlain(term) ? '' : `${nameOf(term)} `;
    const keys = Object.keys(term);
    if (keys.length === 0) return `${name}{}`;
    const shown = keys.slice(0, ITEMS_MAX).map((key) => `${showKey(key)}: ${this.showField(term, key, depth)}`);
    if (keys.length > ITEMS_MAX) shown.push(`... ${keys.length - ITEMS_MAX} more`);
    return `${name}{ ${shown.join(', ')} }`;
  }

  /** Runs no getter: that would be code of whoever made the term. */
  private showField(term: object, key: string, depth: number): string {
    const field = Object.getOwnPropertyDescriptor(term, key);
    return field && 'value' in field ? this.show(field.value, depth + 1, true) : '[Getter]';
  }
}

/** Pids, references and tables know their own short form. It is their class that knows: data may have a field of that name. */
function ownWordsOf(term: object): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(term);
  if (typeof prototype !== 'object' || prototype === null) return undefined;
  const toString: unknown = Reflect.get(prototype, 'toString');
  if (typeof toString !== 'function' || toString === Object.prototype.toString) return undefined;
  const words: unknown = Reflect.apply(toString, term, []);
  return typeof words === 'string' ? cut(words, STRING_CHARACTERS_MAX) : UNPRINTABLE;
}

/** `{M, call, {Server, Request}}` and `{bad_return_value, Value}` without what users sent or stored. */
function withoutContent(tuple: readonly unknown[]): readonly unknown[] {
  const [first, second, third] = tuple;
  if (tuple.length === 2 && first === 'bad_return_value') return [first, typeOf(second)];
  if (tuple.length !== 3 || second !== 'call' || !Array.isArray(third)) return tuple;
  const [server, request, ...rest]: readonly unknown[] = third;
  return [first, second, [server, typeOf(request), ...rest]];
}

/** What a request or a result says that it is; anything else than an object is that itself. */
function typeOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return 'type' in value && typeof value.type === 'string' ? value.type : '...';
}

const showKey = (key: string) =>
  /^[A-Za-z_$][\w$]*$/.test(key) ? cut(key, STRING_CHARACTERS_MAX) : inspect(cut(key, STRING_CHARACTERS_MAX));

const nameOf = (term: object) => cut(term.constructor.name, STRING_CHARACTERS_MAX);

function cut(text: string, charactersMax: number): string {
  const more = text.length - charactersMax;
  return more > 0 ? `${text.slice(0, charactersMax)}... ${more} more characters` : text;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
