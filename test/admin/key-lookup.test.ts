/** The lookup that an operator sees: the same owner as by brute force, from everywhere, with its way. */
import { lookUp } from '../../src/admin/key-lookup';
import { type KeyId, keyId } from '../../src/chord/id';
import { fromUtf8 } from '../../src/octets';
import { ShownRing } from '../support/shown-ring';

const KEYS = Array.from({ length: 50 }, (_none, index) => keyId(fromUtf8(`key-${index}`)));

/** A key that this member owns. */
function keyOf(ring: ShownRing, place: number): KeyId {
  for (let number = 0; ; number += 1) {
    const key = keyId(fromUtf8(`key-${number}`));
    if (ring.ownerOf(key).id === ring.at(place).id) return key;
  }
}

async function find(ring: ShownRing, from: number, key: KeyId) {
  const view = ring.viewFrom(from);
  const self = view.describeSelf();
  if (self === undefined) throw new Error('Expected a description');
  return lookUp(view, self, key);
}

describe('lookUp()', () => {
  it.each([1, 2, 3, 4, 16])('finds the owner of every key in a ring of %i', async (size) => {
    const ring = new ShownRing(size);
    for (const key of KEYS) {
      for (const from of ring.peers.keys()) {
        const found = await find(ring, from, key);
        if (!found.ok) throw new Error(found.error);
        const { owner, path, hops, confirmed } = found.value;
        expect(owner.addr).toBe(ring.ownerOf(key).addr);
        expect(path[0]?.addr).toBe(ring.at(from).addr);
        expect(path.at(-1)?.addr).toBe(owner.addr);
        expect(new Set(path.map(({ id }) => id)).size).toBe(path.length);
        expect(hops).toBe(path.length - 1);
        expect(hops).toBeLessThanOrEqual(6);
        expect(confirmed).toBe(true);
      }
    }
  });

  it('says how long each step took, and all of them', async () => {
    const ring = new ShownRing(16);
    const found = await find(ring, 0, keyOf(ring, 9));
    if (!found.ok) throw new Error(found.error);
    const { path, tookMs } = found.value;
    expect(path.map((hop) => hop.tookMs)).toEqual(path.map(() => 1));
    expect(tookMs).toBe(path.length);
  });

  it('goes round who does not answer', async () => {
    const ring = new ShownRing(16);
    const key = keyOf(ring, 8);
    const before = await find(ring, 0, key);
    if (!before.ok) throw new Error(before.error);
    const [, first] = before.value.path;
    ring.silent.add(first?.addr ?? '');
    const found = await find(ring, 0, key);
    expect(found).toMatchObject({ ok: true, value: { owner: { addr: ring.at(8).addr } } });
  });

  it('says that an owner does not answer, or has not taken the key over', async () => {
    const ring = new ShownRing(4);
    const key = keyOf(ring, 2);
    ring.bend(2, { arcs: [] });
    expect(await find(ring, 0, key)).toMatchObject({ ok: true, value: { confirmed: false } });
    ring.silent.add(ring.at(2).addr);
    expect(await find(ring, 1, key)).toMatchObject({ ok: true, value: { confirmed: false } });
  });

  it('fails where nobody knows a way', async () => {
    const ring = new ShownRing(2);
    ring.bend(0, { successors: [], arcs: [] });
    const view = { ...ring.viewFrom(0), findNext: async () => undefined };
    const self = view.describeSelf();
    if (self === undefined) throw new Error('Expected a description');
    expect(await lookUp(view, self, keyOf(ring, 1))).toEqual({ ok: false, error: 'no_route' });
  });
});
