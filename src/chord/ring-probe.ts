/**
 * Ring probe: finds out whether the ring has fallen into two, or goes round more than once.
 *
 * A ring that was cut in two closes both halves, and each is then well by all that its members can
 * see in their pointers. Only somebody remembered from before may be on the other side. So from time
 * to time a member asks one that it remembers to lead it to the member's own place, as if it were
 * not there: a lookup of its own identifier that passes it by. It ends between two members of
 * that one's ring. If the second is nearer than the member's successor, the member considers it; if the
 * first is nearer than its predecessor, that one gets a hint; and by that both come to know each other. While
 * this brings news the next probe follows at once. In a ring that is whole it never does.
 */
import { betweenOpen, type Id, type NodeId } from './id';
import { type Lookup, type LookupEffect, type LookupEvent, type NextHop, startLookup, stepLookup } from './lookup';
import type { Peer } from './peer';
import type { PeerMemory } from './peer-memory';
import { estimateRingSize, type Neighbourhood } from './ring-size';
import { unreachable } from '../unreachable';

/** What a probe goes by: the published state of a ring member will do. */
export interface ProbeView extends Neighbourhood {
  readonly memory: PeerMemory;
}

/** What happens to a probe. */
export type RingProbeEvent =
  /** It may be time: {@link RingProbe.dueMs} says when it is. */
  | { readonly type: 'tick' }
  | { readonly type: 'answered'; readonly request: number; readonly hop: NextHop }
  | { readonly type: 'silent'; readonly request: number };

/** What a probe wants done. */
export type RingProbeEffect =
  /** Ask for the next hop towards `key`, with these excluded. */
  | {
      readonly type: 'ask';
      readonly to: Peer;
      readonly request: number;
      readonly key: Id;
      readonly excluded: ReadonlySet<NodeId>;
    }
  /** The ring member should look whether this one is its successor. */
  | { readonly type: 'consider'; readonly candidate: Peer }
  /** Tell `to` that this node, `between`, lies behind it. */
  | { readonly type: 'hint'; readonly to: Peer; readonly between: Peer };

/** A probe's state, from one to the next. */
export interface RingProbe {
  readonly intervalMs: number;
  /** When the next one is to begin. */
  readonly dueMs: number;
  readonly walk: Walk | undefined;
  /** Somebody who has just brought news, and is asked again. */
  readonly again: Peer | undefined;
  readonly lastRequest: number;
}

/** The way towards this node's own place. */
interface Walk {
  readonly lookup: Lookup;
  readonly request: number;
  readonly startedMs: number;
  /** Whether anybody has answered. */
  readonly isAnswered: boolean;
  /** How many others may still be asked to lead the way if this one is silent. */
  readonly othersLeft: number;
}

type Outcome = [RingProbe, readonly RingProbeEffect[]];

const NOTHING: readonly RingProbeEffect[] = [];

const SMALL_RING = 64;
/** How much less often a larger ring is probed, where somebody is always probing. */
const LARGE_RING_FACTOR = 5;
/** Most members that a walk asks, the guide included. */
const ASKS_MAX = 20;
/** So many silent ones in a row are passed by, before the probe waits for its next turn. */
const OTHERS_MAX = 2;
/** After news, the ring has so long to take it in, and something more by chance. */
const NEWS_PAUSE_MS = 50;
/** A walk whose answers do not come at all is given up. */
const WALK_MAX_MS = 10_000;
/** How often somebody is asked who is among the neighbours already: they know of a loop as well as anybody. */
const NEIGHBOUR_SHARE = 0.25;

/**
 * A probe that begins at a random moment of its first period.
 *
 * @param intervalMs the mean period in small rings, five times as long in larger ones; it varies by half
 */
export function startRingProbe(nowMs: number, intervalMs: number, random: () => number): RingProbe {
  return { intervalMs, dueMs: nowMs + intervalMs * random(), walk: undefined, again: undefined, lastRequest: 0 };
}

/**
 * Handles one event.
 *
 * @param view the member's pointers as they are now
 * @param random gives numbers from 0 up to 1
 */
export function stepRingProbe(
  probe: RingProbe,
  event: RingProbeEvent,
  view: ProbeView,
  nowMs: number,
  random: () => number,
): Outcome {
  const { walk } = probe;
  const now: Moment = { view, nowMs, random };
  switch (event.type) {
    case 'tick': {
      const isDue = walk === undefined ? nowMs >= probe.dueMs : nowMs - walk.startedMs > WALK_MAX_MS;
      return isDue ? begin(probe, OTHERS_MAX, now) : [probe, NOTHING];
    }
    case 'answered':
      if (walk?.request !== event.request) return [probe, NOTHING];
      return goOn(probe, { ...walk, isAnswered: true }, { type: 'answered', from: askedBy(walk), hop: event.hop }, now);
    case 'silent':
      if (walk?.request !== event.request) return [probe, NOTHING];
      return goOn(probe, walk, { type: 'timed_out', peer: askedBy(walk) }, now);
    default:
      return unreachable(event);
  }
}

/** What a step may look at besides the probe itself. */
interface Moment {
  readonly view: ProbeView;
  readonly nowMs: number;
  readonly random: () => number;
}

const askedBy = ({ lookup }: Walk) => lookup.asked.id;

/** Asks somebody remembered for the way to this node's own place, as if it were not there. */
function begin(probe: RingProbe, othersLeft: number, now: Moment): Outcome {
  const guide = probe.again ?? guideIn(now);
  const next = { ...probe, walk: undefined, again: undefined };
  if (guide === undefined) return rest(next, false, now);
  const { self } = now.view;
  const [lookup, effect] = startLookup(self.id, guide, ASKS_MAX - 1);
  const walk = {
    lookup: { ...lookup, silent: new Set([self.id]) },
    startedMs: now.nowMs,
    isAnswered: false,
    othersLeft,
  };
  return perform(next, walk, effect, now);
}

function goOn(probe: RingProbe, walk: Walk, event: LookupEvent, now: Moment): Outcome {
  const [lookup, effect] = stepLookup(walk.lookup, event);
  return effect ? perform(probe, { ...walk, lookup }, effect, now) : [probe, NOTHING];
}

function perform(probe: RingProbe, walk: Omit<Walk, 'request'>, effect: LookupEffect, now: Moment): Outcome {
  switch (effect.type) {
    case 'ask': {
      const request = probe.lastRequest + 1;
      // The lookup excludes who was silent, and this node from the beginning.
      const { key, silent } = walk.lookup;
      const next = { ...probe, walk: { ...walk, request }, lastRequest: request };
      return [next, [{ type: 'ask', to: effect.peer, request, key, excluded: silent }]];
    }
    case 'found':
      return arrived(probe, effect.path.at(-1), effect.owner, now);
    case 'failed':
      if (walk.isAnswered) return arrived(probe, effect.path.at(-1), undefined, now);
      return walk.othersLeft > 0 ? begin(probe, walk.othersLeft - 1, now) : rest(probe, false, now);
    default:
      return unreachable(effect);
  }
}

/** The walk has come to this node's place in the other's view: between `before` and `after`. */
function arrived(probe: RingProbe, before: Peer | undefined, after: Peer | undefined, now: Moment): Outcome {
  const { self, predecessor, successors } = now.view;
  const head = successors[0] ?? self;
  const effects: RingProbeEffect[] = [];
  if (after && betweenOpen(after.id, self.id, head.id)) effects.push({ type: 'consider', candidate: after });
  const isNearer = before && betweenOpen(before.id, predecessor.id, self.id);
  // Two rings may interleave so that neither node is nearer here; but whoever has not this node's predecessor
  // between itself and this node does not know of this ring, and is the one to be told.
  const isElsewhere = before && after && before.id !== predecessor.id;
  if (before && (isNearer || isElsewhere)) effects.push({ type: 'hint', to: before, between: self });
  const [next] = rest(probe, effects.length > 0, now);
  return [{ ...next, again: effects.length > 0 ? (before ?? after) : undefined }, effects];
}

function rest(probe: RingProbe, isNews: boolean, { view, nowMs, random }: Moment): Outcome {
  const factor = estimateRingSize(view) > SMALL_RING ? LARGE_RING_FACTOR : 1;
  const pauseMs = isNews ? NEWS_PAUSE_MS * (1 + random()) : probe.intervalMs * factor * (0.5 + random());
  return [{ ...probe, walk: undefined, dueMs: nowMs + pauseMs }, NOTHING];
}

/** Somebody remembered, rather one that is not among the neighbours. */
function guideIn({ view, random }: Moment): Peer | undefined {
  const { self, predecessor, successors, memory } = view;
  const all = memory.peers.filter(({ id }) => id !== self.id);
  const neighbours = new Set([predecessor, ...successors].map(({ id }) => id));
  const strangers = all.filter(({ id }) => !neighbours.has(id));
  const choice = strangers.length === 0 || random() < NEIGHBOUR_SHARE ? all : strangers;
  return choice[Math.floor(random() * choice.length)];
}
