/** Several nodes and what each of them owns, through random joins, leaves, crashes, pauses, false news and lost messages. */
import { type OwnerNode, SmallOwners } from './small-owners';

const SEEDS = Number(process.env['OWNERSHIP_SEEDS'] ?? 6);
const FIRST = Number(process.env['OWNERSHIP_FIRST'] ?? 1);

/** Long enough for a claim, a take-over and the transfers that follow from them, one after the other. */
const SETTLE_MS = 30_000;

/** Runs a story with many seeds. A failure names the seed, and shows the nodes as they were; with `OWNERSHIP_FIRST=seed`, what happened. */
function eachSeed(tell: (world: SmallOwners) => void): () => void {
  return () => {
    let transfers = 0;
    for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
      const world = new SmallOwners(seed);
      if (process.env['OWNERSHIP_FIRST']) world.trace = [];
      try {
        tell(world);
        expect(world.problems).toEqual([]);
      } catch (error) {
        const trace = world.trace?.slice(-80).join('\n') ?? '';
        if (error instanceof Error) error.message = `with seed ${seed}: ${error.message}\n${trace}\n${world.show()}`;
        throw error;
      }
      ({ transfers } = { transfers: transfers + world.transfers });
    }
    expect(transfers).toBeGreaterThanOrEqual(3 * SEEDS);
  };
}

/** A ring of one, and clients that write to it for a while. */
function begin(world: SmallOwners, loadMs: number): void {
  world.weather = { latencyMaxMs: world.chance(0.5) ? 5 : 60, loss: 0 };
  world.create();
  world.run(10);
  const endMs = world.nowMs + loadMs;
  const go = () => {
    world.write();
    if (world.nowMs < endMs) world.after(15, go);
  };
  go();
}

/** A ring of several that is whole. */
function beginWith(world: SmallOwners, nodes: number, loadMs: number): void {
  begin(world, loadMs);
  for (let i = 1; i < nodes; i += 1) world.join();
  expect(world.runUntil(() => world.isWhole(), SETTLE_MS)).toBe(true);
}

function comeOrGo(world: SmallOwners, deadlineMs?: number): void {
  const staying = world.staying();
  // Half of the leavers are sent away before they have got anything.
  const joiners = world.members.filter(({ ownership }) => !ownership.owned && !ownership.isGone);
  const leaver = world.pick(world.chance(0.5) ? staying : joiners);
  if (staying.length < 3 || (staying.length < 7 && world.chance(0.6))) world.join();
  else if (leaver) world.leave(leaver, deadlineMs);
}

function expectAllWell(world: SmallOwners): void {
  expect(world.runUntil(() => world.isWhole(), SETTLE_MS)).toBe(true);
  // What is on its way to its owner record by record takes longer.
  expect(world.runUntil(() => world.lost().length === 0, SETTLE_MS) ? [] : world.lost()).toEqual([]);
  world.isExclusive = true;
  world.run(3000);
  expect(world.isWhole()).toBe(true);
}

describe('ownership', () => {
  it(
    'gives every key one owner that has all its writes, through joins and leaves',
    eachSeed((world) => {
      begin(world, 12_000);
      for (let i = 0; i < 14; i += 1) {
        comeOrGo(world);
        world.run(world.chance(0.3) ? 10 : 600);
      }
      expectAllWell(world);
    }),
  );

  it(
    'does so when messages are lost',
    eachSeed((world) => {
      begin(world, 12_000);
      world.weather = { latencyMaxMs: 20, loss: 0.15 };
      for (let i = 0; i < 12; i += 1) {
        comeOrGo(world, 60_000);
        world.run(world.chance(0.3) ? 10 : 800);
      }
      world.weather = { latencyMaxMs: 20, loss: 0 };
      expectAllWell(world);
    }),
  );

  it(
    'drops what is left over once the new owner has had it for a while, and never the last copy',
    eachSeed((world) => {
      begin(world, 1000);
      for (let i = 0; i < 3; i += 1) world.join();
      world.isStrict = false;
      expectAllWell(world);
      world.run(100_000);
      expect(world.drops).toBeGreaterThan(0);
      expect(world.nodes.reduce((sum, { table }) => sum + table.stats().keys, 0)).toBe(world.acked.size);
      expect(world.lost()).toEqual([]);
    }),
  );

  it(
    'loses nothing but the arcs of those that crash',
    eachSeed((world) => {
      beginWith(world, 4, 12_000);
      world.isStrict = false;
      for (let i = 0; i < 10; i += 1) {
        const victim = world.pick(world.members);
        // One at a time: of two next to each other, a ring of so few may fall apart.
        const mayDie = world.members.length > 2 && world.chance(0.4) && world.runUntil(() => world.isRound(), 5000);
        if (mayDie && victim) world.kill(victim);
        else if (world.chance(0.3)) world.join(world.pick(world.buried())?.self);
        else comeOrGo(world);
        world.run(world.chance(0.3) ? 50 : 1500);
      }
      expectAllWell(world);
    }),
  );

  it(
    'never lets two serve a key when nodes are paused, and loses nothing',
    eachSeed((world) => {
      beginWith(world, 5, 14_000);
      // In a ring so young nobody knows many others yet, and it may fall apart.
      world.run(2000);
      world.isStrict = false;
      for (let i = 0; i < 8; i += 1) {
        const awake = world.members.filter(({ isPaused }) => !isPaused);
        const node = world.pick(awake);
        if (node && 2 * awake.length > world.members.length + 2 && world.chance(0.7))
          world.pause(node, world.chance(0.5) ? 600 : 4000);
        else comeOrGo(world);
        world.run(world.chance(0.3) ? 100 : 1500);
      }
      world.run(5000);
      expectAllWell(world);
    }),
  );

  it(
    'goes on when all nodes were suspended together',
    eachSeed((world) => {
      beginWith(world, 4, 3000);
      world.isStrict = false;
      for (const node of world.members) world.pause(node, 5000 + (world.chance(0.5) ? 100 : 0));
      world.run(6000);
      expectAllWell(world);
    }),
  );

  it(
    'comes to one owner again when somebody who lives was taken for dead, and loses nothing',
    eachSeed((world) => {
      beginWith(world, 5, 10_000);
      world.isStrict = false;
      world.isExclusive = false;
      for (let i = 0; i < 6; i += 1) {
        const [by, about] = [world.pick(world.members), world.pick(world.members)];
        if (by && about && by !== about) world.slander(by, about);
        if (world.chance(0.3)) comeOrGo(world);
        world.run(world.chance(0.5) ? 100 : 1500);
      }
      expectAllWell(world);
    }),
  );

  it(
    'comes to one owner again when a divided ring has grown together, and loses nothing',
    eachSeed((world) => {
      beginWith(world, 6, 14_000);
      world.isStrict = false;
      world.isExclusive = false;
      const side: OwnerNode[][] = [[], []];
      for (const node of world.members) side[world.chance(0.5) ? 0 : 1]?.push(node);
      world.partition(side[0] ?? [], side[1] ?? []);
      world.run(5000);
      for (let i = 0; i < 60 && !world.isWhole(); i += 1) {
        world.heal();
        world.run(500);
      }
      expectAllWell(world);
    }),
  );
});
