/** Bytes as text: what a person sees, what a JSON document holds, and the escapes of C strings. */
import { isUtf8 } from 'node:buffer';

/** Bytes in a JSON document: a text where they are UTF-8. */
export type JsonBytes = string | { readonly base64: string };

/**
 * The bytes for people: a text as it is, anything else as a C string in double quotes.
 *
 * Control characters other than tab and newline count as something else, so that a stored value cannot drive the
 * terminal that it is shown on.
 */
export function showBytes(bytes: Buffer): string {
  const text = isUtf8(bytes) ? bytes.toString('utf8') : undefined;
  return text === undefined || hasControls(text) ? `"${escapeBytes(bytes)}"` : text;
}

/** The bytes for programs. */
export function jsonBytes(bytes: Buffer): JsonBytes {
  return isUtf8(bytes) ? bytes.toString('utf8') : { base64: bytes.toString('base64') };
}

/** The bytes as the inside of a C string: printable ASCII as it is, everything else escaped. */
export function escapeBytes(bytes: Uint8Array): string {
  return Array.from(bytes, escapeByte).join('');
}

/** The byte that an escape's letter stands for: `\n` is newline. Hexadecimal escapes are not among them. */
export const ESCAPES: ReadonlyMap<string, number> = new Map([
  ['a', 0x07],
  ['b', 0x08],
  ['t', 0x09],
  ['n', 0x0a],
  ['v', 0x0b],
  ['f', 0x0c],
  ['r', 0x0d],
  ['"', 0x22],
  ['\\', 0x5c],
]);

const LETTERS = new Map([...ESCAPES].map(([letter, byte]) => [byte, letter]));

function escapeByte(byte: number): string {
  const letter = LETTERS.get(byte);
  if (letter !== undefined) return `\\${letter}`;
  if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte);
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}

function hasControls(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    const isControl = code < 0x20 || (code >= 0x7f && code < 0xa0);
    if (isControl && code !== 0x09 && code !== 0x0a) return true;
  }
  return false;
}
