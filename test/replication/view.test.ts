/** Views: majorities, who is a member, and what two tellings of one view amount to. */
import {
  allVote,
  arePeers,
  inRingOrder,
  isMember,
  isSameView,
  primaryOf,
  quorumOf,
  restricted,
  saysTheSame,
  updated,
} from '../../src/replication/view';
import { A, arc, B, C, D, versionAt, viewOf } from './small-arcs';

describe('views', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
  ])('quorumOf() %i members is %i: two of that many always share one', (members, quorum) => {
    expect(quorumOf(members)).toBe(quorum);
    expect(2 * quorumOf(members)).toBeGreaterThan(members);
  });

  it('isMember() asks for the incarnation too: whoever has restarted has forgotten everything', () => {
    const view = viewOf(1, [A, B]);
    expect(isMember(view, B)).toBe(true);
    expect(isMember(view, { ...B, inc: B.inc + 100n })).toBe(false);
    expect(isMember(view, C)).toBe(false);
    expect(arePeers([A, B], [A, { ...B, inc: 9n }])).toBe(false);
    expect(arePeers([A, B], [A])).toBe(false);
  });

  it('primaryOf() is the peer that the view names', () => {
    expect(primaryOf(viewOf(1, [B, A]))).toBe(B);
    expect(() => primaryOf({ ...viewOf(1, [A]), primary: D.id })).toThrow('one of its members');
  });

  it('allVote() is told by the voters', () => {
    expect(allVote(viewOf(1, [A, B]))).toBe(true);
    expect(allVote(viewOf(1, [A, B], { voters: [A.id] }))).toBe(false);
  });

  it('restricted() changes nothing but the arc', () => {
    const view = viewOf(1, [A, B]);
    expect(restricted(view, view.arc)).toBe(view);
    expect(restricted(view, arc('1', '2'))).toEqual({ ...view, arc: arc('1', '2') });
    expect(isSameView(view, restricted(view, arc('1', '2')))).toBe(true);
    expect(saysTheSame(view, restricted(view, arc('1', '2')))).toBe(true);
  });

  it.each([
    ['voters', { voters: [A.id] }],
    ['how many to merge', { syncs: 2 }],
    ['the floor', { floor: versionAt(2) }],
    ['the primary', { primary: B.id }],
    ['members', { members: [B, A] }],
  ])('saysTheSame() looks at %s', (_what, more) => {
    expect(saysTheSame(viewOf(1, [A, B]), viewOf(1, [A, B], more))).toBe(false);
  });

  it('updated() lets vote whoever votes by either telling, and merge as few as in either', () => {
    const first = viewOf(1, [A, B, C], { voters: [C.id], syncs: 2 });
    const second = viewOf(1, [A, B, C], { voters: [A.id, D.id], syncs: 1 });
    expect(updated(first, second)).toEqual({ ...first, voters: [A.id, C.id], syncs: 1 });
    expect(updated(second, first)).toEqual({ ...second, voters: [A.id, C.id], syncs: 1 });
  });

  it('inRingOrder() begins at the point itself, or next behind it, and goes round', () => {
    expect(inRingOrder([A, B, C, D], C.id)).toEqual([C, D, A, B]);
    const between = `${B.id.slice(0, -1)}${B.id.endsWith('f') ? 'e' : 'f'}` as typeof B.id;
    const expected = between > B.id ? [C, D, A, B] : [B, C, D, A];
    expect(inRingOrder([D, C, B, A], between)).toEqual(expected);
  });
});
