/**
 * Ring watch: looks at the whole ring after every event that has changed somebody's pointers, and
 * keeps account of every property that was broken: which, when, and for how long.
 */
import type { NodeId } from '../chord/id';
import { type Member, type Property, Snapshot } from '../chord/invariants';
import { localFault } from '../chord/successor-list';
import { lastingPrincipals, variantsOf, viewOf } from './variants';
import type { VirtualNode } from './virtual-node';
import type { World } from './world';

/** What can be broken: Zave's properties, and two more that follow from her invariant. */
export type Watched =
  | Property
  /** A member's own list is in order and repeats nobody. */
  | 'LocalOrder'
  /** Once there have been more principals than a list is long, there always are, as long as there are so many members. */
  | 'SufficientPrincipals';

/** A property that was broken for a while. */
export interface Breach {
  readonly property: Watched;
  readonly fromMs: number;
  /** Undefined: it still is. */
  toMs: number | undefined;
}

/** The account of one world. */
export class RingWatch {
  readonly breaches: Breach[] = [];
  /** How often the ring was looked at. */
  looks = 0;
  private readonly open = new Map<Watched, Breach>();
  private hadPrincipals = false;
  private readonly views = new WeakMap<VirtualNode, { member: VirtualNode['member']; view: Member }>();

  constructor(
    private readonly world: World,
    /** Only every so many changes are looked at. */
    private readonly every = 1,
  ) {
    let changes = 0;
    world.watcher = () => {
      changes += 1;
      if (changes % this.every === 0) this.look();
    };
  }

  /** The pointers of all members as they are now. */
  snapshot(): Snapshot {
    const members: Member[] = [];
    for (const node of this.world.nodes) {
      if (node.member.phase === 'member') members.push(this.viewOf(node));
      else {
        const arriving = this.arriving(node.self.id);
        if (arriving) members.push(arriving);
      }
    }
    return new Snapshot(members);
  }

  /** Whether everybody is in, and every pointer is what it should be. */
  isIdeal(): boolean {
    return (
      this.world.nodes.every(({ member }) => member.phase === 'member') &&
      this.snapshot().isIdeal(this.world.settings.successorsMax)
    );
  }

  /** Lets time pass until the ring is ideal, and says how long that took; undefined: not within `ms`. */
  runUntilIdeal(ms: number, stepMs = 20): number | undefined {
    const startMs = this.world.nowMs;
    while (!this.isIdeal()) {
      if (this.world.nowMs >= startMs + ms) return undefined;
      this.world.run(stepMs);
    }
    return this.world.nowMs - startMs;
  }

  /** Lets time pass until the ring is ideal and then stays so for `keepMs`; undefined: that was not before `ms` were over. */
  runUntilIdealAndQuiet(ms: number, keepMs: number, stepMs = 50): number | undefined {
    const startMs = this.world.nowMs;
    let sinceMs: number | undefined;
    while (sinceMs === undefined || this.world.nowMs - sinceMs < keepMs) {
      if (!this.isIdeal()) sinceMs = undefined;
      else sinceMs ??= this.world.nowMs;
      if (sinceMs === undefined && this.world.nowMs >= startMs + ms) return undefined;
      this.world.run(stepMs);
    }
    return sinceMs - startMs;
  }

  /** Looks at the ring now. */
  look(): void {
    this.looks += 1;
    const broken = this.broken();
    for (const property of broken) if (!this.open.has(property)) this.begin(property);
    for (const [property, breach] of this.open) {
      if (broken.has(property)) continue;
      breach.toMs = this.world.nowMs;
      this.open.delete(property);
    }
  }

  private broken(): ReadonlySet<Watched> {
    const ring = this.snapshot();
    if (ring.ids.length === 0) return new Set();
    const broken = new Set<Watched>(ring.breaches());
    const { successorsMax } = this.world.settings;
    const hasEnough = ring.hasEnoughPrincipals(successorsMax);
    if (this.hadPrincipals && !hasEnough && ring.ids.length > successorsMax) broken.add('SufficientPrincipals');
    // An answer that is older than somebody's admission may still skip that one: it is a principal only after.
    this.hadPrincipals ||= hasEnough && lastingPrincipals(variantsOf(this.world)).length > successorsMax;
    for (const node of this.world.nodes) {
      const { member } = node;
      if (member.phase === 'member' && localFault(member.self.id, this.viewOf(node).successors, Infinity)) {
        broken.add('LocalOrder');
      }
    }
    return broken;
  }

  private begin(property: Watched): void {
    const breach: Breach = { property, fromMs: this.world.nowMs, toMs: undefined };
    this.breaches.push(breach);
    this.open.set(property, breach);
  }

  private viewOf(node: VirtualNode): Member {
    const { member } = node;
    const known = this.views.get(node);
    if (known?.member.predecessor === member.predecessor && known.member.successors === member.successors) {
      return known.view;
    }
    const view = viewOf(member);
    this.views.set(node, { member, view });
    return view;
  }

  /** Whoever was let in is a member, with the pointers that are on their way to it. */
  private arriving(id: NodeId): Member | undefined {
    const admission = this.world.admissions.get(id);
    if (admission === undefined) return undefined;
    return { id, predecessor: admission.predecessor.id, successors: admission.successors.map((peer) => peer.id) };
  }
}
