/** Surplus drop: what may be nowhere else goes to somebody first. */
import { BATCH_MAX, SurplusDrop } from '../../actors/surplus-drop';
import { type Id, keyId, nodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import { type BinaryString, fromUtf8 } from '../../src/octets';
import { versionOf, Writers } from '../../src/replication/version';
import { DROP_SLICE } from '../../src/replication/views-protocol';
import { MemoryTable } from '../../src/store/memory-table';
import { Record } from '../../src/store/record';

const TO: Peer = { id: nodeId('127.0.0.1', 1), addr: '127.0.0.1:1', inc: 1n };
const RING = { lo: TO.id as Id, hi: TO.id as Id };
const WRITER = new Writers().intern('writer-1' as BinaryString);

function recordOf(text: string, ev: boolean, ms = 1): Record {
  const key = fromUtf8(text);
  return new Record(keyId(key), key, versionOf(ms, 0, WRITER), fromUtf8('v'), undefined, ev);
}

function tableOf(...records: readonly Record[]): MemoryTable {
  const table = new MemoryTable({ memoryBytesMax: 1e9 });
  for (const record of records) table.merge(record);
  return table;
}

const numbered = (count: number, ev: boolean) => Array.from({ length: count }, (_none, n) => recordOf(`k${n}`, ev));

describe('SurplusDrop', () => {
  it('drops what a quorum has, a slice at a time', () => {
    const table = tableOf(...numbered(DROP_SLICE + 1, false));
    const surplus = new SurplusDrop();
    expect(surplus.drop(table, RING, TO)).toEqual({ type: 'dropped', isAll: false });
    expect(table.stats().keys).toBe(1);
    expect(surplus.drop(table, RING, TO)).toEqual({ type: 'dropped', isAll: true });
    expect(table.stats().keys).toBe(0);
  });

  it('drops nothing before all that was written in eventual mode is with somebody else', () => {
    const table = tableOf(recordOf('a', true), recordOf('b', false), recordOf('c', true));
    const surplus = new SurplusDrop();
    const first = surplus.drop(table, RING, TO);
    expect(first.type === 'held' && first.records.map(({ key }) => key).sort()).toEqual(['a', 'c']);
    expect(surplus.drop(table, RING, TO)).toEqual({ type: 'waiting' });
    const { number } = surplus;
    expect(surplus.settle(number, 0, true)).toBeUndefined();
    expect(surplus.settle(number, 1, false)).toEqual({ arc: RING, areAllThere: false });
    // What did not arrive is sent again, and nothing else.
    const second = surplus.drop(table, RING, TO);
    expect(second.type === 'held' && second.records.length).toBe(1);
    expect(surplus.settle(number, 0, true)).toBeUndefined();
    expect(surplus.settle(surplus.number, 0, true)).toEqual({ arc: RING, areAllThere: true });
    expect(table.stats().keys).toBe(3);
    expect(surplus.drop(table, RING, TO)).toEqual({ type: 'dropped', isAll: true });
    expect(table.stats().keys).toBe(0);
  });

  it('sends what was written again since', () => {
    const table = tableOf(recordOf('a', true));
    const surplus = new SurplusDrop();
    surplus.drop(table, RING, TO);
    surplus.settle(surplus.number, 0, true);
    table.merge(recordOf('a', true, 2));
    expect(surplus.drop(table, RING, TO)).toMatchObject({ type: 'held' });
  });

  it('sends no more than a batch at a time, and drops at once what nobody need have', () => {
    const table = tableOf(...numbered(BATCH_MAX + 1, true));
    const surplus = new SurplusDrop();
    const first = surplus.drop(table, RING, TO);
    expect(first.type === 'held' && first.records.length).toBe(BATCH_MAX);
    expect(new SurplusDrop().drop(table, RING, undefined)).toEqual({ type: 'dropped', isAll: true });
  });
});
