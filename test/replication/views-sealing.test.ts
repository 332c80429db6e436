/** What a node promises to those who make views, and how it takes over what they have made. */
import type { Peer } from '../../src/chord/peer';
import type { Seal } from '../../src/protocol/rpc-views';
import { type Holding, holdingAt, type Holdings, isSealed } from '../../src/replication/holding';
import {
  adoptView,
  concedeTo,
  HOLDINGS_MAX,
  sealPieces,
  viewsIn,
  withFewer,
} from '../../src/replication/views-sealing';
import type { View } from '../../src/replication/view';
import { A, arc, at, B, C, D, epoch, holdingOf, viewOf, WHOLE } from './small-arcs';

const view = viewOf(1, [A, B, C], { syncs: 2 });
const voter: Holdings = [holdingOf(view)];
const seal = (n: number, by: Peer, more: Partial<Seal> = {}): Seal => ({
  type: 'seal',
  epoch: epoch(n, by),
  arc: WHOLE,
  members: [by, C],
  since: view.epoch,
  ...more,
});

function sealed(holdings: Holdings, question: Seal) {
  const outcome = sealPieces(holdings, question);
  if (outcome.type === 'nack') throw new Error('The seal was refused');
  return outcome;
}

function adopted(holdings: Holdings, newer: View, self: Peer) {
  const outcome = adoptView(holdings, newer, self);
  if (outcome.type === 'nack') throw new Error('The view was refused');
  return outcome;
}

describe('sealPieces()', () => {
  it('promises, remembers who asked, and tells what there was', () => {
    const { holdings, pieces } = sealed(voter, seal(2, B));
    expect(holdings).toEqual([
      { ...holdingOf(view), promised: epoch(2, B), pending: [{ epoch: epoch(2, B), members: [B, C] }] },
    ]);
    expect(holdings.every(isSealed)).toBe(true);
    expect(pieces).toEqual([{ arc: WHOLE, view, role: 'voter', pending: [] }]);
  });

  it('answers the same question the same way again', () => {
    const once = sealed(voter, seal(2, B));
    expect(sealed(once.holdings, seal(2, B))).toEqual(once);
  });

  it('tells of intentions that may have come true, but for those that the asker says did not', () => {
    const { holdings } = sealed(sealed(voter, seal(2, B)).holdings, seal(3, C));
    const again = sealed(holdings, seal(4, B));
    expect(again.pieces[0]?.pending.map((each) => each.epoch)).toEqual([epoch(3, C)]);
    expect(again.holdings[0]?.pending.map((each) => each.epoch)).toEqual([epoch(3, C), epoch(4, B)]);
    // Whoever has adopted his own second one says nothing of it.
    const since = sealed(holdings, seal(4, B, { since: epoch(2, B) }));
    expect(since.pieces[0]?.pending.map((each) => each.epoch)).toEqual([epoch(2, B), epoch(3, C)]);
  });

  it('refuses what is no newer than its promise, naming it and the view', () => {
    const { holdings } = sealed(voter, seal(2, B));
    expect(sealPieces(holdings, seal(2, A))).toEqual({
      type: 'nack',
      nack: { type: 'nack', promised: epoch(2, B), view },
    });
    // With the view made, the question for it has come too late.
    const newer = viewOf(2, [B, C]);
    expect(sealPieces(adopted(holdings, newer, C).holdings, seal(2, B)).type).toBe('nack');
  });

  it('refuses the whole arc where it must refuse a part of it', () => {
    const { holdings } = sealed(voter, seal(5, B, { arc: arc('2', '4') }));
    expect(sealPieces(holdings, seal(3, A)).type).toBe('nack');
    expect(sealPieces(holdings, seal(3, A, { arc: arc('4', '2') })).type).toBe('sealed');
  });

  it('promises what it knows nothing of, and says nothing of it until somebody else has asked', () => {
    const first = sealed([], seal(2, B, { arc: arc('2', '4') }));
    expect(first.pieces).toEqual([]);
    expect(first.holdings).toMatchObject([
      { arc: arc('2', '4'), view: undefined, role: 'none', promised: epoch(2, B) },
    ]);
    expect(sealed(first.holdings, seal(3, A)).pieces).toEqual([
      { arc: arc('2', '4'), view: undefined, role: 'none', pending: [{ epoch: epoch(2, B), members: [B, C] }] },
    ]);
  });

  it('becomes one piece again when the parts have been promised alike', () => {
    const { holdings } = sealed(voter, seal(2, B, { arc: arc('2', '4') }));
    expect(holdings).toHaveLength(2);
    const next = adopted(holdings, viewOf(3, [B, C]), C).holdings;
    expect(next).toHaveLength(1);
  });

  it('refuses to be cut into more pieces than it can keep', () => {
    const digits = (n: number) => (4096 + n).toString(16);
    const full: Holdings = Array.from({ length: HOLDINGS_MAX }, (_none, n) => ({
      ...holdingOf(view),
      arc: arc(digits(2 * n), digits(2 * n + 1)),
    }));
    expect(sealPieces(full, seal(2, B, { arc: arc('e', 'f') })).type).toBe('nack');
    expect(adoptView(full, viewOf(2, [B], { arc: arc('e', 'f') }), C).type).toBe('nack');
    // What needs no cut is promised all the same.
    expect(sealPieces(full, seal(2, B, { arc: arc(digits(0), digits(1)) })).type).toBe('sealed');
    expect(sealPieces(full, seal(2, B)).type).toBe('nack');
    expect(sealPieces(full.slice(0, HOLDINGS_MAX / 2), seal(2, B)).type).toBe('sealed');
  });
});

describe('adoptView()', () => {
  const newer = viewOf(2, [B, C, D], { voters: [B.id, C.id] });

  it.each<[string, Holdings, Peer, string]>([
    ['a voter that was sealed for it votes', sealed(voter, seal(2, B)).holdings, C, 'voter'],
    ['a voter that was not sealed learns', voter, C, 'learner'],
    ['a voter that was sealed for less learns', sealed(voter, seal(1, C)).holdings, C, 'learner'],
    [
      'a learner that was sealed for it learns again',
      sealed([{ ...holdingOf(view), role: 'learner' }], seal(2, B)).holdings,
      C,
      'learner',
    ],
    ['whoever knew nothing learns', [], D, 'learner'],
    ['whoever knew nothing learns, even where the maker thinks that it votes', [], C, 'learner'],
    ['another incarnation of a member is none', voter, { ...C, inc: C.inc + 9n }, 'none'],
    ['whoever is left out is none', voter, A, 'none'],
    ['the maker votes', sealed([{ ...holdingOf(view), role: 'learner' }], seal(2, B)).holdings, B, 'voter'],
  ])('%s', (_what, holdings, self, role) => {
    const outcome = adopted(holdings, newer, self);
    expect(outcome.holdings).toEqual([{ ...holdingOf(newer), role }]);
    expect(outcome.became).toEqual([{ arc: WHOLE, role, before: holdings[0]?.role ?? 'none' }]);
  });

  it('takes over nothing that is older than a promise, where this node is a member', () => {
    const { holdings } = sealed(voter, seal(3, A));
    expect(adoptView(holdings, newer, C)).toEqual({
      type: 'nack',
      nack: { type: 'nack', promised: epoch(3, A), view },
    });
  });

  it('takes note of a view without this node whatever was promised as no member, and keeps the promise', () => {
    const { holdings } = sealed([], seal(3, C));
    expect(adopted(holdings, newer, A).holdings).toMatchObject([
      { view: newer, role: 'none', promised: epoch(3, C), pending: [{ epoch: epoch(3, C) }] },
    ]);
  });

  it('does not give up, for a view without this node that may have been overtaken, what it is counted on for', () => {
    const fourth = viewOf(4, [D]);
    const fifth = viewOf(5, [A, B], { voters: [A.id, B.id] });
    const { holdings } = sealed(voter, seal(5, A));
    expect(adoptView(holdings, fourth, B)).toMatchObject({ type: 'nack', nack: { promised: epoch(5, A) } });
    expect(concedeTo(holdings, fourth, B).type).toBe('nack');
    // It would learn from whoever made the view, and drop what only it has: a voter that was counted has to be one.
    expect(adopted(holdings, fifth, B).holdings[0]?.role).toBe('voter');
  });

  it('refuses what is older than what is here', () => {
    expect(adoptView([holdingOf(newer)], view, C)).toMatchObject({ type: 'nack', nack: { view: newer } });
    const { holdings } = adopted([], viewOf(2, [D], { arc: arc('2', '4') }), C);
    expect(adoptView(holdings, view, C).type).toBe('nack');
  });

  it('learns from the same view again who votes, and keeps its own role and promise', () => {
    const learner: Holdings = [{ ...holdingOf(newer), role: 'learner', promised: epoch(9, A) }];
    const outcome = adopted(learner, { ...newer, voters: [B.id, D.id], syncs: 1 }, D);
    expect(outcome.became).toEqual([]);
    expect(outcome.holdings).toEqual([{ ...learner[0], view: { ...newer, voters: [B.id, C.id, D.id], syncs: 1 } }]);
  });

  it('takes over what covers a part of what is here, and leaves the rest', () => {
    const part = viewOf(2, [B], { arc: arc('2', '4') });
    const { holdings } = adopted(voter, part, C);
    expect(holdingAt(holdings, at('3'))).toMatchObject({ view: part, role: 'none' });
    expect(holdingAt(holdings, at('5'))).toMatchObject({ role: 'voter', view: { ...view, arc: arc('4', '2') } });
  });

  it('forgets intentions that the view has overtaken, and keeps the others', () => {
    const { holdings } = sealed(sealed(voter, seal(2, A)).holdings, seal(9, B));
    const noted = adopted(
      holdings.map((each) => ({ ...each, role: 'none' })),
      viewOf(5, [D]),
      C,
    ).holdings;
    expect(noted[0]?.pending.map((each) => each.epoch)).toEqual([epoch(9, B)]);
  });
});

describe('concedeTo()', () => {
  it('takes over a view that an attempt of this node has come upon, though sealed for that attempt', () => {
    const newer = viewOf(2, [B, C]);
    const { holdings } = sealed(voter, seal(3, C));
    expect(adoptView(holdings, newer, C).type).toBe('nack');
    const outcome = concedeTo(holdings, newer, C);
    expect(outcome).toMatchObject({
      type: 'adopted',
      holdings: [{ view: newer, role: 'learner', promised: epoch(3, C) }],
      became: [{ role: 'learner', before: 'voter' }],
    });
  });

  it('does not where somebody else counts on the promise', () => {
    const { holdings } = sealed(voter, seal(3, A));
    expect(concedeTo(holdings, viewOf(2, [B, C]), C).type).toBe('nack');
  });
});

describe('withFewer()', () => {
  const foreign = (n: number): Holding => {
    const part = arc(n.toString(16).padStart(3, '0'), (n + 1).toString(16).padStart(3, '0'));
    return { ...holdingOf(viewOf(n + 1, [B, C], { arc: part })), role: 'none' };
  };
  const many = Array.from({ length: 400 }, (_none, n) => foreign(n));

  it('forgets views of arcs that this node has no part in, once there are many, and not how new they were', () => {
    const [fewer, ...more] = withFewer(many, () => false);
    expect(more).toEqual([]);
    expect(fewer).toMatchObject({ view: undefined, role: 'none', promised: epoch(400, B) });
    expect(adoptView(fewer ? [fewer] : [], viewOf(399, [A, B], { arc: foreign(7).arc }), A).type).toBe('nack');
    expect(withFewer(many.slice(0, 100), () => false)).toEqual(many.slice(0, 100));
  });

  it('keeps what it has a part in, has promised, or needs to know', () => {
    const mine: Holding = { ...foreign(50), role: 'learner' };
    const promised: Holding = { ...foreign(60), promised: epoch(999, D) };
    const pieces = many.with(50, mine).with(60, promised);
    const needed = foreign(70).arc;
    const fewer = withFewer(pieces, ({ lo }) => lo === needed.lo);
    expect(fewer).toEqual(expect.arrayContaining([mine, promised, foreign(70)]));
    expect(fewer).toHaveLength(3 + 4);
  });
});

describe('viewsIn()', () => {
  it('tells the views of an arc, cut down to it', () => {
    const { holdings } = adopted(voter, viewOf(2, [B], { arc: arc('2', '4') }), C);
    expect(viewsIn(holdings, arc('3', '5')).map((each) => [each.epoch.n, each.arc])).toEqual(
      expect.arrayContaining([
        [2, arc('3', '4')],
        [1, arc('4', '5')],
      ]),
    );
    expect(viewsIn([], WHOLE)).toEqual([]);
  });
});
