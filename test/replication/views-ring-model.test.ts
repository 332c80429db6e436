/** Several nodes and the views of all arcs, through random joins, leaves, crashes, restarts, pauses, partitions and lost messages. */
import { SmallViews } from './small-views';
import { drawViews } from './views-drawing';

const SEEDS = Number(process.env['VIEWS_SEEDS'] ?? 3);
const FIRST = Number(process.env['VIEWS_FIRST'] ?? 1);

/** Long enough for proofs of death, changes of view and what has to be fetched for them, one after the other. */
const SETTLE_MS = 60_000;

/** Runs a story with many seeds. A failure names the seed, and shows the nodes as they were; with `VIEWS_FIRST=seed`, what happened. */
function eachSeed(tell: (world: SmallViews) => void, { mayLose = false } = {}): () => void {
  return () => {
    for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
      const world = new SmallViews(seed);
      if (process.env['VIEWS_FIRST']) world.trace = [];
      try {
        tell(world);
        if (!mayLose) expect(world.clients.losses).toBe(0);
        expect(world.clients.problems).toEqual([]);
      } catch (error) {
        const trace = world.trace?.slice(-150).join('\n') ?? '';
        if (error instanceof Error)
          error.message = `with seed ${seed}: ${error.message}\n${trace}\n${drawViews(world)}`;
        throw error;
      }
    }
  };
}

/** A ring of so many that is as it should be, and clients that go on for a while. */
function begin(world: SmallViews, nodes: number, loadMs: number): void {
  world.latencyMaxMs = world.chance(0.5) ? 5 : 60;
  world.create();
  world.clients.keepBusy(15, loadMs);
  for (let i = 1; i < nodes; i += 1) world.join();
  settle(world);
}

/** In the end every arc has the view that it should have, and nothing that was acknowledged is missing. */
function settle(world: SmallViews): void {
  world.runUntil(() => world.unsettled() === undefined, SETTLE_MS);
  expect(world.unsettled()).toBeUndefined();
  expect(world.clients.lost()).toEqual([]);
}

/** Something happens that a ring has to stand. */
function disturb(world: SmallViews): void {
  const { inRing } = world;
  const node = world.pick(inRing);
  if (node === undefined) return;
  const dice = inRing.length < 4 ? 0 : world.number();
  if (dice < 0.4) world.join();
  else if (dice < 0.65) world.pause(node, 3000 * (world.chance(0.5) ? 1 : 0.1));
  else {
    world.kill(node);
    if (world.chance(0.5)) world.after(1000, () => world.join(node.self));
  }
}

describe('views of a small ring', () => {
  it(
    'grow from one node to two and to three, with all that is written meanwhile',
    eachSeed((world) => {
      begin(world, 1, 20_000);
      world.join();
      settle(world);
      world.join();
      settle(world);
      world.run(3000);
      expect(world.clients.written).toBeGreaterThan(100);
      expect(world.clients.reads).toBeGreaterThan(50);
    }),
  );

  it(
    'follow ten nodes that join at once',
    eachSeed((world) => {
      begin(world, 10, 10_000);
    }),
  );

  it(
    'do without one that has died, without a proof where a majority is left',
    eachSeed((world) => {
      begin(world, 5, 60_000);
      for (let i = 0; i < 3; i += 1) {
        const victim = world.pick(world.inRing);
        if (victim === undefined) throw new Error('Nobody is left');
        world.kill(victim);
        settle(world);
        world.join();
        settle(world);
      }
    }),
  );

  it(
    'become views of two, and of one once the death of the other is proven',
    eachSeed((world) => {
      begin(world, 3, 60_000);
      for (let left = 2; left > 0; left -= 1) {
        const victim = world.pick(world.inRing);
        // Everybody has the same by then, so fewer of them need be merged.
        world.run(3000);
        if (victim) world.kill(victim);
        settle(world);
      }
    }),
  );

  it(
    'take whoever was restarted under its old address for somebody new',
    eachSeed((world) => {
      begin(world, 4, 60_000);
      for (let i = 0; i < 3; i += 1) {
        const victim = world.pick(world.inRing);
        if (victim === undefined) throw new Error('Nobody is left');
        world.kill(victim);
        world.run(1500 * (i % 2));
        world.join(victim.self);
        settle(world);
      }
    }),
  );

  it(
    'let nodes leave, which go only when nothing needs them',
    eachSeed((world) => {
      begin(world, 6, 60_000);
      for (let i = 0; i < 4; i += 1) {
        const leaver = world.pick(world.inRing);
        if (leaver === undefined) throw new Error('Nobody is left');
        world.leave(leaver);
        expect(world.runUntil(() => leaver.left !== undefined, SETTLE_MS)).toBe(true);
        expect(leaver.left).toBe('handed_over');
        leaver.isIn = false;
        world.kill(leaver);
        settle(world);
      }
    }),
  );

  it(
    'survive messages that are lost',
    eachSeed((world) => {
      begin(world, 3, 40_000);
      world.loss = 0.1;
      world.join();
      world.run(3000);
      world.join();
      world.run(5000);
      world.loss = 0;
      settle(world);
    }),
  );

  it(
    'stay with the majority in a partition, and everybody has them afterwards',
    eachSeed((world) => {
      const size = world.chance(0.5) ? 3 : 6;
      begin(world, size, 60_000);
      world.partition(world.inRing.slice(0, size / 3), world.inRing.slice(size / 3));
      world.run(8000);
      world.heal();
      settle(world);
    }),
  );

  it(
    'stand a node that is stopped for a while and goes on where it was',
    eachSeed((world) => {
      begin(world, 4, 60_000);
      for (let i = 0; i < 3; i += 1) {
        const sleeper = world.pick(world.inRing);
        if (sleeper) world.pause(sleeper, 500 + 1500 * i);
        world.run(6000);
        settle(world);
      }
    }),
  );

  it(
    'come right again after everything at once, with messages that are lost',
    eachSeed(
      (world) => {
        begin(world, 5, 60_000);
        world.loss = world.chance(0.5) ? 0.03 : 0;
        for (let i = 0; i < 12; i += 1) {
          disturb(world);
          world.run(4000 * (world.chance(0.5) ? 1 : 0.1));
        }
        world.loss = 0;
        settle(world);
      },
      { mayLose: true },
    ),
  );

  it(
    'clean up what is left over, and send next to nothing once all is as it should be',
    eachSeed((world) => {
      begin(world, 5, 5000);
      const leftOver = () => world.inRing.flatMap(({ views }) => views.surplus);
      // Who leads an arc is asked of anybody, which may have to be repeated.
      world.runUntil(() => leftOver().length === 0, SETTLE_MS);
      expect(leftOver()).toEqual([]);
      world.run(10_000);
      const { sent } = world;
      world.run(10_000);
      // Members ask now and then whether they have missed a view.
      expect(world.sent - sent).toBeLessThan(150);
    }),
  );
});
