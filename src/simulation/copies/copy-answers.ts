/** Copy answers: what a simulated node tells whoever has asked it for a key, and how it writes one into its own table. */
import { EMPTY } from '../../octets';
import type { Done } from '../../protocol/rpc-data';
import { encodeVersion } from '../../replication/version';
import type { Answer } from '../../store/local-coordinator';
import { deleteLocally, putLocally } from '../../store/local-write';
import type { Record } from '../../store/record';
import type { CopyRequest } from './copy-errand';
import type { KeptNode } from './copy-world';

/** What is told of what has become of a request. */
export function doneOf({ status, value, record }: Answer): Done {
  const done = { type: 'done', status, value, acks: 1, copies: 1, degraded: false } as const;
  return record === undefined ? done : { ...done, version: encodeVersion(record) };
}

/** It was definitely not done. */
export function refusedOf(why: string): Done {
  return { type: 'done', status: 'server_error', value: Buffer.from(why), acks: 0, copies: 1, degraded: true };
}

/** What there is to be read in a record, if it is no deletion. */
export const liveIn = (record: Record | undefined) => (record?.value === undefined ? undefined : record);

/** Begins a quorum write in this node's own table. `Done`: there is nothing to be done, or it cannot be. */
export function writeHere(
  { target, systemMs, host, world }: KeptNode,
  { op, key, value }: CopyRequest,
  isSoleHolder: boolean,
): { readonly record: Record } | Done {
  const { marksEventual: ev } = world.settings;
  const written =
    op === 'put'
      ? putLocally(target, { key, value, expireAtMs: undefined, ev }, systemMs)
      : deleteLocally(target, { key, ev: false, isSoleHolder }, systemMs);
  if (!written.ok) return refusedOf('the clock is behind');
  const record = written.value;
  if (record === undefined) return doneOf({ status: 'success', value: EMPTY });
  world.written(record, host.self);
  return { record };
}
