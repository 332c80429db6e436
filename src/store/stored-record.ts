/**
 * Stored records: the one record of a key that a table holds, and overwrites in place.
 *
 * Overwriting is what a table does most. A new object each time would have to be entered into the
 * Map and into the trie, would live just long enough to be moved to the old generation, and would
 * be garbage there a moment later. A stored record stays where it is for as long as its key does;
 * only its contents change (a put then takes 650 ns instead of 1750). What hashing and searching
 * would find out again at every write, it remembers.
 */
import type { Octets } from '../octets';
import type { VersionWords } from '../replication/version';
import { type Digest, fingerprint0, fingerprint1, headWord } from './digest';
import { Record } from './record';

/** Where a record hangs that hangs in no trie. */
export const NO_LEAF = -1;

/** What a newer record of the same key changes. */
type Contents = Pick<Record, 'word0' | 'word1' | 'writer' | 'value' | 'expireAtMs' | 'ev'>;

/** The fields behind the readonly ones that everyone else sees. */
type Writable<T> = { -readonly [Field in keyof T]: T[Field] };

/**
 * The record of a key in a table. Read it within the turn in which the table gave it out, or
 * copy it: it belongs to the table, and from the next write of its key on says something else.
 */
export class StoredRecord extends Record {
  /** The leaf of the trie that it hangs in; kept by the trie. */
  leaf = NO_LEAF;
  /** How long its value is; a tombstone's: 0. Asking the value would fetch one that is about to go from far memory. */
  valueBytes: number;
  /** Its fingerprint, in the version that it has now. */
  fp0: number;
  fp1: number;
  /** The words of its identifier that fingerprints are made of. */
  private readonly head0: number;
  private readonly head1: number;

  /** A copy, for a table to own. */
  constructor(record: Record) {
    super(record.keyId, record.key, record, record.value, record.expireAtMs, record.ev);
    this.head0 = headWord(record.keyId, 0);
    this.head1 = headWord(record.keyId, 1);
    this.valueBytes = record.value?.length ?? 0;
    this.fp0 = fingerprint0(this.head0, this.head1, this);
    this.fp1 = fingerprint1(this.head0, this.head1, this);
  }

  /** Takes over what a newer record of the same key says. For the trie, which has sums to keep. */
  overwrite({ word0, word1, writer, value, expireAtMs, ev }: Contents): void {
    const self: Writable<Contents> = this;
    self.word0 = word0;
    self.word1 = word1;
    self.writer = writer;
    self.value = value;
    self.expireAtMs = expireAtMs;
    self.ev = ev;
    this.valueBytes = value?.length ?? 0;
    this.fp0 = fingerprint0(this.head0, this.head1, this);
    this.fp1 = fingerprint1(this.head0, this.head1, this);
  }

  /** The same for a value that stays, in the place of one that was to stay. */
  replaceValue({ word0, word1, writer }: VersionWords, value: Octets): void {
    const self: Writable<Contents> = this;
    self.word0 = word0;
    self.word1 = word1;
    self.writer = writer;
    self.value = value;
    self.ev = false;
    this.valueBytes = value.length;
    this.fp0 = fingerprint0(this.head0, this.head1, this);
    this.fp1 = fingerprint1(this.head0, this.head1, this);
  }
}

/** The digest of one record, from what it remembers. */
export function storedDigestOf({ fp0, fp1 }: StoredRecord): Digest {
  return { count: 1, fp0, fp1 };
}
