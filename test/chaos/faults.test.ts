/** Faults: what is planned for a seed, and how much of it breaks at a time. */
import { FAULT_NAMES, type FaultStep, planBeyond, planRound } from '../../chaos/faults';
import { randomFrom } from '../../src/otp';

const NODES = ['n1', 'n2', 'n3', 'n4', 'n5'];
const SEEDS = Array.from({ length: 200 }, (_, seed) => seed);
const stateOf = (seed: number) => ({ nodes: NODES, fresh: ['n6'], random: randomFrom(seed) });

/** Plays the steps on names: who is down, stopped or cut off at the most, and who is so at the end. */
function play(steps: readonly FaultStep[]): { readonly most: number; readonly left: readonly string[] } {
  const broken = new Set<string>();
  let most = 0;
  for (const step of steps) {
    if (step.type === 'kill' || step.type === 'pause' || step.type === 'leave') broken.add(step.node);
    if (step.type === 'start' || step.type === 'resume') broken.delete(step.node);
    if (step.type === 'cut') for (const name of fewer(step.from, step.to)) broken.add(`cut ${name}`);
    if (step.type === 'heal') for (const name of broken) if (name.startsWith('cut ')) broken.delete(name);
    most = Math.max(most, broken.size);
  }
  return { most, left: [...broken] };
}

const fewer = (a: readonly string[], b: readonly string[]) => (a.length < b.length ? a : b);

describe.each(FAULT_NAMES)('planRound(%s)', (fault) => {
  it('is the same for the same seed, and another for others', () => {
    const plans = SEEDS.map((seed) => JSON.stringify(planRound(fault, stateOf(seed))));
    expect(SEEDS.map((seed) => JSON.stringify(planRound(fault, stateOf(seed))))).toEqual(plans);
    expect(new Set(plans).size).toBeGreaterThan(50);
  });

  it('breaks no more than a minority at a time, and ends with a ring that has settled', () => {
    for (const seed of SEEDS) {
      const steps = planRound(fault, stateOf(seed));
      const { most, left } = play(steps);
      expect(most).toBeLessThanOrEqual(fault === 'partition' ? 2 : 1);
      // Whoever left is gone for good where another one has come.
      expect(left.length).toBeLessThanOrEqual(fault === 'leave-join' ? 1 : 0);
      expect(steps.at(-2)).toEqual({ type: 'settle' });
    }
  });
});

describe('planBeyond()', () => {
  it('breaks several nodes at a time, and leaves none of them broken', () => {
    const rounds = SEEDS.map((seed) => planBeyond(stateOf(seed), true));
    expect(
      rounds
        .map((steps) => play(steps).left)
        .flat()
        .filter((name) => !name.startsWith('cut')),
    ).toEqual([]);
    expect(rounds.some((steps) => play(steps).most >= 2)).toBe(true);
    expect(rounds.flat().filter(({ type }) => type === 'settle')).toEqual([]);
  });

  it('cuts no link where there is none', () => {
    expect(SEEDS.flatMap((seed) => planBeyond(stateOf(seed), false)).filter(({ type }) => type === 'cut')).toEqual([]);
  });
});
