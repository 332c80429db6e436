/**
 * Havoc: what a nemesis can do to a ring of simulated nodes, whatever they are there for. Who may fail, and what a
 * node does before it leaves, is for the schedule to say.
 */
import type { Peer } from '../chord/peer';
import type { Random } from './random';
import type { VirtualNode } from './virtual-node';
import type { World } from './world';

/** Whether only those fail who may, so that nothing may go wrong; else everything goes. */
export type ScheduleKind = 'guarded' | 'wild';

/** What a nemesis does to any ring. */
export type Act = 'join' | 'crash' | 'leave' | 'restart' | 'pause' | 'cut';

/** Which kind of schedule a seed stands for. */
export const kindOf = (seed: number): ScheduleKind => (seed % 2 === 0 ? 'guarded' : 'wild');

/** How it is done. */
export interface HavocOptions {
  readonly nodesMax: number;
  readonly pauseMsMax: number;
  /** The share of cuts that part the ring; the others cut the way from one node to another. */
  readonly partings: number;
  /** Starts a process and has it join; {@link Havoc.start} unless it says otherwise. */
  begin?(self: Peer): VirtualNode;
  /** Somebody who may fail. */
  victim(): VirtualNode | undefined;
  /** Has a node leave, and calls `gone` when it has; at once unless it says otherwise. */
  leave?(node: VirtualNode, gone: () => void): void;
  /** A process is about to die. */
  dies?(node: VirtualNode): void;
  /** A process has died. */
  died?(node: VirtualNode): void;
}

/** One nemesis. */
export class Havoc {
  /** Addresses whose process has died. */
  private readonly down: Peer[] = [];
  /** How many cuts there are. */
  cuts = 0;

  constructor(
    private readonly world: World,
    private readonly random: Random,
    private readonly options: HavocOptions,
  ) {}

  /** Nodes that are in the ring. */
  get members(): readonly VirtualNode[] {
    return this.world.nodes.filter(({ member }) => member.phase === 'member');
  }

  /** Starts a process that comes into the ring. */
  start(self: Peer): true {
    const node = this.options.begin?.(self) ?? this.world.start(self);
    node.join(() => this.members.map((member) => member.self).filter(({ id }) => id !== self.id));
    return true;
  }

  /** Does something; false: it cannot be done just now. */
  perform(act: Act): boolean {
    switch (act) {
      case 'join':
        return this.world.nodes.length < this.options.nodesMax && this.start(this.world.freshPeer());
      case 'crash':
        return this.crash();
      case 'leave':
        return this.leave();
      case 'restart':
        return this.restart();
      case 'pause':
        return this.pause();
      case 'cut':
        return this.cut();
    }
  }

  /** The same address again, with an empty store and a higher incarnation. */
  restart(): boolean {
    const [peer] = this.down.splice(this.random.below(this.down.length), 1);
    return peer !== undefined && this.start({ ...peer, inc: this.world.incarnation() });
  }

  /** What was stopped goes on, and what was cut is joined. */
  end(): void {
    this.world.network.heal();
    for (const node of this.world.nodes) this.world.resume(node);
  }

  // Internal

  private crash(): boolean {
    const victim = this.options.victim();
    if (victim === undefined) return false;
    this.remove(victim, () => this.world.crash(victim, this.random.chance(0.5) ? 'silent' : 'refusing'));
    return true;
  }

  private leave(): boolean {
    const victim = this.options.victim();
    if (victim === undefined || victim.member.phase !== 'member' || this.world.isPaused(victim)) return false;
    const go = () => this.remove(victim, () => this.world.leave(victim));
    if (this.options.leave) this.options.leave(victim, go);
    else go();
    return true;
  }

  private remove(node: VirtualNode, how: () => void): void {
    this.options.dies?.(node);
    how();
    this.down.push(node.self);
    this.options.died?.(node);
  }

  private pause(): boolean {
    const node = this.random.pick(this.world.nodes);
    if (node === undefined) return false;
    this.world.pause(node);
    this.world.after(this.random.between(20, this.options.pauseMsMax), () => this.world.resume(node));
    return true;
  }

  private cut(): boolean {
    const { network } = this.world;
    const addresses = this.random.shuffle(this.world.nodes.map(({ self }) => self.addr));
    if (this.random.chance(this.options.partings)) {
      const at = this.random.below(addresses.length);
      network.partition([addresses.slice(0, at), addresses.slice(at)]);
    } else {
      const [one = '', other = ''] = addresses;
      network.cutOneWay(one, other);
    }
    this.cuts += 1;
    this.world.after(this.random.between(100, 5000), () => {
      network.heal();
      this.cuts -= 1;
    });
    return true;
  }
}
