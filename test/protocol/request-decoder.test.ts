/**
 * The request decoder against the encoder and against bytes that no encoder writes: arbitrary requests cut anywhere, lost
 * framing, broken limits, and how much memory and copying a request can cost.
 */
import * as fc from 'fast-check';
import { EMPTY, toBinaryString } from '../../src/octets';
import { DEFAULT_LIMITS, type Limits, type Request } from '../../src/protocol/client-protocol';
import { type Refusal, RequestDecoder } from '../../src/protocol/request-decoder';
import { comparable, cut, decodePieces, drain, everyByte, hex, places, requestBytes, requests, SEED } from './fixtures';

const LIMITS: Limits = { keyBytesMax: 8, valueBytesMax: 40, requestBytesMax: 200 };

const PING = hex('4b565301 04');
const PUT_V2 = hex('4b565302 02 1e 00000001 000005dc 00000001 6b 00000003 767677');

const ping: Request = { type: 'request', version: 1, op: 'ping', key: EMPTY, value: EMPTY };

const refusalV1 = (fatal: boolean) => ({
  type: 'refused',
  message: expect.stringMatching(/^Cannot read request: /),
  answer: { type: 'response', version: 1, status: 'invalid_request', value: expect.any(String) },
  fatal,
});
const refusalV2 = (requestId: number, fatal: boolean) => ({
  ...refusalV1(fatal),
  answer: { type: 'response', version: 2, requestId, status: 'invalid_request', value: expect.any(String) },
});
const silentEnd = { type: 'refused', message: expect.stringMatching(/^Cannot read request: /), fatal: true };

function decode(bytes: Uint8Array, limits: Limits = LIMITS): unknown[] {
  return decodePieces(new RequestDecoder(limits), [bytes]);
}

describe(`RequestDecoder on what it can serve (FC_SEED=${SEED})`, () => {
  it('RequestDecoder gives back every request that encodeRequest() wrote', () => {
    fc.assert(
      fc.property(fc.array(requests(), { maxLength: 6 }), (sent) => {
        expect(decode(requestBytes(...sent), DEFAULT_LIMITS)).toEqual(sent.map(comparable));
      }),
    );
  });

  it('RequestDecoder finds the same requests wherever the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(requests(), { maxLength: 6 }), places, (sent, at) => {
        const decoder = new RequestDecoder();
        expect(decodePieces(decoder, cut(requestBytes(...sent), at))).toEqual(sent.map(comparable));
        expect(decoder.bytesBuffered).toBe(0);
        expect(decoder.midRequest).toBe(false);
      }),
    );
  });

  it('RequestDecoder finds the same requests when several pieces are pushed before it is asked', () => {
    fc.assert(
      fc.property(fc.array(requests(), { maxLength: 6 }), places, (sent, at) => {
        const decoder = new RequestDecoder();
        const bytes = requestBytes(...sent);
        for (const piece of cut(bytes, at)) decoder.push(piece);
        expect(decoder.bytesBuffered).toBe(bytes.length);
        expect(drain(decoder)).toEqual(sent.map(comparable));
        expect(decoder.bytesBuffered).toBe(0);
      }),
    );
  });

  it('RequestDecoder reads a request whose every byte arrives alone', () => {
    expect(decodePieces(new RequestDecoder(), everyByte(PUT_V2))).toEqual(decode(PUT_V2));
  });

  it.each(Array.from(PUT_V2.keys()))('RequestDecoder waits when only %i bytes of a PUT have come', (bytes) => {
    const decoder = new RequestDecoder();
    expect(decodePieces(decoder, [PUT_V2.subarray(0, bytes)])).toEqual([]);
    expect(decoder.midRequest).toBe(bytes > 0);
    expect(decodePieces(decoder, [PUT_V2.subarray(bytes)])).toHaveLength(1);
    expect(decoder.midRequest).toBe(false);
  });

  it('RequestDecoder hands out nothing that shares memory with the bytes it was given', () => {
    const value = Buffer.alloc(5000, 'v');
    const put: Request = { ...ping, op: 'put', key: toBinaryString(Buffer.from('key')), value };
    const chunk = requestBytes(put, put);
    const decoder = new RequestDecoder();
    decoder.push(chunk);
    const found = [decoder.next(), decoder.next()];
    chunk.fill(0);
    expect(found.map((request) => request && comparable(request))).toEqual([comparable(put), comparable(put)]);
  });
});

describe('RequestDecoder on lost framing', () => {
  it.each([
    [0, 'magic'],
    [1, 'magic'],
    [2, 'magic'],
    [3, 'version'],
    [4, 'op'],
  ])('RequestDecoder refuses for good as soon as byte %i, of the %s, is wrong', (wrongAt) => {
    const bytes = Buffer.from(PUT_V2);
    bytes[wrongAt] = 0x99;
    const decoder = new RequestDecoder();
    expect(decodePieces(decoder, everyByte(bytes.subarray(0, wrongAt)))).toEqual([]);
    expect(decodePieces(decoder, [bytes.subarray(wrongAt, wrongAt + 1)])).toEqual([refusalV1(true)]);
  });

  it.each(['4b565300', '4b565303', '4b565301 00', '4b565301 06', '4b565302 06', '00', '474554202f'])(
    'RequestDecoder refuses %s for good',
    (digits) => {
      expect(decode(hex(digits))).toEqual([refusalV1(true)]);
    },
  );

  it('RequestDecoder gives back the requests before the fault and drops everything behind it', () => {
    const decoder = new RequestDecoder();
    expect(decodePieces(decoder, [Buffer.concat([PING, hex('4b5658'), PING])])).toEqual([ping, refusalV1(true)]);
    expect(decodePieces(decoder, [PING, PUT_V2])).toEqual([]);
    expect(decoder.bytesBuffered).toBe(0);
    expect(decoder.midRequest).toBe(false);
  });

  it('RequestDecoder takes any other byte sequence without throwing, and ends', () => {
    const prefixes = fc.constantFrom('', '4b', '4b565301', '4b56530102', '4b565302', '4b5653020200', '4b565302020f');
    const garbage = fc.tuple(prefixes, fc.uint8Array({ maxLength: 400 }));
    fc.assert(
      fc.property(garbage, places, ([prefix, bytes], at) => {
        const stream = Buffer.concat([hex(prefix), bytes]);
        const pieces = cut(stream, at);
        const found = decodePieces(new RequestDecoder(LIMITS), pieces);
        expect(found).toEqual(decode(stream));
        expect(found.length).toBeLessThanOrEqual(stream.length);
        const fatalAt = found.findIndex((each) => (each as Refusal).fatal);
        expect([-1, found.length - 1]).toContain(fatalAt);
      }),
      { numRuns: 500 },
    );
  });
});

describe(`RequestDecoder on requests that break a limit (FC_SEED=${SEED})`, () => {
  const zeroes = (bytes: number) => Buffer.alloc(bytes);

  it.each([
    ['a long key', '4b565301 01 00000009', 9, refusalV1(false)],
    ['a long value', '4b565301 02 00000001 6b 00000029', 41, refusalV1(false)],
    ['a long key, version 2', '4b565302 03 00 00000007 00000009', 9, refusalV2(7, false)],
    ['a long key and a deadline', '4b565302 01 10 00000007 000003e8 00000009', 9, refusalV2(7, false)],
    ['unknown flags', '4b565302 01 20 00000007 00000001', 1, refusalV2(7, false)],
    ['an unknown consistency', '4b565302 01 03 00000007 00000000', 0, refusalV2(7, false)],
    ['a PING with a key', '4b565302 04 00 00000007 00000001', 1, refusalV2(7, false)],
    ['a STATS with a key', '4b565302 05 00 00000007 00000002', 2, refusalV2(7, false)],
  ])(
    'RequestDecoder refuses %s as soon as its length is known, and goes on behind it',
    (_name, head, rest, refusal) => {
      const decoder = new RequestDecoder(LIMITS);
      const bytes = hex(head);
      expect(decodePieces(decoder, everyByte(bytes.subarray(0, -1)))).toEqual([]);
      expect(decodePieces(decoder, [bytes.subarray(-1)])).toEqual([refusal]);
      expect(decoder.bytesBuffered).toBe(0);
      expect(decodePieces(decoder, everyByte(zeroes(rest)))).toEqual([]);
      expect(decodePieces(decoder, [PING])).toEqual([ping]);
    },
  );

  it('RequestDecoder reads past the value of a PUT whose key was refused, and answers once', () => {
    const put = Buffer.concat([hex('4b565301 02 00000009'), zeroes(9), hex('00000032'), zeroes(50)]);
    expect(decode(Buffer.concat([put, PING]))).toEqual([refusalV1(false), ping]);
    expect(decodePieces(new RequestDecoder(LIMITS), everyByte(Buffer.concat([put, PING])))).toEqual([
      refusalV1(false),
      ping,
    ]);
  });

  it('RequestDecoder ends without a second answer when the value turns out too long to read past', () => {
    const head = Buffer.concat([hex('4b565301 02 00000009'), zeroes(9)]);
    const atBound = 200 - head.length - 4;
    const valueBytes = (bytes: number) => Buffer.from([0, 0, 0, bytes]);
    expect(decode(Buffer.concat([head, valueBytes(atBound), zeroes(atBound), PING]))).toEqual([refusalV1(false), ping]);
    expect(decode(Buffer.concat([head, valueBytes(atBound + 1), zeroes(atBound + 1), PING]))).toEqual([
      refusalV1(false),
      silentEnd,
    ]);
  });

  it.each([
    ['a GET', '4b565301 01', 9, 0],
    ['a PUT', '4b565301 02', 9, 4],
    ['a version 2 GET', '4b565302 01 00 00000007', 14, 0],
    ['a version 2 PUT with a deadline', '4b565302 02 10 00000007 000003e8', 18, 4],
  ])(
    'RequestDecoder reads past %s of exactly requestBytesMax bytes and no longer one',
    (_name, head, headBytes, rest) => {
      const keyBytes = 200 - headBytes - rest;
      const refusal = (bytes: number) => {
        const decoder = new RequestDecoder(LIMITS);
        decoder.push(Buffer.concat([hex(head), Buffer.from([0, 0, 0, bytes])]));
        return decoder.next();
      };
      expect(refusal(keyBytes)).toMatchObject({ type: 'refused', fatal: false });
      expect(refusal(keyBytes + 1)).toMatchObject({
        type: 'refused',
        fatal: true,
        answer: { status: 'invalid_request' },
      });
    },
  );

  it('RequestDecoder finds the same requests and refusals wherever the stream is cut', () => {
    const stream = fc.array(requests(12, 60), { maxLength: 8 });
    fc.assert(
      fc.property(stream, places, (sent, at) => {
        const found = decodePieces(new RequestDecoder(LIMITS), cut(requestBytes(...sent), at));
        const expected = sent.map((request) => {
          const legal = request.key.length <= LIMITS.keyBytesMax && request.value.length <= LIMITS.valueBytesMax;
          if (legal) return comparable(request);
          return request.version === 1 ? refusalV1(false) : refusalV2(request.requestId, false);
        });
        expect(found).toEqual(expected);
      }),
    );
  });
});

describe('RequestDecoder and memory', () => {
  afterEach(() => jest.restoreAllMocks());

  const allocations = () => {
    const spies = [
      jest.spyOn(Buffer, 'allocUnsafeSlow'),
      jest.spyOn(Buffer, 'allocUnsafe'),
      jest.spyOn(Buffer, 'alloc'),
    ];
    return () => spies.flatMap((spy) => spy.mock.calls).reduce((sum, [bytes]) => sum + bytes, 0);
  };

  it.each([
    ['key', '4b565301 01 ffffffff'],
    ['value', '4b565301 02 00000001 6b ffffffff'],
    ['key, version 2', '4b565302 02 00 00000007 ffffffff'],
  ])('RequestDecoder allocates nothing for a %s of 4 GiB that is announced', (_name, head) => {
    const decoder = new RequestDecoder();
    const bytes = hex(head);
    const allocated = allocations();
    decoder.push(bytes);
    expect(decoder.next()).toMatchObject({ type: 'refused', fatal: true });
    expect(decoder.next()).toBeUndefined();
    expect(decoder.bytesBuffered).toBe(0);
    expect(allocated()).toBe(0);
  });

  it('RequestDecoder holds no byte of a refused request', () => {
    const decoder = new RequestDecoder();
    decoder.push(hex('4b565301 01 03000000'));
    expect(decoder.next()).toMatchObject({ type: 'refused', fatal: false });
    const allocated = allocations();
    for (let megabytes = 0; megabytes < 48; megabytes += 1) {
      decoder.push(Buffer.allocUnsafe(2 ** 20));
      expect(decoder.next()).toBeUndefined();
      expect(decoder.bytesBuffered).toBe(0);
    }
    expect(decoder.midRequest).toBe(false);
    expect(allocated()).toBe(48 * 2 ** 20);
  });

  it('RequestDecoder makes room for what has come, not for what is announced', () => {
    const decoder = new RequestDecoder();
    const head = hex('4b565301 02 00000001 6b 01000000');
    const allocated = allocations();
    decoder.push(head);
    expect(decoder.next()).toBeUndefined();
    decoder.push(head.subarray(0, 10));
    expect(decoder.next()).toBeUndefined();
    expect(decoder.bytesBuffered).toBe(11);
    expect(allocated()).toBeLessThanOrEqual(1024);
  });

  it.each([1, 100, 65_536])('RequestDecoder moves a value in pieces of %i bytes a bounded number of times', (piece) => {
    const valueBytes = Math.max(2 ** 14, 4 * piece);
    const bytes = requestBytes({ ...ping, op: 'put', key: EMPTY, value: Buffer.alloc(valueBytes, 'v') });
    const decoder = new RequestDecoder();
    const allocated = allocations();
    const found = [];
    for (let at = 0; at < bytes.length; at += piece) {
      decoder.push(bytes.subarray(at, at + piece));
      found.push(decoder.next());
    }
    expect(found.slice(0, -1).every((each) => each === undefined)).toBe(true);
    expect(found.at(-1)).toMatchObject({ op: 'put' });
    expect(allocated()).toBeLessThanOrEqual(3 * valueBytes);
  });
});
