/**
 * Node map: which nodes of the ring a client has heard of, and which of them a key belongs to.
 *
 * A node's place in the ring is the SHA-1 of its address, and a key belongs to the first node at or
 * behind its own place. So the address in an answer says all that there is to know about a node, and
 * a client that has heard of every node sends every key to the right one, without asking for anything.
 * Whoever has not been heard of yet is named by the node that is asked in its place.
 */
import { addressId, betweenLeftClosed, type Id, type KeyId, type NodeId } from '../chord/id';
import { type Address, formatAddress } from './address';

/** One node, and what the caller keeps with it. */
export interface Known<T> {
  readonly id: NodeId;
  readonly address: Address;
  readonly content: T;
}

/** The nodes that are known, in ring order. */
export class NodeMap<T> {
  private nodes: readonly Known<T>[] = [];

  /** All of them. */
  get all(): readonly Known<T>[] {
    return this.nodes;
  }

  /** The first node at or behind a key; undefined while none is known. */
  ownerOf(key: KeyId): Known<T> | undefined {
    let [low, high] = [0, this.nodes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (idAt(this.nodes, middle) < key) low = middle + 1;
      else high = middle;
    }
    return this.nodes[low] ?? this.nodes[0];
  }

  /**
   * Notes that a key belongs to the node at an address, and gives back the nodes that this rules out: there can be
   * none between a key and its owner. `make` is asked for the content of a node that was not known.
   */
  learn(key: KeyId, address: Address, make: () => T): { readonly owner: Known<T>; readonly gone: readonly Known<T>[] } {
    const id = addressId(formatAddress(address));
    const known = this.nodes.find((node) => node.id === id);
    const owner = known ?? { id, address, content: make() };
    const gone = (id as Id) === key ? [] : this.nodes.filter((node) => betweenLeftClosed(node.id, key, id));
    if (known === undefined || gone.length > 0) {
      const rest = this.nodes.filter((node) => node !== known && !gone.includes(node));
      this.nodes = [...rest, owner].sort((a, b) => (a.id < b.id ? -1 : 1));
    }
    return { owner, gone };
  }

  /** Forgets a node; false where it was forgotten already. */
  forget({ id }: Known<T>): boolean {
    const before = this.nodes.length;
    this.nodes = this.nodes.filter((node) => node.id !== id);
    return this.nodes.length < before;
  }
}

const idAt = <T>(nodes: readonly Known<T>[], index: number): string => nodes[index]?.id ?? '';
