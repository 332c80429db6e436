/** Rings that have come apart, or never were one, as nobody in them can see in his pointers: they become one again. */
import type { Peer } from '../../src/chord/peer';
import { PeerMemory } from '../../src/chord/peer-memory';
import { createRing } from '../../src/chord/ring-member';
import { partition } from '../../src/simulation/experiments/partition';
import { IdealRing } from '../../src/simulation/ideal-ring';
import { idealWorld } from '../../src/simulation/ideal-world';
import { type NodeSettings, REAL_NODE } from '../../src/simulation/node-settings';
import { Random } from '../../src/simulation/random';
import { isInside } from '../../src/simulation/report';
import { RingWatch } from '../../src/simulation/ring-watch';
import type { CrashKind } from '../../src/simulation/world';
import { World } from '../../src/simulation/world';

const SEED = Number(process.env['SIM_SEED'] ?? 1);
const seeds = Array.from({ length: 8 }, (_none, n) => SEED + n);
const CALM = { delay: { type: 'even', fromMs: 0, toMs: 60 }, loss: 0, duplication: 0 } as const;
const SETTINGS: NodeSettings = { ...REAL_NODE, successorsMax: 3, fingers: { type: 'none' } };
const number: unknown = expect.any(Number);

describe(`a ring that was cut in two (seed ${SEED})`, () => {
  it('is one again some seconds after the network has healed, however the halves lay', () => {
    const report = partition({ seed: SEED, quick: true, count: 6, progress: () => {} });
    expect(report.rows.map(({ cells }) => `${cells['one again']} of ${cells['runs']}`).join()).toBe(
      '1 of 1,'.repeat(6).slice(0, -1),
    );
    expect(isInside(report)).toBe(true);
  });

  it('stays two without a probe', () => {
    const merged = seeds.filter((seed) => {
      const settings = { ...SETTINGS, ringProbeMs: 0 };
      const { world, nodes } = idealWorld({ seed, settings, conditions: CALM }, 12);
      const watch = new RingWatch(world);
      const isFirst = (place: number) => place % 2 === 0;
      const side = (first: boolean) => nodes.filter((_node, place) => isFirst(place) === first);
      world.network.partition([side(true), side(false)].map((part) => part.map(({ self }) => self.addr)));
      world.run(10_000);
      world.network.heal();
      return watch.runUntilIdeal(20_000) !== undefined;
    });
    expect(merged.length).toBeLessThan(seeds.length / 2);
  });
});

describe('a ring that winds twice', () => {
  it('comes to wind once, though only one of its members has ever heard of the other round', () => {
    for (const seed of seeds) {
      const world = new World({ seed, settings: { ...SETTINGS, ringProbeMs: 500 }, conditions: CALM });
      const watch = new RingWatch(world);
      const ring = IdealRing.ofSize(16, new Random(seed));
      ring.peers.forEach((self, place) => {
        const successors = [2, 4, 6].map((step) => ring.at(place + step));
        const known: readonly Peer[] = place === 0 ? [...successors, ring.at(1)] : successors;
        const memory = known.reduce((all, peer) => all.hear(peer), PeerMemory.of([], 128));
        world.start(self, {
          member: { ...createRing(self, 3), predecessor: ring.at(place - 2), successors, memory },
        });
      });
      expect({ seed, idealMs: watch.runUntilIdeal(60_000) }).toEqual({ seed, idealMs: number });
    }
  });
});

describe('a ring in which somebody dies', () => {
  it('mends itself sooner when a machine says that nobody listens there than when it says nothing', () => {
    const meanMs = (kind: CrashKind) => {
      const times = seeds.map((seed) => {
        const { world, nodes } = idealWorld({ seed, settings: SETTINGS, conditions: CALM }, 10);
        const watch = new RingWatch(world);
        world.run(2000);
        const victim = world.random.pick(nodes);
        if (victim) world.crash(victim, kind);
        const idealMs = watch.runUntilIdeal(20_000) ?? Number.POSITIVE_INFINITY;
        expect({ seed, breaches: watch.breaches }).toEqual({ seed, breaches: [] });
        return idealMs;
      });
      return times.reduce((sum, ms) => sum + ms, 0) / times.length;
    };
    expect(meanMs('refusing')).toBeLessThan(meanMs('silent'));
  });
});
