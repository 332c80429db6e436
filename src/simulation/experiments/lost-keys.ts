/**
 * Keys lost when a share of the nodes fails at once (SIGCOMM 2001, Fig. 11): those whose owner has died,
 * and no others. The ring mends itself through the protocol; then keys are looked up from everywhere.
 */
import type { NodeId } from '../../chord/id';
import { keyId } from '../../chord/id';
import type { Pointers } from '../../chord/lookup';
import { fromUtf8 } from '../../octets';
import { IdealRing } from '../ideal-ring';
import { idealWorld } from '../ideal-world';
import { REAL_NODE } from '../node-settings';
import { isNear, judged, type Options, type Report, round, type Row } from '../report';
import { RingWatch } from '../ring-watch';
import { walk } from '../walk';
import type { World } from '../world';

/** Share that fails, and the share of keys that were then not found, as published. */
const PUBLISHED: readonly (readonly [share: number, lost: number])[] = [
  [0.01, 0.009],
  [0.025, 0.021],
  [0.05, 0.047],
  [0.1, 0.094],
  [0.15, 0.147],
  [0.2, 0.201],
];

const ASKS_MAX = 200;
const REPAIR_MAX_MS = 120_000;
const REPLICAS = 3;

/** How large the ring is, and how many keys it holds. */
interface Size {
  readonly nodes: number;
  readonly keys: number;
  /** Every how many keys one is looked up; whose owner has died is counted of all. */
  readonly lookedUpEvery: number;
}

const FULL: Size = { nodes: 10_000, keys: 1_000_000, lookedUpEvery: 10 };
const QUICK: Size = { nodes: 1000, keys: 50_000, lookedUpEvery: 10 };

/** The share of keys lost, and lookups that end anywhere but at the owner. */
export function lostKeys({ seed, quick, count, progress }: Options): Report {
  const { nodes, keys, lookedUpEvery } = { ...(quick ? QUICK : FULL), ...(count === undefined ? {} : { keys: count }) };
  const rows = PUBLISHED.map(([share, lost], index) => {
    progress(`${share * 100} % of ${nodes} nodes fail`);
    return rowOf(share, lost, nodes, afterRepair(share, { nodes, keys, lookedUpEvery }, seed + index, progress));
  });
  return {
    experiment: 'lost-keys',
    title: 'Keys lost after failures, once the ring has mended itself',
    source: 'SIGCOMM 2001, Fig. 11',
    setUp: `${nodes} nodes, ${keys} keys, successor lists of ${REAL_NODE.successorsMax}; one key in ${lookedUpEvery} is looked up once every pointer is right again.`,
    band: 'the share of keys lost is the share of nodes ± 2 standard errors; every lookup ends at the owner',
    seed,
    rows,
    notes: [
      `"all ${REPLICAS} copies" are the keys whose owner and next ${REPLICAS - 1} successors have all died: what a store with ${REPLICAS} replicas would lose, about the third power of the share.`,
    ],
  };
}

interface Measured {
  readonly lost: number;
  readonly lostWithReplicas: number;
  readonly wrong: number;
  readonly repairedMs: number | undefined;
}

function rowOf(share: number, published: number, nodes: number, measured: Measured): Row {
  const { lost, lostWithReplicas, wrong, repairedMs } = measured;
  // Keys of one owner go together: arcs are exponential, so the error is that of half as many nodes.
  const error = Math.sqrt((2 * share * (1 - share)) / nodes);
  return judged(
    {
      'failed share': share,
      'keys lost': round(lost, 4),
      published,
      'standard error': round(error, 4),
      [`all ${REPLICAS} copies`]: round(lostWithReplicas, 5),
      'whole after, s': repairedMs === undefined ? 'never' : round(repairedMs / 1000, 1),
      'wrong lookups': wrong,
    },
    [
      [isNear(lost, share, 2 * error), 'more or fewer keys are lost than nodes'],
      [repairedMs !== undefined, 'the ring has not become whole'],
      [wrong === 0, 'some lookups ended elsewhere than at the owner'],
    ],
  );
}

function afterRepair(share: number, { nodes, ...sample }: Size, seed: number, progress: Options['progress']): Measured {
  const { world, ring } = idealWorld(
    {
      seed,
      settings: REAL_NODE,
      conditions: { delay: { type: 'even', fromMs: 0, toMs: 60 }, loss: 0, duplication: 0 },
    },
    nodes,
  );
  const dead = new Set<NodeId>();
  // Not at the same moment of everybody's interval.
  world.run(REAL_NODE.stabilizeMs[1]);
  for (const node of world.random.shuffle(world.nodes).slice(0, Math.round(share * nodes))) {
    dead.add(node.self.id);
    world.crash(node);
  }
  const repairedMs = new RingWatch(world, Number.POSITIVE_INFINITY).runUntilIdeal(REPAIR_MAX_MS, 200);
  // The fingers of the dead are still being replaced: lookups pass them by.
  return { ...lookUpAll(world, ring, dead, sample, progress), repairedMs };
}

function lookUpAll(
  world: World,
  ring: IdealRing,
  dead: ReadonlySet<NodeId>,
  { keys, lookedUpEvery }: Omit<Size, 'nodes'>,
  progress: Options['progress'],
) {
  const living = new IdealRing(world.nodes.map(({ self }) => self));
  const pointers = new Map<NodeId, Pointers>(world.nodes.map((node) => [node.self.id, node.pointers]));
  let [lost, lostWithReplicas, wrong] = [0, 0, 0];
  for (let number = 0; number < keys; number += 1) {
    if (number % 100_000 === 0) progress(`${number} of ${keys} keys looked up`);
    const key = keyId(fromUtf8(`${number}`));
    const place = ring.placeOf(key);
    if (dead.has(ring.at(place).id)) lost += 1;
    const copies = Array.from({ length: REPLICAS }, (_none, distance) => ring.at(place + distance));
    if (copies.every(({ id }) => dead.has(id))) lostWithReplicas += 1;
    if (number % lookedUpEvery !== 0) continue;
    const origin = living.at(world.random.below(living.size));
    const [owner] = walk(key, origin, (id) => pointers.get(id), ASKS_MAX).owners;
    if (owner?.id !== living.ownerOf(key).id) wrong += 1;
  }
  return { lost: lost / keys, lostWithReplicas: lostWithReplicas / keys, wrong };
}
