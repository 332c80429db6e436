/**
 * Versions: which of two records of a key is the newer one, the same answer on every node.
 *
 * A version is 16 bytes: the hybrid clock's milliseconds (u48) and counter (u16), then the writer
 * (u64). Their unsigned byte-wise order is a total order, which makes merging records a maximum,
 * and so commutative, associative and idempotent. The writer only breaks ties; it differs between
 * two incarnations of a node, because a node that lost its memory while its clock was stepped
 * back could otherwise use one version for two values.
 *
 * In memory a version is four 32-bit words, which V8 keeps inside the object (a number of 48 bits
 * would be an object of its own). The last two words are shared by all versions of a writer.
 */
import { hashOf, type NodeId } from '../chord/id';
import { type BinaryString, fromUtf8, type Octets, toBinaryString } from '../octets';

/** The last millisecond that a version can express: 48 bits, beyond the year 10000. */
export const VERSION_MS_MAX = 2 ** 48 - 1;
/** The largest counter within one millisecond: 16 bits. */
export const VERSION_CTR_MAX = 2 ** 16 - 1;
/** How long an encoded version is. */
export const VERSION_BYTES = 16;
/** How many writers {@link Writers} remembers before it begins anew. */
export const WRITERS_MAX = 4096;

/** Who minted a version: one per node and incarnation. */
export type Writer = {
  /** Its 8 bytes. */
  readonly id: BinaryString;
  /** The same as the last two words of a version, signed. */
  readonly word2: number;
  readonly word3: number;
};

/**
 * The first 8 bytes of a version as signed words, and who wrote the rest: all that ordering looks
 * at. A version has them, and so has a record, which spares millions of records an object each.
 */
export type VersionWords = { readonly word0: number; readonly word1: number; readonly writer: Writer };

/** A point in the history of a key. Build it with {@link versionOf} or {@link decodeVersion}. */
export class Version implements VersionWords {
  constructor(
    /** Bytes 0 to 3, signed: the upper 32 bits of the milliseconds. */
    readonly word0: number,
    /** Bytes 4 to 7, signed: the lower 16 bits of the milliseconds, then the counter. */
    readonly word1: number,
    readonly writer: Writer,
  ) {}

  /** Unix time in milliseconds by the writer's hybrid clock. */
  get ms(): number {
    return msOf(this);
  }

  /** Place among the versions of the same millisecond. */
  get ctr(): number {
    return this.word1 & VERSION_CTR_MAX;
  }
}

/** "No such record": 16 zero bytes, older than every version that is ever minted. */
export const ABSENT = new Version(0, 0, writerOf('\0\0\0\0\0\0\0\0' as BinaryString));

/** The version of these parts. `ms` is an integer up to {@link VERSION_MS_MAX}, `ctr` up to {@link VERSION_CTR_MAX}. */
export function versionOf(ms: number, ctr: number, writer: Writer): Version {
  return new Version(Math.floor(ms / 2 ** 16) | 0, (ms << 16) | ctr, writer);
}

/** The milliseconds in these words. */
export function msOf({ word0, word1 }: VersionWords): number {
  return (word0 >>> 0) * 2 ** 16 + (word1 >>> 16);
}

/** Negative where `a` is older than `b`, positive where it is newer, 0 where they are the same version. */
export function compareVersions(a: VersionWords, b: VersionWords): number {
  const byTime = compareTimes(a, b);
  if (byTime !== 0 || a.writer === b.writer) return byTime;
  return compareWords(a.writer.word2, b.writer.word2) || compareWords(a.writer.word3, b.writer.word3);
}

/** As {@link compareVersions}, without regard to the writer. */
export function compareTimes(a: VersionWords, b: VersionWords): number {
  return compareWords(a.word0, b.word0) || compareWords(a.word1, b.word1);
}

/** The version's 16 bytes as a string: comparing two of these compares the versions. */
export function encodeVersion({ word0, word1, writer }: VersionWords): BinaryString {
  // One call for all eight: most of what it costs is the making of strings.
  const head = String.fromCharCode(
    word0 >>> 24,
    (word0 >>> 16) & 0xff,
    (word0 >>> 8) & 0xff,
    word0 & 0xff,
    word1 >>> 24,
    (word1 >>> 16) & 0xff,
    (word1 >>> 8) & 0xff,
    word1 & 0xff,
  );
  return (head + writer.id) as BinaryString;
}

/** The version's 16 bytes, for a message: they come from a pool, so whoever keeps them keeps more than them. */
export function versionBytes({ word0, word1, writer }: VersionWords): Uint8Array {
  const bytes = Buffer.allocUnsafe(VERSION_BYTES);
  bytes.writeInt32BE(word0, 0);
  bytes.writeInt32BE(word1, 4);
  bytes.writeInt32BE(writer.word2, 8);
  bytes.writeInt32BE(writer.word3, 12);
  return bytes;
}

/** The version that these bytes encode, or undefined where they are not {@link VERSION_BYTES} many. */
export function decodeVersion(octets: Octets, writers: Writers): Version | undefined {
  if (octets.length !== VERSION_BYTES) return undefined;
  const bytes = toBinaryString(octets);
  return new Version(decodeWord(bytes, 0), decodeWord(bytes, 4), writers.intern(bytes.slice(8) as BinaryString));
}

/** The 8 bytes that tell this incarnation of this node from every other: the head of a SHA-1. */
export function writerId(node: NodeId, incarnation: number | bigint): BinaryString {
  const digest = hashOf(fromUtf8(`${node}:${incarnation}`));
  return Buffer.from(digest.slice(0, 16), 'hex').toString('latin1') as BinaryString;
}

/**
 * One shared {@link Writer} per writer id, so that a version costs no copy of it.
 *
 * Nothing but memory depends on it: writers compare by content. So the table may forget
 * everything when it is full, and belongs to whoever decodes versions (one per node).
 */
export class Writers {
  private readonly byId = new Map<BinaryString, Writer>();

  /** The writer with this id of 8 bytes. */
  intern(id: BinaryString): Writer {
    const known = this.byId.get(id);
    if (known !== undefined) return known;
    if (this.byId.size >= WRITERS_MAX) this.byId.clear();
    const writer = writerOf(id);
    this.byId.set(id, writer);
    return writer;
  }
}

function writerOf(id: BinaryString): Writer {
  return { id, word2: decodeWord(id, 0), word3: decodeWord(id, 4) };
}

function compareWords(a: number, b: number): number {
  if (a === b) return 0;
  return a >>> 0 < b >>> 0 ? -1 : 1;
}

function decodeWord(bytes: BinaryString, at: number): number {
  return (
    (bytes.charCodeAt(at) << 24) |
    (bytes.charCodeAt(at + 1) << 16) |
    (bytes.charCodeAt(at + 2) << 8) |
    bytes.charCodeAt(at + 3)
  );
}
