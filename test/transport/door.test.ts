/** Doors: ports that are taken before anybody is there to answer. */
import { createConnection, type Socket } from 'node:net';
import { Door } from '../../src/transport/door';
import { closeAll, closeLater, until, within } from '../support/node';

afterEach(closeAll);

async function listen(connectionsMax = 10, port = 0): Promise<Door> {
  const door = await Door.listen('127.0.0.1', port, connectionsMax);
  closeLater(() => door.close());
  return door;
}

interface Client {
  readonly socket: Socket;
  readonly closed: Promise<void>;
}

async function knock({ port }: Door): Promise<Client> {
  const socket = createConnection(port, '127.0.0.1');
  closeLater(() => socket.destroy());
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await within('a connection', new Promise((resolve) => socket.once('connect', resolve)));
  socket.resume();
  return { socket, closed };
}

function letIn(door: Door): Socket[] {
  const visitors: Socket[] = [];
  door.open(
    (socket) => visitors.push(socket),
    () => {},
  );
  closeLater(() => visitors.map((socket) => socket.destroy()));
  return visitors;
}

describe('Door', () => {
  it('listen() rejects with the code of the system', async () => {
    const { port } = await listen();
    await expect(Door.listen('127.0.0.1', port, 1)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await expect(Door.listen('192.0.2.1', 0, 1)).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
  });

  it('open() hands over those who came before, in their order and unread, then those who come', async () => {
    const door = await listen();
    const early = [await knock(door), await knock(door)];
    early[0]?.socket.write('hello');
    // Both are in the door by the time a later one is.
    const visitors = letIn(door);
    await until('the early ones are let in', () => visitors.length === 2);
    const late = await knock(door);
    await until('the late one is let in', () => visitors.length === 3);
    expect(visitors.map(({ remotePort }) => remotePort)).toEqual(
      [...early, late].map(({ socket }) => socket.localPort),
    );
    const heard = new Promise<string>((resolve) =>
      visitors[0]?.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    );
    visitors[0]?.resume();
    expect(await within('the bytes', heard)).toBe('hello');
  });

  it('close() frees the port, ends those who wait, and leaves those alone who were let in', async () => {
    const door = await listen();
    const guest = await knock(door);
    const visitors = letIn(door);
    await until('it is let in', () => visitors.length === 1);
    const { port } = door;
    door.close();
    expect(door.isOpen).toBe(false);
    visitors[0]?.write('still here');
    const heard = new Promise<void>((resolve) => guest.socket.once('data', () => resolve()));
    await within('an answer', heard);
    const next = await listen(10, port);
    const waiting = await knock(next);
    await until('it waits in the door', () => next['waiting'].length === 1);
    next.close();
    await within('the end of who waited', waiting.closed);
  });

  it('turns away who is one too many', async () => {
    const door = await listen(1);
    const visitors = letIn(door);
    const first = await knock(door);
    const second = await knock(door);
    await within('the end of the second', second.closed);
    expect(visitors).toHaveLength(1);
    first.socket.destroy();
    visitors[0]?.destroy();
    await until('a place is free', async () => {
      await knock(door);
      return visitors.length > 1;
    });
  });
});
