/** What a node says it is doing, and why some keys cannot be written, by what it knows of views. */
import { ownState, stopVerdict, whyNoQuorum } from '../../src/admin/views-report';
import { arc, OneNode, peer, view } from '../replication/one-node';

const [A, B, C, D] = [peer('2'), peer('5'), peer('9'), peer('d')];

describe('ownState()', () => {
  const own = view(arc('d', '2'), 4, [A, B, C]);
  const theirs = view(arc('2', '5'), 4, [B, C, A], { voters: [B.id, C.id] });

  it('is active once it votes where it stands and in all that it keeps', () => {
    const one = new OneNode(A)
      .ring(A, B, C, D)
      .holds(own)
      .holds({ ...theirs, voters: theirs.voters });
    expect(ownState('active', one.views)).toBe('active');
    expect(ownState('active', undefined)).toBe('active');
  });

  it('is joining while it does not vote where it stands, though it is ready', () => {
    expect(ownState('active', new OneNode(A).ring(A, B, C, D).views)).toBe('joining');
    expect(ownState('active', new OneNode(A).ring(A, B, C, D).holds(own, 'learner').views)).toBe('joining');
  });

  it('is fetching while it learns something else, and while it is being brought in', () => {
    const learner = new OneNode(A).ring(A, B, C, D).holds(own).holds(theirs, 'learner');
    expect(ownState('active', learner.views)).toBe('fetching');
    const newcomer = new OneNode(A).ring(A, B, C, D).holds(own);
    newcomer.asked(C, { type: 'invite', arc: arc('5', '9'), epoch: { n: 4, by: C.inc } });
    newcomer.pass(200);
    expect(newcomer.jobs()).toMatchObject([{ purpose: 'listen' }]);
    expect(ownState('active', newcomer.views)).toBe('fetching');
    // It waits to be made a member, and has nothing more to do.
    newcomer.tell({ type: 'synced', job: newcomer.jobs()[0]?.id ?? 0, outcome: 'done' });
    expect(ownState('active', newcomer.views)).toBe('active');
  });

  it.each(['joining', 'leaving'] as const)('is %s where it is that, whatever it keeps', (state) => {
    expect(ownState(state, new OneNode(A).ring(A, B, C, D).holds(own).views)).toBe(state);
  });
});

describe('stopVerdict()', () => {
  it('does not count a member that is there again, and has nothing any more', () => {
    const one = new OneNode(A).ring(A, B, C).holds(view(arc('d', '2'), 4, [A, B, C]));
    const everybody = () => true;
    expect(stopVerdict(one.views, everybody)).toEqual({ safe: true, reason: null });
    one.tell({ type: 'verdict', peer: C, isAlive: false });
    expect(stopVerdict(one.views, everybody)).toEqual({
      safe: false,
      reason: `${C.addr}, which keeps an arc too, does not answer`,
    });
  });
});

describe('whyNoQuorum()', () => {
  const without =
    (...dead: readonly (typeof A)[]) =>
    ({ id }: typeof A) =>
      !dead.some((each) => each.id === id);
  const led = view(arc('d', '2'), 4, [A, B, C]);

  it('says so of an arc that the node leads where too few of those who keep it are alive', () => {
    const one = new OneNode(A).ring(A, B, C, D).holds(led);
    expect(whyNoQuorum(one.views, without())).toBeUndefined();
    expect(whyNoQuorum(one.views, without(B))).toBeUndefined();
    const why = 'only 1 of the 3 nodes that keep an arc which it leads can be reached';
    expect(whyNoQuorum(one.views, without(B, C))).toBe(why);
    // That it tries to make another view makes nothing better.
    one.asked(B, { type: 'seal', epoch: { n: 9, by: B.inc }, arc: led.arc, members: [B], since: led.epoch });
    expect(whyNoQuorum(one.views, without(B, C))).toBe(why);
  });

  it('is nothing to say of arcs that others lead, or this node keeps no more', () => {
    const one = new OneNode(A).ring(A, B, C, D).holds(view(arc('2', '5'), 4, [B, C, A]));
    one.holds(view(arc('5', '9'), 4, [C, D, B]), 'none');
    expect(whyNoQuorum(one.views, without(B, C, D))).toBeUndefined();
    expect(whyNoQuorum(undefined, without())).toBe('what it keeps copies of is being restarted');
  });
});
