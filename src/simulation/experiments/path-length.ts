/**
 * Path length against the number of nodes, and its distribution (SIGCOMM 2001 and ToN 2003, Fig. 10).
 */
import type { Pointers } from '../../chord/lookup';
import type { NodeId } from '../../chord/id';
import { IdealRing, randomId } from '../ideal-ring';
import { Random } from '../random';
import { isNear, judged, type Options, type Report, round } from '../report';
import { Tally } from '../tally';
import { walk } from '../walk';

/** For each k from 3: mean, 1st and 99th percentile with 2^k nodes, as published. */
const PUBLISHED: readonly (readonly [mean: number, first: number, last: number])[] = [
  [1.72, 1, 3],
  [2.09, 1, 4],
  [2.49, 1, 5],
  [2.96, 1, 5],
  [3.39, 1, 6],
  [3.88, 1, 7],
  [4.38, 1, 7],
  [4.89, 2, 8],
  [5.36, 2, 9],
  [5.85, 2, 10],
  [6.35, 2, 10],
  [6.87, 3, 11],
];
const EXPONENT_MIN = 3;
/** Below, one ring differs from the next by more than the band is wide: several are averaged. */
const NODES_MIN = 4096;

/**
 * Mean path length and its percentiles for rings of 8 to 16,384 nodes.
 *
 * @param sizes only so many of the sizes, the smallest first
 */
export function pathLength({ seed, quick, count, progress }: Options, sizes = PUBLISHED.length): Report {
  const random = new Random(seed);
  const means: number[] = [];
  const rows = PUBLISHED.slice(0, sizes).map(([mean, first, last], index) => {
    const nodes = 2 ** (EXPONENT_MIN + index);
    progress(`path length in a ring of ${nodes}`);
    const lookups = count ?? (quick ? 5000 : Math.max(20_000, Math.min(100 * nodes, 200_000)));
    const hops = hopsIn({ nodes, lookups, random });
    means.push(hops.mean);
    const rule = Math.log2(nodes) / 2;
    const measured = { mean: round(hops.mean), '1st': hops.percentile(1), '99th': hops.percentile(99) };
    return judged({ N: nodes, ...measured, 'published mean': mean, 'published 1st': first, 'published 99th': last }, [
      [isNear(hops.mean, mean, nodes < 128 ? 0.4 : 0.15), 'the mean is not the published one'],
      [nodes < 128 || isNear(hops.mean, rule, 0.2), 'the mean is not half of log2 N'],
      [isNear(hops.percentile(99), last, 1), 'the 99th percentile is not the published one'],
    ]);
  });
  const slope = slopeOf(means);
  const slopeRow = judged({ ...blank(rows[0]?.cells ?? {}), N: 'slope', mean: round(slope), 'published mean': 0.5 }, [
    [isNear(slope, 0.5, 0.03), 'the mean does not grow by a half with each doubling'],
  ]);
  return {
    experiment: 'path-length',
    title: 'Path length against the number of nodes',
    source: 'SIGCOMM 2001 and ToN 2003, Fig. 10(a)',
    setUp:
      'Ideal rings, exact fingers, successor lists of 1, random origins and keys; members moved through before the owner.',
    band: 'mean ± 0.15 and ½·log2 N ± 0.2 from 128 nodes, ± 0.4 below; 99th percentile ± 1; slope against log2 N 0.5 ± 0.03',
    seed,
    rows: [...rows, slopeRow],
    notes: [
      'The published means below 128 nodes come from one ring that shows no path of length 0; here several rings are averaged.',
    ],
  };
}

/** How often each path length comes up among 4096 nodes, from 1 hop, as published. */
const DISTRIBUTION: readonly number[] = [
  0, 0.0033, 0.018, 0.0571, 0.1288, 0.2124, 0.2254, 0.1938, 0.1094, 0.0412, 0.0092, 0.0012, 0.0002,
];

/** The distribution of path lengths among 4096 nodes. */
export function distribution({ seed, quick, count, progress }: Options): Report {
  const random = new Random(seed);
  const hops = new Tally();
  const rings = quick ? 1 : 5;
  for (let ring = 0; ring < rings; ring += 1) {
    progress(`distribution of path lengths, ring ${ring + 1} of ${rings}`);
    hopsIn({ nodes: 4096, lookups: count ?? (quick ? 10_000 : 50_000), random, hops });
  }
  const rows = DISTRIBUTION.map(
    (published, length) =>
      ({
        cells: { hops: length, measured: round(hops.share(length), 4), published },
        verdict: 'not judged',
        outside: [],
      }) as const,
  );
  const lengths = Array.from({ length: Math.max(hops.max + 1, DISTRIBUTION.length) }, (_none, length) => length);
  const distances = lengths.map((length) => Math.abs(hops.share(length) - (DISTRIBUTION[length] ?? 0)));
  const distance = distances.reduce((sum, part) => sum + part, 0) / 2;
  return {
    experiment: 'distribution',
    title: 'Distribution of path lengths among 4096 nodes',
    source: 'SIGCOMM 2001 and ToN 2003, Fig. 10(b)',
    setUp: `As for the path length, ${rings === 1 ? 'one ring' : `${rings} rings`}, ${hops.total} lookups.`,
    band: 'total variation distance at most 0.04; the most frequent length is 6',
    seed,
    rows: [
      ...rows,
      judged({ hops: 'distance', measured: round(distance, 4), published: 0 }, [
        [distance <= 0.04, 'the distributions are too far apart'],
      ]),
      judged({ hops: 'mode', measured: String(hops.mode), published: '6' }, [
        [hops.mode === 6, 'another length is more frequent'],
      ]),
      judged({ hops: 'mean', measured: round(hops.mean), published: 5.85 }, [
        [isNear(hops.mean, 5.85, 0.15), 'the mean is not the published one'],
      ]),
    ],
    notes: [],
  };
}

interface Plan {
  readonly nodes: number;
  readonly lookups: number;
  readonly random: Random;
  readonly hops?: Tally;
}

/** The path lengths of random lookups, over as many rings as it takes to even out where members stand. */
function hopsIn({ nodes, lookups, random, hops = new Tally() }: Plan): Tally {
  const rings = Math.max(1, NODES_MIN / nodes);
  for (let built = 0; built < rings; built += 1) {
    const ring = IdealRing.ofSize(nodes, random);
    const pointers = pointersIn(ring, 1);
    for (let done = 0; done < lookups / rings; done += 1) {
      const origin = ring.at(random.below(nodes));
      hops.add(walk(randomId(random), origin, (id) => pointers.get(id), ASKS_MAX).hops);
    }
  }
  return hops;
}

const ASKS_MAX = 64;

/** What every member of an ideal ring answers from. */
export function pointersIn(ring: IdealRing, successorsMax: number): ReadonlyMap<NodeId, Pointers> {
  return new Map(
    ring.peers.map((self, place) => [
      self.id,
      { self, successors: ring.successorsOf(place, successorsMax), others: ring.fingersOf(place).peers },
    ]),
  );
}

/** The slope of the line that fits values at 0, 1, 2, … best. */
function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const average = values.reduce((sum, value) => sum + value, 0) / values.length;
  let [above, below] = [0, 0];
  values.forEach((value, at) => {
    above += (at - middle) * (value - average);
    below += (at - middle) ** 2;
  });
  return above / below;
}

const blank = (cells: Readonly<Record<string, number | string>>) =>
  Object.fromEntries(Object.keys(cells).map((column) => [column, '']));
