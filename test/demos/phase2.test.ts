/** The demo of phase 2 holds, and each of its checks notices when something does not: demos/phase2.ts. */
import { arcsProblem, hopsProblem, placementProblem, run } from '../../demos/phase2';
import { ringProblem } from '../../demos/ring-under-show';
import { walkRing } from '../../src/admin/ring-walk';
import { ShownRing } from '../support/shown-ring';
import { startBroken, startHere } from './node-here';
import { shown } from './shown';

test('run() shows what it claims', async () => {
  const lines = await shown((out) => run(out, startHere));
  expect(lines).toContain('  ✓ all 1280 fingers are right');
}, 60_000);

test('run() does not hold when a node does not end in good order', async () => {
  expect(await run(() => {}, startBroken, 2)).toBe(false);
}, 60_000);

async function walk(ring: ShownRing) {
  const seen = await walkRing(ring.viewFrom(1));
  if (seen === undefined) throw new Error('Expected a ring');
  return seen;
}

test('ringProblem() wants exactly the nodes that there are, agreeing with each other', async () => {
  const ring = new ShownRing(4);
  expect(ringProblem(await walk(ring), ring.peers)).toBeUndefined();
  expect(ringProblem(await walk(ring), ring.peers.slice(1))).toBe('it has 4 nodes, not these 3 in their order');
  expect(ringProblem(await walk(ring), [...ring.peers, { id: '0' }])).toBe(
    'it has 4 nodes, not these 5 in their order',
  );
  ring.bend(2, { predecessor: null });
  expect(ringProblem(await walk(ring), ring.peers)).toContain('is nobody');
});

test('arcsProblem() notices a gap, an overlap and a node that owns nothing', async () => {
  const ring = new ShownRing(4);
  expect(arcsProblem((await walk(ring)).nodes)).toBeUndefined();
  ring.bend(2, { arcs: [{ lo: ring.at(0).id, hi: ring.at(2).id }] });
  expect(arcsProblem((await walk(ring)).nodes)).toContain(ring.at(2).addr);
  ring.bend(2, { arcs: [] });
  expect(arcsProblem((await walk(ring)).nodes)).toContain(ring.at(2).addr);
});

test('hopsProblem() tells the longest way', () => {
  expect(hopsProblem([{ hops: 1 }, { hops: 3 }], 3)).toBeUndefined();
  expect(hopsProblem([{ hops: 1 }, { hops: 4 }], 3)).toBe('one took 4');
});

test('placementProblem() compares what a node has with what belongs to it', async () => {
  const ring = new ShownRing(2);
  const seen = await walk(ring);
  expect(placementProblem(seen, new Map([[ring.at(1).id, 1]]))).toBeUndefined();
  expect(placementProblem(seen, new Map([[ring.at(0).id, 1]]))).toBe(`${ring.at(1).addr} has 1 keys, not 0`);
});
