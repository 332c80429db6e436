/**
 * Rings that keep copies, in virtual time: nothing acknowledged is lost and nothing deleted comes back, whatever
 * happens to them; and the same with a rule left out, which must be found.
 */
import { type Operation } from '../../src/simulation/operation';
import { uneven, unlinearizable, WHOLE } from '../../src/simulation/copies/copy-checks';
import {
  type CopyOptions,
  type CopyOutcome,
  countOf,
  runCopySchedule,
} from '../../src/simulation/copies/copy-schedule';

const SEED = Number(process.env['SIM_SEED'] ?? 1);
const BUSY_MS = 6000;

const seeds = Array.from({ length: 3 }, (_none, n) => SEED + n);

/** What went wrong, and how to see it again. */
const storyOf = ({ seed, faults }: CopyOutcome): string =>
  faults.length === 0 ? 'well' : `schedule ${seed}, ${BUSY_MS} ms: ${faults.join('; ')}`;

describe(`schedules of rings that keep copies (seed ${SEED})`, () => {
  it.each(seeds)('keep every promise: schedule %i', (seed) => {
    const outcome = runCopySchedule({ seed, busyMs: BUSY_MS });
    expect(storyOf(outcome)).toBe('well');
    expect(countOf(outcome, 'ok')).toBeGreaterThan(30);
    expect(Object.values(outcome.acts).reduce((sum, times) => sum + times, 0)).toBeGreaterThan(0);
  });

  it('see deleted keys come back where deletions are forgotten by their age alone, and only there', () => {
    // Deletions are old after a tenth of a second, and replicas are hardly ever compared.
    const settings = { tombstoneGraceMs: 100, antiEntropyIntervalMs: 10_000 };
    const schedule = { busyMs: BUSY_MS, acts: ['crash', 'restart', 'pause', 'cut'] } as const;
    const faultsOf = (seed: number, forgetsBlindly: boolean) => {
      const leftOut = forgetsBlindly ? (['horizons'] as const) : [];
      return readFaults(runCopySchedule({ ...schedule, seed, settings: { ...settings, leftOut } }));
    };
    const telling = firstSeeds(40).find((seed) => faultsOf(seed, true).length > 0);
    expect(telling).toBeDefined();
    expect(faultsOf(telling ?? 0, false)).toEqual([]);
  });

  it('see deleted keys come back where what nodes that were away have kept is let in however old it is, and only there', () => {
    // Values stay on nodes that come back, as eventual writes do, and deletions are forgotten while these are away.
    const settings = { tombstoneGraceMs: 700, hintTtlMs: 300, antiEntropyIntervalMs: 300, marksEventual: true };
    const schedule = { kind: 'guarded', busyMs: 8000, acts: ['join', 'crash', 'restart', 'pause', 'cut'] } as const;
    const faultsOf = (seed: number, admitsForgotten: boolean) => {
      const leftOut = admitsForgotten ? (['keeping_out'] as const) : [];
      return readFaults(runCopySchedule({ ...schedule, seed, settings: { ...settings, leftOut } }));
    };
    const telling = firstSeeds(40).find((seed) => faultsOf(seed, true).length > 0);
    expect(telling).toBeDefined();
    expect(faultsOf(telling ?? 0, false)).toEqual([]);
  });

  it('are the same again from the same seed', () => {
    const [one, other] = [0, 1].map(() => runCopySchedule({ seed: SEED, busyMs: 2000 }));
    expect(one?.events).toBe(other?.events);
    expect(one?.operations).toEqual(other?.operations);
  });
});

const firstSeeds = (count: number): readonly number[] => Array.from({ length: count }, (_none, n) => n + 1);

/** A node that is away still has what others have forgotten; what matters is what clients read. */
const readFaults = ({ faults }: CopyOutcome): readonly string[] =>
  faults.filter((fault) => fault.includes('linearizable') || fault.includes('is read in the end'));

/** The faults of the first of some schedules that has any. */
function firstFaults(options: Omit<CopyOptions, 'seed'>, schedules = 8): readonly string[] {
  for (let seed = 1; seed <= schedules; seed += 1) {
    const { faults } = runCopySchedule({ ...options, seed });
    if (faults.length > 0) return faults;
  }
  return [];
}

describe('a member that missed writes because messages were lost', () => {
  const lossy = { busyMs: 4000, nodes: 3, acts: [], loss: 0.1 } as const;
  const [hints, comparing] = ['hints', 'comparing'] as const;

  it.each([hints, comparing])('catches up without %s', (leftOut) => {
    expect(runCopySchedule({ ...lossy, seed: 2, settings: { leftOut: [leftOut] } }).faults).toEqual([]);
  });

  it('stays behind without both', () => {
    const settings = { leftOut: [hints, comparing] };
    const faults = [1, 2, 3].flatMap((seed) => runCopySchedule({ ...lossy, seed, settings }).faults);
    expect(faults.join()).toContain('is read in the end, and not');
    expect(faults.join()).toContain('copies are the newest');
  });

  it.each([{ hintTtlMs: 1 }, { hintsMax: 0 }])('is compared soon when hints are given up (%j)', (limit) => {
    // By itself nobody would compare anything again.
    const settings = { ...limit, antiEntropyIntervalMs: 600_000 };
    expect(runCopySchedule({ ...lossy, seed: 2, settings }).faults).toEqual([]);
    expect(firstFaults({ ...lossy, settings: { ...limit, leftOut: [comparing] } })).not.toEqual([]);
  });
});

describe('a write that was passed on', () => {
  it('is lost where whoever has passed it on says that it is done and does not keep it, and only there', () => {
    // Nobody else brings the third one up to date: so the primary alone has some of them when it dies.
    const rough = { kind: 'guarded', busyMs: 8000, nodes: 3, acts: ['crash', 'restart'], loss: 0.15 } as const;
    const faultsOf = (seed: number, keepsNothing: boolean) => {
      const leftOut = [...(['hints', 'comparing'] as const), ...(keepsNothing ? (['keeping_minted'] as const) : [])];
      const { faults } = runCopySchedule({ ...rough, seed, settings: { leftOut } });
      // Eventual writes need what is left out here.
      return faults.filter((fault) => fault.includes('linearizable'));
    };
    const telling = firstSeeds(40).find((seed) => faultsOf(seed, true).length > 0);
    expect(telling).toBeDefined();
    expect(faultsOf(telling ?? 0, false)).toEqual([]);
  });
});

describe('a ring in which records travel slowly', () => {
  const bytesPerSecond = { sync: 500, repair: 200, hints: 200 };
  const slow = { busyMs: 4000, nodes: 3, acts: ['join', 'leave'], loss: 0.1, valueBytes: 300 } as const;

  it('has all its copies in the end, and never carries more than it may', () => {
    expect(runCopySchedule({ ...slow, seed: 2, settings: { bytesPerSecond } }).faults).toEqual([]);
    const faults = firstFaults({ ...slow, settings: { bytesPerSecond, leftOut: ['throttle'] } });
    expect(faults.join()).toContain('than it may');
  });
});

describe('a node whose clock is wrong', () => {
  const wrong = { busyMs: 4000, nodes: 4, acts: ['skew'] } as const;

  it('says so and orders no writes, and nothing breaks', () => {
    const outcome = runCopySchedule({ ...wrong, seed: 4 });
    expect(outcome.faults).toEqual([]);
    expect(outcome.skewed).toBeGreaterThan(0);
    const faults = firstFaults({ ...wrong, settings: { leftOut: ['clock_watch'] } });
    expect(faults.join()).toContain('orders writes, though it knows its clock is wrong');
  });
});

describe('unlinearizable()', () => {
  const operation = (op: Operation['op'], value: string | undefined, at: number, change: Partial<Operation> = {}) => {
    const outcome = op === 'get' && value === undefined ? 'not_found' : 'ok';
    return { op, key: 'k', value, outcome, invokedMs: at, returnedMs: at + 1, node: 'n', ...change } as const;
  };

  it('finds a write that was lost, and a deleted value that came back', () => {
    const lost = [operation('put', 'a', 0), operation('get', undefined, 10)];
    const back = [operation('put', 'a', 0), operation('delete', undefined, 10), operation('get', 'a', 20)];
    for (const history of [lost, back]) {
      expect(unlinearizable(history, [])).toEqual(['k: its history is not linearizable']);
      expect(unlinearizable(history, [WHOLE])).toEqual([]);
    }
  });
});

describe('uneven()', () => {
  it('has nothing to say of keys that nobody has', () => {
    expect(uneven([], ['k'], 3)).toEqual([]);
  });
});
