/** The walk round a ring: whom it finds, in which order, and what it holds against them. */
import { walkRing } from '../../src/admin/ring-walk';
import { countsIn, ShownRing } from '../support/shown-ring';

async function walk(ring: ShownRing, from = 0) {
  const walked = await walkRing(ring.viewFrom(from));
  if (walked === undefined) throw new Error('Expected a ring');
  return walked;
}

const arcText = (lo: string, hi: string) => `(${lo.slice(0, 12)}, ${hi.slice(0, 12)}]`;

describe('walkRing()', () => {
  it.each([1, 2, 3, 4, 5, 6, 40])('finds all of a ring of %i in ring order, and nothing against it', async (size) => {
    const ring = new ShownRing(size);
    for (const from of [0, size - 1]) {
      const { nodes, consistent, covered, problems } = await walk(ring, from);
      const inOrder = ring.peers.map((_peer, place) => ring.at(from + place).addr);
      expect(nodes.map(({ addr }) => addr)).toEqual(inOrder);
      expect({ consistent, covered, problems }).toEqual({ consistent: true, covered: true, problems: [] });
    }
    expect(ring.asked).toHaveLength(2 * (size - 1));
  });

  it('tells of each node what it says of itself', async () => {
    const ring = new ShownRing(3);
    const named = ({ id, addr }: { readonly id: string; readonly addr: string }) => ({ id, addr });
    expect((await walk(ring)).nodes[1]).toEqual({
      ...named(ring.at(1)),
      state: 'active',
      predecessor: named(ring.at(0)),
      successorList: [named(ring.at(2)), named(ring.at(0))],
      arcs: [{ lo: ring.at(0).id, hi: ring.at(1).id }],
      keys: 1,
      bytes: 10,
      tombstones: 0,
      copies: countsIn(3, 1),
    });
  });

  it('passes by who does not answer, and lists it', async () => {
    const ring = new ShownRing(4);
    ring.silent.add(ring.at(2).addr);
    const { nodes, consistent, problems } = await walk(ring);
    expect(nodes.map(({ state }) => state)).toEqual(['active', 'active', 'unreachable', 'active']);
    expect(nodes[2]).toMatchObject({ addr: ring.at(2).addr, predecessor: null, successorList: [], arcs: [], keys: 0 });
    expect(consistent).toBe(false);
    expect(problems).toContain(`${ring.at(2).addr} does not answer`);
  });

  it('holds a dead node against nobody who has it only further down his list', async () => {
    const ring = new ShownRing(4);
    ring.silent.add(ring.at(2).addr);
    ring.bend(1, { successors: [ring.at(3), ring.at(0)] });
    ring.bend(3, { predecessor: ring.at(1), arcs: [{ lo: ring.at(1).id, hi: ring.at(3).id }] });
    const { nodes, consistent, covered } = await walk(ring);
    expect(nodes.map(({ addr }) => addr)).toEqual([0, 1, 3].map((place) => ring.at(place).addr));
    expect({ consistent, covered }).toEqual({ consistent: true, covered: true });
  });

  it('finds a node that nobody has as a successor', async () => {
    const ring = new ShownRing(3);
    ring.bend(0, { successors: [ring.at(2)] });
    const { nodes, consistent, problems } = await walk(ring);
    expect(nodes).toHaveLength(3);
    expect(consistent).toBe(false);
    expect(problems).toEqual([`the successor of ${ring.at(0).addr} is ${ring.at(2).addr}, not ${ring.at(1).addr}`]);
  });

  it.each([
    ['joining', 'has not joined one yet'],
    ['leaving', 'has left'],
  ] as const)('says of a node that is %s that it is in no ring', async (state, why) => {
    const ring = new ShownRing(1);
    ring.bend(0, { state, predecessor: null, successors: [], arcs: [] });
    const { consistent, covered, problems } = await walk(ring);
    expect({ consistent, covered }).toEqual({ consistent: false, covered: false });
    expect(problems).toEqual([`${ring.at(0).addr} is in no ring: it ${why}`]);
  });

  it('notices a predecessor that is not the neighbour', async () => {
    const ring = new ShownRing(3);
    ring.bend(2, { predecessor: ring.at(0) });
    const { consistent, problems } = await walk(ring);
    expect(consistent).toBe(false);
    expect(problems).toEqual([`the predecessor of ${ring.at(2).addr} is ${ring.at(0).addr}, not ${ring.at(1).addr}`]);
    ring.bend(2, { predecessor: null });
    expect((await walk(ring)).problems[0]).toContain('is nobody, not');
  });

  it.each<[string, readonly number[]]>([
    ['goes round without it', [2]],
    ['comes to an end', []],
  ])('notices a walk that %s', async (_what, successors) => {
    const ring = new ShownRing(4);
    ring.bend(3, { successors: successors.map((place) => ring.at(place)) });
    const { consistent, problems } = await walk(ring);
    expect(consistent).toBe(false);
    expect(problems).toContain(`the walk from successor to successor does not come back to ${ring.at(0).addr}`);
  });

  it('says where keys have no owner, or two', async () => {
    const ring = new ShownRing(3);
    ring.bend(1, { arcs: [] });
    const { consistent, covered, problems } = await walk(ring);
    expect({ consistent, covered }).toEqual({ consistent: true, covered: false });
    expect(problems).toEqual([`nobody leads ${arcText(ring.at(0).id, ring.at(1).id)}`]);
    // While a newcomer has nothing yet, its successor has it all.
    ring.bend(2, { arcs: [{ lo: ring.at(0).id, hi: ring.at(2).id }] });
    expect((await walk(ring)).covered).toBe(true);
    ring.bend(1, { arcs: [{ lo: ring.at(0).id, hi: ring.at(1).id }] });
    const overlapping = await walk(ring);
    expect(overlapping.covered).toBe(false);
    expect(overlapping.problems).toEqual([
      `${ring.at(1).addr} and ${ring.at(2).addr} both lead ${arcText(ring.at(0).id, ring.at(1).id)}`,
    ]);
    // A node may lead several arcs, that of a dead neighbour for instance.
    const [a, b, c] = [0, 1, 2].map((place) => ring.at(place).id) as [never, never, never];
    ring.bend(1, { arcs: [] });
    ring.bend(2, {
      arcs: [
        { lo: b, hi: c },
        { lo: a, hi: b },
      ],
    });
    expect((await walk(ring)).covered).toBe(true);
    for (const place of [0, 1, 2]) ring.bend(place, { arcs: [] });
    expect((await walk(ring)).problems).toEqual(['nobody leads any key']);
  });

  it('takes a lone owner of less than everything for a gap', async () => {
    const ring = new ShownRing(1);
    ring.bend(0, { arcs: [{ lo: '0'.repeat(40) as never, hi: ring.at(0).id }] });
    const { covered, problems } = await walk(ring);
    expect(covered).toBe(false);
    expect(problems).toEqual([`nobody leads ${arcText(ring.at(0).id, '0'.repeat(40))}`]);
  });
});
