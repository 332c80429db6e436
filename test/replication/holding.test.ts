/** Holdings: pieces that are cut, put in place of others, and joined again. */
import * as fc from 'fast-check';
import type { Id } from '../../src/chord/id';
import { inRange } from '../../src/chord/range';
import {
  coalesced,
  commonParts,
  cutAt,
  type Holding,
  holdingAt,
  holdingsIn,
  isSealed,
  uncovered,
  withoutArc,
  withPieces,
} from '../../src/replication/holding';
import { A, arc, at, B, epoch, holdingOf, inOrder, viewOf, WHOLE } from './small-arcs';

const DIGITS = Array.from({ length: 16 }, (_none, n) => n.toString(16));
const digits = fc.constantFrom(...DIGITS);
const arcs = fc.tuple(digits, digits).map(([lo, hi]) => arc(lo, hi));
const first = holdingOf(viewOf(1, [A, B]));
const second = holdingOf(viewOf(2, [A]), { role: 'none' });

describe('holdings', () => {
  it('holdingAt() finds the piece, with its end and without its beginning', () => {
    const piece = { ...first, arc: arc('2', '4') };
    expect(holdingAt([piece], at('4'))).toBe(piece);
    expect(holdingAt([piece], at('2'))).toBeUndefined();
  });

  it('holdingsIn() cuts pieces, and their views with them', () => {
    expect(holdingsIn([first], arc('2', '4'))).toEqual([
      { ...first, arc: arc('2', '4'), view: { ...first.view, arc: arc('2', '4') } },
    ]);
    expect(holdingsIn([{ ...first, arc: arc('2', '4') }], arc('4', '2'))).toEqual([]);
  });

  it('withPieces() puts a piece in place of what was there, and joins the rest', () => {
    const holdings = withPieces([first], [{ ...second, arc: arc('2', '4') }]);
    expect(holdings).toHaveLength(2);
    expect(holdingAt(holdings, at('3'))?.role).toBe('none');
    expect(holdingAt(holdings, at('5'))).toMatchObject({ role: 'voter', arc: arc('4', '2') });
  });

  it('cutting, uncovered() and commonParts() agree about every point', () => {
    fc.assert(
      fc.property(arcs, arcs, digits, (one, other, digit) => {
        const isIn = (parts: readonly { lo: Id; hi: Id }[]) => parts.filter((part) => inRange(at(digit), part)).length;
        const [inOne, inOther] = [inRange(at(digit), one), inRange(at(digit), other)];
        const holding = { ...first, arc: one };
        expect(isIn(commonParts(one, other))).toBe(inOne && inOther ? 1 : 0);
        expect(isIn(uncovered([holding], other))).toBe(inOther && !inOne ? 1 : 0);
        expect(isIn(withoutArc([holding], other).map((each) => each.arc))).toBe(inOne && !inOther ? 1 : 0);
      }),
    );
  });

  it('cutAt() cuts at the points inside, in ring order, each once', () => {
    expect(cutAt(arc('8', '4'), [at('2'), at('9'), at('5'), at('2'), at('8'), at('4')])).toEqual([
      arc('8', '9'),
      arc('9', '2'),
      arc('2', '4'),
    ]);
    expect(cutAt(WHOLE, [at('0')])).toEqual([WHOLE]);
    expect(cutAt(WHOLE, [at('8'), at('1')])).toEqual([arc('0', '1'), arc('1', '8'), arc('8', '0')]);
  });

  it('isSealed() while more is promised than there is', () => {
    expect(isSealed(first)).toBe(false);
    expect(isSealed({ ...first, promised: epoch(2, B) })).toBe(true);
    expect(isSealed({ ...first, view: undefined })).toBe(true);
  });
});

describe('coalesced()', () => {
  const parts = (of: Holding, ...ends: string[]) =>
    ends.flatMap((hi, n) => holdingsIn([of], arc(ends.at(n - 1) ?? hi, hi)));

  it('joins what was only cut, also where the circle closes', () => {
    expect(coalesced(parts(first, '3', '7', 'c'))).toHaveLength(1);
    const [one] = coalesced(parts(first, '3', '7', 'c'));
    expect(one?.arc.lo).toBe(one?.arc.hi);
    const some = coalesced([...holdingsIn([first], arc('e', '3')), ...holdingsIn([second], arc('3', '7'))]);
    expect(inOrder(some).map((each) => each.arc)).toEqual([arc('3', '7'), arc('e', '3')]);
  });

  it.each<[string, Partial<Holding>]>([
    ['another role', { role: 'learner' }],
    ['another promise', { promised: epoch(3, A) }],
    ['another view', { view: viewOf(1, [A, B], { arc: arc('8', '0'), syncs: 2 }) }],
    ['no view', { view: undefined }],
    ['another intention', { pending: [{ epoch: epoch(3, A), members: [A] }] }],
  ])('keeps %s apart', (_what, more) => {
    const [low, high] = cutAt(WHOLE, [at('8')]).flatMap((part) => holdingsIn([first], part));
    if (!low || !high) throw new Error('The circle was not cut');
    expect(coalesced([low, high])).toHaveLength(1);
    expect(coalesced([low, { ...high, ...more }])).toHaveLength(2);
    expect(coalesced([{ ...low, ...more }, high])).toHaveLength(2);
  });

  it('keeps intentions with other members apart', () => {
    const [low, high] = cutAt(WHOLE, [at('8')]).flatMap((part) => holdingsIn([first], part));
    if (!low || !high) throw new Error('The circle was not cut');
    const meant = (members: readonly (typeof A)[]) => ({ pending: [{ epoch: epoch(3, A), members }] });
    expect(
      coalesced([
        { ...low, ...meant([A]) },
        { ...high, ...meant([A, B]) },
      ]),
    ).toHaveLength(2);
    expect(
      coalesced([
        { ...low, ...meant([A]) },
        { ...high, ...meant([A]) },
      ]),
    ).toHaveLength(1);
  });

  it('changes nothing at any point, whatever was put where', () => {
    const kinds: readonly Holding[] = [first, second, { ...first, promised: epoch(3, A) }];
    const pieces = fc.array(fc.tuple(fc.constantFrom(...kinds), arcs), { maxLength: 8 });
    fc.assert(
      fc.property(pieces, (put) => {
        const cut = put.reduce<readonly Holding[]>(
          (holdings, [kind, where]) => [...withoutArc(holdings, where), ...holdingsIn([kind], where)],
          [],
        );
        const joined = coalesced(cut);
        expect(joined.length).toBeLessThanOrEqual(cut.length);
        for (const digit of DIGITS) {
          const [before, after] = [holdingAt(cut, at(digit)), holdingAt(joined, at(digit))];
          expect(after?.promised).toEqual(before?.promised);
          expect(after?.role).toEqual(before?.role);
          expect(after?.view?.epoch).toEqual(before?.view?.epoch);
          expect(after?.view?.arc).toEqual(after?.arc);
        }
      }),
    );
  });
});
