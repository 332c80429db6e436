/** Who should hold a piece, who can, and whether that is reason enough to change its view. */
import { contains, mergersOf, plansOf } from '../../src/replication/views-desire';
import { arc, OneNode, peer, view } from './one-node';

const [A, B, C, D, E] = [peer('1'), peer('3'), peer('5'), peer('7'), peer('9')];

const names = (peers: readonly { readonly id: string }[]) => peers.map(({ id }) => id[0]).join('');

/** What a node thinks that holds this view in a ring of these. */
function plansIn(
  ring: readonly (typeof A)[],
  held: ReturnType<typeof view>,
  change: (node: OneNode) => void = () => {},
) {
  const node = new OneNode(A).ring(...ring);
  node.holds(held);
  change(node);
  return plansOf(node.views);
}

describe('plans', () => {
  it('want nothing where the first of the ring are members', () => {
    const [plan, ...more] = plansIn([A, B, C, D], view(arc('7', '1'), 1, [A, B, C]));
    expect(more).toEqual([]);
    expect(plan).toMatchObject({ reason: undefined, isLed: true, rank: 0 });
    expect(names(plan?.desired ?? [])).toBe('135');
  });

  it('want whoever is nearer than a member, and keep that member until the other is ready', () => {
    const held = view(arc('9', '1'), 1, [A, C, D]);
    const [plan] = plansIn([A, B, C, D, E], held);
    expect([names(plan?.desired ?? []), names(plan?.members ?? []), plan?.reason]).toEqual(['135', '157', undefined]);
    const [next] = plansIn([A, B, C, D, E], held, (node) => {
      const newcomer = { peer: B, arc: held.arc, epoch: held.epoch, seenAtMs: 0, dueAtMs: 0, failures: 0 };
      node.views = { ...node.views, newcomers: [{ ...newcomer, state: 'ready', request: undefined }] };
    });
    expect([names(next?.members ?? []), next?.reason]).toEqual(['135', 'members']);
  });

  it('drop a dead member at once, though nobody is ready to take its place', () => {
    const [plan] = plansIn([A, B, D], view(arc('7', '1'), 1, [A, B, C]), (node) => {
      node.views = { ...node.views, dead: new Map([[C.id, C]]) };
    });
    expect([names(plan?.desired ?? []), names(plan?.members ?? []), plan?.reason]).toEqual(['137', '13', 'members']);
  });

  it('take a higher incarnation for another node', () => {
    const again = peer('3', B.inc + 1n);
    const [plan] = plansIn([A, again, C], view(arc('5', '1'), 1, [A, B, C]));
    expect(plan?.reason).toBe('members');
    expect(plan?.members).toEqual([A, C]);
    expect(plan?.desired).toEqual([A, again, C]);
  });

  it('keep a leaver until there is somebody in its place, and drop it where there never will be', () => {
    const leaves = (node: OneNode) => {
      node.views = { ...node.views, departing: new Map([[B.id, Infinity]]) };
    };
    const [kept] = plansIn([A, B, C, D], view(arc('7', '1'), 1, [A, B, C]), leaves);
    expect([names(kept?.members ?? []), kept?.reason]).toEqual(['135', undefined]);
    const [dropped] = plansIn([A, B, C], view(arc('5', '1'), 1, [A, B, C]), leaves);
    expect([names(dropped?.members ?? []), dropped?.reason]).toEqual(['15', 'members']);
  });

  it('cut a piece where somebody stands, and leave each part to whoever comes first behind it', () => {
    const plans = plansIn([A, B, C], view(arc('1', '1'), 1, [A, B, C]));
    expect(plans.map((plan) => [plan.arc, plan.rank, plan.reason])).toEqual([
      [arc('1', '3'), 2, undefined],
      [arc('3', '5'), 1, undefined],
      [arc('5', '1'), 0, undefined],
    ]);
  });

  it('make the first voter the primary, and the next one only if the primary is dead', () => {
    const [first] = plansIn([A, B, C], view(arc('5', '1'), 1, [C, A, B]));
    expect([first?.rank, first?.reason]).toEqual([0, 'primary']);
    const behind = view(arc('1', '3'), 1, [C, B, A]);
    expect(plansIn([A, B, C], behind)[0]).toMatchObject({ rank: 2, reason: undefined });
    const dead = (node: OneNode) => {
      node.views = { ...node.views, dead: new Map([[C.id, C]]) };
    };
    expect(plansIn([A, B], behind, dead)[0]).toMatchObject({ rank: 1, reason: 'primary' });
  });

  it('leave everything to others while this node leaves, unless nobody else votes', () => {
    const leaves = (node: OneNode) => {
      node.views = { ...node.views, departing: new Map([[A.id, Infinity]]) };
    };
    expect(plansIn([A, B, C], view(arc('5', '1'), 1, [A, B, C]), leaves)[0]?.reason).toBeUndefined();
    const alone = view(arc('5', '1'), 1, [A, B], { voters: [A.id] });
    expect(plansIn([A, B], alone, leaves)[0]).toMatchObject({ rank: 0 });
  });
});

describe('mergers', () => {
  const held = [view(arc('7', '9'), 1, [A, B, C]), view(arc('9', '1'), 2, [A, B, C])] as const;

  function mergers(ring: readonly (typeof A)[]) {
    const node = new OneNode(A).ring(...ring);
    node.holds(held[0]).holds(held[1]);
    return mergersOf(node.views, plansOf(node.views));
  }

  it('join neighbours with the same members where nobody stands', () => {
    expect(mergers([A, B, C, D])).toMatchObject([{ arc: arc('7', '1'), reason: 'merge' }]);
  });

  it('leave apart what ends at a node', () => {
    expect(mergers([A, B, C, D, E])).toEqual([]);
  });
});

describe('one arc in another', () => {
  it.each([
    ['1', '5', '2', '4', true],
    ['1', '5', '1', '5', true],
    ['1', '5', '4', '2', false],
    ['1', '5', '2', '6', false],
    ['5', '1', '7', '0', true],
    ['1', '1', '4', '2', true],
    ['1', '5', '3', '3', false],
  ])('(%s, %s] and (%s, %s]: %s', (lo, hi, from, to, isIn) => {
    expect(contains(arc(lo, hi), arc(from, to))).toBe(isIn);
  });
});
