/**
 * Copies of rows, so that what a process changes later is its own (fact 109).
 *
 * This is `structuredClone` with two differences that tables need: what has an identity and never
 * changes (pids, references, tables, errors, functions) stays itself, and an object of any other
 * class is refused instead of silently losing its class.
 */
import { types } from 'node:util';
import { BadArgument } from './errors';
import { Table } from './ets-table';
import { Pid } from './process';
import { Reference } from './reference';

/** @throws BadArgument for an object that cannot be copied */
export function copyTerm(term: unknown): unknown {
  if (typeof term !== 'object' || term === null) return term;
  if (Array.isArray(term)) return term.map(copyTerm);
  const prototype: unknown = Object.getPrototypeOf(term);
  if (prototype === Object.prototype || prototype === null) return copyFields(term);
  return copyOther(term);
}

function copyFields(object: object): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(object)) copy[field] = copyTerm(value);
  return copy;
}

function copyOther(object: object): object {
  if (object instanceof Pid || object instanceof Reference || object instanceof Table || object instanceof Error)
    return object;
  if (Buffer.isBuffer(object)) return Buffer.from(object);
  if (types.isMap(object)) return new Map(copyTerm([...object]) as [unknown, unknown][]);
  if (types.isSet(object)) return new Set(copyTerm([...object]) as unknown[]);
  if (types.isTypedArray(object)) return object.slice();
  if (types.isDate(object) || types.isRegExp(object) || types.isArrayBuffer(object) || types.isDataView(object))
    return structuredClone(object);
  throw new BadArgument(`Cannot copy a "${object.constructor.name}": use a table with isolation "share"`);
}
