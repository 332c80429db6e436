/**
 * Hints: which records a member may have missed, because it could not be reached when they were written.
 *
 * A hint is the identifier of a key and no more, for whoever keeps it has the record itself, and sends what is
 * current by then. They are given up when they grow too many or too old, and when the member comes back as
 * another incarnation, which has nothing anyway: comparing the arc finds what is missing then.
 *
 * Mutable: it lives in one process. A crash loses it, which comparing makes up for as well.
 */
import type { KeyId, NodeId } from '../chord/id';
import type { Peer } from '../chord/peer';

/** Most keys that are kept for one member. */
export const HINTS_MAX = 100_000;

/** Most members that they are kept for. */
export const TARGETS_MAX = 256;

interface HintSet {
  readonly target: Peer;
  readonly ids: Set<KeyId>;
  /** When the oldest was kept. */
  readonly sinceMs: number;
}

/** The hints of a node. */
export class Hints {
  private readonly sets = new Map<NodeId, HintSet>();
  private dropped = 0;

  /** With `ttlMs`, how long they are kept: well below half of the time for which deletions are remembered. */
  constructor(
    private readonly ttlMs: number,
    /** Most keys that are kept for one member. @default HINTS_MAX */
    private readonly countMax = HINTS_MAX,
  ) {}

  /** How many are kept. */
  get pending(): number {
    let count = 0;
    for (const { ids } of this.sets.values()) count += ids.size;
    return count;
  }

  /** How many have been given up. */
  get droppedCount(): number {
    return this.dropped;
  }

  /** For whom there are any. */
  get targets(): readonly Peer[] {
    return [...this.sets.values()].map(({ target }) => target);
  }

  /** Keeps a hint. False: it was one too many, and all for this member have been given up. */
  add(target: Peer, id: KeyId, nowMs: number): boolean {
    const known = this.sets.get(target.id);
    // Of an older incarnation there is nothing to be told any more.
    if (known && known.target.inc > target.inc) return true;
    if (known && known.target.inc < target.inc) this.drop(target.id);
    const set = this.sets.get(target.id) ?? this.begin(target, nowMs);
    if (set === undefined) return false;
    set.ids.add(id);
    if (set.ids.size <= this.countMax) return true;
    this.drop(target.id);
    return false;
  }

  /** The oldest hints for a member. They stay until they are {@link done}. */
  next({ id, inc }: Peer, countMax: number): readonly KeyId[] {
    const set = this.sets.get(id);
    const ids: KeyId[] = [];
    if (set?.target.inc !== inc) return ids;
    for (const each of set.ids) {
      if (ids.length >= countMax) break;
      ids.push(each);
    }
    return ids;
  }

  /** These have been told, or need not be. */
  done({ id, inc }: Peer, ids: readonly KeyId[]): void {
    const set = this.sets.get(id);
    if (set?.target.inc !== inc) return;
    for (const each of ids) set.ids.delete(each);
    if (set.ids.size === 0) this.sets.delete(id);
  }

  /** Another incarnation has been seen: what was kept for this one is given up. */
  replaced({ id, inc }: Peer): void {
    const set = this.sets.get(id);
    if (set && set.target.inc < inc) this.drop(id);
  }

  /** Gives up what is too old, and says whose that was. */
  expire(nowMs: number): readonly Peer[] {
    const late = [...this.sets.values()].filter(({ sinceMs }) => nowMs - sinceMs >= this.ttlMs);
    for (const { target } of late) this.drop(target.id);
    return late.map(({ target }) => target);
  }

  private begin(target: Peer, nowMs: number): HintSet | undefined {
    if (this.sets.size >= TARGETS_MAX) {
      this.dropped += 1;
      return undefined;
    }
    const set = { target, ids: new Set<KeyId>(), sinceMs: nowMs };
    this.sets.set(target.id, set);
    return set;
  }

  private drop(id: NodeId): void {
    this.dropped += this.sets.get(id)?.ids.size ?? 0;
    this.sets.delete(id);
  }
}
