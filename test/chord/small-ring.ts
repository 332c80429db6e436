/**
 * A ring in memory: members that speak over a network in which every message takes its own time.
 *
 * Virtual time, one seed: the same seed is the same run. A message to the dead is never answered,
 * and whoever asked learns so after a while. After every event all properties of the whole ring
 * are looked at.
 */
import { type NodeId, nodeId } from '../../src/chord/id';
import { type Member, type Property, Snapshot } from '../../src/chord/invariants';
import type { Peer } from '../../src/chord/peer';
import { createRing, outsider, type RingMember, stepRing } from '../../src/chord/ring-member';
import type { RingEffect, RingEvent } from '../../src/chord/ring-protocol';
import { localFault } from '../../src/chord/successor-list';
import { randomFrom } from '../../src/otp';

const LATENCY_MAX_MS = 60;
const SILENCE_MS = 300;
const TICK_MS = 500;
const RETRY_MAX_MS = 100;
/** How long it takes a failure detector to be certain, at most. */
const NOTICE_MAX_MS = 400;

/** Something that will happen to a node, if it still lives then. */
interface Due {
  readonly atMs: number;
  readonly to: NodeId;
  readonly act: () => void;
}

export class SmallRing {
  readonly members = new Map<NodeId, RingMember>();
  /** What was wrong with the ring, and when. */
  readonly breaches: { readonly atMs: number; readonly property: Property | 'local' }[] = [];
  nowMs = 0;
  /** Those who were let in and have not heard of it yet: members from then on, with the pointers that are on their way. */
  private readonly admitted = new Map<NodeId, Member>();
  protected readonly random: () => number;
  private queue: Due[] = [];
  private ports = 0;

  constructor(
    readonly seed: number,
    readonly successorsMax = 3,
  ) {
    this.random = randomFrom(seed);
  }

  /** A node that is not yet anywhere. */
  node(): Peer {
    this.ports += 1;
    return { id: nodeId('127.0.0.1', this.ports), addr: `127.0.0.1:${this.ports}`, inc: 1n };
  }

  create(): Peer {
    const self = this.node();
    this.start(createRing(self, this.successorsMax));
    return self;
  }

  /** Brings a new node in through `contact`. */
  join(contact: Peer, self = this.node()): Peer {
    this.start(outsider(self, this.successorsMax));
    this.send(self.id, { type: 'join', contact });
    return self;
  }

  kill(id: NodeId): void {
    this.members.delete(id);
    this.queue = this.queue.filter(({ to }) => to !== id);
  }

  /** Kills it, and lets everybody who points to it find out some time later, whether they ask it or not. */
  killNoticed(peer: Peer): void {
    this.kill(peer.id);
    for (const member of this.inRing()) {
      const isNamed = [member.predecessor, ...member.successors].some(({ id }) => id === peer.id);
      if (isNamed) this.send(member.self.id, { type: 'dead', peer }, this.random() * NOTICE_MAX_MS);
    }
  }

  /** Kills it and starts it anew at the same address at once; it comes in again through `contact`. */
  restart(peer: Peer, contact: Peer): Peer {
    this.kill(peer.id);
    return this.join(contact, { ...peer, inc: peer.inc + 1n });
  }

  leave(id: NodeId): void {
    this.handle(id, { type: 'leave' });
  }

  /** Lets time pass, event by event. */
  run(ms: number): void {
    const endMs = this.nowMs + ms;
    for (let due = this.next(endMs); due; due = this.next(endMs)) {
      this.nowMs = due.atMs;
      due.act();
    }
    this.nowMs = endMs;
  }

  /** Runs until the ring is ideal, and says how long that took; undefined if it is not within `ms`. */
  runUntilIdeal(ms: number): number | undefined {
    const startMs = this.nowMs;
    while (this.nowMs < startMs + ms) {
      if (this.snapshot().isIdeal(this.successorsMax) && this.everybodyIsIn()) return this.nowMs - startMs;
      this.run(10);
    }
    return undefined;
  }

  snapshot(): Snapshot {
    const arriving = [...this.admitted.values()].filter(({ id }) => this.members.get(id)?.phase === 'outside');
    return new Snapshot([...this.inRing().map(pointersOf), ...arriving]);
  }

  inRing(): readonly RingMember[] {
    return [...this.members.values()].filter(({ phase }) => phase === 'member');
  }

  private everybodyIsIn(): boolean {
    return [...this.members.values()].every(({ phase }) => phase !== 'outside');
  }

  protected start(member: RingMember): void {
    this.members.set(member.self.id, member);
    this.tick(member.self.id);
  }

  private tick(id: NodeId): void {
    this.later(id, TICK_MS * (0.8 + 0.4 * this.random()), () => {
      this.tick(id);
      this.handle(id, { type: 'tick' });
    });
  }

  private send(to: NodeId, event: RingEvent, delayMs = this.latency()): void {
    this.later(to, delayMs, () => this.handle(to, event));
  }

  protected latency(): number {
    return this.random() * LATENCY_MAX_MS;
  }

  protected later(to: NodeId, delayMs: number, act: () => void): void {
    this.queue.push({ atMs: this.nowMs + delayMs, to, act });
  }

  private next(endMs: number): Due | undefined {
    let first: Due | undefined;
    for (const due of this.queue) if (due.atMs <= endMs && (!first || due.atMs < first.atMs)) first = due;
    if (first) this.queue.splice(this.queue.indexOf(first), 1);
    return first;
  }

  protected handle(id: NodeId, event: RingEvent): void {
    const before = this.members.get(id);
    if (before === undefined) return;
    const [after, effects] = stepRing(before, event);
    this.members.set(id, after);
    for (const effect of effects) this.perform(after.self, effect, event);
    this.check();
  }

  private perform(self: Peer, effect: RingEffect, cause: RingEvent): void {
    switch (effect.type) {
      case 'ask':
        return this.ask(self, effect);
      case 'answer':
        if (effect.answer.type === 'admitted') {
          const successors = effect.answer.successors.map(({ id }) => id);
          this.admitted.set(effect.to.id, { id: effect.to.id, predecessor: self.id, successors });
        }
        return this.send(effect.to.id, { type: 'answered', from: self, answer: effect.answer, request: effect.ref });
      case 'tell':
        if (!this.canReach(self.id, effect.to.id)) return;
        return this.send(effect.to.id, { type: 'told', from: self, tale: effect.tale });
      case 'retry_soon':
        return this.retry(self, cause);
      default:
    }
  }

  private ask(self: Peer, { to, question, request }: Extract<RingEffect, { type: 'ask' }>): void {
    const isThere = this.canReach(self.id, to.id) && this.members.get(to.id)?.phase !== 'left';
    if (isThere) this.send(to.id, { type: 'asked', from: self, question, ref: request });
    // Should it die before it answers, the silence is noticed; after an answer this is of no account.
    this.send(self.id, { type: 'silent', request }, SILENCE_MS);
  }

  /** Whether what one says comes to the other. */
  protected canReach(_from: NodeId, to: NodeId): boolean {
    return this.members.has(to);
  }

  private retry(self: Peer, cause: RingEvent): void {
    const delayMs = this.random() * RETRY_MAX_MS;
    const isOutside = this.members.get(self.id)?.phase === 'outside';
    if (isOutside && cause.type === 'answered') this.send(self.id, { type: 'join', contact: cause.from }, delayMs);
    else this.send(self.id, { type: 'tick' }, delayMs);
  }

  private check(): void {
    for (const property of this.snapshot().breaches()) this.breaches.push({ atMs: this.nowMs, property });
    for (const { self, successors } of this.inRing()) {
      const ids = successors.map(({ id }) => id);
      if (localFault(self.id, ids, Number.POSITIVE_INFINITY))
        this.breaches.push({ atMs: this.nowMs, property: 'local' });
    }
  }
}

function pointersOf({ self, predecessor, successors }: RingMember): Member {
  return { id: self.id, predecessor: predecessor.id, successors: successors.map(({ id }) => id) };
}
