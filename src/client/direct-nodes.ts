/**
 * Direct nodes: the nodes that a client speaks to without a go-between, and its connections to each.
 *
 * Their number is bounded: beyond it, whoever was not needed for the longest time is forgotten. A node
 * that could not be reached is left alone for a while, even where others still name it.
 */
import type { KeyId, NodeId } from '../chord/id';
import { type Address, formatAddress } from './address';
import { type Known, NodeMap } from './node-map';
import type { ClientSettings } from './options';
import { Pool } from './pool';

/** Most nodes at a time. */
export const DIRECT_NODES_MAX = 128;

/** How long a node that could not be reached is left alone. */
export const AVOID_MS = 1000;

/** Connections to nodes, by the keys that belong to them. */
export class DirectNodes {
  private readonly map = new NodeMap<Pool>();
  /** Whoever was not needed for the longest time stands first. */
  private readonly inOrderOfUse = new Set<NodeId>();
  /** Connections that still have something to bring to an end. */
  private readonly parting = new Set<Pool>();
  private readonly avoidedUntilMs = new Map<string, number>();

  constructor(private readonly settings: ClientSettings) {}

  /** How many nodes are known. */
  get size(): number {
    return this.map.all.length;
  }

  /** The node that a key belongs to, as far as is known. */
  ownerOf(key: KeyId): Known<Pool> | undefined {
    const owner = this.map.ownerOf(key);
    if (owner !== undefined) this.use(owner);
    return owner;
  }

  /** Notes whose a key is; undefined where that node could not be reached a moment ago. */
  learn(key: KeyId, address: Address): Known<Pool> | undefined {
    const nowMs = this.settings.environment.nowMs();
    const name = formatAddress(address);
    if ((this.avoidedUntilMs.get(name) ?? nowMs) > nowMs) return undefined;
    this.avoidedUntilMs.delete(name);
    const { owner, gone } = this.map.learn(
      key,
      address,
      () => new Pool([address], { ...this.settings, isFailFast: true }),
    );
    for (const node of gone) this.part(node);
    this.use(owner);
    if (this.map.all.length > DIRECT_NODES_MAX) this.forgetOldest();
    return owner;
  }

  /** Forgets a node that does not answer, and does not believe in it for a while. */
  avoid(node: Known<Pool>): void {
    const nowMs = this.settings.environment.nowMs();
    for (const [name, untilMs] of this.avoidedUntilMs) if (untilMs <= nowMs) this.avoidedUntilMs.delete(name);
    this.avoidedUntilMs.set(formatAddress(node.address), nowMs + AVOID_MS);
    if (this.map.forget(node)) this.part(node);
  }

  /** Ends every connection. */
  close(): void {
    for (const pool of [...this.map.all.map(({ content }) => content), ...this.parting]) pool.close();
  }

  private use({ id }: Known<Pool>): void {
    this.inOrderOfUse.delete(id);
    this.inOrderOfUse.add(id);
  }

  private forgetOldest(): void {
    const [oldest] = this.inOrderOfUse;
    const node = this.map.all.find(({ id }) => id === oldest);
    if (node !== undefined && this.map.forget(node)) this.part(node);
  }

  /** What is under way there still comes to its end. */
  private part({ id, content }: Known<Pool>): void {
    this.inOrderOfUse.delete(id);
    this.parting.add(content);
    content.closeWhenIdle(() => this.parting.delete(content));
  }
}
