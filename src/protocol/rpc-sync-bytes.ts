/**
 * RPC sync bytes: about how long messages about the records of an arc are, without writing them.
 */
import { dataBytes, type Record } from '../store/record';
import type { SyncQuestion } from './rpc-sync';

/** About how many bytes a question takes. */
export function syncQuestionBytes(question: SyncQuestion): number {
  switch (question.type) {
    case 'ranges':
      return QUESTION_BYTES + question.ranges.length * RANGE_BYTES;
    case 'fetch':
      return QUESTION_BYTES + question.ids.length * ID_BYTES;
    case 'push':
      return QUESTION_BYTES + recordsBytes(question.records);
    default:
      return QUESTION_BYTES;
  }
}

/** About how many bytes records take in a message. */
export function recordsBytes(records: readonly Record[]): number {
  return records.reduce((bytes, record) => bytes + RECORD_BYTES + dataBytes(record), 0);
}

// Internal

const QUESTION_BYTES = 80;
const RANGE_BYTES = 60;
const ID_BYTES = 22;
const RECORD_BYTES = 32;
