/**
 * Quorum answers: what the answer of another member, or none, says to the write or read for which it was asked.
 */
import type { Peer } from '../chord/peer';
import type { BinaryString } from '../octets';
import type { RpcAnswer } from '../protocol/rpc-messages';
import type { KvTable } from '../store/kv-table';
import type { ReadEvent } from './quorum-read';
import type { WriteEvent } from './quorum-write';

/** What it means to the write. Without an answer: it has failed. */
export function writeEventOf(from: Peer, answer: RpcAnswer | undefined): WriteEvent {
  switch (answer?.type) {
    case 'stored':
      return { type: 'stored', from };
    case 'superseded':
      return { type: 'superseded', from, version: answer.version };
    case 'stale':
      return { type: 'stale', from, view: answer.view };
    case undefined:
      return { type: 'failed', to: from };
    default:
      return { type: 'refused', from };
  }
}

/** What it means to the read. Without an answer: it has failed. */
export function readEventOf(from: Peer, answer: RpcAnswer | undefined): ReadEvent {
  switch (answer?.type) {
    case 'replica':
      return { type: 'replica', from, isVoter: answer.isVoter, version: answer.version };
    // What is newer than what was written back is as good.
    case 'stored':
    case 'superseded':
      return { type: 'stored', from };
    case 'stale':
      return { type: 'stale', from, view: answer.view };
    case undefined:
    default:
      return { type: 'failed', to: from };
  }
}

/** The same where the record itself was asked for. It is kept from now on, if the table is still there. */
export function fetchEventOf(
  from: Peer,
  answer: RpcAnswer | undefined,
  key: BinaryString,
  table: KvTable | undefined,
): ReadEvent {
  if (answer?.type !== 'replica') return readEventOf(from, answer);
  const { record } = answer;
  if (record === undefined || record.key !== key || table === undefined) return { type: 'fetched', version: undefined };
  table.merge(record);
  return { type: 'fetched', version: table.get(key)?.version };
}
