/** What is read off a node's views: where a key stands, what a replica may do, who may fetch, and whether the node may stop. */
import type { KeyId } from '../../src/chord/id';
import {
  afterCrash,
  holdsWholeRing,
  isSafeToStop,
  isSettled,
  mayFetch,
  replicaStanding,
  standingOf,
  stateOf,
  waitedMs,
} from '../../src/replication/views';
import { arc, OneNode, peer, point, view } from './one-node';

const [A, B, C, D] = [peer('1'), peer('3'), peer('5'), peer('7')];
const key = (digits: string) => point(digits) as KeyId;
const own = view(arc('5', '1'), 4, [A, B, C]);

/** A node with these views, after a step. */
function node(...views: readonly Parameters<OneNode['holds']>[]): OneNode {
  const one = new OneNode(A);
  for (const [held, role] of views) one.holds(held, role);
  return one.ring(A, B, C);
}

describe('the standing of a key', () => {
  it('is primary where this node leads, with those who listen', () => {
    const one = node([own]);
    const standing = standingOf(one.views, key('6'));
    expect(standing).toMatchObject({ type: 'primary', view: own, listeners: [] });
    // It is made once, not for every key.
    expect(standingOf(one.views, key('7'))).toBe(standing);
  });

  it('names a newcomer once it fetches, in the arc that it fetches', () => {
    const one = node([own]).ring(A, D, B, C);
    one.pass(500);
    expect(one.asks('invite')).toEqual([D]);
    expect(standingOf(one.views, key('6'))).toMatchObject({ listeners: [] });
    one.asked(D, { type: 'sync_open', arc: own.arc, epoch: own.epoch, purpose: 'listen' });
    expect(standingOf(one.views, key('6'))).toMatchObject({ type: 'primary', listeners: [D] });
  });

  it('is member where another leads, elsewhere where this node only knows who does, or nothing', () => {
    const led = view(arc('1', '3'), 4, [B, C, A]);
    const known = view(arc('3', '4'), 4, [C, B, D]);
    const one = node([led], [known, 'none']);
    expect(standingOf(one.views, key('2'))).toMatchObject({ type: 'member', view: led, isVoter: true });
    expect(standingOf(one.views, key('4'))).toEqual({ type: 'elsewhere', hint: C });
    expect(standingOf(one.views, key('8'))).toEqual({ type: 'elsewhere', hint: B });
  });

  it('points nobody to a primary that is dead', () => {
    const one = node([view(arc('3', '4'), 4, [C, B, D]), 'none']);
    one.tell({ type: 'verdict', peer: C, isAlive: false });
    expect(standingOf(one.views, key('4'))).toEqual({ type: 'elsewhere', hint: B });
  });

  it('is changing from the moment on in which the piece is sealed', () => {
    const one = node([own]);
    const seal = { type: 'seal', epoch: { n: 9, by: 7n }, arc: arc('5', '7'), members: [B], since: own.epoch } as const;
    expect(one.asked(B, seal)).toMatchObject({ type: 'answer_sealed' });
    expect(standingOf(one.views, key('6'))).toMatchObject({ type: 'changing' });
    expect(standingOf(one.views, key('8'))).toMatchObject({ type: 'primary' });
    expect(replicaStanding(one.views, key('6'), own.epoch)).toMatchObject({ type: 'stale' });
  });
});

describe('the standing of a replica', () => {
  it('lets members serve under exactly their view', () => {
    const one = node([own], [view(arc('1', '3'), 4, [B, A]), 'learner']);
    expect(replicaStanding(one.views, key('6'), own.epoch)).toEqual({ type: 'member', isVoter: true });
    expect(replicaStanding(one.views, key('2'), { n: 4, by: B.inc })).toMatchObject({ type: 'member', isVoter: false });
    expect(replicaStanding(one.views, key('6'), { n: 5, by: A.inc })).toMatchObject({ type: 'stale', view: own });
    expect(replicaStanding(one.views, key('4'), own.epoch)).toEqual({ type: 'stale', view: undefined });
  });

  it('lets a newcomer store what it is sent', () => {
    const one = node();
    const epoch = { n: 4, by: B.inc };
    one.asked(B, { type: 'invite', arc: arc('1', '3'), epoch });
    expect(replicaStanding(one.views, key('2'), epoch)).toEqual({ type: 'listener' });
    expect(replicaStanding(one.views, key('2'), { n: 5, by: B.inc })).toMatchObject({ type: 'stale' });
  });
});

describe('who may fetch', () => {
  it('is a member of this very view, or whoever has had it sealed', () => {
    const one = node([own]);
    expect(mayFetch(one.views, own.arc, own.epoch, B)).toBe('yes');
    expect(mayFetch(one.views, own.arc, own.epoch, D)).toEqual({ view: own });
    expect(mayFetch(one.views, own.arc, { n: 3, by: A.inc }, B)).toEqual({ view: own });
    expect(mayFetch(one.views, arc('5', '2'), own.epoch, B)).toEqual({ view: undefined });
    const epoch = { n: 9, by: D.inc };
    one.asked(D, { type: 'seal', epoch, arc: own.arc, members: [D], since: own.epoch });
    expect(mayFetch(one.views, own.arc, epoch, D)).toBe('yes');
    expect(mayFetch(one.views, own.arc, own.epoch, B)).toEqual({ view: own });
  });
});

describe('a node', () => {
  it('has the whole ring to itself while its view says so', () => {
    const one = new OneNode(A).ring(A);
    one.tell({ type: 'create' });
    expect(holdsWholeRing(one.views)).toBe(true);
    expect(holdsWholeRing(node([own]).views)).toBe(false);
  });

  it('may stop where a majority that votes stays behind, and not alone', () => {
    const everybody = () => true;
    expect(isSafeToStop(node([own]).views, everybody)).toBe(true);
    expect(isSafeToStop(node([view(own.arc, 4, [A, B])]).views, everybody)).toBe(false);
    expect(isSafeToStop(node([{ ...own, voters: [A.id, B.id] }]).views, everybody)).toBe(false);
    expect(isSafeToStop(new OneNode(A).ring(A).holds(view(arc('1', '1'), 1, [A])).views, everybody)).toBe(false);
    expect(isSafeToStop(node([own]).views, ({ id }) => id !== B.id)).toBe(false);
  });

  it('is one of them once it votes where it stands', () => {
    expect(stateOf(node([own]).views)).toBe('active');
    expect(stateOf(node([own, 'learner']).views)).toBe('joining');
    const one = node([own]);
    one.tell({ type: 'leave', deadlineMs: 9000 });
    expect(stateOf(one.views)).toBe('leaving');
  });

  it('has a settled view once all members have agreed', () => {
    const one = node([own]);
    expect(isSettled(one.views, own)).toBe(true);
    expect(isSettled(one.views, { ...own, voters: [A.id] })).toBe(false);
    expect(isSettled(one.views, { ...own, epoch: { n: 3, by: A.inc } })).toBe(false);
  });

  it('keeps after a crash what it holds and has promised, and asks everything again', () => {
    const one = node([own]).ring(A, D, B, C);
    const after = afterCrash(one.views, 5000);
    expect(after.holdings).toBe(one.views.holdings);
    expect(after.matters.size).toBe(0);
    expect(after.newcomers).toMatchObject([{ request: undefined, dueAtMs: 5000 }]);
  });

  it('knows how long a write may have waited while it was stopped', () => {
    const one = node([own]);
    one.pass(1000);
    const { beatMs } = one.views;
    expect(waitedMs(one.views, beatMs, beatMs + 100)).toBe(0);
    expect(waitedMs(one.views, beatMs, beatMs + 3000)).toBe(3000);
    one.nowMs += 3000;
    one.tell({ type: 'tick' });
    expect(waitedMs(one.views, one.views.beatMs, one.nowMs + 100)).toBe(3000);
    one.pass(600);
    expect(waitedMs(one.views, one.views.beatMs, one.nowMs)).toBe(0);
  });
});
