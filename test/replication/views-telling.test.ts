/** Telling: who has to hear of a view, and what is so once all have. */
import type { ViewQuestion } from '../../src/protocol/rpc-views';
import { viewsKnown } from '../../src/replication/views';
import { A, agree, B, C, D, leader, own } from './arc-of-three';
import { arc, view } from './one-node';

describe('telling', () => {
  it('makes everybody know who votes, and that fewer need be merged once all agree', () => {
    const started = view(own.arc, 4, [A, B, C], { voters: [A.id, B.id], syncs: 2 });
    const one = leader(started);
    expect(one.asked(C, { type: 'view_voter', arc: own.arc, epoch: own.epoch })).toMatchObject({
      answer: { type: 'noted' },
    });
    expect(one.open().flatMap(({ question }) => (question.type === 'view_new' ? [question.view] : []))).toMatchObject([
      { voters: [A.id, B.id, C.id], syncs: 1 },
      { voters: [A.id, B.id, C.id], syncs: 1 },
    ]);
  });

  it('does not lower what has to be merged before all have agreed', () => {
    const one = leader(view(own.arc, 4, [A, B, C], { syncs: 2 }));
    one.views = { ...one.views, leads: one.views.leads.map((lead) => ({ ...lead, isAgreed: false })) };
    one.pass(100);
    expect(viewsKnown(one.views, own.arc)).toMatchObject([{ syncs: 2 }]);
    one.tell({ type: 'agreed', arc: own.arc, epoch: own.epoch });
    expect(viewsKnown(one.views, own.arc)).toMatchObject([{ syncs: 1 }]);
  });

  it('holds only for the part of an arc in which all have agreed, where another part of it has a new view since', () => {
    const wide = view(arc('2', '1'), 4, [A, B, C], { syncs: 2 });
    const one = leader(wide);
    one.views = { ...one.views, leads: one.views.leads.map((lead) => ({ ...lead, isAgreed: false })) };
    one.asked(B, { type: 'view_new', view: view(arc('4', '6'), 9, [B, C, D]) });
    one.tell({ type: 'agreed', arc: arc('6', '1'), epoch: wide.epoch });
    const clean = (part: typeof wide.arc) =>
      one.asked(D, { type: 'clean_up', arc: part, epoch: wide.epoch }) as { answer: { type: string } };
    expect([clean(arc('6', '1')).answer.type, clean(arc('2', '4')).answer.type]).toEqual(['clean', 'wait']);
    expect(viewsKnown(one.views, arc('2', '4'))).toMatchObject([{ syncs: 2 }]);
    expect(viewsKnown(one.views, arc('6', '1'))).toMatchObject([{ syncs: 1 }]);
    one.tell({ type: 'agreed', arc: arc('2', '4'), epoch: wide.epoch });
    expect(clean(arc('2', '4')).answer.type).toBe('clean');
  });

  it('finds out whether a member is dead that does not hear, whatever the failure detector knows of it', () => {
    const one = leader();
    one.tell({ type: 'unaware', peer: C, arc: own.arc });
    for (let ms = 0; ms < 12_000; ms += 100) {
      one.pass(100);
      one.answerAll(({ type }, { id }) =>
        id === C.id ? 'refused' : type === 'death_of' ? { type: 'dead' } : agree(own)({ type } as ViewQuestion),
      );
    }
    expect(one.reports()).toContain('member_dead');
    expect(viewsKnown(one.views, own.arc)).toMatchObject([{ members: [A, B] }]);
  });

  it('makes a view again for a learner that has promised something newer, of which nothing has come', () => {
    const one = leader(view(own.arc, 4, [A, B, C], { voters: [A.id, B.id] }));
    const blocked = { type: 'view_blocked', arc: own.arc, epoch: own.epoch, promised: { n: 30, by: C.inc } } as const;
    one.pass(2000);
    expect(one.asks('seal')).toEqual([]);
    expect(one.asked(D, blocked)).toMatchObject({ answer: { type: 'stale' } });
    expect(one.asked(C, { ...blocked, promised: own.epoch })).toMatchObject({ answer: { type: 'noted' } });
    one.pass(200);
    expect(one.asks('seal')).toEqual([]);
    expect(one.asked(C, blocked)).toMatchObject({ answer: { type: 'noted' } });
    one.pass(200);
    one.answerAll(agree(own));
    one.pass(200);
    const [made] = viewsKnown(one.views, own.arc);
    expect(made?.epoch.n).toBeGreaterThan(30);
  });

  it('repeats itself until it is heard, and tells members that have missed something', () => {
    const one = leader();
    one.tell({ type: 'unaware', peer: B, arc: own.arc });
    expect(one.asks('view_new')).toEqual([B]);
    one.answerAll(() => 'silent');
    one.pass(300);
    expect(one.asks('view_new')).toEqual([B]);
    one.answerAll(agree(own));
    one.pass(1000);
    expect(one.asks('view_new')).toEqual([]);
  });
});
