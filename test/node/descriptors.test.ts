/** A node whose system has no descriptors left. */
import { closeAll, inShort, PING, RawClient, until } from '../support/node';
import { NodeProcess } from '../support/spawn-node';

afterEach(closeAll);

const DESCRIPTORS_MAX = 60;

describe('a node without descriptors', () => {
  it('lives, serves those whom it serves, and serves others when somebody has left', async () => {
    const node = await NodeProcess.start(DESCRIPTORS_MAX);
    const first = await Promise.all([node, node, node].map(({ port }) => RawClient.connect(port)));
    for (const client of first) expect(inShort(await client.ask(PING))).toBe('success pong');
    // Each of these is served, turned away, or waits for the port to open again.
    const tried = await Promise.all(
      Array.from({ length: 2 * DESCRIPTORS_MAX }, () => RawClient.connect(node.port).catch(() => undefined)),
    );
    const crowd = tried.filter((client) => client !== undefined);
    for (const client of crowd) client.send(PING);
    for (const client of first) expect(inShort(await client.ask(PING))).toBe('success pong');
    await until('each has been served or turned away, or waits', () =>
      crowd.some(({ answersCount }) => answersCount > 0),
    );
    expect(crowd.filter(({ answersCount }) => answersCount > 0).length).toBeLessThan(DESCRIPTORS_MAX);
    for (const client of first) expect(inShort(await client.ask(PING))).toBe('success pong');
    for (const client of crowd) client.close();
    await until('a new client is served', async () => {
      const client = await RawClient.connect(node.port).catch(() => undefined);
      const answer = await client?.ask(PING).then(inShort, () => undefined);
      client?.close();
      return answer === 'success pong';
    });
    expect(node.exit).toBeUndefined();
    for (const client of first) expect(inShort(await client.ask(PING))).toBe('success pong');
  });
});
