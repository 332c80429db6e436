/** Ring probes of a simulated node: the core of src/chord/ring-probe.ts with the world's time and network. */
import type { Id, NodeId } from '../chord/id';
import type { Peer } from '../chord/peer';
import type { RingMember } from '../chord/ring-member';
import {
  type RingProbe,
  type RingProbeEffect,
  type RingProbeEvent,
  startRingProbe,
  stepRingProbe,
} from '../chord/ring-probe';
import { unreachable } from '../unreachable';
import { isHop } from './node-lookups';
import type { AskOutcome } from './packet';
import type { Surroundings } from './surroundings';

/** The node that probes. */
export interface ProbeHost {
  readonly member: RingMember;
  ask(peer: Peer, key: Id, excluded: ReadonlySet<NodeId>, done: (outcome: AskOutcome) => void): void;
  consider(candidate: Peer): void;
  hint(to: Peer): void;
}

/** The ring probe of one node. */
export class NodeProbe {
  private probe: RingProbe | undefined;

  constructor(
    private readonly intervalMs: number,
    private readonly world: Surroundings,
    private readonly host: ProbeHost,
  ) {}

  /** Begins at a random moment of the first period. */
  begin(): void {
    const { nowMs, random } = this.world;
    this.probe = startRingProbe(nowMs, this.intervalMs, random.next);
    this.wake();
  }

  private wake(): void {
    const { probe } = this;
    if (probe) this.world.after(Math.max(1, probe.dueMs - this.world.nowMs), () => this.advance({ type: 'tick' }));
  }

  private advance(event: RingProbeEvent): void {
    const { probe: before, host, world } = this;
    if (before === undefined || host.member.phase !== 'member') return;
    const [probe, effects] = stepRingProbe(before, event, host.member, world.nowMs, world.random.next);
    this.probe = probe;
    if (probe.dueMs !== before.dueMs) this.wake();
    for (const effect of effects) this.perform(effect);
  }

  private perform(effect: RingProbeEffect): void {
    switch (effect.type) {
      case 'ask': {
        const { to, request, key, excluded } = effect;
        return this.host.ask(to, key, excluded, (outcome) => {
          const hop = outcome.type === 'answered' && isHop(outcome.answering) ? outcome.answering : undefined;
          this.advance(hop ? { type: 'answered', request, hop } : { type: 'silent', request });
        });
      }
      case 'consider':
        return this.host.consider(effect.candidate);
      case 'hint':
        return this.host.hint(effect.to);
      default:
        return unreachable(effect);
    }
  }
}
