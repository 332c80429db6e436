/**
 * Register checker: whether a history of one key can have come from one register.
 *
 * A history is linearizable when each operation can be given one moment between its two times so
 * that, taken in the order of these moments, every read finds what was written last. The search for
 * such an order is Wing and Gong's, with Lowe's memory of what has been tried: the set of operations
 * that are placed and the value that they leave. A set is nearly always everything up to some operation
 * and a few beyond, and is remembered like that.
 *
 * What nobody can tell the outcome of is no hard case here, since values are unique:
 * - A put of unknown outcome whose value nobody has read might as well never have happened. One whose value was
 *   read has happened before the first such read had ended, and after that it is a put like any other.
 * - Deletes of unknown outcome look all alike. They are taken in the order of their beginning, if at all.
 * - A get of unknown outcome says nothing, and neither does a definite failure.
 */
import type { Operation } from './operation';

/** What a search comes to. */
export type Check =
  /** There is such an order. */
  | { readonly type: 'linearizable' }
  /** There is none. */
  | { readonly type: 'not_linearizable' }
  /** The search was given up. */
  | { readonly type: 'undecided'; readonly steps: number };

/** An operation as the search needs it. A value of undefined is an absent key. */
interface Step {
  readonly isWrite: boolean;
  /** Of a read: the index of the put that wrote what it found. */
  writtenBy: number | undefined;
  readonly value: string | undefined;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Where a search stands: everything before `low` is placed, and `beyond` too. */
interface Place {
  readonly low: number;
  /** Indices above `low`, in their order. */
  readonly beyond: readonly number[];
  /** How many of the deletes of unknown outcome are placed: the first ones. */
  readonly loose: number;
  readonly value: string | undefined;
}

/** Stands for a put that there is not: before the first. */
const NEVER = -1;

/** Most places that a search looks at. */
const STEPS_MAX = 2_000_000;

/** Whether these operations, all on one key that was absent at first, can be those of one register. */
export function checkRegister(operations: readonly Operation[], stepsMax = STEPS_MAX): Check {
  const { steps, loose } = stepsOf(operations);
  const tried = new Set<string>();
  const waiting: Place[] = [{ low: 0, beyond: [], loose: 0, value: undefined }];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    if (place.low === steps.length) return { type: 'linearizable' };
    const name = `${place.low}|${place.beyond.join(',')}|${place.loose}|${place.value ?? ''}|${place.value === undefined}`;
    if (tried.has(name)) continue;
    if (tried.size >= stepsMax) return { type: 'undecided', steps: tried.size };
    tried.add(name);
    waiting.push(...nextPlaces(place, steps, loose));
  }
  return { type: 'not_linearizable' };
}

/** What must be placed, in the order of beginning, and when each delete of unknown outcome began. */
function stepsOf(operations: readonly Operation[]): {
  readonly steps: readonly Step[];
  readonly loose: readonly number[];
} {
  const firstReadMs = new Map<string, number>();
  for (const { op, outcome, value, returnedMs } of operations) {
    if (op !== 'get' || outcome !== 'ok' || value === undefined) continue;
    firstReadMs.set(value, Math.min(returnedMs, firstReadMs.get(value) ?? Infinity));
  }
  const steps: Step[] = [];
  const loose: number[] = [];
  for (const { op, outcome, value, invokedMs: fromMs, returnedMs } of operations) {
    if (outcome === 'refused' || (op === 'get' && outcome === 'unknown')) continue;
    if (op === 'get') steps.push({ isWrite: false, writtenBy: undefined, value, fromMs, toMs: returnedMs });
    else if (outcome !== 'unknown')
      steps.push({
        isWrite: true,
        writtenBy: undefined,
        value: op === 'put' ? value : undefined,
        fromMs,
        toMs: returnedMs,
      });
    else if (op === 'delete') loose.push(fromMs);
    else {
      const toMs = firstReadMs.get(value ?? '');
      if (toMs !== undefined) steps.push({ isWrite: true, writtenBy: undefined, value, fromMs, toMs });
    }
  }
  steps.sort((a, b) => a.fromMs - b.fromMs);
  const puts = new Map(
    steps.flatMap(({ isWrite, value }, index) => (isWrite && value !== undefined ? [[value, index]] : [])),
  );
  for (const step of steps)
    if (!step.isWrite && step.value !== undefined) step.writtenBy = puts.get(step.value) ?? NEVER;
  return { steps, loose: loose.sort((a, b) => a - b) };
}

/**
 * Where the search can go from here; the most promising comes last.
 *
 * What may come next is whatever began before anything that is not placed had ended. Steps stand in the order of
 * beginning, so that none can end before an earlier one has begun.
 */
function nextPlaces(place: Place, steps: readonly Step[], loose: readonly number[]): readonly Place[] {
  const beyond = new Set(place.beyond);
  const writes: number[] = [];
  let firstEndMs = Infinity;
  let firstRead: Step | undefined;
  for (let i = place.low; i < steps.length; i += 1) {
    const step = steps[i];
    if (step === undefined || step.fromMs > firstEndMs) break;
    if (beyond.has(i)) continue;
    firstEndMs = Math.min(firstEndMs, step.toMs);
    if (step.isWrite) writes.push(i);
    // A read that finds what is there changes nothing: placing it now is never worse than later.
    else if (step.value === place.value) return [placed(place, i, place.value)];
    // Its value has come and gone, or never comes.
    else if (step.writtenBy !== undefined && (step.writtenBy < place.low || beyond.has(step.writtenBy))) return [];
    else if (step.toMs < (firstRead?.toMs ?? Infinity)) firstRead = step;
  }
  // Whoever is taken last is tried first: what the read that ends first has found, else the write that began first.
  const wanted = writes.filter((i) => i === firstRead?.writtenBy);
  const next = [...writes.filter((i) => i !== firstRead?.writtenBy).toReversed(), ...wanted].map((i) =>
    placed(place, i, steps[i]?.value),
  );
  const looseMs = loose[place.loose];
  if (looseMs === undefined || looseMs > firstEndMs || place.value === undefined) return next;
  return [{ ...place, loose: place.loose + 1, value: undefined }, ...next];
}

function placed({ low, beyond, loose }: Place, index: number, value: string | undefined): Place {
  if (index !== low) return { low, beyond: [...beyond, index].sort((a, b) => a - b), loose, value };
  let next = low + 1;
  let rest = beyond;
  while (rest[0] === next) {
    rest = rest.slice(1);
    next += 1;
  }
  return { low: next, beyond: rest, loose, value };
}
