/**
 * Digests: a few bytes that stand for a set of records, to be compared between two nodes.
 *
 * A set's fingerprint is the XOR of its records' fingerprints, so that adding and removing a
 * record cost the same whatever else is in the set, and the order of arrival does not matter.
 * A record's fingerprint mixes the head of its key's identifier with its version. The value is
 * left out: the same version means the same value. So is the expiry, which every holder of the
 * record sees pass at its own time. The mixing is part of the protocol between nodes.
 */
import type { KeyId } from '../chord/id';
import type { VersionWords } from '../replication/version';

/** How many records, and their fingerprint: 64 bits in two lanes of signed 32. */
export type Digest = { readonly count: number; readonly fp0: number; readonly fp1: number };

/** The digest of no records. */
export const EMPTY_DIGEST: Digest = { count: 0, fp0: 0, fp1: 0 };

/** The digest of one record. */
export function digestOf(record: Fingerprinted): Digest {
  const head0 = headWord(record.keyId, 0);
  const head1 = headWord(record.keyId, 1);
  return { count: 1, fp0: fingerprint0(head0, head1, record), fp1: fingerprint1(head0, head1, record) };
}

/** What a fingerprint is made of. */
export type Fingerprinted = VersionWords & { readonly keyId: KeyId };

/** Whether two digests can stand for the same set. Different sets agree once in 2^64 times. */
export function digestsEqual(a: Digest, b: Digest): boolean {
  return a.count === b.count && a.fp0 === b.fp0 && a.fp1 === b.fp1;
}

/** The digest of two sets that have no record in common. */
export function union(a: Digest, b: Digest): Digest {
  return { count: a.count + b.count, fp0: a.fp0 ^ b.fp0, fp1: a.fp1 ^ b.fp1 };
}

/** The digest of what is in `a` and not in `b`, where all of `b` is in `a`. */
export function difference(a: Digest, b: Digest): Digest {
  return { count: a.count - b.count, fp0: a.fp0 ^ b.fp0, fp1: a.fp1 ^ b.fp1 };
}

/** The first lane of a record's fingerprint. */
export function fingerprint0(head0: number, head1: number, version: VersionWords): number {
  return lane(0x243f6a88, 0x85ebca6b, head0, head1, version);
}

/** The second lane: the same words with another seed and multiplier (digits of pi; MurmurHash3's constants). */
export function fingerprint1(head0: number, head1: number, version: VersionWords): number {
  return lane(0x13198a2e, 0xc2b2ae35, head0, head1, version);
}

function lane(seed: number, factor: number, head0: number, head1: number, version: VersionWords): number {
  let h = stir(seed ^ head0, factor);
  h = stir(h ^ head1, factor);
  h = stir(h ^ version.word0, factor);
  h = stir(h ^ version.word1, factor);
  h = stir(h ^ version.writer.word2, factor);
  h = stir(h ^ version.writer.word3, factor);
  return finalise(h);
}

function stir(h: number, factor: number): number {
  const product = Math.imul(h, factor);
  return product ^ (product >>> 15);
}

/** MurmurHash3's finaliser: every bit of the input turns half of the bits of the output. */
function finalise(h: number): number {
  let x = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

/** Eight hex digits as a signed word: the first eight (0) or those behind them (1). */
export function headWord(id: KeyId, number: 0 | 1): number {
  let word = 0;
  for (let i = number * 8; i < number * 8 + 8; i += 1) word = (word << 4) | nibbleAt(id, i);
  return word;
}

/** The value, 0 to 15, of one lowercase hex digit of an identifier. */
export function nibbleAt(id: string, at: number): number {
  const code = id.charCodeAt(at);
  return (code & 15) + (code >> 6) * 9; // Letters have bit 6 set, and 'a' is 0x61.
}
