/**
 * Packed reader: MessagePack read where it lies, place by place, by whoever knows what to expect there.
 *
 * Nothing is built but what is asked for: no array of values stands between the bytes and the message. It reads the
 * forms that nodes write (rpc-values.ts) and loses its way at any other, at the end of the bytes, and at whatever is not
 * what was asked for; from then on all that it gives is worth nothing, and `isLost` says so. Whoever has lost
 * his way begins again with `unpackValue`, which knows all forms and says what is wrong.
 */
import { type BinaryString, copyOctets, EMPTY, type Octets, sliceBinaryString } from '../octets';

const NOTHING: Buffer = Buffer.alloc(0);

/** Mutable: one can read any number of messages, one after the other. */
export class PackedReader {
  /** Where the next place begins. */
  at = 0;
  /** Something was not as expected: nothing that was read is to be used. */
  isLost = false;
  private bytes = NOTHING;
  private end = 0;

  /** Begins to read `bytes[start, end)`; both ends must lie within. */
  begin(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.isLost = false;
  }

  /** Lets go of the bytes. True: all of them were read, and all was as expected. */
  finish(): boolean {
    const isWhole = this.at === this.end && !this.isLost;
    this.bytes = NOTHING;
    this.at = 0;
    this.end = 0;
    return isWhole;
  }

  /** The next byte, whatever it means, without passing it. */
  peek(): number {
    return this.at < this.end ? (this.bytes[this.at] ?? NO_FORM) : NO_FORM;
  }

  /** Passes an array of exactly so many values, at most 15: its values come next. */
  array(count: number): void {
    if (this.byte() !== ARRAY + count) this.isLost = true;
  }

  /** Passes nil, if that comes next. */
  takesNil(): boolean {
    if (this.peek() !== NIL) return false;
    this.at += 1;
    return true;
  }

  boolean(): boolean {
    const byte = this.byte();
    if (byte !== TRUE && byte !== FALSE) this.isLost = true;
    return byte === TRUE;
  }

  /** A whole number from 0 to 2^32 - 1. */
  uint32(): number {
    const byte = this.byte();
    if (byte <= FIXINT_MAX) return byte;
    switch (byte) {
      case UINT_8:
        return this.byte();
      case UINT_16:
        return this.byte() * 256 + this.byte();
      case UINT_32:
        return this.word();
      default:
        return this.lose();
    }
  }

  /** Four bytes, the highest first, as they are. */
  word(): number {
    if (!this.has(4)) return this.lose();
    this.at += 4;
    return this.bytes.readUInt32BE(this.at - 4);
  }

  /** A whole number from 0 to 2^53 - 1, in whichever of its forms numbers of this size are written. */
  count(): number {
    if (this.peek() !== FLOAT_64) return this.uint32();
    if (!this.has(9)) return this.lose();
    const value = this.bytes.readDoubleBE(this.at + 1);
    this.at += 9;
    return Number.isSafeInteger(value) && value >= 0 ? value : this.lose();
  }

  /** Passes the head of a number of 64 bits that is not negative: its two words come next. */
  uint64Head(): void {
    const byte = this.byte();
    if (byte !== UINT_64 && byte !== INT_64) this.isLost = true;
    else if (byte === INT_64 && this.peek() > FIXINT_MAX) this.isLost = true;
  }

  /** Passes the head of `bytes` bytes of data: they come next. */
  octetsHead(bytes: number): void {
    if (this.byte() !== BIN_8 || this.byte() !== bytes) this.isLost = true;
  }

  /** Bytes as a key. */
  key(): BinaryString {
    const bytes = this.octetsLength();
    if (!this.has(bytes)) return this.loseText();
    this.at += bytes;
    return bytes === 0 ? EMPTY : sliceBinaryString(this.bytes, this.at - bytes, this.at);
  }

  /** Bytes as a value. */
  octets(): Octets {
    const bytes = this.octetsLength();
    if (!this.has(bytes)) return this.loseText();
    this.at += bytes;
    return bytes === 0 ? EMPTY : copyOctets(this.bytes, this.at - bytes, this.at);
  }

  /** Just so many bytes, without a head. */
  text(bytes: number): BinaryString {
    if (!this.has(bytes)) return this.loseText();
    this.at += bytes;
    return sliceBinaryString(this.bytes, this.at - bytes, this.at);
  }

  /** Passes this text of at most 31 ASCII characters, if it comes next. */
  takesWord(text: string): boolean {
    const { bytes, at } = this;
    if (this.peek() !== FIXSTR + text.length || !this.has(1 + text.length)) return false;
    for (let index = 0; index < text.length; index += 1) {
      if (bytes[at + 1 + index] !== text.charCodeAt(index)) return false;
    }
    this.at += 1 + text.length;
    return true;
  }

  private octetsLength(): number {
    switch (this.byte()) {
      case BIN_8:
        return this.byte();
      case BIN_16:
        return this.byte() * 256 + this.byte();
      case BIN_32:
        return this.word();
      default:
        return this.lose();
    }
  }

  private has(bytes: number): boolean {
    return this.end - this.at >= bytes;
  }

  private byte(): number {
    const { at } = this;
    if (at >= this.end) return this.lose();
    this.at = at + 1;
    return this.bytes[at] ?? 0;
  }

  private lose(): number {
    this.isLost = true;
    return 0;
  }

  private loseText(): BinaryString {
    this.isLost = true;
    return EMPTY;
  }
}

const FIXINT_MAX = 0x7f;
const ARRAY = 0x90;
const FIXSTR = 0xa0;
const NIL = 0xc0;
/** No value begins with it. */
const NO_FORM = 0xc1;
const FALSE = 0xc2;
const TRUE = 0xc3;
const BIN_8 = 0xc4;
const BIN_16 = 0xc5;
const BIN_32 = 0xc6;
const FLOAT_64 = 0xcb;
const UINT_8 = 0xcc;
const UINT_16 = 0xcd;
const UINT_32 = 0xce;
const UINT_64 = 0xcf;
const INT_64 = 0xd3;
