/**
 * Asking once: for those who are no process, or must not take messages for an answer to come.
 *
 * A process of its own asks and ends with the answer. It costs a process for each question, so it
 * is for people's questions and not for the paths that keys take.
 */
import type { Peer } from '../src/chord/peer';
import { type Runtime, type Self, spawn, TIMEOUT } from '../src/otp';
import type { RpcAnswer, RpcQuestion } from '../src/protocol/rpc-messages';
import * as peerLink from './peer-link';

/** What a node answers; undefined where no answer comes in this time. */
export function askOnce(
  runtime: Runtime,
  to: Peer,
  question: RpcQuestion,
  timeoutMs: number,
): Promise<RpcAnswer | undefined> {
  return new Promise((resolve) => {
    const body = async (self: Self<unknown>) => {
      self.openPort(() => resolve(undefined));
      peerLink.ask(to, question, { tag: undefined, timeoutMs });
      const outcome = await self.receive<peerLink.RpcOutcome<undefined>>({ timeoutMs: timeoutMs + SLACK_MS });
      resolve(outcome !== TIMEOUT && outcome.type === 'rpc_answered' ? outcome.answer : undefined);
    };
    runtime.run(() => spawn(runtime, body, { initialCall: 'ask-once:ask/3' }));
  });
}

/** Longer than the outcome of a question takes that was not answered in time. */
const SLACK_MS = 1000;
