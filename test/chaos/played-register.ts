/**
 * A register that is played: histories as they come from a real one, and a few words for histories by hand.
 */
import type { Operation } from '../../chaos/history';
import { randomFrom } from '../../src/otp';

/** Operations on one key by hand: `put('a', 1, 3)` began at 1 and had ended at 3. */
export const put = (value: string, invokedMs: number, returnedMs: number) =>
  operation('put', value, invokedMs, returnedMs);
export const found = (value: string, invokedMs: number, returnedMs: number) =>
  operation('get', value, invokedMs, returnedMs);
export const foundNothing = (invokedMs: number, returnedMs: number): Operation => ({
  ...operation('get', undefined, invokedMs, returnedMs),
  outcome: 'not_found',
});
export const deleted = (invokedMs: number, returnedMs: number) => operation('delete', undefined, invokedMs, returnedMs);
/** The same operation, but nobody knows what came of it. */
export const unknown = (of: Operation): Operation => ({ ...of, outcome: 'unknown' });
/** The same operation, refused. */
export const refused = (of: Operation): Operation => ({ ...of, outcome: 'refused' });
/** The same operation, when all is over. */
export const final = (of: Operation): Operation => ({ ...of, isFinal: true });

function operation(op: Operation['op'], value: string | undefined, invokedMs: number, returnedMs: number): Operation {
  return { op, key: 'k', value, outcome: 'ok', invokedMs, returnedMs, node: 'n1' };
}

/** What a register is played with. */
export interface Play {
  readonly seed: number;
  readonly clients: number;
  readonly operations: number;
  /** Of each write: how likely nobody learns what came of it, and how likely it is refused. */
  readonly unknowns: number;
  readonly refusals: number;
}

interface Pending {
  readonly operation: Operation;
  /** When it takes effect; undefined: never. */
  readonly atMs: number | undefined;
}

/** What clients of one real register see: each operation has its effect at one moment between its two times. */
export function playRegister({ seed, clients, operations, unknowns, refusals }: Play): readonly Operation[] {
  const random = randomFrom(seed);
  const freeAtMs = Array.from({ length: clients }, () => random());
  const pending = Array.from({ length: operations }, (_, number): Pending => {
    const client = Math.floor(random() * clients);
    const invokedMs = (freeAtMs[client] ?? 0) + random();
    const returnedMs = invokedMs + 4 * random() ** 2;
    freeAtMs[client] = returnedMs + random();
    const chance = random();
    const op = chance < 0.4 ? 'put' : chance < 0.85 ? 'get' : 'delete';
    const base = operation(op, op === 'put' ? `v${number}` : undefined, invokedMs, returnedMs);
    const luck = op === 'get' ? 1 : random();
    if (luck < refusals) return { operation: refused(base), atMs: undefined };
    // What nobody knows may still happen long afterwards, or never.
    if (luck < refusals + unknowns)
      return { operation: unknown(base), atMs: random() < 0.5 ? undefined : invokedMs + 20 * random() };
    return { operation: base, atMs: invokedMs + random() * (returnedMs - invokedMs) };
  });
  let value: string | undefined;
  return pending
    .toSorted((a, b) => (a.atMs ?? Infinity) - (b.atMs ?? Infinity))
    .map(({ operation: played, atMs }): Operation => {
      if (played.op === 'get') return { ...played, value, outcome: value === undefined ? 'not_found' : 'ok' };
      if (atMs !== undefined) value = played.value;
      return played;
    })
    .toSorted((a, b) => a.invokedMs - b.invokedMs);
}
