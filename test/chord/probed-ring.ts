/**
 * A ring in memory whose members probe for others that they have lost sight of, and a network that
 * can be cut in two.
 */
import type { NodeId } from '../../src/chord/id';
import { nextHop } from '../../src/chord/lookup';
import type { Peer } from '../../src/chord/peer';
import type { RingMember } from '../../src/chord/ring-member';
import {
  type RingProbe,
  type RingProbeEffect,
  type RingProbeEvent,
  startRingProbe,
  stepRingProbe,
} from '../../src/chord/ring-probe';
import { SmallRing } from './small-ring';

const SILENCE_MS = 300;
const LOOK_EVERY_MS = 100;

export class ProbedRing extends SmallRing {
  /** How many hops were asked for. */
  asks = 0;
  private readonly probes = new Map<NodeId, RingProbe>();
  private sideOf: (id: NodeId) => number = () => 0;

  constructor(
    seed: number,
    private readonly probeIntervalMs: number | undefined,
    successorsMax = 3,
  ) {
    super(seed, successorsMax);
  }

  /** From now on those on one side hear nothing of those on another. */
  cut(sideOf: (id: NodeId) => number): void {
    this.sideOf = sideOf;
  }

  heal(): void {
    this.sideOf = () => 0;
  }

  /** A member with these pointers, right or wrong. */
  place(member: RingMember): void {
    this.start(member);
  }

  protected override start(member: RingMember): void {
    super.start(member);
    if (this.probeIntervalMs === undefined) return;
    this.probes.set(member.self.id, startRingProbe(this.nowMs, this.probeIntervalMs, this.random));
    this.look(member.self.id);
  }

  protected override canReach(from: NodeId, to: NodeId): boolean {
    return super.canReach(from, to) && this.sideOf(from) === this.sideOf(to);
  }

  private look(id: NodeId): void {
    this.later(id, LOOK_EVERY_MS, () => {
      this.look(id);
      this.probe(id, { type: 'tick' });
    });
  }

  private probe(id: NodeId, event: RingProbeEvent): void {
    const [probe, member] = [this.probes.get(id), this.members.get(id)];
    if (probe === undefined || member?.phase !== 'member') return;
    const [next, effects] = stepRingProbe(probe, event, member, this.nowMs, this.random);
    this.probes.set(id, next);
    for (const effect of effects) this.carryOut(member.self, effect);
  }

  private carryOut(self: Peer, effect: RingProbeEffect): void {
    switch (effect.type) {
      case 'consider':
        return this.handle(self.id, effect);
      case 'hint': {
        const { to, between } = effect;
        if (!this.canReach(self.id, to.id)) return;
        return this.later(to.id, this.latency(), () => {
          this.handle(to.id, { type: 'told', from: self, tale: { type: 'hint', between } });
        });
      }
      default:
        return this.askHop(self, effect);
    }
  }

  private askHop(self: Peer, { to, request, key, excluded }: Extract<RingProbeEffect, { type: 'ask' }>): void {
    this.asks += 1;
    this.later(self.id, SILENCE_MS, () => this.probe(self.id, { type: 'silent', request }));
    if (!this.canReach(self.id, to.id)) return;
    this.later(to.id, this.latency(), () => {
      const member = this.members.get(to.id);
      if (member?.phase !== 'member') return;
      const hop = nextHop(key, { ...member, others: [] }, excluded);
      this.later(self.id, this.latency(), () => this.probe(self.id, { type: 'answered', request, hop }));
    });
  }
}
