/** The way of clients' requests through a ring: what a client is told, whatever the nodes do. */
import type { RequestV2 } from '../../src/protocol/client-protocol';
import type { Holding } from '../../src/replication/holding';
import { FakeClient, type FakeNode, FakeRing } from '../support/fake-ring';
import { DELETE, GET, PING, PUT, STATS } from '../support/node';
import { inWorld, type World } from '../support/runtime';
import { ask, metaOf, shortOf } from '../support/asking';

const NODES = 3;

/** A ring, a node of it, another one, and a client of the first. */
function ringOf(world: World, count = NODES) {
  const ring = new FakeRing(world, count);
  const [here, there, third] = [ring.node(0), ring.node(1), ring.node(2)];
  return { ring, here, there, third, client: new FakeClient(world, here) };
}

const inRing = (body: (world: World) => Promise<void>, leaves = NODES + 1) => inWorld(body, { leaves });

const v2 = (op: 'get' | 'put' | 'delete', key: string, fields: Partial<RequestV2> = {}) =>
  ask(op, key, 'v2', { wantsMeta: false, ...fields });

describe("a client's request", () => {
  it(
    "is answered in the same turn where the key is the node's alone",
    inRing(async (world) => {
      const { ring, here, client } = ringOf(world);
      const key = ring.keyOf(here);
      await client.send(PUT(key, 'v'), GET(key), DELETE(key), GET(key), v2('get', key));
      expect(shortOf(client)).toEqual(['success', 'success v', 'success', 'not_found', 'not_found']);
    }),
  );

  it(
    'is passed on to the node that has the key, from every node',
    inRing(async (world) => {
      const ring = new FakeRing(world, NODES);
      const clients = ring.nodes.map((node) => new FakeClient(world, node));
      for (const [i, owner] of ring.nodes.entries()) {
        const key = ring.keyOf(owner);
        await clients[(i + 1) % NODES]?.send(PUT(key, `of ${i}`));
        await world.advance(3);
        expect(owner.valueOf(key)).toBe(`of ${i}`);
        for (const client of clients) await client.send(GET(key));
        await world.advance(3);
        for (const client of clients) expect(shortOf(client).at(-1)).toBe(`success of ${i}`);
        await clients[(i + 2) % NODES]?.send(DELETE(key));
        await world.advance(3);
        expect(owner.valueOf(key)).toBeUndefined();
        clients[(i + 2) % NODES]?.answers();
      }
    }, NODES + NODES),
  );

  it(
    'of version 1 is answered in its place, of version 2 as soon as it can be',
    inRing(async (world) => {
      const { ring, here, there, third, client } = ringOf(world);
      const [own, other, slow] = [ring.keyOf(here), ring.keyOf(there), ring.keyOf(third)];
      third.delayMs = 50;
      await client.send(PUT(own, 'o'), PUT(slow, 's'), GET(own), PING, PUT(other, 't'), STATS, v2('get', own), GET(''));
      expect(shortOf(client)).toEqual(['success', 'success o']);
      await world.advance(50);
      expect(shortOf(client)).toEqual([]);
      await world.advance(60);
      expect(shortOf(client).slice(0, 5)).toEqual([
        'success',
        'success o',
        'success pong',
        'success',
        expect.stringMatching(/^success keys: 1, size: /) as string,
      ]);
      expect(client.session?.isIdle).toBe(true);
    }),
  );

  it(
    'says where it was served, and how',
    inRing(async (world) => {
      const { ring, here, there, client } = ringOf(world);
      await client.send(v2('put', ring.keyOf(here), { wantsMeta: true }));
      const near = metaOf(client);
      await client.send(v2('put', ring.keyOf(there), { wantsMeta: true }));
      await world.advance(3);
      const far = metaOf(client);
      expect(near).toEqual({ acks: 1, copies: 1, degraded: false, hops: 0, version: expect.any(String) as string });
      expect(far).toEqual({ ...near, hops: 1, version: expect.any(String) as string });
      await client.send(v2('get', ring.keyOf(there), { wantsMeta: true }));
      await world.advance(3);
      expect(metaOf(client)).toEqual(far);
    }),
  );

  it(
    'is not passed on for a client that goes there itself',
    inRing(async (world) => {
      const { ring, here, there, client } = ringOf(world);
      await client.send(v2('get', ring.keyOf(here), { direct: true }), v2('put', ring.keyOf(there), { direct: true }));
      expect(shortOf(client)).toEqual(['not_found', `not_responsible ${there.peer.addr}`]);
      here.primaryOf = () => undefined;
      await client.send(v2('get', ring.keyOf(there), { direct: true }));
      await world.advance(2);
      expect(shortOf(client)).toEqual([`not_responsible ${there.peer.addr}`]);
      expect(there.asked).toEqual([]);
    }),
  );

  it(
    'is refused by a node that is in no ring',
    inRing(async (world) => {
      const { ring, here, client } = ringOf(world);
      ring.forget(here, ring.arcOf(0));
      here.primaryOf = () => undefined;
      here.isMember = false;
      await client.send(PUT('k', 'v'), PING);
      expect(shortOf(client)).toEqual(['not_responsible Cannot put: this node is in no ring', 'success pong']);
    }),
  );
});

describe('a request that was passed on', () => {
  it(
    'comes back with a hint, which is followed, and is never passed on again',
    inRing(async (world) => {
      const { ring, here, there, third, client } = ringOf(world);
      const key = ring.keyOf(third);
      here.primaryOf = () => there.peer;
      // It has been told of a view of which it is no member.
      ring.hold(there, { ...(third.holdings[0] as Holding), role: 'none' });
      await client.send(v2('put', key, { wantsMeta: true }));
      await world.advance(5);
      expect(metaOf(client)).toMatchObject({ hops: 2, acks: 1 });
      expect([there.valueOf(key), third.valueOf(key)]).toEqual([undefined, 'v2']);
      expect([there, third].map(({ asked }) => asked.length)).toEqual([1, 1]);
    }),
  );

  it(
    'is looked up when the hints lead nowhere',
    inRing(async (world) => {
      const { ring, here, there, third, client } = ringOf(world);
      const key = ring.keyOf(third);
      here.primaryOf = () => there.peer;
      there.primaryOf = () => undefined;
      await client.send(PUT(key, 'v'));
      await world.advance(110);
      expect(shortOf(client)).toEqual(['success']);
      expect(third.valueOf(key)).toBe('v');
    }),
  );

  it(
    'waits for a ring that is mending, and is then done once',
    inRing(async (world) => {
      const { ring, there, third, client } = ringOf(world);
      const keys = [0, 1, 2].map((index) => ring.keyOf(there, index));
      there.fault = 'unreachable';
      await client.send(...keys.map((key) => PUT(key, 'v')), GET(keys[0] as string));
      await world.advance(700);
      expect(shortOf(client)).toEqual([]);
      ring.lead(1, 1, 2);
      await world.advance(200);
      expect(shortOf(client)).toEqual(['success', 'success', 'success', 'success v']);
      expect(keys.map((key) => third.valueOf(key))).toEqual(['v', 'v', 'v']);
      expect(third.asked.filter(({ type }) => type === 'put')).toHaveLength(3);
    }),
  );

  it(
    'ends as server_error when nobody has ever got it, and as timeout when somebody may have',
    inRing(async (world) => {
      const { ring, there, third, client } = ringOf(world);
      there.fault = 'unreachable';
      third.fault = 'silent';
      await client.send(PUT(ring.keyOf(there), 'v'), v2('put', ring.keyOf(third)), GET(ring.keyOf(third)));
      await world.advance(3001);
      expect(shortOf(client)).toEqual([
        `timeout Cannot tell whether the put was done: ${third.peer.addr} has not answered in time`,
      ]);
      await world.advance(2000);
      expect(shortOf(client)).toEqual([
        `server_error Cannot put: ${there.peer.addr} cannot be reached`,
        `timeout Cannot get: ${third.peer.addr} has not answered in time`,
      ]);
      // The put was sent once, and the get, which waited for it, whenever there was hope.
      expect(third.asked.map(({ type }) => type)).toEqual(['put', 'get', 'get', 'get']);
      expect(client.session?.isIdle).toBe(true);
    }),
  );

  it(
    'is not done twice when its answer is lost',
    inRing(async (world) => {
      const { ring, there, client } = ringOf(world);
      const key = ring.keyOf(there);
      there.fault = 'answers_lost';
      await client.send(PUT(key, 'v'));
      await world.advance(5);
      expect(shortOf(client)).toEqual([
        `timeout Cannot tell whether the put was done: the connection to ${there.peer.addr} was lost`,
      ]);
      expect([there.valueOf(key), there.asked.length]).toEqual(['v', 1]);
      await client.send(GET(key));
      await world.advance(5);
      there.fault = undefined;
      await world.advance(200);
      expect(shortOf(client)).toEqual(['success v']);
    }),
  );

  it(
    'that was definitely refused is tried again, write or not',
    inRing(async (world) => {
      const { ring, there, client } = ringOf(world);
      there.fault = { refuses: 'overloaded' };
      await client.send(PUT(ring.keyOf(there), 'v'));
      await world.advance(300);
      there.fault = undefined;
      await world.advance(200);
      expect(shortOf(client)).toEqual(['success']);
    }),
  );

  it(
    'ends at the deadline of its client',
    inRing(async (world) => {
      const { ring, there, third, client } = ringOf(world);
      there.fault = 'unreachable';
      third.fault = 'silent';
      const ask = (node: FakeNode, deadlineMs: number) => v2('put', ring.keyOf(node), { deadlineMs });
      await client.send(ask(there, 0), ask(there, 300), ask(third, 400));
      expect(shortOf(client)).toEqual(['timeout Cannot answer: the deadline has passed']);
      await world.advance(299);
      expect(shortOf(client)).toEqual([]);
      await world.advance(1);
      expect(shortOf(client)).toEqual([expect.stringContaining('server_error') as string]);
      await world.advance(100);
      expect(shortOf(client)).toEqual([expect.stringContaining('timeout') as string]);
    }),
  );

  it(
    'is answered even when the process that should have said how it ended is gone',
    inRing(async (world) => {
      const ring = new FakeRing(world, NODES);
      const [here, there] = [ring.node(0), ring.node(1)];
      const client = new FakeClient(world, here, { ask: () => {} });
      await client.send(v2('put', ring.keyOf(there)), v2('get', ring.keyOf(there, 1), { deadlineMs: 1000 }));
      await world.advance(3101);
      expect(shortOf(client)).toEqual([
        expect.stringContaining('timeout Cannot get') as string,
        expect.stringContaining('timeout Cannot tell') as string,
      ]);
    }),
  );
});

describe('a request for a key of which it is not known who leads it', () => {
  it(
    'waits for that',
    inRing(async (world) => {
      const { ring, here, client } = ringOf(world);
      const key = ring.keyOf(here);
      here.hasArcs = false;
      await client.send(PUT(key, 'v'), GET(key));
      await world.advance(300);
      expect(shortOf(client)).toEqual([]);
      here.hasArcs = true;
      await world.advance(60);
      expect(shortOf(client)).toEqual(['success', 'success v']);
    }),
  );

  it(
    'waits while the next view is being made, and goes to whoever leads that',
    inRing(async (world) => {
      const { ring, here, third, client } = ringOf(world);
      const key = ring.keyOf(here);
      ring.seal(here, ring.arcOf(0));
      await client.send(v2('put', key), v2('get', ring.keyOf(here, 1)));
      await world.advance(100);
      expect([shortOf(client), here.valueOf(key)]).toEqual([[], undefined]);
      ring.lead(0, 1, 2);
      await world.advance(25);
      expect([shortOf(client).sort(), third.valueOf(key)]).toEqual([['not_found', 'success'], 'v2']);
    }),
  );

  it(
    'is not done by a node that was stopped for longer than anybody waits, before it notices and just after',
    inRing(async (world) => {
      const { ring, here, client } = ringOf(world);
      const key = ring.keyOf(here);
      await world.advance(10_000);
      const nowMs = world.scheduler.clock.nowMs();
      here.beatMs = nowMs - 6000;
      await client.send(PUT(key, 'late'));
      here.beatMs = undefined;
      here.pause = { endMs: nowMs, ms: 6000 };
      await client.send(PUT(key, 'late as well'));
      await world.advance(30);
      const refusal = expect.stringMatching(/^server_error Cannot put: its time was over/) as string;
      expect(shortOf(client)).toEqual([refusal, refusal]);
      expect(here.valueOf(key)).toBeUndefined();
      here.pause = { endMs: nowMs, ms: 600 };
      await client.send(PUT(key, 'in time'));
      await world.advance(30);
      expect(here.valueOf(key)).toBe('in time');
    }),
  );
});
