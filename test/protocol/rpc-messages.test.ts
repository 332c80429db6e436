/**
 * RPC messages: golden bodies, every question, answer and tale there and back through bytes, and bodies that nobody
 * would send.
 */
import * as fc from 'fast-check';
import { pack } from 'msgpackr';
import { hashOf, nodeId } from '../../src/chord/id';
import { fromUtf8 } from '../../src/octets';
import {
  type AnswersTo,
  decodeAnswer,
  decodeQuestion,
  encodeAnswer,
  encodeQuestion,
  METHODS,
  questionBytes,
  type RpcAnswer,
} from '../../src/protocol/rpc-messages';
import { EXCLUDED_MAX, PEERS_MAX } from '../../src/protocol/rpc-parts';
import { decodeTale, encodeTale } from '../../src/protocol/rpc-tales';
import { NO_COPIES } from '../../src/protocol/rpc-description';
import { packValue, type RpcValue, unpackValue } from '../../src/protocol/rpc-values';
import { hex, SEED } from './fixtures';
import {
  answers,
  asked,
  badRequest,
  digitsOf,
  P,
  P_BYTES,
  P_VALUE,
  questions,
  tales,
  travelled,
  unknownMethod,
  writers,
} from './rpc-fixtures';

/** What a node says that keeps copies of nothing. */
const COUNTS = Object.values(NO_COPIES);

describe(`RPC messages there and back (FC_SEED=${SEED})`, () => {
  it('decodeQuestion() gives back what encodeQuestion() wrote', () => {
    fc.assert(
      fc.property(questions, (question) => {
        const { method, body } = encodeQuestion(question);
        expect(decodeQuestion(method, travelled(body), writers)).toEqual({ ok: true, value: question });
      }),
    );
  });

  it.each(asked)('decodeAnswer() gives back what encodeAnswer() wrote to answer %s', (method) => {
    fc.assert(
      fc.property(answers[method] as fc.Arbitrary<RpcAnswer>, (answer) => {
        expect(decodeAnswer(method, travelled(encodeAnswer(answer)), writers)).toEqual({ ok: true, value: answer });
      }),
    );
  });

  it('decodeTale() gives back what encodeTale() wrote', () => {
    fc.assert(
      fc.property(tales, (tale) => {
        const { method, body } = encodeTale(tale);
        expect(decodeTale(method, travelled(body))).toEqual({ ok: true, value: tale });
      }),
    );
  });

  it.each<[string, RpcValue, string]>([
    ['ping', encodeQuestion({ type: 'ping' }).body, 'c0'],
    ['pong', encodeAnswer({ type: 'pong' }), '91 a4706f6e67'],
    ['pong with a clock', encodeAnswer({ type: 'pong', systemMs: 5 }), '92 a4706f6e67 05'],
    ['busy', encodeAnswer({ type: 'busy' }), '91 a462757379'],
    [
      'find_next',
      encodeQuestion({ type: 'find_next', key: P.id, excluded: new Set([P.id]) }).body,
      `92 c414${P.id} c414${P.id}`,
    ],
    [
      'state',
      encodeAnswer({ type: 'state', predecessor: P, successors: [P] }),
      `93 a57374617465 ${P_BYTES} 91 ${P_BYTES}`,
    ],
    ['ping_for', encodeQuestion({ type: 'ping_for', target: P }).body, P_BYTES],
    ['silent', encodeAnswer({ type: 'silent' }), '91 a673696c656e74'],
    [
      'described',
      encodeAnswer({
        type: 'described',
        self: P,
        state: 'active',
        successors: [P],
        fingers: [],
        arcs: [{ lo: P.id, hi: P.id }],
        keys: 1,
        bytes: 2,
        tombstones: 3,
        copies: { ...NO_COPIES, records: 4, led: 1, least: 2, most: 3, hints: 9 },
      }),
      `9b a9646573637269626564 ${P_BYTES} a6616374697665 c0 91 ${P_BYTES} 90 91 92 c414${P.id} c414${P.id} 01 02 03 9a 04 01 00 00 00 02 03 00 00 09`,
    ],
    ['redirect', encodeAnswer({ type: 'redirect', to: P }), `92 a87265646972656374 ${P_BYTES}`],
    ['owner', encodeAnswer({ type: 'owner', owner: P, rest: [] }), `93 a56f776e6572 ${P_BYTES} 90`],
    ['hint', encodeTale({ type: 'hint', between: P }).body, P_BYTES],
    ['leaving_before', encodeTale({ type: 'leaving_before', successors: [P] }).body, `91 ${P_BYTES}`],
  ])('the body of a %s has its golden bytes', (_what, body, digits) => {
    expect(digitsOf(body)).toBe(digits.replaceAll(' ', ''));
  });

  it('decodeTale() reads an incarnation in any form of a number', () => {
    expect(decodeTale('hint', [hex(P.id), P.addr, 7])).toEqual({ ok: true, value: { type: 'hint', between: P } });
  });

  it('questionBytes() is about what a question takes', () => {
    fc.assert(
      fc.property(questions, (question) => {
        const bytes = packValue(encodeQuestion(question).body).length;
        if (question.type === 'find_next') return;
        expect(questionBytes(question)).toBeGreaterThanOrEqual(bytes * 0.7 - 40);
        expect(questionBytes(question)).toBeLessThanOrEqual(bytes + 100);
      }),
    );
  });

  it('decodeAnswer() passes over what a newer node adds to the end', () => {
    expect(decodeAnswer('ping', ['pong', 2 ** 41, 'new'], writers)).toEqual({
      ok: true,
      value: { type: 'pong', systemMs: 2 ** 41 },
    });
  });
});

describe(`RPC messages that make no sense (FC_SEED=${SEED})`, () => {
  it.each(Object.entries(METHODS))('the method %s is %s', (method, use) => {
    expect(decodeQuestion(method, false, writers)).toEqual(use === 'asked' ? badRequest : unknownMethod);
    expect(decodeTale(method, false)).toEqual(use === 'told' ? badRequest : unknownMethod);
  });

  it.each(['', 'PING', '__proto__', 'constructor', 'toString'])('no method is called %j', (method) => {
    expect(decodeQuestion(method, null, writers)).toEqual(unknownMethod);
    expect(decodeTale(method, null)).toEqual(unknownMethod);
  });

  it.each<[string, RpcValue]>([
    ['no array', null],
    ['an empty array', []],
    ['four places', [...P_VALUE, 1]],
    ['two places', P_VALUE.slice(0, 2)],
    ['a text for an identifier', [P.id, P.addr, P.inc]],
    ['an identifier of 21 bytes', [Buffer.alloc(21), P.addr, P.inc]],
    ['the identifier of another', [hex(nodeId('127.0.0.1', 9002)), P.addr, P.inc]],
    ['bytes for an address', [hex(P.id), Buffer.from(P.addr), P.inc]],
    ['a negative incarnation', [hex(P.id), P.addr, -1n]],
    ['an incarnation that is no whole number', [hex(P.id), P.addr, 1.5]],
    ['nil for an incarnation', [hex(P.id), P.addr, null]],
  ])('decodeTale() refuses a peer that is %s', (_what, value) => {
    expect(decodeTale('hint', value)).toEqual(badRequest);
    expect(decodeTale('leaving_before', [P_VALUE, value])).toEqual(badRequest);
    expect(decodeAnswer('get_state', ['state', value, []], writers)).toEqual(badRequest);
  });

  it.each(['127.0.0.1', ':1', 'a:0', 'a:01', 'a:65536', 'a: 1', 'a b:1', 'a:1\n', 'a\0:1', `${'a'.repeat(260)}:1`])(
    'decodeTale() refuses the address %j, whatever its SHA-1',
    (addr) => {
      const id = hex(hashOf(fromUtf8(addr)));
      expect(decodeTale('hint', [id, addr, 1n])).toEqual(badRequest);
    },
  );

  it.each<[keyof AnswersTo, RpcValue]>([
    ['ping', ['busy']],
    ['ping', 'pong'],
    ['ping', ['toString']],
    ['ping', [null]],
    ['ping_for', ['busy']],
    ['describe', ['busy']],
    ['describe', ['described', P_VALUE, 'active', null, [], [], [], 1, 2, 3]],
    ['describe', ['described', P_VALUE, 'active', null, [], [], [], 1, 2, 3, [0, 0, 0, 0, 0, 0, 0, 0, 0]]],
    ['describe', ['described', P_VALUE, 'active', null, [], [], [], 1, 2, 3, [0, 0, 0, 0, 0, 0, 0, 0, 0, -1]]],
    ['describe', ['described', P_VALUE, 'dead', null, [], [], [], 1, 2, 3, COUNTS]],
    ['describe', ['described', P_VALUE, 'active', [], [], [], [], 1, 2, 3, COUNTS]],
    ['describe', ['described', P_VALUE, 'active', null, null, [], [], 1, 2, 3, COUNTS]],
    ['describe', ['described', P_VALUE, 'active', null, [], [], null, 1, 2, 3, COUNTS]],
    ['describe', ['described', P_VALUE, 'active', null, [], [], [[hex(P.id)]], 1, 2, 3, COUNTS]],
    ['describe', ['described', P_VALUE, 'active', null, [], [], null, -1, 2, 3]],
    ['describe', ['described', P_VALUE, 'active', null, [], [], null, 1.5, 2, 3]],
    ['get_state', ['pong']],
    ['get_state', ['state', P_VALUE]],
    ['get_state', ['refused', 'toString']],
    ['get_state', ['refused']],
    ['join', ['state', P_VALUE, []]],
    ['join', ['redirect', null]],
    ['join', ['admitted', P_VALUE]],
    ['find_next', ['busy']],
    ['find_next', ['owner', P_VALUE]],
    ['find_next', ['candidates', null]],
  ])('decodeAnswer() refuses to have %s answered with %j', (method, body) => {
    expect(decodeAnswer(method, body, writers)).toEqual(badRequest);
  });

  it('decodeQuestion() refuses a key or excluded nodes of any other length', () => {
    const [key, two] = [hex(P.id), Buffer.alloc(40)];
    expect(decodeQuestion('find_next', [key, two], writers)).toMatchObject({ ok: true });
    expect(decodeQuestion('find_next', [key.subarray(1), two], writers)).toEqual(badRequest);
    expect(decodeQuestion('find_next', [key, two.subarray(1)], writers)).toEqual(badRequest);
    expect(decodeQuestion('find_next', [key], writers)).toEqual(badRequest);
    expect(decodeQuestion('find_next', [key, Buffer.alloc(20 * EXCLUDED_MAX)], writers)).toMatchObject({ ok: true });
    expect(decodeQuestion('find_next', [key, Buffer.alloc(20 * (EXCLUDED_MAX + 1))], writers)).toEqual(badRequest);
  });

  it('decodeTale() refuses more peers than a list may have', () => {
    const many = (count: number) => Array.from({ length: count }, () => P_VALUE);
    expect(decodeTale('leaving_before', many(PEERS_MAX))).toMatchObject({ ok: true });
    expect(decodeTale('leaving_before', many(PEERS_MAX + 1))).toEqual(badRequest);
  });

  it('decodeQuestion(), decodeAnswer() and decodeTale() take bodies with wrong bytes without throwing', () => {
    const bodies = fc.oneof(
      questions.map((question) => encodeQuestion(question).body),
      ...asked.map((method) => (answers[method] as fc.Arbitrary<RpcAnswer>).map(encodeAnswer)),
      tales.map((tale) => encodeTale(tale).body),
    );
    const mutations = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(bodies, mutations, (body, wrong) => {
        const bytes = Buffer.from(pack(body));
        for (const [at, byte] of wrong) bytes[at % bytes.length] = byte;
        const unpacked = unpackValue(bytes);
        if (!unpacked.ok) return;
        for (const method of [...Object.keys(METHODS), 'none']) {
          decodeQuestion(method, unpacked.value, writers);
          decodeTale(method, unpacked.value);
        }
        for (const method of asked) decodeAnswer(method, unpacked.value, writers);
      }),
      { numRuns: 1000 },
    );
  });
});
