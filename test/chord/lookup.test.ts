/**
 * Lookups over whole rings in memory: every member answers from its own pointers, some are dead,
 * and whatever is found is compared with who owns the key.
 */
import { FingerTable } from '../../src/chord/finger-table';
import { type Id, keyId, type NodeId, nodeId } from '../../src/chord/id';
import {
  CANDIDATES_MAX,
  type Lookup,
  type LookupEffect,
  nextHop,
  type Pointers,
  startLookup,
  stepLookup,
} from '../../src/chord/lookup';
import type { Peer } from '../../src/chord/peer';
import { fromUtf8 } from '../../src/octets';
import { randomFrom } from '../../src/otp';

const SUCCESSORS = 4;
const NOBODY: ReadonlySet<NodeId> = new Set();

const peer = (n: number): Peer => ({ id: nodeId('127.0.0.1', n), addr: `127.0.0.1:${n}`, inc: 1n });

/** An ideal ring: everybody's pointers, in ring order. */
function ringOf(size: number, successors = SUCCESSORS): readonly Pointers[] {
  const peers = Array.from({ length: size }, (_none, n) => peer(n + 1)).sort((a, b) => (a.id < b.id ? -1 : 1));
  return peers.map((self, index) => ({
    self,
    successors: Array.from({ length: Math.max(1, Math.min(successors, size - 1)) }, (_none, place) => {
      return peers[(index + place + 1) % size] ?? self;
    }),
    others: peers.reduce((table, other) => table.learn(other), FingerTable.of(self.id)).peers,
  }));
}

/** The living member that a key belongs to. */
function ownerOf(key: Id, ring: readonly Pointers[], dead: ReadonlySet<NodeId>): Peer | undefined {
  const alive = ring.map(({ self }) => self).filter(({ id }) => !dead.has(id));
  return alive.find(({ id }) => id >= key) ?? alive[0];
}

/** Runs a lookup to its end. The dead do not answer; an owner that is dead is as if it had not been named. */
function run(ring: readonly Pointers[], dead: ReadonlySet<NodeId>, origin: Peer, key: Id, asksMax = 100) {
  const byId = new Map(ring.map((pointers) => [pointers.self.id, pointers]));
  let timeouts = 0;
  let [lookup, effect]: [Lookup, LookupEffect | undefined] = startLookup(key, origin, asksMax);
  while (effect?.type === 'ask') {
    const { peer: asked, excluded } = effect;
    const pointers = dead.has(asked.id) ? undefined : byId.get(asked.id);
    if (pointers === undefined) {
      timeouts += 1;
      [lookup, effect] = stepLookup(lookup, { type: 'timed_out', peer: asked.id });
    } else {
      const hop = nextHop(key, pointers, excluded);
      [lookup, effect] = stepLookup(lookup, { type: 'answered', from: asked.id, hop });
    }
  }
  return { effect, timeouts };
}

/** The first of an answer that lives: the origin finds out by speaking to them. */
function livingOwner(effect: LookupEffect | undefined, dead: ReadonlySet<NodeId>): Peer | undefined {
  if (effect?.type !== 'found') return undefined;
  return [effect.owner, ...effect.rest].find(({ id }) => !dead.has(id));
}

describe('nextHop()', () => {
  const ring = ringOf(200);

  it('names the successor as owner of what lies before it, and the whole circle is that of a lone member', () => {
    for (const pointers of ring) {
      const [head] = pointers.successors as [Peer];
      const { self } = pointers;
      expect(nextHop(head.id, pointers, NOBODY)).toMatchObject({ type: 'owner', owner: head });
      const lone = { self, successors: [self], others: [] };
      expect(nextHop(keyId(fromUtf8('k')), lone, NOBODY)).toEqual({ type: 'owner', owner: self, rest: [] });
    }
  });

  it('names a few members before the key, nearest first, the successor always among them', () => {
    const [pointers] = ring as [Pointers];
    const { self, successors } = pointers;
    const hop = nextHop(self.id, pointers, NOBODY);
    if (hop.type !== 'candidates') throw new Error('expected candidates');
    expect(hop.peers.length).toBe(CANDIDATES_MAX);
    expect(hop.peers).toContainEqual(successors[0]);
  });

  it('names nobody who is excluded, and goes on to the next successor instead', () => {
    const [pointers] = ring as [Pointers];
    const [first, second] = pointers.successors as [Peer, Peer];
    const hop = nextHop(second.id, pointers, new Set([first.id]));
    expect(hop).toMatchObject({ type: 'owner', owner: second });
  });
});

describe('a lookup', () => {
  it.each([1, 2, 3, 10, 200])('finds the owner of any key from anywhere in a ring of %d', (size) => {
    const ring = ringOf(size);
    const random = randomFrom(size);
    for (let n = 0; n < 300; n += 1) {
      const key = keyId(fromUtf8(`key ${n}`));
      const { self } = ring[Math.floor(random() * size)] as Pointers;
      const { effect, timeouts } = run(ring, NOBODY, self, key);
      expect(livingOwner(effect, NOBODY)).toEqual(ownerOf(key, ring, NOBODY));
      expect(timeouts).toBe(0);
    }
  });

  it('finds the owner of every identifier, of the one before it and of the one behind it', () => {
    const ring = ringOf(30);
    for (const { self: origin } of ring) {
      for (const { self } of ring) {
        for (const offset of [-1n, 0n, 1n]) {
          const key = ((BigInt(`0x${self.id}`) + offset) % 2n ** 160n).toString(16).padStart(40, '0') as Id;
          expect(livingOwner(run(ring, NOBODY, origin, key).effect, NOBODY)).toEqual(ownerOf(key, ring, NOBODY));
        }
      }
    }
  });

  it('asks about half of log2 N members on the way', () => {
    const ring = ringOf(256);
    const random = randomFrom(7);
    let hops = 0;
    for (let n = 0; n < 2000; n += 1) {
      const { self } = ring[Math.floor(random() * ring.length)] as Pointers;
      const { effect } = run(ring, NOBODY, self, keyId(fromUtf8(`key ${n}`)));
      if (effect?.type === 'found') hops += effect.path.length - 1;
    }
    expect(hops / 2000).toBeGreaterThan(2.5);
    expect(hops / 2000).toBeLessThan(4.2);
  });

  it.each([0.1, 0.3, 0.5])('finds the first living successor while a share of %d of all members is dead', (share) => {
    const ring = ringOf(200, 20);
    const random = randomFrom(Math.round(share * 100));
    const dead = new Set(ring.filter(() => random() < share).map(({ self }) => self.id));
    const alive = ring.filter(({ self }) => !dead.has(self.id));
    let timeouts = 0;
    for (let n = 0; n < 500; n += 1) {
      const key = keyId(fromUtf8(`key ${n}`));
      const { self } = alive[Math.floor(random() * alive.length)] as Pointers;
      const outcome = run(ring, dead, self, key);
      timeouts += outcome.timeouts;
      expect(livingOwner(outcome.effect, dead)).toEqual(ownerOf(key, ring, dead));
    }
    expect(timeouts).toBeGreaterThan(0);
  });

  it('fails with no_route when all that the origin knows are silent, and never names a guess', () => {
    const ring = ringOf(40);
    const [{ self }] = ring as [Pointers];
    const dead = new Set(ring.slice(1).map((pointers) => pointers.self.id));
    const key = (ring[20] as Pointers).self.id;
    expect(run(ring, dead, self, key).effect).toMatchObject({ type: 'failed', code: 'no_route', path: [self] });
  });

  it('fails with too_many_hops when it may not ask on', () => {
    const ring: readonly Pointers[] = ringOf(200, 1).map((pointers) => ({ ...pointers, others: [] }));
    const [{ self }] = ring as [Pointers];
    const key = (ring[150] as Pointers).self.id;
    expect(run(ring, NOBODY, self, key, 20).effect).toMatchObject({ type: 'failed', code: 'too_many_hops' });
  });

  it('takes no notice of who is not being waited for', () => {
    const [lookup] = startLookup(keyId(fromUtf8('k')), peer(1), 10);
    const stray = peer(2);
    const hop = { type: 'owner', owner: stray, rest: [] } as const;
    expect(stepLookup(lookup, { type: 'answered', from: stray.id, hop })).toEqual([lookup, undefined]);
    expect(stepLookup(lookup, { type: 'timed_out', peer: stray.id })).toEqual([lookup, undefined]);
  });
});
