/** How arcs pass between nodes: golden bodies, and bodies that nobody would send. */
import type { BinaryString } from '../../src/octets';
import {
  type AnswersTo,
  decodeAnswer,
  decodeQuestion,
  encodeAnswer,
  encodeQuestion,
} from '../../src/protocol/rpc-messages';
import { RECORDS_MAX } from '../../src/protocol/rpc-parts';
import type { RpcValue } from '../../src/protocol/rpc-values';
import { versionOf } from '../../src/replication/version';
import { hex } from './fixtures';
import { badRequest, digitsOf, P, R, R_BYTES, R_VALUE, writers } from './rpc-fixtures';

const id = hex(P.id);
const arc = { lo: P.id, hi: P.id };
const epoch = { n: 5, by: 7n };
const ARC = `92 c414${P.id} c414${P.id}`;
const EPOCH = '92 05 d30000000000000007';
const clock = versionOf(1, 2, writers.intern('writer-1' as BinaryString));

describe('messages about arcs', () => {
  it.each<[string, RpcValue, string]>([
    ['sync_open', encodeQuestion({ type: 'sync_open', after: P.id, kind: 'join' }).body, `92 c414${P.id} a46a6f696e`],
    ['sync_push', encodeQuestion({ type: 'sync_push', session: 9, records: [R] }).body, `92 09 91 ${R_BYTES}`],
    ['sync_next', encodeQuestion({ type: 'sync_next', session: 9, bytesMax: 3 }).body, '93 09 c0 03'],
    [
      'sync_next, going on',
      encodeQuestion({ type: 'sync_next', session: 9, after: P.id, bytesMax: 3 }).body,
      `93 09 c414${P.id} 03`,
    ],
    ['sync_seal', encodeQuestion({ type: 'sync_seal', session: 9 }).body, '91 09'],
    ['sync_take', encodeQuestion({ type: 'sync_take', session: 2 ** 40 }).body, '91 cb4270000000000000'],
    ['take_over', encodeQuestion({ type: 'take_over', arc, epoch }).body, `92 ${ARC} ${EPOCH}`],
    ['claim', encodeQuestion({ type: 'claim', arc, epoch }).body, `92 ${ARC} ${EPOCH}`],
    [
      'opened',
      encodeAnswer({ type: 'opened', session: 9, arc, epoch, count: 1, bytes: 2 }),
      `96 a66f70656e6564 09 ${ARC} ${EPOCH} 01 02`,
    ],
    [
      'granted',
      encodeAnswer({ type: 'granted', session: 9, arc, epoch, clock }),
      `95 a76772616e746564 09 ${ARC} ${EPOCH} c410 0000000000010002 7772697465722d31`,
    ],
    ['pushed', encodeAnswer({ type: 'pushed' }), '91 a6707573686564'],
    ['chunk', encodeAnswer({ type: 'chunk', records: [R], after: P.id }), `93 a56368756e6b 91 ${R_BYTES} c414${P.id}`],
    ['chunk, the last', encodeAnswer({ type: 'chunk', records: [] }), '93 a56368756e6b 90 c0'],
    [
      'sealed',
      encodeAnswer({ type: 'sealed', digest: { count: 1, fp0: -1, fp1: 2 } }),
      '92 a67365616c6564 93 01 ceffffffff 02',
    ],
    ['no_session', encodeAnswer({ type: 'no_session' }), '91 aa6e6f5f73657373696f6e'],
    ['accepted', encodeAnswer({ type: 'accepted' }), '91 a86163636570746564'],
    ['agreed', encodeAnswer({ type: 'agreed' }), '91 a6616772656564'],
    ['contested', encodeAnswer({ type: 'contested', arc, epoch }), `93 a9636f6e746573746564 ${ARC} ${EPOCH}`],
  ])('the body of %s has its golden bytes', (_what, body, digits) => {
    expect(digitsOf(body)).toBe(digits.replaceAll(' ', ''));
  });
});

describe('messages about arcs that make no sense', () => {
  const ARC_VALUE = [id, id];
  const EPOCH_VALUE = [5, 7n];
  it.each<[string, RpcValue]>([
    ['sync_open', [id]],
    ['sync_open', [id, 'stay']],
    ['sync_open', [id.subarray(1), 'join']],
    ['sync_open', [null, 'join']],
    ['sync_push', [9]],
    ['sync_push', [9, R_VALUE]],
    ['sync_push', [9, [R_VALUE, null]]],
    ['sync_push', [-1, []]],
    ['sync_next', [9, 'x', 3]],
    ['sync_next', [9, null]],
    ['sync_next', [9, null, -3]],
    ['sync_seal', []],
    ['sync_seal', 9],
    ['sync_seal', [1.5]],
    ['sync_take', [2n ** 53n]],
    ['take_over', [ARC_VALUE]],
    ['take_over', [[id], EPOCH_VALUE]],
    ['take_over', [[id, id, id], EPOCH_VALUE]],
    ['take_over', [[id, 'x'], EPOCH_VALUE]],
    ['claim', [ARC_VALUE, [5]]],
    ['claim', [ARC_VALUE, [-5, 7n]]],
    ['claim', [ARC_VALUE, [5, -7n]]],
    ['claim', [ARC_VALUE, [5.5, 7n]]],
    ['claim', [ARC_VALUE, [5, 7n, 1]]],
  ])('decodeQuestion() refuses a %s with the body %j', (method, body) => {
    expect(decodeQuestion(method, body, writers)).toEqual(badRequest);
  });

  it('decodeQuestion() refuses more records than a message may carry', () => {
    const many = (count: number) => [1, Array.from({ length: count }, () => R_VALUE)];
    expect(decodeQuestion('sync_push', many(RECORDS_MAX), writers)).toMatchObject({ ok: true });
    expect(decodeQuestion('sync_push', many(RECORDS_MAX + 1), writers)).toEqual(badRequest);
  });

  it.each<[keyof AnswersTo, RpcValue]>([
    ['sync_open', ['opened', 9, ARC_VALUE, EPOCH_VALUE, 1]],
    ['sync_open', ['opened', 9, ARC_VALUE, null, 1, 2]],
    ['sync_open', ['opened', 9, null, EPOCH_VALUE, 1, 2]],
    ['sync_open', ['opened', null, ARC_VALUE, EPOCH_VALUE, 1, 2]],
    ['sync_open', ['granted', 9, ARC_VALUE, EPOCH_VALUE]],
    ['sync_open', ['granted', 9, ARC_VALUE, EPOCH_VALUE, id]],
    ['sync_open', ['no_session']],
    ['sync_push', ['busy']],
    ['sync_next', ['chunk']],
    ['sync_next', ['chunk', []]],
    ['sync_next', ['chunk', [null], null]],
    ['sync_next', ['chunk', [], 'x']],
    ['sync_seal', ['sealed']],
    ['sync_seal', ['sealed', [1, 2]]],
    ['sync_seal', ['sealed', [1, -2, 3]]],
    ['sync_seal', ['sealed', [1, 2 ** 32, 3]]],
    ['sync_seal', ['sealed', [-1, 2, 3]]],
    ['sync_take', ['busy']],
    ['take_over', ['agreed']],
    ['claim', ['accepted']],
    ['claim', ['contested', ARC_VALUE]],
    ['claim', ['contested', EPOCH_VALUE, ARC_VALUE]],
  ])('decodeAnswer() refuses to have %s answered with %j', (method, body) => {
    expect(decodeAnswer(method, body, writers)).toEqual(badRequest);
  });
});
