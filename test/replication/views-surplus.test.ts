/** What is left over of arcs that a node is no member of any more: when it may go. */
import { afterCrash } from '../../src/replication/views';
import { A, B, C, D, leader, own } from './arc-of-three';
import { arc, OneNode, peer, view } from './one-node';

describe('what is left over', () => {
  const next = view(own.arc, 9, [B, C, D]);

  function surplus(): OneNode {
    const one = leader();
    one.asked(B, { type: 'view_new', view: next });
    return one;
  }

  it('is dropped after a while, once the primary allows it, slice by slice', () => {
    const one = surplus();
    one.pass(29_000);
    expect(one.asks('clean_up')).toEqual([]);
    one.pass(1500);
    expect(one.asks('clean_up')).toEqual([B]);
    one.answerAll((question) => (question.type === 'clean_up' ? { type: 'wait' } : undefined));
    one.pass(2500);
    one.answerAll((question) => (question.type === 'clean_up' ? { type: 'clean' } : undefined));
    const drops = () => one.effects.filter(({ type }) => type === 'drop');
    expect(drops()).toEqual([{ type: 'drop', arc: own.arc, view: next }]);
    one.tell({ type: 'dropped', arc: own.arc, isAll: false });
    expect(drops()).toHaveLength(2);
    one.tell({ type: 'dropped', arc: own.arc, isAll: true });
    expect(one.views.surplus).toEqual([]);
  });

  it('is asked about anew when it could not be given away, when this node has crashed, and when nothing is heard of it', () => {
    const one = surplus();
    const clear = () => one.answerAll(({ type }) => (type === 'clean_up' ? { type: 'clean' } : undefined));
    one.pass(30_500);
    clear();
    expect(one.asks('clean_up')).toEqual([]);
    one.tell({ type: 'not_dropped', arc: own.arc });
    // Of an order that has been taken back nothing follows any more.
    const before = one.effects.length;
    one.tell({ type: 'dropped', arc: own.arc, isAll: false });
    expect(one.effects.slice(before)).toEqual([]);
    one.pass(2500);
    expect(one.asks('clean_up')).toEqual([B]);
    clear();
    one.views = afterCrash(one.views, one.nowMs);
    one.pass(500);
    expect(one.asks('clean_up')).toEqual([B]);
    clear();
    one.pass(29_000);
    expect(one.asks('clean_up')).toEqual([]);
    one.pass(2000);
    expect(one.asks('clean_up')).toEqual([B]);
  });

  it('is asked about elsewhere, when whoever led its arc has lost it by starting anew', () => {
    const one = surplus();
    const anew = { ...B, inc: B.inc + 1n };
    one.asked(anew, { type: 'view_get', arc: own.arc });
    one.pass(30_500);
    expect(one.asks('clean_up')).toEqual([]);
    const newest = view(own.arc, 12, [C, D, anew]);
    one.answerAll(({ type }, { id }) =>
      type === 'view_get' && (id === C.id || id === D.id) ? { type: 'views', views: [newest] } : undefined,
    );
    one.pass(2500);
    expect(one.asks('clean_up')).toEqual([C]);
  });

  it('is asked about at whoever has begun anew, when nobody of its view is left', () => {
    const one = surplus();
    const anew = { ...B, inc: B.inc + 1n };
    one.ring(A, anew);
    one.asked(anew, { type: 'view_get', arc: own.arc });
    for (const { id, inc } of [C, D]) one.views = { ...one.views, gone: new Map(one.views.gone).set(id, inc) };
    one.pass(30_500);
    const isAbout = ({ question }: { question: { readonly type: string } }) =>
      question.type === 'view_get' && 'arc' in question && JSON.stringify(question.arc) === JSON.stringify(own.arc);
    expect(one.open().filter(isAbout).at(-1)?.to).toEqual(anew);
    const newest = view(own.arc, 12, [anew]);
    one.answerAll(({ type }) => (type === 'view_get' ? { type: 'views', views: [newest] } : undefined));
    one.pass(2500);
    expect(one.asks('clean_up')).toEqual([anew]);
  });

  it('is asked about at whoever may know, when this node has never been a member of its arc', () => {
    const one = new OneNode(A).ring(A, B, C, D, peer('9'));
    const listened = arc('3', '5');
    one.asked(C, { type: 'invite', arc: listened, epoch: { n: 4, by: C.inc } });
    one.tell({ type: 'synced', job: 1, outcome: 'done' });
    one.pass(30_000 + 30_000);
    expect(one.views.surplus).toMatchObject([{ arc: listened }]);
    const led = view(listened, 7, [C, D, B]);
    for (let i = 0; i < 40 && one.asks('clean_up').length === 0; i += 1) {
      one.answerAll((question, { id }) =>
        question.type === 'view_get' && question.arc.lo === listened.lo
          ? { type: 'views', views: id === C.id ? [led] : [] }
          : undefined,
      );
      one.pass(500);
    }
    expect(one.asks('clean_up')).toEqual([C]);
  });

  it('goes even so where this node is to have only a part of its arc again', () => {
    const one = surplus();
    one.pass(30_500);
    one.answerAll(({ type }) => (type === 'clean_up' ? { type: 'clean' } : undefined));
    one.asked(B, { type: 'invite', arc: arc('4', '6'), epoch: { n: 10, by: B.inc } });
    one.tell({ type: 'dropped', arc: own.arc, isAll: false });
    expect(one.views.surplus).toMatchObject([{ arc: arc('6', '1'), clearedUnder: undefined }]);
    one.pass(500);
    expect(one.asks('clean_up')).toEqual([B]);
  });

  it('is also what was fetched of an arc, when this node is then to fetch only a part of it', () => {
    const one = new OneNode(A).ring(A, B, C, D, peer('9'));
    one.asked(C, { type: 'invite', arc: arc('3', '5'), epoch: { n: 4, by: C.inc } });
    one.tell({ type: 'synced', job: 1, outcome: 'done' });
    one.asked(C, { type: 'invite', arc: arc('4', '5'), epoch: { n: 5, by: C.inc } });
    expect(one.views.lessons).toMatchObject([{ arc: arc('4', '5') }]);
    expect(one.views.surplus).toMatchObject([{ arc: arc('3', '4') }]);
  });

  it('stays when this node becomes a member again', () => {
    const one = surplus();
    one.asked(B, { type: 'view_new', view: view(own.arc, 11, [B, C, A]) });
    expect(one.views.surplus).toEqual([]);
    one.pass(40_000);
    expect(one.effects.some(({ type }) => type === 'drop')).toBe(false);
  });

  it('may go as soon as all members of the view have agreed', () => {
    const one = leader();
    const question = { type: 'clean_up', arc: own.arc, epoch: own.epoch } as const;
    expect(one.asked(D, question)).toMatchObject({ answer: { type: 'clean' } });
    expect(one.asked(D, { ...question, epoch: { n: 3, by: 1n } })).toMatchObject({ answer: { type: 'stale' } });
    one.views = { ...one.views, leads: [] };
    expect(one.asked(D, question)).toMatchObject({ answer: { type: 'wait' } });
  });
});
