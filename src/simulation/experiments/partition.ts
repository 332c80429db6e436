/**
 * Partitions: a ring that is cut in two halves for a while. Each becomes a ring of its own, and when the
 * cut is joined the two become one again, because members remember whom they took for dead.
 */
import { idealWorld } from '../ideal-world';
import { REAL_NODE } from '../node-settings';
import type { Random } from '../random';
import { judged, type Options, type Report, round, type Row } from '../report';
import { RingWatch } from '../ring-watch';
import { Snapshot } from '../../chord/invariants';
import { viewOf } from '../variants';
import type { VirtualNode } from '../virtual-node';

const NODES = 16;
const CUT_MS = 10_000;
const MERGE_MAX_MS = 60_000;
const QUIET_MS = 5000;

/** How the halves lie in the ring. */
type Halves = 'by chance' | 'every other' | 'two arcs';

const CASES = ([3, 8] as const).flatMap((successorsMax) =>
  (['by chance', 'every other', 'two arcs'] as const).map((halves) => ({ successorsMax, halves })),
);

const COUNT = 600;
const COUNT_QUICK = 24;

/** Cuts rings of 16 in two for 10 s, and sees whether they become one again. */
export function partition({ seed, quick, count = quick ? COUNT_QUICK : COUNT, progress }: Options): Report {
  const outcomes = CASES.map(() => [] as Outcome[]);
  const unmerged: number[] = [];
  for (let run = 0; run < count; run += 1) {
    progress(`partition ${run + 1} of ${count}`);
    const place = (seed + run) % CASES.length;
    const outcome = cutAndJoin(seed + run, CASES[place] ?? { successorsMax: 3, halves: 'by chance' });
    outcomes[place]?.push(outcome);
    if (outcome.mergedMs === undefined) unmerged.push(seed + run);
  }
  return {
    experiment: 'partition',
    title: 'A ring that is cut in two and joined again',
    source: 'the promise of this implementation; SIGCOMM 2001, section 7, suggests the remedy',
    setUp: `Ideal rings of ${NODES}; each half reaches only itself for ${CUT_MS / 1000} s; messages take up to 60 ms, a probe begins every 2 s.`,
    band: 'one ideal ring again, every time',
    seed,
    rows: CASES.flatMap((what, place) => {
      const runs = outcomes[place] ?? [];
      return runs.length === 0 ? [] : [rowOf(what, runs)];
    }),
    notes: unmerged.map(
      (at) => `Not merged: run ${at}; replay it with funnelkvs simulate --experiment partition --seed ${at} --count 1`,
    ),
  };
}

interface Case {
  readonly successorsMax: number;
  readonly halves: Halves;
}

interface Outcome {
  /** Each half was an ideal ring of its own when the cut was joined. */
  readonly wereTwo: boolean;
  readonly mergedMs: number | undefined;
}

function cutAndJoin(seed: number, { successorsMax, halves }: Case): Outcome {
  const { world, nodes } = idealWorld(
    {
      seed,
      settings: { ...REAL_NODE, successorsMax },
      conditions: { delay: { type: 'even', fromMs: 0, toMs: 60 }, loss: 0, duplication: 0 },
    },
    NODES,
  );
  const watch = new RingWatch(world);
  // Long enough for everybody to have heard of everybody whom it would have heard of in a day.
  world.run(10_000);
  const sides = halvesOf(nodes, halves, world.random);
  world.network.partition(sides.map((side) => side.map(({ self }) => self.addr)));
  world.run(CUT_MS);
  const wereTwo = sides.every((side) => new Snapshot(side.map(({ member }) => viewOf(member))).isIdeal(successorsMax));
  world.network.heal();
  return { wereTwo, mergedMs: watch.runUntilIdealAndQuiet(MERGE_MAX_MS, QUIET_MS) };
}

function halvesOf(nodes: readonly VirtualNode[], halves: Halves, random: Random): readonly (readonly VirtualNode[])[] {
  const ordered = halves === 'by chance' ? random.shuffle(nodes) : nodes;
  const isFirst = (place: number) => (halves === 'every other' ? place % 2 === 0 : place < nodes.length / 2);
  return [ordered.filter((_node, place) => isFirst(place)), ordered.filter((_node, place) => !isFirst(place))];
}

function rowOf({ successorsMax, halves }: Case, runs: readonly Outcome[]): Row {
  const merged = runs.flatMap(({ mergedMs }) => mergedMs ?? []).sort((a, b) => a - b);
  const at = (share: number) => round((merged[Math.floor(share * (merged.length - 1))] ?? 0) / 1000, 1);
  return judged(
    {
      list: successorsMax,
      halves,
      runs: runs.length,
      'were two rings': runs.filter(({ wereTwo }) => wereTwo).length,
      'one again': merged.length,
      'median, s': at(0.5),
      '99th, s': at(0.99),
      'worst, s': at(1),
    },
    [[merged.length === runs.length, 'some have stayed apart']],
  );
}
