/** What a node does with a key, and the rules of ownership one by one: an event in, effects out. */
import { type KeyId, nodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import type { Range } from '../../src/chord/range';
import type { SyncQuestion } from '../../src/protocol/rpc-sync';
import {
  acceptsReplica,
  afterCrash,
  type Grant,
  isAwake,
  type Ownership,
  ownsNothing,
  ownsWholeRing,
  type RingView,
  standingOf,
  stateOf,
  waitedMs,
} from '../../src/replication/ownership';
import type { OwnershipEffect, OwnershipEvent } from '../../src/replication/ownership-protocol';
import { newReceiver } from '../../src/replication/ownership-receiver';
import { stepOwnership } from '../../src/replication/ownership-step';

const peer = (port: number, inc = 5n): Peer => ({ id: nodeId('127.0.0.1', port), addr: `127.0.0.1:${port}`, inc });

// In ring order: 045c, 09c8, 0d1e, 2373, 6ce5, 7fc5.
const [A, B, C, D, E, F] = [peer(4), peer(1), peer(3), peer(2), peer(5), peer(6)];

const arc = (lo: Peer, hi: Peer): Range => ({ lo: lo.id, hi: hi.id });
/** A key that belongs to whoever stands here. */
const keyAt = ({ id }: Peer) => id as unknown as KeyId;

const view = (predecessor: Peer, ...successors: readonly Peer[]): RingView => {
  return { isMember: true, predecessor, successors, isSettled: true, isComplete: true };
};

/** E in the ring of all, owning (C, E]: D is about to join. */
const OWNER: Ownership = {
  ...ownsNothing(E, 0),
  ring: view(D, F, A, B, C, D),
  owned: { arc: arc(C, E), epoch: { n: 4, by: 1n } },
  isNew: false,
};

interface Step {
  readonly state: Ownership;
  readonly effects: readonly OwnershipEffect[];
}

function step(state: Ownership, event: OwnershipEvent, nowMs = 10): Step {
  const [next, effects] = stepOwnership(state, event, nowMs, () => 0.5);
  return { state: next, effects };
}

/** How a question is answered. */
function ask(state: Ownership, from: Peer, question: SyncQuestion, nowMs = 10): Step & { readonly answer: object } {
  const after = step(state, { type: 'asked', from, question }, nowMs);
  const answers = after.effects.filter(({ type }) => type.startsWith('answer'));
  expect(answers.length).toBe(1);
  const [effect] = answers;
  return { ...after, answer: effect?.type === 'answer' ? effect.answer : (effect ?? {}) };
}

const questionsOf = ({ effects }: Step) =>
  effects.flatMap((each) => (each.type === 'ask' ? [[each.to, each.question]] : []));

const open = (after: Peer, kind: 'join' | 'leave' = 'join'): SyncQuestion => ({
  type: 'sync_open',
  after: after.id,
  kind,
});

const grantOf = (to: Peer, range: Range, isConfirmed = true): Grant => {
  return { session: 9, kind: 'join', to, arc: range, epoch: { n: 4, by: 1n }, atMs: 0, isConfirmed };
};

describe('standingOf()', () => {
  const mine = { type: 'mine', mirror: undefined, sealed: false };
  const source = {
    session: 1,
    kind: 'join',
    to: D,
    arc: arc(C, D),
    sealedUntilMs: undefined,
    progressAtMs: 0,
  } as const;
  const receiver = { ...newReceiver('join', F, 0), arc: arc(C, E) };
  const nothing = { ...OWNER, owned: undefined };

  it.each<[string, Ownership, Peer, object]>([
    ['a key that is owned', OWNER, E, mine],
    ['the end of what is owned', OWNER, C, { type: 'elsewhere', hint: undefined }],
    ['a key that is being given', { ...OWNER, source }, D, { ...mine, mirror: D }],
    ['a key behind that', { ...OWNER, source }, E, mine],
    ['a sealed key', { ...OWNER, source: { ...source, sealedUntilMs: 9 } }, D, { ...mine, mirror: D, sealed: true }],
    ['a key of a node that was paused', { ...OWNER, isConfirmed: false }, E, { type: 'arriving' }],
    ['a key that was given away', { ...OWNER, grants: [grantOf(C, arc(B, C))] }, C, { type: 'elsewhere', hint: C }],
    ['a key that is being fetched', { ...nothing, receiver }, D, { type: 'elsewhere', hint: F }],
    ['a key that was fetched', { ...nothing, receiver: { ...receiver, stage: 'taking' } }, D, { type: 'arriving' }],
    ['a key of a joiner that waits', nothing, D, { type: 'elsewhere', hint: F }],
    ['a key of a dead predecessor', { ...OWNER, ring: view(B, F), gapSinceMs: 0 }, C, { type: 'arriving' }],
    ['a key before that', { ...OWNER, ring: view(B, F), gapSinceMs: 0 }, B, { type: 'elsewhere', hint: undefined }],
  ])('knows %s', (_what, state, key, standing) => {
    expect(standingOf(state, keyAt(key))).toEqual(standing);
  });

  it('agrees with ownsWholeRing(), which is false while anything moves', () => {
    const whole = { ...OWNER, owned: { arc: arc(E, E), epoch: { n: 1, by: 1n } } };
    expect(ownsWholeRing(whole)).toBe(true);
    for (const key of [A, B, C, D, E, F]) expect(standingOf(whole, keyAt(key))).toEqual(mine);
    expect(ownsWholeRing({ ...whole, source })).toBe(false);
    expect(ownsWholeRing({ ...whole, isConfirmed: false })).toBe(false);
    expect(ownsWholeRing(OWNER)).toBe(false);
  });
});

describe('acceptsReplica()', () => {
  it('takes what is owned or on its way, and nothing that would then be nobody’s', () => {
    expect(acceptsReplica(OWNER, keyAt(D), F.id)).toBe(true);
    expect(acceptsReplica(OWNER, keyAt(C), F.id)).toBe(false);
    const joining = { ...OWNER, owned: undefined, receiver: newReceiver('join', F, 0) };
    expect(acceptsReplica(joining, keyAt(D), F.id)).toBe(true);
    expect(acceptsReplica({ ...joining, receiver: undefined }, keyAt(D), F.id)).toBe(false);
  });

  it('takes for an arc that is on its way only what comes from where the arc comes from', () => {
    const opening = { ...OWNER, owned: undefined, receiver: newReceiver('join', F, 0) };
    const fetching = { ...opening, receiver: { ...opening.receiver, arc: arc(C, E) } };
    for (const joining of [opening, fetching]) expect(acceptsReplica(joining, keyAt(D), A.id)).toBe(false);
    expect(acceptsReplica(fetching, keyAt(D), F.id)).toBe(true);
    expect(acceptsReplica(fetching, keyAt(C), F.id)).toBe(false);
  });

  it('takes nothing into an arc that is just being compared', () => {
    const source = {
      session: 1,
      kind: 'join',
      to: D,
      arc: arc(C, D),
      sealedUntilMs: 9,
      isUsed: true,
      progressAtMs: 0,
    } as const;
    expect(acceptsReplica({ ...OWNER, source }, keyAt(D), F.id)).toBe(false);
    expect(acceptsReplica({ ...OWNER, source }, keyAt(E), F.id)).toBe(true);
  });
});

describe('stateOf() and isAwake()', () => {
  it('say what others see of a node', () => {
    expect(stateOf(OWNER)).toBe('active');
    expect(stateOf({ ...OWNER, owned: undefined })).toBe('joining');
    expect(stateOf({ ...OWNER, isGone: true })).toBe('leaving');
    expect(isAwake(1000, 1400)).toBe(true);
    expect(isAwake(1000, 1401)).toBe(false);
  });

  it('count the time that a node was stopped to what it reads then, and for a moment', () => {
    expect(waitedMs(OWNER, 0, 400)).toBe(0);
    expect(waitedMs(OWNER, 0, 3000)).toBe(3000);
    const { state } = step(OWNER, { type: 'tick' }, 3000);
    expect(waitedMs(state, state.beatMs, 3000)).toBe(3000);
    const later = step(state, { type: 'tick' }, 3100).state;
    expect(waitedMs(later, later.beatMs, 3200)).toBe(3000);
    expect(waitedMs(later, 4000, 4000)).toBe(0);
  });
});

describe('a source', () => {
  it('gives all it owns up to the joiner, whatever stands behind that', () => {
    const { state, answer } = ask(OWNER, D, open(B));
    expect(answer).toMatchObject({ type: 'answer_opened', arc: arc(C, D) });
    expect(state.source).toMatchObject({ to: D, arc: arc(C, D) });
  });

  it('lets one joiner in after the other, and the next one when the last has said that it knows', () => {
    const { state } = ask({ ...OWNER, owned: { arc: arc(B, E), epoch: { n: 4, by: 1n } } }, C, open(B));
    expect(ask(state, D, open(C)).answer).toEqual({ type: 'busy' });
    const session = state.source?.session ?? 0;
    const sealed = ask(state, C, { type: 'sync_seal', session });
    const taken = ask(sealed.state, C, { type: 'sync_take', session });
    expect(taken.state.owned?.arc).toEqual(arc(C, E));
    expect(ask(taken.state, D, open(C)).answer).toEqual({ type: 'busy' });
    const known = ask(taken.state, C, { type: 'claim', arc: arc(B, C), epoch: { n: 5, by: E.inc } });
    expect(known.answer).toEqual({ type: 'agreed' });
    expect(ask(known.state, D, open(C)).answer).toMatchObject({ type: 'answer_opened', arc: arc(C, D) });
  });

  it('begins again with a receiver that has begun again, and not with one that is older', () => {
    const { state } = ask(OWNER, D, open(C));
    const again = ask(state, peer(2, 6n), open(C));
    expect(again.answer).toMatchObject({ type: 'answer_opened' });
    expect(again.state.source?.session).not.toBe(state.source?.session);
    expect(ask(again.state, D, open(C)).answer).toEqual({ type: 'busy' });
    expect(ask(again.state, D, { type: 'sync_next', session: state.source?.session ?? 0, bytesMax: 1 }).answer).toEqual(
      {
        type: 'no_session',
      },
    );
  });

  it('grants nothing that is not sealed, nor to a joiner whom the ring has lost, nor when it was paused', () => {
    const { state } = ask(OWNER, D, open(C));
    const take: SyncQuestion = { type: 'sync_take', session: state.source?.session ?? 0 };
    expect(ask(state, D, take).answer).toEqual({ type: 'no_session' });
    const sealed = ask(state, D, { type: 'sync_seal', session: take.session }).state;
    expect(ask(sealed, D, take).answer).toMatchObject({ type: 'answer_granted' });
    expect(ask({ ...sealed, ring: view(C, F) }, D, take).answer).toEqual({ type: 'no_session' });
    expect(ask(sealed, D, take, 450).answer).toEqual({ type: 'no_session' });
    expect(ask(sealed, D, take, 510).answer).toEqual({ type: 'no_session' });
  });

  it('takes over what nobody owns from a former life of the joiner, to give it with all that is left of it', () => {
    const state: Ownership = {
      ...OWNER,
      owned: { arc: arc(D, E), epoch: { n: 4, by: 1n } },
      grants: [grantOf(D, arc(C, D))],
    };
    const restarted = peer(2, 6n);
    expect(ask(state, restarted, open(C)).answer).toEqual({ type: 'busy' });
    const seen = { ...state, ring: view(restarted, F) };
    const { answer, state: after } = ask(seen, restarted, open(C));
    expect(answer).toMatchObject({ type: 'answer_opened', arc: arc(C, D), epoch: { n: 6 } });
    expect(after.owned?.arc).toEqual(arc(C, E));
    expect(after.grants).toEqual([]);
    // To the same incarnation it says again what it has said already.
    expect(ask(state, D, open(C)).answer).toMatchObject({ type: 'answer_granted', arc: arc(C, D), epoch: { n: 4 } });
  });
});

describe('a receiver', () => {
  const JOINER: Ownership = { ...ownsNothing(D, 0), ring: view(C, E, F, A, B, C) };

  const answered = (before: Step, answer: Extract<OwnershipEvent, { type: 'answered' }>['answer'], nowMs = 20): Step =>
    step(before.state, { type: 'answered', request: before.state.lastRequest, from: E, answer }, nowMs);

  it('asks further on where its successor owns nothing either', () => {
    const asked = step(JOINER, { type: 'tick' });
    expect(questionsOf(asked)).toEqual([[E, open(C)]]);
    expect(questionsOf(answered(asked, { type: 'not_owner', hint: undefined }))).toEqual([[F, open(C)]]);
  });

  it('owns what lies before it when nobody round the whole ring has owned anything for a while', () => {
    let now: Step = step(JOINER, { type: 'tick' });
    for (let ms = 20; ms < 4000 && now.state.owned === undefined; ms += 20) {
      const { request, from } = now.state.receiver ?? {};
      if (request === undefined || from === undefined) now = step(now.state, { type: 'tick' }, ms);
      else
        now = step(now.state, { type: 'answered', request, from, answer: { type: 'not_owner', hint: undefined } }, ms);
    }
    expect(now.state.owned?.arc).toEqual(arc(C, D));
    expect(now.state.beatMs).toBeGreaterThan(1900);
  });

  it('does not, when anybody has only not answered', () => {
    let now: Step = step(JOINER, { type: 'tick' });
    for (let ms = 20; ms < 8000; ms += 20) {
      const { request, from } = now.state.receiver ?? {};
      if (request === undefined || from === undefined) now = step(now.state, { type: 'tick' }, ms);
      else if (from.id === B.id) now = step(now.state, { type: 'failed', request }, ms);
      else
        now = step(now.state, { type: 'answered', request, from, answer: { type: 'not_owner', hint: undefined } }, ms);
    }
    expect(now.state.owned).toBeUndefined();
  });

  it('does not believe a grant of an arc that does not end in itself', () => {
    const asked = step(JOINER, { type: 'tick' });
    const clock = { word0: 0, word1: 0 } as never;
    const after = answered(asked, { type: 'granted', session: 1, arc: arc(A, C), epoch: { n: 9, by: 1n }, clock });
    expect(after.state.owned).toBeUndefined();
  });

  it('asks before it serves when the grant was long on its way', () => {
    const asked = step(JOINER, { type: 'tick' });
    const clock = { word0: 0, word1: 0 } as never;
    const late = answered(asked, { type: 'granted', session: 1, arc: arc(C, D), epoch: { n: 9, by: 1n }, clock }, 900);
    expect(late.state.owned?.arc).toEqual(arc(C, D));
    expect(standingOf(late.state, keyAt(D))).toEqual({ type: 'arriving' });
  });
});

describe('claims', () => {
  const claim = (range: Range, n: number): SyncQuestion => ({ type: 'claim', arc: range, epoch: { n, by: 0n } });

  it.each([
    [150, 0],
    [250, 1],
  ])('are made at once by a node that beats late (%i ms after the last beat: %i)', (nowMs, count) => {
    const calm = { ...OWNER, claim: { ...OWNER.claim, dueAtMs: 900 } };
    expect(questionsOf(step(calm, { type: 'tick' }, nowMs))).toHaveLength(count);
  });

  it.each<[string, Ownership, Peer, SyncQuestion, object]>([
    ['agrees with whoever comes just before it', OWNER, C, claim(arc(B, C), 1), { type: 'agreed' }],
    ['has nothing to say with somebody in between', OWNER, B, claim(arc(A, B), 1), { type: 'busy' }],
    [
      'contests what it holds under a later epoch',
      OWNER,
      D,
      claim(arc(C, D), 3),
      { type: 'contested', ...OWNER.owned },
    ],
    ['agrees with a later epoch', OWNER, D, claim(arc(C, D), 5), { type: 'agreed' }],
    [
      'cannot speak for anything before it owns something',
      { ...OWNER, owned: undefined },
      C,
      claim(arc(B, C), 1),
      { type: 'not_owner' },
    ],
    [
      'cannot speak when it was paused itself',
      { ...OWNER, isConfirmed: false },
      C,
      claim(arc(B, C), 1),
      { type: 'not_owner' },
    ],
    ['waits until it knows who is right', { ...OWNER, isConfirmed: false }, D, claim(arc(C, D), 3), { type: 'busy' }],
    ['contests a claim that goes over it', OWNER, F, claim(arc(B, F), 3), { type: 'contested', ...OWNER.owned }],
    ['does not believe who claims for others', OWNER, A, claim(arc(B, C), 9), { type: 'busy' }],
  ])('%s', (_what, state, from, question, answer) => {
    expect(ask(state, from, question).answer).toMatchObject(answer);
  });

  it('gives way to a later epoch: keeps the rest, and sends on what it holds of it', () => {
    const { state } = ask(OWNER, D, claim(arc(C, D), 5));
    expect(state.owned?.arc).toEqual(arc(D, E));
    expect(state.surplus).toEqual([{ arc: arc(C, D), to: undefined, sinceMs: 10 }]);
  });

  it('loses to its successor at the same epoch, so that two do not both go on', () => {
    const asked = step({ ...OWNER, isConfirmed: false }, { type: 'tick' });
    const inMidst = asked.state.claim.request ?? 0;
    expect(questionsOf(asked)).toEqual([[F, { type: 'claim', ...OWNER.owned }]]);
    const contested = { type: 'contested', arc: arc(C, F), epoch: { n: 4, by: 1n } } as const;
    const after = step(asked.state, { type: 'answered', request: inMidst, from: F, answer: contested }, 20);
    expect(after.state.owned).toBeUndefined();
    expect(after.state.surplus).toEqual([{ arc: arc(C, E), to: undefined, sinceMs: 20 }]);
    expect(questionsOf(after)).toEqual([[F, open(D)]]);
  });

  it('asks those in its midst after a pause, and keeps only what lies behind them', () => {
    const woken = step(OWNER, { type: 'tick' }, 1000);
    expect(questionsOf(woken)).toEqual([[D, { type: 'claim', ...OWNER.owned }]]);
    const contested = { type: 'contested', arc: arc(C, D), epoch: { n: 6, by: 1n } } as const;
    const request = woken.state.claim.request ?? 0;
    const after = step(woken.state, { type: 'answered', request, from: D, answer: contested }, 1010);
    expect(after.state.owned?.arc).toEqual(arc(D, E));
    expect(after.state.isConfirmed).toBe(false);
    expect(questionsOf(after).map(([to]) => to)).toEqual([F]);
  });

  it('does not take an agreement from before a pause for one', () => {
    const asked = step({ ...OWNER, ring: view(C, F), isConfirmed: false }, { type: 'tick' });
    const request = asked.state.claim.request ?? 0;
    const late = step(asked.state, { type: 'answered', request, from: F, answer: { type: 'agreed' } }, 900);
    expect(late.state.isConfirmed).toBe(false);
  });
});

describe('leaving', () => {
  const takeOver = (range: Range): SyncQuestion => ({ type: 'take_over', arc: range, epoch: { n: 3, by: 0n } });

  it('is accepted from whoever comes just before, and fetched at once', () => {
    const after = ask(OWNER, C, takeOver(arc(B, C)));
    expect(after.answer).toEqual({ type: 'accepted' });
    expect(questionsOf(after)).toContainEqual([C, open(C, 'leave')]);
    expect(ask(after.state, C, takeOver(arc(B, C))).answer).toEqual({ type: 'accepted' });
  });

  it('has to wait while its successor is in the middle of something', () => {
    const { state } = ask(OWNER, D, open(C));
    expect(ask(state, C, takeOver(arc(B, C))).answer).toEqual({ type: 'busy' });
    expect(ask({ ...OWNER, owned: undefined }, C, takeOver(arc(B, C))).answer).toEqual({ type: 'busy' });
    expect(ask({ ...OWNER, isGone: true }, C, takeOver(arc(B, C))).answer).toMatchObject({ type: 'not_owner' });
  });

  it('of two that have accepted each other lets go of one, so that neither waits for ever', () => {
    const { state } = ask(OWNER, C, takeOver(arc(B, C)));
    const request = state.receiver?.request ?? 0;
    const after = step(state, { type: 'answered', request, from: C, answer: { type: 'busy' } });
    expect(after.state.receiver).toBeUndefined();
    expect(after.state.owned).toEqual(OWNER.owned);
  });

  it('still lets a joiner in, for there may be nobody else to leave anything to', () => {
    const { state } = step(OWNER, { type: 'leave', deadlineMs: 9000 });
    expect(ask(state, D, open(C)).answer).toMatchObject({ type: 'answer_opened' });
  });

  it('is over at once for whoever is alone, or has nothing', () => {
    const alone = { ...OWNER, ring: view(E, E) };
    expect(step(alone, { type: 'leave', deadlineMs: 9000 }).effects).toContainEqual({ type: 'left', outcome: 'alone' });
    const joiner = { ...OWNER, owned: undefined };
    const left = step(joiner, { type: 'leave', deadlineMs: 9000 });
    expect(left.effects).toContainEqual({ type: 'left', outcome: 'nothing' });
    expect(step(left.state, { type: 'leave', deadlineMs: 9 }).effects).toContainEqual({
      type: 'left',
      outcome: 'nothing',
    });
  });
});

describe('afterCrash()', () => {
  it('keeps what is owned and given, and nothing that was under way', () => {
    const { state } = ask({ ...OWNER, grants: [grantOf(C, arc(B, C))] }, D, open(C));
    const revived = afterCrash(state, 20);
    expect(revived).toMatchObject({ owned: OWNER.owned, grants: state.grants, source: undefined, receiver: undefined });
    expect(revived.claim.request).toBeUndefined();
  });
});
