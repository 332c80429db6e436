/**
 * Keys page: the records of a node one after the other, so that somebody outside can compare what nodes have, and what
 * is dropped on purpose so that there is something to mend.
 */
import { isUtf8 } from 'node:buffer';
import type { Id } from '../chord/id';
import { toBuffer } from '../octets';
import { versionBytes, type VersionWords, msOf } from '../replication/version';
import type { Views } from '../replication/views';
import type { KvTable } from '../store/kv-table';
import { dataBytes, type Record } from '../store/record';
import { roleOf } from './copies';
import type { DamageInfo, KeyInfo, KeysInfo, VersionInfo } from './replica-answers';

/** The next keys behind `from`, in the order of their identifiers; undefined: from the first one on. */
export function keysPage(table: KvTable, views: Views, from: Id | undefined, limit: number): KeysInfo {
  const { records, after } = table.walk(CIRCLE, from, { recordsMax: limit, bytesMax: Number.POSITIVE_INFINITY });
  return { keys: records.map((record) => keyInfo(record, views)), next: after ?? null };
}

/**
 * Drops a share of the copies that the node keeps for others to lead, without a trace, as a fault of memory would.
 * Which ones follows from their identifiers alone: they are spread evenly.
 */
export function damage(table: KvTable, views: Views, share: number): DamageInfo {
  const replicas: Pick<Record, 'key' | 'word0' | 'word1' | 'writer'>[] = [];
  let from: Id | undefined;
  do {
    const { records, after } = table.walk(CIRCLE, from, { recordsMax: SLICE, bytesMax: Number.POSITIVE_INFINITY });
    for (const record of records) {
      const { key, word0, word1, writer, keyId } = record;
      if (roleOf(views, keyId) === 'replica') replicas.push({ key, word0, word1, writer });
    }
    from = after;
  } while (from !== undefined);
  const isDropped = (_each: unknown, index: number) => Math.floor((index + 1) * share) > Math.floor(index * share);
  const dropped = replicas.filter(isDropped).filter(({ key, ...version }) => table.forget(key, version)).length;
  return { dropped, replicas: replicas.length };
}

/** A version as documents name it. */
export function versionInfo(version: VersionWords): VersionInfo {
  return { version: Buffer.from(versionBytes(version)).toString('hex'), ms: msOf(version) };
}

/** All of the circle, from its beginning on. */
const CIRCLE = { lo: 'f'.repeat(40) as Id, hi: 'f'.repeat(40) as Id };

const SLICE = 1000;

function keyInfo(record: Record, views: Views): KeyInfo {
  const { key, keyId, kind } = record;
  const bytes = dataBytes(record);
  return { key: keyText(toBuffer(key)), id: keyId, ...versionInfo(record), kind, bytes, role: roleOf(views, keyId) };
}

function keyText(bytes: Buffer): KeyInfo['key'] {
  return isUtf8(bytes) ? bytes.toString('utf8') : { base64: bytes.toString('base64') };
}
