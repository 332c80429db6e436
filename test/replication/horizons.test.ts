/** Horizons: the arithmetic of pieces, and that no deleted key comes back while deletions are forgotten below them. */
import * as fc from 'fast-check';
import { type Id, keyId, type KeyId, type NodeId } from '../../src/chord/id';
import { inRange, type Range } from '../../src/chord/range';
import { type BinaryString, fromUtf8 } from '../../src/octets';
import {
  forgetDead,
  credible,
  horizonAt,
  type Horizons,
  HORIZONS_MAX,
  horizonsOf,
  isComplete,
  isForgotten,
  lowestIn,
  mayForget,
  NO_HORIZONS,
  withAgreement,
  partsRaised,
  withCredible,
  withHorizon,
  withoutHorizons,
  withTaken,
} from '../../src/replication/horizons';
import { ABSENT, versionOf, Writers } from '../../src/replication/version';
import type { View } from '../../src/replication/view';
import { digestsEqual } from '../../src/store/digest';
import { MemoryTable } from '../../src/store/memory-table';
import { isLive, Record } from '../../src/store/record';
import { WHOLE } from '../store/arbitraries';

const SEED = Number(process.env.FC_SEED ?? 20_260_101);
const WRITER = new Writers().intern('writer 1' as BinaryString);

const point = (n: number): Id => n.toString(16).padStart(40, '0') as Id;
const anyArc = fc.tuple(fc.nat(15), fc.nat(15)).map(([lo, hi]): Range => ({ lo: point(lo), hi: point(hi) }));

function recordOf(key: string, ms: number, value?: string, expireAtMs?: number): Record {
  const octets = fromUtf8(key);
  const content = value === undefined ? undefined : fromUtf8(value);
  return new Record(keyId(octets), octets, versionOf(ms, 0, WRITER), content, expireAtMs, false);
}

describe(`withHorizon() (FC_SEED=${SEED})`, () => {
  test('withHorizon() gives each point the highest that was said of it, in disjoint pieces', () => {
    const told = fc.array(fc.tuple(anyArc, fc.nat(20)), { maxLength: 12 });
    fc.assert(
      fc.property(told, anyArc, (all, asked) => {
        const horizons = all.reduce<Horizons>((known, [arc, ms]) => withHorizon(known, arc, ms), NO_HORIZONS);
        const highest = (id: Id) => Math.max(0, ...all.map(([arc, ms]) => (inRange(id, arc) ? ms : 0)));
        const points = Array.from({ length: 16 }, (_, n) => point(n));
        for (const id of points) {
          expect(horizonAt(horizons, id as KeyId)).toBe(highest(id));
          expect(horizons.filter(({ arc }) => inRange(id, arc)).length).toBeLessThanOrEqual(1);
        }
        // The pieces of an arc end at its points, or just behind one that was named: 16 itself stands for the rest.
        const within = [...points, point(16)].filter((id) => inRange(id, asked));
        expect(lowestIn(horizons, asked)).toBe(Math.min(...within.map(highest)));
        const kept = horizonsOf(horizons, [asked]);
        for (const id of points) {
          expect(horizonAt(kept, id as KeyId)).toBe(inRange(id, asked) ? highest(id) : 0);
        }
      }),
      { seed: SEED },
    );
  });

  test('withHorizon() is the same state where nothing is raised', () => {
    const horizons = withHorizon(NO_HORIZONS, WHOLE, 10);
    expect(withHorizon(horizons, { lo: point(1), hi: point(5) }, 10)).toBe(horizons);
    expect(withHorizon(NO_HORIZONS, WHOLE, 0)).toBe(NO_HORIZONS);
  });

  test('withHorizon() gives up the lowest where there are too many pieces', () => {
    let horizons = NO_HORIZONS;
    for (let n = 0; n < HORIZONS_MAX + 10; n += 1) {
      horizons = withHorizon(horizons, { lo: point(2 * n), hi: point(2 * n + 1) }, n + 1);
    }
    expect(horizons).toHaveLength(HORIZONS_MAX);
    expect([1, 2 * HORIZONS_MAX + 1].map((n) => horizonAt(horizons, point(n) as KeyId))).toEqual([0, HORIZONS_MAX + 1]);
  });
});

describe('isComplete()', () => {
  const peers = [1, 2, 3].map((n) => ({ id: point(n) as string as NodeId, addr: `h:${n}`, inc: 1n }));
  const viewOf = (members: number, voters: number): View => ({
    epoch: { n: 1, by: 1n },
    arc: WHOLE,
    members: peers.slice(0, members),
    voters: peers.slice(0, voters).map(({ id }) => id),
    primary: (peers[0] as (typeof peers)[0]).id,
    syncs: 1,
    floor: ABSENT,
  });

  test.each<[number, number, number, boolean]>([
    [3, 3, 5, true],
    [3, 2, 5, false],
    [2, 2, 5, false],
    [2, 2, 2, true],
    [1, 1, 1, true],
    [1, 1, 2, false],
  ])('isComplete() with %i members, %i voters, in a ring of %i, is %s', (members, voters, ringSize, expected) => {
    expect(isComplete(viewOf(members, voters), 3, ringSize)).toBe(expected);
  });
});

describe('withCredible() and credible()', () => {
  test('withCredible() raises up to the latest that it can be, and believes nothing later', () => {
    const known = withCredible(NO_HORIZONS, WHOLE, 10_000, 10_000);
    expect(lowestIn(known, WHOLE)).toBe(10_000);
    expect(withCredible(known, WHOLE, 10_001, 10_000)).toBe(known);
    expect(withCredible(known, WHOLE, 9000, 10_000)).toBe(known);
  });

  test('credible() gives up for good what was believed before a clock was found wrong', () => {
    const half = { lo: point(1), hi: point(5) };
    const ahead = withHorizon(withAgreement(NO_HORIZONS, WHOLE, 5000), half, 7000);
    expect(credible(ahead, 7000)).toBe(ahead);
    const left = credible(ahead, 6999);
    expect([3, 8].map((n) => horizonAt(left, point(n) as KeyId))).toEqual([0, 5000]);
    expect(withCredible(ahead, half, 6000, 6999)).toEqual(withHorizon(left, half, 6000));
  });
});

describe('withTaken(), withoutHorizons() and partsRaised()', () => {
  const [first, both, last] = [
    { lo: point(0), hi: point(4) },
    { lo: point(0), hi: point(8) },
    { lo: point(4), hi: point(8) },
  ];
  const known = withHorizon(NO_HORIZONS, both, 5000);
  const at = (horizons: Horizons) => [2, 6, 10].map((n) => horizonAt(horizons, point(n) as KeyId));

  test('withTaken() knows of an arc what the source knows, also where that is less, and the same as before elsewhere', () => {
    expect(at(withTaken(known, first, withHorizon(NO_HORIZONS, WHOLE, 3000)))).toEqual([3000, 5000, 0]);
    expect(at(withTaken(known, first, NO_HORIZONS))).toEqual([0, 5000, 0]);
  });

  test('withoutHorizons() knows nothing of an arc any more', () => {
    expect(at(withoutHorizons(known, last))).toEqual([5000, 0, 0]);
  });

  test('partsRaised() leaves out where a horizon does not count yet', () => {
    const least = withHorizon(NO_HORIZONS, first, 7000);
    expect(partsRaised(both, 6999, least)).toEqual([last]);
    expect(partsRaised(both, 7000, least)).toEqual([both]);
  });
});

describe('mayForget() and isForgotten()', () => {
  const horizons = withAgreement(NO_HORIZONS, WHOLE, 10_000);

  test.each<[string, Record, boolean]>([
    ['a tombstone that is old enough', recordOf('k', 8999), true],
    ['one that is not', recordOf('k', 9000), false],
    ['a value', recordOf('k', 1, 'v'), false],
    ['a value that has expired for long', recordOf('k', 1, 'v', 8999), true],
    ['a value that expired lately', recordOf('k', 1, 'v', 9000), false],
  ])('mayForget() %s: %#', (_what, record, expected) => {
    expect(mayForget(horizons, record, 1000)).toBe(expected);
    expect(mayForget(NO_HORIZONS, record, 1000)).toBe(false);
  });

  test('isForgotten() tells what is older than anything that may be gone', () => {
    expect([8999, 9000].map((ms) => isForgotten(horizons, recordOf('k', ms, 'v'), 1000))).toEqual([true, false]);
  });
});

// Three replicas, one of which may sleep

type Step =
  | { readonly type: 'write'; readonly key: number; readonly isDelete: boolean }
  | { readonly type: 'sleep' | 'wake'; readonly node: number }
  | { readonly type: 'compare' | 'forget' | 'wait' };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('write' as const), key: fc.nat(2), isDelete: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('sleep' as const, 'wake' as const), node: fc.nat(2) }) },
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constantFrom('compare' as const, 'forget' as const, 'wait' as const) }),
  },
);

const GRACE_MS = 100;

class Replica {
  readonly table = new MemoryTable();
  horizons: Horizons = NO_HORIZONS;
  isAwake = true;
}

/** One view of three, the first of whom leads it, or whoever is awake does. */
class SmallView {
  private readonly replicas = [new Replica(), new Replica(), new Replica()];
  private readonly last = new Map<string, boolean>();
  private nowMs = 1000;

  /** `isCareful`: with horizons; without, whatever is old enough is forgotten. */
  constructor(private readonly isCareful: boolean) {}

  step(step: Step): void {
    this.nowMs += 1;
    switch (step.type) {
      case 'write':
        return this.write(`k${step.key}`, step.isDelete);
      case 'sleep':
      case 'wake':
        return this.turn(this.replicas[step.node] as Replica, step.type === 'wake');
      case 'compare':
        return this.compare();
      case 'forget':
        for (const replica of this.awake) this.forget(replica);
        return;
      case 'wait':
        this.nowMs += GRACE_MS;
    }
  }

  /** The deleted keys that a quorum read would find. */
  resurrected(): readonly string[] {
    const found = (key: string) =>
      this.awake
        .map(({ table }) => table.get(fromUtf8(key)))
        .reduce((a, b) => (a && b ? (a.version.ms >= b.version.ms ? a : b) : (a ?? b)), undefined);
    return [...this.last].flatMap(([key, isDeleted]) => {
      const record = found(key);
      return isDeleted && record && isLive(record, this.nowMs) ? [key] : [];
    });
  }

  private get awake(): readonly Replica[] {
    return this.replicas.filter(({ isAwake }) => isAwake);
  }

  private write(key: string, isDelete: boolean): void {
    const record = recordOf(key, this.nowMs, isDelete ? undefined : `v${this.nowMs}`);
    for (const { table } of this.awake) table.merge(record);
    this.last.set(key, isDelete);
  }

  private turn(replica: Replica, isAwake: boolean): void {
    if (isAwake || this.awake.length === 3) replica.isAwake = isAwake;
  }

  private compare(): void {
    const startedAtMs = this.nowMs;
    const [primary, ...others] = this.awake;
    if (primary === undefined) return;
    const isEqual = others.every(({ table }) => digestsEqual(table.digest(WHOLE), primary.table.digest(WHOLE)));
    if (isEqual && others.length === 2) {
      primary.horizons = withAgreement(primary.horizons, WHOLE, startedAtMs);
    }
    for (const other of others) {
      for (const record of recordsIn(other.table)) primary.table.merge(record);
      for (const record of recordsIn(primary.table)) other.table.merge(record);
      other.horizons = withHorizon(other.horizons, WHOLE, lowestIn(primary.horizons, WHOLE));
    }
  }

  private forget(replica: Replica): void {
    const horizons = this.isCareful ? replica.horizons : withHorizon(NO_HORIZONS, WHOLE, this.nowMs);
    forgetDead(replica.table, horizons, { graceMs: GRACE_MS, looksMax: 1000 });
  }
}

const recordsIn = (table: MemoryTable) => table.walk(WHOLE, undefined, { recordsMax: 100, bytesMax: Infinity }).records;

const steps = fc.array(anyStep, { maxLength: 60, size: 'max' });

function run(isCareful: boolean) {
  return fc.check(
    fc.property(steps, (all) => {
      const view = new SmallView(isCareful);
      for (const step of all) {
        view.step(step);
        expect(view.resurrected()).toEqual([]);
      }
    }),
    { seed: SEED, numRuns: 400 },
  );
}

describe(`Three replicas, one of which may sleep (FC_SEED=${SEED})`, () => {
  test('no deleted key comes back while deletions are forgotten below the horizon', () => {
    const details = run(true);
    expect([details.failed, details.counterexample]).toEqual([false, null]);
  });

  test('deleted keys come back where they are forgotten by their age alone', () => {
    expect(run(false).failed).toBe(true);
  });

  test('deletions are forgotten in the end, by everybody', () => {
    const view = new SmallView(true);
    const story: readonly Step['type'][] = ['wait', 'compare', 'compare', 'forget'];
    view.step({ type: 'write', key: 1, isDelete: true });
    for (const type of story) view.step({ type } as Step);
    expect(view['replicas'].map(({ table }) => table.stats().tombstones)).toEqual([0, 0, 0]);
  });
});
