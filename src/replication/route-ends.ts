/**
 * Route ends: what is told of a request when no record can be told of.
 */
import type { Peer } from '../chord/peer';
import { EMPTY, fromUtf8 } from '../octets';
import type { Status } from '../protocol/client-protocol';
import type { Done, NotOwner } from '../protocol/rpc-data';

/** What an end depends on. */
interface Ending {
  readonly op: 'get' | 'put' | 'delete';
  /** What to tell of a write that was made here, if it turns out to be done. */
  readonly written: Done | undefined;
}

/** Somebody else has the key, as far as that is known. */
export const notOwner = (hint: Peer | undefined): NotOwner =>
  hint ? { type: 'not_owner', hint } : { type: 'not_owner' };

/** It was definitely not done. */
export const refusal = ({ op }: Ending, status: Status, why: string) => answer(status, `Cannot ${op}: ${why}`);

/** Nobody knows whether it was done; of a get, what it would have found. */
export function unknownEnd({ op, written }: Ending, why: string): Done {
  const end = answer('timeout', op === 'get' ? `Cannot get: ${why}` : `Cannot tell whether the ${op} was done: ${why}`);
  return written ? { ...end, acks: written.acks, copies: written.copies, degraded: written.degraded } : end;
}

/** A write was found where the key is kept now: it is as well kept as what was found. */
export const confirmedEnd = (written: Done, { acks, copies, degraded }: Done): Done => ({
  ...written,
  acks,
  copies,
  degraded,
});

/** An answer that no record stands behind. */
export function answer(status: Status, text: string): Done {
  const value = text === '' ? EMPTY : fromUtf8(text);
  return { type: 'done', status, value, acks: 0, copies: 1, degraded: true };
}

/** What has stood in the way, as a phrase. */
export function obstacleOf(code: string, to: Peer | undefined): string {
  const who = to?.addr ?? 'the node that has the key';
  switch (code) {
    case 'timeout':
      return `${who} has not answered in time`;
    case 'unreachable':
      return `${who} cannot be reached`;
    case 'disconnected':
      return `the connection to ${who} was lost`;
    default:
      return `${who} has refused it (${code})`;
  }
}
