/** Leaving: what a node waits for before it goes. */
import { A, B, C, D, leader, own } from './arc-of-three';
import { OneNode, view } from './one-node';

describe('leaving', () => {
  it('is over at once where there is nothing, or nobody', () => {
    const one = new OneNode(A).ring(A, B);
    one.tell({ type: 'leave', deadlineMs: 9000 });
    expect(one.effects).toContainEqual({ type: 'left', outcome: 'nothing' });
    const alone = new OneNode(A).ring(A);
    alone.tell({ type: 'create' });
    alone.tell({ type: 'leave', deadlineMs: 9000 });
    expect(alone.effects).toContainEqual({ type: 'left', outcome: 'alone' });
  });

  it('waits until everybody in its place votes', () => {
    const one = leader();
    one.tell({ type: 'leave', deadlineMs: 60_000 });
    expect(one.asks('depart')).toEqual(expect.arrayContaining([B, C]));
    const next = view(own.arc, 9, [B, C, D], { voters: [B.id, C.id] });
    one.asked(B, { type: 'view_new', view: next });
    one.pass(1000);
    expect(one.effects.some(({ type }) => type === 'left')).toBe(false);
    one.answerAll((question) =>
      question.type === 'view_get' ? { type: 'views', views: [{ ...next, voters: [B.id, C.id, D.id] }] } : undefined,
    );
    expect(one.effects).toContainEqual({ type: 'left', outcome: 'handed_over' });
  });

  it('asks for views without it, which nobody tells it who takes it for dead', () => {
    const one = leader();
    one.tell({ type: 'leave', deadlineMs: 60_000 });
    const next = view(own.arc, 9, [B, C, D]);
    one.pass(1000);
    one.answerAll((question) => (question.type === 'view_get' ? { type: 'views', views: [next] } : undefined));
    expect(one.effects).toContainEqual({ type: 'left', outcome: 'handed_over' });
  });

  it('does not wait where everybody else leaves as well', () => {
    const one = leader();
    one.tell({ type: 'leave', deadlineMs: 60_000 });
    one.asked(B, { type: 'depart' });
    expect(one.effects.some(({ type }) => type === 'left')).toBe(false);
    one.asked(C, { type: 'depart' });
    expect(one.effects).toContainEqual({ type: 'left', outcome: 'alone' });
  });

  it('ends when time is up', () => {
    const one = leader();
    one.tell({ type: 'leave', deadlineMs: one.nowMs + 2000 });
    one.pass(2100);
    expect(one.effects).toContainEqual({ type: 'left', outcome: 'late' });
  });
});
