/**
 * Copies of rows, so that what a process changes later is its own (fact 109).
 *
 * This is `structuredClone` with two differences that tables need: what has an identity and never
 * changes (pids, references, tables, errors, functions) stays itself, and an object of any other
 * class is refused instead of silently losing its class.
 */
import { types } from 'node:util';
import { BadArgument } from './errors';
import { NESTING_MAX } from './ets-key';
import { Table } from './ets-table';
import { Pid } from './process';
import { Reference } from './reference';

/** @throws BadArgument for an object that cannot be copied, or is nested deeper than {@link NESTING_MAX} */
export function copyTerm(term: unknown, depth = 0): unknown {
  if (typeof term !== 'object' || term === null) return term;
  if (depth > NESTING_MAX) throw new BadArgument('Cannot copy a term: it contains itself, or is nested too deep');
  if (Array.isArray(term)) return term.map((item) => copyTerm(item, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(term);
  if (prototype === Object.prototype || prototype === null) return copyFields(term, depth);
  return copyOther(term, depth);
}

function copyFields(object: object, depth: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(object)) {
    const copied = copyTerm(value, depth + 1);
    // A field of this name would be the prototype: whoever writes the row must not choose what it inherits.
    if (field === '__proto__') Object.defineProperty(copy, field, { ...FIELD, value: copied });
    else copy[field] = copied;
  }
  return copy;
}

const FIELD: PropertyDescriptor = { configurable: true, enumerable: true, writable: true };

function copyOther(object: object, depth: number): object {
  if (object instanceof Pid || object instanceof Reference || object instanceof Table || object instanceof Error)
    return object;
  if (Buffer.isBuffer(object)) return Buffer.from(object);
  if (types.isMap(object)) return new Map(copyTerm([...object], depth) as [unknown, unknown][]);
  if (types.isSet(object)) return new Set(copyTerm([...object], depth) as unknown[]);
  if (types.isTypedArray(object)) return object.slice();
  if (types.isDate(object) || types.isRegExp(object) || types.isArrayBuffer(object) || types.isDataView(object))
    return structuredClone(object);
  throw new BadArgument(`Cannot copy a "${object.constructor.name}": use a table with isolation "share"`);
}
