/** Arcs that nobody has: when a node may make a view out of nothing. */
import { viewsKnown } from '../../src/replication/views';
import { A, agree, B, C, D, own } from './arc-of-three';
import { arc, OneNode } from './one-node';

describe('arcs that nobody has', () => {
  it('are made by whoever creates a ring, silently', () => {
    const one = new OneNode(A).ring(A);
    one.tell({ type: 'create' });
    expect(viewsKnown(one.views, arc('1', '1'))).toMatchObject([{ members: [A], syncs: 1 }]);
    expect(one.reports()).toEqual([]);
  });

  it('are given up by whoever joins another ring instead, and taken back if that fails', () => {
    const one = new OneNode(A).ring(A);
    one.tell({ type: 'create' });
    one.tell({ type: 'move_out', untilMs: one.nowMs + 3000 });
    expect(one.views.holdings).toEqual([]);
    one.pass(2900);
    expect(one.views.holdings).toEqual([]);
    one.pass(300);
    expect(one.views.holdings).toHaveLength(1);
  });

  it('are looked for, and made only after a while, with an alarm', () => {
    const one = new OneNode(A).ring(A, B, C);
    expect(one.asks('view_get')).toEqual([B, C, C]);
    const live = (ms: number) => {
      for (let i = 0; i < ms; i += 100) {
        one.pass(100);
        one.answerAll(agree(own));
      }
    };
    live(9500);
    expect(one.reports()).toEqual([]);
    live(1000);
    expect(one.reports()).toEqual(['arc_orphaned', 'possible_loss']);
    expect(viewsKnown(one.views, arc('5', '1'))).toMatchObject([{ members: [A] }]);
    // What had been forgotten there before does not matter any more.
    expect(one.effects.filter(({ type }) => type === 'begin_anew')).toEqual([
      { type: 'begin_anew', arc: arc('5', '1') },
    ]);
  });

  it('are not made while a neighbour does not say what he knows: this node may be the one that is cut off', () => {
    const one = new OneNode(A).ring(A, B, C);
    const live = (ms: number, isSilent: (peer: typeof A) => boolean) => {
      for (let i = 0; i < ms; i += 100) {
        one.pass(100);
        one.answerAll((question, to) => (isSilent(to) ? 'silent' : agree(own)(question)));
      }
    };
    live(20_000, () => true);
    live(20_000, ({ id }) => id === C.id);
    expect(one.reports()).toEqual([]);
    live(2000, () => false);
    expect(one.reports()).toEqual(['arc_orphaned', 'possible_loss']);
  });

  it('are not made while anybody may have them who is only silent', () => {
    const one = new OneNode(A).ring(A, B, C);
    one.tell({ type: 'verdict', peer: D, isAlive: false });
    for (let i = 0; i < 200; i += 1) {
      one.pass(100);
      one.answerAll((question, to) => (to.id === D.id ? 'silent' : agree(own)(question)));
    }
    expect(one.reports()).toEqual([]);
  });
});
