/** Newcomers, before they are members: whom a primary invites, and how often. */
import { viewsKnown } from '../../src/replication/views';
import type { ViewsEffect } from '../../src/replication/views-protocol';
import { A, agree, B, C, D, leader, own } from './arc-of-three';
import { arc, OneNode, peer, view } from './one-node';

/** So long others go first, with the random number of these tests. */
const HEAD_START_MS = 500;

const isInvitation = (effect: ViewsEffect) => effect.type === 'ask' && effect.question.type === 'invite';

describe('newcomers', () => {
  const open = { type: 'sync_open', arc: own.arc, epoch: own.epoch, purpose: 'listen' } as const;

  it('are invited, fetch, and become members when they have everything', () => {
    const one = leader(view(own.arc, 4, [A, B]));
    const two = view(own.arc, 4, [A, B]);
    one.pass(HEAD_START_MS);
    expect(one.asks('invite')).toEqual([C]);
    one.answerAll(() => ({ type: 'accepted' }));
    expect(one.asked(C, { ...open, epoch: two.epoch })).toMatchObject({ answer: { type: 'opened' } });
    one.pass(200);
    expect(one.asks('seal')).toEqual([]);
    expect(one.asked(C, { type: 'sync_ready', arc: own.arc, epoch: two.epoch })).toMatchObject({
      answer: { type: 'noted' },
    });
    one.answerAll(agree(two));
    expect(viewsKnown(one.views, own.arc)).toMatchObject([{ members: [A, B, C], voters: [A.id, B.id] }]);
  });

  it('are invited when others have gone first for a while, not by everybody at the same time', () => {
    const waitedMs = (random: number) => {
      const one = new OneNode(A).holds(view(own.arc, 4, [A, B]));
      one.random = random;
      one.ring(A, B, C);
      for (let ms = 0; ms < 2000; ms += 100) {
        if (one.asks('invite').length > 0) return ms;
        one.pass(100);
      }
      return undefined;
    };
    expect(waitedMs(0)).toBe(100);
    expect(waitedMs(0.5)).toBe(500);
    expect(waitedMs(0.99)).toBe(800);
  });

  it('are not invited while the view is to be changed: they would come in vain', () => {
    const five = view(own.arc, 4, [A, B, C, D]);
    const one = new OneNode(A, 5).holds(five);
    one.random = 0;
    one.ring(A, B, C, D, peer('9'));
    one.random = 0.99;
    one.tell({ type: 'verdict', peer: B, isAlive: false });
    one.pass(100);
    expect([one.asks('invite'), one.asks('seal')]).toEqual([[], []]);
  });

  it('do not begin to wait again when they are to fetch another arc meanwhile', () => {
    const E = peer('6');
    const one = new OneNode(A).holds(own).ring(A, B, C, E, D);
    one.pass(400);
    expect(one.asks('invite')).toEqual([]);
    one.ring(A, B, C, D);
    one.pass(100);
    expect(one.asks('invite')).toEqual([D]);
  });

  it('are invited again, later and later, when they do not come', () => {
    const one = leader(view(own.arc, 4, [A, B]));
    one.pass(HEAD_START_MS);
    one.answerAll(() => 'silent');
    const invitations = (ms: number) => {
      const before = one.effects.length;
      for (let i = 0; i < ms; i += 100) {
        one.pass(100);
        one.answerAll(() => 'silent');
      }
      return one.effects.slice(before).filter(isInvitation).length;
    };
    expect(invitations(9000)).toBeGreaterThan(10);
    one.pass(1000);
    expect(invitations(900)).toBe(0);
    expect(invitations(1500)).toBeGreaterThan(0);
  });

  it('wait longer each time when they were called dead and came back', () => {
    const one = leader(view(own.arc, 4, [A, B]));
    const waitMs = () => {
      one.tell({ type: 'verdict', peer: C, isAlive: false });
      one.pass(1000);
      one.tell({ type: 'verdict', peer: C, isAlive: true });
      const fromMs = one.nowMs;
      const before = one.effects.length;
      while (!one.effects.slice(before).some(isInvitation) && one.nowMs - fromMs < 100_000) one.pass(100);
      return one.nowMs - fromMs;
    };
    expect(waitMs()).toBe(2500);
    expect(waitMs()).toBe(4500);
    one.pass(70_000);
    expect(waitMs()).toBe(2500);
  });

  it('become members of an arc that was cut in pieces when they were first invited', () => {
    const E = peer('6');
    const one = new OneNode(A).holds(own).ring(A, B, C, E, D);
    one.pass(HEAD_START_MS);
    one.answerAll(() => ({ type: 'accepted' }));
    expect(one.views.newcomers.filter(({ peer: { id } }) => id === D.id)).toHaveLength(2);
    // Whoever stood there is gone: now it is one arc.
    one.ring(A, B, C, D);
    const whole = arc('5', '7');
    one.pass(HEAD_START_MS);
    expect(one.asks('invite')).toEqual([D]);
    one.answerAll(() => ({ type: 'accepted' }));
    one.asked(D, { ...open, arc: whole });
    one.asked(D, { type: 'sync_ready', arc: whole, epoch: own.epoch });
    one.pass(100);
    one.answerAll(agree(own));
    expect(viewsKnown(one.views, whole)).toMatchObject([{ members: [D, A, B] }]);
  });

  it('that nobody has invited get nothing', () => {
    expect(leader().asked(D, open)).toMatchObject({ answer: { type: 'stale', view: own } });
  });

  it('do not take on more than a few arcs at a time', () => {
    const one = new OneNode(A).ring(A, B, C, D);
    const answers = ['2', '3', '4', '5', '6'].map((digits) =>
      one.asked(B, { type: 'invite', arc: arc(`${digits}0`, `${digits}8`), epoch: own.epoch }),
    );
    expect(answers.map((effect) => effect?.type === 'answer' && effect.answer.type)).toEqual([
      ...Array.from({ length: 4 }, () => 'accepted'),
      'busy',
    ]);
    expect(one.jobs()).toMatchObject(
      Array.from({ length: 4 }, () => ({ mode: 'adopt', purpose: 'listen', source: B })),
    );
  });
});
