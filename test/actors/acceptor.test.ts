/** The acceptor: letting in, turning away, pausing when the system has no descriptors left. */
import * as acceptor from '../../actors/acceptor';
import { type Report, sys } from '../../src/otp';
import { closeAll, inShort, PING, TestNode, until } from '../support/node';

const PATH = 'node-sup/services-sup/listener-sup/acceptor';

afterEach(closeAll);

const statusOf = async (node: TestNode) => (await sys.getStatus(await node.pidAt(PATH))).state;

/** What Node's server says of a client that could not be accepted. */
async function failToAccept(node: TestNode): Promise<void> {
  node.runtime.send(await node.pidAt(PATH), { type: 'accept_failed', code: 'EMFILE' } as never);
}

describe('the acceptor', () => {
  it('counts the connections that there are, those from before its restart included', async () => {
    const node = await TestNode.start();
    const clients = [await node.connect(), await node.connect(), await node.connect()];
    await until('they are let in', async () => (await node.connections()).length === 3);
    expect(await statusOf(node)).toEqual({ accepted: 3, open: 3, pauses: 0, listening: true });
    await node.killAt(PATH);
    await until('it is back', () => node.runtime.whereis(acceptor.NAME) !== undefined);
    expect(await statusOf(node)).toEqual({ accepted: 0, open: 3, pauses: 0, listening: true });
    clients[0]?.close();
    await until('one is gone', async () => JSON.stringify(await statusOf(node)).includes('"open":2'));
    for (const client of clients.slice(1)) expect(inShort(await client.ask(PING))).toBe('success pong');
  });

  it('closes the port for a moment when nothing can be accepted, and serves on', async () => {
    const node = await TestNode.start();
    const client = await node.connect();
    expect(inShort(await client.ask(PING))).toBe('success pong');
    await failToAccept(node);
    await failToAccept(node);
    expect(await statusOf(node)).toEqual({ accepted: 1, open: 1, pauses: 1, listening: false });
    const isOwn = (report: Report) => report.type === 'event' && !/^(ring|arc)_/.test(report.event);
    expect(node.reports.filter(isOwn)).toEqual([
      { type: 'event', event: 'accept_paused', fields: { code: 'EMFILE', pauseMs: 100 } },
    ]);
    expect(inShort(await client.ask(PING))).toBe('success pong');
    await until('the port is open again', async () =>
      JSON.stringify(await statusOf(node)).includes('"listening":true'),
    );
    expect(inShort(await (await node.connect()).ask(PING))).toBe('success pong');
    expect(await statusOf(node)).toEqual({ accepted: 2, open: 2, pauses: 1, listening: true });
  });
});
