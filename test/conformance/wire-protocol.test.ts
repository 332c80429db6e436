/** The client protocol, byte for byte: what other implementations of it read and write. */
import { EMPTY, fromUtf8 } from '../../src/octets';
import type { Request, RequestV1, RequestV2, Response } from '../../src/protocol/client-protocol';
import { RequestDecoder } from '../../src/protocol/request-decoder';
import { ResponseDecoder } from '../../src/protocol/response-decoder';
import { drain, hex, requestBytes, responseBytes } from '../protocol/fixtures';

const v1 = (op: RequestV1['op'], key = '', value = ''): Request => ({
  type: 'request',
  version: 1,
  op,
  key: fromUtf8(key),
  value: fromUtf8(value),
});

const v2 = (requestId: number, op: RequestV2['op'], parts: Partial<RequestV2> = {}): Request => ({
  type: 'request',
  version: 2,
  op,
  key: EMPTY,
  value: EMPTY,
  requestId,
  consistency: 'default',
  direct: false,
  wantsMeta: false,
  ...parts,
});

const k = fromUtf8('k');
const v = fromUtf8('v');

const REQUESTS: readonly (readonly [string, Request, string])[] = [
  ['GET "test_key"', v1('get', 'test_key'), '4b565301 01 00000008 746573745f6b6579'],
  ['PUT "k" = "v"', v1('put', 'k', 'v'), '4b565301 02 00000001 6b 00000001 76'],
  ['DELETE "k"', v1('delete', 'k'), '4b565301 03 00000001 6b'],
  ['PING', v1('ping'), '4b565301 04'],
  ['STATS', v1('stats'), '4b565301 05'],
  ['GET of the empty key', v1('get'), '4b565301 01 00000000'],
  ['PUT of the empty key and value', v1('put'), '4b565301 02 00000000 00000000'],
  ['version 2 GET', v2(7, 'get', { key: k }), '4b565302 01 00 00000007 00000001 6b'],
  ['version 2 PUT', v2(8, 'put', { key: k, value: v }), '4b565302 02 00 00000008 00000001 6b 00000001 76'],
  ['version 2 DELETE', v2(9, 'delete', { key: k }), '4b565302 03 00 00000009 00000001 6b'],
  ['version 2 PING', v2(0xfffefdfc, 'ping'), '4b565302 04 00 fffefdfc 00000000'],
  ['version 2 STATS', v2(0, 'stats'), '4b565302 05 00 00000000 00000000'],
  ['eventual GET', v2(1, 'get', { key: k, consistency: 'eventual' }), '4b565302 01 01 00000001 00000001 6b'],
  ['quorum GET', v2(1, 'get', { key: k, consistency: 'quorum' }), '4b565302 01 02 00000001 00000001 6b'],
  ['direct GET', v2(1, 'get', { key: k, direct: true }), '4b565302 01 04 00000001 00000001 6b'],
  ['GET with meta', v2(1, 'get', { key: k, wantsMeta: true }), '4b565302 01 08 00000001 00000001 6b'],
  ['GET within 1.5 s', v2(1, 'get', { key: k, deadlineMs: 1500 }), '4b565302 01 10 00000001 000005dc 00000001 6b'],
  [
    'PUT with every flag',
    v2(1, 'put', { key: k, value: v, consistency: 'quorum', direct: true, wantsMeta: true, deadlineMs: 0 }),
    '4b565302 02 1e 00000001 00000000 00000001 6b 00000001 76',
  ],
];

const r1 = (status: Response['status'], value = ''): Response => ({
  type: 'response',
  version: 1,
  status,
  value: fromUtf8(value),
});

const RESPONSES: readonly (readonly [string, Response, string])[] = [
  ['success "result"', r1('success', 'result'), '4b565301 00 00000006 726573756c74'],
  ['success, empty', r1('success'), '4b565301 00 00000000'],
  ['not_found', r1('not_found'), '4b565301 01 00000000'],
  ['invalid_request', r1('invalid_request', 'no'), '4b565301 02 00000002 6e6f'],
  ['server_error', r1('server_error'), '4b565301 03 00000000'],
  ['timeout', r1('timeout'), '4b565301 04 00000000'],
  ['not_responsible', r1('not_responsible'), '4b565301 05 00000000'],
  [
    'version 2 success',
    { type: 'response', version: 2, status: 'success', requestId: 7, value: v },
    '4b565302 00 00 00000007 00000001 76',
  ],
  [
    'version 2 success with meta',
    { type: 'response', version: 2, status: 'success', requestId: 7, meta: fromUtf8('mm'), value: v },
    '4b565302 00 01 00000007 0002 6d6d 00000001 76',
  ],
  [
    'version 2 not_responsible',
    { type: 'response', version: 2, status: 'not_responsible', requestId: 0xffffffff, value: fromUtf8('a:1') },
    '4b565302 05 00 ffffffff 00000003 613a31',
  ],
];

describe('Wire format, sections 1 and 2: requests', () => {
  it.each(REQUESTS)('encodeRequest() writes %s as specified', (_name, request, digits) => {
    expect(requestBytes(request).toString('hex')).toBe(hex(digits).toString('hex'));
  });

  it.each(REQUESTS)('RequestDecoder reads %s as specified', (_name, request, digits) => {
    const decoder = new RequestDecoder();
    decoder.push(hex(digits));
    expect(drain(decoder)).toEqual([request]);
    expect(decoder.midRequest).toBe(false);
  });

  it('RequestDecoder reads all of them from one segment, versions mixed', () => {
    const decoder = new RequestDecoder();
    decoder.push(hex(REQUESTS.map(([, , digits]) => digits).join('')));
    expect(drain(decoder)).toEqual(REQUESTS.map(([, request]) => request));
  });

  it('RequestDecoder takes keys and values for bytes in no encoding', () => {
    const decoder = new RequestDecoder();
    decoder.push(hex('4b565301 02 00000003 fffe00 00000002 80ff'));
    expect(drain(decoder)).toEqual([expect.objectContaining({ key: '\xff\xfe\x00', value: '\x80\xff' })]);
  });
});

describe('Wire format, sections 1 and 2: responses', () => {
  it.each(RESPONSES)('encodeResponse() writes %s as specified', (_name, response, digits) => {
    expect(responseBytes(response).toString('hex')).toBe(hex(digits).toString('hex'));
  });

  it.each(RESPONSES)('ResponseDecoder reads %s as specified', (_name, response, digits) => {
    const decoder = new ResponseDecoder();
    decoder.push(hex(digits));
    expect(drain(decoder)).toEqual([response]);
    expect(decoder.midResponse).toBe(false);
  });
});
