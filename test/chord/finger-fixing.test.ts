/** Finger fixing: with how many lookups a table comes to be exact, and stays so, against the definition. */
import * as fc from 'fast-check';
import { type FingerFixing, type FingerFixingEffect, type FingerFixingEvent } from '../../src/chord/finger-fixing';
import { startFingerFixing, stepFingerFixing } from '../../src/chord/finger-fixing';
import { FINGERS, fingerTarget } from '../../src/chord/finger-table';
import type { Peer } from '../../src/chord/peer';
import { isWholeRing, type Neighbourhood } from '../../src/chord/ring-size';
import { ownerOf, peerAt, pointersOf } from './ideal-ring';

const SEED = Number(process.env['FC_SEED'] ?? 20260101);

/** A member that fixes its fingers in a ring whose lookups are always right, unless they fail. */
class Fixer {
  state: FingerFixing;
  nowMs = 0;
  lookups = 0;
  lookupsInTick = 0;
  failing = false;

  constructor(
    readonly self: Peer,
    public members: readonly Peer[],
    readonly successorsMax = 4,
  ) {
    this.state = startFingerFixing(self);
  }

  step(event: FingerFixingEvent): readonly FingerFixingEffect[] {
    const [next, effects] = stepFingerFixing(this.state, event, this.nowMs);
    this.state = next;
    for (const effect of effects) if (effect.type === 'lookup') this.answer(effect);
    return effects;
  }

  tick(): readonly FingerFixingEffect[] {
    this.nowMs += 500;
    this.lookupsInTick = 0;
    const pointers = pointersOf(this.members, this.successorsMax).find(({ self }) => self.id === this.self.id);
    const { successors } = pointers as Neighbourhood;
    return this.step({ type: 'tick', successors, isWhole: isWholeRing(pointers as Neighbourhood) });
  }

  isExact(): boolean {
    return Array.from({ length: FINGERS }, (_none, index) => index).every((index) => {
      const owner = ownerOf(fingerTarget(this.self.id, index), this.members);
      return this.state.table.finger(index)?.id === (owner?.id === this.self.id ? undefined : owner?.id);
    });
  }

  private answer({ request, target }: Extract<FingerFixingEffect, { type: 'lookup' }>): void {
    this.lookups += 1;
    this.lookupsInTick += 1;
    if (this.failing) this.step({ type: 'failed', request });
    else this.step({ type: 'found', request, owner: ownerOf(target, this.members) as Peer });
  }
}

const peers = (size: number, first = 1) => Array.from({ length: size }, (_none, n) => peerAt(first + n));

/** Ticks until a whole pass has changed nothing. */
function settle(fixer: Fixer): number {
  let ticks = 0;
  do {
    fixer.tick();
    ticks += 1;
    expect(fixer.lookupsInTick).toBeLessThanOrEqual(4);
  } while (fixer.state.isUnstable && ticks < 200);
  return ticks;
}

describe('finger fixing', () => {
  it.each([10, 100, 1000])(
    'makes the table of one of %d members exact in about log2 N lookups, four in a tick',
    (size) => {
      const fixer = new Fixer(peerAt(1), peers(size));
      const passes = Math.log2(size) + 3;
      let ticks = 0;
      for (; !fixer.isExact() && ticks < 100; ticks += 1) fixer.tick();
      expect(fixer.lookups).toBeLessThanOrEqual(passes + 4);
      expect(ticks).toBeLessThanOrEqual(Math.ceil(passes / 4) + 1);
    },
  );

  it('needs no lookups where the successor list names everybody', () => {
    for (const size of [1, 2, 5]) {
      const fixer = new Fixer(peerAt(1), peers(size));
      for (let n = 0; n < 5; n += 1) fixer.tick();
      expect([fixer.isExact(), fixer.lookups, fixer.state.isUnstable]).toEqual([true, 0, false]);
    }
  });

  it('looks after one finger in a tick once nothing changes, and after each in turn', () => {
    const fixer = new Fixer(peerAt(1), peers(200));
    settle(fixer);
    const targets = new Set<string>();
    for (let n = 0; n < 30; n += 1) {
      const effects = fixer.tick();
      expect(fixer.lookupsInTick).toBeLessThanOrEqual(1);
      for (const effect of effects) if (effect.type === 'lookup') targets.add(effect.target);
    }
    expect(targets.size).toBeGreaterThanOrEqual(4);
    expect(fixer.isExact()).toBe(true);
  });

  it(`finds back to an exact table after members came and went, whatever it had learnt (seed ${SEED})`, () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 60 }), fc.integer({ min: 0, max: 60 }), fc.nat(), (size, others, share) => {
        const fixer = new Fixer(peerAt(1), peers(size));
        settle(fixer);
        fixer.step({ type: 'learnt', peers: [...peers(others, 500), fixer.self] });
        const gone = (port: number) => (port + share) % 3 === 0;
        fixer.members = [fixer.self, ...peers(size - 1, 2).filter((_peer, port) => !gone(port)), ...peers(others, 700)];
        fixer.step({ type: 'ring_changed' });
        settle(fixer);
        settle(fixer);
        expect(fixer.isExact()).toBe(true);
      }),
      { seed: SEED, numRuns: 100 },
    );
  });

  it('forgets a finger that has died at once, and looks up first what it stood for', () => {
    const members = peers(300);
    const fixer = new Fixer(peerAt(1), members);
    settle(fixer);
    settle(fixer);
    const victim = fixer.state.table.peers.at(-1) as Peer;
    fixer.members = members.filter(({ id }) => id !== victim.id);
    expect(fixer.step({ type: 'dead', peer: victim })).toEqual([{ type: 'fingers_changed' }]);
    expect(fixer.state.table.peers.map(({ id }) => id)).not.toContain(victim.id);
    fixer.tick();
    expect(fixer.isExact()).toBe(true);
    expect(fixer.state.repairs).toEqual([]);
  });

  it('keeps a later incarnation of one that has died', () => {
    const fixer = new Fixer(peerAt(1), peers(2));
    fixer.step({ type: 'learnt', peers: [peerAt(2, 2n)] });
    expect(fixer.step({ type: 'dead', peer: peerAt(2, 1n) })).toEqual([]);
    expect(fixer.step({ type: 'dead', peer: peerAt(2, 2n) })).toEqual([{ type: 'fingers_changed' }]);
    expect(fixer.step({ type: 'dead', peer: peerAt(2, 2n) })).toEqual([]);
  });

  it('keeps what it has when lookups fail, and goes on trying, within its bounds', () => {
    const fixer = new Fixer(peerAt(1), peers(100));
    settle(fixer);
    const before = fixer.state.table.peers;
    fixer.failing = true;
    fixer.step({ type: 'ring_changed' });
    for (let n = 0; n < 20; n += 1) {
      fixer.tick();
      expect(fixer.lookupsInTick).toBeLessThanOrEqual(4);
    }
    expect(fixer.state.table.peers).toEqual(before);
    expect(fixer.lookups).toBeGreaterThan(30);
  });

  it('gives a lookup up that comes to no end, and takes no notice of its late result', () => {
    const self = peerAt(1);
    let state = startFingerFixing(self);
    const tick: FingerFixingEvent = { type: 'tick', successors: [peerAt(2)], isWhole: false };
    const effectsAt = (nowMs: number) => {
      const [next, effects] = stepFingerFixing(state, tick, nowMs);
      state = next;
      return effects.filter(({ type }) => type === 'lookup');
    };
    expect(effectsAt(0)).toMatchObject([{ request: 1 }]);
    expect(effectsAt(5000)).toEqual([]);
    expect(effectsAt(10_000)).toMatchObject([{ request: 2 }]);
    expect(stepFingerFixing(state, { type: 'found', request: 1, owner: peerAt(3) }, 10_001)).toEqual([state, []]);
  });

  it('says when fingers have changed, and only then', () => {
    const fixer = new Fixer(peerAt(1), peers(2));
    const learn = (...known: Peer[]) => fixer.step({ type: 'learnt', peers: known });
    expect(learn(peerAt(2))).toEqual([{ type: 'fingers_changed' }]);
    expect(learn(peerAt(2), fixer.self)).toEqual([]);
    expect(learn(peerAt(2, 2n))).toEqual([{ type: 'fingers_changed' }]);
  });
});
