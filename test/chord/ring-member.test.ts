/** Ring members: single steps by their effects. Whole rings of them live in test/simulation. */
import type { Peer } from '../../src/chord/peer';
import { isAlone, outsider } from '../../src/chord/ring-member';
import type { RingEvent } from '../../src/chord/ring-protocol';
import { A, after, B, C, D, dead, later, member, notify, pointers, silent, state, tick } from './ring-steps';

describe('stepRing() while it stabilises', () => {
  it('asks the successor, takes its list whole, and tells it that this member is there', () => {
    const [next, effects] = after(member(A, D, B), tick, state(B, A, [C, D], 1));
    expect(next.successors).toEqual([B, C, D]);
    expect(next.step).toBeUndefined();
    expect(effects).toEqual([{ type: 'tell', to: B, tale: { type: 'notify' } }, { type: 'ring_changed' }]);
  });

  it('asks whoever has come in between before it adopts it, and not when that does not answer', () => {
    const [asking, effects] = after(member(A, D, C), tick, state(C, B, [D], 1));
    expect(effects).toContainEqual({ type: 'ask', to: B, question: { type: 'get_state' }, request: 2 });
    expect(asking.successors).toEqual([C, D]);
    expect(after(asking, state(B, A, [C, D], 2))[0].successors).toEqual([B, C, D]);
    expect(after(asking, { type: 'silent', request: 2 })[0].successors).toEqual([C, D]);
  });

  it('goes on with the next of its list when the successor has died', () => {
    const [next, effects] = after(member(A, D, B, C, D), tick, { type: 'silent', request: 1 });
    expect(next.successors).toEqual([C, D]);
    expect(effects).toContainEqual({ type: 'ask', to: C, question: { type: 'get_state' }, request: 2 });
  });

  it('is busy for those who ask for its pointers or for admission, but answers a ping', () => {
    const [busy] = after(member(A, D, B), tick);
    for (const question of ['get_state', 'join'] as const) {
      const [same, effects] = after(busy, { type: 'asked', from: C, question: { type: question }, ref: 9 });
      expect(pointers(same)).toEqual(pointers(busy));
      expect(effects).toEqual([{ type: 'answer', to: C, answer: { type: 'busy' }, ref: 9 }]);
    }
    const [, effects] = after(busy, { type: 'asked', from: C, question: { type: 'ping' }, ref: 9 });
    expect(effects).toEqual([{ type: 'answer', to: C, answer: { type: 'pong' }, ref: 9 }]);
  });

  it('remembers whoever speaks as a member, but not who only asks whether it is there', () => {
    const asked = (question: 'ping' | 'get_state'): RingEvent => ({
      type: 'asked',
      from: C,
      question: { type: question },
      ref: 9,
    });
    const remembered = (event: RingEvent) => after(outsider(A, 4, []), event)[0].memory.peers;
    expect(remembered(asked('ping'))).toEqual([]);
    expect(remembered(asked('get_state'))).toEqual([C]);
    expect(remembered(notify(C))).toEqual([C]);
    // Of members it is good to know that they were heard of lately.
    const [both] = after(outsider(A, 4, []), notify(C), notify(B));
    expect(both.memory.peers).toEqual([C, B]);
    expect(after(both, asked('ping'))[0].memory.peers).toEqual([B, C]);
  });

  it('drops its step when the other is busy, changes nothing, and tries again soon', () => {
    const start = member(A, D, B);
    const [next, effects] = after(start, tick, { type: 'answered', from: B, answer: { type: 'busy' }, request: 1 });
    expect({ ...pointers(next), lastRequest: 0 }).toEqual(pointers(start));
    expect(effects).toEqual([{ type: 'retry_soon' }]);
  });

  it('has one step at a time, and takes no notice of answers to an earlier one', () => {
    const [busy] = after(member(A, D, B), tick);
    expect(after(busy, tick)).toEqual([busy, []]);
    const [same, effects] = after(busy, state(B, C, [C], 99));
    expect([pointers(same), effects]).toEqual([pointers(busy), []]);
    expect(after(busy, { type: 'silent', request: 99 })).toEqual([busy, []]);
  });

  it('counts a list that makes no sense, and cuts it', () => {
    const [next] = after(member(A, D, B), tick, state(B, A, [D, C], 1));
    expect(next).toMatchObject({ successors: [B, D], anomalies: 1 });
  });
});

describe('stepRing() when it is told something', () => {
  it('takes a nearer predecessor at once, and tells the old one who has come between them', () => {
    const [next, effects] = after(member(D, A, A), { type: 'told', from: B, tale: { type: 'notify' } });
    expect(next.predecessor).toEqual(B);
    expect(effects).toContainEqual({ type: 'tell', to: A, tale: { type: 'hint', between: B } });
  });

  it('gives up a predecessor for one further off only when it is dead', () => {
    const start = member(D, B, A);
    const [asking, effects] = after(start, { type: 'told', from: A, tale: { type: 'notify' } });
    expect(effects).toEqual([{ type: 'ask', to: B, question: { type: 'ping' }, request: 1 }]);
    expect(after(asking, { type: 'silent', request: 1 })[0].predecessor).toEqual(A);
    const pong: RingEvent = { type: 'answered', from: B, answer: { type: 'pong' }, request: 1 };
    expect(after(asking, pong)[0]).toMatchObject({ predecessor: B, rectifying: undefined });
  });

  it('lets a predecessor be replaced by what it is after a restart, whatever its clock says', () => {
    expect(after(member(D, B, A), notify(later(B)))[0].predecessor).toEqual(later(B));
    const asking = after(member(D, later(B), A), notify(B))[0];
    const pongOf = (from: Peer): RingEvent => ({ type: 'answered', from, answer: { type: 'pong' }, request: 1 });
    expect(after(asking, pongOf(B))[0].predecessor).toEqual(B);
    expect(after(asking, pongOf(later(B)))[0].predecessor).toEqual(later(B));
  });

  it('looks at once at whoever is hinted to be between it and its successor', () => {
    const hint = (between: Peer): RingEvent => ({ type: 'told', from: C, tale: { type: 'hint', between } });
    expect(after(member(A, D, C), hint(B))[1]).toEqual([
      { type: 'ask', to: B, question: { type: 'get_state' }, request: 1 },
    ]);
    expect(after(member(A, D, C), hint(D))[1]).toEqual([]);
  });

  it('never takes itself, or somebody who has left, for a neighbour', () => {
    expect(after(member(D, A, A), { type: 'told', from: D, tale: { type: 'notify' } })[1]).toEqual([]);
    const [gone] = after(member(B, A, C, D), { type: 'leave' });
    for (const event of [tick, { type: 'asked', from: A, question: { type: 'ping' }, ref: 1 } as const]) {
      const [same, effects] = after(gone, event);
      expect([pointers(same), effects]).toEqual([pointers(gone), []]);
    }
  });
});

describe('stepRing() when somebody is found to be dead', () => {
  const changed = { type: 'ring_changed' };

  it('asks the next of its list when that was the successor, as if its question had been silent', () => {
    const [next, effects] = after(member(A, D, B, C, D), dead(B));
    expect(next.successors).toEqual([C, D]);
    expect(effects).toEqual([{ type: 'ask', to: C, question: { type: 'get_state' }, request: 1 }, changed]);
  });

  it('strikes off others of its list, and goes on with what it is doing', () => {
    expect(after(member(A, D, B, C, D), dead(C))).toEqual([member(A, D, B, D), [changed]]);
    const [busy, effects] = after(member(A, D, B, C, D), tick, dead(C));
    expect([busy.successors, busy.step?.type, effects]).toEqual([[B, D], 'from_successor', [changed]]);
  });

  it('waits for it no longer', () => {
    const asking = after(member(A, D, B, C), tick)[0];
    expect(after(asking, dead(B))).toEqual(after(asking, silent(1)));
    const looking = after(member(A, D, C, D), tick, state(C, B, [D], 1))[0];
    expect(after(looking, dead(B))).toEqual(after(looking, silent(2)));
    const rectifying = after(member(D, B, A), notify(A))[0];
    expect(pointers(after(rectifying, dead(B))[0])).toEqual(pointers(after(rectifying, silent(1))[0]));
  });

  it('has another head to return to when it dies while somebody nearer is asked', () => {
    const looking = after(member(A, D, C, D), { type: 'consider', candidate: B })[0];
    const [next] = after(looking, dead(C));
    expect([next.successors, next.step]).toEqual([[D], looking.step]);
    expect(after(next, silent(1))[0].successors).toEqual([D]);
    expect(after(next, state(B, A, [C, D], 1))[0].successors).toEqual([B, C, D]);
  });

  it('keeps a dead predecessor until somebody wants its place, and asks nobody then', () => {
    const [bereft, effects] = after(member(D, C, A), dead(C));
    expect([bereft.predecessor, effects]).toEqual([C, []]);
    expect(after(bereft, notify(A))[0]).toMatchObject({ predecessor: A, rectifying: undefined });
    // Whoever speaks is not dead: then the place is taken, and the one in it is asked.
    expect(after(bereft, notify(C), notify(A))[1]).toMatchObject([{ type: 'ask', to: C, question: { type: 'ping' } }]);
  });

  it('gives the place of a predecessor to nobody who has died while that was asked', () => {
    const rectifying = after(member(D, B, A, B), notify(A))[0];
    expect(after(rectifying, dead(A), silent(1))[0].predecessor).toEqual(B);
  });

  it('asks its predecessor when its list is empty, whether it remembers it or not', () => {
    const [searching, effects] = after(member(D, B, A), dead(A));
    expect(effects).toContainEqual({ type: 'ask', to: B, question: { type: 'get_state' }, request: 1 });
    expect(after(searching, state(B, A, [D], 1))[0].successors).toEqual([B]);
  });

  it('takes no notice when it has left', () => {
    const [gone] = after(member(A, D, B, C), { type: 'leave' });
    expect(after(gone, dead(B))).toEqual([gone, []]);
  });

  it('does not hold a later incarnation for what it was before', () => {
    const start = member(A, later(D), later(B), C);
    expect(after(start, dead(B), dead(D))[0]).toEqual(start);
  });

  it('asks whom it remembers when its list is empty, but not the dead, and then is alone', () => {
    const start = {
      ...member(A, D, B),
      memory: [B, C, D].reduce((known, peer) => known.hear(peer), member(A, A, A).memory),
    };
    const [searching, effects] = after(start, dead(B));
    expect(effects).toContainEqual({ type: 'ask', to: C, question: { type: 'get_state' }, request: 1 });
    expect([isAlone(searching), searching.predecessor]).toEqual([true, D]);
    const [alone, last] = after(searching, dead(C), silent(2));
    expect([alone.predecessor, alone.step, last]).toEqual([A, undefined, [changed]]);
    expect(after(alone, tick)[1]).toEqual([{ type: 'ask', to: B, question: { type: 'get_state' }, request: 3 }]);
  });

  it('goes back to somebody who was busy when its list was empty, after it has tried the others', () => {
    const start = {
      ...member(A, D, B),
      memory: [B, C, D].reduce((known, peer) => known.hear(peer), member(A, A, A).memory),
    };
    const busy: RingEvent = { type: 'answered', from: C, answer: { type: 'busy' }, request: 1 };
    const [, effects] = after(start, dead(B), busy);
    expect(effects).toEqual([{ type: 'retry_soon' }]);
    const [trying, asks] = after(start, dead(B), busy, tick, silent(2));
    expect(asks).toEqual([{ type: 'ask', to: C, question: { type: 'get_state' }, request: 3 }]);
    expect(after(trying, state(C, B, [D, A], 3))[0].successors).toEqual([C, D]);
  });
});

describe('stepRing() when it is to consider somebody', () => {
  const consider = (candidate: Peer): RingEvent => ({ type: 'consider', candidate });

  it('asks for its pointers if it is nearer than the successor, and remembers it in any case', () => {
    const [next, effects] = after(member(A, D, C), consider(B));
    expect(effects).toEqual([{ type: 'ask', to: B, question: { type: 'get_state' }, request: 1 }]);
    expect(after(next, state(B, A, [C, D], 1))[0].successors).toEqual([B, C, D]);
    const [same, none] = after(member(A, D, C), consider(D));
    expect([same.successors, same.memory.peers, none]).toEqual([[C], [D], []]);
  });

  it('does not while it is in the middle of a step, in no ring, or the one in question itself', () => {
    for (const start of [
      after(member(A, D, C), tick)[0],
      outsider(A, 3),
      after(member(A, D, C), { type: 'leave' })[0],
    ]) {
      expect(after(start, consider(B))[1]).toEqual([]);
    }
    expect(after(member(A, A, A), consider(A))[1]).toEqual([]);
  });

  it('would rather look at somebody who is there than go on searching its memory', () => {
    const lonely = { ...member(A, A, A), memory: member(A, A, A).memory.hear(D) };
    const [next, effects] = after(lonely, tick, consider(B));
    expect(effects).toEqual([{ type: 'ask', to: B, question: { type: 'get_state' }, request: 2 }]);
    expect(after(next, silent(1))[0].step).toEqual(next.step);
  });
});

describe('stepRing() when somebody joins', () => {
  it('lets in who belongs between it and its successor, and keeps its whole list behind it', () => {
    const [next, effects] = after(member(A, D, C, D), { type: 'asked', from: B, question: { type: 'join' }, ref: 5 });
    expect(next.successors).toEqual([B, C, D]);
    expect(effects[0]).toEqual({ type: 'answer', to: B, answer: { type: 'admitted', successors: [C, D] }, ref: 5 });
  });

  it('sends others on, and refuses an identifier that another address has', () => {
    const answerTo = (from: Peer) =>
      after(member(A, D, B, D), { type: 'asked', from, question: { type: 'join' }, ref: 5 })[1][0];
    expect(answerTo(C)).toMatchObject({ answer: { type: 'redirect', to: B } });
    expect(answerTo({ ...B, addr: 'elsewhere:1' })).toMatchObject({ answer: { type: 'refused', reason: 'id_taken' } });
  });

  it('lets a restarted member in again under its old identifier', () => {
    const restarted = { ...B, inc: 2n };
    const [next] = after(member(A, D, B, C), { type: 'asked', from: restarted, question: { type: 'join' }, ref: 5 });
    expect(next.successors).toEqual([restarted, C]);
  });

  it('fails in one word through a node that is silent, or in no ring', () => {
    const joining = after(outsider(B, 3), { type: 'join', contact: A })[0];
    expect(after(joining, { type: 'silent', request: 1 })[1]).toEqual([
      { type: 'join_failed', reason: 'contact_silent' },
    ]);
    const [, effects] = after(outsider(A, 3), { type: 'asked', from: B, question: { type: 'join' }, ref: 1 });
    expect(effects).toEqual([{ type: 'answer', to: B, answer: { type: 'refused', reason: 'not_a_member' }, ref: 1 }]);
  });
});
