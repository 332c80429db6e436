/** Requests for keys with several copies: what is done, what is told, and what is left for later. */
import { fromUtf8 } from '../../src/octets';
import type { Newcomer } from '../../src/replication/views';
import { FakeClient, FakeRing } from '../support/fake-ring';
import { inShort } from '../support/node';
import { inWorld, type World } from '../support/runtime';
import { ask, metaIn, metaOf, shortOf } from '../support/asking';

const COPIES = 3;

/** A ring with several copies of each key, the first node of it, and a client of that. */
function ringOf(world: World, { nodes = COPIES, copies = COPIES } = {}) {
  const ring = new FakeRing(world, nodes, copies);
  const [here, second, third] = [ring.node(0), ring.node(1), ring.node(2)];
  return { ring, here, second, third, client: new FakeClient(world, here), key: ring.keyOf(here) };
}

const inRing = (body: (world: World) => Promise<void>, nodes = COPIES) => inWorld(body, { leaves: nodes + 1 });

const EVENTUAL = { consistency: 'eventual' } as const;

describe('a quorum put', () => {
  it(
    'is told as soon as a majority has it, and reaches all',
    inRing(async (world) => {
      const { ring, here, second, third, client, key } = ringOf(world);
      third.delayMs = 300;
      await client.send(ask('put', key, 'v'));
      expect([here.valueOf(key), client.received]).toEqual(['v', []]);
      await world.advance(2);
      expect(metaOf(client)).toMatchObject({ acks: 2, copies: 3, degraded: false, hops: 0 });
      expect([second, third].map((node) => node.valueOf(key))).toEqual(['v', undefined]);
      await world.advance(600);
      expect(ring.nodes.map((node) => node.valueOf(key))).toEqual(['v', 'v', 'v']);
      expect(here.hinted).toEqual([]);
    }),
  );

  it(
    'is passed on to the primary by every other node',
    inRing(async (world) => {
      const { ring, second, client } = ringOf(world);
      const key = ring.keyOf(second);
      await client.send(ask('put', key, 'v'));
      await world.advance(5);
      expect(metaOf(client)).toMatchObject({ acks: 2, copies: 3, hops: 1 });
      expect(ring.nodes.map((node) => node.valueOf(key))).toEqual(['v', 'v', 'v']);
    }),
  );

  it(
    'of a degraded key says so',
    inWorld(
      async (world) => {
        const { client, key } = ringOf(world, { nodes: 2 });
        await client.send(ask('put', key, 'v'));
        await world.advance(5);
        expect(metaOf(client)).toMatchObject({ acks: 2, copies: 2, degraded: true });
      },
      { leaves: 3 },
    ),
  );

  it(
    'goes on with one member down, who is reminded of it',
    inRing(async (world) => {
      const { here, third, client, key } = ringOf(world);
      third.fault = 'unreachable';
      await client.send(ask('put', key, 'v'));
      await world.advance(5);
      expect(shortOf(client)).toEqual(['success']);
      expect(here.hinted).toEqual([third.peer]);
      here.distrusted.add(third.peer);
      await client.send(ask('put', key, 'w'));
      await world.advance(5);
      expect(shortOf(client)).toEqual(['success']);
      expect(third.askedFor('put_replica')).toHaveLength(0);
      expect(here.hinted).toEqual([third.peer, third.peer]);
    }),
  );

  it(
    'is refused before anything is done where too few members are alive, or in the view',
    inRing(async (world) => {
      const { here, second, third, client, key } = ringOf(world);
      here.distrusted.add(second.peer).add(third.peer);
      await client.send(ask('put', key, 'v'), ask('delete', key), ask('get', key));
      await world.advance(5000);
      const why = 'unavailable, 1 of 3 copies can be reached and 2 are needed';
      expect(shortOf(client)).toEqual(['put', 'delete', 'get'].map((op) => `server_error Cannot ${op}: ${why}`));
      expect([here.valueOf(key), second.asked, third.asked]).toEqual([undefined, [], []]);
      here.distrusted.clear();
      here.minReplicas = 4;
      const strict = new FakeClient(world, here);
      await strict.send(ask('put', key, 'v'));
      await world.advance(2000);
      expect(shortOf(strict)).toEqual(['server_error Cannot put: unavailable, it would have 3 of at least 4 copies']);
      expect(here.valueOf(key)).toBeUndefined();
    }, COPIES + 1),
  );

  it(
    'is refused by a member whose primary is dead while too few are left to make the next view, and waits where they are enough',
    inRing(async (world) => {
      const { ring, here, second, third, client } = ringOf(world);
      const key = ring.keyOf(second);
      here.distrusted.add(second.peer).add(third.peer);
      await client.send(ask('put', key, 'v'));
      await world.advance(1400);
      expect(client.received).toEqual([]);
      await world.advance(200);
      const why = 'unavailable, 1 of 3 copies can be reached and 2 are needed';
      expect(shortOf(client)).toEqual([`server_error Cannot put: ${why}`]);
      here.distrusted.delete(third.peer);
      await client.send(ask('put', key, 'v'));
      await world.advance(400);
      expect(client.received).toEqual([]);
      ring.adopt(ring.arcOf(1), [here, third]);
      await world.advance(200);
      expect([shortOf(client), here.valueOf(key)]).toEqual([['success'], 'v']);
    }),
  );

  it(
    'is refused by a node whose clock is wrong, in whatever mode, while it goes on to answer gets',
    inRing(async (world) => {
      const { ring, here, client, key } = ringOf(world);
      here.isSkewed = true;
      await client.send(
        ask('put', key, 'v'),
        ask('put', ring.keyOf(here, 1), 'v', EVENTUAL),
        ask('delete', 'k', '', EVENTUAL),
      );
      await client.send(ask('get', ring.keyOf(here, 2)));
      await world.advance(2000);
      const why = "this node's clock is too far from the clocks of its neighbours";
      expect(shortOf(client)).toEqual([
        'not_found',
        `server_error Cannot put: ${why}`,
        `server_error Cannot put: ${why}`,
        `server_error Cannot delete: ${why}`,
      ]);
      expect(here.target?.table.stats()).toMatchObject({ keys: 0, tombstones: 0 });
    }),
  );

  it(
    'is unknown when too few have confirmed it at its deadline, and is not undone',
    inRing(async (world) => {
      const { here, second, third, client, key } = ringOf(world);
      second.fault = third.fault = 'silent';
      await client.send(ask('put', key, 'v', { deadlineMs: 2500 }));
      await world.advance(2499);
      expect(client.received).toEqual([]);
      await world.advance(1);
      const [answer] = client.answers();
      expect(answer && inShort(answer)).toBe(
        'timeout Cannot tell whether the put was done: too few of the nodes that have the key have answered',
      );
      expect(metaIn(answer)).toMatchObject({ acks: 1, copies: 3 });
      expect(here.valueOf(key)).toBe('v');
      // It has been sent again and again.
      expect(second.askedFor('put_replica').length).toBeGreaterThan(1);
    }),
  );

  it(
    'is unknown at its deadline also where nobody has said by then what has become of it at the others',
    inRing(async (world) => {
      const { here, second, third, client, key } = ringOf(world);
      second.fault = third.fault = 'forgotten';
      await client.send(ask('put', key, 'v', { deadlineMs: 250 }));
      await world.advance(251);
      const [answer] = client.answers();
      expect(answer && inShort(answer)).toBe(
        'timeout Cannot tell whether the put was done: too few of the nodes that have the key have answered',
      );
      expect(metaIn(answer)).toMatchObject({ acks: 1, copies: 3 });
      expect(here.valueOf(key)).toBe('v');
    }),
  );

  it(
    'is brought to the others when they can be reached again in time',
    inRing(async (world) => {
      const { second, third, client, key } = ringOf(world);
      second.fault = third.fault = 'unreachable';
      await client.send(ask('put', key, 'v'));
      await world.advance(1000);
      expect(client.received).toEqual([]);
      second.fault = undefined;
      await world.advance(200);
      expect(shortOf(client)).toEqual(['success']);
      expect(second.valueOf(key)).toBe('v');
    }),
  );

  it(
    'goes on under the next view that this node leads',
    inRing(async (world) => {
      const { ring, here, second, third, client, key } = ringOf(world, { nodes: 4 });
      const fourth = ring.node(3);
      for (const node of [here, second, third]) ring.seal(node, ring.arcOf(0));
      // It was sealed just after the write was begun.
      const [piece] = here.holdings.filter(({ view }) => view?.primary === here.peer.id);
      if (piece?.view === undefined) throw new Error('It leads its arc');
      ring.hold(here, { ...piece, promised: piece.view.epoch });
      await client.send(ask('put', key, 'v'));
      ring.seal(here, ring.arcOf(0));
      await world.advance(100);
      expect([client.received, second.valueOf(key)]).toEqual([[], undefined]);
      expect(here.unaware).toEqual([]);
      // It was a learner for a moment, and has dropped what it had.
      const table = here.target?.table;
      const stored = table?.get(fromUtf8(key));
      if (stored) table?.forget(stored.key, stored);
      ring.adopt(ring.arcOf(0), [here, second, fourth]);
      await world.advance(100);
      expect(shortOf(client)).toEqual(['success']);
      expect([here, second, fourth, third].map((node) => node.valueOf(key))).toEqual(['v', 'v', 'v', undefined]);
    }, COPIES + 1),
  );

  it(
    'that another node finds when it leads the arc has been done, and one that it does not find is unknown',
    inRing(async (world) => {
      const { ring, here, second, third, client, key } = ringOf(world);
      const other = ring.keyOf(here, 1);
      second.fault = 'unreachable';
      third.fault = 'answers_lost';
      await client.send(ask('put', key, 'v'));
      await world.advance(10);
      third.fault = 'unreachable';
      await client.send(ask('put', other, 'w'));
      await world.advance(10);
      second.fault = third.fault = undefined;
      ring.adopt(ring.arcOf(0), [second, third]);
      await world.advance(200);
      expect(shortOf(client).sort()).toEqual([
        'success',
        'timeout Cannot tell whether the put was done: another node has led its arc since',
      ]);
      expect([second.valueOf(key), second.valueOf(other)]).toEqual(['v', undefined]);
    }),
  );

  it(
    'does not have to ask again a member that hears of the view a moment later than of the write',
    inRing(async (world) => {
      const { ring, here, second, third, client, key } = ringOf(world);
      third.fault = 'silent';
      const held = second.holdings;
      ring.forget(second, ring.arcOf(0));
      await client.send(ask('put', key, 'v'));
      await world.advance(5);
      expect([shortOf(client), second.valueOf(key)]).toEqual([[], undefined]);
      second.holdings = held;
      await world.advance(4);
      expect([shortOf(client), second.valueOf(key)]).toEqual([['success'], 'v']);
      expect([second.askedFor('put_replica').length, here.unaware]).toEqual([1, []]);
      await world.advance(1000);
    }),
  );

  it(
    'is kept waiting by such a member for no more than moments',
    inRing(async (world) => {
      const { ring, here, second, client, key } = ringOf(world);
      ring.forget(second, ring.arcOf(0));
      await client.send(ask('put', key, 'v'), ask('get', key));
      await world.advance(9);
      expect(here.unaware).toEqual([]);
      await world.advance(10);
      expect(here.unaware).toContain(second.peer);
      expect(shortOf(client)).toEqual(['success', 'success v']);
    }),
  );

  it(
    'is refused by such a member whose tables go meanwhile, and does without it',
    inRing(async (world) => {
      const { ring, here, second, client, key } = ringOf(world);
      ring.forget(second, ring.arcOf(0));
      await client.send(ask('put', key, 'v'));
      await world.advance(3);
      expect(here.hinted).toEqual([]);
      second.hasArcs = false;
      await world.advance(4);
      expect([shortOf(client), here.hinted, here.unaware]).toEqual([['success'], [second.peer], []]);
    }),
  );

  it(
    'passes on which members have missed the view, and that there is a newer one',
    inRing(async (world) => {
      const { ring, here, second, third, client, key } = ringOf(world);
      ring.forget(second, ring.arcOf(0));
      await client.send(ask('put', key, 'v'));
      await world.advance(20);
      expect([shortOf(client), here.unaware]).toEqual([['success'], [second.peer]]);
      const old = here.holdings;
      const view = ring.adopt(ring.arcOf(0), [third, second]);
      here.holdings = old;
      await client.send(ask('put', key, 'w'));
      await world.advance(5);
      expect(here.heardOf).toEqual([view, view]);
      expect(client.received).toEqual([]);
      ring.hold(here, { arc: view.arc, view, role: 'none', promised: view.epoch, pending: [] });
      await world.advance(200);
      // Nobody has taken it, and the old value is not what was written.
      expect(shortOf(client)).toEqual([expect.stringMatching(/^timeout Cannot tell/) as string]);
    }),
  );

  it(
    'is minted anew above what a member has of a later time',
    inRing(async (world) => {
      const { here, second, third, client, key } = ringOf(world);
      second.plant(key, 'from the future', world.runtime.clock.systemMs() + 500);
      third.delayMs = 50;
      await client.send(ask('put', key, 'v'));
      await world.advance(200);
      expect(shortOf(client)).toEqual(['success']);
      expect([here, second, third].map((node) => node.valueOf(key))).toEqual(['v', 'v', 'v']);
    }),
  );

  it(
    'is not confirmed by members whose clocks say that it comes from far in the future',
    inRing(async (world) => {
      const { here, second, third, client, key } = ringOf(world);
      here.plant(key, 'from far in the future', world.runtime.clock.systemMs() + 60_000);
      await client.send(ask('put', key, 'v', { deadlineMs: 500 }));
      await world.advance(501);
      expect(shortOf(client)).toEqual([expect.stringMatching(/^timeout/) as string]);
      expect([second.valueOf(key), third.valueOf(key)]).toEqual([undefined, undefined]);
      // What is there already may be overwritten.
      for (const node of [second, third]) {
        node.plant(key, 'from far in the future', world.runtime.clock.systemMs() + 60_000);
      }
      await client.send(ask('put', key, 'w'));
      await world.advance(10);
      expect([shortOf(client), second.valueOf(key)]).toEqual([['success'], 'w']);
    }),
  );

  it(
    'is copied to newcomers that listen, who do not count',
    inRing(async (world) => {
      const { ring, here, second, third, client, key } = ringOf(world, { nodes: 4 });
      const fourth = ring.node(3);
      const [piece] = here.holdings.filter(({ view }) => view?.primary === here.peer.id);
      if (piece?.view === undefined) throw new Error('It leads its arc');
      const { arc, view } = piece;
      const state = { seenAtMs: 0, dueAtMs: 0, failures: 0, request: undefined };
      const newcomer: Newcomer = { peer: fourth.peer, arc, epoch: view.epoch, state: 'fetching', ...state };
      here.newcomers = [newcomer];
      second.fault = third.fault = 'unreachable';
      await client.send(ask('put', key, 'v', { deadlineMs: 300 }));
      await world.advance(301);
      expect(fourth.askedFor('put_replica').length).toBeGreaterThan(0);
      expect(shortOf(client)).toEqual([expect.stringMatching(/^timeout/) as string]);
    }, COPIES + 1),
  );
});

describe('a quorum delete', () => {
  it(
    'leaves a tombstone with all members, whether or not there was anything here',
    inRing(async (world) => {
      const { ring, second, third, client, key } = ringOf(world);
      third.plant(key, 'left over', world.runtime.clock.systemMs() - 1000);
      await client.send(ask('delete', key));
      await world.advance(5);
      expect(shortOf(client)).toEqual(['success']);
      expect(ring.nodes.map((node) => node.target?.table.get(fromUtf8(key))?.kind)).toEqual(Array(3).fill('tombstone'));
      await client.send(ask('get', key));
      await world.advance(5);
      expect([shortOf(client), second.valueOf(key)]).toEqual([['not_found'], undefined]);
    }),
  );

  it(
    'of a key that only this node has leaves none where there was nothing',
    inWorld(
      async (world) => {
        const { here, client, key } = ringOf(world, { nodes: 1, copies: 1 });
        await client.send(ask('delete', key));
        expect([shortOf(client), here.target?.table.stats().tombstones]).toEqual([['success'], 0]);
      },
      { leaves: 2 },
    ),
  );
});

describe('a quorum get', () => {
  it(
    'asks one other member in a view of three, for no more than its version',
    inRing(async (world) => {
      const { ring, second, third, client, key } = ringOf(world);
      for (const node of ring.nodes) node.plant(key, 'v', 1000);
      for (const node of ring.nodes) node.asked.length = 0;
      const [stored] = ring.nodes.map((node) => node.target?.table.get(fromUtf8(key)));
      for (const node of [second, third]) if (stored) node.target?.table.merge(stored);
      await client.send(ask('get', key));
      await world.advance(5);
      const [answer] = client.answers();
      expect(answer && inShort(answer)).toBe('success v');
      expect(metaIn(answer)).toMatchObject({ acks: 2, copies: 3, degraded: false });
    }),
  );

  it(
    'finds what a majority has, from every node, and never less',
    inRing(async (world) => {
      const { ring, here, second, third, client, key } = ringOf(world);
      third.plant(key, 'old', 1000);
      second.plant(key, 'new', 2000);
      await client.send(ask('get', key));
      await world.advance(20);
      // The newer value was only there: it is here too before anybody is told.
      expect(shortOf(client)).toEqual(['success new']);
      expect(here.valueOf(key)).toBe('new');
      const far = new FakeClient(world, third);
      await far.send(ask('get', key));
      await world.advance(20);
      expect(shortOf(far)).toEqual(['success new']);
      expect(ring.nodes.filter((node) => node.valueOf(key) === 'new').length).toBeGreaterThanOrEqual(2);
    }, COPIES + 1),
  );

  it(
    'writes back a value that only this node has, before it tells it',
    inRing(async (world) => {
      const { here, second, client, key } = ringOf(world);
      here.plant(key, 'v', 1000);
      second.delayMs = 20;
      await client.send(ask('get', key));
      await world.advance(50);
      expect([client.received, second.valueOf(key)]).toEqual([[], undefined]);
      await world.advance(40);
      expect([shortOf(client), second.valueOf(key)]).toEqual([['success v'], 'v']);
    }),
  );

  it(
    'asks the others too when somebody fails, or takes his time',
    inRing(async (world) => {
      const { second, third, client, key } = ringOf(world);
      second.fault = 'unreachable';
      await client.send(ask('get', key));
      await world.advance(10);
      expect([shortOf(client), third.asked.length]).toEqual([['not_found'], 1]);
      second.fault = 'silent';
      await client.send(ask('get', key));
      await world.advance(99);
      expect(client.received).toEqual([]);
      await world.advance(10);
      expect(shortOf(client)).toEqual(['not_found']);
      await world.advance(1000);
    }),
  );

  it(
    'ends as a timeout when no majority of voters has answered in time',
    inRing(async (world) => {
      const { second, third, client, key } = ringOf(world);
      second.fault = 'silent';
      third.fault = 'unreachable';
      await client.send(ask('get', key));
      await world.advance(5000);
      expect(shortOf(client)).toEqual(['timeout Cannot get: too few of the nodes that have the key have answered']);
    }),
  );

  it(
    'does not believe learners, whatever they have',
    inRing(async (world) => {
      const { ring, here, second, third, client, key } = ringOf(world);
      ring.adopt(ring.arcOf(0), [here, second, third], [second]);
      for (const node of [here, third]) node.plant(key, 'v', 1000);
      second.plant(key, 'left over', 9000);
      here.random = 0;
      await client.send(ask('get', key));
      await world.advance(50);
      expect(shortOf(client)).toEqual(['success v']);
    }),
  );

  it(
    'brings members in line that turn out to have missed a write, now and then',
    inRing(async (world) => {
      const { ring, here, second, third, client, key } = ringOf(world);
      await client.send(ask('put', key, 'v'));
      await world.advance(5);
      third.target?.table.dropRange(ring.arcOf(0), 10);
      expect(third.valueOf(key)).toBeUndefined();
      here.random = 0.01;
      third.delayMs = 10;
      await client.send(ask('get', key));
      await world.advance(100);
      expect(shortOf(client)).toEqual(['success', 'success v']);
      expect([third.valueOf(key), second.askedFor('put_replica').length]).toEqual(['v', 1]);
    }),
  );
});

describe('a request in eventual mode', () => {
  it(
    'is answered by the copy that is there, with nobody asked',
    inRing(async (world) => {
      const { ring, here, second, third, client } = ringOf(world);
      const key = ring.keyOf(second);
      here.plant(key, 'here', 1000);
      second.plant(key, 'newer', 2000);
      await client.send(ask('get', key, '', EVENTUAL));
      expect(shortOf(client)).toEqual(['success here']);
      expect([second.asked, third.asked]).toEqual([[], []]);
    }),
  );

  it(
    'is written to the copy that is there, told at once, and spread behind that',
    inRing(async (world) => {
      const { ring, here, second, third, client } = ringOf(world);
      const key = ring.keyOf(second);
      third.fault = 'unreachable';
      await client.send(ask('put', key, 'v', EVENTUAL));
      expect(metaOf(client)).toMatchObject({ acks: 1, copies: 3, degraded: false, hops: 0 });
      expect([here.valueOf(key), second.valueOf(key)]).toEqual(['v', undefined]);
      await world.advance(5);
      expect(second.valueOf(key)).toBe('v');
      expect(second.target?.table.get(fromUtf8(key))?.ev).toBe(true);
      expect(here.hinted).toEqual([third.peer]);
      await client.send(ask('delete', key, '', EVENTUAL));
      await world.advance(5);
      expect([shortOf(client), second.valueOf(key)]).toEqual([['success'], undefined]);
    }),
  );

  it(
    'is passed on by a node that has no copy',
    inRing(async (world) => {
      const { ring, here, second, client } = ringOf(world, { nodes: 4, copies: 2 });
      const key = ring.keyOf(second);
      expect(here.holdings.some(({ view }) => view?.primary === second.peer.id)).toBe(false);
      await client.send(ask('put', key, 'v', EVENTUAL), ask('get', key, '', EVENTUAL));
      await world.advance(10);
      expect(shortOf(client)).toEqual(['success', 'success v']);
      expect(second.valueOf(key)).toBe('v');
    }, COPIES + 1),
  );

  it(
    'goes on where no majority can be had, and while the next view is being made',
    inRing(async (world) => {
      const { ring, here, second, third, client, key } = ringOf(world);
      here.distrusted.add(second.peer).add(third.peer);
      await client.send(ask('put', key, 'v', EVENTUAL), ask('get', key, '', EVENTUAL));
      ring.seal(here, ring.arcOf(0));
      await client.send(ask('put', key, 'w', EVENTUAL), ask('get', key, '', EVENTUAL));
      expect(shortOf(client)).toEqual(['success', 'success v', 'success', 'success w']);
      expect(here.hinted).toHaveLength(4);
    }),
  );

  it(
    'is not answered by a learner, who may lack what everybody else has',
    inRing(async (world) => {
      const { ring, here, second, third, client, key } = ringOf(world);
      ring.adopt(ring.arcOf(0), [second, third, here], [here]);
      second.plant(key, 'v', 1000);
      await client.send(ask('get', key, '', EVENTUAL));
      await world.advance(5);
      expect(shortOf(client)).toEqual(['success v']);
      await client.send(ask('put', key, 'w', EVENTUAL));
      expect([shortOf(client), here.valueOf(key)]).toEqual([['success'], 'w']);
      await world.advance(5);
    }),
  );

  it(
    'is kept by members under whatever view, and refused by those who have nothing to do with the key',
    inRing(async (world) => {
      const { ring, here, second, third, client, key } = ringOf(world);
      const old = here.holdings;
      ring.adopt(ring.arcOf(0), [second, here]);
      here.holdings = old;
      await client.send(ask('put', key, 'v', EVENTUAL));
      await world.advance(5);
      expect([second.valueOf(key), third.valueOf(key)]).toEqual(['v', undefined]);
      expect(here.hinted).toEqual([third.peer]);
      expect(here.heardOf).toHaveLength(1);
    }),
  );

  it(
    'has to wait when more is written than the others take',
    inRing(async (world) => {
      const { here, second, client, key } = ringOf(world);
      second.fault = 'silent';
      const requests = Array.from({ length: 400 }, (_, i) => ask('put', key, `${i}`, EVENTUAL));
      await client.send(...requests);
      const first = client.answers().length;
      expect(first).toBeLessThan(400);
      await world.advance(10_000);
      expect(first + client.answers().length).toBe(400);
      expect(here.valueOf(key)).toBe('399');
    }),
  );
});
