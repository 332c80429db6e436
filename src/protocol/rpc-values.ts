/**
 * RPC values: the small part of MessagePack that nodes speak, and a doorkeeper in front of the library.
 *
 *   value   nil | boolean | integer | float | str | bin | array of values, at most 16 deep
 *
 * No maps and no extensions: every message is an array whose places have a meaning, so nothing is
 * lost, and no key can hit a prototype and no extension can run code. Bytes from outside are
 * walked over once before msgpackr sees them. The walk builds nothing and recurses nowhere; it
 * proves that every announced length is there and that exactly one value is, and it counts the
 * values, because a byte of input can cost 50 bytes of memory once it is an array of its own.
 */
import { Packr, Unpackr } from 'msgpackr';
import { err, ok, type Result } from '../result';

/** What can travel. A string is text; bytes are a Uint8Array, never a binary string, which would double its upper half. */
export type RpcValue = null | boolean | number | bigint | string | Uint8Array | readonly RpcValue[];

/** How deep arrays may lie in each other. The words of the ring need five. */
export const DEPTH_MAX = 16;

/** Most values of one frame, arrays included: what makes more has to make two frames. */
export const VALUES_MAX = 1_048_576;

// Records are an extension that only msgpackr reads, and so is its undefined.
const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true });
const unpackr = new Unpackr({ useRecords: false });

/** The bytes of a value. Throws on a bigint that does not fit 64 bits. */
export function packValue(value: RpcValue): Uint8Array {
  return packr.pack(value);
}

/**
 * The value that `bytes` hold, or the phrase that says why they hold none. Whatever bytes these are, this does not
 * throw. Binary values share memory with `bytes`; integers of 64 bits are bigints, shorter ones numbers.
 */
export function unpackValue(bytes: Buffer): Result<RpcValue, string> {
  const fault = faultIn(bytes);
  if (fault !== undefined) return err(fault);
  try {
    return ok(unpackr.unpack(bytes));
  } catch {
    return err('it is not MessagePack');
  }
}

/**
 * The first two numbers of an array, as far as they can be read: what a message that makes no sense as a whole may
 * still say about whom to answer.
 */
export function firstTwoNumbers(bytes: Uint8Array): readonly [number, number] | undefined {
  const array = formAt(bytes, 0);
  if (!array?.isArray) return undefined;
  const firstAt = 1 + array.lengthBytes;
  const first = bytes[firstAt];
  const second = unsignedAt(bytes, firstAt + 1);
  return first === undefined || first > FIXINT_MAX || second === undefined ? undefined : [first, second];
}

/** A whole number from 0 to 2^64 - 1; one that is short arrives as a number, where another language wrote it. */
export function uint64Of(value: unknown): bigint | undefined {
  const number = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
  return typeof number === 'bigint' && number >= 0n && number <= UINT64_MAX ? number : undefined;
}

/** What follows a first byte: a length of `lengthBytes` bytes, then the elements or bytes that it, or `count`, says. */
interface Form {
  readonly isArray: boolean;
  readonly lengthBytes: number;
  /** Where no length follows: how many elements, or how many bytes. */
  readonly count: number;
}

const FIXINT_MAX = 0x7f;
const UINT64_MAX = 2n ** 64n - 1n;

/** The forms of all first bytes; of those that are not spoken here (maps, extensions, C1), undefined. */
const FORMS: readonly (Form | undefined)[] = Array.from({ length: 256 }, (_, byte) => formOf(byte));

function formOf(byte: number): Form | undefined {
  const form = (isArray: boolean, lengthBytes: number, count = 0): Form => ({ isArray, lengthBytes, count });
  if (byte <= FIXINT_MAX || byte >= 0xe0) return form(false, 0);
  if (byte < 0x90) return undefined;
  if (byte < 0xa0) return form(true, 0, byte - 0x90);
  if (byte < 0xc0) return form(false, 0, byte - 0xa0);
  switch (byte) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
      return form(false, 0);
    case 0xc4: // bin 8
    case 0xd9: // str 8
      return form(false, 1);
    case 0xc5: // bin 16
    case 0xda: // str 16
      return form(false, 2);
    case 0xc6: // bin 32
    case 0xdb: // str 32
      return form(false, 4);
    case 0xcc: // uint 8
    case 0xd0: // int 8
      return form(false, 0, 1);
    case 0xcd: // uint 16
    case 0xd1: // int 16
      return form(false, 0, 2);
    case 0xca: // float 32
    case 0xce: // uint 32
    case 0xd2: // int 32
      return form(false, 0, 4);
    case 0xcb: // float 64
    case 0xcf: // uint 64
    case 0xd3: // int 64
      return form(false, 0, 8);
    case 0xdc: // array 16
      return form(true, 2);
    case 0xdd: // array 32
      return form(true, 4);
    default:
      return undefined;
  }
}

function formAt(bytes: Uint8Array, at: number): Form | undefined {
  return FORMS[bytes[at] ?? 0xc1];
}

/** Why `bytes` are not exactly one value; undefined where they are. Each turn of the loop eats a byte. */
function faultIn(bytes: Buffer): string | undefined {
  const outer: number[] = []; // What is still to come of each array around the one at hand.
  let elementsLeft = 1;
  let valuesLeft = VALUES_MAX;
  let at = 0;
  while (elementsLeft > 0) {
    if (at >= bytes.length) return 'it ends early';
    const form = formAt(bytes, at);
    if (form === undefined) return `byte ${at} is no value that nodes speak`;
    at += 1;
    if (form.lengthBytes > bytes.length - at) return 'it ends early';
    const count = form.lengthBytes === 0 ? form.count : bytes.readUIntBE(at, form.lengthBytes);
    at += form.lengthBytes;
    // An element takes a byte at least, so this holds for both.
    if (count > bytes.length - at) return 'it ends early';
    elementsLeft -= 1;
    if (form.isArray) {
      valuesLeft -= count;
      if (valuesLeft < 0) return `it has more than ${VALUES_MAX} values`;
      if (outer.length === DEPTH_MAX) return `it is more than ${DEPTH_MAX} deep`;
      outer.push(elementsLeft);
      elementsLeft = count;
    } else {
      at += count;
    }
    while (elementsLeft === 0 && outer.length > 0) elementsLeft = outer.pop() ?? 0;
  }
  return at === bytes.length ? undefined : 'more bytes follow';
}

/** A whole number from 0 to 2^32 - 1 in any of its forms. */
function unsignedAt(bytes: Uint8Array, at: number): number | undefined {
  const byte = bytes[at];
  if (byte === undefined || byte <= FIXINT_MAX) return byte;
  const numberBytes = { 0xcc: 1, 0xcd: 2, 0xce: 4 }[byte];
  if (numberBytes === undefined || bytes.length - at - 1 < numberBytes) return undefined;
  return bytes.subarray(at + 1, at + 1 + numberBytes).reduce((value, next) => value * 256 + next, 0);
}
