/**
 * Byte strings: what keys and values are made of everywhere inside a node.
 *
 * V8 keeps a string whose characters are all below 256 at one byte a character, allocates it in
 * the young generation for a few nanoseconds, compares and hashes it by content, and collects it
 * with its owner. A small Buffer costs several times that and pins the slab that it was cut from.
 * So a *binary string* (one character per byte) is the form of every key and of short values;
 * longer values stay Uint8Arrays outside the JavaScript heap. No encoding is ever assumed: the
 * bytes `FF FE 00` are the string '\xff\xfe\x00'.
 */

declare const binary: unique symbol;

/** A string of bytes, one character (0 to 255) each. */
export type BinaryString = string & { readonly [binary]: true };

/** Bytes of any length: a binary string up to {@link OCTET_STRING_BYTES_MAX}, else a Uint8Array. */
export type Octets = BinaryString | Uint8Array;

/** Longest value that is kept as a string; beyond it, bytes live outside the JavaScript heap. */
export const OCTET_STRING_BYTES_MAX = 1024;

/** No bytes: the key of a `ping`, the value of an answer that has none. */
export const EMPTY = '' as BinaryString;

/** The bytes of a text in UTF-8. */
export function fromUtf8(text: string): BinaryString {
  return Buffer.from(text, 'utf8').toString('latin1') as BinaryString;
}

/** The same bytes as a binary string, whatever their length: the form of keys. */
export function toBinaryString(octets: Octets): BinaryString {
  return typeof octets === 'string' ? octets : (asBuffer(octets).toString('latin1') as BinaryString);
}

/** The method behind Buffer's toString('latin1'): in every release of Node, but in no declaration. */
interface Latin1Sliceable {
  latin1Slice(start: number, end: number): string;
}

/**
 * A copy of `bytes[start, end)` as a binary string; both ends must lie within. toString('latin1')
 * would look up the encoding and check the ends each time: 20 ns, twice in each put of 600 ns.
 */
export function sliceBinaryString(bytes: Buffer, start: number, end: number): BinaryString {
  return (bytes as Buffer & Latin1Sliceable).latin1Slice(start, end) as BinaryString;
}

/** A copy of `bytes[start, end)` in the form that suits its length. It shares no memory with `bytes`. */
export function copyOctets(bytes: Uint8Array, start = 0, end = bytes.length): Octets {
  if (end - start <= OCTET_STRING_BYTES_MAX) return asBuffer(bytes).toString('latin1', start, end) as BinaryString;
  return Uint8Array.prototype.slice.call(bytes, start, end);
}

/** The bytes as a Buffer. It may share memory with `octets`: do not write to it. */
export function toBuffer(octets: Octets): Buffer {
  return typeof octets === 'string' ? Buffer.from(octets, 'latin1') : asBuffer(octets);
}

/** How many bytes; the same in either form, since a character is a byte. */
export function octetLength(octets: Octets): number {
  return octets.length;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
