/** What nodes ask each other about single keys: golden bodies, long values, and bodies that nobody would send. */
import { type BinaryString, fromUtf8 } from '../../src/octets';
import { DEFAULT_LIMITS } from '../../src/protocol/client-protocol';
import { encodeFrame, FrameDecoder } from '../../src/protocol/rpc-frames';
import {
  type AnswersTo,
  decodeAnswer,
  decodeQuestion,
  encodeAnswer,
  encodeQuestion,
} from '../../src/protocol/rpc-messages';
import { OctetWriter } from '../../src/protocol/octet-writer';
import type { RpcValue } from '../../src/protocol/rpc-values';
import type { Epoch } from '../../src/replication/epoch';
import type { Testimony } from '../../src/replication/testimony';
import { Record } from '../../src/store/record';
import { allBytes, hex } from './fixtures';
import { badRequest, digitsOf, P, P_BYTES, P_VALUE, R, R_BYTES, R_VALUE, travelled, writers } from './rpc-fixtures';

const key = fromUtf8('k');
const EPOCH: Epoch = { n: 5, by: 7n };
const EPOCH_VALUE = [5, 7n];
const EPOCH_BYTES = '92 05 d30000000000000007';
const VERSION_BYTES = 'c410 0102030405060708 7772697465722d31';
const TESTIMONY: Testimony = { epoch: EPOCH, version: R.version };
const NOTHING: Testimony = { epoch: EPOCH, version: undefined };
/** The body of a replica that is put. */
const putting = (record: RpcValue): RpcValue => [EPOCH_VALUE, record, false];

describe('messages about single keys', () => {
  it.each<[string, RpcValue, string]>([
    ['get', encodeQuestion({ type: 'get', key, consistency: 'default' }).body, '93 c4016b 00 c0'],
    [
      'get with a testimony',
      encodeQuestion({ type: 'get', key, consistency: 'quorum', testimony: TESTIMONY }).body,
      `93 c4016b 02 92 ${EPOCH_BYTES} ${VERSION_BYTES}`,
    ],
    [
      'get by a node that has nothing',
      encodeQuestion({ type: 'get', key, consistency: 'quorum', testimony: NOTHING }).body,
      `93 c4016b 02 92 ${EPOCH_BYTES} c0`,
    ],
    ['delete', encodeQuestion({ type: 'delete', key, consistency: 'eventual' }).body, '93 c4016b 01 c0'],
    [
      'put',
      encodeQuestion({ type: 'put', key, value: fromUtf8('v'), consistency: 'quorum' }).body,
      '94 c4016b 02 c0 c40176',
    ],
    [
      'put_replica',
      encodeQuestion({ type: 'put_replica', epoch: EPOCH, record: R, isNew: true }).body,
      `93 ${EPOCH_BYTES} ${R_BYTES} c3`,
    ],
    [
      'put_replica of an older record',
      encodeQuestion({ type: 'put_replica', epoch: EPOCH, record: R }).body,
      `93 ${EPOCH_BYTES} ${R_BYTES} c2`,
    ],
    [
      'get_replica',
      encodeQuestion({ type: 'get_replica', epoch: EPOCH, key, wantsValue: false }).body,
      `93 ${EPOCH_BYTES} c4016b c2`,
    ],
    [
      'done',
      encodeAnswer({ type: 'done', status: 'not_found', value: fromUtf8(''), acks: 1, copies: 3, degraded: true }),
      '97 a4646f6e65 01 c400 c0 01 03 c3',
    ],
    [
      'done with a version',
      encodeAnswer({
        type: 'done',
        status: 'success',
        value: fromUtf8('v'),
        version: 'sixteen bytes !!' as BinaryString,
        acks: 2,
        copies: 3,
        degraded: false,
      }),
      '97 a4646f6e65 00 c40176 c410 7369787465656e206279746573202121 02 03 c2',
    ],
    [
      'minted',
      encodeAnswer({ type: 'minted', version: R.version, copies: 3, degraded: false }),
      `94 a66d696e746564 ${VERSION_BYTES} 03 c2`,
    ],
    ['not_owner', encodeAnswer({ type: 'not_owner' }), '92 a96e6f745f6f776e6572 c0'],
    ['not_owner with a hint', encodeAnswer({ type: 'not_owner', hint: P }), `92 a96e6f745f6f776e6572 ${P_BYTES}`],
    ['stored', encodeAnswer({ type: 'stored' }), '91 a673746f726564'],
    ['skewed', encodeAnswer({ type: 'skewed' }), '91 a6736b65776564'],
    [
      'superseded',
      encodeAnswer({ type: 'superseded', version: R.version }),
      `92 aa73757065727365646564 ${VERSION_BYTES}`,
    ],
    ['stale', encodeAnswer({ type: 'stale' }), '92 a57374616c65 c0'],
    [
      'replica of nothing',
      encodeAnswer({ type: 'replica', isVoter: true, version: undefined }),
      '93 a77265706c696361 c3 c0',
    ],
    [
      'replica without its value',
      encodeAnswer({ type: 'replica', isVoter: false, version: R.version }),
      `93 a77265706c696361 c2 ${VERSION_BYTES}`,
    ],
    [
      'replica with its value',
      encodeAnswer({ type: 'replica', isVoter: true, version: R.version, record: R }),
      `93 a77265706c696361 c3 ${R_BYTES}`,
    ],
  ])('the body of %s has its golden bytes', (_what, body, digits) => {
    expect(digitsOf(body)).toBe(digits.replaceAll(' ', ''));
  });

  it('a record is read with the identifier of its key, and its writer is one object for all versions', () => {
    const read = decodeQuestion('put_replica', travelled(putting(R_VALUE)), writers);
    expect(read).toEqual({ ok: true, value: { type: 'put_replica', epoch: EPOCH, record: R, isNew: false } });
    const { record } = (read.ok && read.value) as { record: Record };
    expect(record).toBeInstanceOf(Record);
    expect(record.keyId).toBe('13fbd79c3d390e5d6585a21e11ff5ec1970cff0c');
    expect(record.writer).toBe(R.writer);
  });

  it('a tombstone and an expiry come as what they are', () => {
    const [, version] = R_VALUE;
    const read = decodeQuestion(
      'put_replica',
      travelled(putting([Buffer.from('k'), version ?? null, null, 2 ** 50, true])),
      writers,
    );
    expect(read).toMatchObject({ ok: true, value: { record: { kind: 'tombstone', expireAtMs: 2 ** 50, ev: true } } });
  });

  it('an answer about a replica is read as it was meant', () => {
    for (const answer of [
      { type: 'replica', isVoter: true, version: undefined },
      { type: 'replica', isVoter: false, version: R.version },
      { type: 'replica', isVoter: true, version: R.version, record: R },
      { type: 'stale', view: undefined },
    ] as const) {
      const read = decodeAnswer('get_replica', travelled(encodeAnswer(answer)), writers);
      expect(read).toEqual({ ok: true, value: answer });
    }
    for (const answer of [
      { type: 'stored' },
      { type: 'skewed' },
      { type: 'superseded', version: R.version },
      { type: 'stale', view: undefined },
    ] as const) {
      const read = decodeAnswer('put_replica', travelled(encodeAnswer(answer)), writers);
      expect(read).toEqual({ ok: true, value: answer });
    }
  });

  it('a frame carries the longest key with the longest value that a node takes, there and back', () => {
    const { keyBytesMax, valueBytesMax } = DEFAULT_LIMITS;
    const question = {
      type: 'put',
      key: 'k'.repeat(keyBytesMax) as BinaryString,
      value: Buffer.alloc(valueBytesMax, 7),
      consistency: 'default',
    } as const;
    const writer = new OctetWriter();
    const frame = { type: 'request', correlationId: 1, deadlineMs: 1000, ...encodeQuestion(question) } as const;
    expect(encodeFrame(frame, writer).ok).toBe(true);
    const decoder = new FrameDecoder();
    decoder.push(allBytes(writer));
    const found = decoder.next();
    if (found?.type !== 'request') throw new Error('Expected a request');
    const read = decodeQuestion(found.method, found.body, writers);
    if (!read.ok || read.value.type !== 'put') throw new Error('Expected a put');
    expect(read.value.key.length).toBe(keyBytesMax);
    expect(Buffer.compare(read.value.value as Uint8Array, question.value)).toBe(0);
    // It is a copy: a node that stores it does not keep the frame.
    expect((read.value.value as Uint8Array).buffer.byteLength).toBe(valueBytesMax);
  });
});

describe('messages about single keys that make no sense', () => {
  const k = Buffer.from('k');
  it.each<[string, RpcValue]>([
    ['get', null],
    ['get', []],
    ['get', ['k', 0, null]],
    ['get', [k]],
    ['get', [k, 0]],
    ['get', [k, 3, null]],
    ['get', [k, 4, null]],
    ['get', [k, -1, null]],
    ['get', [k, 0.5, null]],
    ['get', [k, 'quorum', null]],
    ['get', [k, 2, k]],
    ['get', [k, 2, [EPOCH_VALUE]]],
    ['get', [k, 2, [null, null]]],
    ['get', [k, 2, [EPOCH_VALUE, k]]],
    ['put', [k, 0, null]],
    ['put', [k, 0, null, 'v']],
    ['put', [k, 0, null, null]],
    ['put', [k, 0, 5, k]],
    ['delete', [null, 0, null]],
    ['put_replica', []],
    ['put_replica', putting(R_VALUE.slice(0, 4))],
    ['put_replica', putting([...R_VALUE, 1])],
    ['put_replica', putting(['k', ...R_VALUE.slice(1)])],
    ['put_replica', putting(R_VALUE.with(1, hex('00')))],
    ['put_replica', putting(R_VALUE.with(1, 'sixteen bytes !!'))],
    ['put_replica', putting(R_VALUE.with(2, 'v'))],
    ['put_replica', putting(R_VALUE.with(3, -1))],
    ['put_replica', putting(R_VALUE.with(3, 0.5))],
    ['put_replica', putting(R_VALUE.with(3, 2n ** 60n))],
    ['put_replica', putting(R_VALUE.with(4, 1))],
    ['put_replica', putting(R_VALUE.with(4, null))],
    ['put_replica', [EPOCH_VALUE, R_VALUE]],
    ['put_replica', [EPOCH_VALUE, R_VALUE, 1]],
    ['put_replica', [[5], R_VALUE, true]],
    ['put_replica', [null, R_VALUE, true]],
    ['put_replica', R_VALUE],
    ['get_replica', [EPOCH_VALUE, k]],
    ['get_replica', [EPOCH_VALUE, 'k', true]],
    ['get_replica', [[-1, 7n], k, true]],
    ['get_replica', [k, true]],
  ])('decodeQuestion() refuses a %s with the body %j', (method, body) => {
    expect(decodeQuestion(method, body, writers)).toEqual(badRequest);
  });

  it.each<[keyof AnswersTo, RpcValue]>([
    ['get', ['stored']],
    ['get', ['done']],
    ['get', ['done', 0, k, null, 1, 1]],
    ['get', ['done', 99, k, null, 1, 1, true]],
    ['get', ['done', 'success', k, null, 1, 1, true]],
    ['get', ['done', 0, 'v', null, 1, 1, true]],
    ['get', ['done', 0, k, k, 1, 1, true]],
    ['get', ['done', 0, k, null, -1, 1, true]],
    ['get', ['done', 0, k, null, 1, 1.5, true]],
    ['get', ['done', 0, k, null, 1, 1, null]],
    ['get', ['minted', R_VALUE[1] ?? null, 3, true]],
    ['put', ['minted', k, 3, true]],
    ['put', ['minted', null, 3, true]],
    ['put', ['minted', R_VALUE[1] ?? null, -1, true]],
    ['delete', ['minted', R_VALUE[1] ?? null, 3, 1]],
    ['put', ['not_owner']],
    ['put', ['not_owner', 'somebody']],
    ['put', ['not_owner', P_VALUE.slice(1)]],
    ['put_replica', ['done', 0, k, null, 1, 1, true]],
    ['put_replica', [null]],
    ['put_replica', ['superseded']],
    ['put_replica', ['superseded', hex('00')]],
    ['put_replica', ['replica', true, null]],
    ['put_replica', ['not_owner', null]],
    ['get_replica', ['replica']],
    ['get_replica', ['replica', true]],
    ['get_replica', ['replica', 1, null]],
    ['get_replica', ['replica', true, k]],
    ['get_replica', ['replica', true, R_VALUE.slice(1)]],
    ['get_replica', ['stored']],
    ['get_replica', ['stale', 'no view']],
  ])('decodeAnswer() refuses to have %s answered with %j', (method, body) => {
    expect(decodeAnswer(method, body, writers)).toEqual(badRequest);
  });
});
