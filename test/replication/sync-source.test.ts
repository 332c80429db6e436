/** What a source answers: only to those who may ask, only about the arc, and no more than one message carries. */
import { inRange, splitRange } from '../../src/chord/range';
import { CHUNK_BYTES, CHUNK_RECORDS_MAX, ITEMS_MAX, PARTS, type SyncQuestion } from '../../src/protocol/rpc-sync';
import { HybridClock } from '../../src/replication/hybrid-clock';
import { answerSync, bytesOf, chunkOf, type SourceQuestion } from '../../src/replication/sync-source';
import { EMPTY_DIGEST } from '../../src/store/digest';
import { MemoryTable } from '../../src/store/memory-table';
import {
  answerOf,
  ARC,
  contentsOf,
  EPOCH,
  MEMBER,
  NOW_MS,
  recordOf,
  SOURCE,
  SOURCE_VIEWS,
  SOURCE_WRITER,
  STRANGER,
  tableOf,
  VIEW,
  viewsOf,
  WHOLE,
} from './replicas';

const records = (count: number, value = 'v') => Array.from({ length: count }, (_none, n) => recordOf(n, { value }));
const under = { arc: ARC, epoch: EPOCH };

function fetchAll(table: MemoryTable, bytesMax: number) {
  const chunks = [];
  let after;
  do {
    const chunk = chunkOf(table, ARC, after, bytesMax);
    chunks.push(chunk.records);
    after = chunk.after;
  } while (after !== undefined);
  return chunks;
}

describe('answerSync()', () => {
  const questions: readonly SourceQuestion[] = [
    { type: 'sync_next', ...under, bytesMax: 1000 },
    { type: 'ranges', ...under, horizonMs: 1, ranges: [{ range: ARC, digest: EMPTY_DIGEST }] },
    { type: 'fetch', ...under, ids: [recordOf(1, {}).keyId] },
    { type: 'push', ...under, records: records(9) },
  ];

  it.each(questions)('answers $type to a member of exactly this view, and not to others', (question) => {
    const target = { table: tableOf(records(5)), clock: new HybridClock(SOURCE_WRITER) };
    const before = contentsOf(target.table);
    const stale = { type: 'stale', view: expect.objectContaining({ epoch: EPOCH }) };
    expect(answerSync(SOURCE_VIEWS, target, question, STRANGER, NOW_MS)).toEqual(stale);
    expect(answerSync(SOURCE_VIEWS, target, question, { ...MEMBER, inc: MEMBER.inc + 1n }, NOW_MS)).toEqual(stale);
    expect(answerSync(SOURCE_VIEWS, target, { ...question, epoch: { n: 8, by: 1n } }, MEMBER, NOW_MS)).toEqual(stale);
    expect(answerSync(viewsOf(SOURCE, []), target, question, MEMBER, NOW_MS)).toEqual({
      type: 'stale',
      view: undefined,
    });
    const isPart = viewsOf(SOURCE, [{ ...VIEW, arc: splitRange(WHOLE, 2)[0] ?? WHOLE }]);
    expect(answerSync(isPart, target, question, MEMBER, NOW_MS).type).toBe('stale');
    expect(contentsOf(target.table)).toEqual(before);
    expect(answerSync(SOURCE_VIEWS, target, question, MEMBER, NOW_MS).type).not.toBe('stale');
  });

  it('compares with whoever is no member any more, and takes from it what was written in eventual mode', () => {
    const target = { table: tableOf(records(5)), clock: new HybridClock(SOURCE_WRITER) };
    const answer = (question: SourceQuestion, views = SOURCE_VIEWS) =>
      answerSync(views, target, question, STRANGER, NOW_MS).type;
    const ranges = [{ range: ARC, digest: EMPTY_DIGEST }];
    const compare = { type: 'ranges', ...under, horizonMs: 0, ranges } as const;
    expect(answer(compare)).toBe('compared');
    expect(answer({ ...compare, horizonMs: 1 })).toBe('stale');
    expect(answer({ ...compare, epoch: { n: 8, by: 1n } })).toBe('stale');
    const eventual = recordOf(20, { value: 'v', ev: true });
    const push = { type: 'push', arc: WHOLE, epoch: EPOCH, records: [eventual] } as const;
    expect(answer({ ...push, records: [eventual, recordOf(21, { value: 'v' })] })).toBe('stale');
    // A member that has promised a newer view may have to give it away, and a learner cannot tell.
    const [holding] = SOURCE_VIEWS.holdings;
    if (holding === undefined) throw new Error('There is none');
    const isPromised = { ...SOURCE_VIEWS, holdings: [{ ...holding, promised: { n: 8, by: 1n } }] };
    const isLearner = { ...SOURCE_VIEWS, holdings: [{ ...holding, role: 'learner' as const }] };
    for (const views of [isPromised, isLearner])
      expect([answer(compare, views), answer(push, views)]).toEqual(['stale', 'stale']);
    expect(target.table.stats().keys).toBe(5);
    expect(answer(push)).toBe('pushed');
    expect(target.table.stats().keys).toBe(6);
    // What may have been deleted, and the deletion forgotten, does not come back; what is still there grows newer.
    const old = [recordOf(21, { value: 'v', ev: true }), recordOf(1, { value: 'w', ms: 2000, ev: true })];
    const isForgotten = () => true;
    const pushed = { ...push, records: old };
    expect(answerSync(SOURCE_VIEWS, target, pushed, STRANGER, NOW_MS, isForgotten).type).toBe('pushed');
    expect([target.table.stats().keys, target.table.get(recordOf(1, {}).key)?.value]).toEqual([6, 'w']);
    // Nor from a member that was away and has hints left; but the primary knows what there is.
    answerSync(SOURCE_VIEWS, target, pushed, MEMBER, NOW_MS, isForgotten);
    expect(target.table.stats().keys).toBe(6);
    answerSync(viewsOf(MEMBER, [VIEW]), target, pushed, SOURCE, NOW_MS, isForgotten);
    expect(target.table.stats().keys).toBe(7);
  });

  it('lets the clock see what is pushed, so that nothing older is minted after it', () => {
    const target = { table: new MemoryTable(), clock: new HybridClock(SOURCE_WRITER) };
    const pushed = recordOf(1, { value: 'v', ms: NOW_MS - 10 });
    answerSync(SOURCE_VIEWS, target, { type: 'push', arc: WHOLE, epoch: EPOCH, records: [pushed] }, MEMBER, NOW_MS);
    expect(target.clock.latest).toEqual(pushed.version);
  });

  it('gives all of an arc in chunks, in order, none too long', () => {
    const table = tableOf(records(2000));
    const chunks = fetchAll(table, CHUNK_BYTES);
    expect(chunks.flat().map(({ key }) => key)).toEqual([...contentsOf(table, ARC).keys()]);
    expect(chunks[0]).toHaveLength(CHUNK_RECORDS_MAX);
    expect(Math.max(...chunks.map(({ length }) => length))).toBe(CHUNK_RECORDS_MAX);
  });

  it('gives few large records at a time, and one that is too large by itself', () => {
    const table = tableOf(records(40, 'x'.repeat(CHUNK_BYTES / 4)));
    const large = fetchAll(table, CHUNK_BYTES);
    expect(Math.max(...large.map(({ length }) => length))).toBe(3);
    expect(fetchAll(table, 10).every(({ length }) => length === 1)).toBe(true);
    expect(fetchAll(table, 10).flat()).toHaveLength(contentsOf(table, ARC).size);
  });

  it('never gives more at a time than it wants to, whatever is asked for', () => {
    const table = tableOf(records(40, 'x'.repeat(CHUNK_BYTES / 4)));
    const answer = answerOf(table, { type: 'sync_next', ...under, bytesMax: 2 ** 40 });
    expect(answer.type === 'chunk' && answer.records.length).toBe(3);
  });

  it('gives copies, which stay what they are when the table goes on', () => {
    const table = tableOf([recordOf(1, { value: 'old' })]);
    const answer = answerOf(table, { type: 'fetch', arc: WHOLE, epoch: EPOCH, ids: [recordOf(1, {}).keyId] });
    table.merge(recordOf(1, { value: 'new', ms: 2000 }));
    expect(answer).toMatchObject({ type: 'records', left: 0, records: [{ word1: recordOf(1, {}).word1 }] });
  });

  it('says of how many keys it had no room to tell', () => {
    const all = records(20, 'x'.repeat(CHUNK_BYTES / 4));
    const table = tableOf(all);
    const ids = [recordOf(999, {}).keyId, ...all.map(({ keyId }) => keyId)];
    const answer = answerOf(table, { type: 'fetch', arc: WHOLE, epoch: EPOCH, ids });
    expect(answer.type === 'records' && [answer.records.length, answer.left]).toEqual([3, 17]);
    const huge = tableOf([recordOf(1, { value: 'x'.repeat(2 * CHUNK_BYTES) })]);
    const one: SyncQuestion = { type: 'fetch', arc: WHOLE, epoch: EPOCH, ids: [recordOf(1, {}).keyId] };
    expect(answerOf(huge, one)).toMatchObject({ type: 'records', left: 0, records: [{}] });
  });

  it('cuts what has many records, and tells those of a range that has few', () => {
    const table = tableOf(records(ITEMS_MAX + 1));
    const compare = (count: number, held: MemoryTable) => {
      const ranges = [{ range: WHOLE, digest: { ...EMPTY_DIGEST, count } }];
      const answer = answerOf(held, { type: 'ranges', arc: WHOLE, epoch: EPOCH, horizonMs: 0, ranges });
      return answer.type === 'compared' ? answer.ranges[0] : answer;
    };
    const split = compare(0, table);
    expect(split?.type === 'split' && split.digests.length).toBe(PARTS);
    const few = tableOf(records(ITEMS_MAX));
    const items = compare(0, few);
    expect(items?.type === 'items' && items.items.length).toBe(ITEMS_MAX);
    expect(compare(ITEMS_MAX + 1, few)).toMatchObject({ type: 'split' });
    expect(compare(0, new MemoryTable())).toBeUndefined();
  });

  it('merges what is sent to it, older records excepted, and nothing outside the arc', () => {
    const table = tableOf([recordOf(1, { value: 'newer', ms: 2000 })]);
    const sent = records(100);
    expect(answerOf(table, { type: 'push', ...under, records: sent })).toEqual({ type: 'pushed' });
    const inside = sent.filter(({ keyId }) => inRange(keyId, ARC));
    expect(inside.length).toBeGreaterThan(0);
    expect(contentsOf(table, ARC).size).toBe(inside.length);
    expect(table.stats().keys).toBeLessThanOrEqual(inside.length + 1);
    expect(table.get(recordOf(1, {}).key)?.version.ms).toBe(2000);
  });

  it('compares no range that reaches out of the arc', () => {
    const ranges = [{ range: WHOLE, digest: EMPTY_DIGEST }];
    expect(answerOf(tableOf(records(3)), { type: 'ranges', ...under, horizonMs: 0, ranges })).toEqual({
      type: 'stale',
    });
  });
});

test('bytesOf() is about what so many records of the table have', () => {
  const table = tableOf(records(100, 'x'.repeat(98)));
  expect(bytesOf(table, 50) / 5000).toBeCloseTo(1, 1);
  expect(bytesOf(new MemoryTable(), 0)).toBe(0);
});
