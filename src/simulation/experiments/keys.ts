/**
 * Keys per node (SIGCOMM 2001, Fig. 8), and how virtual nodes even them out (Fig. 9).
 */
import { addressId } from '../../chord/id';
import { randomAddress } from '../ideal-ring';
import { keyPosition, positionOf, Positions } from '../key-counts';
import { Random } from '../random';
import { isNear, judged, type Options, type Report, round, type Row } from '../report';
import { Tally } from '../tally';

const NODES = 10_000;
const KEYS_STEP = 100_000;

/** For 1 to 10 times 10^5 keys: 1st and 99th percentile of keys per node, as published. */
const PUBLISHED: readonly (readonly [first: number, last: number])[] = [
  [0, 48],
  [0, 91],
  [0, 138],
  [0, 181],
  [0, 228],
  [0, 273],
  [0, 320],
  [0, 364],
  [0, 411],
  [1, 463],
];

/**
 * Keys per node without virtual nodes, for 10^5 to 10^6 keys.
 *
 * @param sizes only so many of these numbers, the smallest first
 */
export function keysPerNode({ seed, quick, count, progress }: Options, sizes = PUBLISHED.length): Report {
  const runs = count ?? (quick ? 3 : 20);
  const tallies = Array.from({ length: sizes }, () => new Tally());
  const largest = tallies.map(() => 0);
  for (let run = 0; run < runs; run += 1) {
    progress(`keys per node, run ${run + 1} of ${runs}`);
    const positions = placeNodes(1, new Random(seed + run));
    const keys = new Int32Array(NODES);
    tallies.forEach((tally, step) => {
      putKeys(positions, keys, `${seed + run}`, step * KEYS_STEP, (step + 1) * KEYS_STEP);
      for (const held of keys) tally.add(held);
      largest[step] = (largest[step] ?? 0) + keys.reduce((max, held) => Math.max(max, held), 0) / runs;
    });
  }
  return {
    experiment: 'keys',
    title: 'Keys per node',
    source: 'SIGCOMM 2001, Fig. 8',
    setUp: `${NODES} nodes, no virtual nodes, ${runs} runs; identifiers are SHA-1 of addresses and keys.`,
    band: '99th percentile ± 5 % of theory; share of nodes without a key ± 20 %; mean of the largest 7 to 12 times the mean',
    seed,
    rows: tallies.map((tally, step) => keysRow(step, tally, largest[step] ?? 0)),
    notes: [
      'Theory: arcs are exponential, so keys per node are geometric; P(0) = 1 / (1 + mean), and the largest is about mean · (ln N + 0.58).',
    ],
  };
}

function keysRow(step: number, tally: Tally, largest: number): Row {
  const [first, last] = PUBLISHED[step] ?? [0, 0];
  const { mean } = tally;
  const theory = geometricPercentile(mean, 0.99);
  const none = 1 / (1 + mean);
  return judged(
    {
      'keys / 10^5': step + 1,
      mean: round(mean),
      '1st': tally.percentile(1),
      '99th': tally.percentile(99),
      'published 1st': first,
      'published 99th': last,
      'theory 99th': theory,
      'no key, %': round(tally.share(0) * 100),
      'theory, %': round(none * 100),
      'largest / mean': round(largest / mean, 1),
    },
    [
      [isNear(tally.percentile(99), theory, Math.max(1, theory * 0.05)), 'the 99th percentile is not that of theory'],
      [isNear(tally.share(0), none, none * 0.2), 'too many or too few nodes without a key'],
      [largest >= 7 * mean && largest <= 12 * mean, 'the largest is not 7 to 12 times the mean'],
    ],
  );
}

/** The least x that a geometric number of this mean does not exceed with probability `share`. */
function geometricPercentile(mean: number, share: number): number {
  return Math.ceil(Math.log(1 - share) / Math.log(mean / (1 + mean))) - 1;
}

/** Virtual nodes per node: 1st and 99th percentile, as published and in theory (a negative binomial). */
const VIRTUAL: readonly (readonly [
  virtual: number,
  published: readonly [number, number],
  theory: readonly [number, number],
])[] = [
  [1, [0, 477], [1, 462]],
  [2, [7, 347], [7, 334]],
  [5, [24, 220], [24, 235]],
  [10, [38, 186], [38, 192]],
  [20, [50, 161], [51, 165]],
];

/** Keys per real node when each stands at several places. */
export function virtualNodes({ seed, quick, count, progress }: Options): Report {
  const runs = count ?? (quick ? 1 : 5);
  const keysMax = 10 * KEYS_STEP;
  const rows = VIRTUAL.map(([virtual, published, theory]) => {
    const tally = new Tally();
    for (let run = 0; run < runs; run += 1) {
      progress(`${virtual} virtual nodes, run ${run + 1} of ${runs}`);
      const keys = new Int32Array(NODES);
      putKeys(placeNodes(virtual, new Random(seed + run)), keys, `${seed + run}`, 0, keysMax);
      for (const held of keys) tally.add(held);
    }
    const [first, last] = [tally.percentile(1), tally.percentile(99)];
    return judged(
      {
        'virtual nodes': virtual,
        mean: round(tally.mean),
        '1st': first,
        '99th': last,
        'published 1st': published[0],
        'published 99th': published[1],
        'theory 1st': theory[0],
        'theory 99th': theory[1],
      },
      [
        [isNear(last, theory[1], theory[1] * 0.08), 'the 99th percentile is not that of theory'],
        [isNear(first, theory[0], 3), 'the 1st percentile is not that of theory'],
      ],
    );
  });
  return {
    experiment: 'virtual-nodes',
    title: 'Keys per node with virtual nodes',
    source: 'SIGCOMM 2001, Fig. 9',
    setUp: `${NODES} real nodes, 10^6 keys, ${runs === 1 ? 'one run' : `${runs} runs`}; the k-th place of a node is SHA-1 of "HOST:PORT#k".`,
    band: '99th percentile ± 8 % of theory, 1st percentile ± 3 keys',
    seed,
    rows,
    notes: [],
  };
}

/** Random nodes, each at `virtual` places. */
function placeNodes(virtual: number, random: Random): Positions {
  const members: [number, number][] = [];
  for (let node = 0; node < NODES; node += 1) {
    const addr = randomAddress(random);
    for (let k = 0; k < virtual; k += 1) members.push([positionOf(addressId(k === 0 ? addr : `${addr}#${k}`)), node]);
  }
  return new Positions(members);
}

function putKeys(positions: Positions, keys: Int32Array, run: string, from: number, to: number): void {
  for (let key = from; key < to; key += 1) {
    const owner = positions.ownerOf(keyPosition(`${run}/${key}`));
    keys[owner] = (keys[owner] ?? 0) + 1;
  }
}
