/**
 * Lookups right after a share of the nodes has failed at once, before anything is mended (ToN 2003,
 * Table II): what the fingers and successor lists that are left are worth.
 */
import type { NodeId } from '../../chord/id';
import type { Peer } from '../../chord/peer';
import { IdealRing, randomId } from '../ideal-ring';
import { Random } from '../random';
import { isNear, judged, type Options, type Report, round } from '../report';
import { Tally } from '../tally';
import { walk } from '../walk';
import { pointersIn } from './path-length';

const NODES = 1000;
const SUCCESSORS = 20;
const ASKS_MAX = 200;

/** Share that fails: mean path and mean timeouts, as published. */
const PUBLISHED: readonly (readonly [share: number, path: number, timeouts: number])[] = [
  [0, 3.84, 0],
  [0.1, 4.03, 0.6],
  [0.2, 4.22, 1.17],
  [0.3, 4.44, 2.02],
  [0.4, 4.69, 3.23],
  [0.5, 5.09, 5.1],
];

/** Path length, timeouts and wrong answers for shares up to a half. */
export function failures({ seed, quick, count, progress }: Options): Report {
  const rings = count ?? (quick ? 16 : 20);
  const lookups = quick ? 1000 : 10_000;
  const rows = PUBLISHED.map(([share, path, timeouts], index) => {
    progress(`lookups after ${share * 100} % have failed`);
    const measured = afterFailures(share, { rings, lookups, random: new Random(seed + index * 1000) });
    return judged(
      {
        'failed share': share,
        path: round(measured.hops.mean),
        '1st-99th': span(measured.hops),
        'published path': path,
        timeouts: round(measured.timeouts.mean),
        '1st-99th of timeouts': span(measured.timeouts),
        'published timeouts': timeouts,
        'wrong answers': measured.wrong,
      },
      [
        [isNear(measured.hops.mean, path, 0.2), 'the mean path is not the published one'],
        [isNear(measured.timeouts.mean, timeouts, 0.25), 'the mean of timeouts is not the published one'],
        [measured.wrong === 0, 'some lookups ended at a node that is not the owner'],
      ],
    );
  });
  return {
    experiment: 'failures',
    title: 'Lookups after a share of the nodes has failed at once',
    source: 'ToN 2003, Table II',
    setUp: `${rings} ideal rings of ${NODES}, successor lists of ${SUCCESSORS}, ${lookups} lookups each, nothing is mended.`,
    band: 'mean path ± 0.2, mean timeouts ± 0.25, no wrong answer',
    seed,
    rows,
    notes: ['The published percentiles are narrower than those of a random ring can be, and are not judged.'],
  };
}

interface Plan {
  readonly rings: number;
  readonly lookups: number;
  readonly random: Random;
}

function afterFailures(share: number, { rings, lookups, random }: Plan) {
  const [hops, timeouts] = [new Tally(), new Tally()];
  let wrong = 0;
  for (let built = 0; built < rings; built += 1) {
    const ring = IdealRing.ofSize(NODES, random);
    const pointers = pointersIn(ring, SUCCESSORS);
    const living = new IdealRing(ring.peers.filter(() => !random.chance(share)));
    const alive = new Set<NodeId>(living.peers.map(({ id }) => id));
    const isAlive = ({ id }: Peer) => alive.has(id);
    for (let done = 0; done < lookups; done += 1) {
      const key = randomId(random);
      const origin = living.at(random.below(living.size));
      const found = walk(key, origin, (id) => (alive.has(id) ? pointers.get(id) : undefined), ASKS_MAX);
      hops.add(found.hops);
      timeouts.add(found.timeouts);
      // Dead successors at the end are passed by: the list names those behind them.
      if (found.owners.find(isAlive) !== living.ownerOf(key)) wrong += 1;
    }
  }
  return { hops, timeouts, wrong };
}

const span = (tally: Tally) => `${tally.percentile(1)}-${tally.percentile(99)}`;
