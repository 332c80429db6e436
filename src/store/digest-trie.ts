/**
 * Digest trie: the records of a node in ring order, with a digest for every part of the ring.
 *
 * Arcs move as nodes come and go, so a hash tree per arc would be rebuilt at every change. Here
 * one trie over the hex digits of the identifiers serves every arc: each node of it carries the
 * digest of all records below, an arc's digest is put together from few of them, and only the
 * leaf that an end of the arc cuts through is looked at record by record. It adapts to how many
 * records there are: a leaf that outgrows {@link LEAF_RECORDS_MAX} becomes sixteen, and sixteen
 * that hold fewer than {@link INNER_RECORDS_MIN} become one.
 *
 * Mutable, and in place: a write costs one way down and one way up. It does not look for records
 * of the same key; the table that owns it does.
 */
import type { Id, KeyId } from '../chord/id';
import { inRange, type Range, splitRange } from '../chord/range';
import type { Octets } from '../octets';
import type { VersionWords } from '../replication/version';
import { type Digest, difference, digestOf, digestsEqual, EMPTY_DIGEST, nibbleAt, union } from './digest';
import type { Record } from './record';
import { NO_LEAF, type StoredRecord, storedDigestOf } from './stored-record';
import { FANOUT, ROOT, TrieNodes } from './trie-nodes';

/** More records than this split a leaf. */
export const LEAF_RECORDS_MAX = 64;
/** Fewer records than this below an inner node make it a leaf. Far from the other, so that no key flips back and forth. */
export const INNER_RECORDS_MIN = 16;

/** A range and what is in it. */
export type RangeDigest = { readonly range: Range; readonly digest: Digest };

/** What a slice of a scrub found, and where the next begins; `after` undefined: the pass is complete. */
export type ScrubSlice = { readonly mismatches: number; readonly after: Id | undefined };

/** Is shown a record; answers whether to go on. It must not change the trie. */
export type Visitor = (record: StoredRecord) => boolean;

const ID_DIGITS = 40;

/** The records of one table by identifier, each key at most once. */
export class DigestTrie {
  private readonly nodes = new TrieNodes();

  /** How many records it holds. */
  get count(): number {
    return this.nodes.count(ROOT);
  }

  /** Adds a record of a key that has none here. */
  insert(record: StoredRecord): void {
    const leaf = this.leafOf(record.keyId);
    this.nodes.push(leaf, record);
    this.nodes.adjust(leaf, 1, record.fp0, record.fp1);
    this.splitIfFull(leaf);
  }

  /** Takes out exactly this record. */
  remove(record: StoredRecord): void {
    const leaf = this.leafWith(record);
    this.nodes.pull(leaf, record);
    this.nodes.adjust(leaf, -1, record.fp0, record.fp1);
    this.mergeIfSparse(leaf);
  }

  /** Lets a record that it holds take over what `next` says, a record of the same key. */
  overwrite(record: StoredRecord, next: Record): void {
    const leaf = this.leafWith(record);
    const { fp0, fp1 } = record;
    record.overwrite(next);
    this.nodes.adjust(leaf, 0, fp0 ^ record.fp0, fp1 ^ record.fp1);
  }

  /** As {@link overwrite}, for what {@link StoredRecord.replaceValue} is for. */
  replaceValue(record: StoredRecord, version: VersionWords, value: Octets): void {
    const leaf = this.leafWith(record);
    const { fp0, fp1 } = record;
    record.replaceValue(version, value);
    this.nodes.adjust(leaf, 0, fp0 ^ record.fp0, fp1 ^ record.fp1);
  }

  /** The records with this identifier. */
  recordsAt(id: KeyId): readonly StoredRecord[] {
    return this.nodes.records(this.leafOf(id)).filter(({ keyId }) => keyId === id);
  }

  /** The digest of the records in a range, exactly. */
  digest(range: Range): Digest {
    return this.between(range, this.upTo(range.lo), this.upTo(range.hi));
  }

  /** The range cut into `parts` as {@link splitRange} does, with the digest of each. */
  split(range: Range, parts = FANOUT): readonly RangeDigest[] {
    let upToLo = this.upTo(range.lo);
    return splitRange(range, parts).map((part) => {
      const upToHi = this.upTo(part.hi);
      const digest = this.between(part, upToLo, upToHi);
      upToLo = upToHi;
      return { range: part, digest };
    });
  }

  /**
   * Shows the records of a range in ring order, from the first one behind `after` on, and touches
   * no others. `after` undefined, or outside the range (which may have shrunk since): from its
   * start. Answers whether the end of the range was reached.
   */
  walk(range: Range, after: Id | undefined, visit: Visitor): boolean {
    if (after === range.hi) return true;
    const lo = after !== undefined && inRange(after, range) ? after : range.lo;
    if (lo < range.hi) return this.visitBetween(ROOT, lo, range.hi, visit);
    return this.visitBetween(ROOT, lo, undefined, visit) && this.visitBetween(ROOT, undefined, range.hi, visit);
  }

  /**
   * Recomputes digests from the records, leaf by leaf from behind `after` on, until about
   * `recordsMax` records have been read. What disagrees is put right and counted: a digest that
   * is wrong would make two nodes compare for ever what is equal, or never what is not.
   */
  scrub(after: Id | undefined, recordsMax: number): ScrubSlice {
    const slice = new Scrub(this.nodes, after, Math.max(1, recordsMax));
    const finished = slice.pass(ROOT, '');
    return { mismatches: slice.mismatches, after: finished ? undefined : slice.reached };
  }

  private leafOf(id: Id): number {
    let node = ROOT;
    while (!this.nodes.isLeaf(node)) node = this.nodes.child(node, nibbleAt(id, this.nodes.depth(node)));
    return node;
  }

  /** The leaf that a record hangs in. */
  private leafWith({ leaf, keyId }: StoredRecord): number {
    if (leaf === NO_LEAF) throw new Error(`Cannot find the record of "${keyId}": the trie does not hold it`);
    return leaf;
  }

  private splitIfFull(leaf: number): void {
    const depth = this.nodes.depth(leaf);
    if (this.nodes.count(leaf) <= LEAF_RECORDS_MAX || depth === ID_DIGITS) return;
    for (const record of this.nodes.grow(leaf)) {
      const child = this.nodes.child(leaf, nibbleAt(record.keyId, depth));
      this.nodes.push(child, record);
      this.nodes.setDigest(child, union(this.nodes.digest(child), storedDigestOf(record)));
    }
    for (let i = 0; i < FANOUT; i += 1) this.splitIfFull(this.nodes.child(leaf, i));
  }

  /** Merges the highest node above `leaf` that has become sparse. */
  private mergeIfSparse(leaf: number): void {
    let sparse = leaf;
    for (let node = this.nodes.parent(leaf); node >= ROOT; node = this.nodes.parent(node)) {
      if (this.nodes.count(node) >= INNER_RECORDS_MIN) break;
      sparse = node;
    }
    if (sparse === leaf) return;
    const records: StoredRecord[] = [];
    this.visitBetween(sparse, undefined, undefined, (record) => records.push(record) > 0);
    this.nodes.shrink(sparse, records);
  }

  /** The digest of a range, from what lies from zero up to each of its ends. */
  private between({ lo, hi }: Range, upToLo: Digest, upToHi: Digest): Digest {
    if (lo < hi) return difference(upToHi, upToLo);
    return union(difference(this.nodes.digest(ROOT), upToLo), upToHi);
  }

  /** The digest of all records from zero up to and with `id`. */
  private upTo(id: Id): Digest {
    let sum = EMPTY_DIGEST;
    let node = ROOT;
    while (!this.nodes.isLeaf(node)) {
      const nibble = nibbleAt(id, this.nodes.depth(node));
      for (let i = 0; i < nibble; i += 1) sum = union(sum, this.nodes.digest(this.nodes.child(node, i)));
      node = this.nodes.child(node, nibble);
    }
    for (const record of this.nodes.records(node)) if (record.keyId <= id) sum = union(sum, storedDigestOf(record));
    return sum;
  }

  /** Shows the records in (above, upTo]; an undefined end is open. False: the visitor has had enough. */
  private visitBetween(node: number, above: Id | undefined, upTo: Id | undefined, visit: Visitor): boolean {
    if (this.nodes.isLeaf(node)) return visitRecords(this.nodes.sortedRecords(node), above, upTo, visit);
    const depth = this.nodes.depth(node);
    const first = above === undefined ? 0 : nibbleAt(above, depth);
    const last = upTo === undefined ? FANOUT - 1 : nibbleAt(upTo, depth);
    for (let i = first; i <= last; i += 1) {
      const from = i === first ? above : undefined;
      const to = i === last ? upTo : undefined;
      if (!this.visitBetween(this.nodes.child(node, i), from, to, visit)) return false;
    }
    return true;
  }
}

/** One slice of a scrub: how far it may go and what it has found. */
class Scrub {
  mismatches = 0;
  /** The last identifier of the last leaf that was read. */
  reached: Id | undefined;

  constructor(
    private readonly nodes: TrieNodes,
    private readonly after: Id | undefined,
    private recordsLeft: number,
  ) {}

  /** Children first, so that an inner node is compared with sums that are right. False: the slice is used up. */
  pass(node: number, prefix: string): boolean {
    if (this.nodes.isLeaf(node)) return this.passLeaf(node, prefix);
    for (let i = this.firstChild(node, prefix); i < FANOUT; i += 1) {
      if (!this.pass(this.nodes.child(node, i), prefix + i.toString(16))) return false;
    }
    let sum = EMPTY_DIGEST;
    for (let i = 0; i < FANOUT; i += 1) sum = union(sum, this.nodes.digest(this.nodes.child(node, i)));
    this.correct(node, sum);
    return true;
  }

  private passLeaf(leaf: number, prefix: string): boolean {
    const last = prefix.padEnd(ID_DIGITS, 'f') as Id;
    if (this.after !== undefined && last <= this.after) return true;
    if (this.recordsLeft <= 0) return false;
    const records = this.nodes.records(leaf);
    this.correct(leaf, records.map(digestOf).reduce(union, EMPTY_DIGEST));
    this.recordsLeft -= Math.max(1, records.length);
    this.reached = last;
    return true;
  }

  private firstChild(node: number, prefix: string): number {
    return this.after?.startsWith(prefix) === true ? nibbleAt(this.after, this.nodes.depth(node)) : 0;
  }

  private correct(node: number, computed: Digest): void {
    if (digestsEqual(this.nodes.digest(node), computed)) return;
    this.mismatches += 1;
    this.nodes.setDigest(node, computed);
  }
}

function visitRecords(
  records: readonly StoredRecord[],
  above: Id | undefined,
  upTo: Id | undefined,
  visit: Visitor,
): boolean {
  for (const record of records) {
    if (above !== undefined && record.keyId <= above) continue;
    if (upTo !== undefined && record.keyId > upTo) return true;
    if (!visit(record)) return false;
  }
  return true;
}
