/** One node and its views, step by step: what it asks, and what it makes of the answers. */
import type { ViewAnswer, ViewQuestion } from '../../src/protocol/rpc-views';
import { afterCrash, viewsKnown } from '../../src/replication/views';
import type { ViewsEffect } from '../../src/replication/views-protocol';
import { arc, OneNode, peer, view } from './one-node';

const [A, B, C, D] = [peer('1'), peer('3'), peer('5'), peer('7')];
const own = view(arc('5', '1'), 4, [A, B, C]);
const CLOCK = own.floor;

/** Answers promises as a voter of a view would, and everything else as somebody who agrees. */
const agree =
  (held: ReturnType<typeof view>, role: 'voter' | 'learner' = 'voter') =>
  (question: ViewQuestion): ViewAnswer | undefined => {
    switch (question.type) {
      case 'seal':
        return { type: 'sealed', pieces: [{ arc: held.arc, view: held, role, pending: [] }], clock: CLOCK };
      case 'view_new':
        return { type: 'adopted' };
      case 'depart':
      case 'view_voter':
        return { type: 'noted' };
      case 'view_get':
        return { type: 'views', views: [] };
      default:
        return undefined;
    }
  };

function leader(held = own): OneNode {
  return new OneNode(A).holds(held).ring(A, B, C);
}

describe('making a view', () => {
  it('drops a dead member with the consent of a majority, and tells who is left', () => {
    const one = leader();
    one.tell({ type: 'verdict', peer: C, isAlive: false });
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

const isInvitation = (effect: ViewsEffect) => effect.type === 'ask' && effect.question.type === 'invite';

describe('newcomers', () => {
  const open = { type: 'sync_open', arc: own.arc, epoch: own.epoch, purpose: 'listen' } as const;

  it('are invited, fetch, and become members when they have everything', () => {
    const one = leader(view(own.arc, 4, [A, B]));
    const two = view(own.arc, 4, [A, B]);
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

  it('are invited again, later and later, when they do not come', () => {
    const one = leader(view(own.arc, 4, [A, B]));
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
    expect(waitMs()).toBe(2000);
    expect(waitMs()).toBe(4000);
    one.pass(70_000);
    expect(waitMs()).toBe(2000);
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

describe('a member that was called dead by mistake', () => {
  it('stays one when it answers before the view without it is made', () => {
    const one = leader();
    one.tell({ type: 'verdict', peer: C, isAlive: false });
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
