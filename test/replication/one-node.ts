/**
 * One node that keeps views, in the hands of a test: time is moved, what it asks is looked at and answered.
 */
import type { Id, NodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import type { Range } from '../../src/chord/range';
import type { ViewAnswer, ViewQuestion } from '../../src/protocol/rpc-views';
import type { Epoch } from '../../src/replication/epoch';
import { Version, Writers, writerId } from '../../src/replication/version';
import type { View } from '../../src/replication/view';
import { noViews, type Views } from '../../src/replication/views';
import type { ViewsEffect, ViewsEvent, ViewsQuestion } from '../../src/replication/views-protocol';
import { stepViews } from '../../src/replication/views-step';

/** The point of the ring whose identifier begins with these digits. */
export const point = (digits: string) => digits.padEnd(40, '0') as Id;

/** The node that stands there. */
export function peer(digits: string, inc = BigInt(`0x${digits}`) * 1000n): Peer {
  return { id: point(digits) as NodeId, addr: `${digits}.example:1`, inc };
}

export const arc = (lo: string, hi: string): Range => ({ lo: point(lo), hi: point(hi) });

/** A view all of whose members vote, made by the first of them, unless told otherwise. */
export function view(range: Range, n: number, members: readonly Peer[], change: Partial<View> = {}): View {
  const [primary] = members;
  if (primary === undefined) throw new Error('A view has members');
  const epoch: Epoch = { n, by: primary.inc };
  const voters = members.map(({ id }) => id);
  const floor = new Version(0, 0, new Writers().intern(writerId(primary.id, primary.inc)));
  return { epoch, arc: range, members, primary: primary.id, voters, syncs: 1, floor, ...change };
}

export class OneNode {
  views: Views;
  nowMs = 1000;
  /** What it draws, from 0 up to but not including 1. */
  random = 0.5;
  readonly effects: ViewsEffect[] = [];
  private readonly clock: Version;

  constructor(
    readonly self: Peer,
    replicas = 3,
  ) {
    this.views = noViews(self, replicas, this.nowMs);
    this.clock = new Version(1, 0, new Writers().intern(writerId(self.id, self.inc)));
  }

  /** The ring, by its members in order; those that come after the node are its successors. */
  ring(...peers: readonly Peer[]): this {
    const at = peers.findIndex(({ id }) => id === this.self.id);
    const others = [...peers.slice(at + 1), ...peers.slice(0, at)];
    const successors = others.length === 0 ? [this.self] : others;
    const predecessor = others.at(-1) ?? this.self;
    this.tell({ type: 'ring', ring: { isMember: true, predecessor, successors, isSettled: true, isComplete: true } });
    return this;
  }

  /** It has a view already, as a voter of it or otherwise. */
  holds(held: View, role: 'voter' | 'learner' | 'none' = 'voter'): this {
    const { self } = this;
    const holding = { arc: held.arc, view: held, role, promised: held.epoch, pending: [] };
    const isLed = held.primary === self.id && role === 'voter';
    const lead = { arc: held.arc, epoch: held.epoch, sinceMs: this.nowMs, isAgreed: true };
    this.views = {
      ...this.views,
      holdings: [...this.views.holdings, holding],
      leads: isLed ? [...this.views.leads, lead] : this.views.leads,
    };
    return this;
  }

  tell(event: ViewsEvent): readonly ViewsEffect[] {
    const [views, effects] = stepViews(this.views, event, this.nowMs, () => this.random, this.clock);
    this.views = views;
    this.effects.push(...effects);
    return effects;
  }

  /** Somebody asks it something. */
  asked(from: Peer, question: ViewsQuestion): ViewsEffect | undefined {
    const effects = this.tell({ type: 'asked', from, question });
    return effects.find(({ type }) => type === 'answer' || type === 'answer_sealed');
  }

  /** Lets time pass, beat by beat. */
  pass(ms: number): readonly ViewsEffect[] {
    const from = this.effects.length;
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; ) {
      this.nowMs += 100;
      this.tell({ type: 'tick' });
    }
    return this.effects.slice(from);
  }

  /** Answers everything that has been asked and not been answered; `undefined`: not this. What that leads to is answered as well. */
  answerAll(answer: (question: ViewQuestion, to: Peer) => ViewAnswer | 'refused' | 'silent' | undefined): void {
    for (const ask of this.open()) {
      const { request, to } = ask;
      const given = answer(ask.question, to);
      if (given === undefined) continue;
      if (given === 'refused' || given === 'silent')
        this.tell({ type: 'failed', request, isRefused: given === 'refused' });
      else this.tell({ type: 'answered', request, from: to, answer: given });
    }
  }

  /** What has been asked and not been answered. */
  open(): readonly Extract<ViewsEffect, { type: 'ask' }>[] {
    return this.effects.flatMap((effect) =>
      effect.type === 'ask' && this.views.matters.has(effect.request) ? [effect] : [],
    );
  }

  /** The latest question of a kind, and to whom. */
  asks(type: ViewQuestion['type']): readonly Peer[] {
    return this.open()
      .filter(({ question }) => question.type === type)
      .map(({ to }) => to);
  }

  reports(): readonly string[] {
    return this.effects.flatMap((effect) => (effect.type === 'report' ? [effect.event] : []));
  }

  jobs() {
    return this.effects.flatMap((effect) => (effect.type === 'sync' ? [effect.job] : []));
  }
}
