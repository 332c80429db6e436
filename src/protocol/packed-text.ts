/**
 * Packed text: MessagePack as binary strings, for messages that are written by the thousand.
 *
 * The same bytes as `packValue` makes of the same values, without the arrays and the buffers in between: what an
 * OctetWriter joins are strings anyway.
 */
import type { BinaryString } from '../octets';
import { uint16 } from './octet-writer';

/** Nothing. */
export const NIL = '\xc0';

/** True or false. */
export const boolean = (value: boolean): string => (value ? '\xc3' : '\xc2');

/** A whole number from 0 to 2^32 - 1. */
export function number(value: number): string {
  if (value <= 0x7f) return BYTES[value] ?? '';
  if (value <= 0xff) return `\xcc${BYTES[value]}`;
  if (value <= 0xffff) return String.fromCharCode(0xcd, value >>> 8, value & 0xff);
  if (value >>> 0 !== value) throw new RangeError(`Cannot pack number: ${value} does not fit 32 bits`);
  return String.fromCharCode(0xce, value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

/** Bytes: fewer than 2^16. */
export function octets(bytes: BinaryString): string {
  const { length } = bytes;
  return (length <= 0xff ? `\xc4${BYTES[length]}` : `\xc5${uint16(length)}`) + bytes;
}

/** A text of at most 31 ASCII characters. */
export const word = (text: string): string => String.fromCharCode(0xa0 + text.length) + text;

/** The head of an array of at most 15 values. */
export const array = (count: number): string => String.fromCharCode(0x90 + count);

const BYTES: readonly string[] = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
