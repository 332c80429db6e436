/**
 * Link answers: how the answer to a question that a link has sent reaches whoever has asked.
 *
 * One that comes too late has nobody to go to; one that makes no sense is told as a failure.
 */
import type { Peer } from '../src/chord/peer';
import type { Self } from '../src/otp';
import type { DataAnswer } from '../src/protocol/rpc-data';
import { isAnswerTo } from '../src/protocol/rpc-data-packed';
import { decodeAnswer, type RpcAnswer } from '../src/protocol/rpc-messages';
import type { RpcValue } from '../src/protocol/rpc-values';
import type { Writers } from '../src/replication/version';
import { type Ask, type LinkDesk, sendOutcome } from './link-desk';

/** Through which link an answer has come. */
export interface Way {
  readonly desk: LinkDesk;
  readonly self: Self;
}

/** An answer of this peer has come, as the body of a frame. `asked`: what it is about, while somebody waits for that. */
export function answered(asked: Ask | undefined, body: RpcValue, from: Peer, writers: Writers, way: Way): void {
  if (asked === undefined) return;
  const decoded = decodeAnswer(asked.question.type, body, writers);
  if (decoded.ok) deliver(asked, decoded.value, from, way);
  else sendOutcome(way.self.runtime, asked, { code: 'bad_answer', wasSent: true, message: decoded.error.message });
}

/** The same for one that is decoded already. */
export function answeredShort(asked: Ask | undefined, answer: DataAnswer, from: Peer, way: Way): void {
  if (asked === undefined) return;
  const { type } = asked.question;
  if (isAnswerTo(type, answer)) return deliver(asked, answer, from, way);
  const message = `Cannot read ${type}: its answer is none that it can have`;
  sendOutcome(way.self.runtime, asked, { code: 'bad_answer', wasSent: true, message });
}

// Internal

function deliver(asked: Ask, answer: RpcAnswer, from: Peer, { desk, self }: Way): void {
  const { tag, sentAtMs } = asked;
  const nowMs = self.nowMs();
  desk.answer(asked, { type: 'rpc_answered', tag, from, answer, rttMs: nowMs - (sentAtMs ?? nowMs) });
}
