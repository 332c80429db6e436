/**
 * Rings that keep copies, in virtual time: nothing acknowledged is lost and nothing deleted comes back, whatever
 * happens to them; and the same with a rule left out, which must be found.
 */
import { type Operation } from '../../src/simulation/operation';
import { uneven, unlinearizable, WHOLE } from '../../src/simulation/copies/copy-checks';
import { type CopyOutcome, countOf, runCopySchedule } from '../../src/simulation/copies/copy-schedule';

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
    expect(countOf(outcome, 'ok')).toBeGreaterThan(50);
    expect(Object.values(outcome.acts).reduce((sum, times) => sum + times, 0)).toBeGreaterThan(0);
  });

  it('see deleted keys come back where deletions are forgotten by their age alone, and only there', () => {
    // Deletions are old after a fifth of a second, and replicas are hardly ever compared.
    const settings = { tombstoneGraceMs: 200, antiEntropyIntervalMs: 10_000 };
    const faultsOf = (seed: number, forgetsBlindly: boolean) =>
      runCopySchedule({ seed, busyMs: BUSY_MS, settings: { ...settings, forgetsBlindly } }).faults;
    const telling = Array.from({ length: 20 }, (_none, n) => n + 1).find((seed) => faultsOf(seed, true).length > 0);
    expect(telling).toBeDefined();
    expect(faultsOf(telling ?? 0, false)).toEqual([]);
  });

  it('see deleted keys come back where what nodes that were away have kept is let in however old it is, and only there', () => {
    // Values stay on nodes that come back, as eventual writes do, and deletions are forgotten while these are away.
    const settings = { tombstoneGraceMs: 700, antiEntropyIntervalMs: 300, marksEventual: true };
    const faultsOf = (seed: number, admitsForgotten: boolean) =>
      runCopySchedule({ seed, kind: 'guarded', busyMs: 8000, settings: { ...settings, admitsForgotten } }).faults;
    const telling = Array.from({ length: 20 }, (_none, n) => n + 1).find((seed) => faultsOf(seed, true).length > 0);
    expect(telling).toBeDefined();
    expect(faultsOf(telling ?? 0, false)).toEqual([]);
  });

  it('are the same again from the same seed', () => {
    const [one, other] = [0, 1].map(() => runCopySchedule({ seed: SEED, busyMs: 2000 }));
    expect(one?.events).toBe(other?.events);
    expect(one?.operations).toEqual(other?.operations);
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

  it('finds a refused put that was read, also where something may have been lost', () => {
    const history = [operation('put', 'a', 0, { outcome: 'refused' }), operation('get', 'a', 10)];
    expect(unlinearizable(history, [WHOLE])).toEqual(['k: a was read, though the put was refused']);
  });
});

describe('uneven()', () => {
  it('has nothing to say of keys that nobody has', () => {
    expect(uneven([], ['k'], 3)).toEqual([]);
  });
});
