/** What the promises of others allow whoever attempts to make a view. */
import type { Peer } from '../../src/chord/peer';
import type { Range } from '../../src/chord/range';
import type { Holding, Holdings, Pending, Piece } from '../../src/replication/holding';
import type { View } from '../../src/replication/view';
import {
  asked,
  type Attempt,
  beginAttempt,
  clocksSeen,
  judge,
  sealedBy,
  sealOf,
  toAsk,
  viewMade,
} from '../../src/replication/views-attempt';
import { A, arc, B, C, D, E, epoch, holdingOf, versionAt, viewOf, WHOLE } from './small-arcs';

const three = viewOf(1, [A, B, C], { syncs: 2 });

/** An attempt of A's, unless somebody else's, whose members are those of `next`. */
function attemptOf(own: Holdings, next: readonly Peer[], where: Range = WHOLE): Attempt {
  const [self = A] = next;
  const clock = versionAt(5, 'writer-a');
  return beginAttempt({ id: 1, arc: where, epoch: epoch(9, self), members: next, self, own, clock, nowMs: 7 });
}

const piece = (view: View | undefined, role: Piece['role'] = 'voter', pending: readonly Pending[] = []): Piece => ({
  arc: view?.arc ?? WHOLE,
  view,
  role,
  pending,
});
const promise = (attempt: Attempt, from: Peer, ...pieces: readonly Piece[]) =>
  sealedBy(attempt, from, { type: 'sealed', pieces, clock: versionAt(1) });
const nobodyDead = () => false;
const dead =
  (...peers: readonly Peer[]) =>
  (peer: Peer) =>
    peers.includes(peer);
const pendingOf = (
  n: number,
  members: readonly [Peer, ...Peer[]],
  view: View = three,
  role: Holding['role'] = 'voter',
) => piece(view, role, [{ epoch: epoch(n, members[0]), members }]);

const begun = attemptOf([holdingOf(three)], [A, B, D]);

describe('an attempt', () => {
  it('asks the members of its view, each once, and not itself', () => {
    expect(toAsk(begun)).toEqual([B, C]);
    expect(toAsk(asked(begun, B))).toEqual([C]);
  });

  it('asks whoever is a member of a newer view, or of one that somebody is about to make', () => {
    expect(toAsk(promise(begun, B, pendingOf(3, [D, B])))).toEqual([B, C, D]);
    expect(toAsk(promise(begun, B, piece(viewOf(4, [E, B]), 'learner')))).toEqual([E, B]);
    // Of a view that somebody has only heard of, the members are to be asked as well.
    expect(toAsk(promise(begun, C, piece(viewOf(4, [E, D]), 'none')))).toEqual([B, C, E, D]);
  });

  it('says of which of its earlier intentions nothing came: those after the view that it has', () => {
    expect(sealOf(begun)).toEqual({
      type: 'seal',
      epoch: epoch(9, A),
      arc: WHOLE,
      members: [A, B, D],
      since: three.epoch,
    });
    const cut = [holdingOf({ ...three, arc: arc('0', '8') }), holdingOf(viewOf(5, [A], { arc: arc('8', '0') }))];
    expect(sealOf(attemptOf(cut, [A])).since).toEqual(three.epoch);
  });

  it('makes a view whose floor is the latest of all clocks, in its own name', () => {
    const attempt = promise(promise(begun, B, piece(three)), C, piece(three));
    const late = sealedBy(attempt, D, { type: 'sealed', pieces: [], clock: versionAt(77) });
    expect(viewMade(late, versionAt(6, 'writer-a'), { voters: [A.id], syncs: 1 })).toEqual({
      epoch: epoch(9, A),
      arc: WHOLE,
      members: [A, B, D],
      primary: A.id,
      voters: [A.id],
      syncs: 1,
      floor: versionAt(77, 'writer-a'),
    });
    expect(clocksSeen(late)).toHaveLength(4);
    expect(viewMade(attempt, versionAt(6, 'writer-a'), { voters: [], syncs: 1 }).floor).toEqual(
      versionAt(6, 'writer-a'),
    );
  });
});

describe('judge() in the normal case', () => {
  it('waits for a majority of the voters', () => {
    expect(judge(begun, nobodyDead)).toEqual({ type: 'wait', silent: [B, C] });
  });

  it('has vote whoever has promised and stays, and says who might still', () => {
    const made = { type: 'made', voters: [A.id, B.id], syncs: 2, isLoss: false };
    expect(judge(promise(begun, B, piece(three)), nobodyDead)).toEqual({ ...made, silent: [C] });
    expect(judge(promise(promise(begun, B, piece(three)), C, piece(three)), nobodyDead)).toEqual({
      ...made,
      silent: [],
    });
  });

  it('needs no proof of death for a majority', () => {
    expect(judge(promise(begun, B, piece(three)), dead(C))).toMatchObject({ type: 'made', isLoss: false, silent: [] });
  });

  it('counts no other incarnation of a voter', () => {
    const again = { ...B, inc: 77n };
    expect(judge(promise(begun, again, piece(three)), nobodyDead)).toEqual({ type: 'wait', silent: [B, C] });
    const back = attemptOf([holdingOf(three)], [A, again, C]);
    const verdict = judge(promise(promise(back, B, piece(three)), C, piece(three)), nobodyDead);
    expect(verdict).toMatchObject({ type: 'made', voters: [A.id, C.id] });
  });

  it('merges first where too few of the voters stay for anybody else ever to vote', () => {
    const moving = attemptOf([holdingOf(three)], [A, D, E]);
    expect(judge(promise(moving, B, piece(three)), nobodyDead)).toMatchObject({
      type: 'rescue',
      from: [B],
      isLoss: false,
    });
  });

  it('merges first where the majority shrinks', () => {
    const shrinking = attemptOf([holdingOf(three)], [A]);
    const all = promise(promise(shrinking, B, piece(three)), C, piece(three, 'learner'));
    expect(judge(all, nobodyDead)).toMatchObject({ type: 'rescue', from: [B, C], isLoss: false });
  });

  it('grows from one node without asking anybody', () => {
    const alone = attemptOf([holdingOf(viewOf(1, [A]))], [A, B]);
    expect(toAsk(alone)).toEqual([]);
    expect(judge(alone, nobodyDead)).toEqual({ type: 'made', voters: [A.id], syncs: 1, isLoss: false, silent: [] });
  });
});

describe('judge() without a majority of voters', () => {
  const young = viewOf(2, [A, B, C], { voters: [A.id], syncs: 1 });
  const growing = attemptOf([holdingOf(young)], [A, B]);

  it('takes a majority of the members if enough of them are voters, and merges what the learners have', () => {
    expect(judge(promise(growing, C, piece(young, 'learner')), nobodyDead)).toMatchObject({
      type: 'rescue',
      from: [C],
    });
  });

  it('counts a member that has not adopted the view: it has acknowledged nothing in it, and has nothing to merge', () => {
    const verdict = judge(promise(growing, C, piece(viewOf(1, [C]))), nobodyDead);
    expect(verdict).toEqual({ type: 'made', voters: [A.id], syncs: 1, isLoss: false, silent: [B] });
    expect(judge(promise(growing, C), nobodyDead)).toMatchObject({ type: 'made' });
  });

  it('does not count a member that has gone on to something newer: nobody knows what it was', () => {
    expect(judge(promise(growing, C, piece(viewOf(4, [D]), 'none')), nobodyDead)).toMatchObject({ type: 'wait' });
  });

  it('counts a voter that has never heard of the view for what it was made from, and merges that', () => {
    // B was counted on when the view was made, and had promised something newer to D when it was told.
    const made = viewOf(5, [A, B, C], { voters: [A.id, B.id], syncs: 2 });
    const unheard = promise(attemptOf([holdingOf(made)], [A, B, C]), B, piece(three));
    expect(judge(unheard, nobodyDead)).toEqual({ type: 'rescue', from: [B], isLoss: false, silent: [C] });
    // What a learner had, the view was not made from; nor what somebody has who was not counted on.
    const learner = promise(attemptOf([holdingOf(made)], [A, B, C]), B, piece(three, 'learner'));
    expect(judge(learner, nobodyDead)).toMatchObject({ type: 'wait' });
    const other = promise(attemptOf([holdingOf(made)], [A, B, C]), C, piece(three));
    expect(judge(other, nobodyDead)).toMatchObject({ type: 'wait' });
  });

  it('waits where too few are voters', () => {
    const needsTwo = viewOf(2, [A, B, C], { voters: [A.id, B.id], syncs: 2 });
    const attempt = promise(attemptOf([holdingOf(needsTwo)], [A, B]), C, piece(needsTwo, 'learner'));
    expect(judge(attempt, nobodyDead)).toEqual({ type: 'wait', silent: [B] });
    // Somebody may know that fewer are needed by now.
    const told = promise(attempt, C, piece({ ...needsTwo, syncs: 1 }, 'learner'));
    expect(judge(told, nobodyDead)).toMatchObject({ type: 'rescue', from: [C] });
  });
});

describe('judge() without those who are proven dead', () => {
  it('needs every single one to have promised or to be dead', () => {
    const five = viewOf(1, [A, B, C, D, E]);
    const attempt = promise(attemptOf([holdingOf(five)], [A, B]), B, piece(five));
    expect(judge(attempt, dead(C, D))).toEqual({ type: 'wait', silent: [E] });
    expect(judge(attempt, dead(C, D, E))).toMatchObject({ type: 'rescue', from: [B], isLoss: true });
  });

  it('goes on alone in a ring of two, without loss if one was known to be enough', () => {
    const two = viewOf(1, [B, A], { syncs: 1 });
    const attempt = attemptOf([holdingOf(two)], [A]);
    expect(judge(attempt, nobodyDead)).toEqual({ type: 'wait', silent: [B] });
    expect(judge(attempt, dead(B))).toEqual({ type: 'made', voters: [A.id], syncs: 1, isLoss: false, silent: [] });
    const fresh = attemptOf([holdingOf({ ...two, syncs: 2 })], [A]);
    expect(judge(fresh, dead(B))).toMatchObject({ type: 'made', isLoss: true });
  });

  it('lets a learner save what there is when no voter is left, and says that something may be lost', () => {
    const young = viewOf(2, [B, C, A], { voters: [B.id, C.id], syncs: 1 });
    const attempt = attemptOf([holdingOf(young, { role: 'learner' })], [A]);
    expect(judge(attempt, dead(B))).toEqual({ type: 'wait', silent: [C] });
    expect(judge(attempt, dead(B, C))).toEqual({ type: 'made', voters: [A.id], syncs: 1, isLoss: true, silent: [] });
    const withVoter = promise(attempt, C, piece(young));
    expect(judge(withVoter, dead(B))).toMatchObject({ type: 'hopeless' });
  });

  it('does without whoever has gone on, but says that something may be lost', () => {
    const attempt = promise(attemptOf([holdingOf(three)], [A]), B, piece(viewOf(4, [D]), 'none'));
    expect(judge(attempt, dead(C))).toEqual({ type: 'wait', silent: [D] });
    expect(judge(attempt, dead(C, D))).toMatchObject({ type: 'made', voters: [A.id], isLoss: true });
  });
});

describe('judge() with views that may have been made behind its back', () => {
  it('waits until so many members have promised that it can have no majority', () => {
    const heard = promise(begun, B, pendingOf(3, [D, B, E]));
    expect(judge(heard, nobodyDead)).toEqual({ type: 'wait', silent: [D, E] });
    expect(judge(promise(heard, E), nobodyDead)).toMatchObject({ type: 'made', voters: [A.id, B.id] });
  });

  it('knows that it was not made from its maker, who would have adopted it', () => {
    const heard = promise(begun, B, pendingOf(3, [D, C, E]));
    expect(judge(heard, nobodyDead)).toMatchObject({ type: 'wait' });
    expect(judge(promise(heard, D), nobodyDead)).toMatchObject({ type: 'made' });
    // The same goes for what this node itself meant to make.
    expect(judge(promise(begun, B, pendingOf(3, [A, D, E])), nobodyDead)).toMatchObject({ type: 'made' });
  });

  it('goes on from it if one of its members has adopted it', () => {
    const other = viewOf(3, [D, B, E]);
    const heard = promise(begun, B, piece(other, 'learner'));
    expect(judge(heard, nobodyDead)).toEqual({ type: 'hopeless', newer: other, isTooWide: false });
    // As a member that has not adopted it, this node has to take it over first.
    const with3 = viewOf(3, [D, A]);
    expect(judge(promise(begun, D, piece(with3)), nobodyDead)).toMatchObject({ type: 'hopeless', newer: with3 });
  });

  it('takes a view of which somebody has only heard for an intention', () => {
    const heard = promise(begun, B, piece(three));
    const rumour = promise(heard, C, piece(viewOf(3, [D, E, B]), 'none'));
    expect(judge(rumour, nobodyDead)).toEqual({ type: 'wait', silent: [D, E] });
    expect(judge(promise(rumour, E), nobodyDead)).toMatchObject({ type: 'made' });
  });

  it('passes it over if all its members have promised or are dead, and says that something may be lost', () => {
    const heard = promise(begun, B, pendingOf(3, [D, C, E]));
    expect(judge(heard, dead(D, E))).toEqual({ type: 'wait', silent: [C] });
    const all = promise(heard, C, piece(three));
    expect(judge(all, nobodyDead)).toMatchObject({ type: 'wait' });
    expect(judge(all, dead(D, E))).toMatchObject({ type: 'rescue', from: [B, C], isLoss: true });
  });

  it('has nothing to do with what is older than what it has', () => {
    const attempt = promise(begun, B, piece(three), piece(undefined, 'none', [{ epoch: epoch(0, D), members: [D] }]));
    expect(judge(attempt, nobodyDead)).toMatchObject({ type: 'made' });
  });
});

describe('judge() where this node has no say', () => {
  it.each<[string, Holdings]>([
    ['knows nothing', []],
    ['knows the view only', [holdingOf(three, { role: 'none' })]],
  ])('is hopeless if it %s', (_what, own) => {
    expect(judge(attemptOf(own, [A, B]), nobodyDead)).toMatchObject({ type: 'hopeless' });
  });

  it('is hopeless if it has a say in a part only', () => {
    const own = [holdingOf({ ...three, arc: arc('0', '8') })];
    expect(judge(attemptOf(own, [A, B]), nobodyDead)).toMatchObject({ type: 'hopeless' });
  });
});

describe('judge() over pieces that differ', () => {
  const low = { ...three, arc: arc('0', '8') };
  const high = viewOf(2, [C, A, B], { arc: arc('8', '0') });
  const wide = attemptOf([holdingOf(low), holdingOf(high)], [A, B, C]);

  it('has vote who votes in all of them', () => {
    const attempt = promise(promise(wide, B, piece(low), piece(high)), C, piece(low, 'learner'), piece(high));
    expect(judge(attempt, nobodyDead)).toMatchObject({ type: 'made', voters: [A.id, B.id], syncs: 2 });
  });

  it('waits for each of them', () => {
    const attempt = promise(wide, C, piece(high));
    expect(judge(attempt, nobodyDead)).toEqual({ type: 'wait', silent: [B] });
  });

  it('is too wide if the same nodes cannot be merged in all of them', () => {
    const attempt = promise(promise(wide, B, piece(low)), C, piece(high));
    expect(judge(attempt, nobodyDead)).toEqual({ type: 'hopeless', newer: undefined, isTooWide: true });
    const part = attemptOf([holdingOf(low), holdingOf(high)], [A, B, C], low.arc);
    expect(judge(promise(part, B, piece(low)), nobodyDead)).toMatchObject({ type: 'made' });
  });
});
