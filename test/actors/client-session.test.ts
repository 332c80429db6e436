/** A client's conversation with a node of a ring: order, bounds, and what is left when it ends. */
import { EMPTY, fromUtf8 } from '../../src/octets';
import { currentSelf, type Pid, randomFrom } from '../../src/otp';
import type { Request, RequestV2 } from '../../src/protocol/client-protocol';
import { UNDER_WAY_MAX } from '../../actors/allowance';
import { FakeClient, type FakeNode, FakeRing } from '../support/fake-ring';
import { bytesOfRequest as bytes, DELETE, GET, hex, inShort, PUT } from '../support/node';
import { inWorld, type World } from '../support/runtime';

const NODES = 3;
const KIB = 1024;

function ringOf(world: World) {
  const ring = new FakeRing(world, NODES);
  const [here, there, third] = [ring.node(0), ring.node(1), ring.node(2)];
  return { ring, here, there, third, client: new FakeClient(world, here) };
}

const inRing = (body: (world: World) => Promise<void>, leaves = NODES + 1) => inWorld(body, { leaves, seeds: 2 });

const getV2 = (key: string, requestId: number): RequestV2 => ({
  type: 'request',
  version: 2,
  op: 'get',
  key: fromUtf8(key),
  value: EMPTY,
  requestId,
  consistency: 'default',
  direct: false,
  wantsMeta: false,
});

const shortOf = (client: FakeClient) => client.answers().map(inShort);

/** Looks, each time that a node is asked, how many questions it has not answered. */
function watchUnderWay(node: FakeNode) {
  const watch = { most: 0, now: 0 };
  const { surroundings } = node;
  const ask: typeof surroundings.ask = (to, question, options) => {
    watch.now += 1;
    watch.most = Math.max(watch.most, watch.now);
    surroundings.ask(to, question, options);
  };
  return { watch, ask };
}

describe('the requests of one connection for one key', () => {
  it(
    'take effect in their order, even where one has to be sent twice',
    inRing(async (world) => {
      const { ring, there, client } = ringOf(world);
      const key = ring.keyOf(there);
      there.fault = { refuses: 'overloaded' };
      await client.send(PUT(key, '1'), GET(key), PUT(key, '2'), GET(key), GET(key), DELETE(key), GET(key));
      await world.advance(1);
      there.fault = undefined;
      await world.advance(300);
      expect(shortOf(client)).toEqual([
        'success',
        'success 1',
        'success',
        'success 2',
        'success 2',
        'success',
        'not_found',
      ]);
      // Two gets run side by side.
      const types = there.asked.map(({ type }) => type);
      expect(types).toEqual(['put', 'put', 'get', 'put', 'get', 'get', 'delete', 'get']);
    }),
  );

  it(
    'do not keep those for other keys waiting',
    inRing(async (world) => {
      const { ring, there, client } = ringOf(world);
      const keys = Array.from({ length: 10 }, (_, i) => ring.keyOf(there, i));
      await client.send(...keys.map((key) => PUT(key, 'v')));
      await world.advance(2);
      expect(shortOf(client)).toHaveLength(10);
    }),
  );

  it(
    'are as many as there may be, one after the other and not one inside the other',
    inRing(async (world) => {
      const { ring, here, client } = ringOf(world);
      const key = ring.keyOf(here);
      here.hasArcs = false;
      await client.send(...Array.from({ length: 3000 }, (_, i) => PUT(key, `${i}`)), GET(key));
      await world.advance(100);
      here.hasArcs = true;
      await world.advance(100);
      expect(shortOf(client).slice(-2)).toEqual(['success', 'success 2999']);
    }),
  );

  it(
    'end each at its deadline, and leave those behind them in order',
    inRing(async (world) => {
      const { ring, there, client } = ringOf(world);
      const key = ring.keyOf(there);
      there.fault = 'silent';
      const late = { ...getV2(key, 2), deadlineMs: 100 };
      await client.send({ ...getV2(key, 1), op: 'put' }, late, getV2(key, 3));
      await world.advance(100);
      expect(client.answers()).toMatchObject([{ requestId: 2, status: 'server_error' }]);
      there.fault = undefined;
      await world.advance(2950);
      expect(client.answers()).toMatchObject([
        { requestId: 1, status: 'timeout' },
        { requestId: 3, status: 'not_found' },
      ]);
    }),
  );
});

describe('a client that asks for much', () => {
  it(
    'has no more under way than a connection may, and gets all its answers in order',
    inRing(async (world) => {
      const ring = new FakeRing(world, NODES);
      const [here, there] = [ring.node(0), ring.node(1)];
      const { watch, ask } = watchUnderWay(here);
      const client = new FakeClient(world, here, { ask });
      const key = ring.keyOf(there);
      await client.send(PUT(key, 'v'));
      await world.advance(3);
      there.delayMs = 40;
      const requests = Array.from({ length: 5000 }, (_, i) => (i % 2 === 0 ? GET(key) : GET(ring.keyOf(here))));
      await client.send(...requests);
      expect(client.session?.isFull).toBe(true);
      for (let round = 0; client.received.length < 5001 && round < 200; round += 1) {
        watch.now = 0;
        await world.advance(80);
        expect(watch.now).toBeLessThanOrEqual(UNDER_WAY_MAX);
      }
      expect(shortOf(client).slice(1)).toEqual(requests.map((_, i) => (i % 2 === 0 ? 'success v' : 'not_found')));
      // Of the first answers it is not known how long they are: there are few of them.
      expect(watch.most).toBeGreaterThan(100);
      expect([client.session?.isFull, client.session?.isIdle]).toEqual([false, true]);
    }),
  );

  it(
    'is not given long values faster than they can be sent on',
    inRing(async (world) => {
      const ring = new FakeRing(world, NODES);
      const [here, there] = [ring.node(0), ring.node(1)];
      const { watch, ask } = watchUnderWay(here);
      const client = new FakeClient(world, here, { ask });
      const key = ring.keyOf(there);
      await client.send(PUT(key, Buffer.alloc(4 * KIB * KIB)));
      await world.advance(3);
      watch.now = 0;
      there.delayMs = 40;
      await client.send(...Array.from({ length: 100 }, (_, i) => getV2(key, i)));
      expect(watch.now).toBeLessThanOrEqual(16);
      client.received.length = 0;
      for (let round = 0; client.received.length < 100 && round < 100; round += 1) {
        watch.now = 0;
        await world.advance(80);
        if (round > 0) expect(watch.now).toBeLessThanOrEqual(4);
      }
      expect(client.received).toHaveLength(100);
    }),
  );

  it(
    'has less under way when the links to the other nodes are full, and is not looked up for it',
    inRing(async (world) => {
      const ring = new FakeRing(world, NODES);
      const [here, there] = [ring.node(0), ring.node(1)];
      const { surroundings } = here;
      let [open, asks] = [0, 0];
      /** A link that carries ten questions at a time. */
      const ask: typeof surroundings.ask = (to, question, options) => {
        asks += 1;
        if (open < 10) {
          open += 1;
          world.runtime.startTimer(2, () => (open -= 1));
          return surroundings.ask(to, question, options);
        }
        const self = currentSelf();
        const failure = { code: 'overloaded', wasSent: false, message: 'full' } as const;
        self.send(self.pid as Pid<unknown>, { type: 'rpc_failed', tag: options.tag, to, failure });
      };
      here.lookUp = () => undefined;
      const client = new FakeClient(world, here, { ask });
      const keys = Array.from({ length: 500 }, (_, i) => ring.keyOf(there, i));
      await client.send(...keys.map((key) => PUT(key, 'v')));
      for (let round = 0; client.received.length < 500 && round < 100; round += 1) await world.advance(50);
      expect(shortOf(client)).toEqual(keys.map(() => 'success'));
      expect(asks).toBeLessThan(5 * keys.length);
    }),
  );

  it(
    'and does not read is not asked for more, its waiting answers included',
    inRing(async (world) => {
      const { ring, here, there, client } = ringOf(world);
      const [own, other] = [ring.keyOf(here), ring.keyOf(there)];
      await client.send(PUT(own, Buffer.alloc(100 * KIB)));
      there.delayMs = 100;
      client.answers();
      // Behind a slow one, answers of a hundred KiB each have to wait.
      await client.send(GET(other), ...Array.from({ length: 50 }, () => GET(own)));
      expect(client.session?.isFull).toBe(true);
      expect(client.session?.bytesBuffered).toBeLessThan(1300 * KIB);
      await world.advance(250);
      expect(client.answers()).toHaveLength(51);
      // The same of one that leaves its answers in the socket.
      client.roomBytes = -1;
      await client.send(GET(own));
      expect([client.received.length, client.session?.isFull]).toEqual([0, true]);
      client.roomBytes = KIB * KIB;
      world.runtime.send(client.pid, 'drain');
      await world.idle();
      expect(client.received).toHaveLength(1);
    }),
  );

  it(
    'and whose framing is lost gets what it has asked for before, in its place',
    inRing(async (world) => {
      const { ring, there, client } = ringOf(world);
      there.delayMs = 20;
      world.runtime.send(client.pid, Buffer.concat([bytes(GET(ring.keyOf(there))), hex('00'), bytes(GET('never'))]));
      await world.idle();
      expect([client.session?.isOver, client.session?.isIdle]).toEqual([true, false]);
      expect(client.received).toEqual([]);
      await world.advance(50);
      expect(client.answers().map(({ status }) => status)).toEqual(['not_found', 'invalid_request']);
      expect(client.session?.isIdle).toBe(true);
    }),
  );

  it(
    'is interrupted: late, it still gets its answers; too much, it gets none',
    inRing(async (world) => {
      const { ring, here, there, client } = ringOf(world);
      there.delayMs = 20;
      const second = new FakeClient(world, here);
      for (const each of [client, second]) await each.send(PUT(ring.keyOf(there), 'v'));
      client.session?.interrupt('late');
      second.session?.interrupt('too_much');
      expect(second.session?.isIdle).toBe(true);
      await world.advance(50);
      expect(client.answers().map(({ status }) => status)).toEqual(['success', 'invalid_request']);
      expect(second.received).toEqual([]);
    }, NODES + 2),
  );

  it(
    'leaves nothing behind when it goes',
    inRing(async (world) => {
      const { ring, there, third, client } = ringOf(world);
      there.fault = 'silent';
      third.fault = 'unreachable';
      const keys = [there, third].flatMap((node) => [0, 1, 2].map((index) => ring.keyOf(node, index)));
      await client.send(...keys.map((key) => PUT(key, 'v')), ...keys.map(GET));
      await world.advance(120);
      world.kill(client.pid);
      await world.advance(3000);
      expect(world.runtime.timerCount).toBe(0);
    }, NODES),
  );
});

describe('fifty clients of four nodes', () => {
  it(
    'get all their answers, in order and right, whatever happens to the nodes',
    inWorld(
      async (world) => {
        const ring = new FakeRing(world, 4);
        const random = randomFrom(world.seed);
        const pick = (count: number) => Math.floor(random() * count);
        const clients = Array.from({ length: 50 }, (_, i) => new FakeClient(world, ring.node(i)));
        const expected = clients.map(() => [] as string[]);
        const values = clients.map(() => new Map<string, string>());
        for (let round = 0; round < 20; round += 1) {
          for (const [id, client] of clients.entries()) {
            const requests: Request[] = [];
            for (let i = 0; i < 8; i += 1) {
              const key = `client-${id}-${pick(5)}`;
              const held = values[id]?.get(key);
              const [put, value] = [random() < 0.5, `${round}-${i}`];
              requests.push(put ? PUT(key, value) : GET(key));
              expected[id]?.push(put ? 'success' : held === undefined ? 'not_found' : `success ${held}`);
              if (put) values[id]?.set(key, value);
            }
            world.runtime.send(client.pid, Buffer.concat(requests.map(bytes)));
          }
          // Nothing that leaves a write in doubt, so that every answer is known.
          for (const node of ring.nodes) {
            node.delayMs = 1 + pick(10);
            node.fault = [undefined, undefined, 'unreachable' as const, { refuses: 'overloaded' as const }][pick(4)];
            node.beatMs = random() < 0.2 ? world.scheduler.clock.nowMs() - 1000 : undefined;
            node.primaryOf = random() < 0.2 ? () => ring.node(pick(4)).peer : (key) => ring.ownerOf(key)?.peer;
          }
          await world.advance(10 + pick(50));
        }
        for (const node of ring.nodes) {
          node.fault = undefined;
          node.beatMs = undefined;
          node.primaryOf = (key) => ring.ownerOf(key)?.peer;
        }
        await world.advance(3000);
        for (const [id, client] of clients.entries()) {
          expect(shortOf(client)).toEqual(expected[id]);
          expect(client.session?.isIdle).toBe(true);
        }
        await world.advance(3000);
        expect(world.runtime.timerCount).toBe(0);
      },
      { leaves: 54, seeds: 2 },
    ),
  );
});
