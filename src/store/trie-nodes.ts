/**
 * Trie nodes: the memory that a digest trie is built in.
 *
 * A node is a row of one array of integers and is known by its number, so that going down costs
 * one line of the processor's cache for each level, where objects would cost four, and the garbage
 * collector has nothing to visit. Sixteen children stand side by side and come and go together.
 * Only the records of the leaves are objects.
 */
import type { Digest } from './digest';
import { NO_LEAF, type StoredRecord } from './stored-record';

/** How many children an inner node has: one for each hex digit. */
export const FANOUT = 16;
/** The node that is always there. */
export const ROOT = 0;

/** The columns of a row. A count of 2^31 records is out of reach of any heap. */
const COUNT = 0;
const FP0 = 1;
const FP1 = 2;
/** The number of the parent; of the root: -1. */
const PARENT = 3;
/** The number of the first child; of a leaf: 0, which as the root is nobody's child. */
const CHILDREN = 4;
/** How far from the root. */
const DEPTH = 5;
/** 1 where the records of a leaf are in no particular order. */
const UNSORTED = 6;
const COLUMNS = 8;

/** The nodes of one trie. At the start: the root, a leaf without records. */
export class TrieNodes {
  private words = new Int32Array(COLUMNS * 64);
  /** By node number; undefined for inner nodes and for rows not in use. */
  private readonly leaves: (StoredRecord[] | undefined)[] = [[]];
  /** First children of families that were dissolved. */
  private readonly vacant: number[] = [];

  constructor() {
    this.words[PARENT] = -1;
  }

  isLeaf(node: number): boolean {
    return this.at(node, CHILDREN) === 0;
  }

  /** The child for a digit, of an inner node. */
  child(node: number, digit: number): number {
    return this.at(node, CHILDREN) + digit;
  }

  /** Negative above the root. */
  parent(node: number): number {
    return this.at(node, PARENT);
  }

  /** Which digit of an identifier tells its children apart. */
  depth(node: number): number {
    return this.at(node, DEPTH);
  }

  count(node: number): number {
    return this.at(node, COUNT);
  }

  digest(node: number): Digest {
    return { count: this.at(node, COUNT), fp0: this.at(node, FP0), fp1: this.at(node, FP1) };
  }

  setDigest(node: number, { count, fp0, fp1 }: Digest): void {
    const row = node * COLUMNS;
    this.words[row + COUNT] = count;
    this.words[row + FP0] = fp0;
    this.words[row + FP1] = fp1;
  }

  /** Brings a change into the digest of a node and of all above it. */
  adjust(from: number, count: number, fp0: number, fp1: number): void {
    for (let node = from; node >= ROOT; node = this.parent(node)) {
      const row = node * COLUMNS;
      this.words[row + COUNT] = this.at(node, COUNT) + count;
      this.words[row + FP0] = this.at(node, FP0) ^ fp0;
      this.words[row + FP1] = this.at(node, FP1) ^ fp1;
    }
  }

  /** The records of a leaf, in any order. Change them with {@link push} and {@link pull} only. */
  records(leaf: number): StoredRecord[] {
    const records = this.leaves[leaf];
    if (records === undefined) throw new Error(`Cannot read records: node ${leaf} is not a leaf`);
    return records;
  }

  /** The records of a leaf in ring order. Only walking needs it, so only walking sorts. */
  sortedRecords(leaf: number): readonly StoredRecord[] {
    const records = this.records(leaf);
    if (this.at(leaf, UNSORTED) === 0) return records;
    this.words[leaf * COLUMNS + UNSORTED] = 0;
    return records.sort((a, b) => (a.keyId < b.keyId ? -1 : Number(a.keyId > b.keyId)));
  }

  /** Adds to the records of a leaf, not to its digest. */
  push(leaf: number, record: StoredRecord): void {
    record.leaf = leaf;
    this.records(leaf).push(record);
    this.words[leaf * COLUMNS + UNSORTED] = 1;
  }

  /** Takes a record out of a leaf, not out of its digest. */
  pull(leaf: number, record: StoredRecord): void {
    const records = this.records(leaf);
    records.splice(records.indexOf(record), 1);
    record.leaf = NO_LEAF;
  }

  /** Gives a leaf sixteen empty leaves as children; hands back the records it had. */
  grow(leaf: number): readonly StoredRecord[] {
    const records = this.records(leaf);
    const first = this.vacant.pop() ?? this.newFamily();
    for (let child = first; child < first + FANOUT; child += 1) {
      this.words.fill(0, child * COLUMNS, (child + 1) * COLUMNS);
      this.words[child * COLUMNS + PARENT] = leaf;
      this.words[child * COLUMNS + DEPTH] = this.depth(leaf) + 1;
      this.leaves[child] = [];
    }
    this.leaves[leaf] = undefined;
    this.words[leaf * COLUMNS + CHILDREN] = first;
    return records;
  }

  /** Makes an inner node a leaf with these records, and gives up all that is below it. */
  shrink(inner: number, records: StoredRecord[]): void {
    const first = this.child(inner, 0);
    for (let child = first; child < first + FANOUT; child += 1) {
      if (!this.isLeaf(child)) this.shrink(child, []);
      this.leaves[child] = undefined;
    }
    this.vacant.push(first);
    this.words[inner * COLUMNS + CHILDREN] = 0;
    this.words[inner * COLUMNS + UNSORTED] = 1;
    this.leaves[inner] = records;
    for (const record of records) record.leaf = inner;
  }

  private at(node: number, column: number): number {
    return this.words[node * COLUMNS + column] ?? 0;
  }

  /** The first of sixteen rows that were never used. */
  private newFamily(): number {
    const first = this.leaves.length;
    if ((first + FANOUT) * COLUMNS > this.words.length) {
      const words = new Int32Array(this.words.length * 2);
      words.set(this.words);
      this.words = words;
    }
    return first;
  }
}
