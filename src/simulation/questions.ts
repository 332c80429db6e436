/**
 * Questions: what a simulated node has asked and not been answered yet. Each has exactly one outcome:
 * the answer, a refusal, or none in time. An answer that comes later is of no account.
 */
import type { Peer } from '../chord/peer';
import type { Answering, Asking, AskOutcome, Packet } from './packet';
import type { Alarm, Surroundings } from './surroundings';

interface Open {
  readonly to: Peer;
  readonly sentMs: number;
  readonly timer: Alarm;
  readonly done: (outcome: AskOutcome) => void;
}

/** The open questions of one node. */
export class Questions {
  private readonly open = new Map<number, Open>();

  constructor(
    private readonly self: Peer,
    private readonly world: Surroundings,
  ) {}

  /** Asks, and gives back the question's number; `done` is called once, never before this returns. */
  ask(to: Peer, asking: Asking, timeoutMs: number, done: (outcome: AskOutcome) => void): number {
    const number = this.world.nextNumber();
    const timer = this.world.after(timeoutMs, () => this.end(number, { type: 'failed', to, code: 'timeout' }));
    this.open.set(number, { to, sentMs: this.world.nowMs, timer, done });
    this.world.send({ type: 'ask', from: this.self, to, number, asking });
    return number;
  }

  /** Takes what has come back. */
  receive(packet: Extract<Packet, { type: 'answer' | 'refusal' }>): void {
    const question = this.open.get(packet.number);
    if (question === undefined) return;
    question.timer.cancel();
    if (packet.type === 'refusal') {
      return this.end(packet.number, { type: 'failed', to: question.to, code: 'unreachable' });
    }
    const rttMs = this.world.nowMs - question.sentMs;
    this.end(packet.number, { type: 'answered', from: packet.from, answering: packet.answering, rttMs });
  }

  private end(number: number, outcome: AskOutcome): void {
    const question = this.open.get(number);
    this.open.delete(number);
    question?.done(outcome);
  }
}

/** What a node answers to whoever asks. */
export function answerTo(
  packet: Extract<Packet, { type: 'ask' }>,
  self: Peer,
  answering: Answering,
): Extract<Packet, { type: 'answer' }> {
  return { type: 'answer', from: self, to: packet.from, number: packet.number, answering };
}
