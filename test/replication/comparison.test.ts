/** A primary and a member compare an arc: both end with the newer records, and what is on its way is left alone. */
import * as fc from 'fast-check';
import {
  type Comparison,
  comparisonOf,
  type ComparisonOutcome,
  stepComparison,
  YOUNG_MS,
} from '../../src/replication/comparison';
import { HybridClock } from '../../src/replication/hybrid-clock';
import { FETCH_MAX, type SyncQuestion } from '../../src/protocol/rpc-sync';
import type { MemoryTable } from '../../src/store/memory-table';
import { answerOf, contentsOf, EPOCH, recordOf, SOURCE_WRITER, tableOf, VIEW, WHOLE } from './replicas';

const FC = { seed: Number(process.env['FC_SEED'] ?? 1), numRuns: 20 };
const NOW_MS = 100_000;
const UNDER = { arc: WHOLE, epoch: EPOCH };

const records = (count: number, from = 0, ms = 1000) =>
  Array.from({ length: count }, (_none, n) => recordOf(from + n, { value: 'v', ms }));

interface Compared {
  readonly outcome: ComparisonOutcome;
  readonly comparison: Comparison;
  readonly asked: readonly SyncQuestion[];
  readonly moved: number;
  readonly waitedMs: number;
}

/** Runs one to its end; `pause` is what happens while it waits. */
function compare(
  mine: MemoryTable,
  theirs: MemoryTable,
  { pause = () => {}, forgottenBeforeMs = 0, clock = new HybridClock(SOURCE_WRITER) } = {},
): Compared {
  const ground = { table: mine, clock, systemMs: NOW_MS, forgottenBeforeMs: () => forgottenBeforeMs };
  const asked: SyncQuestion[] = [];
  let [moved, waitedMs] = [0, 0];
  let [comparison, effect] = stepComparison(comparisonOf(UNDER, 7), { type: 'begun' }, ground);
  while (effect.type !== 'ended') {
    if (effect.type === 'wait') {
      waitedMs += effect.ms;
      pause();
      [comparison, effect] = stepComparison(comparison, { type: 'woken' }, ground);
      continue;
    }
    const { question } = effect;
    asked.push(question);
    const answer = answerOf(theirs, question);
    moved += 'records' in question ? question.records.length : 0;
    moved += 'records' in answer ? answer.records.length : 0;
    [comparison, effect] = stepComparison(comparison, { type: 'answered', answer }, ground);
  }
  return { outcome: effect.outcome, comparison, asked, moved, waitedMs };
}

const WHOLE_ARC = { type: 'compared', isWhole: true };

describe('a comparison', () => {
  it('ends with the newer record of each key on both sides, and moves only what differs', () => {
    const anyRecords = fc.uniqueArray(
      fc.record({ n: fc.nat(3000), ms: fc.integer({ min: 1, max: 3 }), isDeleted: fc.boolean() }),
      { maxLength: 300, selector: ({ n }) => n },
    );
    fc.assert(
      fc.property(anyRecords, anyRecords, fc.constantFrom(0, 2000), (mineOnly, theirsOnly, common) => {
        const [mine, theirs] = [mineOnly, theirsOnly].map((only) =>
          tableOf([
            ...records(common, 0, 2),
            ...only.map(({ n, ms, isDeleted }) => recordOf(n, { value: isDeleted ? undefined : 'v', ms })),
          ]),
        ) as [MemoryTable, MemoryTable];
        const [a, b] = [contentsOf(mine), contentsOf(theirs)];
        const keys = [...new Set([...a.keys(), ...b.keys()])];
        const newer = new Map(keys.map((key) => [key, [a.get(key) ?? '', b.get(key) ?? ''].toSorted()[1]]));
        const different = keys.filter((key) => a.get(key) !== b.get(key)).length;
        const { outcome, moved, comparison } = compare(mine, theirs);
        expect(outcome).toEqual(WHOLE_ARC);
        expect(new Map(contentsOf(mine))).toEqual(newer);
        expect(new Map(contentsOf(theirs))).toEqual(newer);
        expect(mine.digest(WHOLE)).toEqual(theirs.digest(WHOLE));
        const { differences, fetched, pushed } = comparison;
        expect([moved, differences, fetched + pushed]).toEqual([different, different, different]);
      }),
      FC,
    );
  });

  it('is one question where the two agree, with what may be forgotten', () => {
    const { asked, comparison } = compare(tableOf(records(500)), tableOf(records(500)));
    expect(asked).toEqual([
      {
        type: 'ranges',
        ...UNDER,
        horizonMs: 7,
        ranges: [{ range: WHOLE, digest: tableOf(records(500)).digest(WHOLE) }],
      },
    ]);
    expect(comparison).toMatchObject({ differences: 0, fetched: 0, pushed: 0 });
  });

  it('leaves alone what is on its way, and what has arrived by the second look is no difference', () => {
    const young = records(20, 100, NOW_MS - 10);
    const [mine, theirs] = [tableOf([...records(1000), ...young]), tableOf(records(1000))];
    const arrive = () => young.forEach((record) => theirs.merge(record));
    const { moved, waitedMs, comparison, outcome } = compare(mine, theirs, { pause: arrive });
    expect([moved, waitedMs, comparison.differences, outcome]).toEqual([0, YOUNG_MS, 0, WHOLE_ARC]);
  });

  it('mends what has not arrived by the second look, in either direction', () => {
    const lost = records(20, 100, NOW_MS - 10);
    const found = records(30, 3000, NOW_MS - 20);
    const [mine, theirs] = [tableOf([...records(1000), ...lost]), tableOf([...records(1000), ...found])];
    const { comparison } = compare(mine, theirs);
    expect(comparison).toMatchObject({ differences: 50, pushed: 20, fetched: 30 });
    expect(contentsOf(mine)).toEqual(contentsOf(theirs));
  });

  it('does not take for lost what is written all the time', () => {
    const [mine, theirs] = [tableOf(records(1000)), tableOf(records(1000))];
    mine.merge(recordOf(5, { value: 'a', ms: NOW_MS - 5 }));
    const goOn = () => {
      theirs.merge(recordOf(5, { value: 'a', ms: NOW_MS - 5 }));
      mine.merge(recordOf(5, { value: 'b', ms: NOW_MS + 2000 }));
    };
    const { moved, comparison } = compare(mine, theirs, { pause: goOn });
    expect([moved, comparison.differences]).toEqual([0, 0]);
  });

  it('lets the clock see what it fetches, so that nothing older is minted after it', () => {
    const newest = recordOf(20, { value: 'v', ms: NOW_MS - YOUNG_MS - 10 });
    const clock = new HybridClock(SOURCE_WRITER);
    compare(tableOf(records(9)), tableOf([...records(9), newest]), { clock });
    expect(clock.latest).toEqual(newest.version);
  });

  it('sends what is current by then', () => {
    const [mine, theirs] = [tableOf(records(10, 0, 2000)), tableOf(records(10))];
    const ground = { clock: new HybridClock(SOURCE_WRITER), table: mine, systemMs: NOW_MS, forgottenBeforeMs: () => 0 };
    const [begun, effect] = stepComparison(comparisonOf(UNDER, 0), { type: 'begun' }, ground);
    if (effect.type !== 'ask') throw new Error('It asks nothing');
    const answer = answerOf(theirs, effect.question);
    mine.merge(recordOf(3, { value: 'now', ms: 3000 }));
    const [, push] = stepComparison(begun, { type: 'answered', answer }, ground);
    if (push.type !== 'ask' || push.question.type !== 'push') throw new Error('It sends nothing');
    expect(
      push.question.records
        .map(({ version }) => version.ms)
        .toSorted((a, b) => a - b)
        .at(-1),
    ).toBe(3000);
  });

  it('does not bring back what one side has forgotten already', () => {
    const tombstones = Array.from({ length: 30 }, (_none, n) => recordOf(n, { ms: 5000 }));
    const options = { forgottenBeforeMs: 6000 };
    const kept = records(100, 500, 9000);
    const ahead = compare(tableOf(kept), tableOf([...kept, ...tombstones]), options);
    expect([ahead.comparison.fetched, ahead.comparison.differences]).toEqual([0, 0]);
    const behind = compare(tableOf([...kept, ...tombstones]), tableOf(kept), options);
    expect([behind.moved, behind.comparison.differences]).toEqual([0, 0]);
    // A value that a member has lost is no deletion.
    const lost = compare(tableOf([...kept, ...records(30, 0, 5000)]), tableOf(kept), options);
    expect(lost.comparison).toMatchObject({ differences: 30, pushed: 30 });
    const lostHere = compare(tableOf(kept), tableOf([...kept, ...records(30, 0, 5000)]), options);
    expect(lostHere.comparison).toMatchObject({ differences: 30, fetched: 30 });
    const early = compare(tableOf(kept), tableOf([...kept, ...tombstones]), { forgottenBeforeMs: 4000 });
    expect(early.comparison).toMatchObject({ differences: 30, fetched: 30 });
  });

  it('ends where it has become too long, and the next goes on', () => {
    const [mine, theirs] = [tableOf(records(40_000)), tableOf(records(40_000, 40_000))];
    const first = compare(mine, theirs);
    expect(first.outcome).toEqual({ type: 'compared', isWhole: false });
    expect(first.comparison.fetched).toBeGreaterThan(10_000);
    for (let n = 0; n < 4 && contentsOf(mine).size < 80_000; n += 1) compare(mine, theirs);
    expect(mine.digest(WHOLE)).toEqual(theirs.digest(WHOLE));
  });

  it('says that the member has another view, and gives up what makes no sense', () => {
    const ground = {
      clock: new HybridClock(SOURCE_WRITER),
      table: tableOf(records(200)),
      systemMs: NOW_MS,
      forgottenBeforeMs: () => 0,
    };
    const [begun] = stepComparison(comparisonOf(UNDER, 0), { type: 'begun' }, ground);
    const endOf = (answer: Parameters<typeof stepComparison>[1]) => stepComparison(begun, answer, ground)[1];
    const ended = (outcome: ComparisonOutcome) => ({ type: 'ended', outcome });
    expect(endOf({ type: 'answered', answer: { type: 'stale', view: VIEW } })).toEqual(
      ended({ type: 'stale', view: VIEW }),
    );
    expect(endOf({ type: 'answered', answer: { type: 'stale' } })).toEqual(ended({ type: 'stale', view: undefined }));
    expect(endOf({ type: 'answered', answer: { type: 'busy' } })).toEqual(ended({ type: 'failed' }));
    const left = { type: 'records', records: [], left: FETCH_MAX } as const;
    expect(endOf({ type: 'answered', answer: left })).toEqual(ended({ type: 'failed' }));
  });
});
