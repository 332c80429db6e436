/**
 * Detectors: how a simulated node tells the dead from the silent. One runs the core that a real node
 * runs; the other takes a single silence for death, as both papers' simulators did.
 */
import type { NodeId } from '../chord/id';
import type { Peer } from '../chord/peer';
import {
  isDead,
  isSuspect,
  nextTickMs,
  rtoOf,
  startSuspicion,
  stepSuspicion,
  type SuspicionEffect,
  type SuspicionEvent,
  type SuspicionState,
} from '../chord/suspicion';
import { unreachable } from '../unreachable';
import type { AskOutcome } from './packet';
import type { Questions } from './questions';
import type { Alarm, Surroundings } from './surroundings';

/** What a node tells its detector, and asks it. */
export interface Detector {
  /** How long to wait for an answer of this peer. */
  timeoutMs(peer: Peer): number;
  isSuspect(id: NodeId): boolean;
  /** Whether it has been found dead. */
  isDead(id: NodeId): boolean;
  heard(peer: Peer, rttMs?: number): void;
  /** A question was not answered. */
  missed(peer: Peer): void;
  /** Nobody listens there, or a connection broke. */
  lost(peer: Peer): void;
  /** A verdict is wanted. */
  judge(peer: Peer): void;
  watch(predecessor: Peer | undefined, successors: readonly Peer[]): void;
}

/** Whoever wants to know who has died. */
export type OnVerdict = (peer: Peer, isAlive: boolean) => void;

/** Whoever does not answer once is dead. */
export class TimeoutDetector implements Detector {
  constructor(
    private readonly limitMs: number,
    private readonly onVerdict: OnVerdict,
  ) {}

  timeoutMs(): number {
    return this.limitMs;
  }

  isSuspect(): boolean {
    return false;
  }

  isDead(): boolean {
    return false;
  }

  judge(peer: Peer): void {
    this.onVerdict(peer, false);
  }

  heard(): void {}
  missed(): void {}
  lost(): void {}
  watch(): void {}
}

/** A tick that comes so much too late shows that the node was held up. */
const LAG_MS = 50;

/** The failure detector of a real node. */
export class SuspicionDetector implements Detector {
  private state: SuspicionState;
  private timer: Alarm | undefined;

  constructor(
    self: Peer,
    intervals: { readonly predecessorIntervalMs: number; readonly successorIntervalMs: number },
    private readonly world: Surroundings,
    private readonly questions: Questions,
    private readonly onVerdict: OnVerdict,
    /** What spoke against a peer is forgotten, also when it was called dead. */
    private readonly onCleared: (peer: Peer) => void,
  ) {
    this.state = startSuspicion(self.id, world.nowMs, intervals);
    this.wakeInTime();
  }

  timeoutMs(peer: Peer): number {
    return rtoOf(this.state, peer.id);
  }

  isSuspect(id: NodeId): boolean {
    return isSuspect(this.state, id);
  }

  isDead(id: NodeId): boolean {
    return isDead(this.state, id);
  }

  heard(peer: Peer, rttMs?: number): void {
    this.advance({ type: 'heard', peer, rttMs });
  }

  missed(peer: Peer): void {
    this.advance({ type: 'missed', peer });
  }

  lost(peer: Peer): void {
    this.advance({ type: 'lost', peer });
  }

  judge(peer: Peer): void {
    this.advance({ type: 'judge', peer });
  }

  watch(predecessor: Peer | undefined, successors: readonly Peer[]): void {
    this.advance({ type: 'watch', predecessor, successors });
  }

  private advance(event: SuspicionEvent): void {
    const { nowMs } = this.world;
    const lagMs = this.timer ? nowMs - this.timer.dueMs : 0;
    if (lagMs > LAG_MS) this.step({ type: 'lagged', ms: lagMs }, nowMs);
    this.step(event, nowMs);
    this.wakeInTime();
  }

  private step(event: SuspicionEvent, nowMs: number): void {
    const [state, effects] = stepSuspicion(this.state, event, nowMs, this.world.random.next);
    this.state = state;
    for (const effect of effects) this.perform(effect);
  }

  private perform(effect: SuspicionEffect): void {
    switch (effect.type) {
      case 'probe': {
        const { peer, request, timeoutMs } = effect;
        this.questions.ask(peer, { type: 'ping' }, timeoutMs, (outcome) => this.advance(probed(request, outcome)));
        return undefined;
      }
      case 'ask_others': {
        const { via, target, request, timeoutMs } = effect;
        this.questions.ask(via, { type: 'ping_for', target }, timeoutMs, (outcome) => {
          this.advance(probedByOther(request, outcome));
        });
        return undefined;
      }
      case 'verdict':
        return this.onVerdict(effect.peer, effect.isAlive);
      case 'cleared':
        return this.onCleared(effect.peer);
      case 'suspected':
        return undefined;
      default:
        return unreachable(effect);
    }
  }

  /** Has a tick come when the next one is due; a timer is only ever moved forward. */
  private wakeInTime(): void {
    const dueMs = nextTickMs(this.state);
    if (this.timer && this.timer.dueMs <= dueMs) return;
    this.timer?.cancel();
    this.timer = this.world.after(Math.max(1, dueMs - this.world.nowMs), () => {
      const lagMs = this.world.nowMs - (this.timer?.dueMs ?? this.world.nowMs);
      this.timer = undefined;
      if (lagMs > LAG_MS) this.step({ type: 'lagged', ms: lagMs }, this.world.nowMs);
      this.advance({ type: 'tick' });
    });
  }
}

function probed(request: number, outcome: AskOutcome): SuspicionEvent {
  if (outcome.type === 'failed') {
    return { type: 'probe_failed', request, isRefused: outcome.code === 'unreachable' };
  }
  return { type: 'probe_answered', request, from: outcome.from, rttMs: outcome.rttMs };
}

/** Of another's ping only its outcome counts: that the other answers is not what was asked. */
function probedByOther(request: number, outcome: AskOutcome): SuspicionEvent {
  const isAlive = outcome.type === 'answered' && outcome.answering.type === 'pong';
  return isAlive ? { type: 'probe_answered', request } : { type: 'probe_failed', request, isRefused: false };
}
