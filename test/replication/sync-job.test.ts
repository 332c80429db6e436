/** Fetching an arc: what has come at its end, what has moved for it, and what it does when nothing comes. */
import * as fc from 'fast-check';
import { inRange, splitRange } from '../../src/chord/range';
import { CHUNK_RECORDS_MAX, FETCH_MAX } from '../../src/protocol/rpc-sync';
import {
  BUSY_MS_MAX,
  type JobEffect,
  jobOf,
  type JobState,
  PASSES_MAX,
  STALL_MS,
  stepSync,
} from '../../src/replication/sync-job';
import { type Horizons, lowestIn, NO_HORIZONS } from '../../src/replication/horizons';
import { HybridClock, MAX_DRIFT_MS_DEFAULT } from '../../src/replication/hybrid-clock';
import { encodeVersion } from '../../src/replication/version';
import type { SyncJob } from '../../src/replication/views-protocol';
import { MemoryTable } from '../../src/store/memory-table';
import type { Record } from '../../src/store/record';
import {
  answerOf,
  ARC,
  contentsOf,
  EPOCH,
  FLOOR,
  jobFor,
  NOW_MS,
  OTHER_WRITER,
  randomOf,
  recordOf,
  SOURCE_WRITER,
  stepJob,
  tableOf,
  transfer,
  WHOLE,
} from './replicas';

const FC = { seed: Number(process.env['FC_SEED'] ?? 1), numRuns: 20 };

const range = (count: number, from = 0) => Array.from({ length: count }, (_none, n) => from + n);
const records = (count: number, from = 0, ms = 1000) =>
  range(count, from).map((n) => recordOf(n, { value: `v${n}`, ms }));

/** Two tables that have most in common, and differ in every way; everything is older than the floor or says why not. */
interface Difference {
  readonly n: number;
  readonly side: 'source' | 'target' | 'both';
  readonly isTargetNewer: boolean;
  readonly isDeleted: boolean;
  readonly kind: 'leftover' | 'fresh' | 'fresh_of_other' | 'ev';
}

const anyDifference: fc.Arbitrary<Difference> = fc.record({
  n: fc.nat(1999),
  side: fc.constantFrom('source', 'target', 'both'),
  isTargetNewer: fc.boolean(),
  isDeleted: fc.boolean(),
  kind: fc.constantFrom('leftover', 'fresh', 'fresh_of_other', 'ev'),
});

const anyPair = fc.record({
  common: fc.constantFrom(0, 10, 300, 2000),
  differences: fc.uniqueArray(anyDifference, { maxLength: 60, selector: ({ n }) => n }),
});

function pairOf({ common, differences }: { common: number; differences: readonly Difference[] }) {
  const odd = new Set(differences.map(({ n }) => n));
  const equal = records(common).filter((_record, n) => !odd.has(n));
  const [source, target] = [tableOf(equal), tableOf(equal)];
  const mayStay = new Set<string>();
  for (const { n, side, isTargetNewer, isDeleted, kind } of differences) {
    const value = isDeleted ? undefined : 'w';
    if (side !== 'target') source.merge(recordOf(n, { value, ms: 5000 }));
    if (side === 'source') continue;
    const late = kind === 'fresh' || kind === 'fresh_of_other' ? FLOOR.ms + 1 : 6000;
    const ms = isTargetNewer ? late : 4000;
    const record = recordOf(n, {
      value,
      ms,
      writer: kind === 'fresh' ? SOURCE_WRITER : OTHER_WRITER,
      ev: kind === 'ev',
    });
    target.merge(record);
    const isOlderThere = side === 'target' || isTargetNewer;
    if (isOlderThere && (kind === 'ev' || (kind === 'fresh' && isTargetNewer))) mayStay.add(record.key);
  }
  return { source, target, mayStay };
}

/** What merging all records of both gives. */
function mergedOf(...tables: readonly MemoryTable[]): MemoryTable {
  const all = tables.flatMap(
    (table) => table.walk(WHOLE, undefined, { recordsMax: Infinity, bytesMax: Infinity }).records,
  );
  return tableOf(all);
}

describe('a job in mode merge', () => {
  it('ends with the newer record of each key, and leaves the source alone', () => {
    fc.assert(
      fc.property(anyPair, (pair) => {
        const { source, target } = pairOf(pair);
        const [expected, before] = [contentsOf(mergedOf(source, target)), contentsOf(source)];
        expect(transfer(jobFor(), source, target).outcome).toBe('done');
        expect(contentsOf(target)).toEqual(expected);
        expect(contentsOf(source)).toEqual(before);
      }),
      FC,
    );
  });

  it('makes two tables equal, one way and then the other', () => {
    fc.assert(
      fc.property(anyPair, (pair) => {
        const { source, target } = pairOf(pair);
        transfer(jobFor(), source, target);
        transfer(jobFor(), target, source);
        expect(contentsOf(source)).toEqual(contentsOf(target));
        expect(source.digest(WHOLE)).toEqual(target.digest(WHOLE));
      }),
      FC,
    );
  });

  it('moves only what differs where most is equal', () => {
    const target = tableOf(records(5000));
    const source = tableOf([...records(5000), ...records(7, 100, 2000), ...records(4, 6000)]);
    const { moved, asked } = transfer(jobFor(), source, target);
    expect(moved).toBe(11);
    expect(asked.length).toBeLessThan(8);
    expect(contentsOf(target)).toEqual(contentsOf(source));
  });

  it('is done after one question where there is nothing to fetch', () => {
    const { asked, outcome } = transfer(jobFor(), tableOf(records(500)), tableOf(records(500)));
    expect([asked.map(({ type }) => type), outcome]).toEqual([['sync_open'], 'done']);
  });

  it('takes nothing in that lies outside the arc', () => {
    const [source, target] = [tableOf(records(900)), new MemoryTable()];
    transfer(jobFor({ arc: ARC }), source, target);
    expect(contentsOf(target)).toEqual(contentsOf(source, ARC));
    const [state] = stepJob(jobOf(jobFor({ arc: ARC }), 0), { type: 'begun' }, target, 0);
    const outside = records(900).filter(({ keyId }) => !inRange(keyId, ARC));
    const opened = {
      type: 'opened',
      floor: FLOOR,
      digest: { count: 9, fp0: 1, fp1: 1 },
      bytes: 0,
      horizons: [],
    } as const;
    const empty = new MemoryTable();
    const [walking] = stepJob(state, { type: 'answered', answer: opened }, empty, 0);
    stepJob(walking, { type: 'answered', answer: { type: 'chunk', records: outside } }, empty, 0);
    expect(empty.stats().keys).toBe(0);
  });
});

describe('whatever a job takes in', () => {
  it.each([0, 400])(
    'has been seen by the clock, so that nothing older is minted after it (%d here before)',
    (count) => {
      const newest = recordOf(450, { value: 'v', ms: NOW_MS - 10 });
      const source = tableOf([...records(450), newest]);
      const target = { table: tableOf(records(count)), clock: new HybridClock(OTHER_WRITER) };
      const times = { nowMs: 0, systemMs: NOW_MS };
      let [state, effect] = stepSync(jobOf(jobFor(), 0), { type: 'begun' }, target, times);
      while (effect.type === 'ask') {
        const answer = answerOf(source, effect.question);
        [state, effect] = stepSync(state, { type: 'answered', answer }, target, times);
      }
      expect(contentsOf(target.table).size).toBe(451);
      expect(encodeVersion(target.clock.latest)).toBe(encodeVersion(newest));
    },
  );
});

describe('a job in mode adopt', () => {
  it('ends with exactly what the source has, and besides what is fresh or was written in eventual mode', () => {
    fc.assert(
      fc.property(anyPair, (pair) => {
        const { source, target, mayStay } = pairOf(pair);
        const mine = contentsOf(target);
        transfer(jobFor({ mode: 'adopt', floor: FLOOR }), source, target);
        const expected = new Map(contentsOf(source));
        for (const [key, version] of mine) {
          const theirs = expected.get(key);
          if (mayStay.has(key) && (theirs === undefined || theirs < version)) expected.set(key, version);
        }
        expect(contentsOf(target)).toEqual(expected);
      }),
      FC,
    );
  });

  it('takes the clock of the source, where it is told no other', () => {
    const fresh = recordOf(1, { value: 'fresh', ms: FLOOR.ms + 1, writer: SOURCE_WRITER });
    const target = tableOf([fresh, recordOf(2, { value: 'leftover', ms: FLOOR.ms + 1 })]);
    const source = tableOf(records(3, 10));
    transfer(jobFor({ mode: 'adopt', purpose: 'listen' }), source, target);
    expect(contentsOf(target)).toEqual(new Map([...contentsOf(source), [fresh.key, encodeVersion(fresh)]]));
  });

  it('fetches everything at once where there is nothing, and compares once', () => {
    const [source, target] = [tableOf(records(10_000)), new MemoryTable()];
    const { asked, moved, state } = transfer(jobFor({ mode: 'adopt', floor: FLOOR }), source, target);
    expect(contentsOf(target)).toEqual(contentsOf(source));
    expect(moved).toBe(10_000);
    expect([state.fetched, state.total]).toEqual([10_000, 10_000]);
    expect(asked.filter(({ type }) => type === 'sync_next')).toHaveLength(Math.ceil(10_000 / CHUNK_RECORDS_MAX));
    expect(asked.filter(({ type }) => type === 'ranges')).toHaveLength(1);
    expect(asked.some(({ type }) => type === 'fetch')).toBe(false);
  });

  it('says that it has everything if a newcomer runs it, and only then', () => {
    const typesOf = (purpose: 'listen' | 'learn') =>
      transfer(jobFor({ mode: 'adopt', purpose }), tableOf(records(5)), new MemoryTable()).asked.map(
        ({ type }) => type,
      );
    expect(typesOf('listen')).toEqual(['sync_open', 'sync_next', 'ranges', 'sync_ready']);
    expect(typesOf('learn')).toEqual(['sync_open', 'sync_next', 'ranges']);
  });
});

describe('a job whose source is being written to', () => {
  it.each(['adopt', 'merge'] as const)('ends in mode %s with all that was there when it began', (mode) => {
    for (const seed of range(8, 1)) {
      const random = randomOf(seed);
      const source = tableOf(records(3000));
      const target = tableOf(random() < 0.5 ? records(2800) : []);
      const begun = new Map(contentsOf(source));
      let ms = FLOOR.ms;
      const { asked } = transfer(jobFor({ mode, floor: FLOOR, purpose: 'listen' }), source, target, () => {
        for (let n = 0; n < 3; n += 1) {
          ms += 1;
          const record = recordOf(Math.floor(random() * 4000), { value: 'live', ms, writer: SOURCE_WRITER });
          source.merge(record);
          // Newcomers get a copy, but some are lost, and one or the other comes first.
          if (random() < 0.8) target.merge(record);
        }
      });
      const mine = contentsOf(target);
      const missing = [...begun].filter(([key, version]) => (mine.get(key) ?? '') < version);
      expect({ seed, missing }).toEqual({ seed, missing: [] });
      const extra = [...mine.keys()].filter((key) => source.get(key) === undefined);
      expect({ seed, extra }).toEqual({ seed, extra: [] });
      expect(asked.length).toBeLessThan(200);
    }
  });

  it('compares no more often than it may, however much is written', () => {
    const [source, target] = [tableOf(records(100)), tableOf(records(100, 20))];
    let [n, roots] = [0, 0];
    transfer(jobFor({ mode: 'adopt', floor: FLOOR }), source, target, (question) => {
      if (question.type === 'ranges' && question.ranges.some(({ range: { lo, hi } }) => lo === hi)) roots += 1;
      n += 1;
      source.merge(recordOf(10_000 + n, { value: 'new', ms: FLOOR.ms + n, writer: SOURCE_WRITER }));
    });
    // Each question is seen twice here: before and after the answer.
    expect(roots).toBe(2 * PASSES_MAX);
  });
});

describe('a job to which nothing comes', () => {
  const begin = (table = new MemoryTable()) => stepJob(jobOf(jobFor(), 0), { type: 'begun' }, table, 0);

  it('asks again later, and longer and longer; after a while it has failed', () => {
    let [state] = begin();
    const waits: number[] = [];
    let nowMs = 0;
    let effect: JobEffect = { type: 'wait', ms: 0 };
    while (nowMs < 2 * STALL_MS) {
      [state, effect] = stepJob(state, { type: 'failed', isLost: false }, new MemoryTable(), nowMs);
      if (effect.type !== 'wait') break;
      waits.push(effect.ms);
      nowMs += effect.ms + 1000;
      [state, effect] = stepJob(state, { type: 'woken' }, new MemoryTable(), nowMs);
      expect(effect).toMatchObject({ type: 'ask', question: { type: 'sync_open' } });
    }
    expect(effect).toEqual({ type: 'ended', outcome: 'failed' });
    expect(waits.slice(0, 6)).toEqual([100, 200, 400, 800, 1600, 1600]);
    expect(nowMs).toBeLessThan(STALL_MS + 3000);
  });

  it('has failed at once when the source is dead', () => {
    const [state] = begin();
    const [, effect] = stepJob(state, { type: 'failed', isLost: true }, new MemoryTable(), 1);
    expect(effect).toEqual({ type: 'ended', outcome: 'failed' });
  });

  it('waits for a source that is busy', () => {
    const [state] = begin();
    const [, effect] = stepJob(state, { type: 'answered', answer: { type: 'busy' } }, new MemoryTable(), 1);
    expect(effect).toEqual({ type: 'wait', ms: 200 });
  });

  it.each(['adopt', 'merge'] as const)('waits longer where nobody else has what it wants, mode %s', (mode) => {
    const table = new MemoryTable();
    const busy = { type: 'answered', answer: { type: 'busy' } } as const;
    const untilMs = BUSY_MS_MAX[mode];
    const waitFrom = (before: JobState, fromMs: number) => {
      let [state, effect] = stepJob(before, busy, table, fromMs);
      for (let nowMs = fromMs; nowMs < fromMs + untilMs; nowMs += 200) {
        expect(effect.type).toBe('wait');
        [state, effect] = stepJob(stepJob(state, { type: 'woken' }, table, nowMs)[0], busy, table, nowMs);
      }
      return [state, stepJob(state, busy, table, fromMs + untilMs)[1]] as const;
    };
    const [first] = stepJob(jobOf(jobFor({ mode }), 0), { type: 'begun' }, table, 0);
    const [waited, end] = waitFrom(first, 0);
    expect(end).toEqual({ type: 'ended', outcome: 'failed' });
    // Once it has had its turn it waits as long again, and what is lost after a long wait is asked again.
    const source = tableOf(records(5));
    const opened = answerOf(source, { type: 'sync_open', arc: WHOLE, epoch: EPOCH, purpose: 'learn' });
    const [served] = stepJob(waited, { type: 'answered', answer: opened }, table, untilMs - 1);
    expect(waitFrom(served, untilMs)[1]).toEqual({ type: 'ended', outcome: 'failed' });
    expect(stepJob(waited, { type: 'failed', isLost: false }, table, untilMs - 1)[1].type).toBe('wait');
  });

  it('is over when the source has another view', () => {
    const [state] = begin();
    const [, effect] = stepJob(state, { type: 'answered', answer: { type: 'stale' } }, new MemoryTable(), 1);
    expect(effect).toEqual({ type: 'ended', outcome: 'stale' });
  });

  it('goes on where it was, whatever is lost', () => {
    for (const seed of range(6, 1)) {
      const random = randomOf(seed);
      const [source, target] = [tableOf(records(2000)), tableOf(records(seed % 2 === 0 ? 0 : 1900))];
      const { asked, moved } = lossy(source, target, random);
      expect({ seed, contents: contentsOf(target) }).toEqual({ seed, contents: contentsOf(source) });
      expect(moved).toBeLessThan(2000 + 200);
      expect(asked).toBeLessThan(100);
    }
  });

  it('does not believe an answer that leads nowhere', () => {
    const [source, target] = [tableOf(records(FETCH_MAX)), tableOf(records(FETCH_MAX, 0, 999))];
    let [state, effect] = begin(target);
    while (effect.type === 'ask' && effect.question.type !== 'fetch') {
      const answer = answerOf(source, effect.question);
      [state, effect] = stepJob(state, { type: 'answered', answer }, target, 1);
    }
    const left = effect.type === 'ask' && effect.question.type === 'fetch' ? effect.question.ids.length : 0;
    expect(left).toBeGreaterThan(0);
    const answers = [
      { type: 'records', records: [], left },
      { type: 'chunk', records: [] },
      { type: 'pushed' },
    ] as const;
    for (const answer of answers) {
      expect(stepJob(state, { type: 'answered', answer }, target, 1)[1]).toEqual({ type: 'wait', ms: 100 });
    }
  });
});

/** A transfer on a way on which every third question or answer is lost. */
function lossy(source: MemoryTable, target: MemoryTable, random: () => number) {
  let [asked, moved] = [0, 0];
  let [state, effect] = stepJob(jobOf(jobFor(), 0), { type: 'begun' }, target, 0);
  while (effect.type !== 'ended') {
    if (effect.type === 'wait') {
      [state, effect] = stepJob(state, { type: 'woken' }, target, 0);
      continue;
    }
    asked += 1;
    if (random() < 0.33) {
      [state, effect] = stepJob(state, { type: 'failed', isLost: false }, target, 0);
      continue;
    }
    const answer = answerOf(source, effect.question);
    if ('records' in answer) moved += answer.records.length;
    [state, effect] = stepJob(state, { type: 'answered', answer }, target, 0);
  }
  return { asked, moved };
}

describe('a job of a node that was away for longer than deletions are remembered', () => {
  const ev = (n: number, ms: number, value = 'v') => recordOf(n, { value, ms, ev: true });
  const common = records(3, 10);
  const [HALF = WHOLE, OTHER_HALF = WHOLE] = splitRange(WHOLE, 2);
  const inHalf = (n: number) => inRange(recordOf(n, {}).keyId, HALF);
  const at = (horizonMs: number, arc = WHOLE): Horizons => [{ arc, horizonMs }];

  /** Runs a job to its end; what the two know of horizons, and for how long deletions are remembered. */
  function run(
    job: Partial<SyncJob>,
    [there, here]: readonly [readonly Record[], readonly Record[]],
    { own = NO_HORIZONS, said = NO_HORIZONS, graceMs = 4000 },
  ) {
    const [source, target] = [tableOf([...there, ...common]), tableOf([...here, ...common])];
    const begun = jobOf(jobFor(job), 0, { horizons: own, graceMs });
    let [state, effect] = stepJob(begun, { type: 'begun' }, target, 0);
    while (effect.type === 'ask') {
      const given = answerOf(source, effect.question);
      const answer = given.type === 'opened' ? { ...given, horizons: said } : given;
      [state, effect] = stepJob(state, { type: 'answered', answer }, target, 1);
    }
    expect(effect).toEqual({ type: 'ended', outcome: 'done' });
    return { contents: contentsOf(target), state };
  }
  const contents = (...here: readonly Record[]) => contentsOf(tableOf([...here, ...common]));

  it('drops eventual writes that may have been deleted since, and counts them', () => {
    const here = [ev(1, 5999), ev(2, 6000), ev(3, 1000)];
    const both = [[ev(3, 900)], here] as const;
    const dropped = run({ mode: 'adopt' }, both, { said: at(10_000) });
    expect(dropped.contents).toEqual(contents(...here.slice(1)));
    expect(dropped.state.dropped).toBe(1);
    expect(run({ mode: 'adopt' }, both, { said: at(10_000), graceMs: Infinity }).contents).toEqual(contents(...here));
    expect(run({ mode: 'adopt' }, both, {}).contents).toEqual(contents(...here));
  });

  it('knows it of each part of the arc by itself, from the source, whatever this node knew before', () => {
    const here = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => ev(n, 5000));
    const rest = here.filter((_record, n) => !inHalf(n + 1));
    expect([rest.length > 0, rest.length < 8]).toEqual([true, true]);
    expect(run({ mode: 'adopt' }, [[], here], { said: at(10_000, HALF) }).contents).toEqual(contents(...rest));
    expect(run({ mode: 'adopt' }, [[], here], { own: at(10_000, HALF) }).contents).toEqual(contents(...here));
  });

  it('believes nobody who says that it is later than it can be', () => {
    const here = [ev(1, 5999)];
    const latestMs = NOW_MS + MAX_DRIFT_MS_DEFAULT;
    const graceMs = latestMs - 6000;
    const [ahead, right] = [latestMs + 1, latestMs].map((ms) =>
      run({ mode: 'adopt' }, [[], here], { said: at(ms), graceMs }),
    );
    expect(ahead?.contents).toEqual(contents(...here));
    expect(ahead?.state.memory.horizons).toEqual([]);
    expect(right?.contents).toEqual(contents());
  });

  it('knows in the end what its source knew of the arc', () => {
    const { memory } = run({ mode: 'adopt', arc: HALF }, [[], []], { own: at(7, HALF), said: at(9) }).state;
    expect(memory.horizons).toEqual(at(9, HALF));
    const less = run({ mode: 'adopt', arc: HALF }, [[], []], { own: at(9, HALF), said: at(7) }).state;
    expect(less.memory.horizons).toEqual(at(7, HALF));
    const lower = run({ mode: 'merge' }, [[], []], { own: at(7), said: [...at(9, HALF), ...at(3, OTHER_HALF)] }).state;
    expect([HALF, OTHER_HALF].map((half) => lowestIn(lower.memory.horizons, half))).toEqual([9, 7]);
  });

  it('takes no such writes in from whoever need not be right, and all that an authority has', () => {
    const there = [ev(1, 5999), ev(2, 6000), recordOf(3, { value: 'v', ms: 10 }), ev(4, 20, 'w')];
    const merged = run({ mode: 'merge' }, [there, [ev(4, 10)]], { own: at(10_000), said: at(20_000) });
    expect(merged.contents).toEqual(contents(...there.slice(1)));
    expect(merged.state.dropped).toBe(1);
    expect(run({ mode: 'adopt' }, [there, []], { own: at(10_000) }).contents).toEqual(contents(...there));
  });
});
