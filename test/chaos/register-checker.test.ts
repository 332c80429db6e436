/** Register checker: what one register can have answered, and what it cannot. */
import type { Operation } from '../../chaos/history';
import { checkRegister } from '../../src/simulation/register-checker';
import { randomFrom } from '../../src/otp';
import { deleted, found, foundNothing, playRegister, put, refused, unknown } from './played-register';

const SEED = Number(process.env['SEED'] ?? 1);

const POSSIBLE: Readonly<Record<string, readonly Operation[]>> = {
  'nothing at all': [],
  'a read of an absent key': [foundNothing(1, 2)],
  'a read after a write': [put('a', 1, 2), found('a', 3, 4)],
  'reads on both sides of a write while it is under way': [put('a', 1, 9), foundNothing(2, 3), found('a', 4, 5)],
  'two writes at the same time, read in either order': [
    put('a', 1, 9),
    put('b', 1, 9),
    found('b', 2, 3),
    found('a', 4, 5),
  ],
  'a read that began before a delete had ended': [put('a', 1, 2), deleted(3, 6), found('a', 4, 5), foundNothing(5, 7)],
  'a write of unknown outcome that never happens': [put('a', 1, 2), unknown(put('b', 3, 4)), found('a', 5, 6)],
  'a write of unknown outcome that happens late': [
    put('a', 1, 2),
    unknown(put('b', 3, 4)),
    found('a', 5, 6),
    found('b', 7, 8),
  ],
  'a delete of unknown outcome that happens late': [
    put('a', 1, 2),
    unknown(deleted(3, 4)),
    found('a', 5, 6),
    foundNothing(7, 8),
  ],
  'two deletes of unknown outcome that happen one after the other': [
    unknown(deleted(1, 2)),
    unknown(deleted(1, 2)),
    put('a', 3, 4),
    foundNothing(5, 6),
    put('b', 7, 8),
    foundNothing(9, 10),
  ],
  'a definite failure that nobody ever sees': [put('a', 1, 2), refused(put('b', 3, 4)), found('a', 5, 6)],
  'a get of unknown outcome, whatever it was': [put('a', 1, 2), unknown(foundNothing(3, 4)), found('a', 5, 6)],
};

const IMPOSSIBLE: Readonly<Record<string, readonly Operation[]>> = {
  'a stale read': [put('a', 1, 2), put('b', 3, 4), found('a', 5, 6)],
  'a lost write': [put('a', 1, 2), foundNothing(3, 4)],
  'a deleted value that is back': [put('a', 1, 2), deleted(3, 4), found('a', 5, 6)],
  'a value that was never written': [put('a', 1, 2), found('b', 3, 4)],
  'a value that is read before it is written': [found('a', 1, 2), put('a', 3, 4)],
  'a read that goes back behind an earlier read': [put('a', 1, 2), put('b', 3, 20), found('b', 4, 5), found('a', 6, 7)],
  'a write of unknown outcome that happens twice with another in between': [
    unknown(put('a', 1, 2)),
    found('a', 3, 4),
    put('b', 5, 6),
    found('b', 7, 8),
    found('a', 9, 10),
  ],
  'a write of unknown outcome that is read, and gone again': [
    unknown(put('a', 1, 2)),
    found('a', 3, 4),
    foundNothing(5, 6),
  ],
  'a delete of unknown outcome that happens twice': [
    unknown(deleted(1, 2)),
    put('a', 3, 4),
    foundNothing(5, 6),
    put('b', 7, 8),
    foundNothing(9, 10),
  ],
  'a delete of unknown outcome that happens before it begins': [
    put('a', 1, 2),
    foundNothing(3, 4),
    unknown(deleted(5, 6)),
  ],
  'a definite failure that is read': [put('a', 1, 2), refused(put('b', 3, 4)), found('b', 5, 6)],
  'a definitely failed delete that happens': [put('a', 1, 2), refused(deleted(3, 4)), foundNothing(5, 6)],
  'two readers that see two writes in different orders': [
    put('a', 1, 4),
    put('b', 1, 4),
    found('a', 5, 7),
    found('b', 5, 7),
    found('a', 8, 9),
    found('b', 10, 11),
  ],
};

describe('checkRegister()', () => {
  it.each(Object.entries(POSSIBLE))('takes %s', (_name, history) => {
    expect(checkRegister(history)).toEqual({ type: 'linearizable' });
  });

  it.each(Object.entries(IMPOSSIBLE))('does not take %s', (_name, history) => {
    expect(checkRegister(history)).toEqual({ type: 'not_linearizable' });
  });

  it('gives up where it would take too long, and says so', () => {
    expect(checkRegister(IMPOSSIBLE['a stale read'] ?? [], 1)).toEqual({ type: 'undecided', steps: 1 });
  });

  it(`takes whatever a real register has answered (SEED=${SEED})`, () => {
    for (let seed = SEED; seed < SEED + 300; seed += 1) {
      const history = playRegister({ ...RATES, seed, clients: 1 + (seed % 8), operations: 60 });
      expect({ seed, ...checkRegister(history) }).toEqual({ seed, type: 'linearizable' });
    }
  });

  it('takes a long history of many clients in little time', () => {
    const history = playRegister({ ...RATES, seed: SEED, unknowns: 0.02, clients: 10, operations: 5000 });
    expect(checkRegister(history)).toEqual({ type: 'linearizable' });
  });

  it(`decides as trying every order does (SEED=${SEED})`, () => {
    const decided = { linearizable: 0, not_linearizable: 0 };
    for (let seed = SEED; seed < SEED + 1500; seed += 1) {
      const random = randomFrom(seed);
      const history = playRegister({ ...RATES, seed, clients: 3, operations: 6 });
      const bent = random() < 0.2 ? history : bend(history, random);
      const expected = canBeOrdered(bent, undefined) ? 'linearizable' : 'not_linearizable';
      expect({ seed, bent, ...checkRegister(bent) }).toEqual({ seed, bent, type: expected });
      decided[expected] += 1;
    }
    // Both answers were worth something.
    expect(Math.min(...Object.values(decided))).toBeGreaterThan(100);
  });
});

const RATES = { unknowns: 0.1, refusals: 0.05 };

/** The history with one read that has found something else. */
function bend(history: readonly Operation[], random: () => number): readonly Operation[] {
  const reads = history.filter(({ op }) => op === 'get');
  const values = [undefined, ...history.filter(({ op }) => op === 'put').map(({ value }) => value)];
  const read = reads[Math.floor(random() * reads.length)];
  const value = values[Math.floor(random() * values.length)];
  return history.map((operation) =>
    operation === read ? { ...operation, value, outcome: value === undefined ? 'not_found' : 'ok' } : operation,
  );
}

/** The definition, tried out: whether some operation can come first, and the others after it. */
function canBeOrdered(operations: readonly Operation[], value: string | undefined): boolean {
  const rest = operations.filter(
    ({ op, outcome }) => outcome !== 'refused' && !(op === 'get' && outcome === 'unknown'),
  );
  const mustHappen = rest.filter(({ outcome }) => outcome !== 'unknown');
  if (mustHappen.length === 0) return true;
  const firstEndMs = Math.min(...mustHappen.map(({ returnedMs }) => returnedMs));
  return rest.some((operation) => {
    if (operation.invokedMs > firstEndMs) return false;
    if (operation.op === 'get' && operation.value !== value) return false;
    const next = operation.op === 'get' ? value : operation.op === 'put' ? operation.value : undefined;
    return canBeOrdered(
      rest.filter((other) => other !== operation),
      next,
    );
  });
}
