/** Requests in version 2 to a node of a ring that is played, and what was answered, in short. */
import { EMPTY, fromUtf8 } from '../../src/octets';
import type { RequestV2, Response } from '../../src/protocol/client-protocol';
import { decodeMeta, type Meta } from '../../src/protocol/meta';
import type { FakeClient } from './fake-ring';
import { inShort } from './node';

/** A request with everything as it is by default, which wants to know all that is known of the answer. */
export const ask = (
  op: 'get' | 'put' | 'delete',
  key: string,
  value = '',
  fields: Partial<RequestV2> = {},
): RequestV2 => ({
  type: 'request',
  version: 2,
  op,
  key: fromUtf8(key),
  value: op === 'put' ? fromUtf8(value) : EMPTY,
  requestId: 7,
  consistency: 'default',
  direct: false,
  wantsMeta: true,
  ...fields,
});

/** What has been answered since it was looked at last. */
export const shortOf = (client: FakeClient): string[] => client.answers().map(inShort);

/** What is known of an answer besides. */
export function metaIn(answer: Response | undefined): Meta | undefined {
  const meta = answer?.version === 2 && answer.meta !== undefined ? decodeMeta(answer.meta) : undefined;
  return meta?.ok ? meta.value : undefined;
}

/** What is known of the first answer since it was looked at last. */
export const metaOf = (client: FakeClient) => metaIn(client.answers()[0]);
