/**
 * Rings of processes under load while nodes join and leave: every key that was written is readable
 * through every node at every moment, and what was acknowledged last is what is read.
 *
 * A write that is under way while the view of its arc changes may end without anybody knowing whether it was done.
 * It must say so, and happen once or not at all.
 */
import { closeAll } from '../support/node';
import { ProcessRing, type RingNode } from '../support/process-ring';
import { RingLoad } from '../support/ring-load';

const SEED = Number(process.env['SEED'] ?? 1);
const JOINS = 10;
const SERVED_BETWEEN = 200;

afterEach(closeAll);

describe(`a ring under load (SEED=${SEED})`, () => {
  it('answers every read, and every write truthfully, while ten nodes join it and ten leave it', async () => {
    // With two copies nobody may be slow: a majority is both.
    const ring = await ProcessRing.start(4);
    await ring.untilWhole();
    const leaving = new Set<RingNode>();
    const targets = () => ring.living.filter((node) => !leaving.has(node));
    const load = await RingLoad.start({ targets, seed: SEED, uncertain: true });
    for (let i = 0; i < JOINS; i += 1) {
      await ring.add();
      await load.untilServed(SERVED_BETWEEN);
      expect(load.wrong).toEqual([]);
    }
    await ring.untilWhole();
    for (let i = 0; i < JOINS; i += 1) {
      // The oldest first: they have the most to hand over. They are asked until they are gone.
      const [oldest] = ring.living;
      expect(await oldest?.leave()).toBe(0);
      await load.untilServed(SERVED_BETWEEN);
      expect(load.wrong).toEqual([]);
    }
    await load.stop();
    await ring.untilWhole();
    expect(load.wrong).toEqual([]);
    for (const node of ring.living) expect(await load.lost(node.port)).toEqual([]);
    expect(load.possible.size).toBeGreaterThan(500);
    // Such writes are rare.
    expect(load.failures).toBeLessThan(load.writes / 20);
  }, 120_000);
});
