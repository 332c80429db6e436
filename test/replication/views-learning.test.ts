/** Learning: from whom a member fetches what it lacks before it votes. */
import { A, B, C } from './arc-of-three';
import { arc, OneNode, view } from './one-node';

describe('learning', () => {
  const led = view(arc('1', '3'), 7, [B, C, A], { voters: [B.id, C.id], syncs: 2 });

  it('takes the arc from the primary and from as many voters as are needed, then votes and says so', () => {
    const one = new OneNode(A).ring(A, B, C);
    expect(one.asked(B, { type: 'view_new', view: led })).toMatchObject({ answer: { type: 'adopted' } });
    expect(one.jobs()).toMatchObject([{ source: B, mode: 'adopt', floor: led.floor, purpose: 'learn' }]);
    one.tell({ type: 'synced', job: 1, outcome: 'done' });
    expect(one.jobs()[1]).toMatchObject({ source: C, mode: 'merge' });
    expect(one.reports()).not.toContain('voter_made');
    one.tell({ type: 'synced', job: 2, outcome: 'done' });
    expect(one.reports()).toContain('voter_made');
    expect(one.asks('view_voter')).toEqual([B]);
    one.pass(300);
    expect(one.asks('view_voter').length).toBeGreaterThan(1);
    one.asked(B, { type: 'view_new', view: { ...led, voters: [B.id, C.id, A.id] } });
    expect(one.views.votes).toEqual([]);
  });

  it('need not ask a second voter once all of them have been found to agree', () => {
    const one = new OneNode(A).ring(A, B, C);
    one.asked(B, { type: 'view_new', view: led });
    one.asked(B, { type: 'view_new', view: { ...led, syncs: 1 } });
    one.tell({ type: 'synced', job: 1, outcome: 'done' });
    expect(one.reports()).toContain('voter_made');
  });

  it('goes on with what is left of an arc when the rest has another view', () => {
    const one = new OneNode(A).ring(A, B, C);
    one.asked(B, { type: 'view_new', view: led });
    one.asked(C, { type: 'view_new', view: view(arc('1', '2'), 9, [C, B]) });
    expect(one.effects).toContainEqual({ type: 'cancel_sync', job: 1 });
    expect(one.jobs().at(-1)).toMatchObject({ arc: arc('2', '3'), source: B });
  });
});
