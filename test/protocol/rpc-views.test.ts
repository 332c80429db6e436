/** How nodes agree about views: golden bodies, round trips, and bodies that nobody would send. */
import * as fc from 'fast-check';
import type { BinaryString } from '../../src/octets';
import { type Places, placesIn } from '../../src/protocol/rpc-parts';
import type { RpcValue } from '../../src/protocol/rpc-values';
import {
  MEMBERS_MAX,
  PIECES_MAX,
  VIEW_ANSWERS,
  type ViewAnswer,
  viewAnswerBody,
  type ViewAnswersTo,
  viewIn,
  type ViewQuestion,
  viewQuestionBody,
  viewQuestionIn,
  viewValue,
} from '../../src/protocol/rpc-views';
import type { Piece } from '../../src/replication/holding';
import { versionOf } from '../../src/replication/version';
import type { View } from '../../src/replication/view';
import { hex } from './fixtures';
import { digitsOf, P, P_BYTES, P_VALUE, peers, travelled, writers } from './rpc-fixtures';

fc.configureGlobal({ seed: Number(process.env['FC_SEED'] ?? 1) });

const id = hex(P.id);
const arc = { lo: P.id, hi: P.id };
const epoch = { n: 5, by: 7n };
const floor = versionOf(1, 2, writers.intern('writer-1' as BinaryString));
const view: View = { epoch, arc, members: [P], primary: P.id, voters: [P.id], syncs: 1, floor };

const ID = `c414${P.id}`;
const ARC = `92 ${ID} ${ID}`;
const EPOCH = '92 05 d30000000000000007';
const FLOOR = 'c410 0000000000010002 7772697465722d31';
const VIEW = `97 ${EPOCH} ${ARC} 91 ${P_BYTES} ${ID} ${ID} 01 ${FLOOR}`;
const VOTER = 'a5 766f746572';

describe('messages about views', () => {
  it.each<[string, RpcValue, string]>([
    [
      'seal',
      viewQuestionBody({ type: 'seal', epoch, arc, members: [P], since: { n: 1, by: 7n } }),
      `94 ${EPOCH} ${ARC} 91 ${P_BYTES} 92 01 d30000000000000007`,
    ],
    ['view_new', viewQuestionBody({ type: 'view_new', view }), `91 ${VIEW}`],
    ['view_get', viewQuestionBody({ type: 'view_get', arc }), `91 ${ARC}`],
    ['view_voter', viewQuestionBody({ type: 'view_voter', arc, epoch }), `92 ${ARC} ${EPOCH}`],
    [
      'view_blocked',
      viewQuestionBody({ type: 'view_blocked', arc, epoch, promised: epoch }),
      `93 ${ARC} ${EPOCH} ${EPOCH}`,
    ],
    ['invite', viewQuestionBody({ type: 'invite', arc, epoch }), `92 ${ARC} ${EPOCH}`],
    ['clean_up', viewQuestionBody({ type: 'clean_up', arc, epoch }), `92 ${ARC} ${EPOCH}`],
    ['depart', viewQuestionBody({ type: 'depart' }), 'c0'],
    ['death_of', viewQuestionBody({ type: 'death_of', target: P }), P_BYTES],
    [
      'sealed',
      viewAnswerBody({
        type: 'sealed',
        pieces: [{ arc, view, role: 'voter', pending: [{ epoch, members: [P] }] }],
        clock: floor,
      }),
      `93 a6 7365616c6564 91 94 ${ARC} ${VIEW} ${VOTER} 91 92 ${EPOCH} 91 ${P_BYTES} ${FLOOR}`,
    ],
    ['nack', viewAnswerBody({ type: 'nack', promised: epoch }), `93 a4 6e61636b ${EPOCH} c0`],
    ['views', viewAnswerBody({ type: 'views', views: [view] }), `92 a5 7669657773 91 ${VIEW}`],
    ['stale', viewAnswerBody({ type: 'stale', view }), `92 a5 7374616c65 ${VIEW}`],
    ['stale, of no view', viewAnswerBody({ type: 'stale' }), '92 a5 7374616c65 c0'],
    ['adopted', viewAnswerBody({ type: 'adopted' }), '91 a7 61646f70746564'],
  ])('the body of %s has its golden bytes', (_what, body, digits) => {
    expect(digitsOf(body)).toBe(digits.replaceAll(' ', ''));
  });
});

// Round trips

const points = peers.map((peer) => peer.id);
const arcs = fc.record({ lo: points, hi: points });
const epochs = fc.record({ n: fc.maxSafeNat(), by: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) });
const members = fc.uniqueArray(peers, { minLength: 1, maxLength: 5, selector: (peer) => peer.id });
const views: fc.Arbitrary<View> = fc
  .record({ epoch: epochs, arc: arcs, members, most: fc.nat(), ms: fc.nat() })
  .map(({ most, ms, ...rest }) => {
    const voters = rest.members.slice(0, 1 + (most % rest.members.length)).map((peer) => peer.id);
    const [primary = P.id] = voters;
    const version = versionOf(ms, 0, writers.intern('writer-2' as BinaryString));
    return { ...rest, primary, voters, syncs: voters.length, floor: version };
  });
const option = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const pending = fc.array(fc.record({ epoch: epochs, members }), { maxLength: 3 });
const pieces: fc.Arbitrary<Piece> = fc.oneof(
  fc.record({ view: views, role: fc.constantFrom('voter', 'learner', 'none'), pending }).map((each) => ({
    ...each,
    arc: each.view.arc,
  })),
  fc.record({ arc: arcs, view: fc.constant(undefined), role: fc.constant('none' as const), pending }),
);
const plain = <const Type extends string>(...types: readonly Type[]) =>
  fc.constantFrom(...types).map((type) => ({ type }));
const typed = <const Type extends string, Rest extends object>(type: Type, rest: fc.Arbitrary<Rest>) =>
  rest.map((each) => ({ type, ...each }));

const questions: fc.Arbitrary<ViewQuestion> = fc.oneof(
  typed('seal', fc.record({ epoch: epochs, arc: arcs, members, since: epochs })),
  typed('view_new', fc.record({ view: views })),
  typed('view_get', fc.record({ arc: arcs })),
  fc.record({ type: fc.constantFrom('view_voter', 'invite', 'clean_up'), arc: arcs, epoch: epochs }),
  fc.record({ type: fc.constant('view_blocked' as const), arc: arcs, epoch: epochs, promised: epochs }),
  plain('depart'),
  typed('death_of', fc.record({ target: peers })),
);
const nack = typed('nack', fc.record({ promised: epochs, view: option(views) }));
const stale = typed('stale', fc.record({ view: option(views) }));
const versions = fc.nat().map((ms) => versionOf(ms, 1, writers.intern('writer-3' as BinaryString)));
const answers: { readonly [Method in keyof ViewAnswersTo]: fc.Arbitrary<ViewAnswersTo[Method]> } = {
  seal: fc.oneof(typed('sealed', fc.record({ pieces: fc.array(pieces, { maxLength: 3 }), clock: versions })), nack),
  view_new: fc.oneof(plain('adopted'), nack),
  view_get: typed('views', fc.record({ views: fc.array(views, { maxLength: 3 }) })),
  view_voter: fc.oneof(plain('noted'), stale),
  view_blocked: fc.oneof(plain('noted'), stale),
  invite: plain('accepted', 'busy'),
  depart: plain('noted'),
  death_of: plain('dead', 'unknown'),
  clean_up: fc.oneof(plain('clean', 'wait'), stale),
};
const methods = Object.keys(answers) as (keyof ViewAnswersTo)[];

function answerIn(method: keyof ViewAnswersTo, body: RpcValue): ViewAnswer | undefined {
  const [type, ...places] = placesIn(body) ?? ([] as Places);
  return VIEW_ANSWERS[method](type, places, writers);
}

describe('questions and answers about views', () => {
  it('viewQuestionIn() reads what viewQuestionBody() has written', () => {
    fc.assert(
      fc.property(questions, (question) => {
        const body = travelled(viewQuestionBody(question));
        expect(viewQuestionIn(question.type, body, writers)).toEqual(question);
      }),
    );
  });

  it.each(methods)('VIEW_ANSWERS reads what viewAnswerBody() has written, for %s', (method) => {
    const each: fc.Arbitrary<ViewAnswer> = answers[method];
    fc.assert(
      fc.property(each, (answer) => {
        expect(answerIn(method, travelled(viewAnswerBody(answer)))).toEqual(answer);
      }),
    );
  });

  it('reads anything at all without throwing', () => {
    const anything = fc.anything({ withBigInt: true, withTypedArray: true }) as fc.Arbitrary<RpcValue>;
    fc.assert(
      fc.property(fc.constantFrom(...methods), fc.array(anything), (method, body) => {
        viewQuestionIn(method, body, writers);
        answerIn(method, body);
      }),
    );
  });
});

describe('messages about views that make no sense', () => {
  const ARC_VALUE = [id, id];
  const EPOCH_VALUE = [5, 7n];
  const VIEW_VALUE = viewValue(view) as readonly RpcValue[];
  const with0 = (at: number, value: RpcValue): RpcValue => VIEW_VALUE.map((each, n) => (n === at ? value : each));
  const other = hex('00'.repeat(20));

  it.each<[string, RpcValue]>([
    ['nothing', null],
    ['no epoch', with0(0, null)],
    ['no arc', with0(1, [id])],
    ['no members', with0(2, [])],
    ['a member twice', with0(2, [P_VALUE, P_VALUE])],
    ['a primary that is no member', with0(3, other)],
    ['a primary that does not vote', with0(4, hex(''))],
    ['a voter that is no member', with0(4, Buffer.concat([id, other]))],
    ['half a voter', with0(4, id.subarray(1))],
    ['nobody to be merged', with0(5, 0)],
    ['more to be merged than members', with0(5, 2)],
    ['no floor', with0(6, null)],
    ['an end too early', VIEW_VALUE.slice(0, 6)],
  ])('viewIn() refuses a view with %s', (_what, value) => {
    expect(viewIn(value, writers)).toBeUndefined();
    expect(viewIn(VIEW_VALUE, writers)).toEqual(view);
  });

  it('viewIn() refuses more members than it understands', () => {
    const many = fc
      .sample(fc.uniqueArray(peers, { minLength: MEMBERS_MAX, selector: (peer) => peer.id, maxLength: MEMBERS_MAX }), 1)
      .flat()
      .map((peer): RpcValue => [hex(peer.id), peer.addr, peer.inc]);
    const withMembers = (count: number) => with0(2, [P_VALUE, ...many.slice(0, count - 1)]);
    expect(viewIn(withMembers(MEMBERS_MAX), writers)).toBeDefined();
    expect(viewIn(withMembers(MEMBERS_MAX + 1), writers)).toBeUndefined();
  });

  it.each<[ViewQuestion['type'], RpcValue]>([
    ['seal', [EPOCH_VALUE, ARC_VALUE, [P_VALUE]]],
    ['seal', [EPOCH_VALUE, ARC_VALUE, [], EPOCH_VALUE]],
    ['seal', [[5, -7n], ARC_VALUE, [P_VALUE], EPOCH_VALUE]],
    ['seal', null],
    ['view_new', [null]],
    ['view_get', []],
    ['view_voter', [ARC_VALUE]],
    ['view_blocked', [ARC_VALUE, EPOCH_VALUE]],
    ['invite', [EPOCH_VALUE, ARC_VALUE]],
    ['clean_up', [ARC_VALUE, [5]]],
    ['death_of', null],
    ['death_of', [P_VALUE]],
  ])('viewQuestionIn() refuses a %s with the body %j', (type, body) => {
    expect(viewQuestionIn(type, body, writers)).toBeUndefined();
  });

  const PIECE_VALUE = [ARC_VALUE, VIEW_VALUE, 'voter', []];
  const CLOCK = hex('00'.repeat(16));
  it.each<[keyof ViewAnswersTo, RpcValue]>([
    ['seal', ['sealed', [PIECE_VALUE]]],
    ['seal', ['sealed', PIECE_VALUE, CLOCK]],
    ['seal', ['sealed', [[ARC_VALUE, null, 'voter', []]], CLOCK]],
    ['seal', ['sealed', [[ARC_VALUE, VIEW_VALUE, 'owner', []]], CLOCK]],
    ['seal', ['sealed', [[ARC_VALUE, VIEW_VALUE, 'voter', [[EPOCH_VALUE]]]], CLOCK]],
    ['seal', ['sealed', Array.from({ length: PIECES_MAX + 1 }, () => PIECE_VALUE), CLOCK]],
    ['seal', ['nack', EPOCH_VALUE]],
    ['seal', ['nack', null, null]],
    ['seal', ['adopted']],
    ['view_new', ['nack', EPOCH_VALUE, 5]],
    ['view_new', ['sealed', [], CLOCK]],
    ['view_get', ['views']],
    ['view_get', ['views', [null]]],
    ['view_voter', ['stale']],
    ['view_blocked', ['adopted']],
    ['view_voter', ['stale', 7]],
    ['invite', ['noted']],
    ['depart', ['busy']],
    ['death_of', ['alive']],
    ['clean_up', ['dead']],
    ['clean_up', []],
  ])('VIEW_ANSWERS refuses to have %s answered with %j', (method, body) => {
    expect(answerIn(method, body)).toBeUndefined();
  });

  it('restricts the view of a piece to the piece', () => {
    const half = [[id, other], VIEW_VALUE, 'voter', []];
    const answer = answerIn('seal', ['sealed', [half], CLOCK]);
    const piece = answer?.type === 'sealed' ? answer.pieces[0] : undefined;
    expect(piece?.view?.arc).toEqual(piece?.arc);
    expect(piece?.arc.lo).toBe(P.id);
  });
});
