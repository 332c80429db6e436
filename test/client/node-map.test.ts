/** What a client knows of the ring, against a ring that is known wholly: src/client/node-map.ts, direct-nodes.ts. */
import * as fc from 'fast-check';
import { addressId, type KeyId, keyId } from '../../src/chord/id';
import { formatAddress } from '../../src/client/address';
import { AVOID_MS, DIRECT_NODES_MAX, DirectNodes } from '../../src/client/direct-nodes';
import { type Known, NodeMap } from '../../src/client/node-map';
import { DEFAULT_CLIENT_SETTINGS } from '../../src/client/options';
import { fromUtf8 } from '../../src/octets';
import { SEED } from '../protocol/fixtures';

const addressOf = (port: number) => ({ host: '127.0.0.1', port });
const placeOf = (port: number) => addressId(formatAddress(addressOf(port)));
const keyNamed = (name: number) => keyId(fromUtf8(`key-${name}`));

/** The owner of a key in the ring of all these ports. */
function ownerIn(ports: readonly number[], key: KeyId): number {
  const inOrder = [...ports].sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
  return inOrder.find((port) => placeOf(port) >= (key as string)) ?? (inOrder[0] as number);
}

describe(`NodeMap (FC_SEED=${SEED})`, () => {
  const ports = fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 30 });
  const keys = fc.array(fc.nat(5000).map(keyNamed), { minLength: 1, maxLength: 60 });

  test('ownerOf() is right for every key once every node was named, whatever was believed before', () => {
    fc.assert(
      fc.property(ports, ports, keys, (before, now, asked) => {
        const map = new NodeMap<number>();
        for (const key of asked) map.learn(key, addressOf(ownerIn(before, key)), () => 0);
        // As a client does it: it asks whom it believes to be right, and learns where it was wrong.
        for (let wrong = true; wrong; ) {
          wrong = false;
          for (const key of asked) {
            const port = ownerIn(now, key);
            if (map.ownerOf(key)?.address.port === port) continue;
            map.learn(key, addressOf(port), () => 0);
            wrong = true;
          }
        }
        for (const key of asked) expect(map.ownerOf(key)?.address.port).toBe(ownerIn(now, key));
      }),
      { seed: SEED },
    );
  });

  test('learn() needs each node to be named once in a ring that stands still', () => {
    fc.assert(
      fc.property(ports, keys, (now, asked) => {
        const map = new NodeMap<number>();
        let learnt = 0;
        for (const key of asked) {
          const port = ownerIn(now, key);
          if (map.ownerOf(key)?.address.port === port) continue;
          expect(map.learn(key, addressOf(port), () => 0).gone).toEqual([]);
          learnt += 1;
        }
        expect(learnt).toBeLessThanOrEqual(now.length);
      }),
      { seed: SEED },
    );
  });

  test('learn() keeps what a node has, and makes it for a new one only', () => {
    const map = new NodeMap<string>();
    map.learn(keyNamed(1), addressOf(1), () => 'first');
    const { owner, gone } = map.learn(keyNamed(1), addressOf(1), () => 'second');
    expect([owner.content, gone]).toEqual(['first', []]);
    expect(map.all).toHaveLength(1);
    expect([map.forget(owner), map.forget(owner)]).toEqual([true, false]);
    expect(map.ownerOf(keyNamed(1))).toBeUndefined();
  });
});

describe('DirectNodes', () => {
  let nowMs = 0;
  const environment = { ...DEFAULT_CLIENT_SETTINGS.environment, nowMs: () => nowMs };
  const nodes = () => new DirectNodes({ ...DEFAULT_CLIENT_SETTINGS, environment });
  /** A key that is right before the node's place. */
  const keyBefore = (port: number) => (BigInt(`0x${placeOf(port)}`) - 1n).toString(16).padStart(40, '0') as KeyId;

  test('forgets whoever was not needed for the longest time', () => {
    const many = nodes();
    for (let port = 1; port <= DIRECT_NODES_MAX; port += 1) many.learn(keyBefore(port), addressOf(port));
    many.ownerOf(keyBefore(1));
    many.learn(keyBefore(1000), addressOf(1000));
    expect(many.size).toBe(DIRECT_NODES_MAX);
    expect(many.ownerOf(keyBefore(1))?.address.port).toBe(1);
    expect(many.ownerOf(keyBefore(2))?.address.port).not.toBe(2);
    many.close();
  });

  test('leaves a node alone for a while that could not be reached', () => {
    const few = nodes();
    few.avoid(few.learn(keyBefore(1), addressOf(1)) as Known<never>);
    expect(few.size).toBe(0);
    nowMs += AVOID_MS - 1;
    expect(few.learn(keyBefore(1), addressOf(1))).toBeUndefined();
    nowMs += 1;
    expect(few.learn(keyBefore(1), addressOf(1))?.address.port).toBe(1);
    few.close();
  });
});
