/**
 * Invariants: what holds of a ring as a whole, seen by nobody in it.
 *
 * Zave found that none of the properties claimed for Chord is an invariant of the protocol as it
 * was published, and four of them are never repaired once broken: at least one ring, at most one
 * ring, an ordered ring, connected appendages. Her corrected protocol keeps them all, by keeping
 * two others: every member has a living successor, and there are more *principals* (members that no
 * successor list skips) than a list is long. The functions here check a snapshot of all members,
 * as a simulator has it after every step; no node could.
 */
import { betweenOpen, type NodeId } from './id';

/** One living member's pointers. */
export interface Member {
  readonly id: NodeId;
  readonly predecessor: NodeId;
  /** Head first; a lone member holds itself. */
  readonly successors: readonly NodeId[];
}

/** Zave's properties, by the names that she gave them. */
export type Property =
  /** Every member has a living successor. */
  | 'OneLiveSuccessor'
  /** There are members that come back to themselves by following successors. */
  | 'AtLeastOneRing'
  /** … and all of them are on one round. */
  | 'AtMostOneRing'
  /** … which goes round once, passing by none of them. */
  | 'OrderedRing'
  /** Whoever is not on it comes to it by following successors. */
  | 'ConnectedAppendages';

/** A ring as its pointers make it: what the checks below have in common. */
export class Snapshot {
  private readonly members: ReadonlyMap<NodeId, Member>;
  /** The identifiers of all living members, clockwise from zero. */
  readonly ids: readonly NodeId[];

  constructor(members: Iterable<Member>) {
    const all = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
    this.members = new Map(all.map((member) => [member.id, member]));
    this.ids = all.map(({ id }) => id);
  }

  /** The first living entry of a member's list: where its ring goes on. */
  best(id: NodeId): NodeId | undefined {
    return this.members.get(id)?.successors.find((successor) => this.members.has(successor));
  }

  /** The members that come back to themselves by following {@link best}; the others are appendages. */
  ringMembers(): ReadonlySet<NodeId> {
    const inRing = new Set<NodeId>();
    const seen = new Set<NodeId>();
    for (const start of this.ids) {
      const path: NodeId[] = [];
      let at: NodeId | undefined = start;
      while (at !== undefined && !seen.has(at)) {
        seen.add(at);
        path.push(at);
        at = this.best(at);
      }
      const loop = at === undefined ? -1 : path.indexOf(at);
      if (loop >= 0) for (const id of path.slice(loop)) inRing.add(id);
    }
    return inRing;
  }

  /** The members that lie strictly between two neighbours of no extended successor list. */
  principals(): readonly NodeId[] {
    const skips = new Int32Array(this.ids.length + 1);
    for (const { id, successors } of this.members.values()) {
      let before = id;
      for (const successor of successors) {
        this.markSkipped(skips, before, successor);
        before = successor;
      }
    }
    let depth = 0;
    return this.ids.filter((_id, index) => {
      depth += skips[index] ?? 0;
      return depth === 0;
    });
  }

  /** The properties that do not hold of this snapshot, each judged by itself. */
  breaches(): readonly Property[] {
    const ring = this.ringMembers();
    const holds: Readonly<Record<Property, boolean>> = {
      OneLiveSuccessor: this.ids.every((id) => this.best(id) !== undefined),
      AtLeastOneRing: ring.size > 0,
      AtMostOneRing: this.isOneRound(ring),
      OrderedRing: this.isOrdered(ring),
      ConnectedAppendages: this.ids.every((id) => this.comesTo(ring, id)),
    };
    return (Object.keys(holds) as Property[]).filter((property) => !holds[property]);
  }

  /** Whether more members than `successorsMax` are principals: the other half of Zave's inductive invariant. */
  hasEnoughPrincipals(successorsMax: number): boolean {
    return this.principals().length > successorsMax;
  }

  /** Whether every pointer is what it should be: the state that a ring must reach after the last change, and keep. */
  isIdeal(successorsMax: number): boolean {
    const { ids } = this;
    const listLength = Math.min(successorsMax, ids.length - 1);
    return ids.every((id, index) => {
      const member = this.members.get(id);
      const next = (distance: number) => ids[(index + distance + ids.length) % ids.length];
      const list = Array.from({ length: Math.max(listLength, 1) }, (_none, place) => next(place + 1));
      return (
        member?.predecessor === next(-1) &&
        member?.successors.length === list.length &&
        list.every((expected, place) => member.successors[place] === expected)
      );
    });
  }

  private isOneRound(ring: ReadonlySet<NodeId>): boolean {
    const [start] = ring;
    let visited = 0;
    for (let at = start; at !== undefined; at = this.best(at)) {
      if (visited > 0 && at === start) break;
      visited += 1;
    }
    return visited === ring.size;
  }

  /** Each of the ring goes on to the next of the ring, clockwise: it passes none by. */
  private isOrdered(ring: ReadonlySet<NodeId>): boolean {
    const clockwise = this.ids.filter((id) => ring.has(id));
    return clockwise.every((id, index) => {
      const next = clockwise[(index + 1) % clockwise.length];
      const best = this.best(id);
      return next === undefined || best === undefined || best === next || !betweenOpen(next, id, best);
    });
  }

  private comesTo(ring: ReadonlySet<NodeId>, from: NodeId): boolean {
    const passed = new Set<NodeId>();
    let at: NodeId | undefined = from;
    while (at !== undefined && !ring.has(at)) {
      // Round and round without a ring cannot be: whoever comes back to himself is of the ring.
      if (passed.has(at)) return false;
      passed.add(at);
      at = this.best(at);
    }
    return at !== undefined;
  }

  /** Adds one to every place strictly between `from` and `to`, clockwise, in a difference array. */
  private markSkipped(skips: Int32Array, from: NodeId, to: NodeId): void {
    const first = this.placeAfter(from);
    const end = this.placeOf(to);
    if (from === to) return;
    const wraps = to < from;
    if (!wraps && first >= end) return;
    add(skips, first, wraps ? this.ids.length : end);
    if (wraps) add(skips, 0, end);
  }

  /** The place of the first identifier that is not below `id`. */
  private placeOf(id: NodeId): number {
    let [low, high] = [0, this.ids.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const at = this.ids[middle];
      if (at !== undefined && at < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private placeAfter(id: NodeId): number {
    const place = this.placeOf(id);
    return this.ids[place] === id ? place + 1 : place;
  }
}

function add(skips: Int32Array, from: number, to: number): void {
  if (from >= to) return;
  skips[from] = (skips[from] ?? 0) + 1;
  skips[to] = (skips[to] ?? 0) - 1;
}
