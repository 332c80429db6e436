/** Finding the latest of what voters have: whom to ask, what wins, and what has to be written back before it is told. */
import type { Peer } from '../../src/chord/peer';
import {
  ASK_ALL_EVERY,
  beginRead,
  type QuorumRead,
  type ReadEffect,
  type ReadEvent,
  stepRead,
} from '../../src/replication/quorum-read';
import { ABSENT } from '../../src/replication/version';
import type { View } from '../../src/replication/view';
import { peerOf, versionBy, viewOf } from '../support/small-view';

const [SELF, A, B, C, D] = ['self:1', 'a:1', 'b:1', 'c:1', 'd:1'].map((addr) => peerOf(addr)) as [
  Peer,
  Peer,
  Peer,
  Peer,
  Peer,
];

const nameOf = (peer: Peer) => peer.addr.replace(':1', '');
const version = (ms: number | undefined) => (ms === undefined ? undefined : versionBy(SELF.addr, ms));

function wordsOf(effect: ReadEffect): string {
  switch (effect.type) {
    case 'ask':
    case 'write_back':
      return `${effect.type} ${effect.to.map(nameOf).join(' ')}`;
    case 'fetch':
      return `fetch ${nameOf(effect.from)}`;
    case 'repair':
      return `repair ${nameOf(effect.to)}`;
    case 'heard_of':
      return `heard_of ${effect.view.epoch.n}`;
    case 'unaware':
      return `unaware ${nameOf(effect.peer)}`;
    default:
      return effect.type;
  }
}

interface Scene {
  readonly own?: number | undefined;
  readonly dead?: readonly Peer[];
  readonly random?: number;
  readonly view?: View;
  /** Who has passed it on, and what it has. */
  readonly witness?: readonly [Peer, number | undefined];
}

/** Asks nobody but who is needed, and those in the order in which they stand. */
const IN_ORDER = 0.5;

/** A read that is led through its events. */
class Story {
  read: QuorumRead;
  readonly first: string;

  constructor(members: readonly Peer[], { own, dead = [], random = IN_ORDER, view, witness }: Scene = {}) {
    const isTrusted = (peer: Peer) => !dead.includes(peer);
    const all = view ?? viewOf([SELF, ...members]);
    const [peer, ms] = witness ?? [];
    const answer = peer && { peer, version: version(ms) ?? ABSENT };
    const [read, effects] = beginRead({ view: all, self: SELF, own: version(own), witness: answer, isTrusted, random });
    this.read = read;
    this.first = effects.map(wordsOf).join(', ');
  }

  take(event: ReadEvent): string {
    const [read, effects] = stepRead(this.read, event);
    this.read = read;
    return effects.map(wordsOf).join(', ');
  }

  has = (from: Peer, ms: number | undefined, isVoter = true) =>
    this.take({ type: 'replica', from, isVoter, version: version(ms) });
  fetched = (ms: number | undefined) => this.take({ type: 'fetched', version: version(ms) });
  stored = (from: Peer) => this.take({ type: 'stored', from });
  failed = (to: Peer) => this.take({ type: 'failed', to });
}

describe('a quorum read', () => {
  it('has its answer at once where nobody else has a copy', () => {
    expect(new Story([], { own: 5 }).first).toBe('answer');
    expect(new Story([], { random: 0 }).first).toBe('answer');
  });

  it.each([
    [2, [A], 'ask a'],
    [3, [A, B], 'ask a'],
    [4, [A, B, C], 'ask b c'],
    [5, [A, B, C, D], 'ask a b'],
  ])('of %d members asks as many others as make a majority', (_count, others, expected) => {
    expect(new Story(others).first).toBe(expected);
  });

  it('asks another one from read to read', () => {
    const asked = new Set([0.13, 0.26, 0.4, 0.6, 0.8].map((random) => new Story([A, B], { random }).first));
    expect([...asked].sort()).toEqual(['ask a', 'ask b']);
  });

  it(`asks everybody in one of ${ASK_ALL_EVERY} reads`, () => {
    expect(new Story([A, B], { random: 0.124 }).first).toBe('ask a b');
    expect(new Story([A, B], { random: 0.126 }).first).toBe('ask b');
  });

  it('asks voters that seem to be alive before all others', () => {
    const view = viewOf([SELF, A, B, C], 1, { voters: [SELF, A, C].map(({ id }) => id) });
    expect(new Story([], { view, random: 0.25 }).first).toBe('ask c a');
    expect(new Story([], { view, random: 0.25, dead: [C] }).first).toBe('ask a b');
  });

  it('takes the word of whoever has passed it on for one answer of the majority', () => {
    expect(new Story([A, B], { own: 5, witness: [A, 5] }).first).toBe('answer');
    expect(new Story([A, B], { witness: [B, undefined] }).first).toBe('answer');
    const larger = new Story([A, B, C, D], { own: 5, witness: [C, 5] });
    expect([larger.first, larger.has(A, 5)]).toEqual(['ask a', 'answer']);
  });

  it('brings whoever has passed it on in line, or fetches what only he has', () => {
    const behind = new Story([A, B], { own: 5, witness: [A, 3] });
    expect([behind.first, behind.stored(A)]).toEqual(['write_back a', 'answer']);
    const ahead = new Story([A, B], { own: 5, witness: [A, 7] });
    expect([ahead.first, ahead.fetched(7)]).toEqual(['fetch a', 'write_back , answer']);
  });

  it('finds out now and then what the others have, also where that is not needed for the answer', () => {
    const story = new Story([A, B], { own: 5, witness: [A, 5], random: 0 });
    expect([story.first, story.has(B, 3)]).toEqual(['ask b, answer', 'repair b']);
  });

  it('is over when a majority has the same', () => {
    expect(new Story([A, B], { own: 5 }).has(A, 5)).toBe('answer');
    expect(new Story([A, B]).has(A, undefined)).toBe('answer');
    const story = new Story([A, B, C, D], { own: 5 });
    expect([story.has(A, 5), story.has(B, 5)]).toEqual(['', 'answer']);
  });

  it('does not count learners, and asks somebody else instead', () => {
    const story = new Story([A, B], { own: 5 });
    expect(story.has(A, 9, false)).toBe('ask b');
    expect(story.has(B, 5)).toBe('answer');
  });

  it('does not count who was not asked, who has answered, or who has come back empty', () => {
    const story = new Story([A, B, C, D], { own: 5 });
    expect([story.has(C, 9), story.has({ ...A, inc: 2n }, undefined), story.has(A, 5), story.has(A, 5)]).toEqual(
      Array(4).fill(''),
    );
    expect(story.has(B, 5)).toBe('answer');
  });

  it('asks the others when somebody fails or takes his time', () => {
    const story = new Story([A, B], { own: 5 });
    expect(story.failed(A)).toBe('ask b');
    expect(story.has(B, 5)).toBe('answer');
    const slow = new Story([A, B], { own: 5 });
    expect([slow.take({ type: 'slow' }), slow.take({ type: 'slow' })]).toEqual(['ask b', '']);
    expect(slow.has(B, 5)).toBe('answer');
    expect(slow.has(A, 5)).toBe('');
  });

  it('is stuck when no majority can be had', () => {
    const story = new Story([A, B], { own: 5 });
    expect([story.failed(A), story.failed(B)]).toEqual(['ask b', 'stuck']);
    expect(new Story([A], { own: 5 }).failed(A)).toBe('stuck');
    expect(new Story([A, B], { own: 5 }).take({ type: 'overdue' })).toBe('stuck');
  });

  it('passes on what it finds out about views', () => {
    const view = viewOf([SELF, A, B], 5);
    const stale = (n: number | undefined) =>
      new Story([], { view }).take({ type: 'stale', from: A, view: n === undefined ? undefined : viewOf([A], n) });
    expect([stale(6), stale(5), stale(4), stale(undefined)]).toEqual([
      'heard_of 6, ask b',
      'ask b',
      'unaware a, ask b',
      'unaware a, ask b',
    ]);
  });
});

describe('a quorum read that finds different versions', () => {
  it('writes back what this node has before it tells it', () => {
    const story = new Story([A, B], { own: 5 });
    expect(story.has(A, 4)).toBe('write_back a');
    expect(story.stored(A)).toBe('answer');
  });

  it('treats having nothing as having something older', () => {
    expect(new Story([A, B], { own: 5 }).has(A, undefined)).toBe('write_back a');
    expect(new Story([A, B]).has(A, 5)).toBe('fetch a');
  });

  it('fetches what is newer than what this node has, which then has it too', () => {
    const story = new Story([A, B], { own: 5 });
    expect(story.has(A, 7)).toBe('fetch a');
    expect(story.fetched(7)).toBe('write_back , answer');
  });

  it('brings the newest to a majority of a larger view', () => {
    const story = new Story([A, B, C, D], { own: 5 });
    expect([story.has(A, 5), story.has(B, 7)]).toEqual(['', 'fetch b']);
    expect(story.fetched(7)).toBe('write_back a');
    expect(story.stored(A)).toBe('answer');
  });

  it('counts whoever has something newer still for having it', () => {
    const story = new Story([A, B, C, D], { own: 5 });
    expect([story.has(A, 4), story.has(B, 3)]).toEqual(['', 'write_back a b']);
    expect([story.stored(A), story.stored(A), story.stored(B)]).toEqual(['', '', 'answer']);
  });

  it('writes back to others when one fails, and is stuck when nobody is left', () => {
    const story = new Story([A, B], { own: 5 });
    story.has(A, 4);
    expect(story.failed(A)).toBe('write_back b');
    expect(story.failed(B)).toBe('stuck');
    const other = new Story([A, B], { own: 5 });
    other.has(A, 4);
    other.failed(A);
    expect(other.stored(B)).toBe('answer');
  });

  it('is stuck when the newest is not to be had, and tells nothing older', () => {
    for (const end of [
      (story: Story) => story.failed(A),
      (story: Story) => story.fetched(undefined),
      (story: Story) => story.fetched(6),
    ]) {
      const story = new Story([A, B], { own: 5 });
      expect(story.has(A, 7)).toBe('fetch a');
      expect(end(story)).toBe('stuck');
    }
  });

  it('brings members in line that answer when it is over, and only those', () => {
    const story = new Story([A, B, C, D], { own: 5, random: 0 });
    expect(story.first).toBe('ask a b c d');
    expect([story.has(A, 5), story.has(B, 5)]).toEqual(['', 'answer']);
    expect(story.has(C, 4)).toBe('repair c');
    expect(story.has(D, 5)).toBe('');
    // A learner fetches what it lacks by itself; something newer is on its way here.
    expect([story.has(D, 3, false), story.has(D, 9)]).toEqual(['', '']);
  });
});
