/**
 * Quorum words: what the outcome of a question to another member says to the write or read that it was asked for.
 */
import type { ReadEvent } from '../src/replication/quorum-read';
import type { WriteEvent } from '../src/replication/quorum-write';
import type { Tag } from './errand';
import type { RpcOutcome } from './peer-link';

/** What it means to the write. */
export function writeEventOf(outcome: RpcOutcome<Tag>): WriteEvent {
  if (outcome.type === 'rpc_failed') return { type: 'failed', to: outcome.to };
  const { from, answer } = outcome;
  switch (answer.type) {
    case 'stored':
      return { type: 'stored', from };
    case 'superseded':
      return { type: 'superseded', from, version: answer.version };
    case 'stale':
      return { type: 'stale', from, view: answer.view };
    default:
      return { type: 'refused', from };
  }
}

/** What it means to the read. */
export function readEventOf(outcome: RpcOutcome<Tag>): ReadEvent {
  if (outcome.type === 'rpc_failed') return { type: 'failed', to: outcome.to };
  const { from, answer } = outcome;
  switch (answer.type) {
    case 'replica':
      return { type: 'replica', from, isVoter: answer.isVoter, version: answer.version };
    // What is newer than what was written back is as good.
    case 'stored':
    case 'superseded':
      return { type: 'stored', from };
    case 'stale':
      return { type: 'stale', from, view: answer.view };
    default:
      return { type: 'failed', to: from };
  }
}
