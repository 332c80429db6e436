/** Whether a member finds out that it has missed a view. */
import { ABSENT } from '../../src/replication/version';
import type { Views } from '../../src/replication/views';
import { concede } from '../../src/replication/views-changes';
import { checkNowAndThen, sayWhatIsBlocked } from '../../src/replication/views-checking';
import { arc, OneNode, peer, view } from './one-node';

const [A, B, C, D] = [peer('1'), peer('3'), peer('5'), peer('7')];
const piece = arc('1', '3');

/** Draws these numbers, and then only 0. */
function drawing(...numbers: number[]): () => number {
  return () => numbers.shift() ?? 0;
}

const askedBy = (views: Views, random: () => number) =>
  checkNowAndThen(views, { nowMs: 1000, random, clock: ABSENT })[1].map((effect) =>
    effect.type === 'ask' ? [effect.to.addr, effect.question] : effect,
  );

const saidBy = (views: Views, random: () => number) =>
  sayWhatIsBlocked(views, { nowMs: 1000, random, clock: ABSENT })[1].map((effect) =>
    effect.type === 'ask' ? [effect.to.addr, effect.question] : effect,
  );

describe('a member', () => {
  const member = () => new OneNode(A).ring(A, B, C, D).holds(view(piece, 4, [B, C, A]));

  it('asks whoever leads an arc about it, seldom', () => {
    const { views } = member();
    expect(askedBy(views, drawing(0.0099))).toEqual([[B.addr, { type: 'view_get', arc: piece }]]);
    expect(askedBy(views, drawing(0.0101))).toEqual([]);
  });

  it('asks somebody else in the end, should that one be gone', () => {
    const { views } = member();
    const dead: Views = { ...views, dead: new Map([[B.id, B]]) };
    for (const chance of [0, 0.4, 0.9]) {
      expect(askedBy(dead, drawing(0, chance))).toEqual([[C.addr, { type: 'view_get', arc: piece }]]);
    }
  });

  it('asks whoever was promised something newer, and never said what became of it', () => {
    const one = member();
    one.asked(D, { type: 'seal', arc: piece, epoch: { n: 5, by: D.inc }, members: [D, C], since: { n: 0, by: 0n } });
    expect(askedBy(one.views, drawing(0, 0))).toEqual([[D.addr, { type: 'view_get', arc: piece }]]);
  });

  it('says where it cannot learn, since it has promised something newer of which nothing has come', () => {
    const one = new OneNode(A).ring(A, B, C, D).holds(view(piece, 4, [B, C, A], { voters: [B.id, C.id] }), 'learner');
    const promised = { n: 9, by: D.inc };
    expect(saidBy(one.views, drawing(0))).toEqual([]);
    one.asked(D, { type: 'seal', arc: piece, epoch: promised, members: [D, C], since: { n: 0, by: 0n } });
    const said = { type: 'view_blocked', arc: piece, epoch: { n: 4, by: B.inc }, promised };
    expect(saidBy(one.views, drawing(0.09))).toEqual([[B.addr, said]]);
    expect(saidBy(one.views, drawing(0.11))).toEqual([]);
  });

  it('can learn after all when its own attempt was overtaken by a view in which it does not vote', () => {
    const one = new OneNode(A).ring(A, B, C, D).holds(view(piece, 4, [A, B, C], { primary: B.id }));
    one.asked(B, { type: 'seal', arc: piece, epoch: { n: 5, by: B.inc }, members: [B, C], since: { n: 0, by: 0n } });
    one.asked(B, { type: 'view_new', view: view(piece, 5, [B, C, D]) });
    const again = view(piece, 7, [B, C, A], { voters: [B.id, C.id] });
    one.views = {
      ...one.views,
      holdings: one.views.holdings.map((each) => ({ ...each, promised: { n: 9, by: A.inc } })),
    };
    one.views = concede(one.views, again, { nowMs: one.nowMs, random: drawing(0.5), clock: ABSENT })[0];
    one.pass(5000);
    expect(one.jobs()).toEqual([]);
    expect(saidBy(one.views, drawing(0))).toMatchObject([[B.addr, { promised: { n: 9 } }]]);
    one.asked(B, { type: 'view_new', view: { ...again, epoch: { n: 11, by: B.inc } } });
    one.pass(100);
    expect(one.jobs()).toMatchObject([{ source: B, purpose: 'learn' }]);
  });

  it('has nothing to ask about what it leads itself, or only knows of', () => {
    const leader = new OneNode(A).ring(A, B, C, D).holds(view(arc('7', '1'), 4, [A, B, C]));
    leader.holds(view(piece, 4, [B, C, D]), 'none');
    expect(askedBy(leader.views, drawing(0, 0))).toEqual([]);
  });
});
