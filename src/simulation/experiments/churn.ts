/**
 * Lookups while nodes come and go (ToN 2003, Table III), and while nodes come and fail and no lookup is
 * retried (SIGCOMM 2001, Fig. 12).
 */
import type { Peer } from '../../chord/peer';
import { IdealRing, randomId } from '../ideal-ring';
import { idealWorld } from '../ideal-world';
import { type NodeSettings, REAL_NODE } from '../node-settings';
import { isNear, judged, type Options, type Report, round, type Row } from '../report';
import { Tally } from '../tally';
import type { VirtualNode } from '../virtual-node';
import type { World } from '../world';

/** How the nodes of both papers' simulators behaved; what differs between the two is added. */
const PAPER: NodeSettings = {
  ...REAL_NODE,
  successorsMax: 20,
  stabilizeMs: [15_000, 45_000],
  isReactive: false,
  ringProbeMs: 0,
  detection: { type: 'timeout', timeoutMs: 500 },
};
const SECOND_MS = 1000;

/** Rate of joins and of leaves per second: mean path, mean timeouts and failures per 10,000, as published. */
const PUBLISHED: readonly (readonly [rate: number, path: number, timeouts: number, failures: number])[] = [
  [0.05, 3.9, 0.05, 0],
  [0.1, 3.83, 0.11, 0],
  [0.15, 3.84, 0.16, 2],
  [0.2, 3.81, 0.23, 5],
  [0.25, 3.83, 0.3, 6],
  [0.3, 3.91, 0.34, 8],
  [0.35, 3.94, 0.42, 16],
  [0.4, 4.06, 0.46, 15],
];

/** Lookups among a thousand nodes that join and leave in good order. */
export function churn({ seed, quick, count = quick ? 1500 : 10_000, progress }: Options): Report {
  const settings: NodeSettings = { ...PAPER, fingers: { type: 'refresh', entries: 'one' } };
  const rates = quick ? PUBLISHED.filter((_row, index) => index % 3 === 1) : PUBLISHED;
  const rows = rates.map(([rate, path, timeouts, failures], index) => {
    const measured = underChurn(
      {
        nodes: 1000,
        settings,
        rate,
        departure: 'leave',
        lookups: count,
        seed: seed + index,
        warmUpMs: 1800 * SECOND_MS,
        pauseMs: SECOND_MS,
      },
      (share) => progress(`lookups with ${rate} joins and leaves per second, ${Math.round(share * 100)} %`),
    );
    const failed = (measured.failed * 10_000) / measured.hops.total;
    return judged(
      {
        'joins, leaves per s': rate,
        path: round(measured.hops.mean),
        '1st-99th': span(measured.hops),
        'published path': path,
        timeouts: round(measured.timeouts.mean),
        '1st-99th of timeouts': span(measured.timeouts),
        'published timeouts': timeouts,
        'failures per 10^4': round(failed, 1),
        'published failures': failures,
      },
      [
        [measured.hops.mean >= 3.6 && measured.hops.mean <= 4.3, 'the mean path is not between 3.6 and 4.3'],
        [isNear(measured.timeouts.mean, timeouts, 0.35 * timeouts), 'timeouts differ by more than 35 %'],
        [failed <= 2 * failures + 5, 'too many lookups fail'],
      ],
    );
  });
  return {
    experiment: 'churn',
    title: 'Lookups while nodes join and leave',
    source: 'ToN 2003, Table III',
    setUp: `1000 nodes, lists of 20, a round every 15 to 45 s which refreshes the list and one finger in its turn, delays of 50 ms (exponential), silent after 500 ms; ${count} lookups, one per second.`,
    band: 'mean path 3.6 to 4.3, timeouts ± 35 %, failures at most twice the published and 5 per 10^4',
    seed,
    rows,
    notes: [],
  };
}

/** Rate of joins and of failures per second: the share of lookups that failed, as published. */
const PUBLISHED_NO_RETRY: readonly (readonly [rate: number, failed: number])[] = [
  [0.01, 0.003],
  [0.02, 0.0095],
  [0.05, 0.0245],
  [0.1, 0.0645],
];

/** What the nodes of that experiment did not do as those above. */
const NO_RETRY: NodeSettings = {
  ...PAPER,
  // The published nodes had no list. Names of the dead wander along lists, one member a round: a short one keeps few.
  successorsMax: 3,
  retriesLookups: false,
  fingers: { type: 'refresh', entries: 'all' },
};

/** Lookups that are given up when they meet a dead node. */
export function churnNoRetry({ seed, quick, count, progress }: Options): Report {
  const runs = count ?? (quick ? 1 : 3);
  const lookups = quick ? 2000 : 7200;
  const rows = PUBLISHED_NO_RETRY.map(([rate, published], index) => {
    let failed = 0;
    let met = 0;
    for (let run = 0; run < runs; run += 1) {
      progress(`lookups without retries, ${rate} joins and failures per second, run ${run + 1} of ${runs}`);
      const measured = underChurn(withoutRetries(rate, lookups, seed + 1000 * index + run), () => {});
      failed += measured.failed / measured.hops.total / runs;
      met += measured.timeouts.mean / runs;
    }
    return noRetryRow(rate, published, failed, met);
  });
  return {
    experiment: 'churn-no-retry',
    title: 'Lookups while nodes join and fail, without retries',
    source: 'SIGCOMM 2001, Fig. 12',
    setUp: `500 nodes, lists of 3, a round every 15 to 45 s which refreshes the list and all fingers, ${lookups} lookups, four per second, ${runs} runs; a lookup that meets a dead node has failed.`,
    band: 'failed share ± 40 % from 0.05 per second',
    seed,
    rows,
    notes: [
      'Fewer failures than published are to be expected: a newcomer is let in at once here, and was not known for a round or two there.',
    ],
  };
}

const withoutRetries = (rate: number, lookups: number, seed: number): Plan => ({
  nodes: 500,
  settings: NO_RETRY,
  rate,
  departure: 'crash',
  lookups,
  seed,
  warmUpMs: 600 * SECOND_MS,
  pauseMs: SECOND_MS / 4,
});

function noRetryRow(rate: number, published: number, failed: number, met: number): Row {
  const isJudged = rate >= 0.05;
  return judged(
    {
      'joins, failures per s': rate,
      'failed share': round(failed, 4),
      published,
      'met a dead node': round(met, 4),
      judged: isJudged ? 'yes' : 'no',
    },
    [[!isJudged || isNear(failed, published, 0.4 * published), 'the share differs by more than 40 %']],
  );
}

interface Plan {
  readonly nodes: number;
  readonly settings: NodeSettings;
  /** Joins, and as many departures, per second. */
  readonly rate: number;
  readonly departure: 'leave' | 'crash';
  readonly lookups: number;
  readonly seed: number;
  /** How long churn goes on before anything is measured, and the mean time between lookups then. */
  readonly warmUpMs: number;
  readonly pauseMs: number;
}

interface Measured {
  readonly hops: Tally;
  readonly timeouts: Tally;
  readonly failed: number;
}

/** Lets the ring become what churn makes of it, then looks keys up. */
function underChurn(plan: Plan, progress: (share: number) => void): Measured {
  const { nodes: size, settings, rate, departure, lookups, seed, warmUpMs, pauseMs } = plan;
  const conditions = { delay: { type: 'exponential', meanMs: 50 }, loss: 0, duplication: 0 } as const;
  const { world } = idealWorld({ seed, settings, conditions }, size);
  const population = new Population(world);
  const repeat = (meanMs: number, action: () => void): void => {
    world.after(world.random.exponential(meanMs), () => {
      action();
      repeat(meanMs, action);
    });
  };
  repeat(SECOND_MS / rate, () => population.join());
  repeat(SECOND_MS / rate, () => population.depart(departure));
  world.run(warmUpMs);
  const measured = { hops: new Tally(), timeouts: new Tally(), failed: 0 };
  let started = 0;
  repeat(pauseMs, () => {
    started += 1;
    if (started % 500 === 0) progress(Math.min(1, started / lookups));
    if (measured.hops.total < lookups) population.lookUp(measured);
  });
  // Whoever leaves in the middle of a lookup of its own does not learn how it ends: another is made instead.
  while (measured.hops.total < lookups) world.run(10 * SECOND_MS);
  return measured;
}

/** The nodes of a world that come and go. */
class Population {
  constructor(private readonly world: World) {}

  join(): void {
    const { world } = this;
    world.start(world.freshPeer()).join(() => {
      const contact = this.anybody();
      return contact ? [contact.self] : [];
    });
  }

  depart(departure: 'leave' | 'crash'): void {
    const node = this.anybody();
    if (node === undefined) return;
    if (departure === 'leave') this.world.leave(node);
    else this.world.crash(node);
  }

  lookUp(measured: { readonly hops: Tally; readonly timeouts: Tally; failed: number }): void {
    const key = randomId(this.world.random);
    this.anybody()?.find(key, ({ owners: [owner], path, timeouts }) => {
      measured.hops.add(path.length - 1);
      measured.timeouts.add(timeouts);
      if (owner?.id !== this.ownerOf(key)?.id) measured.failed += 1;
    });
  }

  private anybody(): VirtualNode | undefined {
    const { nodes } = this.world;
    for (let tries = 0; tries < 100; tries += 1) {
      const node = this.world.random.pick(nodes);
      if (node?.member.phase === 'member') return node;
    }
    return undefined;
  }

  /** Who is the owner at this moment, by what everybody together knows. */
  private ownerOf(key: Peer['id'] | ReturnType<typeof randomId>): Peer | undefined {
    const members = this.world.nodes.filter(({ member }) => member.phase === 'member');
    return new IdealRing(members.map(({ self }) => self)).ownerOf(key);
  }
}

const span = (tally: Tally) => `${tally.percentile(1)}-${tally.percentile(99)}`;
