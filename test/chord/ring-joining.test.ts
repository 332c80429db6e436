/** Coming in: who is let in when, what becomes of what somebody was before, and that nobody is sent round for ever. */
import type { Peer } from '../../src/chord/peer';
import { outsider, type RingMember } from '../../src/chord/ring-member';
import type { Answer, RingEvent } from '../../src/chord/ring-protocol';
import { A, after, B, C, D, join, later, member, silent, state, tick } from './ring-steps';

/** How `host` answers when all these ask to be let in, one after the other. */
function answersOf(host: RingMember, ...joiners: Peer[]): Answer[] {
  let at = host;
  return joiners.map((joiner) => {
    const [next, effects] = after(at, join(joiner));
    at = next;
    return effects.flatMap((effect) => (effect.type === 'answer' ? [effect.answer] : []))[0] as Answer;
  });
}

const admitted = (...successors: Peer[]): Answer => ({ type: 'admitted', successors });
const redirected = (to: Peer): Answer => ({ type: 'redirect', to });
const busy: Answer = { type: 'busy' };

describe('admission', () => {
  it('lets nobody in before somebody who may not know yet that it is in', () => {
    expect(answersOf(member(A, D, D), C, B)).toEqual([admitted(D), busy]);
  });

  it('sends those who belong behind the newcomer on to it', () => {
    expect(answersOf(member(A, D, D), B, C)).toEqual([admitted(D), redirected(B)]);
  });

  it('gives the same newcomer the same answer again, for the first may be lost', () => {
    expect(answersOf(member(A, D, D), B, B)).toEqual([admitted(D), admitted(D)]);
  });

  const words: readonly (readonly [string, RingEvent, boolean])[] = [
    ['its hint that it has arrived', { type: 'told', from: C, tale: { type: 'hint', between: C } }, true],
    ['its pointers', state(C, A, [D], 1), true],
    ['a question for pointers', { type: 'asked', from: C, question: { type: 'get_state' }, ref: 1 }, true],
    ['that it is busy', { type: 'answered', from: C, answer: { type: 'busy' }, request: 1 }, false],
    ['a ping, as anybody may send', { type: 'asked', from: C, question: { type: 'ping' }, ref: 1 }, false],
    ['the word of somebody else', { type: 'told', from: D, tale: { type: 'notify' } }, false],
  ];
  it.each(words)('goes on after the newcomer, or not, with %s', (_what, event, goesOn) => {
    const [host] = after(member(A, D, D), join(C), event);
    expect(answersOf(host, B)).toEqual([goesOn ? admitted(C, D) : busy]);
  });

  it('does not wait for ever for somebody who is not heard from', () => {
    let host = after(member(A, D, D), join(C))[0];
    let ticks = 0;
    while (answersOf(host, B)[0]?.type === 'busy' && ticks < 10) {
      const request = host.lastRequest + 1;
      [host] = after(host, tick, { type: 'answered', from: C, answer: { type: 'busy' }, request });
      ticks += 1;
    }
    expect(ticks).toBe(4);
  });

  it('does not wait for somebody who is gone', () => {
    const [host] = after(member(A, D, D), join(C), tick, silent(1), state(D, A, [A], 2));
    expect(answersOf(host, B)).toEqual([admitted(D)]);
    const [other] = after(member(A, D, D), join(C), { type: 'dead', peer: C }, state(D, A, [A], 1));
    expect(answersOf(other, B)).toEqual([admitted(D)]);
  });

  it('is given by somebody alone who is looking for others as well, but not while its pointers may come back', () => {
    const lonely = { ...member(A, A, A), memory: member(A, A, A).memory.hear(D) };
    const [searching] = after(lonely, tick);
    expect(searching.step?.type).toBe('recover');
    const [joined] = after(searching, join(B));
    expect(joined).toMatchObject({ successors: [B], step: undefined });
    const [bereft] = after({ ...member(A, D, C), memory: lonely.memory }, tick, silent(1));
    expect(bereft).toMatchObject({ successors: [A], predecessor: D });
    expect(answersOf(bereft, B)).toEqual([busy]);
  });
});

describe('admission of a namesake', () => {
  it('puts a later incarnation in the place of what it was, in every pointer', () => {
    const again = later(B);
    expect(after(member(A, B, B), join(again))[0]).toMatchObject({ predecessor: again, successors: [again] });
    expect(after(member(A, D, B, C), join(again))[0].successors).toEqual([again, C]);
    expect(answersOf(member(A, D, B, C), again)).toEqual([admitted(C)]);
  });

  it('is refused to another address, wherever the one that has the identifier stands', () => {
    const refused: Answer = { type: 'refused', reason: 'id_taken' };
    const elsewhere = (peer: Peer) => ({ ...later(peer), addr: 'elsewhere:1' });
    expect(answersOf(member(A, D, B, C), elsewhere(C))).toEqual([refused]);
    expect(answersOf(member(A, D, B, C), elsewhere(D))).toEqual([refused]);
    expect(answersOf(member(A, D, B, C), elsewhere(A), A)).toEqual([refused, refused]);
  });

  it('is put off for a lower incarnation, until nobody points to the higher one any more', () => {
    const higher = later(B);
    const host = member(A, D, higher, C);
    expect(answersOf(host, B)).toEqual([busy]);
    // At its address nobody answers as a member, so the pointer falls.
    const refused: RingEvent = {
      type: 'answered',
      from: B,
      answer: { type: 'refused', reason: 'not_a_member' },
      request: 1,
    };
    const [without] = after(host, tick, refused, state(C, higher, [D], 2), silent(3));
    expect(answersOf(without, B)).toEqual([admitted(C, D)]);
  });
});

describe('joining', () => {
  const joining = (self: Peer, contact: Peer) => after(outsider(self, 3), { type: 'join', contact })[0];
  const answer = (from: Peer, given: Answer, request: number): RingEvent => ({
    type: 'answered',
    from,
    answer: given,
    request,
  });

  it('makes a member that tells its successor that it is there, and whoever let it in that it has arrived', () => {
    const [next, effects] = after(joining(B, A), answer(A, admitted(C, D), 1));
    expect(next).toMatchObject({ phase: 'member', predecessor: A, successors: [C, D] });
    expect(effects).toEqual([
      { type: 'joined' },
      { type: 'tell', to: C, tale: { type: 'notify' } },
      { type: 'ring_changed' },
      { type: 'tell', to: A, tale: { type: 'hint', between: B } },
    ]);
  });

  it('goes where it is sent, but neither to itself nor round for ever', () => {
    expect(after(joining(B, A), answer(A, redirected(C), 1))[1]).toEqual([
      { type: 'ask', to: C, question: { type: 'join' }, request: 2 },
    ]);
    expect(after(joining(B, A), answer(A, redirected(B), 1))[1]).toEqual([{ type: 'retry_soon' }]);
    let at = joining(B, A);
    let hops = 0;
    while (at.step !== undefined && hops < 1000) {
      [at] = after(at, answer(A, redirected(C), at.lastRequest));
      hops += 1;
    }
    expect(hops).toBeLessThan(200);
  });

  it('fails at once when the contact is found to be dead', () => {
    const [next, effects] = after(joining(B, A), { type: 'dead', peer: A });
    expect(next.step).toBeUndefined();
    expect(effects).toEqual([{ type: 'join_failed', reason: 'contact_silent' }]);
  });
});
