/**
 * Exchange: finds the records in which two tables differ, by the digests of ranges, without sending what is equal.
 *
 * It begins with a few ranges, usually the one arc. A range that differs is cut into sixteen, and one with
 * few records is told record by record; so a difference among a million records is found in five round
 * trips. What is asked and compared is the table as it is at that moment, on both sides: what
 * is written meanwhile may look like a difference, and whoever mends looks at the record again.
 *
 * Immutable. The ranges still to be compared are a stack, so that those of one part of the ring are dealt
 * with before the next part is begun, and the stack stays short.
 */
import type { Id, KeyId } from '../chord/id';
import type { Range } from '../chord/range';
import { type Compared, RANGES_MAX } from '../protocol/rpc-sync';
import { digestsEqual } from '../store/digest';
import type { RangeDigest } from '../store/digest-trie';
import type { KvTable } from '../store/kv-table';
import { compareVersions, type Version } from './version';

/** A comparison under way. */
export interface Exchange {
  /** Still to be compared; the last is next. */
  readonly open: readonly Range[];
  /** In the question that is under way, in this order. */
  readonly asked: readonly Range[];
  /** How many more ranges may be asked about. */
  readonly rangesLeft: number;
}

/** A key of which the two sides have different records. */
export interface Difference {
  readonly id: KeyId;
  /** Undefined: there is none on this side. */
  readonly mine: Version | undefined;
  readonly theirs: Version | undefined;
}

/** Most ranges that are asked about before an exchange ends, however much is left. */
export const EXCHANGE_RANGES_MAX = 4096;

/** An exchange that has yet to begin. */
export function exchangeOf(ranges: readonly Range[], rangesMax = EXCHANGE_RANGES_MAX): Exchange {
  return { open: ranges.toReversed(), asked: [], rangesLeft: rangesMax };
}

/** Whether everything has been compared. */
export function isCompared({ open, asked }: Exchange): boolean {
  return open.length === 0 && asked.length === 0;
}

/** Whether it has to end before everything has been compared. */
export function isSpent({ open, asked, rangesLeft }: Exchange): boolean {
  return open.length > 0 && asked.length === 0 && rangesLeft === 0;
}

/** What to ask next, with the digests of this moment; nothing: it is all compared, or has grown too long. */
export function askNext(exchange: Exchange, table: KvTable): readonly [Exchange, readonly RangeDigest[]] {
  const { open, rangesLeft } = exchange;
  const count = Math.min(open.length, rangesLeft, RANGES_MAX);
  const asked = open.slice(open.length - count).toReversed();
  const ranges = asked.map((range) => ({ range, digest: table.digest(range) }));
  return [{ open: open.slice(0, open.length - count), asked, rangesLeft: rangesLeft - count }, ranges];
}

/** The question has got no answer: its ranges are still to be compared. */
export function askAgain(exchange: Exchange): Exchange {
  const { open, asked, rangesLeft } = exchange;
  return { open: [...open, ...asked.toReversed()], asked: [], rangesLeft: rangesLeft + asked.length };
}

/**
 * The other side has answered. Gives in which keys the two differ, as far as that is known now.
 *
 * An answer that fits the question badly, which no correct node gives, is taken for what can be read in it.
 */
export function compareNext(
  exchange: Exchange,
  answer: readonly Compared[],
  table: KvTable,
): readonly [Exchange, readonly Difference[]] {
  const { open, asked, rangesLeft } = exchange;
  const smaller: Range[] = [];
  const differences: Difference[] = [];
  for (const [at, range] of asked.entries()) {
    const compared = answer[at];
    if (compared?.type === 'items') differences.push(...differencesIn(table, range, compared.items));
    if (compared?.type !== 'split') continue;
    const own = table.digestParts(range);
    for (const [part, digest] of compared.digests.entries()) {
      const mine = own[part];
      if (mine && !digestsEqual(mine.digest, digest)) smaller.push(mine.range);
    }
  }
  return [{ open: [...open, ...smaller.toReversed()], asked: [], rangesLeft }, differences];
}

/** The range of a single key. */
export function pointOf(id: KeyId): Range {
  const before = (BigInt(`0x${id}`) + CIRCLE - 1n) % CIRCLE;
  return { lo: before.toString(16).padStart(40, '0') as Id, hi: id };
}

// Internal

const CIRCLE = 1n << 160n;

function differencesIn(
  table: KvTable,
  range: Range,
  items: readonly { readonly id: KeyId; readonly version: Version }[],
): readonly Difference[] {
  const limits = { recordsMax: Number.POSITIVE_INFINITY, bytesMax: Number.POSITIVE_INFINITY };
  const own = table.walk(range, undefined, limits).records;
  const mine = latestOf(own.map(({ keyId: id, version }) => ({ id, version })));
  const theirs = latestOf(items);
  const differences: Difference[] = [];
  for (const [id, version] of mine) {
    const other = theirs.get(id);
    if (!other || compareVersions(version, other) !== 0) differences.push({ id, mine: version, theirs: other });
  }
  for (const [id, version] of theirs) {
    if (!mine.has(id)) differences.push({ id, mine: undefined, theirs: version });
  }
  return differences;
}

/** The latest version of each identifier: one identifier has one key, unless somebody has found two with one SHA-1. */
function latestOf(items: readonly { readonly id: KeyId; readonly version: Version }[]): ReadonlyMap<KeyId, Version> {
  const latest = new Map<KeyId, Version>();
  for (const { id, version } of items) {
    const known = latest.get(id);
    if (known === undefined || compareVersions(version, known) > 0) latest.set(id, version);
  }
  return latest;
}
