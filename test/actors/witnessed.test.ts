/** Requests that are passed on by a node which keeps the key too: what that saves, and what it must not cost. */
import { fromUtf8 } from '../../src/octets';
import { versionOf } from '../../src/replication/version';
import { Record } from '../../src/store/record';
import { keyId } from '../../src/chord/id';
import { FakeClient, type FakeNode, FakeRing } from '../support/fake-ring';
import { inShort } from '../support/node';
import { inWorld, type World } from '../support/runtime';
import { ask, metaIn, metaOf, shortOf } from '../support/asking';

const COPIES = 3;

/** A ring of three with three copies, and a client of a node that does not lead the key. */
function ringOf(world: World) {
  const ring = new FakeRing(world, COPIES, COPIES);
  const [primary, here, third] = [ring.node(0), ring.node(1), ring.node(2)];
  return { ring, primary, here, third, client: new FakeClient(world, here), key: ring.keyOf(primary) };
}

const inRing = (body: (world: World) => Promise<void>, more = 0) => inWorld(body, { leaves: COPIES + 1 + more });

/** The same record, made by the first of them. */
function plantAll(nodes: readonly FakeNode[], key: string, value: string, ms: number): void {
  const [first] = nodes;
  first?.plant(key, value, ms);
  const record = first?.target?.table.get(fromUtf8(key));
  for (const node of nodes.slice(1)) if (record) node.target?.table.merge(record);
}

describe('a get that is passed on by a voter', () => {
  it(
    'is over when the primary has the same, and nobody else is asked',
    inRing(async (world) => {
      const { ring, primary, here, third, client, key } = ringOf(world);
      plantAll(ring.nodes, key, 'v', 1000);
      await client.send(ask('get', key));
      await world.advance(2);
      expect(metaOf(client)).toMatchObject({ acks: 2, copies: 3, degraded: false, hops: 1 });
      await client.send(ask('get', ring.keyOf(primary, 1)));
      await world.advance(2);
      expect(shortOf(client)).toEqual(['not_found']);
      expect([primary.asked.length, here.asked, third.asked]).toEqual([2, [], []]);
    }),
  );

  it(
    'tells what only the primary has when this node has it too, and not before',
    inRing(async (world) => {
      const { primary, here, client, key } = ringOf(world);
      primary.plant(key, 'v', 1000);
      here.delayMs = 20;
      await client.send(ask('get', key));
      await world.advance(40);
      expect([shortOf(client), here.valueOf(key)]).toEqual([[], 'v']);
      await world.advance(10);
      expect(shortOf(client)).toEqual(['success v']);
    }),
  );

  it(
    'finds what only this node has, and has it kept by the primary first',
    inRing(async (world) => {
      const { primary, here, client, key } = ringOf(world);
      here.plant(key, 'v', 1000);
      await client.send(ask('get', key));
      await world.advance(10);
      expect([shortOf(client), primary.valueOf(key)]).toEqual([['success v'], 'v']);
    }),
  );

  it(
    'still finds out now and then who has missed a write',
    inRing(async (world) => {
      const { ring, primary, third, client, key } = ringOf(world);
      plantAll(ring.nodes.slice(0, 2), key, 'v', 1000);
      primary.random = 0.01;
      await client.send(ask('get', key));
      await world.advance(10);
      expect([shortOf(client), third.valueOf(key)]).toEqual([['success v'], 'v']);
    }),
  );

  it(
    'asks somebody else where this node does not vote, or has promised another view',
    inRing(async (world) => {
      const { ring, primary, here, third, client, key } = ringOf(world);
      plantAll([primary, third], key, 'v', 1000);
      ring.adopt(ring.arcOf(0), [primary, here, third], [here]);
      await client.send(ask('get', key));
      await world.advance(20);
      expect(shortOf(client)).toEqual(['success v']);
      expect(third.askedFor('get_replica').length + here.askedFor('get_replica').length).toBeGreaterThan(0);
      expect(primary.askedFor('get')).toEqual([expect.objectContaining({ testimony: undefined })]);
    }),
  );

  it(
    'does not believe a witness of an older view',
    inRing(async (world) => {
      const { ring, primary, here, third, client, key } = ringOf(world);
      const old = here.holdings.find(({ arc }) => arc.hi === primary.peer.id);
      plantAll([primary, third], key, 'v', 1000);
      ring.adopt(ring.arcOf(0), [primary, here, third]);
      if (old) ring.hold(here, old);
      await client.send(ask('get', key));
      await world.advance(20);
      expect(shortOf(client)).toEqual(['success v']);
      expect(third.askedFor('get_replica')).not.toEqual([]);
    }),
  );
});

describe('a write that is passed on by a voter', () => {
  it(
    'is done as soon as that node has what the primary has made of it, and reaches the third',
    inRing(async (world) => {
      const { ring, primary, here, third, client, key } = ringOf(world);
      third.delayMs = 300;
      await client.send(ask('put', key, 'v'));
      await world.advance(2);
      expect(metaOf(client)).toMatchObject({ acks: 2, copies: 3, degraded: false, hops: 1 });
      expect([primary, here, third].map((node) => node.valueOf(key))).toEqual(['v', 'v', undefined]);
      const versions = [primary, here].map((node) => node.target?.table.get(fromUtf8(key))?.version);
      expect(versions[0]).toEqual(versions[1]);
      await world.advance(600);
      expect(ring.nodes.map((node) => node.valueOf(key))).toEqual(['v', 'v', 'v']);
      // It was not sent back to where it came from.
      expect([here.asked, third.askedFor('put_replica').length]).toEqual([[], 1]);
    }),
  );

  it(
    'that deletes leaves a tombstone everywhere',
    inRing(async (world) => {
      const { ring, client, key } = ringOf(world);
      plantAll(ring.nodes, key, 'v', 1000);
      await client.send(ask('delete', key));
      await world.advance(5);
      expect(shortOf(client)).toEqual(['success']);
      expect(ring.nodes.map((node) => node.target?.table.stats().tombstones)).toEqual([1, 1, 1]);
    }),
  );

  it(
    'reminds the third where that cannot be reached',
    inRing(async (world) => {
      const { primary, third, client, key } = ringOf(world);
      third.fault = 'unreachable';
      await client.send(ask('put', key, 'v'));
      await world.advance(5);
      expect([shortOf(client), primary.hinted]).toEqual([['success'], [third.peer]]);
    }),
  );

  /** It has been made, and this node, which has promised another view meanwhile, could not keep it. */
  async function begunUnderOldView(world: World, { isSpread }: { readonly isSpread: boolean }) {
    const stage = ringOf(world);
    const { ring, primary, here, third, client, key } = stage;
    if (!isSpread) third.fault = 'silent';
    await client.send(ask('put', key, 'v'));
    await world.advance(1);
    ring.seal(here, ring.arcOf(0));
    await world.advance(5);
    third.fault = undefined;
    expect([shortOf(client), primary.valueOf(key), here.valueOf(key)]).toEqual([[], 'v', undefined]);
    return stage;
  }

  it(
    'is done where the view has changed before this node could keep it, and whoever leads the key now has it',
    inRing(async (world) => {
      const { ring, primary, third, client, key } = await begunUnderOldView(world, { isSpread: true });
      const versionThere = () => third.target?.table.get(fromUtf8(key))?.version;
      const made = versionThere();
      expect(made).toBeDefined();
      ring.lead(0, COPIES, 2);
      await client.send(ask('get', key));
      await world.advance(100);
      const [done, found] = client.answers();
      expect([done, found].map((answer) => answer && inShort(answer))).toEqual(['success', 'success v']);
      expect(metaIn(done)).toMatchObject({ copies: 3, degraded: false });
      expect(versionThere()).toEqual(made);
      expect([primary.askedFor('put').length, third.askedFor('put').length]).toEqual([1, 0]);
    }),
  );

  it(
    'is unknown where whoever leads the key now has something else, or nobody answers for it in time',
    inRing(async (world) => {
      const { ring, here, third, client, key } = await begunUnderOldView(world, { isSpread: false });
      third.plant(key, 'w', world.scheduler.clock.systemMs() + 5);
      ring.adopt(ring.arcOf(0), [third, here]);
      await world.advance(100);
      const unknown = 'timeout Cannot tell whether the put was done:';
      expect(shortOf(client)).toEqual([`${unknown} another node has led its arc since`]);
      expect(third.valueOf(key)).toBe('w');
      ring.lead(0, COPIES, 0);
      third.fault = 'silent';
      await client.send(ask('put', key, 'x'));
      await world.advance(1);
      ring.seal(here, ring.arcOf(0));
      await world.advance(6000);
      const [answer] = client.received;
      // Nobody but the primary has said that it has it.
      expect(metaIn(answer)).toMatchObject({ acks: 1 });
      expect(shortOf(client)).toEqual([`${unknown} it was just being settled who keeps the key`]);
    }),
  );

  it(
    'is looked for again where the view changes once more while it is looked for',
    inRing(async (world) => {
      const { ring, primary, here, third, client } = await begunUnderOldView(world, { isSpread: true });
      third.fault = 'silent';
      ring.lead(0, COPIES, 2);
      await world.advance(100);
      expect(shortOf(client)).toEqual([]);
      third.fault = undefined;
      ring.adopt(ring.arcOf(0), [primary, here, third]);
      await world.advance(2000);
      expect(shortOf(client)).toEqual(['success']);
      expect(primary.askedFor('put')).toHaveLength(1);
    }),
  );

  it(
    'is done where it was a delete, and whoever leads the key now has the tombstone',
    inRing(async (world) => {
      const { ring, primary, here, third, client, key } = ringOf(world);
      plantAll([primary, here, third], key, 'v', 1000);
      await client.send(ask('delete', key));
      await world.advance(1);
      ring.seal(here, ring.arcOf(0));
      await world.advance(5);
      ring.lead(0, COPIES, 2);
      await world.advance(1000);
      expect([shortOf(client), third.valueOf(key)]).toEqual([['success'], undefined]);
    }),
  );

  it.each([true, false])(
    'is looked for where this node leads the key now itself, whatever its clock says, and not made again (there: %s)',
    (isSpread) =>
      inRing(async (world) => {
        const { ring, here, third, client, key } = await begunUnderOldView(world, { isSpread });
        here.isSkewed = true;
        ring.adopt(ring.arcOf(0), [here, third]);
        await world.advance(1000);
        const unknown = 'timeout Cannot tell whether the put was done: another node has led its arc since';
        expect(shortOf(client)).toEqual([isSpread ? 'success' : unknown]);
        const kept = isSpread ? 'v' : undefined;
        expect([here.valueOf(key), third.valueOf(key)]).toEqual([kept, kept]);
      })(),
  );

  it(
    'is done where this node has already been sent what the primary has made since',
    inRing(async (world) => {
      const { primary, here, client, key } = ringOf(world);
      await client.send(ask('put', key, 'v'));
      await world.advance(1);
      const made = primary.target?.table.get(fromUtf8(key));
      if (made === undefined || primary.target === undefined) throw new Error('The primary has made nothing');
      const later = versionOf(world.scheduler.clock.systemMs() + 5, 0, primary.target.clock.writer);
      here.target?.table.merge(new Record(keyId(made.key), made.key, later, fromUtf8('w'), undefined, false));
      await world.advance(2);
      expect([shortOf(client), here.valueOf(key)]).toEqual([['success'], 'w']);
    }),
  );

  it(
    'is made above what only this node has',
    inRing(async (world) => {
      const { ring, here, client, key } = ringOf(world);
      here.plant(key, 'from the future', world.scheduler.clock.systemMs() + 400);
      await client.send(ask('put', key, 'v'));
      await world.advance(10);
      expect(shortOf(client)).toEqual(['success']);
      expect(ring.nodes.map((node) => node.valueOf(key))).toEqual(['v', 'v', 'v']);
      expect(here.asked).toEqual([]);
    }),
  );

  it(
    'is refused before anything is done where the clock of the primary is wrong, or copies are too few',
    inRing(async (world) => {
      const { primary, client, key } = ringOf(world);
      primary.isSkewed = true;
      await client.send(ask('put', key, 'v'));
      await world.advance(4000);
      expect(shortOf(client)).toEqual([expect.stringMatching(/^server_error Cannot put: this node's clock/) as string]);
      expect(primary.valueOf(key)).toBeUndefined();
    }),
  );

  it(
    'waits for an earlier request of the same connection for its key',
    inRing(async (world) => {
      const { here, primary, third, client, key } = ringOf(world);
      // The first has to go the long way, since this node says nothing of what it keeps.
      here.isSkewed = true;
      third.delayMs = 20;
      await client.send(ask('put', key, 'first'));
      here.isSkewed = false;
      await client.send(ask('put', key, 'second'), ask('get', key));
      await world.advance(200);
      expect(shortOf(client)).toEqual(['success', 'success', 'success second']);
      expect(primary.valueOf(key)).toBe('second');
    }),
  );
});
