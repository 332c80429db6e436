/**
 * Writing many small things at once: what one turn of the event loop produces leaves together.
 *
 * Short pieces are joined into one binary string. V8 makes a join of strings a note of its two
 * halves, so that no byte is copied before the whole is written, and socket.write(text, 'latin1')
 * spares the Buffer that the same bytes would need. Long values pass through without a copy.
 */
import { EMPTY, OCTET_STRING_BYTES_MAX, type Octets, toBinaryString } from '../octets';

/**
 * Collects bytes to be sent, in order.
 *
 * @example
 * for (const octets of writer.takeAll()) {
 *   if (typeof octets === 'string') socket.write(octets, 'latin1');
 *   else socket.write(octets);
 * }
 */
export class OctetWriter {
  private full: Octets[] = [];
  private text: string = EMPTY;
  private bytesWritten = 0;

  /** How many bytes takeAll() would give back. */
  get bytes(): number {
    return this.bytesWritten;
  }

  /**
   * Adds bytes to the end; a string has one character (0 to 255) per byte. A long Uint8Array is
   * not copied: leave it as it is until it has been sent.
   */
  write(octets: Octets | string): void {
    this.bytesWritten += octets.length;
    if (typeof octets === 'string') this.text += octets;
    else if (octets.length <= OCTET_STRING_BYTES_MAX) this.text += toBinaryString(octets);
    else this.writeLong(octets);
  }

  /** Everything written since the last time, in as few pieces as there are; the writer is empty again. */
  takeAll(): Octets[] {
    this.bytesWritten = 0;
    if (this.full.length === 0) return this.takeText();
    this.endText();
    const all = this.full;
    this.full = [];
    return all;
  }

  /** The ordinary case. An array that begins with its one piece is an eighth of what one is that it is pushed to. */
  private takeText(): Octets[] {
    const { text } = this;
    this.text = EMPTY;
    return text.length > 0 ? [text as Octets] : [];
  }

  private writeLong(octets: Uint8Array): void {
    this.endText();
    this.full.push(octets);
  }

  private endText(): void {
    if (this.text.length > 0) this.full.push(this.text as Octets);
    this.text = EMPTY;
  }
}

/** Four bytes, the highest first. Throws where `value` is not a whole number from 0 to 2^32 - 1. */
export function uint32(value: number): string {
  if (value >>> 0 !== value) throw new RangeError(`Cannot encode number: ${value} does not fit 32 bits`);
  return String.fromCharCode(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

/** Two bytes, the higher first. Throws where `value` is not a whole number from 0 to 2^16 - 1. */
export function uint16(value: number): string {
  if ((value & 0xffff) !== value) throw new RangeError(`Cannot encode number: ${value} does not fit 16 bits`);
  return String.fromCharCode(value >>> 8, value & 0xff);
}

/** One byte. */
export function uint8(value: number): string {
  if ((value & 0xff) !== value) throw new RangeError(`Cannot encode number: ${value} does not fit 8 bits`);
  return String.fromCharCode(value);
}
