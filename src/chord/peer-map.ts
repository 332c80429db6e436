/**
 * Peer maps: what is known of each of some hundreds of peers, never changed in place and yet cheap to change.
 *
 * A state that is replaced at every event must not be copied whole each time. Identifiers are evenly
 * spread, so their first digits put them into boxes of a few entries, and a change copies one box.
 * The order of entries follows from the identifiers alone.
 */
import type { NodeId } from './id';

const BOXES = 64;

interface Entry<V> {
  readonly id: NodeId;
  readonly value: V;
}

type Box<V> = readonly Entry<V>[];

/** A map from identifiers of nodes. Never changed: every change gives another map. */
export class PeerMap<V> {
  private constructor(
    private readonly boxes: readonly Box<V>[],
    readonly size: number,
  ) {}

  /** A map without entries. */
  static empty<V>(): PeerMap<V> {
    return new PeerMap<V>(
      Array.from({ length: BOXES }, () => []),
      0,
    );
  }

  /** What is known of a peer. */
  get(id: NodeId): V | undefined {
    return this.boxes[boxOf(id)]?.find((entry) => entry.id === id)?.value;
  }

  /** The map that says `value` of a peer, and of the others what this one says. */
  set(id: NodeId, value: V): PeerMap<V> {
    const box = this.boxes[boxOf(id)] ?? [];
    const rest = box.filter((entry) => entry.id !== id);
    const isNew = rest.length === box.length;
    return new PeerMap(this.boxes.with(boxOf(id), [...rest, { id, value }]), this.size + (isNew ? 1 : 0));
  }

  /** The map of those entries that `isKept` says yes to. */
  filter(isKept: (value: V) => boolean): PeerMap<V> {
    const boxes = this.boxes.map((box) => box.filter(({ value }) => isKept(value)));
    return new PeerMap(
      boxes,
      boxes.reduce((size, box) => size + box.length, 0),
    );
  }

  /** All values, in an order that says nothing. */
  get values(): readonly V[] {
    return this.boxes.flatMap((box) => box.map(({ value }) => value));
  }
}

const boxOf = (id: NodeId) => Number.parseInt(id.slice(0, 2), 16) % BOXES;
