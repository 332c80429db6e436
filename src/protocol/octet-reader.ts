/**
 * Incremental reading: a stream of bytes that arrives in pieces, taken apart field by field.
 *
 * Each read either gives a whole field or undefined, which means "ask again when more has come":
 * asking again for the same field goes on where it stopped. A field that lies within one piece is
 * read where it lies. One that spans pieces is collected in a buffer that at least doubles as it
 * fills, so that any cutting costs linear time, at most twice the bytes that really came are held,
 * and no announced length is ever trusted. What is handed out shares no memory with a piece.
 */
import {
  type BinaryString,
  copyOctets,
  EMPTY,
  OCTET_STRING_BYTES_MAX,
  type Octets,
  sliceBinaryString,
  toBinaryString,
  toBuffer,
} from '../octets';

const NOTHING: Buffer = Buffer.alloc(0);
const COLLECTED_BYTES_MIN = 256;

/** A stream of bytes that is read field by field as it arrives. */
export class OctetReader {
  private chunk = NOTHING;
  private chunkAt = 0;
  private queue: Buffer[] = [];
  private queueAt = 0;
  private queueBytes = 0;
  /** The bytes seen so far of a number, or how many of a fixed text. */
  private gathered = 0;
  private gatheredBytes = 0;
  /** The bytes seen so far of a longer field: `collected[0, collectedBytes)`. */
  private collected = NOTHING;
  private collectedBytes = 0;

  /** More bytes. Leave them as they are until a read has answered undefined. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    const piece = toBuffer(chunk);
    if (this.bytesInChunk() + this.queueBytes === 0) {
      this.chunk = piece;
      this.chunkAt = 0;
    } else {
      this.queue.push(piece);
      this.queueBytes += piece.length;
    }
  }

  /** The piece at hand, for those who read whole requests where they lie; not {@link midField}. */
  get piece(): Buffer {
    return this.chunk;
  }

  /** Where in that piece the next field begins. */
  get pieceAt(): number {
    return this.chunkAt;
  }

  /** Goes on at this place of that piece, which is no earlier one. */
  passTo(at: number): void {
    this.chunkAt = at;
  }

  /** How many bytes have come and have not been handed out or skipped. */
  get bytesBuffered(): number {
    return this.bytesInChunk() + this.queueBytes + this.gatheredBytes + this.collectedBytes;
  }

  /** Whether a field has begun and its end has not come. */
  get midField(): boolean {
    return this.gatheredBytes + this.collectedBytes > 0;
  }

  /** Whether `text` comes next: false at the first byte that differs. */
  matches(text: string): boolean | undefined {
    while (this.gatheredBytes < text.length) {
      const byte = this.uint8();
      if (byte === undefined) return undefined;
      if (byte !== text.charCodeAt(this.gatheredBytes)) {
        this.gatheredBytes = 0;
        return false;
      }
      this.gatheredBytes += 1;
    }
    this.gatheredBytes = 0;
    return true;
  }

  /** A number of one byte. */
  uint8(): number | undefined {
    if (this.bytesInChunk() === 0 && !this.nextChunk()) return undefined;
    const byte = this.chunk[this.chunkAt];
    this.chunkAt += 1;
    return byte;
  }

  /** Reads four bytes if all of them lie in the piece at hand and are `expected`; nothing else. */
  takesUint32(expected: number): boolean {
    const { chunk, chunkAt } = this;
    if (this.midField || chunk.length - chunkAt < 4) return false;
    if (chunk.readUInt32BE(chunkAt) !== expected) return false;
    this.chunkAt += 4;
    return true;
  }

  /** A number of two bytes, the higher first. */
  uint16(): number | undefined {
    return this.gather(2);
  }

  /** A number of four bytes, the highest first. */
  uint32(): number | undefined {
    if (this.gatheredBytes > 0 || this.bytesInChunk() < 4) return this.gather(4);
    const value = this.chunk.readUInt32BE(this.chunkAt);
    this.chunkAt += 4;
    return value;
  }

  /** The next `bytes` bytes, as a key. */
  binaryString(bytes: number): BinaryString | undefined {
    if (bytes === 0) return EMPTY;
    if (!this.holdsWhole(bytes)) return this.collect(bytes) ? toBinaryString(this.takeCollected()) : undefined;
    const start = this.chunkAt;
    this.chunkAt += bytes;
    return sliceBinaryString(this.chunk, start, this.chunkAt);
  }

  /** The next `bytes` bytes, as a value. */
  octets(bytes: number): Octets | undefined {
    if (bytes <= OCTET_STRING_BYTES_MAX) return this.binaryString(bytes);
    if (!this.holdsWhole(bytes)) return this.collect(bytes) ? this.takeCollected() : undefined;
    const start = this.chunkAt;
    this.chunkAt += bytes;
    return copyOctets(this.chunk, start, this.chunkAt);
  }

  /** Drops up to `bytesMax` bytes of those that have come; gives back how many. */
  skip(bytesMax: number): number {
    let bytesLeft = bytesMax;
    while (bytesLeft > 0 && (this.bytesInChunk() > 0 || this.nextChunk())) {
      const bytes = Math.min(bytesLeft, this.bytesInChunk());
      this.chunkAt += bytes;
      bytesLeft -= bytes;
    }
    return bytesMax - bytesLeft;
  }

  /** Drops everything that has come. */
  clear(): void {
    this.emptyQueue();
    this.nextChunk();
    this.takeGathered();
    this.takeCollected();
  }

  private bytesInChunk(): number {
    return this.chunk.length - this.chunkAt;
  }

  private holdsWhole(bytes: number): boolean {
    if (this.collectedBytes > 0) return false;
    if (this.bytesInChunk() === 0) this.nextChunk();
    return this.bytesInChunk() >= bytes;
  }

  /** Leaves the chunk at hand for the one that waits. Where none does, no memory of the last is held on to. */
  private nextChunk(): boolean {
    this.chunk = this.queue[this.queueAt] ?? NOTHING;
    this.chunkAt = 0;
    if (this.queueBytes === 0) return false;
    this.queueAt += 1;
    this.queueBytes -= this.chunk.length;
    if (this.queueBytes === 0) this.emptyQueue();
    return true;
  }

  private emptyQueue(): void {
    this.queue = [];
    this.queueAt = 0;
    this.queueBytes = 0;
  }

  private gather(bytes: number): number | undefined {
    while (this.gatheredBytes < bytes) {
      const byte = this.uint8();
      if (byte === undefined) return undefined;
      this.gathered = this.gathered * 256 + byte;
      this.gatheredBytes += 1;
    }
    return this.takeGathered();
  }

  private takeGathered(): number {
    const gathered = this.gathered;
    this.gathered = 0;
    this.gatheredBytes = 0;
    return gathered;
  }

  /** Moves bytes into `collected` until it holds `bytes` of them, or none are left to move. */
  private collect(bytes: number): boolean {
    do {
      const moved = Math.min(bytes - this.collectedBytes, this.bytesInChunk());
      this.makeRoom(this.collectedBytes + moved, bytes);
      this.chunk.copy(this.collected, this.collectedBytes, this.chunkAt, this.chunkAt + moved);
      this.chunkAt += moved;
      this.collectedBytes += moved;
    } while (this.collectedBytes < bytes && this.nextChunk());
    return this.collectedBytes === bytes;
  }

  /** Room grows with what has come and never beyond the field, so that a full buffer is the field itself. */
  private makeRoom(bytesNeeded: number, fieldBytes: number): void {
    if (bytesNeeded <= this.collected.length) return;
    const roomBytes = Math.max(bytesNeeded, 2 * this.collected.length, COLLECTED_BYTES_MIN);
    const room = Buffer.allocUnsafeSlow(Math.min(roomBytes, fieldBytes));
    this.collected.copy(room, 0, 0, this.collectedBytes);
    this.collected = room;
  }

  private takeCollected(): Buffer {
    const collected = this.collected;
    this.collected = NOTHING;
    this.collectedBytes = 0;
    return collected;
  }
}
