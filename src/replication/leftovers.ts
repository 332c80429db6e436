/**
 * Leftovers: what a node that keeps an arc no longer gives to those who do, before it drops what it has of it.
 *
 * A quorum has everything that was completed. Written in eventual mode is what one node alone may have, and has said
 * so to whoever wrote it. So these records are looked at, a slice at a time: whether the primary has the whole slice
 * alike, which is one small question and nearly always answers it; else what it has of each of them. What it
 * lacks or has older goes to all members, and is safe once a majority has it, or knows that it is so old that its key
 * may have been deleted since (horizons.ts).
 *
 * What somebody wanted to write by quorum, and this node has and no member, was never completed. It is given to
 * nobody: members have told readers by quorum that it is not there, and it must not come after all.
 *
 * Immutable. A round ends with what is safe; whoever drops looks whether that is still what there is.
 */
import type { KeyId } from '../chord/id';
import type { Peer } from '../chord/peer';
import type { Range } from '../chord/range';
import { CHUNK_BYTES, CHUNK_RECORDS_MAX, type Push, RANGES_MAX, type SyncQuestion } from '../protocol/rpc-sync';
import { recordsBytes } from '../protocol/rpc-sync-bytes';
import type { SyncAnswer } from '../protocol/rpc-sync';
import type { KvTable } from '../store/kv-table';
import type { Record } from '../store/record';
import { pointOf } from './exchange';
import { copyOf } from './sync-source';
import { compareVersions, type Version } from './version';
import { primaryOf, quorumOf, type View } from './view';
import { DROP_SLICE } from './views-protocol';

/** Records, by identifier and in this version. */
export type Versions = ReadonlyMap<KeyId, Version>;

/** A slice that is being looked at. */
export interface Round {
  readonly arc: Range;
  /** Who keeps the arc now. */
  readonly view: View;
  /** What may be nowhere else. */
  readonly records: Versions;
  readonly stage: Stage;
}

type Stage =
  /** The primary is asked whether it has all of the slice alike. */
  | { readonly type: 'whole' }
  /** It is asked about single records, the first ones of these; `lacking`: which it is known not to have. */
  | { readonly type: 'single'; readonly open: readonly KeyId[]; readonly lacking: readonly KeyId[] }
  /** The members are being given the first `sending` of these; `waiting` of them have not answered, `taken` have them. */
  | {
      readonly type: 'giving';
      readonly lacking: readonly KeyId[];
      readonly sending: number;
      readonly waiting: number;
      readonly taken: number;
    };

/** A question to one of the members. */
export interface Ask {
  readonly to: Peer;
  readonly question: SyncQuestion;
}

/** How a round goes on. */
export type Turn =
  /** Each question is to be answered, or known to be in vain, in a turn of its own. */
  | { readonly type: 'asks'; readonly round: Round; readonly asks: readonly Ask[] }
  /** The members have these, or newer ones. */
  | { readonly type: 'safe'; readonly records: Versions }
  /** Not all could be asked, or given. */
  | { readonly type: 'failed' };

/** The records of the next slice of an arc that may be nowhere else, without those that are known to be safe. */
export function leftoversIn(table: KvTable, arc: Range, safe: Versions): Versions {
  const { records } = table.walk(arc, undefined, SLICE);
  const left = records.filter(({ ev, keyId, version }) => {
    const known = safe.get(keyId);
    return ev && (known === undefined || compareVersions(known, version) < 0);
  });
  return new Map(left.map(({ keyId, version }) => [keyId, version]));
}

/** Begins a round about such records; there is at least one. */
export function beginRound(table: KvTable, arc: Range, view: View, records: Versions): Turn {
  const ids = [...records.keys()];
  const [first, last] = [ids[0], ids.at(-1)];
  if (first === undefined || last === undefined) return { type: 'safe', records };
  const range = { lo: pointOf(first).lo, hi: last };
  return asking({ arc, view, records, stage: { type: 'whole' } }, [range], table);
}

/** One of the questions of a round is answered, or was in vain (undefined). */
export function goOn(round: Round, answer: SyncAnswer | undefined, table: KvTable): Turn {
  const { stage, records } = round;
  if (stage.type === 'giving') return given({ ...round, stage }, answer?.type === 'pushed', table);
  if (answer?.type !== 'compared') return { type: 'failed' };
  if (stage.type === 'single') {
    const asked = stage.open.slice(0, RANGES_MAX);
    const lacking = [...stage.lacking, ...asked.filter((id, at) => isLacking(records, id, answer.ranges[at]))];
    return look({ ...round, stage: { ...stage, open: stage.open.slice(asked.length), lacking } }, table);
  }
  const [whole] = answer.ranges;
  if (answer.ranges.length === 1 && whole === undefined) return { type: 'safe', records };
  return look({ ...round, stage: { type: 'single', open: [...records.keys()], lacking: [] } }, table);
}

// Internal

const SLICE = { recordsMax: DROP_SLICE, bytesMax: Number.POSITIVE_INFINITY };

function look(round: Round, table: KvTable): Turn {
  const { stage } = round;
  if (stage.type !== 'single') return { type: 'failed' };
  const ids = stage.open.slice(0, RANGES_MAX);
  return ids.length > 0 ? asking(round, ids.map(pointOf), table) : give(round, stage.lacking, table);
}

function asking(round: Round, ranges: readonly Range[], table: KvTable): Turn {
  const { arc, view } = round;
  const digests = ranges.map((range) => ({ range, digest: table.digest(range) }));
  const question = { type: 'ranges', arc, epoch: view.epoch, horizonMs: 0, ranges: digests } as const;
  return { type: 'asks', round, asks: [{ to: primaryOf(view), question }] };
}

/** Equal, by the digest, is what is here now; that may be newer than what this round is about, which is then covered too. */
function isLacking(
  records: Versions,
  id: KeyId,
  compared: Extract<SyncAnswer, { type: 'compared' }>['ranges'][number],
): boolean {
  if (compared === undefined) return false;
  const mine = records.get(id);
  const theirs = compared.type === 'items' ? compared.items : [];
  return !theirs.some((item) => item.id === id && mine !== undefined && compareVersions(item.version, mine) >= 0);
}

/** Gives the members as much as travels together. */
function give(round: Round, lacking: readonly KeyId[], table: KvTable): Turn {
  const { arc, view } = round;
  const [sending, records] = batchOf(lacking, table);
  // What is left of the keys has been overwritten by quorum, or is gone.
  if (records.length === 0) return { type: 'safe', records: round.records };
  const question: Push = { type: 'push', arc, epoch: view.epoch, records };
  const asks = view.members.map((to) => ({ to, question }));
  const stage = { type: 'giving', lacking, sending, waiting: asks.length, taken: 0 } as const;
  return { type: 'asks', round: { ...round, stage }, asks };
}

function given(
  round: Round & { readonly stage: Extract<Stage, { type: 'giving' }> },
  isTaken: boolean,
  table: KvTable,
): Turn {
  const { stage, view } = round;
  const [waiting, taken] = [stage.waiting - 1, stage.taken + (isTaken ? 1 : 0)];
  if (waiting > 0) return { type: 'asks', round: { ...round, stage: { ...stage, waiting, taken } }, asks: [] };
  if (taken < quorumOf(view.members.length)) return { type: 'failed' };
  return give(round, stage.lacking.slice(stage.sending), table);
}

/** The records of the first of these keys, and of how many keys they are. */
function batchOf(ids: readonly KeyId[], table: KvTable): readonly [number, readonly Record[]] {
  const records: Record[] = [];
  let bytes = 0;
  for (const [at, id] of ids.entries()) {
    const found = table.recordsAt(id).filter(({ ev }) => ev);
    bytes += recordsBytes(found);
    if (records.length > 0 && (bytes > CHUNK_BYTES || at >= CHUNK_RECORDS_MAX)) return [at, records];
    records.push(...found.map(copyOf));
  }
  return [ids.length, records];
}
