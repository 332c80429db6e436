/** How replicas fetch, compare and mend an arc: golden bodies, and bodies that nobody would send. */
import type { KeyId } from '../../src/chord/id';
import type { BinaryString } from '../../src/octets';
import {
  type AnswersTo,
  decodeAnswer,
  decodeQuestion,
  encodeAnswer,
  encodeQuestion,
} from '../../src/protocol/rpc-messages';
import { RECORDS_MAX } from '../../src/protocol/rpc-parts';
import { FETCH_MAX, ITEMS_MAX, PARTS, RANGES_MAX } from '../../src/protocol/rpc-sync';
import { syncQuestionBytes } from '../../src/protocol/rpc-sync-bytes';
import { packValue, type RpcValue } from '../../src/protocol/rpc-values';
import { versionOf } from '../../src/replication/version';
import { hex } from './fixtures';
import { badRequest, digitsOf, P, R, R_BYTES, R_VALUE, writers } from './rpc-fixtures';

const OTHER = '0123456789abcdef0123456789abcdef01234567' as KeyId;
const id = hex(P.id);
const arc = { lo: P.id, hi: P.id };
const epoch = { n: 5, by: 7n };
const under = { arc, epoch };
const ARC = `92 c414${P.id} c414${P.id}`;
const EPOCH = '92 05 d30000000000000007';
const digest = { count: 1, fp0: -1, fp1: 2 };
const DIGEST = '93 01 ceffffffff 02';
const version = versionOf(1, 2, writers.intern('writer-1' as BinaryString));
const VERSION = 'c410 0000000000010002 7772697465722d31';

describe('messages about the records of an arc', () => {
  it.each<[string, RpcValue, string]>([
    [
      'sync_open',
      encodeQuestion({ type: 'sync_open', ...under, purpose: 'listen' }).body,
      `93 ${ARC} ${EPOCH} a66c697374656e`,
    ],
    ['sync_ready', encodeQuestion({ type: 'sync_ready', ...under }).body, `92 ${ARC} ${EPOCH}`],
    ['sync_next', encodeQuestion({ type: 'sync_next', ...under, bytesMax: 3 }).body, `94 ${ARC} ${EPOCH} c0 03`],
    [
      'sync_next, going on',
      encodeQuestion({ type: 'sync_next', ...under, after: OTHER, bytesMax: 3 }).body,
      `94 ${ARC} ${EPOCH} c414${OTHER} 03`,
    ],
    [
      'ranges, all of the arc',
      encodeQuestion({ type: 'ranges', ...under, horizonMs: 9, ranges: [{ range: arc, digest }] }).body,
      `94 ${ARC} ${EPOCH} 09 91 92 c0 ${DIGEST}`,
    ],
    [
      'ranges, a part',
      encodeQuestion({ type: 'ranges', ...under, horizonMs: 0, ranges: [{ range: { lo: P.id, hi: OTHER }, digest }] })
        .body,
      `94 ${ARC} ${EPOCH} 00 91 92 92 c414${P.id} c414${OTHER} ${DIGEST}`,
    ],
    ['fetch', encodeQuestion({ type: 'fetch', ...under, ids: [OTHER] }).body, `93 ${ARC} ${EPOCH} 91 c414${OTHER}`],
    ['push', encodeQuestion({ type: 'push', ...under, records: [R] }).body, `93 ${ARC} ${EPOCH} 91 ${R_BYTES}`],
    [
      'opened',
      encodeAnswer({ type: 'opened', floor: version, digest, bytes: 3, horizons: [{ arc, horizonMs: 4 }] }),
      `95 a66f70656e6564 ${VERSION} ${DIGEST} 03 91 92 ${ARC} 04`,
    ],
    ['noted', encodeAnswer({ type: 'noted' }), '91 a56e6f746564'],
    ['chunk', encodeAnswer({ type: 'chunk', records: [R], after: P.id }), `93 a56368756e6b 91 ${R_BYTES} c414${P.id}`],
    ['chunk, the last', encodeAnswer({ type: 'chunk', records: [] }), '93 a56368756e6b 90 c0'],
    [
      'compared',
      encodeAnswer({
        type: 'compared',
        ranges: [undefined, { type: 'split', digests: [digest] }, { type: 'items', items: [{ id: OTHER, version }] }],
      }),
      `92 a8636f6d7061726564 93 c0 92 a573706c6974 91 ${DIGEST} 92 a56974656d73 91 92 c414${OTHER} ${VERSION}`,
    ],
    ['records', encodeAnswer({ type: 'records', records: [R], left: 2 }), `93 a77265636f726473 91 ${R_BYTES} 02`],
    ['pushed', encodeAnswer({ type: 'pushed' }), '91 a6707573686564'],
  ])('the body of %s has its golden bytes', (_what, body, digits) => {
    expect(digitsOf(body)).toBe(digits.replaceAll(' ', ''));
  });

  it('a range that is the whole arc need not be said twice: two replicas agree in less than 150 bytes', () => {
    const horizonMs = 1_800_000_000_000;
    const real = { arc: { lo: P.id, hi: OTHER }, epoch: { n: 12, by: 2n ** 56n } };
    const count = { count: 100_000, fp0: 2 ** 30, fp1: -(2 ** 30) };
    const question = { type: 'ranges', ...real, horizonMs, ranges: [{ range: real.arc, digest: count }] } as const;
    const answer = encodeAnswer({ type: 'compared', ranges: [undefined] });
    expect(packValue(encodeQuestion(question).body).length + packValue(answer).length).toBeLessThan(150);
    expect(decodeQuestion('ranges', encodeQuestion(question).body, writers)).toEqual({ ok: true, value: question });
  });

  it('syncQuestionBytes() is about what is sent', () => {
    const records = Array.from({ length: 10 }, () => R);
    const ids = Array.from({ length: 100 }, () => OTHER);
    for (const question of [
      { type: 'push', ...under, records } as const,
      { type: 'fetch', ...under, ids } as const,
      {
        type: 'ranges',
        ...under,
        horizonMs: 0,
        ranges: Array.from({ length: 9 }, () => ({ range: { lo: P.id, hi: OTHER }, digest })),
      } as const,
    ]) {
      const bytes = packValue(encodeQuestion(question).body).length;
      expect(syncQuestionBytes(question) / bytes).toBeGreaterThan(0.7);
      expect(syncQuestionBytes(question) / bytes).toBeLessThan(1.5);
    }
  });
});

describe('messages about the records of an arc that make no sense', () => {
  const ARC_VALUE = [id, id];
  const EPOCH_VALUE = [5, 7n];
  const DIGEST_VALUE = [1, 2, 3];
  const VERSION_VALUE = hex('0000000000010002 7772697465722d31');
  const AT = [ARC_VALUE, EPOCH_VALUE];

  it.each<[string, RpcValue]>([
    ['sync_open', AT],
    ['sync_open', [...AT, 'stay']],
    ['sync_open', [[id], EPOCH_VALUE, 'learn']],
    ['sync_open', [[id, 'x'], EPOCH_VALUE, 'learn']],
    ['sync_open', [ARC_VALUE, [-5, 7n], 'learn']],
    ['sync_ready', [ARC_VALUE]],
    ['sync_ready', [ARC_VALUE, [5]]],
    ['sync_ready', [ARC_VALUE, [5.5, 7n]]],
    ['sync_ready', null],
    ['sync_next', [...AT, 'x', 3]],
    ['sync_next', [...AT, null]],
    ['sync_next', [...AT, null, -3]],
    ['ranges', [...AT, 0]],
    ['ranges', [...AT, 0, []]],
    ['ranges', [...AT, -1, [[null, DIGEST_VALUE]]]],
    ['ranges', [...AT, 0, [null]]],
    ['ranges', [...AT, 0, [[id, DIGEST_VALUE]]]],
    ['ranges', [...AT, 0, [[null, [1, -2, 3]]]]],
    ['ranges', [...AT, 0, [[null, [1, 2 ** 32, 3]]]]],
    ['fetch', AT],
    ['fetch', [...AT, [id.subarray(1)]]],
    ['fetch', [...AT, [null]]],
    ['push', AT],
    ['push', [...AT, R_VALUE]],
    ['push', [...AT, [R_VALUE, null]]],
  ])('decodeQuestion() refuses a %s with the body %j', (method, body) => {
    expect(decodeQuestion(method, body, writers)).toEqual(badRequest);
  });

  const many = (count: number, value: RpcValue): RpcValue => Array.from({ length: count }, () => value);

  it.each<[string, (count: number) => RpcValue, number]>([
    ['push', (count) => [...AT, many(count, R_VALUE)], RECORDS_MAX],
    ['fetch', (count) => [...AT, many(count, id)], FETCH_MAX],
    ['ranges', (count) => [...AT, 0, many(count, [null, DIGEST_VALUE])], RANGES_MAX],
  ])('decodeQuestion() refuses a %s that is too long', (method, bodyOf, most) => {
    expect(decodeQuestion(method, bodyOf(most), writers)).toMatchObject({ ok: true });
    expect(decodeQuestion(method, bodyOf(most + 1), writers)).toEqual(badRequest);
  });

  it.each<[keyof AnswersTo, RpcValue]>([
    ['sync_open', ['opened', VERSION_VALUE, DIGEST_VALUE, 1]],
    ['sync_open', ['opened', id, DIGEST_VALUE, 1, []]],
    ['sync_open', ['opened', VERSION_VALUE, null, 1, []]],
    ['sync_open', ['opened', VERSION_VALUE, DIGEST_VALUE, -1, []]],
    ['sync_open', ['opened', VERSION_VALUE, DIGEST_VALUE, 1, 2]],
    ['sync_open', ['opened', VERSION_VALUE, DIGEST_VALUE, 1, [[ARC_VALUE, -1]]]],
    ['sync_open', ['opened', VERSION_VALUE, DIGEST_VALUE, 1, [[id, 2]]]],
    ['sync_open', ['noted']],
    ['sync_ready', ['busy']],
    ['sync_ready', ['pushed']],
    ['sync_next', ['chunk']],
    ['sync_next', ['chunk', []]],
    ['sync_next', ['chunk', [null], null]],
    ['sync_next', ['chunk', [], 'x']],
    ['ranges', ['compared']],
    ['ranges', ['compared', [1]]],
    ['ranges', ['compared', [['none', []]]]],
    ['ranges', ['compared', [['split', [null]]]]],
    ['ranges', ['compared', [['items', [[id]]]]]],
    ['ranges', ['compared', [['items', [[id, id]]]]]],
    ['fetch', ['records', []]],
    ['fetch', ['records', [], -1]],
    ['fetch', ['records', [null], 0]],
    ['push', ['noted']],
    ['push', ['stale', 1]],
  ])('decodeAnswer() refuses to have %s answered with %j', (method, body) => {
    expect(decodeAnswer(method, body, writers)).toEqual(badRequest);
  });

  it.each<[string, (count: number) => RpcValue, number]>([
    ['ranges', (count) => many(count, null), RANGES_MAX],
    ['parts', (count) => [['split', many(count, DIGEST_VALUE)]], PARTS],
    ['items', (count) => [['items', many(count, [id, VERSION_VALUE])]], ITEMS_MAX],
  ])('decodeAnswer() refuses more %s than an answer can have', (_what, rangesOf, most) => {
    expect(decodeAnswer('ranges', ['compared', rangesOf(most)], writers)).toMatchObject({ ok: true });
    expect(decodeAnswer('ranges', ['compared', rangesOf(most + 1)], writers)).toEqual(badRequest);
  });
});
