/** Joining in every wrong way: each ends in time, with one clear sentence, and leaves the node as it was. */
import { createServer, type Server, type Socket } from 'node:net';
import { join } from '../../actors/joiner';
import { startNode } from '../../src/node';
import { closeAll, closeLater, PUT, TestNode, testSettings, within } from '../support/node';
import { addrOf, isWhole, pointersOf, startMember, startRing, untilWhole } from '../support/ring';

afterEach(closeAll);

/** Nothing here is mended by waiting. */
const PATIENCE_MS = 100;

/** Tries to bring a lone node into the ring of these. */
async function attempt(lone: TestNode, ...contacts: readonly string[]): Promise<string> {
  const { self } = lone.node;
  const outcome = await within(
    'the end of the attempt',
    lone.runtime.run(() => join(contacts, { self, patienceMs: PATIENCE_MS })),
  );
  return outcome.ok ? 'joined' : `${outcome.error.code}: ${outcome.error.message}`;
}

/** A server that is no node; it does this with whoever comes. */
async function strangerAt(greet: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    greet(socket);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closeLater(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
}

/** An address at which nobody listens. */
async function freeAddress(): Promise<string> {
  const node = await TestNode.start();
  const addr = addrOf(node);
  node.crash();
  return addr;
}

describe('join()', () => {
  it('says that nobody listens, that nobody answers, or that it is no node', async () => {
    const lone = await startMember([]);
    const free = await freeAddress();
    expect(await attempt(lone, free)).toBe(`nobody_listens: Cannot join through ${free}: nobody listens there`);
    const mute = await strangerAt(() => {});
    expect(await attempt(lone, mute)).toMatch(`Cannot join through ${mute}: `);
    const web = await strangerAt((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    expect(await attempt(lone, web)).toBe(`not_a_node: Cannot join through ${web}: it is no FunnelKVS node`);
    expect(isWhole([lone])).toBe(true);
  });

  it('says that the contact belongs to another cluster, or is this node', async () => {
    const lone = await startMember([]);
    const stranger = await startMember([], { cluster: 'another' });
    expect(await attempt(lone, addrOf(stranger))).toBe(
      `other_cluster: Cannot join through ${addrOf(stranger)}: it belongs to another cluster`,
    );
    expect(await attempt(lone, addrOf(lone))).toBe(
      `this_node: Cannot join through ${addrOf(lone)}: it is this node itself`,
    );
    expect(await attempt(lone, `localhost:${lone.port}`)).toMatch(/^this_node: /);
    expect(isWhole([lone])).toBe(true);
    expect(isWhole([stranger])).toBe(true);
  });

  it('says that the contact keeps another number of copies, or that a clock is wrong', async () => {
    const lone = await startMember([]);
    const pair = await startMember([], { replicas: 2 });
    expect(await attempt(lone, addrOf(pair))).toBe(
      `other_replicas: Cannot join through ${addrOf(pair)}: it keeps another number of copies of each key`,
    );
    const early = await startMember([], { allowChaos: true, clockOffsetMs: -5000 });
    expect(await attempt(early, addrOf(lone))).toMatch(
      /^clock_skew: Cannot join through 127\.0\.0\.1:\d+: this node's clock is [45]\.\d s behind the clock there$/,
    );
    expect(await attempt(lone, addrOf(early))).toMatch(/^clock_skew: .* is [45]\.\d s ahead of the clock there$/);
    // Whoever is remembered is asked sooner or later whether it is of the same ring, and two rings would be one.
    expect([lone, pair, early].map((node) => pointersOf(node)?.memory.peers)).toEqual([[], [], []]);
    expect(isWhole([lone])).toBe(true);
  });

  it('joins with a clock that is wrong by no more than clocks may be', async () => {
    const lone = await startMember([]);
    const late = await startMember([], { allowChaos: true, clockOffsetMs: 5000, maxDriftMs: 6000 });
    expect(await late.node.joinRing([addrOf(lone)])).toEqual({ ok: true });
    await untilWhole([lone, late]);
  });

  it('says that the contact is in no ring', async () => {
    const lone = await startMember([]);
    const left = await startMember([]);
    await left.node.leaveRing();
    expect(await attempt(lone, addrOf(left))).toBe(
      `not_a_member: Cannot join through ${addrOf(left)}: it is leaving its ring`,
    );
  });

  it('says that the node there advertises another address, but finds it by the name of its host', async () => {
    const lone = await startMember([]);
    const named = await startMember([], { host: 'localhost' });
    expect(await attempt(lone, `127.0.0.1:${named.port}`)).toMatch(/^other_node: .*: the node there advertises/);
    const other = await startMember([]);
    expect(await attempt(lone, `localhost:${other.port}`)).toBe('joined');
    await untilWhole([lone, other]);
  });

  it('takes the next contact where one is of no use, and tells of all of them where none is', async () => {
    const lone = await startMember([]);
    const free = await freeAddress();
    expect(await attempt(lone, free, addrOf(lone))).toBe(
      `nobody_listens: Cannot join through ${free}: nobody listens there; through ${addrOf(lone)}: it is this node itself`,
    );
    const nodes = await startRing(2);
    expect(await attempt(lone, free, addrOf(lone), ...nodes.map(addrOf))).toBe('joined');
    await untilWhole([lone, ...nodes]);
  });

  it('leaves a node where it is that is in a ring with others', async () => {
    const nodes = await startRing(2);
    const others = await startRing(2);
    const [node] = nodes;
    const outcome = await node?.node.joinRing(others.map(addrOf));
    expect(outcome).toMatchObject({ ok: false, error: { code: 'in_a_ring' } });
    await untilWhole(nodes);
    await untilWhole(others);
  });

  it('leaves a node where it is that holds keys', async () => {
    const lone = await startMember([]);
    const other = await startMember([]);
    const client = await lone.connect();
    await client.ask(PUT('k', 'v'));
    expect(await lone.node.joinRing([addrOf(other)])).toEqual({
      ok: false,
      error: {
        code: 'has_data',
        message: "Cannot join a ring: this node holds 1 keys of its own, which would come under the other ring's",
      },
    });
    expect(isWhole([lone])).toBe(true);
  });
});

describe('startNode()', () => {
  it('fails with one sentence where the ring cannot be joined, and lets go of its ports', async () => {
    const free = await freeAddress();
    const settings = testSettings({ join: free });
    const started = await within('the end of the start', startNode(settings));
    expect(started).toEqual({ ok: false, error: `Cannot join through ${free}: nobody listens there` });
  });

  it('waits a while for a contact that is just being started', async () => {
    const free = await freeAddress();
    const early = startMember([], { join: free });
    const late = await startMember([], { port: Number(free.split(':')[1]) });
    await untilWhole([late, await early]);
    expect(pointersOf(late)?.phase).toBe('member');
  });
});
