/**
 * Setting kinds: what a setting can be, and how a value for it is read from JSON or from text.
 *
 * The rows of the table in src/config.ts are made with these.
 */
import * as v from 'valibot';
import { parseAddress } from './client/address';
import { parseDuration, parseSize, parseWholeNumber } from './units';

/** One row of the table. */
export interface Setting<T> {
  /** Takes the value as JSON has it, or as text. */
  readonly schema: v.GenericSchema<unknown, T>;
  /** What a value must be, as it reads on after "is not". */
  readonly range: string;
  /** What a value looks like in a usage line; undefined for a switch, whose flag takes none. */
  readonly placeholder: string | undefined;
  /** The default, or how it follows from the port. */
  readonly default: T | ((port: number) => T);
  /** The default in help, where the value does not speak for itself. */
  readonly defaultText?: string;
  /** What it is for, as a phrase. */
  readonly text: string;
}

/** The longest time that a setting can name: as long as a timer can wait. */
export const TIME_MS_MAX = 2 ** 31 - 1;

interface Bounds {
  readonly least?: number;
  readonly most: number;
}

type Row<T> = Pick<Setting<T>, 'default' | 'text' | 'defaultText'>;

/** A whole number. */
export function count({ least = 0, most, ...row }: Bounds & Row<number>): Setting<number> {
  const range = `a whole number from ${least} to ${most}`;
  return { schema: numberFrom(parseWholeNumber, { least, most }), range, placeholder: 'N', ...row };
}

/** A number of bytes, with or without a unit. */
export function bytes({ most, ...row }: Bounds & Row<number>): Setting<number> {
  const parse = (size: string) => parseWholeNumber(size) ?? parseSize(size);
  const range = `a size from 1 to ${most} bytes, such as 65536 or 64KiB`;
  return { schema: numberFrom(parse, { least: 1, most }), range, placeholder: 'SIZE', ...row };
}

/** A number of milliseconds, with or without a unit. */
export function duration(row: Row<number>): Setting<number> {
  const parse = (time: string) => parseWholeNumber(time) ?? parseDuration(time);
  const range = `a duration from 1 to ${TIME_MS_MAX} ms, such as 500 or 30s`;
  return { schema: numberFrom(parse, { least: 1, most: TIME_MS_MAX }), range, placeholder: 'TIME', ...row };
}

/** A number of milliseconds forwards or, where it is negative, backwards. */
export function signedDuration(row: Row<number>): Setting<number> {
  const parse = (time: string) => {
    const ms = (rest: string) => parseWholeNumber(rest) ?? parseDuration(rest);
    if (!time.startsWith('-')) return ms(time);
    const back = ms(time.slice(1));
    return back === undefined ? undefined : -back;
  };
  const range = `a duration from ${-TIME_MS_MAX} to ${TIME_MS_MAX} ms, such as 500 or -30s`;
  return { schema: numberFrom(parse, { least: -TIME_MS_MAX, most: TIME_MS_MAX }), range, placeholder: 'TIME', ...row };
}

/** A text that is not empty. */
export function text(row: Row<string>): Setting<string> {
  const schema = v.pipe(v.string(), v.trim(), v.nonEmpty());
  return { schema, range: 'a text', placeholder: 'ADDRESS', ...row };
}

/** A name without blanks. */
export function name(row: Row<string>): Setting<string> {
  const schema = v.pipe(v.string(), v.trim(), v.regex(/^[^\s\p{Cc}]{1,64}$/u));
  return { schema, range: 'a name of 1 to 64 characters without blanks', placeholder: 'NAME', ...row };
}

/** Addresses of nodes, separated by commas; or none. */
export function addresses(row: Row<string>): Setting<string> {
  const schema = v.pipe(
    v.string(),
    v.trim(),
    v.check((list) => list === '' || list.split(',').every((address) => parseAddress(address.trim()).ok)),
  );
  return { schema, range: 'a list of addresses such as 127.0.0.1:8001', placeholder: 'HOST:PORT', ...row };
}

/** An address that only this machine reaches. */
export function loopback(row: Row<string>): Setting<string> {
  const schema = v.pipe(v.string(), v.regex(/^(localhost|::1|127(\.\d{1,3}){3})$/));
  return { schema, range: 'an address of this machine, such as 127.0.0.1', placeholder: 'ADDRESS', ...row };
}

/** One of a few words. */
export function choice<const Choice extends string>({
  choices,
  ...row
}: { readonly choices: readonly Choice[] } & Row<NoInfer<Choice>>): Setting<Choice> {
  return { schema: v.picklist(choices), range: `one of ${choices.join(', ')}`, placeholder: 'LEVEL', ...row };
}

/** A switch. */
export function flag(row: Omit<Row<boolean>, 'default'>): Setting<boolean> {
  const words = v.pipe(
    v.picklist(['true', 'false', '1', '0']),
    v.transform((word) => word === 'true' || word === '1'),
  );
  return {
    schema: v.union([v.boolean(), words]),
    range: 'true or false',
    placeholder: undefined,
    default: false,
    ...row,
  };
}

function numberFrom(
  parse: (text: string) => number | undefined,
  { least = 0, most }: Bounds,
): v.GenericSchema<unknown, number> {
  const words = v.pipe(v.string(), v.transform(parse));
  return v.pipe(v.union([v.number(), words]), v.number(), v.integer(), v.minValue(least), v.maxValue(most));
}
