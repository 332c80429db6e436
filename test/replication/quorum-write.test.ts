/** Bringing a record to a majority: when it counts as done, and who is reminded of it. */
import type { Peer } from '../../src/chord/peer';
import {
  type QuorumWrite,
  REMINTS_MAX,
  stepWrite,
  whyUnavailable,
  type WriteEffect,
  type WriteEvent,
  writeOf,
} from '../../src/replication/quorum-write';
import { peerOf, versionBy, viewOf, writerOf } from '../support/small-view';

const [SELF, A, B, C, D] = ['self:1', 'a:1', 'b:1', 'c:1', 'd:1'].map((addr) => peerOf(addr)) as [
  Peer,
  Peer,
  Peer,
  Peer,
  Peer,
];

const nameOf = (peer: Peer) => peer.addr.replace(':1', '');

function wordsOf(effect: WriteEffect): string {
  switch (effect.type) {
    case 'send':
      return `send ${effect.to.map(nameOf).join(' ')}`;
    case 'hint':
      return `hint ${nameOf(effect.to)}`;
    case 'heard_of':
      return `heard_of ${effect.view.epoch.n}`;
    case 'unaware':
      return `unaware ${nameOf(effect.peer)}`;
    case 'mint_above':
      return `mint_above ${effect.version.ms}`;
    default:
      return effect.type;
  }
}

/** A write that is led through its events. */
class Story {
  write: QuorumWrite = writeOf(SELF.id, writerOf(SELF.addr));

  take(event: WriteEvent): string {
    const [write, effects] = stepWrite(this.write, event);
    this.write = write;
    return effects.map(wordsOf).join(', ');
  }

  placed(
    members: readonly Peer[],
    { n = 1, listeners = [], dead = [] }: { n?: number; listeners?: readonly Peer[]; dead?: readonly Peer[] } = {},
  ) {
    const isAlive = (peer: Peer) => !dead.includes(peer);
    return this.take({ type: 'placed', view: viewOf([SELF, ...members], n), listeners, isAlive });
  }

  stored = (from: Peer) => this.take({ type: 'stored', from });
  failed = (to: Peer) => this.take({ type: 'failed', to });
  superseded = (from: Peer, by = from, ms = 500) =>
    this.take({ type: 'superseded', from, version: versionBy(by.addr, ms) });
}

function placed(members: readonly Peer[], options: Parameters<Story['placed']>[1] = {}): Story {
  const story = new Story();
  story.placed(members, options);
  return story;
}

describe('a quorum write', () => {
  it.each([
    [1, [], 'confirmed'],
    [2, [A], 'send a'],
    [3, [A, B], 'send a b'],
    [5, [A, B, C, D], 'send a b c d'],
  ])('with %d members goes to all others at once', (_count, others, expected) => {
    expect(new Story().placed(others)).toBe(expected);
  });

  it.each([
    [2, [A], [A]],
    [3, [A, B], [B]],
    [4, [A, B, C], [C, A]],
    [5, [A, B, C, D], [D, B]],
  ])('with %d members is done when a majority has it, this node included', (_count, others, storing) => {
    const story = placed(others);
    const effects = storing.map((peer) => story.stored(peer));
    expect(effects.at(-1)).toBe('confirmed');
    expect(effects.slice(0, -1).join('')).toBe('');
  });

  it('counts each member once, and those who say it later not at all', () => {
    const story = placed([A, B, C]);
    expect([story.stored(A), story.stored(A), story.stored(B), story.stored(C)]).toEqual(['', '', 'confirmed', '']);
    expect(story.write.holders).toHaveLength(4);
  });

  it('does not count who is no member, or has come back empty', () => {
    const story = placed([A, B]);
    expect(story.stored(C)).toBe('');
    expect(story.stored({ ...A, inc: 2n })).toBe('');
    expect(story.stored(B)).toBe('confirmed');
  });

  it('sends copies to listeners, which do not count and are not reminded', () => {
    const story = new Story();
    expect(story.placed([A, B], { listeners: [C] })).toBe('send a b c');
    expect([story.stored(C), story.failed(C), story.stored(A)]).toEqual(['', '', 'confirmed']);
    expect(new Story().placed([], { listeners: [C] })).toBe('send c, confirmed');
  });

  it('reminds who has missed it, before it is done and after', () => {
    const story = placed([A, B, C, D]);
    expect(story.failed(A)).toBe('hint a');
    expect([story.stored(B), story.stored(C)]).toEqual(['', 'confirmed']);
    expect(story.failed(D)).toBe('hint d');
    expect(story.failed(D)).toBe('');
  });

  it('reminds who has missed it because its clock does not allow it', () => {
    expect(placed([A, B]).take({ type: 'refused', from: A })).toBe('hint a');
  });

  it('spares who seems to be dead, and reminds them', () => {
    const story = new Story();
    expect(story.placed([A, B], { dead: [B] })).toBe('send a');
    expect(story.stored(A)).toBe('confirmed, hint b');
  });

  it('tries those after all, once somebody else has failed', () => {
    const story = placed([A, B], { dead: [B] });
    expect(story.failed(A)).toBe('hint a, send b');
    expect(story.stored(B)).toBe('confirmed');
  });

  it('is stuck when no majority can be had any more', () => {
    const story = placed([A, B]);
    expect([story.failed(A), story.failed(B)]).toEqual(['hint a', 'hint b, stuck']);
    expect(placed([A]).failed(A)).toBe('hint a, stuck');
    expect(new Story().placed([A, B], { dead: [A, B] })).toBe('stuck');
  });

  it('is stuck when the answers have been lost', () => {
    expect(placed([A, B]).take({ type: 'overdue' })).toBe('hint a, hint b, stuck');
    const story = placed([A, B]);
    story.stored(A);
    expect(story.take({ type: 'overdue' })).toBe('hint b');
  });

  it('begins again with those who have not got it, under the same view', () => {
    const story = placed([A, B, C, D]);
    story.stored(A);
    for (const peer of [B, C, D]) story.failed(peer);
    expect(story.placed([A, B, C, D])).toBe('send b c d');
    expect(story.stored(B)).toBe('confirmed');
  });

  it('begins again with everybody under a newer view: nobody counts who stored it under the old one', () => {
    const story = placed([A, B]);
    story.failed(A);
    story.failed(B);
    story.placed([A, B]);
    expect(story.placed([A, C], { n: 2 })).toBe('send a c');
    expect(story.write.holders).toEqual([SELF.id]);
    expect(story.stored(B)).toBe('');
    expect(story.stored(C)).toBe('confirmed');
  });
});

describe('a quorum write and members with other views', () => {
  const stale = (story: Story, n: number | undefined) =>
    story.take({ type: 'stale', from: A, view: n === undefined ? undefined : viewOf([A, SELF], n) });

  it('passes on that there is a newer view', () => {
    expect(stale(placed([A, B], { n: 5 }), 6)).toBe('heard_of 6, hint a');
  });

  it('passes on who has missed this one', () => {
    expect(stale(placed([A, B], { n: 5 }), 4)).toBe('unaware a, hint a');
    expect(stale(placed([A, B], { n: 5 }), undefined)).toBe('unaware a, hint a');
  });

  it('has nothing to say about a member that has promised this view away', () => {
    const story = placed([A, B], { n: 5 });
    expect(story.take({ type: 'stale', from: A, view: viewOf([SELF, A, B], 5) })).toBe('hint a');
  });

  it('does not take a node that has come back empty for the member that it was', () => {
    const story = placed([A, B]);
    expect(story.take({ type: 'stale', from: { ...A, inc: 2n }, view: undefined })).toBe('');
    expect(story.failed(B)).toBe('hint b, stuck');
  });
});

describe('a quorum write above which there is something newer', () => {
  it('is minted anew above it, and must be stored by a majority in that version', () => {
    const story = placed([A, B, C, D]);
    story.stored(A);
    expect(story.superseded(B)).toBe('mint_above 500');
    expect(story.write.holders).toEqual([SELF.id]);
    expect(story.take({ type: 'minted' })).toBe('send a b c d');
    expect([story.stored(A), story.stored(B)]).toEqual(['', 'confirmed']);
  });

  it('is not minted anew under a later view, where somebody may have read it and written since', () => {
    const story = placed([A, B]);
    story.failed(A);
    expect(story.failed(B)).toContain('stuck');
    expect(story.placed([A, B], { n: 2 })).toBe('send a b');
    expect(story.superseded(A)).toBe('hint a');
    expect(story.superseded(B)).toBe('hint b, stuck');
    expect(story.placed([A, B], { n: 2 })).toBe('send a b');
    expect(story.superseded(A)).toBe('hint a');
    expect(story.stored(B)).toBe('confirmed');
  });

  it('counts as stored where this node itself has overwritten it since', () => {
    expect(placed([A, B]).superseded(A, SELF)).toBe('confirmed');
  });

  it('is not minted anew once it is done', () => {
    const story = placed([A, B]);
    expect([story.stored(A), story.superseded(B)]).toEqual(['confirmed', '']);
  });

  it(`gives up after ${REMINTS_MAX} times with whoever has newer records each time`, () => {
    const story = placed([A, B]);
    for (let times = 0; times < REMINTS_MAX; times += 1) {
      expect(story.superseded(A, A, 500 + times)).toBe(`mint_above ${500 + times}`);
      expect(story.take({ type: 'minted' })).toBe('send a b');
    }
    expect(story.superseded(A, A, 600)).toBe('hint a');
    expect(story.stored(B)).toBe('confirmed');
  });
});

describe('whyUnavailable()', () => {
  const why = (count: number, deadCount: number, membersMin = 1) => {
    const members = [SELF, A, B, C, D].slice(0, count);
    const dead = members.slice(1, 1 + deadCount);
    return whyUnavailable(viewOf(members), SELF.id, membersMin, (peer) => !dead.includes(peer));
  };

  it.each([
    [1, 0],
    [2, 0],
    [3, 0],
    [3, 1],
    [4, 1],
    [5, 2],
  ])('has no objection to %d members of which %d seem to be dead', (count, deadCount) => {
    expect(why(count, deadCount)).toBeUndefined();
  });

  it.each([
    [2, 1, 'unavailable, 1 of 2 copies can be reached and 2 are needed'],
    [3, 2, 'unavailable, 1 of 3 copies can be reached and 2 are needed'],
    [4, 2, 'unavailable, 2 of 4 copies can be reached and 3 are needed'],
    [5, 3, 'unavailable, 2 of 5 copies can be reached and 3 are needed'],
  ])('objects to %d members of which %d seem to be dead', (count, deadCount, expected) => {
    expect(why(count, deadCount)).toBe(expected);
  });

  it('objects to fewer members than there must be, whether or not they are alive', () => {
    expect(why(1, 0, 2)).toBe('unavailable, it would have 1 of at least 2 copies');
    expect(why(2, 0, 2)).toBeUndefined();
  });

  it('never takes this node for dead', () => {
    expect(whyUnavailable(viewOf([SELF]), SELF.id, 1, () => false)).toBeUndefined();
  });
});
