/**
 * The checks of a whole ring: against Zave's counter-examples, which are states that the published
 * protocol can get into and never leaves, and against the definitions on random pointers.
 */
import * as fc from 'fast-check';
import { betweenOpen, type NodeId } from '../../src/chord/id';
import { type Member, Snapshot } from '../../src/chord/invariants';

const SEED = Number(process.env['FC_SEED'] ?? 20260101);

const id = (n: number) => n.toString(16).padStart(40, '0') as NodeId;

/** A snapshot from `[member, predecessor, ...successors]`. */
const snapshot = (...rows: readonly (readonly [number, number, ...number[]])[]) =>
  new Snapshot(
    rows.map(([self, predecessor, ...successors]) => ({
      id: id(self),
      predecessor: id(predecessor),
      successors: successors.map(id),
    })),
  );

describe('Snapshot', () => {
  it('breaches() finds nothing in an ideal ring, a lone member included', () => {
    for (const ideal of [snapshot([7, 7, 7]), snapshot([1, 9, 5, 9], [5, 1, 9, 1], [9, 5, 1, 5])]) {
      expect(ideal.breaches()).toEqual([]);
      expect(ideal.isIdeal(2)).toBe(true);
    }
  });

  describe("breaches() finds each of Zave's counter-examples", () => {
    it('AtLeastOneRing: 6 has adopted the dead 10 unchecked, and nobody points to 12 any more', () => {
      expect(snapshot([6, 12, 10], [12, 10, 6]).breaches()).toContain('AtLeastOneRing');
    });

    it('ConnectedAppendages: 7 has taken the dead 9 as its only successor', () => {
      const broken = snapshot([5, 22, 22, 5], [7, 5, 9], [22, 5, 5, 22]);
      expect(broken.breaches()).toEqual(['OneLiveSuccessor', 'ConnectedAppendages']);
    });

    it('OrderedRing: three newcomers die, and 0, 18 and 40 promote their second successors', () => {
      expect(snapshot([0, 40, 5, 40], [18, 0, 21, 0], [40, 18, 49, 18]).breaches()).toEqual(['OrderedRing']);
    });

    it('AtMostOneRing: 19 and 31 die, and 25 and 60 are left with themselves', () => {
      expect(snapshot([25, 60, 31, 25], [60, 25, 19, 60]).breaches()).toContain('AtMostOneRing');
    });

    it('a wrong start: 48 dies, and 37 and 62 know nobody else', () => {
      expect(snapshot([37, 48, 48, 48], [62, 48, 48, 48]).breaches()).toEqual([
        'OneLiveSuccessor',
        'AtLeastOneRing',
        'ConnectedAppendages',
      ]);
    });
  });

  it('breaches() lets an appendage be, as long as it comes to the ring', () => {
    const joining = snapshot([1, 9, 9, 1], [9, 1, 1, 9], [5, 1, 9, 1]);
    expect(joining.breaches()).toEqual([]);
    expect([...joining.ringMembers()]).toEqual([id(1), id(9)]);
    expect(joining.isIdeal(2)).toBe(false);
  });

  it('isIdeal() wants the predecessor, every successor, and neither more nor fewer of them', () => {
    const ideal: [number, number, ...number[]][] = [
      [1, 9, 4, 6],
      [4, 1, 6, 9],
      [6, 4, 9, 1],
      [9, 6, 1, 4],
    ];
    expect(snapshot(...ideal).isIdeal(2)).toBe(true);
    expect(snapshot(...ideal).isIdeal(3)).toBe(false);
    for (const wrong of [
      [1, 6, 4, 6],
      [1, 9, 4],
      [1, 9, 4, 9],
      [1, 9, 4, 6, 9],
    ] as [number, number, ...number[]][]) {
      expect(snapshot(wrong, ...ideal.slice(1)).isIdeal(2)).toBe(false);
    }
  });

  describe(`on random pointers (seed ${SEED})`, () => {
    const place = fc.integer({ min: 0, max: 30 });
    const members = fc
      .uniqueArray(fc.tuple(place, place, fc.array(place, { minLength: 1, maxLength: 4 })), {
        minLength: 1,
        maxLength: 12,
        selector: ([self]) => self,
      })
      .map((rows) =>
        rows.map(
          ([self, predecessor, successors]): Member => ({
            id: id(self),
            predecessor: id(predecessor),
            successors: successors.map(id),
          }),
        ),
      );

    /** The definition: strictly between two neighbours of an extended successor list. */
    const skips = ({ id: self, successors }: Member, candidate: NodeId) =>
      successors.some((successor, index) => {
        const before = successors[index - 1] ?? self;
        return before !== successor && betweenOpen(candidate, before, successor);
      });

    it('principals() are the members that no list skips', () => {
      fc.assert(
        fc.property(members, (all) => {
          const ring = new Snapshot(all);
          const expected = ring.ids.filter((candidate) => !all.some((member) => skips(member, candidate)));
          expect(ring.principals()).toEqual(expected);
          expect(ring.hasEnoughPrincipals(2)).toBe(expected.length > 2);
        }),
        { seed: SEED, numRuns: 500 },
      );
    });

    it('ringMembers() are those who come back to themselves', () => {
      fc.assert(
        fc.property(members, (all) => {
          const ring = new Snapshot(all);
          const comesBack = (start: NodeId) => {
            let at = ring.best(start);
            for (let steps = 0; steps < all.length && at !== undefined && at !== start; steps += 1) at = ring.best(at);
            return at === start;
          };
          expect(new Set(ring.ringMembers())).toEqual(new Set(ring.ids.filter(comesBack)));
        }),
        { seed: SEED, numRuns: 500 },
      );
    });

    it("breaches() is empty where Zave's inductive invariant holds and no list is disordered", () => {
      fc.assert(
        fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 200 }), { minLength: 4, maxLength: 20 }), (places) => {
          const ids = places.map(id).sort();
          const ideal = new Snapshot(
            ids.map((self, index) => ({
              id: self,
              predecessor: ids.at(index - 1) ?? self,
              successors: [1, 2, 3].map((distance) => ids[(index + distance) % ids.length] ?? self),
            })),
          );
          expect(ideal.breaches()).toEqual([]);
          expect(ideal.isIdeal(3)).toBe(true);
          expect(ideal.hasEnoughPrincipals(3)).toBe(true);
        }),
        { seed: SEED },
      );
    });
  });
});
