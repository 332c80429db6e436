/** Whether a member finds out that it has missed a view. */
import { ABSENT } from '../../src/replication/version';
import type { Views } from '../../src/replication/views';
import { checkNowAndThen } from '../../src/replication/views-checking';
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

describe('checkNowAndThen()', () => {
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

  it('has nothing to ask about what it leads itself, or only knows of', () => {
    const leader = new OneNode(A).ring(A, B, C, D).holds(view(arc('7', '1'), 4, [A, B, C]));
    leader.holds(view(piece, 4, [B, C, D]), 'none');
    expect(askedBy(leader.views, drawing(0, 0))).toEqual([]);
  });
});
