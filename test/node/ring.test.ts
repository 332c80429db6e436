/** Rings of nodes: how they form, mend, and find together. */
import * as ringState from '../../actors/ring-state';
import * as routes from '../../actors/routes';
import { closeAll, GET, inShort, PUT, type TestNode, until, within } from '../support/node';
import { addrOf, isWhole, pointersOf, startMember, startRing, untilWhole, WHOLE_MS } from '../support/ring';

const RING_SUP = 'node-sup/services-sup/ring-sup';

afterEach(closeAll);

const without = (nodes: readonly TestNode[], ...places: readonly number[]) =>
  nodes.filter((_node, place) => !places.includes(place));

describe('a ring', () => {
  it('is a single node that was told to join nobody', async () => {
    const node = await startMember([]);
    expect(isWhole([node])).toBe(true);
  });

  it('is whole when four nodes have started one after the other', async () => {
    await untilWhole(await startRing(4));
  });

  it('is whole when four nodes start at once', async () => {
    const first = await startMember([]);
    const others = await Promise.all([first, first, first].map((node) => startMember([node])));
    await untilWhole([first, ...others]);
  });

  it('is whole when ten nodes start, nine of them at once, with lists that do not go round it', async () => {
    const options = { successorListMax: 4 };
    const first = await startMember([], options);
    const others = await Promise.all(Array.from({ length: 9 }, () => startMember([first], options)));
    await untilWhole([first, ...others], 2 * WHOLE_MS);
  }, 60_000);

  it('shows the pointers that its members have where people look for them', async () => {
    const nodes = await startRing(3);
    await untilWhole(nodes);
    for (const node of nodes) {
      const { predecessor, successors } = pointersOf(node) ?? {};
      expect(successors).toHaveLength(2);
      expect(predecessor?.addr).toBe(successors?.[1]?.addr);
      expect([...(successors ?? []), node.node.self].map(({ addr }) => addr).sort()).toEqual(nodes.map(addrOf).sort());
    }
  });
});

describe('a ring that loses a node', () => {
  it('mends itself when it has died', async () => {
    const nodes = await startRing(4);
    await untilWhole(nodes);
    nodes[1]?.crash();
    await untilWhole(without(nodes, 1));
  });

  it('mends itself when its first node, through which all others have joined, has died', async () => {
    const nodes = await startRing(4);
    await untilWhole(nodes);
    nodes[0]?.crash();
    await untilWhole(without(nodes, 0));
  });

  it('mends itself when half of its nodes die at once', async () => {
    const nodes = await startRing(6);
    await untilWhole(nodes);
    for (const place of [0, 2, 5]) nodes[place]?.crash();
    await untilWhole(without(nodes, 0, 2, 5), 2 * WHOLE_MS);
  }, 60_000);

  it('ends with a single node that is a ring by itself', async () => {
    const nodes = await startRing(3);
    await untilWhole(nodes);
    nodes[0]?.crash();
    nodes[2]?.crash();
    await untilWhole(without(nodes, 0, 2));
  });

  it('is whole soon after one has left it, and the one that has left ends in time', async () => {
    const nodes = await startRing(4);
    await untilWhole(nodes);
    const stopped = nodes[2]?.node.stop();
    await untilWhole(without(nodes, 2));
    await within('the end of the node', stopped ?? Promise.reject(new Error('no node')), WHOLE_MS);
  });

  it('is whole when all but one leave at once', async () => {
    const nodes = await startRing(4);
    await untilWhole(nodes);
    await within('the ends', Promise.all(without(nodes, 1).map(({ node }) => node.stop())));
    await untilWhole(nodes.slice(1, 2));
  }, 60_000);

  it('takes a node back in that has died and was started again under its address', async () => {
    const nodes = await startRing(4);
    await untilWhole(nodes);
    const [first, victim] = nodes;
    if (first === undefined || victim === undefined) throw new Error('no nodes');
    victim.crash();
    const again = await startMember([first], { port: victim.port });
    await untilWhole([...without(nodes, 1), again]);
    await until('the others know the later incarnation', () =>
      without(nodes, 1).every((node) => {
        const known = pointersOf(node)?.successors.find(({ id }) => id === again.node.id);
        return known?.inc === again.node.self.inc;
      }),
    );
  });
});

describe('the ring actors of a node', () => {
  it.each(['ring-state', 'failure-detector', 'stabilizer', 'finger-fixer'])(
    'go on with its pointers when %s is killed',
    async (name) => {
      const nodes = await startRing(3);
      await untilWhole(nodes);
      const [node] = nodes;
      const before = node?.runtime.whereis(name);
      await node?.killAt(`${RING_SUP}/${name}`);
      await until('there is another', () => ![undefined, before].includes(node?.runtime.whereis(name)));
      expect(isWhole(nodes)).toBe(true);
      nodes[1]?.crash();
      await untilWhole(without(nodes, 1));
    },
  );

  it('go on with its pointers when their supervisor is killed, or the root of the tree', async () => {
    const nodes = await startRing(3);
    await untilWhole(nodes);
    const [node] = nodes;
    for (const [path, name] of [
      [RING_SUP, 'finger-fixer'],
      ['node-sup/services-sup/peer-sup', 'peer-sup'],
      ['node-sup', 'finger-fixer'],
    ] as const) {
      const before = node?.runtime.whereis(name);
      await node?.killAt(path);
      await until('the tree is back', () => ![undefined, before].includes(node?.runtime.whereis(name)));
      await untilWhole(nodes);
    }
    nodes[1]?.crash();
    await untilWhole(without(nodes, 1));
  }, 60_000);

  it('know everybody in a small ring, also beyond the successor list', async () => {
    const nodes = await startRing(6, { successorListMax: 3 });
    await untilWhole(nodes, 2 * WHOLE_MS);
    await until(
      'everybody knows everybody',
      () => nodes.every((node) => membersOf(node).length === nodes.length),
      15_000,
    );
  }, 30_000);
});

describe('two rings', () => {
  it('stay apart when nobody of one has heard of the other', async () => {
    const options = { ringProbeIntervalMs: 50, stabilizeIntervalMs: 50 };
    const [one, other] = [await startMember([], options), await startMember([], options)];
    const second = await startMember([other], options);
    await untilWhole([other, second]);
    const ticks = handledBy(one);
    await until('much has been looked after', () => handledBy(one) > ticks + 20);
    expect(isWhole([one])).toBe(true);
    expect(isWhole([other, second])).toBe(true);
  });

  it('become one when a member of one remembers a seed in the other', async () => {
    const options = { ringProbeIntervalMs: 200 };
    const ones = await startRing(3, options);
    const others = await startRing(3, options);
    await Promise.all([untilWhole(ones), untilWhole(others)]);
    const [one] = ones;
    const [other] = others;
    if (one === undefined || other === undefined) throw new Error('no nodes');
    const between = await startMember([one, other], options);
    await untilWhole([...ones, ...others, between], 10_000);
  }, 30_000);
});

describe('a lone node', () => {
  it('joins another ring and leaves it, as a program that has it inside tells it', async () => {
    const nodes = await startRing(2);
    await untilWhole(nodes);
    const lone = await startMember([]);
    const joined = await lone.node.joinRing(nodes.slice(0, 1).map(addrOf));
    expect(joined).toEqual({ ok: true, value: undefined });
    await untilWhole([...nodes, lone]);
    await lone.node.leaveRing();
    await untilWhole(nodes);
    expect(pointersOf(lone)?.phase).toBe('left');
    expect(await lone.node.createRing()).toMatchObject({ ok: false, error: { code: 'in_a_ring' } });
  });

  it('serves what it has while others come and go', async () => {
    const node = await startMember([]);
    const client = await node.connect();
    expect(inShort(await client.ask(PUT('k', 'v')))).toBe('success');
    expect(inShort(await client.ask(GET('k')))).toBe('success v');
  });
});

const membersOf = (node: TestNode) => node.runtime.run(routes.read)?.members ?? [];

/** How many messages the ring state of a node has handled. */
function handledBy(node: TestNode): number {
  const pid = node.runtime.whereis(ringState.NAME);
  return (pid && node.runtime.processInfo(pid)?.handled) ?? 0;
}
