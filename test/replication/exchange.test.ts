/** Comparing two tables by digests: what is found, in how many questions, and where it stops. */
import * as fc from 'fast-check';
import { splitRange } from '../../src/chord/range';
import { PARTS, RANGES_MAX } from '../../src/protocol/rpc-sync';
import {
  askAgain,
  askNext,
  compareNext,
  type Difference,
  EXCHANGE_RANGES_MAX,
  exchangeOf,
  isCompared,
  isSpent,
} from '../../src/replication/exchange';
import { MemoryTable } from '../../src/store/memory-table';
import { answerOf, ARC, contentsOf, EPOCH, recordOf, tableOf, WHOLE } from './replicas';

const FC = { seed: Number(process.env['FC_SEED'] ?? 1), numRuns: 20 };

const records = (count: number, from = 0, ms = 1000) =>
  Array.from({ length: count }, (_none, n) => recordOf(from + n, { value: 'v', ms }));

/** The other side's answer. */
function answerTo(theirs: MemoryTable, arc: typeof ARC, ranges: ReturnType<typeof askNext>[1]) {
  const answer = answerOf(theirs, { type: 'ranges', arc, epoch: EPOCH, horizonMs: 0, ranges });
  if (answer.type !== 'compared') throw new Error(`It answers ${answer.type}`);
  return answer.ranges;
}

function compareAll(mine: MemoryTable, theirs: MemoryTable, { arc = WHOLE, rangesMax = EXCHANGE_RANGES_MAX } = {}) {
  const differences: Difference[] = [];
  let [exchange, questions, asked] = [exchangeOf([arc], rangesMax), 0, 0];
  while (!isCompared(exchange) && !isSpent(exchange)) {
    const [next, ranges] = askNext(exchange, mine);
    expect(ranges.length).toBeGreaterThan(0);
    expect(ranges.length).toBeLessThanOrEqual(RANGES_MAX);
    questions += 1;
    asked += ranges.length;
    const [compared, found] = compareNext(next, answerTo(theirs, arc, ranges), mine);
    differences.push(...found);
    exchange = compared;
  }
  return { differences, questions, asked, isWhole: isCompared(exchange) };
}

describe('an exchange', () => {
  it('finds exactly the keys in which two tables differ, in the arc and nowhere else', () => {
    const anyRecords = fc.uniqueArray(fc.record({ n: fc.nat(4000), ms: fc.integer({ min: 1, max: 3 }) }), {
      maxLength: 400,
      selector: ({ n }) => n,
    });
    fc.assert(
      fc.property(
        anyRecords,
        anyRecords,
        fc.constantFrom(0, 3000),
        fc.boolean(),
        (mineOnly, theirsOnly, common, isArc) => {
          const arc = isArc ? ARC : WHOLE;
          const [mine, theirs] = [mineOnly, theirsOnly].map((only) =>
            tableOf([...records(common, 0, 2), ...only.map(({ n, ms }) => recordOf(n, { value: 'v', ms }))]),
          ) as [MemoryTable, MemoryTable];
          const [a, b] = [contentsOf(mine, arc), contentsOf(theirs, arc)];
          const expected = [...new Set([...a.keys(), ...b.keys()])].filter((key) => a.get(key) !== b.get(key));
          const { differences, isWhole } = compareAll(mine, theirs, { arc });
          const ids = new Map([...expected].map((key) => [(mine.get(key) ?? theirs.get(key))?.keyId, key]));
          expect(isWhole).toBe(true);
          expect(differences).toHaveLength(ids.size);
          for (const difference of differences) {
            const key = ids.get(difference.id);
            if (key === undefined) throw new Error('Not a key');
            expect(difference.mine).toEqual(mine.get(key)?.version);
            expect(difference.theirs).toEqual(theirs.get(key)?.version);
          }
        },
      ),
      FC,
    );
  });

  it('asks once where all is equal', () => {
    expect(compareAll(tableOf(records(5000)), tableOf(records(5000)))).toMatchObject({ questions: 1, differences: [] });
    expect(compareAll(new MemoryTable(), new MemoryTable())).toMatchObject({ questions: 1, differences: [] });
  });

  it('asks no more often than the logarithm for one difference among many', () => {
    const found = compareAll(tableOf(records(20_000)), tableOf([...records(20_000), ...records(1, 7, 2000)]));
    expect(found.differences).toHaveLength(1);
    // 20,000 / 16^3 are fewer than 64.
    expect(found.questions).toBeLessThanOrEqual(1 + 3);
  });

  it('looks at two tables that have nothing in common without asking for more than it may', () => {
    const [mine, theirs] = [tableOf(records(3000)), tableOf(records(3000, 3000))];
    const bounded = compareAll(mine, theirs, { rangesMax: 100 });
    expect(bounded.asked).toBe(100);
    expect(bounded.isWhole).toBe(false);
    expect(bounded.differences.length).toBeGreaterThan(0);
    const all = compareAll(mine, theirs);
    expect(all.isWhole).toBe(true);
    expect(all.differences).toHaveLength(6000);
  });

  it('asks the same ranges again after a question without an answer', () => {
    const mine = tableOf(records(3000));
    const begun = exchangeOf(splitRange(WHOLE, 100));
    const [first, ranges] = askNext(begun, mine);
    expect(ranges).toHaveLength(RANGES_MAX);
    expect(askAgain(first)).toEqual(begun);
    expect(askNext(askAgain(first), mine)[1]).toEqual(ranges);
  });

  it('makes what it can of an answer that does not fit', () => {
    const mine = tableOf(records(3000));
    const [asked] = askNext(exchangeOf([WHOLE]), mine);
    expect(compareNext(asked, [], mine)).toEqual([{ ...asked, asked: [] }, []]);
    const digest = { count: 0, fp0: 0, fp1: 0 };
    const many = { type: 'split', digests: Array.from({ length: PARTS + 5 }, () => digest) } as const;
    const [exchange] = compareNext(asked, [many, many], mine);
    expect(exchange.open).toHaveLength(PARTS);
  });
});
