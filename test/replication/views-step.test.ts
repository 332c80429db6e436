/** One node and the views that it leads, step by step: what it asks to make another, and what it makes of the answers. */
import { viewsKnown } from '../../src/replication/views';
import { A, agree, B, C, D, leader, own } from './arc-of-three';
import { OneNode, peer, point, view } from './one-node';

/** So long a dead member stays where its arc is served without it, with the random number of these tests. */
const SPARED_MS = 200;

describe('making a view', () => {
  it('drops a dead member with the consent of a majority, and tells who is left', () => {
    const one = leader();
    one.tell({ type: 'verdict', peer: C, isAlive: false });
    one.pass(SPARED_MS);
    expect(one.asks('seal')).toEqual([B, C]);
    one.answerAll((question, to) => (to.id === B.id ? agree(own)(question) : undefined));
    const [made] = viewsKnown(one.views, own.arc);
    expect(made).toMatchObject({ members: [A, B], voters: [A.id, B.id], primary: A.id, syncs: 2 });
    expect(made?.epoch.n).toBeGreaterThan(4);
    expect(one.asks('view_new')).toEqual([B]);
    // The clocks of the others are seen before the view is reported.
    expect(one.effects.findIndex(({ type }) => type === 'observe')).toBeLessThan(
      one.effects.findIndex((effect) => effect.type === 'report' && effect.event === 'view_made'),
    );
  });

  it('waits for a moment where the dead member is not needed, and not at all where too few are left without it', () => {
    const one = leader();
    one.tell({ type: 'verdict', peer: C, isAlive: false });
    one.pass(SPARED_MS - 100);
    expect(one.asks('seal')).toEqual([]);
    one.tell({ type: 'verdict', peer: B, isAlive: false });
    expect(one.asks('seal')).toEqual([B, C]);
    const two = leader(view(own.arc, 4, [A, B]));
    two.tell({ type: 'verdict', peer: B, isAlive: false });
    expect(two.asks('seal')).toEqual([B]);
  });

  it('does not begin to wait again where the arc is cut anew meanwhile', () => {
    const one = leader();
    one.tell({ type: 'verdict', peer: C, isAlive: false });
    one.pass(SPARED_MS - 100);
    one.ring(A, B, D, peer('9'));
    expect(one.asks('seal')).toEqual([]);
    one.pass(100);
    expect(new Set(one.views.attempts.map(({ arc }) => arc.hi))).toEqual(new Set([D.id, point('9'), A.id]));
  });

  it('does not wait where the dead member has led the arc', () => {
    const one = new OneNode(B).holds(own).ring(A, B, C);
    one.tell({ type: 'verdict', peer: A, isAlive: false });
    expect(one.asks('seal')).toEqual([A, C]);
  });

  it('leaves everything as it is where whoever was called dead speaks again in that moment', () => {
    const one = leader();
    one.tell({ type: 'verdict', peer: C, isAlive: false });
    one.tell({ type: 'verdict', peer: C, isAlive: true });
    one.pass(1000);
    expect(one.asks('seal')).toEqual([]);
    expect(viewsKnown(one.views, own.arc)).toMatchObject([{ epoch: own.epoch }]);
  });

  it.each([
    ['gives way to a view that it has not heard of', [view(own.arc, 9, [D, peer('9')])], false],
    ['goes on after a while', [], true],
  ])('asks around before it gives up what the dead had, and %s', (_what, known, isMade) => {
    const one = leader().ring(A, D);
    for (const dead of [B, C]) {
      one.tell({ type: 'verdict', peer: dead, isAlive: false });
      one.asked({ ...dead, inc: dead.inc + 1n }, { type: 'view_get', arc: own.arc });
    }
    for (let ms = 0; ms < 2000; ms += 100) {
      one.answerAll(({ type }, { id }) =>
        type === 'view_get' && id === D.id ? { type: 'views', views: known } : type === 'seal' ? 'refused' : undefined,
      );
      one.pass(100);
    }
    const [made] = viewsKnown(one.views, own.arc);
    expect([one.reports().includes('possible_loss'), made?.primary === A.id]).toEqual([isMade, isMade]);
  });

  it('gives an attempt up that nobody answers, and tries again with a higher epoch', () => {
    const one = leader();
    one.tell({ type: 'verdict', peer: C, isAlive: false });
    one.pass(SPARED_MS);
    const epochs = () => one.open().flatMap(({ question }) => (question.type === 'seal' ? [question.epoch.n] : []));
    const [first] = epochs();
    one.pass(3000);
    expect(Math.max(...epochs())).toBeGreaterThan(first ?? Infinity);
    expect(one.reports()).not.toContain('view_made');
  });

  it('makes a view again, newer, once a member cannot take it over for what it has promised in vain', () => {
    const one = leader();
    one.tell({ type: 'unaware', peer: C, arc: own.arc });
    const promised = { n: 50, by: C.inc };
    const refuse = () =>
      one.answerAll((question) => (question.type === 'view_new' ? { type: 'nack', promised } : undefined));
    one.pass(100);
    refuse();
    // The promise may be about to come true.
    expect(one.asks('seal')).toEqual([]);
    one.pass(1000);
    refuse();
    one.pass(300);
    expect(one.asks('seal')).toEqual([B, C]);
    one.answerAll(agree(own));
    const [made] = viewsKnown(one.views, own.arc);
    expect(made).toMatchObject({ members: [A, B, C], primary: A.id });
    expect(made?.epoch.n).toBeGreaterThan(50);
  });

  it('gives way to a newer view that it has missed', () => {
    const newer = view(own.arc, 9, [B, A, C]);
    const one = leader();
    one.tell({ type: 'verdict', peer: C, isAlive: false });
    one.pass(SPARED_MS);
    one.answerAll((question) =>
      question.type === 'seal' ? { type: 'nack', promised: newer.epoch, view: newer } : undefined,
    );
    expect(viewsKnown(one.views, own.arc)).toMatchObject([{ epoch: newer.epoch }]);
    expect(one.views.attempts).toEqual([]);
  });

  it('merges what others have before it is the only one who votes', () => {
    const two = view(own.arc, 4, [A, B], { syncs: 1 });
    const one = new OneNode(A).holds(two).ring(A, B);
    one.asked(B, { type: 'depart' });
    one.answerAll(agree(two));
    const [job] = one.jobs();
    expect(job).toMatchObject({ mode: 'merge', purpose: 'rescue', source: B });
    expect(one.reports()).not.toContain('view_made');
    one.tell({ type: 'synced', job: job?.id ?? 0, outcome: 'done' });
    expect(viewsKnown(one.views, own.arc)).toMatchObject([{ members: [A], voters: [A.id], syncs: 1 }]);
    // Who is no member any more hears of it as well.
    expect(one.asks('view_new')).toEqual([B]);
  });

  it('begins again when a source dies in the midst of a rescue', () => {
    const two = view(own.arc, 4, [A, B], { syncs: 1 });
    const one = new OneNode(A).holds(two).ring(A, B);
    one.asked(B, { type: 'depart' });
    one.answerAll(agree(two));
    one.tell({ type: 'synced', job: one.jobs()[0]?.id ?? 0, outcome: 'failed' });
    expect(one.views.attempts).toEqual([]);
    one.pass(1000);
    expect(one.asks('seal')).toEqual([B]);
  });

  it('acts for whoever has sealed a piece and is heard of no more', () => {
    const one = leader();
    one.asked(B, { type: 'seal', epoch: { n: 9, by: B.inc }, arc: own.arc, members: [A, B], since: own.epoch });
    one.pass(900);
    expect(one.asks('seal')).toEqual([]);
    one.pass(400);
    expect(one.asks('seal')).toEqual([B, C]);
  });
});

describe('a question that gets lost in this node', () => {
  it('counts as asked in vain after a while, and is asked again', () => {
    const one = leader();
    one.tell({ type: 'unaware', peer: B, arc: own.arc });
    const [first] = one.open().flatMap(({ question, request }) => (question.type === 'view_new' ? [request] : []));
    one.pass(4000);
    expect(one.views.matters.has(first ?? 0)).toBe(true);
    one.pass(7000);
    expect(one.views.matters.has(first ?? 0)).toBe(false);
    expect(one.asks('view_new')).toEqual([B]);
    one.pass(60_000);
    expect(one.views.matters.size).toBeLessThan(50);
  });
});

describe('a member that was called dead by mistake', () => {
  it('stays one when it answers before the view without it is made', () => {
    const one = leader();
    one.tell({ type: 'verdict', peer: C, isAlive: false });
    one.pass(SPARED_MS);
    expect(one.asks('seal')).toEqual([B, C]);
    one.answerAll((question, to) => (to.id === C.id ? agree(own)(question) : 'silent'));
    expect(one.reports()).toEqual([]);
    one.answerAll(agree(own));
    const made = one.effects.flatMap((effect) =>
      effect.type === 'report' && effect.event === 'view_made' ? [effect] : [],
    );
    expect(made.map(({ members }) => members.map(({ id }) => id))).toEqual([[A.id, B.id, C.id]]);
  });
});
