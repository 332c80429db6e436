/** A node as a whole: starting, stopping, limits, and two of them side by side. */
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { startNode, readyLine } from '../../src/node';
import type { Report } from '../../src/otp';
import {
  closeAll,
  DELETE,
  GET,
  inShort,
  PING,
  PUT,
  RawClient,
  STATS,
  TestNode,
  testSettings,
  textOf,
  until,
  within,
} from '../support/node';

const MIB = 1024 * 1024;

afterEach(closeAll);

const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
const itWithIPv6 = hasIPv6 ? it : it.skip;

describe('startNode()', () => {
  it('gives a node that serves, with the ports that it got', async () => {
    const { node } = await TestNode.start({ nodeId: 3 });
    const { port, adminPort } = node.settings;
    expect(port).toBeGreaterThan(0);
    expect(adminPort).toBeGreaterThan(0);
    expect(readyLine(node)).toBe(
      `ready node=3 addr=127.0.0.1:${port} id=${node.id} admin=http://127.0.0.1:${adminPort}`,
    );
    expect(node.id).toMatch(/^[0-9a-f]{40}$/);
    const client = await RawClient.connect(port);
    expect(inShort(await client.ask(PING))).toBe('success pong');
  });

  it('says nothing above progress when all is well', async () => {
    const { node, reports } = await TestNode.start();
    const client = await RawClient.connect(node.settings.port);
    await client.ask(PUT('k', 'v'));
    client.close();
    const isUsual = (report: Report) =>
      report.type === 'progress' ||
      report.type.startsWith('application_') ||
      (report.type === 'event' && /^(ring|arc)_/.test(report.event));
    const remarkable = () => reports.filter((report) => !isUsual(report));
    expect(remarkable()).toEqual([]);
    await node.stop();
    expect(remarkable().filter(({ type }) => type !== 'event')).toEqual([]);
  });

  itWithIPv6('puts an IPv6 address in brackets wherever a port follows', async () => {
    const started = await startNode(testSettings({ host: '::1', adminHost: '::1' }));
    if (!started.ok) throw new Error(started.error);
    const { port, adminPort } = started.value.settings;
    expect(readyLine(started.value)).toContain(` addr=[::1]:${port} `);
    const response = await fetch(`http://[::1]:${adminPort}/api/node`);
    expect(await response.json()).toMatchObject({ addr: `[::1]:${port}` });
    expect(await startNode(testSettings({ host: '::1', port }))).toEqual({
      ok: false,
      error: `Cannot listen on [::1]:${port}: the port is in use`,
    });
    await started.value.stop();
  });

  it('says in a sentence why it cannot take a port, and lets go of the other', async () => {
    const { node } = await TestNode.start();
    const { port, adminPort } = node.settings;
    const failure = async (options: Parameters<typeof testSettings>[0]) => {
      const started = await startNode(testSettings(options));
      if (started.ok) await started.value.stop();
      return started.ok ? 'started' : started.error;
    };
    expect(await failure({ port })).toBe(`Cannot listen on 127.0.0.1:${port}: the port is in use`);
    const free = await freePort();
    expect(await failure({ port: free, adminPort })).toBe(
      `Cannot listen on 127.0.0.1:${adminPort}: the port is in use`,
    );
    expect(await failure({ port: free })).toBe('started');
    expect(await failure({ host: '192.0.2.1', port: 1 })).toBe(
      'Cannot listen on 192.0.2.1:1: this machine has no such address',
    );
    expect(await failure({ host: 'no-such-host.invalid' })).toMatch(/^Cannot listen on no-such-host\.invalid:0: /);
  });
});

describe('stop()', () => {
  it('lets the answers leave that are under way, and frees both ports', async () => {
    const { node, runtime } = await TestNode.start();
    const client = await RawClient.connect(node.settings.port);
    await client.ask(PUT('k', Buffer.alloc(MIB, 1)));
    for (let i = 0; i < 3; i += 1) client.send(GET('k'));
    const first = client.answers(1);
    await first;
    await within('the stop', node.stop());
    expect((await client.answers(2)).every(({ value }) => value.length === MIB)).toBe(true);
    await client.end();
    expect(await node.ended).toBe('shutdown');
    expect([runtime.processCount, runtime.timerCount]).toEqual([0, 0]);
    const { port, adminPort } = node.settings;
    const again = await TestNode.start({ port, adminPort });
    expect(again.port).toBe(port);
    // A new node in the same process knows nothing of the old one's keys.
    expect(inShort(await (await again.connect()).ask(GET('k')))).toBe('not_found');
  });

  it('ends idle clients, and those who never read, within a second', async () => {
    const { node } = await TestNode.start();
    const idle = await RawClient.connect(node.settings.port);
    const reader = await RawClient.connect(node.settings.port);
    await reader.ask(PUT('k', Buffer.alloc(16 * MIB)));
    reader.socket.pause();
    reader.send(GET('k'), GET('k'));
    await until('they have arrived', () => reader.socket.writableLength === 0);
    await within('the stop', node.stop(), 2000);
    await idle.end();
  });

  it('may be called again, and by several', async () => {
    const { node } = await TestNode.start();
    await within('the stops', Promise.all([node.stop(), node.stop()]));
    await within('another stop', node.stop());
    expect(await node.ended).toBe('shutdown');
  });
});

describe('two nodes in one process', () => {
  it('know nothing of each other', async () => {
    const [one, other] = [await TestNode.start(), await TestNode.start()];
    const [client, stranger] = [await one.connect(), await other.connect()];
    await client.ask(PUT('k', 'v'));
    expect(inShort(await stranger.ask(GET('k')))).toBe('not_found');
    await one.killAt('node-sup');
    await one.node.stop();
    expect(inShort(await stranger.ask(PING))).toBe('success pong');
    expect(textOf(await stranger.ask(STATS))).toBe('keys: 0, size: 0');
  });
});

describe('the limits of a node', () => {
  it('turn away who is one too many, even after the acceptor was killed', async () => {
    const node = await TestNode.start({ connectionsMax: 3 });
    const clients = [await node.connect(), await node.connect(), await node.connect()];
    for (const client of clients) expect(inShort(await client.ask(PING))).toBe('success pong');
    const refused = async () => {
      const client = await node.connect();
      const outcome = await client.ask(PING).then(inShort, () => 'turned away');
      client.close();
      return outcome;
    };
    expect(await refused()).toBe('turned away');
    await node.killAt('node-sup/services-sup/listener-sup/acceptor');
    await until('somebody listens', async () => (await node.connect().catch(() => undefined)) !== undefined);
    expect(await refused()).toBe('turned away');
    for (const client of clients) expect(inShort(await client.ask(PING))).toBe('success pong');
    clients[0]?.close();
    await until('a place is free', async () => (await refused()) === 'success pong');
  });

  it('refuse a put that the store has no room for, definitely, until a delete makes room', async () => {
    const node = await TestNode.start({ storeBytesMax: 100_000 });
    const client = await node.connect();
    const value = 'v'.repeat(40_000);
    expect(inShort(await client.ask(PUT('a', value)))).toBe('success');
    expect(inShort(await client.ask(PUT('b', value)))).toBe('success');
    expect(inShort(await client.ask(PUT('c', value)))).toBe('server_error Cannot store the value: the store is full');
    expect(inShort(await client.ask(GET('c')))).toBe('not_found');
    expect(textOf(await client.ask(STATS))).toBe('keys: 2, size: 80002');
    // What takes no more room than before is always taken.
    expect(inShort(await client.ask(PUT('a', 'w'.repeat(40_000))))).toBe('success');
    expect(inShort(await client.ask(DELETE('b')))).toBe('success');
    expect(inShort(await client.ask(PUT('c', value)))).toBe('success');
    expect(textOf(await client.ask(STATS))).toBe('keys: 2, size: 80002');
  });

  it('hold for 5,000 clients at once, and nothing of them is left', async () => {
    const node = await TestNode.start();
    const processes = node.runtime.processCount;
    const timers = node.runtime.timerCount;
    const clients: RawClient[] = [];
    // In portions, so that no queue of the system overflows.
    while (clients.length < 5000) {
      clients.push(...(await Promise.all(Array.from({ length: 250 }, () => node.connect()))));
    }
    const outcomes = await Promise.all(
      clients.map(async (client, i) => {
        client.send(PUT(`k${i}`, `v${i}`), GET(`k${i}`));
        return (await client.answers(2)).map(inShort).join(' ');
      }),
    );
    expect(outcomes.filter((outcome, i) => outcome !== `success success v${i}`)).toEqual([]);
    expect(await node.connections()).toHaveLength(5000);
    expect(node.runtime.processCount).toBe(processes + 5000);
    for (const client of clients) client.close();
    await until('they are gone', () => node.runtime.processCount === processes);
    expect(await node.connections()).toHaveLength(0);
    // The ring's own come and go.
    expect(node.runtime.timerCount).toBeLessThan(timers + 10);
  }, 60_000);
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}
