/** Ideal rings against brute force, and the experiments that stand still: their quick forms stay inside the bands. */
import { distanceOf, fingerTarget, FINGERS } from '../../src/chord/finger-table';
import { keyId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import { fromUtf8 } from '../../src/octets';
import { failures } from '../../src/simulation/experiments/failures';
import { keysPerNode } from '../../src/simulation/experiments/keys';
import { distribution, pathLength, pointersIn } from '../../src/simulation/experiments/path-length';
import { IdealRing, randomId } from '../../src/simulation/ideal-ring';
import { keyPosition, positionOf, Positions } from '../../src/simulation/key-counts';
import { Random } from '../../src/simulation/random';
import type { Report } from '../../src/simulation/report';
import { walk } from '../../src/simulation/walk';

const SEED = Number(process.env['SIM_SEED'] ?? 1);

/** The first member at or behind an identifier, found by looking at all of them. */
function ownerByForce(peers: readonly Peer[], id: Peer['id']): Peer {
  return peers.reduce((best, peer) => (distanceOf(id, peer.id) < distanceOf(id, best.id) ? peer : best));
}

describe(`IdealRing (seed ${SEED})`, () => {
  const random = new Random(SEED);
  const ring = IdealRing.ofSize(40, random);

  it('knows the owner of every identifier, those of members included', () => {
    const ids = [...ring.peers.map(({ id }) => id), ...Array.from({ length: 200 }, () => randomId(random))];
    for (const id of ids) expect(ring.ownerOf(id as Peer['id'])).toBe(ownerByForce(ring.peers, id as Peer['id']));
  });

  it('gives every member exact fingers and the members behind it', () => {
    ring.peers.forEach((self, place) => {
      const fingers = ring.fingersOf(place);
      for (let index = 0; index < FINGERS; index += 13) {
        const owner = ring.ownerOf(fingerTarget(self.id, index));
        expect(fingers.finger(index)).toBe(owner === self ? undefined : owner);
      }
      expect(ring.successorsOf(place, 3)).toEqual([1, 2, 3].map((distance) => ring.at(place + distance)));
    });
    expect(IdealRing.ofSize(1, random).successorsOf(0, 3)).toHaveLength(1);
  });

  it('walk() ends at the owner of the key from everywhere, and passes by the dead', () => {
    const pointers = pointersIn(ring, 8);
    const dead = new Set(ring.peers.filter((_peer, place) => place % 3 === 0).map(({ id }) => id));
    const living = new IdealRing(ring.peers.filter(({ id }) => !dead.has(id)));
    let timeouts = 0;
    for (const origin of living.peers) {
      const key = randomId(random);
      expect(walk(key, origin, (id) => pointers.get(id), 64).owners[0]).toBe(ring.ownerOf(key));
      const found = walk(key, origin, (id) => (dead.has(id) ? undefined : pointers.get(id)), 64);
      expect(found.owners.find(({ id }) => !dead.has(id))).toBe(living.ownerOf(key));
      timeouts += found.timeouts;
    }
    expect(timeouts).toBeGreaterThan(0);
  });

  it('Positions agree with the ring on who owns a key', () => {
    const positions = new Positions(ring.peers.map(({ id }, place) => [positionOf(id), place]));
    for (let key = 0; key < 500; key += 1) {
      const owner = ring.at(positions.ownerOf(keyPosition(`${key}`)));
      expect(owner).toBe(ring.ownerOf(keyId(fromUtf8(`${key}`))));
    }
  });
});

describe(`the experiments of the papers that stand still (seed ${SEED})`, () => {
  const outside = ({ rows }: Report) => rows.filter(({ verdict }) => verdict === 'outside');
  const options = { seed: SEED, quick: true, progress: () => {} };

  it('path-length and distribution: the mean is half of log2 N', () => {
    expect(outside(pathLength({ ...options, count: 3000 }, 8))).toEqual([]);
    expect(outside(distribution({ ...options, count: 5000 }))).toEqual([]);
  });

  it('keys: keys per node spread as theory has it', () => {
    expect(outside(keysPerNode({ ...options, count: 3 }, 2))).toEqual([]);
  });

  it('failures: lookups find the living owner, also when half of the ring is dead, and with few timeouts', () => {
    const report = failures({ ...options, count: 2 });
    for (const { cells } of report.rows) {
      expect(cells).toMatchObject({ 'wrong answers': 0 });
      // One ring differs from the next by more than the band is wide, which is made for many.
      expect(Math.abs(Number(cells['path']) - Number(cells['published path']))).toBeLessThan(0.5);
      expect(Math.abs(Number(cells['timeouts']) - Number(cells['published timeouts']))).toBeLessThan(1);
    }
  });
});
