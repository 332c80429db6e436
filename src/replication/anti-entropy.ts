/**
 * Anti-entropy: when the primary of an arc compares it with which member.
 *
 * In a healthy ring nothing ever differs, and a comparison is one small question. It is made for every arc
 * that this node leads, with every other member that votes: soon after the view began or a member began to
 * vote, soon after something was mended or hints were given up, and else from time to time. Learners are
 * left alone, for they fetch by themselves.
 *
 * Two things follow from comparisons that end in agreement. Once every member has agreed twice since the
 * view began, and nothing new has come from any of them since, all have whatever was completed earlier. And
 * a deletion that is older than the last agreement of every member need not be remembered.
 *
 * Immutable.
 */
import type { Peer } from '../chord/peer';
import type { Range } from '../chord/range';
import type { Comparison, ComparisonOutcome } from './comparison';
import { compareEpochs, type Epoch } from './epoch';
import { isComplete } from './horizons';
import { allVote, isSameView, type View } from './view';
import type { Views } from './views';

/** An arc that this node leads. */
export interface LedArc {
  readonly arc: Range;
  readonly epoch: Epoch;
  /** The other members that vote. */
  readonly voters: readonly Peer[];
  /** Whether all members vote. */
  readonly isWhole: boolean;
  /** Whether it has as many members as it should, too. */
  readonly isComplete: boolean;
}

/** What this node knows of views and of the ring. */
export type Known = Pick<Views, 'holdings' | 'self' | 'ring' | 'replicas'>;

/** One member of one led arc. */
export interface Pair {
  /** Tells it from every other. */
  readonly key: string;
  readonly arc: Range;
  readonly epoch: Epoch;
  readonly member: Peer;
  /** Monotonic; while it is being compared, when it is to be compared again at the earliest. */
  readonly dueAtMs: number;
  /** Somebody has asked for it: a strained node does it all the same. */
  readonly isWanted: boolean;
  /** When the comparison that is under way began; undefined: there is none. */
  readonly begunAt: Moment | undefined;
  /** Whether that one only lets time pass, until it looks again at what was young. */
  readonly isWaiting: boolean;
  /** When the last one began that ended in agreement. */
  readonly agreedAt: Moment | undefined;
  /** How often in a row they have agreed. */
  readonly agreements: number;
  readonly failures: number;
  /** Since the view began. */
  readonly differences: number;
  readonly repaired: number;
}

/** A moment, on both clocks. */
export interface Moment {
  readonly monotonicMs: number;
  readonly systemMs: number;
}

/** What is compared with whom. */
export interface Schedule {
  readonly intervalMs: number;
  readonly arcs: readonly LedArc[];
  readonly pairs: readonly Pair[];
}

/** What all members of a view have been found to have. */
export interface Agreed {
  readonly arc: Range;
  readonly epoch: Epoch;
}

/**
 * Most comparisons that ask and answer at a time in a node; with one member there is never more than one. Those that wait do
 * not count: where much is written nearly all have to, and the others would wait for them.
 */
export const COMPARISONS_MAX = 2;
/** Most that are under way at all. */
const UNDER_WAY_MAX = 16;

/** How often every member has to agree. */
const AGREEMENTS_MIN = 2;
/** How many intervals a comparison may come too late in a strained node: an agreement must not grow too old. */
const STRAINED_INTERVALS_MAX = 6;
/** A comparison is due so soon where it matters. */
const SOON_MS = 500;
const RETRY_MS_MAX = 8000;
/** While a view has not settled yet, others wait for it. */
const UNSETTLED_RETRY_MS_MAX = 2000;
/** So much earlier or later is a comparison made than usual, so that nodes do not fall into step. */
const JITTER = 0.2;

/** Nothing to be compared. */
export function idleSchedule(intervalMs: number): Schedule {
  return { intervalMs, arcs: [], pairs: [] };
}

/** The arcs that a node leads and may serve. Neighbouring pieces of one view are one arc. */
export function ledArcs({ holdings, self, ring, replicas }: Known): readonly LedArc[] {
  const led = holdings.flatMap(({ view, role, promised }) =>
    view && role === 'voter' && view.primary === self.id && compareEpochs(view.epoch, promised) === 0 ? [view] : [],
  );
  const ringSize = new Set([self.id, ring.predecessor.id, ...ring.successors.map(({ id }) => id)]).size;
  return joined(led).map((view) => {
    const { arc, epoch, members, voters } = view;
    const others = members.filter(({ id }) => id !== self.id && voters.includes(id));
    const isSure = ring.isSettled && ring.isComplete;
    return {
      arc,
      epoch,
      voters: others,
      isWhole: allVote(view),
      isComplete: isSure && isComplete(view, replicas, ringSize),
    };
  });
}

/**
 * The schedule once these are the led arcs: what is new is due at once. Also gives the arcs, new ones among
 * them, that nobody else is a member of: there is nobody to agree with.
 */
export function withArcs(
  schedule: Schedule,
  arcs: readonly LedArc[],
  nowMs: number,
): readonly [Schedule, readonly Agreed[]] {
  const known = new Map(schedule.pairs.map((pair) => [pair.key, pair]));
  const pairs = arcs.flatMap(({ arc, epoch, voters }) =>
    voters.map((member) => {
      const key = keyOf(arc, epoch, member);
      return known.get(key) ?? newPair(key, { arc, epoch }, member, nowMs);
    }),
  );
  const alone = arcs.filter(
    (each) => isAlone(each) && !schedule.arcs.some((old) => isAlone(old) && isSameArc(old, each)),
  );
  return [{ ...schedule, arcs, pairs }, alone.map(({ arc, epoch }) => ({ arc, epoch }))];
}

/**
 * What is to be compared now: the most overdue first, no more than may be under way, and with each member only one at a time.
 * Where the node is strained, whoever has been found to agree waits, unless somebody has asked for it, though not for ever.
 */
export function duePairs(
  { pairs, intervalMs }: Schedule,
  nowMs: number,
  { isStrained = false }: { readonly isStrained?: boolean } = {},
): readonly Pair[] {
  const underWay = pairs.filter(({ begunAt }) => begunAt !== undefined);
  const busy = new Set(underWay.filter(({ isWaiting }) => !isWaiting).map(({ member }) => member.id));
  const due: Pair[] = [];
  const canWait = ({ agreements, isWanted, dueAtMs }: Pair) =>
    isStrained && !isWanted && agreements >= AGREEMENTS_MIN && nowMs - dueAtMs < STRAINED_INTERVALS_MAX * intervalMs;
  const waiting = pairs.filter((pair) => pair.begunAt === undefined && pair.dueAtMs <= nowMs && !canWait(pair));
  for (const pair of waiting.toSorted((a, b) => a.dueAtMs - b.dueAtMs)) {
    if (busy.size >= COMPARISONS_MAX || underWay.length + due.length >= UNDER_WAY_MAX) break;
    if (busy.has(pair.member.id)) continue;
    busy.add(pair.member.id);
    due.push(pair);
  }
  return due;
}

/** A comparison has begun. */
export function withBegun(schedule: Schedule, key: string, begunAt: Moment): Schedule {
  // Whatever happens from now on, it is due again only if somebody says so.
  return withPair(schedule, key, (pair) => ({
    ...pair,
    begunAt,
    isWanted: false,
    dueAtMs: Number.POSITIVE_INFINITY,
  }));
}

/** A comparison that is under way begins to wait, or goes on. */
export function withWaiting(schedule: Schedule, key: string, isWaiting: boolean): Schedule {
  return withPair(schedule, key, (pair) => ({ ...pair, isWaiting }));
}

/** A comparison has ended. Gives what all members have agreed upon by that. */
export function withEnded(
  before: Schedule,
  key: string,
  outcome: ComparisonOutcome,
  comparison: Comparison,
  nowMs: number,
  random: number,
): readonly [Schedule, readonly Agreed[]] {
  const found = before.pairs.find((pair) => pair.key === key);
  if (found === undefined) return [before, []];
  const jitter = 1 + JITTER * (2 * random - 1);
  const schedule = withPair(before, key, (pair) => ended(pair, outcome, comparison, nowMs, before.intervalMs, jitter));
  if (comparison.fetched === 0) return [schedule, agreedUpon(schedule, found)];
  // What has come from this member the others may lack.
  const isOther = (pair: Pair) => isSameArc(pair, found) && pair.key !== key;
  const pairs = schedule.pairs.map((pair) =>
    isOther(pair) ? { ...pair, agreements: 0, dueAtMs: Math.min(pair.dueAtMs, nowMs + SOON_MS) } : pair,
  );
  return [{ ...schedule, pairs }, []];
}

/** Everything, or everything with one member, is to be compared now. */
export function withDue(schedule: Schedule, nowMs: number, member?: Peer): Schedule {
  const isMeant = (pair: Pair) =>
    member === undefined || (pair.member.id === member.id && pair.member.inc === member.inc);
  const pairs = schedule.pairs.map((pair) =>
    isMeant(pair) ? { ...pair, dueAtMs: Math.min(pair.dueAtMs, nowMs), isWanted: true, failures: 0 } : pair,
  );
  return { ...schedule, pairs };
}

/** Up to when (Unix ms) every member of a led arc, all of them voting and as many as there should be, has what this node had; 0: not known. */
export function horizonOf({ arcs, pairs }: Schedule, arc: Agreed): number {
  const isKnown = arcs.some((led) => led.isComplete && isSameArc(led, arc));
  const agreed = pairs.filter((pair) => isSameArc(pair, arc)).map(({ agreedAt }) => agreedAt?.systemMs ?? 0);
  return isKnown && agreed.length > 0 ? Math.min(...agreed) : 0;
}

// Internal

function keyOf({ lo, hi }: Range, { n, by }: Epoch, { id, inc }: Peer): string {
  return `${lo} ${hi} ${n} ${by} ${id} ${inc}`;
}

function newPair(key: string, { arc, epoch }: Agreed, member: Peer, nowMs: number): Pair {
  const counts = { agreements: 0, failures: 0, differences: 0, repaired: 0 };
  return {
    key,
    arc,
    epoch,
    member,
    dueAtMs: nowMs,
    isWanted: false,
    begunAt: undefined,
    isWaiting: false,
    agreedAt: undefined,
    ...counts,
  };
}

function withPair(schedule: Schedule, key: string, change: (pair: Pair) => Pair): Schedule {
  return { ...schedule, pairs: schedule.pairs.map((pair) => (pair.key === key ? change(pair) : pair)) };
}

function ended(
  pair: Pair,
  outcome: ComparisonOutcome,
  { differences, fetched, pushed }: Comparison,
  nowMs: number,
  intervalMs: number,
  jitter: number,
): Pair {
  const { begunAt, dueAtMs } = pair;
  const counted = {
    ...pair,
    begunAt: undefined,
    isWaiting: false,
    differences: pair.differences + differences,
    repaired: pair.repaired + fetched + pushed,
  };
  const dueIn = (ms: number) => Math.min(dueAtMs, nowMs + ms * jitter);
  if (outcome.type !== 'compared') {
    const mostMs = pair.agreedAt === undefined ? UNSETTLED_RETRY_MS_MAX : RETRY_MS_MAX;
    const retryMs = Math.min(intervalMs, mostMs, SOON_MS * 2 ** pair.failures);
    return { ...counted, agreements: 0, failures: pair.failures + 1, dueAtMs: dueIn(retryMs) };
  }
  if (!outcome.isWhole || differences > 0) return { ...counted, agreements: 0, failures: 0, dueAtMs: dueIn(SOON_MS) };
  const agreements = pair.agreements + 1;
  const isSettled = agreements >= AGREEMENTS_MIN;
  return {
    ...counted,
    agreements,
    agreedAt: begunAt,
    failures: 0,
    dueAtMs: dueIn(isSettled ? intervalMs : Math.min(intervalMs, SOON_MS)),
  };
}

function agreedUpon({ arcs, pairs }: Schedule, { arc, epoch }: Agreed): readonly Agreed[] {
  const led = arcs.find((each) => isSameArc(each, { arc, epoch }));
  const isAgreed = pairs.every((pair) => !isSameArc(pair, { arc, epoch }) || pair.agreements >= AGREEMENTS_MIN);
  return led?.isWhole && isAgreed ? [{ arc, epoch }] : [];
}

function isAlone({ voters, isWhole }: LedArc): boolean {
  return isWhole && voters.length === 0;
}

function isSameArc(a: Agreed, b: Agreed): boolean {
  return a.arc.lo === b.arc.lo && a.arc.hi === b.arc.hi && compareEpochs(a.epoch, b.epoch) === 0;
}

/** The same views, with neighbouring pieces of one view put together. */
function joined(views: readonly View[]): readonly View[] {
  return views.reduce<readonly View[]>((whole, view) => {
    const next = whole.find((other) => isNext(other, view));
    if (next === undefined) return [...whole, view];
    const arc =
      next.arc.hi === view.arc.lo ? { lo: next.arc.lo, hi: view.arc.hi } : { lo: view.arc.lo, hi: next.arc.hi };
    // What it has grown to may reach a third piece.
    return joined([...whole.filter((other) => other !== next), { ...view, arc }]);
  }, []);
}

function isNext(a: View, b: View): boolean {
  const isWholeRing = a.arc.lo === a.arc.hi || b.arc.lo === b.arc.hi;
  return isSameView(a, b) && !isWholeRing && (a.arc.hi === b.arc.lo || b.arc.hi === a.arc.lo);
}
