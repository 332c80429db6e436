/**
 * Early questions: what another replica asks under a view of which this node has not heard yet.
 *
 * Whoever makes a view tells all its members at once, and may serve it before they have heard: what it then asks of
 * one of them comes first now and then, for telling is another process's work there. That it is told a moment later
 * is nearly certain, and costs less than to be told that the view is not known, and to ask again. So such a question
 * is looked at again after moments; what is still early after a while is answered as things are.
 *
 * Others of the same connection may be answered before it. That makes no difference: it is as if it had been late on its
 * way, what it brings merges with what is there by then, and whoever asks counts no copy before it is confirmed.
 */
import type { Self, TimerRef } from '../src/otp';
import type { ReplicaAnswer, ReplicaQuestion } from '../src/protocol/rpc-data';
import { compareEpochs } from '../src/replication/epoch';
import type { SourceAnswer } from '../src/replication/sync-source';

// API

/** How soon a question is looked at again. */
const LOOK_AGAIN_MS = 2;

/** So long a question may be early: whoever asks has others to ask, or another time. */
const EARLY_MS = 10;

/** Whether a question was asked under a later view than whoever gives this answer has heard of. */
export function isEarly({ epoch }: ReplicaQuestion, answer: ReplicaAnswer | SourceAnswer): boolean {
  return answer.type === 'stale' && (answer.view === undefined || compareEpochs(answer.view.epoch, epoch) < 0);
}

/** Those of one connection. As many as it may have under way; the connection sees to that. */
export class EarlyQuestions {
  private waiting: readonly Early[] = [];
  private timer: TimerRef | undefined;
  private readonly alarm = { type: 'early_questions' };

  constructor(private readonly self: Pick<Self<unknown>, 'nowMs' | 'sendAfter' | 'pid'>) {}

  /**
   * Keeps a question for a while.
   *
   * @param look answers it as things are, if it is not early any more, or in any case where `isLast`; gives whether it has
   */
  keep(look: Early['look']): void {
    this.waiting = [...this.waiting, { look, untilMs: this.self.nowMs() + EARLY_MS }];
    this.setAlarm();
  }

  /** A message for it. False: it is for somebody else. */
  handle(message: unknown): boolean {
    if (message !== this.alarm) return false;
    this.timer = undefined;
    const nowMs = this.self.nowMs();
    this.waiting = this.waiting.filter(({ look, untilMs }) => !look(nowMs >= untilMs));
    if (this.waiting.length > 0) this.setAlarm();
    return true;
  }

  private setAlarm(): void {
    this.timer ??= this.self.sendAfter(LOOK_AGAIN_MS, this.self.pid, this.alarm);
  }
}

// Internal

interface Early {
  readonly look: (isLast: boolean) => boolean;
  readonly untilMs: number;
}
