/**
 * RPC messages: golden bodies, every question, answer and tale there and back through bytes, and bodies that nobody
 * would send.
 */
import * as fc from 'fast-check';
import { pack } from 'msgpackr';
import { hashOf, type Id, nodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import type { Tale } from '../../src/chord/ring-protocol';
import { fromUtf8 } from '../../src/octets';
import { Writers } from '../../src/replication/version';
import {
  type AnswersTo,
  decodeAnswer,
  decodeQuestion,
  decodeTale,
  encodeAnswer,
  encodeQuestion,
  encodeTale,
  METHODS,
  type RpcAnswer,
  type RpcQuestion,
} from '../../src/protocol/rpc-messages';
import { EXCLUDED_MAX, PEERS_MAX } from '../../src/protocol/rpc-parts';
import { packValue, type RpcValue, unpackValue } from '../../src/protocol/rpc-values';
import { hex, SEED } from './fixtures';

const peerAt = (host: string, port: number, inc: bigint): Peer => ({
  id: nodeId(host, port),
  addr: `${host}:${port}`,
  inc,
});
const P = peerAt('127.0.0.1', 9001, 7n);
const P_VALUE = [hex(P.id), P.addr, P.inc];
const P_BYTES = '93 c414 2c927f3d9c0e1fea287055d88c0d5b369564e67a ae3132372e302e302e313a39303031 d30000000000000007';

const hosts = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
const peers = fc
  .record({ host: hosts, port: fc.integer({ min: 1, max: 65_535 }), inc: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) })
  .map(({ host, port, inc }) => peerAt(host, port, inc));
const lists = fc.array(peers, { maxLength: 12 });
const keys = fc.string().map((text) => hashOf(fromUtf8(text)) as Id);

const questions: fc.Arbitrary<RpcQuestion> = fc.oneof(
  fc.constantFrom<RpcQuestion>({ type: 'ping' }, { type: 'get_state' }, { type: 'join' }),
  fc.record({
    type: fc.constant('find_next' as const),
    key: keys,
    excluded: lists.map((list) => new Set(list.map(({ id }) => id))),
  }),
);
const states = fc.record({ type: fc.constant('state' as const), predecessor: peers, successors: lists });
const admitted = fc.record({ type: fc.constant('admitted' as const), successors: lists });
const redirects = fc.record({ type: fc.constant('redirect' as const), to: peers });
const declined = fc.constantFrom(
  { type: 'busy' as const },
  { type: 'refused' as const, reason: 'id_taken' as const },
  { type: 'refused' as const, reason: 'not_a_member' as const },
);
const owners = fc.record({ type: fc.constant('owner' as const), owner: peers, rest: lists });
const candidates = fc.record({ type: fc.constant('candidates' as const), peers: lists });
const answers: { readonly [Method in keyof AnswersTo]: fc.Arbitrary<AnswersTo[Method]> } = {
  ping: fc.constant({ type: 'pong' as const }),
  get_state: fc.oneof(states, declined),
  join: fc.oneof(admitted, redirects, declined),
  find_next: fc.oneof(owners, candidates),
};
const asked = Object.keys(answers) as (keyof AnswersTo)[];
const tales: fc.Arbitrary<Tale> = fc.oneof(
  fc.constant({ type: 'notify' as const }),
  fc.record({ type: fc.constant('hint' as const), between: peers }),
  fc.record({ type: fc.constant('leaving_before' as const), successors: lists }),
  fc.record({ type: fc.constant('leaving_after' as const), predecessor: peers }),
);

/** The value as it arrives: through bytes. */
function travelled(value: RpcValue): RpcValue {
  const unpacked = unpackValue(Buffer.from(packValue(value)));
  if (!unpacked.ok) throw new Error(unpacked.error);
  return unpacked.value;
}

const badRequest = { ok: false, error: { code: 'bad_request', message: expect.stringMatching(/^Cannot read /) } };
const unknownMethod = {
  ok: false,
  error: { code: 'unknown_method', message: expect.stringMatching(/^Cannot serve /) },
};

describe(`RPC messages there and back (FC_SEED=${SEED})`, () => {
  it('decodeQuestion() gives back what encodeQuestion() wrote', () => {
    fc.assert(
      fc.property(questions, (question) => {
        const { method, body } = encodeQuestion(question);
        expect(decodeQuestion(method, travelled(body))).toEqual({ ok: true, value: question });
      }),
    );
  });

  it.each(asked)('decodeAnswer() gives back what encodeAnswer() wrote to answer %s', (method) => {
    fc.assert(
      fc.property(answers[method] as fc.Arbitrary<RpcAnswer>, (answer) => {
        expect(decodeAnswer(method, travelled(encodeAnswer(answer)))).toEqual({ ok: true, value: answer });
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
    ['redirect', encodeAnswer({ type: 'redirect', to: P }), `92 a87265646972656374 ${P_BYTES}`],
    ['owner', encodeAnswer({ type: 'owner', owner: P, rest: [] }), `93 a56f776e6572 ${P_BYTES} 90`],
    ['hint', encodeTale({ type: 'hint', between: P }).body, P_BYTES],
    ['leaving_before', encodeTale({ type: 'leaving_before', successors: [P] }).body, `91 ${P_BYTES}`],
  ])('the body of a %s has its golden bytes', (_what, body, digits) => {
    expect(Buffer.from(packValue(body)).toString('hex')).toBe(digits.replaceAll(' ', ''));
  });

  it('decodeTale() reads an incarnation in any form of a number', () => {
    expect(decodeTale('hint', [hex(P.id), P.addr, 7])).toEqual({ ok: true, value: { type: 'hint', between: P } });
  });

  it('decodeAnswer() passes over what a newer node adds to the end', () => {
    expect(decodeAnswer('ping', ['pong', 1])).toEqual({ ok: true, value: { type: 'pong' } });
  });
});

describe(`RPC messages that make no sense (FC_SEED=${SEED})`, () => {
  it.each(Object.entries(METHODS))('the method %s is %s', (method, use) => {
    expect(decodeQuestion(method, false)).toEqual(use === 'asked' ? badRequest : unknownMethod);
    expect(decodeTale(method, false)).toEqual(use === 'told' ? badRequest : unknownMethod);
  });

  it.each(['', 'PING', '__proto__', 'constructor', 'toString'])('no method is called %j', (method) => {
    expect(decodeQuestion(method, null)).toEqual(unknownMethod);
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
    expect(decodeAnswer('get_state', ['state', value, []])).toEqual(badRequest);
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
    expect(decodeAnswer(method, body)).toEqual(badRequest);
  });

  it('decodeQuestion() refuses a key or excluded nodes of any other length', () => {
    const [key, two] = [hex(P.id), Buffer.alloc(40)];
    expect(decodeQuestion('find_next', [key, two])).toMatchObject({ ok: true });
    expect(decodeQuestion('find_next', [key.subarray(1), two])).toEqual(badRequest);
    expect(decodeQuestion('find_next', [key, two.subarray(1)])).toEqual(badRequest);
    expect(decodeQuestion('find_next', [key])).toEqual(badRequest);
    expect(decodeQuestion('find_next', [key, Buffer.alloc(20 * EXCLUDED_MAX)])).toMatchObject({ ok: true });
    expect(decodeQuestion('find_next', [key, Buffer.alloc(20 * (EXCLUDED_MAX + 1))])).toEqual(badRequest);
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
          decodeQuestion(method, unpacked.value);
          decodeTale(method, unpacked.value);
        }
        for (const method of asked) decodeAnswer(method, unpacked.value);
      }),
      { numRuns: 1000 },
    );
  });
});
