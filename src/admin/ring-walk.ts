/**
 * Ring walk: asking one member after the other for its pointers, until the first one comes up again.
 *
 * From each member the walk goes on to the first of its successor list that answers. Those that did
 * not answer, and whoever is named as a predecessor besides, are looked at too: what a member points
 * at and what is not on the way round is exactly what is wrong with a ring. The answers come one
 * after the other, so a ring that changes meanwhile may be told half before and half after.
 */
import { distanceOf } from '../chord/finger-table';
import type { Id } from '../chord/id';
import type { Peer } from '../chord/peer';
import type { Range } from '../chord/range';
import { NO_COPIES } from '../protocol/rpc-description';
import { commonParts, uncovered } from '../replication/holding';
import type { RingInfo, RingNode } from './answers';
import { type Description, isInRing, peerInfo, type RingView } from './ring-view';

/** A ring with more members is shown as far as this. */
const NODES_MAX = 4096;

/** Walks the ring from this node; undefined while this node cannot even tell of itself. */
export async function walkRing(view: RingView): Promise<RingInfo | undefined> {
  const self = view.describeSelf();
  if (self === undefined) return undefined;
  const walk = new Walk(self, view);
  await walk.goRound();
  await walk.lookAside();
  return walk.tell();
}

/** What came of asking a peer: its description, or undefined where it does not answer. */
interface Seen {
  readonly peer: Peer;
  readonly description: Description | undefined;
}

class Walk {
  /** By identifier. What is being asked already is not asked again. */
  private readonly asked = new Map<Id, Promise<Seen>>();
  private readonly seen = new Map<Id, Seen>();
  private closed = false;

  constructor(
    private readonly self: Description,
    private readonly view: RingView,
  ) {
    const seen = { peer: self.self, description: self };
    this.seen.set(self.self.id, seen);
    this.asked.set(self.self.id, Promise.resolve(seen));
  }

  /** From successor to successor. */
  async goRound(): Promise<void> {
    let here: Description | undefined = this.self;
    while (here !== undefined && this.seen.size < NODES_MAX) {
      // All of the list at once: in a small ring nobody waits for anybody.
      for (const peer of here.successors) void this.ask(peer);
      here = await this.next(here.successors);
    }
  }

  /** Those who are somebody's predecessor and nobody's successor. */
  async lookAside(): Promise<void> {
    const predecessors = this.reached().flatMap(({ predecessor }) => predecessor ?? []);
    await Promise.all(predecessors.map((peer) => this.look(peer)));
  }

  tell(): RingInfo {
    const here = this.self.self.id;
    const order = (a: Seen, b: Seen) => (distanceOf(here, a.peer.id) < distanceOf(here, b.peer.id) ? -1 : 1);
    const seen = [...this.seen.values()].sort(order);
    const reached = seen.flatMap(({ description }) => description ?? []);
    if (!isInRing(this.self)) {
      const problems = [outsideProblem(this.self)];
      return { nodes: seen.map(nodeOf), consistent: false, covered: false, problems };
    }
    const disagreements = this.disagreements(seen, reached);
    const gaps = ownershipProblems(reached);
    return {
      nodes: seen.map(nodeOf),
      consistent: disagreements.length === 0,
      covered: gaps.length === 0,
      problems: [...disagreements, ...gaps],
    };
  }

  private disagreements(seen: readonly Seen[], reached: readonly Description[]): readonly string[] {
    return [
      ...seen.filter(({ description }) => !description).map(({ peer }) => `${peer.addr} does not answer`),
      ...(this.closed ? [] : [`the walk from successor to successor does not come back to ${this.self.self.addr}`]),
      ...reached.flatMap((description, index) => neighbourProblems(description, after(reached, index))),
    ];
  }

  /** The first of these that answers; undefined at the end of the walk. */
  private async next(successors: readonly Peer[]): Promise<Description | undefined> {
    for (const peer of successors) {
      this.closed = peer.id === this.self.self.id;
      if (this.closed || this.seen.get(peer.id)?.description !== undefined) return undefined;
      const { description } = await this.look(peer);
      if (description !== undefined) return description;
    }
    return undefined;
  }

  private async look(peer: Peer): Promise<Seen> {
    const seen = await this.ask(peer);
    this.seen.set(peer.id, seen);
    return seen;
  }

  private ask(peer: Peer): Promise<Seen> {
    const asked = this.asked.get(peer.id) ?? this.view.describe(peer).then((description) => ({ peer, description }));
    this.asked.set(peer.id, asked);
    return asked;
  }

  private reached(): readonly Description[] {
    return [...this.seen.values()].flatMap(({ description }) => description ?? []);
  }
}

const after = <T>(all: readonly T[], index: number) => all[(index + 1) % all.length] as T;

const outsideProblem = ({ self, state }: Description) =>
  `${self.addr} is in no ring: it ${state === 'joining' ? 'has not joined one yet' : 'has left'}`;

/** Why two neighbours do not agree that they are neighbours. */
function neighbourProblems({ self, successors }: Description, next: Description): readonly string[] {
  const problems: string[] = [];
  const [head] = successors;
  if (head?.id !== next.self.id)
    problems.push(`the successor of ${self.addr} is ${nameOf(head)}, not ${next.self.addr}`);
  if (next.predecessor?.id !== self.id) {
    problems.push(`the predecessor of ${next.self.addr} is ${nameOf(next.predecessor)}, not ${self.addr}`);
  }
  return problems;
}

const nameOf = (peer: Peer | null | undefined) => peer?.addr ?? 'nobody';

/** Where the arcs that are led leave a gap, or overlap: each must begin where the one before it round the circle ends. */
function ownershipProblems(reached: readonly Description[]): readonly string[] {
  const led = reached
    .flatMap(({ self, arcs }) => arcs.map((arc) => ({ addr: self.addr, arc })))
    .sort((a, b) => (a.arc.hi < b.arc.hi ? -1 : 1));
  const [first] = led;
  if (first === undefined) return ['nobody leads any key'];
  const { lo } = first.arc;
  const gaps = uncovered(led, { lo, hi: lo }).map((gap) => `nobody leads ${arcText(gap)}`);
  const overlaps = led.flatMap((one, index) => {
    const next = after(led, index);
    const common = next === one || next.arc.lo === one.arc.hi ? [] : commonParts(one.arc, next.arc);
    return common.map((part) => `${one.addr} and ${next.addr} both lead ${arcText(part)}`);
  });
  return [...new Set([...gaps, ...overlaps])];
}

const arcText = ({ lo, hi }: Range) =>
  lo === hi ? 'all keys' : `(${lo.slice(0, ID_DIGITS)}, ${hi.slice(0, ID_DIGITS)}]`;

/** As many digits of an identifier as the drawing of a ring shows. */
const ID_DIGITS = 12;

function nodeOf({ peer, description }: Seen): RingNode {
  if (description === undefined) {
    const counts = { keys: 0, bytes: 0, tombstones: 0, copies: NO_COPIES };
    return {
      ...peerInfo(peer),
      state: 'unreachable',
      predecessor: null,
      successorList: [],
      arcs: [],
      ...counts,
    };
  }
  const { self, state, predecessor, successors, arcs, keys, bytes, tombstones, copies } = description;
  return {
    ...peerInfo(self),
    state,
    predecessor: predecessor && peerInfo(predecessor),
    successorList: successors.map(peerInfo),
    arcs,
    keys,
    bytes,
    tombstones,
    copies,
  };
}
