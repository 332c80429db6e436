/** Proofs of death: who is taken for dead for certain, and who is only silent. */
import { viewsKnown } from '../../src/replication/views';
import { A, agree, B, D, leader, own } from './arc-of-three';
import { OneNode, peer, view } from './one-node';

describe('proof of death', () => {
  const two = view(own.arc, 4, [A, B], { syncs: 1 });

  it('takes three refusals over two seconds where there is nobody else', () => {
    const one = new OneNode(A).holds(two).ring(A, B);
    one.tell({ type: 'verdict', peer: B, isAlive: false });
    one.ring(A);
    const refuse = (ms: number) => {
      for (let i = 0; i < ms; i += 100) {
        one.answerAll(() => 'refused');
        one.pass(100);
      }
    };
    refuse(2500);
    expect(one.reports()).not.toContain('view_made');
    refuse(4000);
    expect(one.reports()).toEqual(expect.arrayContaining(['member_dead', 'view_made']));
    expect(viewsKnown(one.views, own.arc)).toMatchObject([{ members: [A] }]);
  });

  it('is not that somebody is silent', () => {
    const one = new OneNode(A).holds(two).ring(A, B);
    one.tell({ type: 'verdict', peer: B, isAlive: false });
    one.ring(A);
    for (let i = 0; i < 200; i += 1) {
      one.answerAll(() => 'silent');
      one.pass(100);
    }
    expect(one.reports()).toEqual([]);
  });

  it('needs somebody else to find the same where there is anybody', () => {
    const one = new OneNode(A).holds(two).ring(A, B, D);
    one.tell({ type: 'verdict', peer: B, isAlive: false });
    const live = (answer: 'dead' | 'unknown', ms: number) => {
      for (let i = 0; i < ms; i += 100) {
        one.answerAll((question, to) => {
          if (to.id === B.id) return 'refused';
          return question.type === 'death_of' ? { type: answer } : undefined;
        });
        one.pass(100);
      }
    };
    live('unknown', 8000);
    expect(one.reports()).toEqual([]);
    live('dead', 4000);
    expect(one.reports()).toContain('member_dead');
  });

  it('is another incarnation at its place', () => {
    const one = new OneNode(A).holds(two).ring(A, peer('3', B.inc + 1n));
    one.answerAll(agree(two));
    expect(viewsKnown(one.views, own.arc)).toMatchObject([{ members: [A] }]);
  });

  it('is given to others once this node has found out itself', () => {
    const one = leader();
    expect(one.asked(B, { type: 'death_of', target: D })).toMatchObject({ answer: { type: 'unknown' } });
    for (let i = 0; i < 30; i += 1) {
      one.pass(100);
      one.answerAll((_question, to) => (to.id === D.id ? 'refused' : undefined));
    }
    expect(one.asked(B, { type: 'death_of', target: D })).toMatchObject({ answer: { type: 'dead' } });
  });
});
