/**
 * RPC frames: golden bytes, arbitrary frames cut anywhere, and bytes that no node writes: bad messages between good ones,
 * lost framing, forged lengths, deep nesting, garbage.
 */
import * as fc from 'fast-check';
import { pack } from 'msgpackr';
import { toBuffer } from '../../src/octets';
import { OctetWriter, uint32 } from '../../src/protocol/octet-writer';
import {
  type DecodedFrame,
  encodeFrame,
  type Frame,
  FrameDecoder,
  RPC_ERRORS,
  type RpcErrorCode,
} from '../../src/protocol/rpc-frames';
import { FRAME_BYTES_MAX } from '../../src/protocol/rpc-limits';
import { DEPTH_MAX, type RpcValue, unpackValue, VALUES_MAX } from '../../src/protocol/rpc-values';
import { allBytes, cut, everyByte, hex, places, SEED } from './fixtures';

const PING: Frame = { type: 'request', correlationId: 1, method: 'ping', body: null };
const PING_BYTES = hex('0000000a 95 00 01 a470696e67 c0 c0');

const LIMIT = 300;

function frameBytes(...frames: readonly Frame[]): Buffer {
  const writer = new OctetWriter();
  for (const frame of frames) expect(encodeFrame(frame, writer).ok).toBe(true);
  return allBytes(writer);
}

/** Bytes as a frame, whatever they are. */
function framed(message: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(uint32(message.length), 'latin1'), message]);
}

function drain(decoder: FrameDecoder): DecodedFrame[] {
  const found: DecodedFrame[] = [];
  for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
    found.push(frame);
    if (found.length > 10_000) throw new Error('The decoder does not end');
  }
  return found;
}

/** All that is found in bytes that arrive in these pieces, each wiped once it has been decoded. */
function decodePieces(decoder: FrameDecoder, pieces: readonly Uint8Array[]): DecodedFrame[] {
  return pieces.flatMap((piece) => {
    const chunk = Uint8Array.from(piece);
    decoder.push(chunk);
    const found = drain(decoder);
    chunk.fill(0x2a);
    return found;
  });
}

const decode = (bytes: Uint8Array, bytesMax = FRAME_BYTES_MAX) => decodePieces(new FrameDecoder(bytesMax), [bytes]);

const refused = (fatal = false) => ({
  type: 'refused',
  message: expect.stringMatching(/^Cannot read frame: /),
  fatal,
});
const refusedAbout = (type: 'request' | 'answer', correlationId: number) => ({
  ...refused(),
  about: { type, correlationId },
});

const correlationIds = fc.oneof(
  fc.constantFrom(1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1),
  fc.integer({ min: 1, max: 2 ** 32 - 1 }),
);
const methods = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }).filter(({ length }) => length <= 64);
const { bodies } = fc.letrec<{ bodies: RpcValue; leaves: RpcValue; arrays: RpcValue }>((tie) => ({
  bodies: fc.oneof({ maxDepth: 6 }, tie('leaves'), tie('arrays')),
  leaves: fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.bigInt({ min: 2n ** 32n, max: 2n ** 64n - 1n }),
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.uint8Array({ minLength: 1100, maxLength: 1500, size: 'max' }).map((bytes) => Buffer.from(bytes)),
  ),
  arrays: fc.array(tie('bodies'), { maxLength: 20 }),
}));
const frames: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({ type: fc.constant('request' as const), correlationId: correlationIds, method: methods, body: bodies }),
  fc.record({
    type: fc.constant('request' as const),
    correlationId: correlationIds,
    method: methods,
    deadlineMs: fc.nat(),
    body: bodies,
  }),
  fc.record({ type: fc.constant('response' as const), correlationId: correlationIds, body: bodies }),
  fc.record({
    type: fc.constant('error' as const),
    correlationId: fc.oneof(fc.constant(0), correlationIds),
    code: fc.constantFrom(...(Object.keys(RPC_ERRORS) as RpcErrorCode[])),
    message: fc.string({ maxLength: 100 }),
  }),
  fc.record({ type: fc.constant('tell' as const), method: methods, body: bodies }),
);
const streams = fc.array(frames, { maxLength: 6 });

describe(`encodeFrame() and FrameDecoder (FC_SEED=${SEED})`, () => {
  it.each<[string, Frame, string]>([
    ['request', PING, PING_BYTES.toString('hex')],
    [
      'request with a deadline',
      { type: 'request', correlationId: 300, method: 'join', deadlineMs: 1500, body: [] },
      '0000000e 95 00 cd012c a46a6f696e cd05dc 90',
    ],
    [
      'response',
      { type: 'response', correlationId: 70_000, body: ['pong'] },
      '0000000d 93 01 ce00011170 91 a4706f6e67',
    ],
    [
      'error',
      { type: 'error', correlationId: 0, code: 'refused', message: 'no' },
      '0000000e 94 02 00 a772656675736564 a26e6f',
    ],
    ['tell', { type: 'tell', method: 'notify', body: Buffer.of(1, 2) }, '0000000d 93 03 a66e6f74696679 c4020102'],
  ])('encodeFrame() writes the golden bytes of a %s, and FrameDecoder reads them', (_what, frame, digits) => {
    expect(frameBytes(frame).toString('hex')).toBe(digits.replaceAll(' ', ''));
    expect(decode(hex(digits))).toEqual([frame]);
  });

  it('FrameDecoder gives back what encodeFrame() wrote, wherever the stream is cut', () => {
    fc.assert(
      fc.property(streams, places, (sent, at) => {
        const decoder = new FrameDecoder();
        expect(decodePieces(decoder, cut(frameBytes(...sent), at))).toEqual(sent);
        expect(decoder.bytesBuffered).toBe(0);
        expect(decoder.midFrame).toBe(false);
      }),
    );
  });

  it('FrameDecoder reads frames whose every byte arrives alone', () => {
    fc.assert(
      fc.property(streams, (sent) => {
        expect(decodePieces(new FrameDecoder(), everyByte(frameBytes(...sent)))).toEqual(sent);
      }),
      { numRuns: 20 },
    );
  });

  it.each(Array.from(PING_BYTES.keys()))('FrameDecoder waits when only %i bytes of a request have come', (bytes) => {
    const decoder = new FrameDecoder();
    expect(decodePieces(decoder, [PING_BYTES.subarray(0, bytes)])).toEqual([]);
    expect(decoder.midFrame).toBe(bytes > 0);
    expect(decodePieces(decoder, [PING_BYTES.subarray(bytes)])).toEqual([PING]);
    expect(decoder.midFrame).toBe(false);
  });

  it('encodeFrame() gives back how many bytes a frame takes, and writes none that is too long', () => {
    const writer = new OctetWriter();
    expect(encodeFrame(PING, writer)).toEqual({ ok: true, value: PING_BYTES.length });
    expect(encodeFrame({ ...PING, body: Buffer.alloc(LIMIT) }, writer, LIMIT)).toEqual({
      ok: false,
      error: 'Cannot write frame: 312 bytes are more than the 300 that one may have',
    });
    expect(allBytes(writer)).toEqual(PING_BYTES);
  });

  it.each([0, -1, 1.5, 2 ** 32, NaN])('encodeFrame() throws on correlation id %d', (correlationId) => {
    expect(() => encodeFrame({ ...PING, correlationId }, new OctetWriter())).toThrow(RangeError);
    expect(() => encodeFrame({ type: 'response', correlationId, body: 1 }, new OctetWriter())).toThrow(RangeError);
  });

  it('FrameDecoder takes an error whose code it does not know as internal', () => {
    expect(decode(framed(pack([2, 7, 'toString', 'new'])))).toEqual([
      { type: 'error', correlationId: 7, code: 'internal', message: 'new' },
    ]);
  });

  it('encodeFrame() and FrameDecoder cut the message of an error short', () => {
    const error: Frame = { type: 'error', correlationId: 7, code: 'internal', message: 'x'.repeat(5000) };
    const short = { ...error, message: 'x'.repeat(1024) };
    expect(decode(frameBytes(error))).toEqual([short]);
    expect(decode(framed(pack([2, 7, 'internal', error.message])))).toEqual([short]);
  });
});

describe(`FrameDecoder on frames that make no sense (FC_SEED=${SEED})`, () => {
  it.each<[string, string, unknown]>([
    ['nothing at all', '', refused()],
    ['C1', 'c1', refused()],
    ['a number', '01', refused()],
    ['nil', 'c0', refused()],
    ['a map', '8100 01', refused()],
    ['an empty array', '90', refused()],
    ['a tag that nobody uses', '93 09 01 c0', refused()],
    ['a hello', '92 04 01', refused()],
    ['a request without a body', '94 00 05 a470696e67 c0', refusedAbout('request', 5)],
    ['a request with one place too many', '96 00 05 a470696e67 c0 c0 c0', refusedAbout('request', 5)],
    ['a request with correlation id 0', '95 00 00 a470696e67 c0 c0', refused()],
    ['a request with a negative correlation id', '95 00 ff a470696e67 c0 c0', refused()],
    ['a request with a correlation id of 64 bits', '95 00 cf0000000000000001 a470696e67 c0 c0', refused()],
    ['a request whose method is a number', '95 00 cc80 01 c0 c0', refusedAbout('request', 128)],
    ['a request whose method is empty', '95 00 cd0100 a0 c0 c0', refusedAbout('request', 256)],
    ['a request with a deadline in the past', '95 00 ce00010000 a470696e67 ff c0', refusedAbout('request', 65_536)],
    ['a request with C1 in it', '95 00 05 a470696e67 c0 c1', refusedAbout('request', 5)],
    ['a request with a map in it', '95 00 05 a470696e67 c0 80', refusedAbout('request', 5)],
    [
      'a request with a __proto__ in it',
      '95 00 05 a470696e67 c0 81 a95f5f70726f746f5f5f 80',
      refusedAbout('request', 5),
    ],
    ['a request with a record definition in it', '95 00 05 a470696e67 c0 d47240 91a161', refusedAbout('request', 5)],
    ['a request with undefined in it', '95 00 05 a470696e67 c0 d40000', refusedAbout('request', 5)],
    ['a request with a timestamp in it', '95 00 05 a470696e67 c0 d6ff00000000', refusedAbout('request', 5)],
    ['a request with bytes behind it', '95 00 05 a470696e67 c0 c0 c0', refusedAbout('request', 5)],
    ['a request that ends early', '95 00 05 a470', refusedAbout('request', 5)],
    ['a request in a long array', 'dd00000005 00 05 01 c0 c0', refusedAbout('request', 5)],
    ['a response that ends early', 'dc0003 01 05', refusedAbout('answer', 5)],
    ['a response with a forged bin', '93 01 05 c6ffffffff 00', refusedAbout('answer', 5)],
    ['a response with a forged string', '93 01 05 dbffffffff 00', refusedAbout('answer', 5)],
    ['a response with a forged array', '93 01 05 ddffffffff 00', refusedAbout('answer', 5)],
    ['a response with a forged map', '93 01 05 dfffffffff 00', refusedAbout('answer', 5)],
    ['a response with a forged extension', '93 01 05 c9ffffffff 00', refusedAbout('answer', 5)],
    ['an error without a code', '94 02 05 01 a0', refusedAbout('answer', 5)],
    ['a tell without a body', '92 03 a470696e67', refused()],
    ['a length that is cut off', '93 01 05 c500', refusedAbout('answer', 5)],
  ])('FrameDecoder refuses %s and goes on behind it', (_what, digits, expected) => {
    const bytes = framed(hex(digits));
    expect(decode(Buffer.concat([PING_BYTES, bytes, PING_BYTES]))).toEqual([PING, expected, PING]);
    expect(decodePieces(new FrameDecoder(), everyByte(Buffer.concat([bytes, PING_BYTES])))).toEqual([expected, PING]);
  });

  it('FrameDecoder refuses for good a length beyond the bound, before the frame has come', () => {
    const decoder = new FrameDecoder(LIMIT);
    expect(decodePieces(decoder, [PING_BYTES, Buffer.from(uint32(LIMIT + 1), 'latin1')])).toEqual([
      PING,
      refused(true),
    ]);
    expect(decodePieces(decoder, [PING_BYTES, PING_BYTES])).toEqual([]);
    expect(decoder.bytesBuffered).toBe(0);
    expect(decoder.midFrame).toBe(false);
  });

  it('FrameDecoder takes the longest frame there is', () => {
    const longest = { ...PING, body: Buffer.alloc(LIMIT - 12) };
    const bytes = frameBytes(longest);
    expect(bytes).toHaveLength(4 + LIMIT);
    expect(decode(bytes, LIMIT)).toEqual([longest]);
  });

  it('FrameDecoder holds no more than has come of a frame that announces 64 MiB', () => {
    const decoder = new FrameDecoder();
    expect(decodePieces(decoder, [hex('04000000')])).toEqual([]);
    expect(decoder.bytesBuffered).toBe(0);
    expect(decodePieces(decoder, everyByte(Buffer.alloc(1000)))).toEqual([]);
    expect(decoder.bytesBuffered).toBe(1000);
    expect(decodePieces(new FrameDecoder(), [hex('04000001')])).toEqual([refused(true)]);
  });

  it('FrameDecoder reads nesting as deep as allowed, and refuses deeper', () => {
    const nested = (depth: number) => Buffer.concat([hex('93 01 05'), Buffer.alloc(depth - 1, 0x91), hex('c0')]);
    expect(decode(framed(nested(DEPTH_MAX)))).toMatchObject([{ type: 'response', correlationId: 5 }]);
    expect(decode(framed(nested(DEPTH_MAX + 1)))).toEqual([refusedAbout('answer', 5)]);
    expect(decode(framed(nested(5_000_000)))).toEqual([refusedAbout('answer', 5)]);
  });

  it('FrameDecoder refuses a frame of more values than it may have', () => {
    const many = (count: number) =>
      Buffer.concat([hex('93 01 05 dd'), Buffer.from(uint32(count), 'latin1'), Buffer.alloc(count, 0x90)]);
    expect(decode(framed(many(VALUES_MAX - 3)))).toMatchObject([{ type: 'response' }]);
    expect(decode(framed(many(VALUES_MAX - 2)))).toEqual([refusedAbout('answer', 5)]);
  });

  it('FrameDecoder takes frames with wrong bytes without throwing, and reads a good one afterwards', () => {
    const mutations = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(frames, mutations, places, (frame, wrong, at) => {
        const message = Buffer.from(frameBytes(frame).subarray(4));
        for (const [where, byte] of wrong) message[where % message.length] = byte;
        const stream = Buffer.concat([framed(message), PING_BYTES]);
        const found = decodePieces(new FrameDecoder(), cut(stream, at));
        expect(found).toHaveLength(2);
        expect(found[1]).toEqual(PING);
        if (found[0]?.type === 'refused') expect(found[0].fatal).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  it('FrameDecoder takes any bytes without throwing, the same however they are cut, and ends', () => {
    const prefixes = fc.constantFrom('', '00000005', '00000005 93 01', '00000020 95 00 05', '000000');
    fc.assert(
      fc.property(prefixes, fc.uint8Array({ maxLength: 400 }), places, (prefix, bytes, at) => {
        const stream = Buffer.concat([hex(prefix), bytes]);
        const decoder = new FrameDecoder(LIMIT);
        const found = decodePieces(decoder, cut(stream, at));
        expect(found).toEqual(decode(stream, LIMIT));
        expect(decoder.bytesBuffered).toBeLessThanOrEqual(LIMIT);
        const fatalAt = found.findIndex((each) => each.type === 'refused' && each.fatal);
        expect([-1, found.length - 1]).toContain(fatalAt);
      }),
      { numRuns: 1000 },
    );
  });

  it('unpackValue() takes any bytes without throwing, and what it gives out packs to the same value again', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const result = unpackValue(Buffer.from(bytes));
        if (result.ok) expect(unpackValue(toBuffer(pack(result.value)))).toEqual(result);
        else expect(result.error).toMatch(/^(it|more|byte)/);
      }),
      { numRuns: 2000 },
    );
  });
});
