/**
 * The world: virtual time, the network, and the nodes that live and die in it.
 *
 * One event happens after the other, at the time that it is due, and everything random is drawn from
 * one seed: the same seed is the same run, event for event. Whoever starts a world is its nemesis as well
 * and crashes, pauses, cuts and restarts as it likes.
 */
import type { FingerTable } from '../chord/finger-table';
import type { Peer } from '../chord/peer';
import type { RingMember } from '../chord/ring-member';
import { EventQueue } from './event-queue';
import { peerAt, randomAddress } from './ideal-ring';
import { type Conditions, Network } from './network';
import type { NodeSettings } from './node-settings';
import type { Packet } from './packet';
import { Random } from './random';
import type { Alarm, Keeper, KeeperHost, Surroundings } from './surroundings';
import { VirtualNode } from './virtual-node';

/** A process, from its start to its end, as the world sees it. */
export interface Process {
  node: VirtualNode | undefined;
  isAlive: boolean;
  /** What waits for it while it is stopped; undefined while it runs. */
  deferred: Happening[] | undefined;
}

/** An answer that lets somebody in, on its way. */
interface Admission {
  readonly joiner: Peer;
  readonly predecessor: Peer;
  readonly successors: readonly Peer[];
}

/** Who looks at the ring after every event that has changed somebody's pointers. */
export type Watcher = () => void;

/** What happens next: a message arrives, or an alarm goes off. */
export type Happening = Packet | NodeAlarm;

/** A machine whose process has died either says that nobody listens, or nothing at all. */
export type CrashKind = 'refusing' | 'silent';

/** What a world begins with. */
export interface WorldOptions {
  readonly seed: number;
  readonly settings: NodeSettings;
  readonly conditions: Conditions;
  /** Begins what keeps copies of keys in a node. @default nodes keep none */
  readonly makeKeeper?: (node: KeeperHost) => Keeper;
}

class NodeAlarm implements Alarm {
  readonly type = 'alarm';
  isCancelled = false;

  constructor(
    readonly process: Process | undefined,
    readonly dueMs: number,
    readonly action: () => void,
  ) {}

  cancel(): void {
    this.isCancelled = true;
  }
}

/** A simulated world. */
export class World {
  readonly random: Random;
  readonly network: Network;
  readonly settings: NodeSettings;
  nowMs = 0;
  /** How many events have happened. */
  events = 0;
  watcher: Watcher | undefined;
  /** Answers that let somebody in: whoever they are for is a member from when they were sent. */
  readonly admissions = new Map<string, Admission>();
  private readonly queue = new EventQueue<Happening>();
  private readonly processes = new Map<string, Process>();
  private readonly silentHosts = new Set<string>();
  private numbers = 0;
  private hasChanged = false;

  private readonly makeKeeper: Surroundings['makeKeeper'];

  constructor({ seed, settings, conditions, makeKeeper }: WorldOptions) {
    this.makeKeeper = makeKeeper;
    this.random = new Random(seed);
    this.network = new Network(conditions, this.random.fork());
    this.settings = settings;
  }

  // Time

  /** Lets time pass, event by event, until this moment. */
  runUntil(endMs: number): void {
    for (let dueMs = this.queue.nextMs; dueMs !== undefined && dueMs <= endMs; dueMs = this.queue.nextMs) {
      const happening = this.queue.pop();
      this.nowMs = dueMs;
      if (happening) this.happen(happening);
    }
    this.nowMs = Math.max(this.nowMs, endMs);
  }

  /** Lets so much time pass. */
  run(ms: number): void {
    this.runUntil(this.nowMs + ms);
  }

  /** Does something after so many milliseconds, whatever becomes of the nodes. */
  after(ms: number, action: () => void): Alarm {
    return this.alarm(undefined, ms, action);
  }

  // Nodes

  /** The living, in the order in which they were started. */
  get nodes(): readonly VirtualNode[] {
    return [...this.processes.values()].flatMap(({ node }) => node ?? []);
  }

  /** The process that lives at this address. */
  at(addr: string): VirtualNode | undefined {
    return this.processes.get(addr)?.node;
  }

  /** An address that nobody has. */
  freshPeer(): Peer {
    for (;;) {
      const peer = peerAt(randomAddress(this.random));
      if (!this.processes.has(peer.addr)) return { ...peer, inc: this.incarnation() };
    }
  }

  /** A later incarnation than any before. */
  incarnation(): bigint {
    this.numbers += 1;
    return BigInt(this.numbers);
  }

  /** Starts a process; it does nothing until it is told to create or join a ring, unless it begins as a member. */
  start(self: Peer, start: { readonly member?: RingMember; readonly fingers?: FingerTable } = {}): VirtualNode {
    this.silentHosts.delete(self.addr);
    const process: Process = { node: undefined, isAlive: true, deferred: undefined };
    const node = new VirtualNode(self, this.surroundings(process), start);
    process.node = node;
    this.processes.set(self.addr, process);
    if (start.member) this.hasChanged = true;
    return node;
  }

  /** Ends a process at once. Whoever is connected to it notices, unless its machine has gone with it. */
  crash(node: VirtualNode, kind: CrashKind = 'silent'): void {
    this.remove(node);
    if (kind === 'silent') this.silentHosts.add(node.self.addr);
    else this.breakConnections(node.self);
    this.look();
  }

  /** Switches machines on again whose processes have died: they say that nobody listens. */
  switchOn(): void {
    this.silentHosts.clear();
  }

  /** Has a node leave: it tells its neighbours, and its process ends. */
  leave(node: VirtualNode): void {
    node.leave();
    this.remove(node);
    this.look();
  }

  /** Stops a process without its noticing: what comes for it waits. */
  pause(node: VirtualNode): void {
    const process = this.processes.get(node.self.addr);
    if (process) process.deferred ??= [];
  }

  /** Lets a stopped process go on: first its timers go off, then it reads what has come. */
  resume(node: VirtualNode): void {
    const process = this.processes.get(node.self.addr);
    const waiting = process?.deferred ?? [];
    if (process) process.deferred = undefined;
    const isAlarm = ({ type }: Happening) => type === 'alarm';
    for (const happening of waiting.filter(isAlarm)) this.happen(happening);
    for (const happening of waiting.filter((other) => !isAlarm(other))) this.happen(happening);
  }

  /** Whether a process is stopped. */
  isPaused(node: VirtualNode): boolean {
    return this.processes.get(node.self.addr)?.deferred !== undefined;
  }

  /** What is on its way. */
  get inFlight(): readonly Packet[] {
    return this.queue.all.filter((happening) => happening.type !== 'alarm');
  }

  // Internal

  private remove({ self }: VirtualNode): void {
    const process = this.processes.get(self.addr);
    if (process) process.isAlive = false;
    this.processes.delete(self.addr);
    this.admissions.delete(self.id);
    this.hasChanged = true;
  }

  private breakConnections(dead: Peer): void {
    for (const process of this.processes.values()) {
      const { node } = process;
      if (node === undefined) continue;
      const { predecessor, successors } = node.member;
      if (predecessor.id !== dead.id && !successors.some(({ id }) => id === dead.id)) continue;
      const [delayMs] = this.network.deliveries(dead.addr, node.self.addr);
      if (delayMs !== undefined) this.alarm(process, delayMs, () => node.lost(dead));
    }
  }

  private surroundings(process: Process): Surroundings {
    const world = this;
    return {
      get nowMs() {
        return world.nowMs;
      },
      random: this.random,
      settings: this.settings,
      makeKeeper: this.makeKeeper,
      nextNumber: () => {
        this.numbers += 1;
        return this.numbers;
      },
      send: (packet) => this.send(packet),
      after: (ms, action) => this.alarm(process, ms, action),
      pointersChanged: () => {
        this.hasChanged = true;
      },
    };
  }

  private alarm(owner: Process | undefined, ms: number, action: () => void): Alarm {
    const alarm = new NodeAlarm(owner, this.nowMs + ms, action);
    this.queue.push(alarm.dueMs, alarm);
    return alarm;
  }

  private send(packet: Packet): void {
    const delays = this.network.deliveries(packet.from.addr, packet.to.addr);
    for (const delayMs of delays) this.queue.push(this.nowMs + delayMs, packet);
    if (delays.length === 0 || packet.type !== 'answer' || packet.answering.type !== 'admitted') return;
    const { from: predecessor, to: joiner } = packet;
    this.admissions.set(joiner.id, { joiner, predecessor, successors: packet.answering.successors });
    this.hasChanged = true;
  }

  private happen(happening: Happening): void {
    this.events += 1;
    if (happening.type === 'alarm') this.goOff(happening);
    else this.deliver(happening);
    this.look();
  }

  private goOff(alarm: NodeAlarm): void {
    if (alarm.isCancelled) return;
    const { process } = alarm;
    if (process === undefined) return alarm.action();
    if (!process.isAlive) return;
    if (process.deferred) process.deferred.push(alarm);
    else alarm.action();
  }

  private deliver(packet: Packet): void {
    const process = this.processes.get(packet.to.addr);
    if (process === undefined) return this.nobodyThere(packet);
    if (process.deferred) return void process.deferred.push(packet);
    const isReply = packet.type === 'answer' || packet.type === 'refusal';
    if (isReply && packet.to.inc !== process.node?.self.inc) return;
    if (packet.type === 'answer' && packet.answering.type === 'admitted') {
      this.admissions.delete(packet.to.id);
      this.hasChanged = true;
    }
    process.node?.receive(packet);
  }

  private nobodyThere(packet: Packet): void {
    if (packet.type !== 'ask' || this.silentHosts.has(packet.to.addr)) return;
    this.send({ type: 'refusal', from: packet.to, to: packet.from, number: packet.number });
  }

  private look(): void {
    if (!this.hasChanged) return;
    this.hasChanged = false;
    this.watcher?.();
  }
}
