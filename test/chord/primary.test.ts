/** Whose a key is, by a list of everybody. */
import * as fc from 'fast-check';
import { addressId, betweenRightClosed, type Id, keyId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import { primaryAmong } from '../../src/chord/primary';
import { fromUtf8 } from '../../src/octets';

const peers = (count: number): Peer[] =>
  Array.from({ length: count }, (_, i) => ({ id: addressId(`h:${i + 1}`), addr: `h:${i + 1}`, inc: 0n })).sort(
    (a, b) => (a.id < b.id ? -1 : 1),
  );

const rotated = (members: readonly Peer[], by: number) => [...members.slice(by), ...members.slice(0, by)];

/** The same, one by one. */
function ownerOf(members: readonly Peer[], key: Id): Peer | undefined {
  return members.find(({ id }, i) => betweenRightClosed(key, (members.at(i - 1) as Peer).id, id));
}

describe('primaryAmong()', () => {
  it('is the first member at or behind the key, wherever the list begins', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.nat(19), fc.string(), (count, by, text) => {
        const members = peers(count);
        const key = keyId(fromUtf8(text));
        expect(primaryAmong(rotated(members, by % count), key, () => true)).toEqual(ownerOf(members, key));
      }),
    );
  });

  it('is the member itself for its own identifier, and the next for what lies behind', () => {
    const members = peers(5);
    for (const [i, { id }] of members.entries()) {
      expect(primaryAmong(members, id, () => true)).toBe(members[i]);
      const behind = (BigInt(`0x${id}`) + 1n).toString(16).padStart(40, '0') as Id;
      expect(primaryAmong(members, behind, () => true)).toBe(members[(i + 1) % 5]);
    }
  });

  it('passes by those that may not be asked', () => {
    const members = peers(4);
    const key = members[3]?.id as Id;
    expect(primaryAmong(members, key, (peer) => peer !== members[3])).toBe(members[0]);
    expect(primaryAmong(members, key, () => false)).toBeUndefined();
    expect(primaryAmong([], key, () => true)).toBeUndefined();
  });
});
