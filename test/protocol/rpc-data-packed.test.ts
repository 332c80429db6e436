/** Tests of src/protocol/rpc-data-packed.ts: the same bytes, the same meanings, or nothing. */
import * as fc from 'fast-check';
import { type BinaryString, toBuffer } from '../../src/octets';
import { OctetWriter } from '../../src/protocol/octet-writer';
import { decodeAnswer, decodeQuestion, encodeAnswer, encodeQuestion } from '../../src/protocol/rpc-messages';
import {
  isAnswerTo,
  PackedFrames,
  packedOnce,
  packedRequest,
  packedResponse,
  type ShortFrame,
} from '../../src/protocol/rpc-data-packed';
import { encodeFrame, type Frame, FrameDecoder, frameOf } from '../../src/protocol/rpc-frames';
import { packValue, type RpcValue, unpackValue } from '../../src/protocol/rpc-values';
import { Version } from '../../src/replication/version';
import { Record } from '../../src/store/record';
import { allBytes } from './fixtures';
import { answers, questions, R, R_VALUE, writers } from './rpc-fixtures';

const ids = fc.integer({ min: 1, max: 2 ** 32 - 1 });
const deadlines = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
const about = ['get', 'put', 'delete', 'put_replica', 'get_replica'] as const;
const methods = fc.constantFrom(...about);
const asked = fc.record({ correlationId: ids, deadlineMs: deadlines, question: questions });
const answered = methods.chain((method) =>
  fc.record({ correlationId: ids, method: fc.constant(method), answer: answers[method] }),
);

/** The bytes of a frame's message. */
function messageOf(frame: Frame): Buffer {
  const writer = new OctetWriter();
  expect(encodeFrame(frame, writer).ok).toBe(true);
  return Buffer.from(allBytes(writer).subarray(4));
}

const requestOf = ({ correlationId, deadlineMs, question }: typeof asked extends fc.Arbitrary<infer T> ? T : never) =>
  messageOf({ type: 'request', correlationId, deadlineMs, ...encodeQuestion(question) });

const read = (bytes: Buffer): ShortFrame | undefined => new PackedFrames(writers).read(bytes, 0, bytes.length);

/** What the same bytes mean when they are read as any other. */
function readSlowly(bytes: Buffer): unknown {
  const unpacked = unpackValue(bytes);
  const frame = unpacked.ok ? frameOf(unpacked.value) : undefined;
  if (frame?.type === 'request') {
    const { correlationId, deadlineMs, method, body } = frame;
    const question = decodeQuestion(method, body, writers);
    return question.ok ? { type: 'asked', correlationId, deadlineMs, question: question.value } : undefined;
  }
  if (frame?.type !== 'response') return undefined;
  const { correlationId, body } = frame;
  const meanings = about.map((method) => decodeAnswer(method, body, writers)).filter(({ ok }) => ok);
  return meanings.map((meaning) => ({ type: 'answered', correlationId, answer: meaning.ok && meaning.value }))[0];
}

describe('packed frames about single keys', () => {
  it('packedRequest() writes the bytes that encodeFrame() writes, or leaves it to that', () => {
    fc.assert(
      fc.property(asked, (each) => {
        const packed = packedRequest(each.correlationId, each.question, each.deadlineMs);
        if (packed !== undefined) expect(Buffer.from(packed, 'latin1')).toEqual(requestOf(each));
      }),
    );
  });

  it('packedResponse() writes the bytes that encodeFrame() writes, or leaves it to that', () => {
    fc.assert(
      fc.property(answered, ({ correlationId, answer }) => {
        const packed = packedResponse(correlationId, answer);
        const expected = messageOf({ type: 'response', correlationId, body: encodeAnswer(answer) });
        if (packed !== undefined) expect(Buffer.from(packed, 'latin1')).toEqual(expected);
      }),
    );
  });

  it('read() finds in the bytes of a frame what is found by reading it as any other, or nothing', () => {
    fc.assert(
      fc.property(asked, (each) => {
        const bytes = requestOf(each);
        const found = read(bytes);
        if (found !== undefined) expect(found).toEqual(readSlowly(bytes));
      }),
    );
    fc.assert(
      fc.property(answered, ({ correlationId, answer }) => {
        const bytes = messageOf({ type: 'response', correlationId, body: encodeAnswer(answer) });
        const found = read(bytes);
        if (found !== undefined) expect(found).toEqual(readSlowly(bytes));
      }),
    );
  });

  it('what a ring under load consists of is written and read without going through values', () => {
    const key = 'key-1' as BinaryString;
    const value = 'v'.repeat(100) as BinaryString;
    const epoch = { n: 1_790_000_000_000, by: 2n ** 63n + 5n };
    for (const question of [
      { type: 'get', key, consistency: 'default', testimony: undefined },
      { type: 'get', key, consistency: 'quorum', testimony: { epoch, version: R.version } },
      { type: 'put', key, value, consistency: 'quorum', testimony: { epoch, version: undefined } },
      { type: 'delete', key, consistency: 'quorum', testimony: { epoch, version: R.version } },
      { type: 'put_replica', epoch, record: R, isNew: true },
      packedOnce({ type: 'put_replica', epoch, record: R, isNew: true }),
      { type: 'get_replica', epoch, key, wantsValue: false },
    ] as const) {
      const packed = packedRequest(7, question, 1000);
      if (packed === undefined) throw new Error(`Expected ${question.type} to be packed`);
      const found = read(Buffer.from(packed, 'latin1'));
      expect(found).toMatchObject({ type: 'asked', correlationId: 7, deadlineMs: 1000 });
      const { packed: _packed, ...plain } = { packed: undefined, ...question };
      expect(found?.type === 'asked' && found.question).toEqual(plain);
    }
    for (const answer of [
      {
        type: 'done',
        status: 'success',
        value,
        version: 'sixteen bytes !!' as BinaryString,
        acks: 2,
        copies: 3,
        degraded: false,
      },
      { type: 'minted', version: R.version, copies: 3, degraded: false },
      { type: 'stored' },
      { type: 'replica', isVoter: true, version: R.version, record: undefined },
    ] as const) {
      const packed = packedResponse(7, answer);
      if (packed === undefined) throw new Error(`Expected ${answer.type} to be packed`);
      expect(read(Buffer.from(packed, 'latin1'))).toEqual({ type: 'answered', correlationId: 7, answer });
    }
  });

  it('read() takes the identifier of a key from whoever knows it, and writers from those that are shared', () => {
    const bytes = messageOf({
      type: 'request',
      correlationId: 1,
      deadlineMs: 5,
      ...encodeQuestion({ type: 'put_replica', epoch: { n: 1, by: 2n }, record: R, isNew: true }),
    });
    const keys: BinaryString[] = [];
    const frames = new PackedFrames(writers, (key) => {
      keys.push(key);
      return R.keyId;
    });
    for (const _ of [1, 2]) {
      const found = frames.read(bytes, 0, bytes.length);
      const record = found?.type === 'asked' && found.question.type === 'put_replica' && found.question.record;
      expect(record).toBeInstanceOf(Record);
      expect(record && record.writer).toBe(R.writer);
    }
    expect(keys).toEqual(['k', 'k']);
  });

  it('epochs and writers that differ from those before are told apart', () => {
    const frames = new PackedFrames(writers);
    const epochs = [
      { n: 1, by: 2n },
      { n: 1, by: 3n },
      { n: 2, by: 3n },
      { n: 2, by: 2n ** 32n + 3n },
      { n: 2, by: 3n },
      { n: 2 ** 40, by: 2n ** 64n - 1n },
    ];
    for (const [at, epoch] of epochs.entries()) {
      const writer = writers.intern(`writer-${at % 2}` as BinaryString);
      const record = new Record(R.keyId, R.key, new Version(1, 2, writer), R.value, undefined, false);
      const packed = packedRequest(1, { type: 'put_replica', epoch, record, isNew: false }, 1) ?? '';
      const found = frames.read(toBuffer(packed as BinaryString), 0, packed.length);
      expect(found?.type === 'asked' && found.question).toEqual({ type: 'put_replica', epoch, record, isNew: false });
    }
  });

  it('read() makes of bytes that were tampered with what reading them as any other makes, or nothing', () => {
    const frames = fc.oneof(
      asked.map(requestOf),
      answered.map(({ correlationId, answer }) =>
        messageOf({ type: 'response', correlationId, body: encodeAnswer(answer) }),
      ),
    );
    const change = fc.record({ at: fc.nat(), byte: fc.nat(255), cut: fc.option(fc.nat(), { nil: undefined }) });
    fc.assert(
      fc.property(frames, fc.array(change, { minLength: 1, maxLength: 3 }), (frame, changes) => {
        let bytes = Buffer.from(frame);
        for (const { at, byte, cut } of changes) {
          bytes[at % Math.max(1, bytes.length)] = byte;
          if (cut !== undefined) bytes = bytes.subarray(0, cut % (bytes.length + 1));
        }
        const found = read(bytes);
        if (found !== undefined) expect(found).toEqual(readSlowly(bytes));
      }),
      { numRuns: 1000 },
    );
  });

  it.each<[string, RpcValue]>([
    ['the id of a whole connection', [0, 0, 'get', 5, [Buffer.from('k'), 0]]],
    ['no deadline', [0, 1, 'get', null, [Buffer.from('k'), 0]]],
    ['a method that is not about keys', [0, 1, 'gets', 5, [Buffer.from('k'), 0]]],
    ['a place too many', [0, 1, 'get', 5, [Buffer.from('k'), 0, 1]]],
    ['a place too few', [0, 1, 'put', 5, [Buffer.from('k'), 0]]],
    ['a consistency that there is not', [0, 1, 'get', 5, [Buffer.from('k'), 3]]],
    ['a record that expires', [0, 1, 'put_replica', 5, [[1, 2n], R_VALUE.with(3, 5), true]]],
    ['an epoch below zero', [0, 1, 'get_replica', 5, [[1, -2n], Buffer.from('k'), true]]],
    ['a status that there is not', [1, 1, ['done', 99, Buffer.from('v'), null, 1, 1, false]]],
    ['a short version', [1, 1, ['replica', true, Buffer.from('v')]]],
    ['another answer', [1, 1, ['skewed']]],
    ['an error', [2, 1, 'internal', 'why']],
    ['a tale', [3, 'notify', null]],
  ])('read() leaves %s to others', (_what, message) => {
    expect(read(Buffer.from(packValue(message)))).toBeUndefined();
  });

  it('FrameDecoder takes the shortcut for whole messages, and reads on behind them', () => {
    const question = { type: 'get', key: 'k' as BinaryString, consistency: 'default' } as const;
    const request = { type: 'request', correlationId: 3, deadlineMs: 9, ...encodeQuestion(question) } as const;
    const response = { type: 'response', correlationId: 4, body: ['pong'] } as const;
    const writer = new OctetWriter();
    for (const frame of [request, response, request]) expect(encodeFrame(frame, writer).ok).toBe(true);
    const bytes = allBytes(writer);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const decoder = new FrameDecoder(undefined, undefined, new PackedFrames(writers));
      const found: unknown[] = [];
      for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
        decoder.push(piece);
        for (let each = decoder.next(); each !== undefined; each = decoder.next()) found.push(each);
      }
      const { body: _body, method: _method, ...rest } = request;
      const short = { ...rest, type: 'asked', question };
      const long = expect.objectContaining({ type: 'request', correlationId: 3, method: 'get' });
      expect(found).toHaveLength(3);
      for (const at of [0, 2]) expect([short, long]).toContainEqual(found[at]);
      expect(found[1]).toEqual(response);
      expect(decoder.midFrame).toBe(false);
      expect(decoder.bytesBuffered).toBe(0);
    }
  });

  it('isAnswerTo() knows which question can have which of these answers', () => {
    const stored = { type: 'stored' } as const;
    const held = { type: 'replica', isVoter: true, version: undefined } as const;
    const done = {
      type: 'done',
      status: 'success',
      value: '' as BinaryString,
      acks: 1,
      copies: 1,
      degraded: false,
    } as const;
    const table = [stored, held, done].map((answer) => about.filter((type) => isAnswerTo(type, answer)));
    expect(table).toEqual([['put_replica'], ['get_replica'], ['get', 'put', 'delete']]);
    expect(isAnswerTo('ping', stored)).toBe(false);
  });
});
