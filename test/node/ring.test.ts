/** Rings of nodes: how they form, mend, and find together. */
import { closeAll, type TestNode } from '../support/node';
import { isWhole, startMember, startRing, untilWhole, WHOLE_MS } from '../support/ring';

afterEach(closeAll);

describe('a ring', () => {
  it('is a single node that was told to join nobody', async () => {
    const node = await startMember([]);
    expect(isWhole([node])).toBe(true);
  });

  it('is whole when four nodes have started one after the other', async () => {
    const nodes = await startRing(4);
    await untilWhole(nodes);
  });

  it('is whole when four nodes start at once', async () => {
    const first = await startMember([]);
    const others = await Promise.all([first, first, first].map((node) => startMember([node])));
    await untilWhole([first, ...others]);
  });

  it('is whole when ten nodes start, nine of them at once', async () => {
    const first = await startMember([]);
    const others = await Promise.all(Array.from({ length: 9 }, () => startMember([first])));
    await untilWhole([first, ...others], 2 * WHOLE_MS);
  });

  it('mends itself when a node dies', async () => {
    const nodes = await startRing(4);
    await untilWhole(nodes);
    nodes[1]?.crash();
    await untilWhole(without(nodes, 1));
  });
});

const without = (nodes: readonly TestNode[], ...places: readonly number[]) =>
  nodes.filter((_node, place) => !places.includes(place));
