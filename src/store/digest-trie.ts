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
import type { Id } from '../chord/id';
import { inRange, type Range, splitRange } from '../chord/range';
import {
  type Digest,
  difference,
  digestOf,
  digestsEqual,
  EMPTY_DIGEST,
  nibbleAt,
  replacementOf,
  union,
} from './digest';
import type { Record } from './record';

/** More records than this split a leaf. */
export const LEAF_RECORDS_MAX = 64;
/** Fewer records than this below an inner node make it a leaf. Far from the other, so that no key flips back and forth. */
export const INNER_RECORDS_MIN = 16;

/** A range and what is in it. */
export type RangeDigest = { readonly range: Range; readonly digest: Digest };

/** What a slice of a scrub found, and where the next begins; `after` undefined: the pass is complete. */
export type ScrubSlice = { readonly mismatches: number; readonly after: Id | undefined };

/** Is shown a record; answers whether to go on. It must not change the trie. */
export type Visitor = (record: Record) => boolean;

const FANOUT = 16;
const ID_DIGITS = 40;

type TrieNode = Leaf | Inner;

class Leaf {
  count = 0;
  fp0 = 0;
  fp1 = 0;
  readonly records: Record[] = [];
  /** Whether `records` is in ring order. Only walking needs it, so only walking sorts. */
  isSorted = true;
  constructor(
    readonly parent: Inner | undefined,
    readonly depth: number,
  ) {}
}

class Inner {
  count = 0;
  fp0 = 0;
  fp1 = 0;
  /** Sixteen, by the digit at `depth`. */
  readonly children: TrieNode[] = [];
  constructor(
    readonly parent: Inner | undefined,
    readonly depth: number,
  ) {}
}

export class DigestTrie {
  private root: TrieNode = new Leaf(undefined, 0);

  /** How many records it holds. */
  get count(): number {
    return this.root.count;
  }

  /** Adds a record of a key that has none here. */
  insert(record: Record): void {
    const leaf = this.leafOf(record.keyId);
    leaf.records.push(record);
    leaf.isSorted = false;
    adjust(leaf, digestOf(record), 1);
    if (leaf.count > LEAF_RECORDS_MAX && leaf.depth < ID_DIGITS) this.exchange(leaf, split(leaf));
  }

  /** Takes out exactly this record. */
  remove(record: Record): void {
    const leaf = this.leafOf(record.keyId);
    leaf.records.splice(indexIn(leaf, record), 1);
    adjust(leaf, digestOf(record), -1);
    const sparse = highestSparse(leaf);
    if (sparse !== undefined) this.exchange(sparse, merged(sparse));
  }

  /** Puts `next` in the place of exactly this record of the same key. */
  replace(record: Record, next: Record): void {
    const leaf = this.leafOf(record.keyId);
    leaf.records[indexIn(leaf, record)] = next;
    adjust(leaf, replacementOf(record, next), 0);
  }

  /** The digest of the records in a range, exactly. */
  digest(range: Range): Digest {
    if (range.lo === range.hi) return copyOf(this.root);
    return this.between(range, this.upTo(range.lo), this.upTo(range.hi));
  }

  /** The range cut into `parts` as {@link splitRange} does, with the digest of each. */
  split(range: Range, parts = FANOUT): readonly RangeDigest[] {
    let below = this.upTo(range.lo);
    return splitRange(range, parts).map((part) => {
      const upTo = this.upTo(part.hi);
      const digest = part.lo === part.hi ? copyOf(this.root) : this.between(part, below, upTo);
      below = upTo;
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
    if (lo < range.hi) return visitBetween(this.root, lo, range.hi, visit);
    return visitBetween(this.root, lo, undefined, visit) && visitBetween(this.root, undefined, range.hi, visit);
  }

  /**
   * Recomputes digests from the records, leaf by leaf from behind `after` on, until about
   * `recordsMax` records have been read. What disagrees is put right and counted: a digest that
   * is wrong would make two nodes compare for ever what is equal, or never what is not.
   */
  scrub(after: Id | undefined, recordsMax: number): ScrubSlice {
    const slice = new Scrub(after, Math.max(1, recordsMax));
    const finished = slice.pass(this.root, '');
    return { mismatches: slice.mismatches, after: finished ? undefined : slice.reached };
  }

  private leafOf(id: Id): Leaf {
    let node = this.root;
    while (node instanceof Inner) node = childAt(node, nibbleAt(id, node.depth));
    return node;
  }

  private exchange(old: TrieNode, next: TrieNode): void {
    if (old.parent === undefined) this.root = next;
    else old.parent.children[old.parent.children.indexOf(old)] = next;
  }

  /** The digest of a range that is not the whole circle, from what lies from zero up to each end. */
  private between({ lo, hi }: Range, upToLo: Digest, upToHi: Digest): Digest {
    return lo < hi ? difference(upToHi, upToLo) : union(difference(this.root, upToLo), upToHi);
  }

  /** The digest of all records from zero up to and with `id`. */
  private upTo(id: Id): Digest {
    let sum = EMPTY_DIGEST;
    let node = this.root;
    while (node instanceof Inner) {
      const nibble = nibbleAt(id, node.depth);
      for (let i = 0; i < nibble; i += 1) sum = union(sum, childAt(node, i));
      node = childAt(node, nibble);
    }
    for (const record of node.records) if (record.keyId <= id) sum = union(sum, digestOf(record));
    return sum;
  }
}

/** One slice of a scrub: how far it may go and what it has found. */
class Scrub {
  mismatches = 0;
  /** The last identifier of the last leaf that was read. */
  reached: Id | undefined;

  constructor(
    private readonly after: Id | undefined,
    private recordsLeft: number,
  ) {}

  /** Children first, so that an inner node is compared with sums that are right. False: the slice is used up. */
  pass(node: TrieNode, prefix: string): boolean {
    if (node instanceof Leaf) return this.passLeaf(node, prefix);
    for (let i = this.firstChild(node, prefix); i < FANOUT; i += 1) {
      if (!this.pass(childAt(node, i), prefix + i.toString(16))) return false;
    }
    this.correct(node, node.children.reduce(union, EMPTY_DIGEST));
    return true;
  }

  private passLeaf(leaf: Leaf, prefix: string): boolean {
    const last = prefix.padEnd(ID_DIGITS, 'f') as Id;
    if (this.after !== undefined && last <= this.after) return true;
    if (this.recordsLeft <= 0) return false;
    this.correct(leaf, leaf.records.map(digestOf).reduce(union, EMPTY_DIGEST));
    this.recordsLeft -= Math.max(1, leaf.count);
    this.reached = last;
    return true;
  }

  private firstChild(node: Inner, prefix: string): number {
    return this.after?.startsWith(prefix) === true ? nibbleAt(this.after, node.depth) : 0;
  }

  private correct(node: TrieNode, computed: Digest): void {
    if (digestsEqual(node, computed)) return;
    this.mismatches += 1;
    node.count = computed.count;
    node.fp0 = computed.fp0;
    node.fp1 = computed.fp1;
  }
}

/** Brings a change in a leaf into the digests of the leaf and all above it. */
function adjust(leaf: Leaf, { fp0, fp1 }: Digest, count: number): void {
  for (let node: TrieNode | undefined = leaf; node !== undefined; node = node.parent) {
    node.count += count;
    node.fp0 ^= fp0;
    node.fp1 ^= fp1;
  }
}

/** The subtree that takes the place of a leaf which has grown too large. */
function split(leaf: Leaf): Inner {
  const inner = new Inner(leaf.parent, leaf.depth);
  adopt(inner, leaf);
  for (let i = 0; i < FANOUT; i += 1) inner.children.push(new Leaf(inner, leaf.depth + 1));
  for (const record of leaf.records) {
    const child = childAt(inner, nibbleAt(record.keyId, leaf.depth));
    if (child instanceof Leaf) append(child, record);
  }
  inner.children.forEach((child, i) => {
    if (child instanceof Leaf && child.count > LEAF_RECORDS_MAX && child.depth < ID_DIGITS)
      inner.children[i] = split(child);
  });
  return inner;
}

function append(leaf: Leaf, record: Record): void {
  leaf.records.push(record);
  leaf.isSorted = false;
  adopt(leaf, union(leaf, digestOf(record)));
}

/** The leaf that takes the place of a subtree which has grown too small. */
function merged(inner: Inner): Leaf {
  const leaf = new Leaf(inner.parent, inner.depth);
  adopt(leaf, inner);
  visitBetween(inner, undefined, undefined, (record) => leaf.records.push(record) > 0);
  return leaf;
}

function highestSparse(leaf: Leaf): Inner | undefined {
  let highest: Inner | undefined;
  for (let node = leaf.parent; node !== undefined && node.count < INNER_RECORDS_MIN; node = node.parent) highest = node;
  return highest;
}

/** Shows the records in (above, upTo]; an undefined end is open. False: the visitor has had enough. */
function visitBetween(node: TrieNode, above: Id | undefined, upTo: Id | undefined, visit: Visitor): boolean {
  if (node instanceof Leaf) return visitRecords(inOrder(node), above, upTo, visit);
  const first = above === undefined ? 0 : nibbleAt(above, node.depth);
  const last = upTo === undefined ? FANOUT - 1 : nibbleAt(upTo, node.depth);
  for (let i = first; i <= last; i += 1) {
    const from = i === first ? above : undefined;
    const to = i === last ? upTo : undefined;
    if (!visitBetween(childAt(node, i), from, to, visit)) return false;
  }
  return true;
}

function visitRecords(
  records: readonly Record[],
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

function inOrder(leaf: Leaf): readonly Record[] {
  if (!leaf.isSorted) leaf.records.sort((a, b) => (a.keyId < b.keyId ? -1 : Number(a.keyId > b.keyId)));
  leaf.isSorted = true;
  return leaf.records;
}

function indexIn(leaf: Leaf, record: Record): number {
  const index = leaf.records.indexOf(record);
  if (index < 0) throw new Error(`Cannot find the record of "${record.keyId}": the trie does not hold it`);
  return index;
}

function childAt(inner: Inner, nibble: number): TrieNode {
  const child = inner.children[nibble];
  if (child === undefined) throw new Error(`Cannot descend: no digit has the value ${nibble}`);
  return child;
}

function adopt(node: TrieNode, { count, fp0, fp1 }: Digest): void {
  node.count = count;
  node.fp0 = fp0;
  node.fp1 = fp1;
}

function copyOf({ count, fp0, fp1 }: Digest): Digest {
  return { count, fp0, fp1 };
}
